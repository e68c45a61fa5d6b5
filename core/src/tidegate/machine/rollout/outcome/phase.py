"""The phase and its message: one table, first row that applies. Clients parse both."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.status import RolloutStatus
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.outcome.conditions import promoted
from tidegate.machine.rollout.runs import COMPLETED

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
    done = promoted(after)
    # differs: a routed canary's own pods are counted, since former revisions stand in for missing ones otherwise.
    available = case.new_available if case.routed and done else after.available_replicas
    if after.updated_replicas < case.replicas:
        return Phase(PROGRESSING, "more replicas need to be updated")
    if available < after.updated_replicas:
        return Phase(PROGRESSING, "updated replicas are still becoming available")
    if case.blue_green is not None:
        return _cutting_over(case, after)
    if not case.routed and after.replicas > after.updated_replicas:
        return Phase(PROGRESSING, "old replicas are pending termination")
    if not done or _foreign_weight(after):
        return Phase(PROGRESSING, "waiting for all steps to complete")
    return None


def _cutting_over(case: Case, after: RolloutStatus) -> Phase | None:
    if after.blue_green.active_selector != after.current_pod_hash:
        return Phase(PROGRESSING, "active service cutover pending")
    if promoted(after):
        return None
    run = after.blue_green.post_promotion_analysis_run_status
    asked_for = case.blue_green is not None and case.blue_green.post_promotion_analysis is not None
    if asked_for and (run is None or run.status not in COMPLETED):
        return Phase(PROGRESSING, "waiting for analysis to complete")
    return Phase(PROGRESSING, "waiting for post-promotion verification to complete")


def _foreign_weight(after: RolloutStatus) -> bool:
    """Whether a router still sends a share to a version that is not stable. # differs: the reference is Healthy by then."""
    weights = after.canary.weights
    if weights is None or not after.stable_rs:
        return False
    sides = (weights.canary, weights.stable, *weights.additional)
    return any(side.weight > 0 and side.pod_template_hash not in ("", after.stable_rs) for side in sides)
