"""`status.duration`: since when an update runs, how long people have held it, and how it ended."""

from __future__ import annotations

from tidegate.api import names
from tidegate.api.status import Duration, RolloutStatus
from tidegate.machine.moments import rounded_up
from tidegate.machine.rollout.blue_green import fast_rollback
from tidegate.machine.rollout.case import Case

PROMOTED, FAST_PROMOTED, ABORTED = "Promoted", "FastPromoted", "Aborted"
ROLLED_BACK, FAST_ROLLED_BACK = "RolledBack", "FastRolledBack"
_BY_HAND = (names.PAUSE_INCONCLUSIVE_ANALYSIS, names.PAUSE_INCONCLUSIVE_EXPERIMENT)


def started_over(case: Case) -> Duration | None:
    """The duration after a reset: a new one, or the running one of an update that goes back."""
    running = case.status.duration
    in_progress = running is not None and running.finished_at is None
    back = case.new_hash == case.status.stable_rs
    if not in_progress:
        return running if back else Duration(rollout_started_at=rounded_up(case.now))
    older = case.new is not None and case.stable is not None and case.new.created < case.stable.created
    if running is not None and case.template_changed and (back or older):
        fast = back or case.within_window or (case.blue_green is not None and fast_rollback(case))
        return running.model_copy(update={"completion_status": FAST_ROLLED_BACK if fast else ROLLED_BACK})
    return Duration(rollout_started_at=rounded_up(case.now))


def carried_on(case: Case, after: RolloutStatus) -> Duration | None:
    """The duration after an ordinary pass that leads to `after`."""
    duration = case.status.duration
    if case.retrying:
        duration = Duration(rollout_started_at=rounded_up(case.now))  # a retry
    if duration is None or duration.finished_at is not None:
        return duration
    if after.abort:
        return _ended(case, duration, ABORTED, override=True)
    promoted = bool(after.stable_rs) and after.stable_rs == after.current_pod_hash
    if promoted and not duration.completion_status:
        how = FAST_PROMOTED if case.promoting else PROMOTED
        duration = duration.model_copy(update={"completion_status": how})
    if promoted and case.new_available >= case.replicas:
        return _ended(case, duration, PROMOTED, override=False)
    return _held(case, duration, held=_held_by_hand(case, after))


def _ended(case: Case, duration: Duration, how: str, *, override: bool) -> Duration:
    status = how if override else duration.completion_status or how
    done = _held(case, duration, held=False)
    return done.model_copy(update={"finished_at": rounded_up(case.now), "completion_status": status})


def _held(case: Case, duration: Duration, *, held: bool) -> Duration:
    since = duration.manual_pause_started_at
    if held and since is None:
        return duration.model_copy(update={"manual_pause_started_at": rounded_up(case.now)})
    if not held and since is not None:
        seconds = duration.total_manual_pause_duration_seconds + max(0, int((case.now - since).total_seconds()))
        changes = {"manual_pause_started_at": None, "total_manual_pause_duration_seconds": seconds}
        return duration.model_copy(update=changes)
    return duration


def _held_by_hand(case: Case, after: RolloutStatus) -> bool:
    """Whether the update goes on only when a person says so."""
    if case.rollout.spec.paused:
        return True
    return any(_ends_by_hand(case, after, pause.reason) for pause in after.pause_conditions)


def _ends_by_hand(case: Case, after: RolloutStatus, reason: str) -> bool:
    if reason == names.PAUSE_BLUE_GREEN:
        return case.blue_green is not None and not case.blue_green.auto_promotion_enabled
    if reason == names.PAUSE_CANARY_STEP:
        index = after.current_step_index
        pause = case.steps[index].pause if index is not None and 0 <= index < case.step_count else None
        return pause is not None and pause.seconds is None
    return reason in _BY_HAND
