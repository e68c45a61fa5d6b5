"""Plays a recording: the same manifests, the same deeds in the same order, on a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import CodeType
from typing import Any

import yaml

from playback.recording import Deed, Recording, Scene
from playback.staging import Staging
from playback.symbols import HASH
from playback.world import INGRESSES, REPLICA_SETS, ROLLOUTS, World
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Conflict
from tidegate_sandbox.server import Sandbox

QUIET_S = 1.0  # the recorder waited 1.5 s; no reaction here takes longer than a pod needs, 0.3 s
CAP_S = 8.0  # the recorder's own limit
PATIENCE_S = 8.0  # beyond what the reference needed
GAP_S = 0.1  # between what a Rollout names and the Rollout, so that every watch has heard of it
_PLURALS = {"Service": "services", "Ingress": INGRESSES, "Rollout": ROLLOUTS, "ReplicaSet": REPLICA_SETS}


@dataclass(frozen=True, slots=True)
class Played:
    """What was found after each deed, and the numbers of the waits that were given up."""

    scenes: tuple[Scene, ...]
    unmet: tuple[int, ...]


class Player:
    """One recording in one namespace."""

    def __init__(self, sandbox: Sandbox, namespace: str, recording: Recording) -> None:
        self._recording, self._world, self._sandbox = recording, World(sandbox, namespace), sandbox
        rollouts = [
            m["metadata"]["name"] for m in yaml.safe_load_all(recording.manifests) if m and m["kind"] == "Rollout"
        ]
        self._rollout = rollouts[0] if rollouts else ""

    def play(self, staging: Staging) -> Played:
        """Do everything in order; a wait that is not met in time is noted and the play goes on."""
        scenes, unmet = [], []
        try:
            for number, deed in enumerate(self._recording.deeds):
                self._rollout = deed.what.get("rollout", self._rollout)
                if not self._do(deed, staging.patience.get(number, deed.within_s + PATIENCE_S)):
                    unmet.append(number)
                quiet_s = staging.quiet.get(number, deed.what.get("settle", QUIET_S))
                self._world.until_quiet(quiet_s, deed.what.get("cap", CAP_S))
                scenes.append(Scene(self._world.state(), self._world.events(), self._world.shown()))
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
            self._sandbox.objects.delete(_PLURALS[where["kind"]], self._world.namespace, where["name"])
        else:
            self._edit(what)
        return True

    def _apply(self, text: str) -> None:
        """Apply what a Rollout names before the Rollout: one request after another takes its time in a real cluster."""
        manifests = [m for m in yaml.safe_load_all(text) if m]
        for manifest in manifests:
            manifest["metadata"]["namespace"] = self._world.namespace
        self._sandbox.apply([m for m in manifests if m["kind"] != "Rollout"])
        self._world.until(lambda: False, GAP_S)
        self._sandbox.apply([m for m in manifests if m["kind"] == "Rollout"])

    def _edit(self, what: dict[str, Any]) -> None:
        """A new image, a merge patch, or one on the status, of the Rollout or of the object named."""
        resource, name = _PLURALS[what.get("kind", "Rollout")], what.get("name", self._rollout)
        if "image" in what:
            self._write(resource, name, lambda item: _with_image(item, what["image"]), "")
        elif "status" in what:
            self._write(resource, name, lambda item: merged(item, {"status": what["status"]}), "status")
        else:
            self._write(resource, name, lambda item: merged(item, _dated(what["patch"])), "")

    def _write(self, resource: str, name: str, edit: Callable[[Manifest], Manifest], sub: Any) -> None:
        while True:
            item = self._sandbox.objects.get(resource, self._world.namespace, name)
            try:
                self._sandbox.objects.update(resource, edit(item), sub)
            except Conflict:
                continue  # the controller wrote in between: read again, as a patch does in the API server
            return

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
            "svc": {item["metadata"]["name"]: item for item in world.objects("services")},
            "ing": {item["metadata"]["name"]: item for item in world.objects(INGRESSES)},
            "pods": world.objects("pods"),
            "ev": world.reasons,
        }


def _revision(item: Manifest) -> str:
    return str((item["metadata"].get("annotations") or {}).get("rollout.argoproj.io/revision", ""))


def _with_image(item: Manifest, image: str) -> Manifest:
    item["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return item


def _dated(value: Any) -> Any:
    """The value with `<now>` replaced by the time of the deed."""
    if isinstance(value, dict):
        return {key: _dated(part) for key, part in value.items()}
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" if value == "<now>" else value


def merged(value: Any, patch: Any) -> Any:
    """RFC 7396: a merge patch applied to a value; null removes."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), part)
    return result
