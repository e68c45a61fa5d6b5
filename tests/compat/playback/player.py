"""Plays a recording: the same manifests, the same deeds in the same order, on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import CodeType
from typing import Any

import yaml

from playback.cluster import (
    INGRESSES,
    KINDS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    VIRTUAL_SERVICES,
    Cluster,
    Manifest,
)
from playback.recording import Deed, Recording, Scene
from playback.staging import Staging
from playback.symbols import HASH
from playback.world import World

LAST_S = 1.5  # longer, at the end, so that the last Events of a busy controller come
CAP_S = 8.0  # the recorder's own limit
SHORT_CAP_S = 3.0  # at least, where the recorder had a shorter one since nothing ever stood still
PATIENCE_S = 8.0  # beyond what the reference needed
GAP_S = 0.1  # between what a Rollout names and the Rollout, so that every watch has heard of it


@dataclass(frozen=True, slots=True)
class Played:
    """What was found after each deed, and the numbers of the waits that were given up."""

    scenes: tuple[Scene, ...]
    unmet: tuple[int, ...]


class Player:
    """One recording in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str, recording: Recording) -> None:
        self._recording, self._world, self._cluster = recording, World(cluster, namespace), cluster
        rollouts = [
            m["metadata"]["name"] for m in yaml.safe_load_all(recording.manifests) if m and m["kind"] == "Rollout"
        ]
        self._rollout = rollouts[0] if rollouts else ""

    def play(self, staging: Staging, quiet_s: float) -> Played:
        """Do everything in order; a wait that is not met in time is noted and the play goes on.

        After a deed the world must stand still for `quiet_s` before it counts as settled, where nothing else is said.
        """
        scenes, unmet = [], []
        try:
            for number, deed in enumerate(self._recording.deeds):
                self._rollout = deed.what.get("rollout", self._rollout)
                if not self._do(deed, staging.patience.get(number, deed.within_s + PATIENCE_S)):
                    unmet.append(number)
                still_s = staging.quiet.get(number, deed.what.get("settle", quiet_s))
                self._world.until_quiet(still_s, max(deed.what.get("cap", CAP_S), SHORT_CAP_S))
                if number == len(self._recording.deeds) - 1:
                    self._world.until_quiet(still_s + LAST_S, CAP_S)
                scenes.append(
                    Scene(self._world.state(), self._world.events(), self._world.shown(), self._world.writes())
                )
        finally:
            self._world.close()
        return Played(tuple(scenes), tuple(unmet))

    def _do(self, deed: Deed, within_s: float) -> bool:
        what = deed.what
        if "wait" in what:
            return self._wait(what["wait"], within_s)
        self._world.touch()
        if what.get("start"):
            self._apply(self._recording.manifests)
        elif "apply" in what:
            self._apply(what["apply"])
        elif "sleep" in what:
            self._world.until(lambda: False, what["sleep"])
        elif "delete" in what:
            where = what["delete"]
            self._cluster.delete(KINDS[where["kind"]], self._world.namespace, where["name"])
        else:
            self._edit(what)
        return True

    def _apply(self, text: str) -> None:
        """Apply what a Rollout names before the Rollout: one request after another takes its time in a real cluster."""
        manifests = [m for m in yaml.safe_load_all(text) if m]
        for manifest in manifests:
            manifest["metadata"]["namespace"] = self._world.namespace
        self._cluster.apply([m for m in manifests if m["kind"] != "Rollout"])
        self._world.until(lambda: False, GAP_S)
        self._cluster.apply([m for m in manifests if m["kind"] == "Rollout"])

    def _edit(self, what: dict[str, Any]) -> None:
        """A new image, a merge patch, or one on the status, of the Rollout or of the object named."""
        resource, name = KINDS[what.get("kind", "Rollout")], what.get("name", self._rollout)
        if "image" in what:
            patch = self._image(resource, name, what["image"])
        else:
            patch = {"status": what["status"]} if "status" in what else _dated(what["patch"])
        self._cluster.edit(resource, self._world.namespace, name, patch, "status" in what)

    def _image(self, resource: str, name: str, image: str) -> Manifest:
        """The patch that gives the first container another image: a merge patch replaces the whole list."""
        (item,) = (each for each in self._world.objects(resource) if each["metadata"]["name"] == name)
        first, *others = item["spec"]["template"]["spec"]["containers"]
        return {"spec": {"template": {"spec": {"containers": [{**first, "image": image}, *others]}}}}

    def _wait(self, condition: str, within_s: float) -> bool:
        code = compile(condition, "<wait>", "eval")
        return self._world.until(lambda: self._holds(code), within_s)

    def _holds(self, code: CodeType) -> bool:
        try:
            return bool(eval(code, {"__builtins__": {"len": len}}, self._names()))
        except (KeyError, TypeError, IndexError):
            return False  # what the condition speaks of is not there yet

    def _names(self) -> dict[str, Any]:
        """What a condition can speak of."""
        world = self._world
        rollouts = {item["metadata"]["name"]: item for item in world.objects(ROLLOUTS)}
        sets = world.objects(REPLICA_SETS)
        rollout = rollouts.get(self._rollout, {})
        status = rollout.get("status") or {}
        return {
            "phase": status.get("phase"),
            "step": status.get("currentStepIndex"),
            "status": status,
            "spec": rollout.get("spec", {}),
            "rs": {(item["metadata"].get("labels") or {}).get(HASH, item["metadata"]["name"]): item for item in sets},
            "rev": {r: item for item in sets if (r := _revision(item))},
            "svc": {item["metadata"]["name"]: item for item in world.objects(SERVICES)},
            "ing": {item["metadata"]["name"]: item for item in world.objects(INGRESSES)},
            "vs": {item["metadata"]["name"]: item for item in world.objects(VIRTUAL_SERVICES)},
            "pods": world.objects(PODS),
            "ev": world.reasons,
        }


def _revision(item: Manifest) -> str:
    return str((item["metadata"].get("annotations") or {}).get("rollout.argoproj.io/revision", ""))


def _dated(value: Any) -> Any:
    """The value with `<now>` replaced by the time of the deed."""
    if isinstance(value, dict):
        return {key: _dated(part) for key, part in value.items()}
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" if value == "<now>" else value
