"""The status of a Deployment: counts, and the conditions by which `kubectl rollout status` knows how it goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.sim.conditions import condition, find, with_conditions
from tidegate_sandbox.sim.moments import moment, stamp
from tidegate_sandbox.sim.replicasets import wanted_replicas
from tidegate_sandbox.sim.rolling import bounds_of, name_of

# Kubernetes' default for spec.progressDeadlineSeconds.
DEFAULT_DEADLINE_S = 600

Counts = dict[str, int]


def status_of(
    deployment: Manifest, new: Manifest | None, everything: Sequence[Manifest], now: datetime
) -> tuple[Manifest, datetime | None]:
    """The whole status, and when the progress deadline runs out, None when no rollout is under way."""
    counts = {
        "replicas": _sum(everything, "replicas"),
        "updatedReplicas": _sum([new] if new is not None else [], "replicas"),
        "readyReplicas": _sum(everything, "readyReplicas"),
        "availableReplicas": _sum(everything, "availableReplicas"),
    }
    wanted = sum(wanted_replicas(one) for one in everything)
    counts["unavailableReplicas"] = max(0, wanted - counts["availableReplicas"])
    known = deployment.get("status", {})
    kept = {key: known[key] for key in ("collisionCount",) if key in known}
    status = {"observedGeneration": deployment["metadata"].get("generation", 0), **kept}
    status |= {key: count for key, count in counts.items() if count}
    progressing, deadline = _progressing(deployment, new, counts, now)
    conditions = [_available(deployment, counts), *([progressing] if progressing is not None else [])]
    status["conditions"] = _timed(known.get("conditions") or (), conditions, now)
    return status, deadline


def complete(deployment: Manifest, counts: Counts) -> bool:
    wanted = wanted_replicas(deployment)
    return counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted


def _available(deployment: Manifest, counts: Counts) -> Manifest:
    if counts["availableReplicas"] >= bounds_of(deployment).fewest:
        return condition("Available", True, "MinimumReplicasAvailable", "Deployment has minimum availability.")
    text = "Deployment does not have minimum availability."
    return condition("Available", False, "MinimumReplicasUnavailable", text)


def _progressing(
    deployment: Manifest, new: Manifest | None, counts: Counts, now: datetime
) -> tuple[Manifest | None, datetime | None]:
    """The Progressing condition and its deadline; one whose `lastUpdateTime` is set starts the deadline anew."""
    known = find(deployment.get("status", {}).get("conditions") or (), "Progressing")
    if deployment["spec"].get("paused"):
        paused = {"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"}
        return {**paused, "message": "Deployment is paused"}, None
    if new is None:
        return known, None
    subject = f'ReplicaSet "{name_of(new)}"'
    if complete(deployment, counts):
        return condition("Progressing", True, "NewReplicaSetAvailable", f"{subject} has successfully progressed."), None
    # A condition of an earlier template, or of a pause, says nothing about this rollout.
    if known is None or subject not in known.get("message", ""):
        begun = condition("Progressing", True, "NewReplicaSetCreated", f"Created or found {subject}")
        return begun | {"lastUpdateTime": stamp(now)}, _deadline(deployment, now)
    if known["reason"] == "NewReplicaSetAvailable":
        # Pods that go after the rollout was complete are a matter of Available.
        return known, None
    if _moved(deployment, counts):
        moved = condition("Progressing", True, "ReplicaSetUpdated", f"{subject} is progressing.")
        return moved | {"lastUpdateTime": stamp(now)}, _deadline(deployment, now)
    deadline = _deadline(deployment, moment(known["lastUpdateTime"]))
    if known["reason"] == "ProgressDeadlineExceeded":
        return known, None
    if now < deadline:
        return known, deadline
    return condition("Progressing", False, "ProgressDeadlineExceeded", f"{subject} has timed out progressing."), None


def _moved(deployment: Manifest, counts: Counts) -> bool:
    """Whether this status is better than the last: more that is updated, ready or available, or fewer old pods."""
    known = {key: int(deployment.get("status", {}).get(key, 0)) for key in counts}
    fewer_old = counts["replicas"] - counts["updatedReplicas"] < known["replicas"] - known["updatedReplicas"]
    return fewer_old or any(
        counts[key] > known[key] for key in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )


def _deadline(deployment: Manifest, since: datetime) -> datetime:
    return since + timedelta(seconds=deployment["spec"].get("progressDeadlineSeconds") or DEFAULT_DEADLINE_S)


def _timed(known: Sequence[Manifest], wanted: Sequence[Manifest], now: datetime) -> list[Manifest]:
    """Conditions with their times: the last update moves when anything changed, the last transition with the status."""
    entries: list[Manifest] = []
    for entry in wanted:
        before = find(known, entry["type"]) or {}
        same = all(before.get(key) == entry.get(key) for key in ("status", "reason", "message"))
        updated = entry.get("lastUpdateTime") or (before["lastUpdateTime"] if same else stamp(now))
        entries.append({**entry, "lastUpdateTime": updated})
    return with_conditions(known, entries, now)


def _sum(replicasets: Iterable[Manifest], count: str) -> int:
    return sum(int(one.get("status", {}).get(count, 0)) for one in replicasets)
