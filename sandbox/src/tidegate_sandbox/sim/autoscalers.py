"""The simulated HorizontalPodAutoscaler: metrics come from annotations, sizes go to whatever can be scaled."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.errors import SandboxError
from tidegate_sandbox.sim.behaviour import PREFIX
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.conditions import condition, with_conditions
from tidegate_sandbox.sim.labels import annotations_of, labels_of
from tidegate_sandbox.sim.moments import stamp
from tidegate_sandbox.sim.queue import Key
from tidegate_sandbox.sim.replicasets import active
from tidegate_sandbox.sim.scaling import Scale, scale_of

RESOURCE = "horizontalpodautoscalers.autoscaling"

# kube-controller-manager's defaults: sync period, tolerance, the window in which the highest advice holds.
PERIOD = timedelta(seconds=15)
TOLERANCE = 0.1
WINDOW_DOWN_S = 300
# The default scale-up policies: in one period the greater of twice as many and four more.
GROWTH_FACTOR, GROWTH_PODS = 2, 4

SUFFIXES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


@dataclass(slots=True)
class Memory:
    """What is remembered of one autoscaler between its periods."""

    next_at: datetime
    looked_at: object = None
    advice: list[tuple[datetime, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one period found and wants; `problem` is a condition that is not as it should be."""

    scale: Scale | None = None
    desired: int = 0
    metrics: tuple[Manifest, ...] = ()
    problem: Manifest | None = None


class Autoscalers:
    """One look every 15 s, and at once when the autoscaler's spec or annotations change."""

    name = "autoscaler"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._memories: dict[str, Memory] = {}

    def keys_for(self, change: Change) -> Iterable[Key]:
        if change.resource != RESOURCE:
            return []
        metadata = change.object["metadata"]
        if change.type == "DELETED":
            self._memories.pop(metadata["uid"], None)
        return [Key(self.name, RESOURCE, metadata.get("namespace", ""), metadata["name"])]

    def reconcile(self, key: Key) -> datetime | None:
        autoscaler = self._cluster.view.get(RESOURCE, key.namespace, key.name)
        if autoscaler is None:
            return None
        now, looked_at = self._cluster.now(), (autoscaler["spec"], dict(annotations_of(autoscaler)))
        memory = self._memories.setdefault(autoscaler["metadata"]["uid"], Memory(now))
        # Its own writes come back as changes: acting on them would scale up without end in one instant.
        if memory.looked_at == looked_at and now < memory.next_at:
            return memory.next_at
        memory.looked_at, memory.next_at = looked_at, now + PERIOD
        outcome = self._judge(autoscaler, memory)
        scale = outcome.scale
        scales = scale is not None and outcome.problem is None and outcome.desired != scale.wanted
        if scale is not None and scales:
            self._cluster.update(scale.resource, scale.scaled_to(outcome.desired))
        self._cluster.update_status(RESOURCE, autoscaler, _status(autoscaler, outcome, scales, now))
        return memory.next_at

    def _judge(self, autoscaler: Manifest, memory: Memory) -> Outcome:
        reference, namespace = autoscaler["spec"]["scaleTargetRef"], autoscaler["metadata"].get("namespace", "")
        resource = self._cluster.view.resource_of(reference.get("apiVersion", ""), reference["kind"])
        target = self._cluster.view.get(resource, namespace, reference["name"]) if resource is not None else None
        scale = scale_of(self._cluster.view, resource, target) if resource is not None and target is not None else None
        if scale is None:
            text = f"no {reference['kind']} {reference['name']} with a scale subresource in namespace {namespace}"
            return Outcome(problem=condition("AbleToScale", False, "FailedGetScale", text))
        if scale.wanted == 0:
            text = "scaling is disabled since the replica count of the target is zero"
            return Outcome(scale, problem=condition("ScalingActive", False, "ScalingDisabled", text))
        try:
            metrics = [self._measure(entry, autoscaler, scale) for entry in autoscaler["spec"].get("metrics") or ()]
        except SandboxError as error:
            problem = condition("ScalingActive", False, "FailedGetResourceMetric", str(error))
            return Outcome(scale, scale.wanted, problem=problem)
        advised = max(
            (_advised(scale.counted, current, target) for _, current, target in metrics), default=scale.wanted
        )
        desired = self._bounded(autoscaler["spec"], scale, self._stabilized(autoscaler["spec"], memory, scale, advised))
        return Outcome(scale, desired, tuple(_metric_status(*metric) for metric in metrics))

    def _measure(self, entry: Manifest, autoscaler: Manifest, scale: Scale) -> tuple[Manifest, float, float]:
        """A metric of the spec with its current and its target value. Raises SandboxError where none is noted."""
        name, target = _name_and_target(entry)
        utilization = "averageUtilization" in target
        note = PREFIX + (f"{name}-utilization" if utilization else f"metric-{name}")
        aimed = target.get("averageUtilization") or target.get("averageValue") or target.get("value") or 0
        noted = annotations_of(autoscaler).get(note)
        if noted is not None:
            return entry, quantity(noted), quantity(str(aimed))
        selects, namespace = scale.selects(), autoscaler["metadata"].get("namespace", "")
        values = [
            quantity(annotations_of(pod)[note])
            for pod in self._cluster.view.within("pods", namespace)
            if active(pod) and note in annotations_of(pod) and selects(labels_of(pod))
        ]
        if not values:
            raise SandboxError(f"metric {name}: neither the autoscaler nor a pod of its target is annotated {note}")
        return entry, sum(values) / len(values), quantity(str(aimed))

    def _stabilized(self, spec: Manifest, memory: Memory, scale: Scale, advised: int) -> int:
        """Advice to shrink waits until it was the highest of its window, advice to grow the lowest of its own."""
        now, behavior = self._cluster.now(), spec.get("behavior") or {}
        down_s = _window_s(behavior.get("scaleDown"), WINDOW_DOWN_S)
        up_s = _window_s(behavior.get("scaleUp"), 0)
        if not memory.advice:
            # As the real controller does: the size found at the start is the first advice.
            memory.advice.append((now, scale.wanted))
        memory.advice.append((now, advised))
        longest = now - timedelta(seconds=max(down_s, up_s))
        memory.advice = [(when, size) for when, size in memory.advice if when >= longest]
        highest = max(size for when, size in memory.advice if when >= now - timedelta(seconds=down_s))
        lowest = min(size for when, size in memory.advice if when >= now - timedelta(seconds=up_s))
        return min(max(scale.wanted, advised if up_s == 0 else lowest), highest) if advised > scale.wanted else highest

    def _bounded(self, spec: Manifest, scale: Scale, desired: int) -> int:
        grown = max(scale.wanted * GROWTH_FACTOR, scale.wanted + GROWTH_PODS)
        least, most = spec.get("minReplicas"), int(spec["maxReplicas"])
        return max(1 if least is None else int(least), min(desired, grown, most))


