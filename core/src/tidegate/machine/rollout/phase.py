"""The phase and its message: one table, first row that applies. Clients parse both."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.status import RolloutStatus
from tidegate.machine.rollout.case import Case

HEALTHY, DEGRADED, PROGRESSING, PAUSED = "Healthy", "Degraded", "Progressing", "Paused"


@dataclass(frozen=True, slots=True)
class Phase:
    """What `status.phase` and `status.message` say."""

    phase: str
    message: str = ""


def phase_of(case: Case, after: RolloutStatus) -> Phase:
    """The phase of a status that is about to be written."""
    return _trouble(after) or _waiting(case, after) or _moving(case, after) or Phase(HEALTHY)


def _trouble(after: RolloutStatus) -> Phase | None:
    for condition in after.conditions:
        if condition.type == "InvalidSpec":
            return Phase(DEGRADED, f"InvalidSpec: {condition.message}")
        if condition.reason in ("RolloutAborted", "ProgressDeadlineExceeded"):
            return Phase(DEGRADED, f"{condition.reason}: {condition.message}")
    return None


def _waiting(case: Case, after: RolloutStatus) -> Phase | None:
    if case.rollout.spec.paused:
        return Phase(PAUSED, "manually paused")
    if after.pause_conditions:
        return Phase(PAUSED, after.pause_conditions[0].reason)
    restart = case.rollout.spec.restart_at
    if restart is not None and restart != after.restarted_at:
        return Phase(PROGRESSING, "rollout is restarting")
    return None


def _moving(case: Case, after: RolloutStatus) -> Phase | None:
    promoted = bool(after.stable_rs) and after.stable_rs == after.current_pod_hash
    # differs: a routed canary's own pods are counted, since former revisions stand in for missing ones otherwise.
    available = case.new_available if case.routed and promoted else after.available_replicas
    if after.updated_replicas < case.replicas:
        return Phase(PROGRESSING, "more replicas need to be updated")
    if available < after.updated_replicas:
        return Phase(PROGRESSING, "updated replicas are still becoming available")
    if not case.routed and after.replicas > after.updated_replicas:
        return Phase(PROGRESSING, "old replicas are pending termination")
    if not promoted or _foreign_weight(after):
        return Phase(PROGRESSING, "waiting for all steps to complete")
    return None


def _foreign_weight(after: RolloutStatus) -> bool:
    """Whether a router still sends a share to a version that is not stable. # differs: the reference is Healthy by then."""
    weights = after.canary.weights
    if weights is None or not after.stable_rs:
        return False
    sides = (weights.canary, weights.stable, *weights.additional)
    return any(side.weight > 0 and side.pod_template_hash not in ("", after.stable_rs) for side in sides)
