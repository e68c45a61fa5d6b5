"""Between what is stored and what a served version shows: custom versions by name, events.k8s.io over core Events."""

from __future__ import annotations

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.kinds import Resource

EVENTS = "events.k8s.io"
AUTOSCALING_V1 = "autoscaling/v1"

# events.k8s.io/v1 name of a field -> core/v1 name (pkg/apis/events/v1/conversion.go).
_RENAMED = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_BACK = {core: new for new, core in _RENAMED.items()}


def as_served(resource: Resource, item: Manifest) -> Manifest:
    """A stored object in the version `resource` serves; the object itself when nothing differs."""
    if resource.group_version == AUTOSCALING_V1:
        return _to_autoscaling_v1(item)
    if resource.group == EVENTS:
        return {_BACK.get(name, name): value for name, value in item.items()} | {"apiVersion": resource.group_version}
    if item.get("apiVersion") != resource.group_version:
        return item | {"apiVersion": resource.group_version}
    return item


def as_stored(resource: Resource, item: Manifest) -> Manifest:
    """What the store keeps of an object that arrived in the version `resource` serves."""
    if resource.group_version == AUTOSCALING_V1:
        return _from_autoscaling_v1(item)
    if resource.group == EVENTS:
        return {_RENAMED.get(name, name): value for name, value in item.items()} | {"apiVersion": "v1"}
    return item


def _to_autoscaling_v1(item: Manifest) -> Manifest:
    """An autoscaling/v2 autoscaler as v1 shows it: the CPU target alone; other metrics are not shown."""
    spec = dict(item.get("spec") or {})
    target, status = _cpu_target(spec.pop("metrics", None)), dict(item.get("status") or {})
    spec.pop("behavior", None)
    if target is not None:
        spec["targetCPUUtilizationPercentage"] = target
    for name in ("currentMetrics", "conditions"):
        status.pop(name, None)
    status.setdefault("currentReplicas", 0)
    return item | {"apiVersion": AUTOSCALING_V1, "spec": spec, "status": status}


def _cpu_target(metrics: list[Manifest] | None) -> int | None:
    for metric in metrics or []:
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu":
            found = (resource.get("target") or {}).get("averageUtilization")
            return None if found is None else int(found)
    return None


def _from_autoscaling_v1(item: Manifest) -> Manifest:
    spec = dict(item.get("spec") or {})
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        wanted = {"type": "Utilization", "averageUtilization": target}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": wanted}}]
    return item | {"apiVersion": "autoscaling/v2", "spec": spec}