def quantity(text: str) -> float:
    """A Kubernetes quantity such as `500m` or `2k` as a number. Raises SandboxError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m|k|M|G|Ki|Mi|Gi)?%?", text)
    if found is None:
        raise SandboxError(f"quantity {text!r}: not a number with one of the suffixes {' '.join(SUFFIXES)}")
    return float(found[1]) * SUFFIXES[found[2] or ""]


def _advised(replicas: int, current: float, target: float) -> int:
    ratio = current / target if target else 1.0
    # Rounded to nine digits: 3 * (110 / 100) must not become 4 by the last bit of a float.
    return replicas if abs(ratio - 1) <= TOLERANCE + 1e-9 else math.ceil(round(replicas * ratio, 9))


def _name_and_target(entry: Manifest) -> tuple[str, Manifest]:
    """The metric's name and target, whichever of its five types an entry has."""
    source = entry[entry["type"][0].lower() + entry["type"][1:]]
    return source.get("name") or source["metric"]["name"], source["target"]


def _window_s(rules: Manifest | None, otherwise: int) -> int:
    value = (rules or {}).get("stabilizationWindowSeconds")
    return otherwise if value is None else int(value)


def _metric_status(entry: Manifest, current: float, _target: float) -> Manifest:
    name, target = _name_and_target(entry)
    value = (
        {"averageUtilization": round(current)} if "averageUtilization" in target else {"averageValue": f"{current:g}"}
    )
    section = entry["type"][0].lower() + entry["type"][1:]
    named = {"name": name} if entry["type"] == "Resource" else {"metric": {"name": name}}
    return {"type": entry["type"], section: {**named, "current": value}}


def _status(autoscaler: Manifest, outcome: Outcome, scales: bool, now: datetime) -> Manifest:
    known, scale = autoscaler.get("status", {}), outcome.scale
    wanted = [condition("AbleToScale", True, "SucceededRescale" if scales else "ReadyForNewScale")]
    if outcome.problem is not None:
        wanted.append(outcome.problem)
    else:
        wanted.append(condition("ScalingActive", True, "ValidMetricFound"))
        spec = autoscaler["spec"]
        limited = outcome.desired in (spec.get("minReplicas", 1), spec["maxReplicas"])
        wanted.append(condition("ScalingLimited", limited, "TooManyReplicas" if limited else "DesiredWithinRange"))
    status = {
        **known,
        "currentReplicas": scale.counted if scale is not None else 0,
        "desiredReplicas": outcome.desired,
        "currentMetrics": [*outcome.metrics],
        "conditions": with_conditions(known.get("conditions") or (), wanted, now),
    }
    return status | ({"lastScaleTime": stamp(now)} if scales else {})
