"""Objects in the recorder's form: of each kind what a recording holds of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playback.cluster import (
    DEPLOYMENTS,
    DESTINATION_RULES,
    INGRESSES,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    VIRTUAL_SERVICES,
    Manifest,
)


def _meta(item: Manifest, *keys: str) -> Manifest:
    """The labels and annotations asked for, without what kubectl keeps for itself."""
    found = {key: dict(item["metadata"].get(key) or {}) for key in keys}
    found.get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return found


def _image(item: Manifest) -> Any:
    return item["spec"]["template"]["spec"]["containers"][0]["image"]


def _rollout(item: Manifest) -> Manifest:
    spec = item["spec"]
    form = {**_meta(item, "annotations"), "replicas": spec.get("replicas")}
    if "template" in spec:  # it is another object's where workloadRef names one
        form["image"] = _image(item)
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


def _route(item: Manifest) -> Manifest:
    return {**_meta(item, "annotations", "labels"), "spec": item["spec"]}


def _deployment(item: Manifest) -> Manifest:
    return {**_meta(item, "annotations"), "replicas": item["spec"]["replicas"]}


FORMS: dict[str, Callable[[Manifest], Manifest]] = {
    ROLLOUTS: _rollout,
    REPLICA_SETS: _replica_set,
    SERVICES: _service,
    INGRESSES: _route,
    VIRTUAL_SERVICES: _route,
    DESTINATION_RULES: _route,
    DEPLOYMENTS: _deployment,
}
