"""Blue-green: who is active, who is previewed, how many pods each has, and when the switch is due.

Source: argo-rollouts rollout/bluegreen.go; deviations are marked.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto

from tidegate.api import names
from tidegate.api.rollout import BlueGreen
from tidegate.machine.moments import later
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.rollout.annotations import deadline_of
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.runs import post_promotion_passed, pre_promotion_passed


class Waiting(Enum):
    """What the pause before the switch does in this pass."""

    HOLD = auto()  # nothing changes: not ready for it, in it, or an analysis is to come first
    BEGIN = auto()
    OVER = auto()  # none was asked for, it has ended, or it does not apply


def strategy_of(case: Case) -> BlueGreen:
    """The blue-green strategy; an empty one for a canary."""
    return case.blue_green or BlueGreen()


def active_hash(case: Case) -> str:
    """The revision that gets the traffic, "" where the active Service selects every version."""
    return case.selected(strategy_of(case).active_service)


def fast_rollback(case: Case) -> bool:
    """Whether the new revision is a known one that may come back at once: stable itself, recent, or not yet scaled down."""
    new, stable = case.new, case.stable
    if new is None:
        return False
    if new.pod_hash == case.status.stable_rs:
        return True
    deadline = deadline_of(new)
    # The deadline of an abort says nothing of the kind: what was aborted is not known to be good.
    kept = deadline is not None and deadline > case.now and case.status.aborted_at is None
    return stable is not None and new.created < stable.created and (case.within_window or kept)


def fast_tracked(case: Case) -> bool:
    """Whether neither pause nor analysis stands before the switch.

    # differs: an active Service without a hash counts only where nothing else is stable; the reference makes the new
    version of a rollout that was a canary a moment ago the stable one without any check.
    """
    active = active_hash(case)
    nobody_else = not active and case.separate_stable is None
    return case.promoting or nobody_else or active == case.new_hash or fast_rollback(case)


def preview_size(case: Case) -> int:
    """Wanted pods of the new revision: all, or previewReplicaCount until the checkpoint."""
    count = strategy_of(case).preview_replica_count
    active = case.sets.of(active_hash(case))
    if count is None or active is None or active is case.new or case.promoting or fast_rollback(case):
        return case.replicas
    waiting = case.rollout.spec.paused or case.status.pause_conditions
    passed = case.status.blue_green.scale_up_preview_check_point and not case.aborted
    return case.replicas if passed and not waiting else count


def stands(replica_set: ReplicaSetView | None, size: int) -> bool:
    """Whether a version has exactly so many pods, all of them available."""
    return replica_set is not None and replica_set.spec_replicas == size == replica_set.available


def waiting(case: Case) -> Waiting:
    """What the pause before the switch does now."""
    strategy, status = strategy_of(case), case.status
    if case.aborted or case.halted or not stands(case.new, preview_size(case)):
        return Waiting.HOLD
    asked_for = not strategy.auto_promotion_enabled or strategy.auto_promotion_seconds > 0
    if fast_tracked(case) or status.blue_green.scale_up_preview_check_point or not asked_for:
        return Waiting.OVER
    if not pre_promotion_passed(case):
        return Waiting.HOLD
    if pause_started(case) is None:
        # differs: a client's resume counts with autoPromotionSeconds too; the reference starts the time anew.
        return Waiting.OVER if status.controller_pause else Waiting.BEGIN
    ends = pause_ends(case)
    return Waiting.OVER if ends is not None and case.now > ends else Waiting.HOLD


def pause_started(case: Case) -> datetime | None:
    """Since when the switch waits for somebody or for its time; None where it does not."""
    found = (p for p in case.status.pause_conditions if p.reason == names.PAUSE_BLUE_GREEN)
    return next((p.start_time for p in found), None)


def pause_ends(case: Case) -> datetime | None:
    """When the pause is over by itself; None where only a person ends it."""
    strategy, started = strategy_of(case), pause_started(case)
    if started is None or not strategy.auto_promotion_enabled or strategy.auto_promotion_seconds <= 0:
        return None
    return later(started, strategy.auto_promotion_seconds)


def checkpoint_reached(case: Case) -> bool:
    """Whether the preview has proved itself at its small size, so that it may grow."""
    count = strategy_of(case).preview_replica_count
    if count is None or case.aborted:
        return False
    if case.status.blue_green.scale_up_preview_check_point:
        return True
    proved = pre_promotion_passed(case) and waiting(case) is Waiting.OVER
    return proved and not case.halted and case.new_available == count


def switch_due(case: Case) -> bool:
    """Whether the active Service is to select the new revision now."""
    if case.aborted or case.halted or not stands(case.new, case.replicas):
        return False
    return fast_tracked(case) or (waiting(case) is Waiting.OVER and pre_promotion_passed(case))


def promotion(case: Case, active: str) -> str:
    """Why the new revision becomes the stable one now, "" if it does not; `active` is selected at the end of the pass."""
    if case.new is None:
        return ""
    if case.stable is None:
        # A lost stable set is replaced only by pods that work (differs: the reference does not look).
        return "Initial deploy" if case.initial or stands(case.new, case.replicas) else ""
    if active != case.new_hash:
        return ""
    if case.promoting:
        return "Full promotion requested"
    if fast_rollback(case):
        return "Rollback within window" if case.within_window else "Fast rollback"
    if case.aborted or not post_promotion_passed(case):
        return ""
    return "Completed blue-green update"
