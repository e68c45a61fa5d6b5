"""One namespace of a sandbox as the recorder saw it: settled objects and Events, in symbols."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from playback.recording import State
from playback.symbols import HASH, Symbols
from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.server import Sandbox

ROLLOUTS, REPLICA_SETS, INGRESSES = "rollouts.argoproj.io", "replicasets.apps", "ingresses.networking.k8s.io"
UNTOLD_S = 0.02  # between two looks at what the store has not told of yet; it is on its way in another thread
_SILENT = {"events", "endpointslices.discovery.k8s.io", "endpoints", "leases.coordination.k8s.io"}
_TOLD = {"Rollout", "Experiment", "AnalysisRun"}


class World:
    """Follows one namespace from its creation on. `close` ends that; the objects stay."""

    def __init__(self, sandbox: Sandbox, namespace: str) -> None:
        self.sandbox, self.namespace = sandbox, namespace
        self.symbols = Symbols(namespace)
        self.changed = threading.Condition()
        self._moved, self._heard = time.monotonic(), 0
        self._events: list[Manifest] = []
        self._shown: set[str] = set()
        self.reasons: set[str] = set()
        self.close = sandbox.objects.subscribe(self._note)
        sandbox.objects.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})

    def _note(self, change: Change) -> None:
        meta = change.object["metadata"]
        with self.changed:
            self._heard = change.resource_version
            if meta.get("namespace") != self.namespace:
                return
            if change.resource == "events":
                if change.type != "DELETED":
                    self._events.append(change.object)
                    self.reasons.add(str(change.object.get("reason")))
            elif change.resource not in _SILENT:
                self._moved = time.monotonic()
            if change.resource == ROLLOUTS and (status := change.object.get("status") or {}).get("phase"):
                self._shown.add(f"{status['phase']}: {status.get('message', '')}")
            if change.resource == REPLICA_SETS:
                self.symbols.meet((meta.get("labels") or {}).get(HASH, ""))
            self.changed.notify_all()

    def touch(self) -> None:
        """Count the present as a move: what follows a deed needs its time even if the deed changed nothing."""
        with self.changed:
            self._moved = time.monotonic()

    def until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Whether the world came to satisfy `holds` in time; looked at after every change and four times a second."""
        end = time.monotonic() + within_s
        with self.changed:
            while not holds():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(0.25, left))
        return True

    def until_quiet(self, quiet_s: float, within_s: float) -> bool:
        """Whether nothing moved for `quiet_s`, within `within_s`. What is in the store and not yet told of is a move."""
        end = time.monotonic() + within_s
        with self.changed:
            while True:
                now = time.monotonic()
                rest = self._moved + quiet_s - now if self._heard >= self.sandbox.objects.version else UNTOLD_S
                if rest <= 0:
                    return True
                if now >= end:
                    return False
                self.changed.wait(min(rest, end - now))

    def objects(self, resource: str) -> list[Manifest]:
        return self.sandbox.objects.list(resource, self.namespace)

    def events(self) -> tuple[str, ...]:
        """The Events since the last call, as `type reason kind/name: message`."""
        with self.changed:
            sent, self._events = self._events, []
        return tuple(
            self.symbols.of(f"{e['type']} {e['reason']} {on['kind']}/{on['name']}: {e['message']}")
            for e in sent
            if (on := e["involvedObject"])["kind"] in _TOLD
        )

    def shown(self) -> frozenset[str]:
        """Every `phase: message` of the Rollouts since the last call."""
        with self.changed:
            shown, self._shown = self._shown, set()
        return frozenset(self.symbols.of(text) for text in shown)

    def state(self) -> State:
        """Every object the recorder looks at, in its form."""
        state: State = {}
        for resource, form in _FORMS.items():
            for item in self.objects(resource):
                state[f"{item['kind']}/{item['metadata']['name']}"] = form(item)
        return dict(self.symbols.of(state))


def _meta(item: Manifest, *keys: str) -> Manifest:
    """The labels and annotations asked for, without what kubectl keeps for itself."""
    found = {key: dict(item["metadata"].get(key) or {}) for key in keys}
    found.get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return found


def _image(item: Manifest) -> Any:
    return item["spec"]["template"]["spec"]["containers"][0]["image"]


def _rollout(item: Manifest) -> Manifest:
    spec = item["spec"]
    form = {**_meta(item, "annotations"), "replicas": spec.get("replicas"), "image": _image(item)}
    if "paused" in spec:
        form["paused"] = spec["paused"]
    status = item.get("status") or {}
    if status.get("observedGeneration") != str(item["metadata"]["generation"]):
        form["behind"] = True  # the recorder saw no generation; a settled state must have been made from the latest one
    return {**form, "status": status}


def _replica_set(item: Manifest) -> Manifest:
    status, template = item.get("status") or {}, item["spec"]["template"]
    form = {
        **_meta(item, "annotations", "labels"),
        "replicas": item["spec"]["replicas"],
        "podLabels": template["metadata"].get("labels") or {},
        "podAnnotations": template["metadata"].get("annotations") or {},
        "image": _image(item),
        "ready": status.get("readyReplicas", 0),
        "available": status.get("availableReplicas", 0),
    }
    if item["spec"].get("minReadySeconds"):
        form["minReadySeconds"] = item["spec"]["minReadySeconds"]
    return form


def _service(item: Manifest) -> Manifest:
    return {**_meta(item, "annotations"), "selector": item["spec"].get("selector") or {}}


def _ingress(item: Manifest) -> Manifest:
    return {**_meta(item, "annotations", "labels"), "spec": item["spec"]}


_FORMS: dict[str, Callable[[Manifest], Manifest]] = {
    ROLLOUTS: _rollout,
    REPLICA_SETS: _replica_set,
    "services": _service,
    INGRESSES: _ingress,
}
