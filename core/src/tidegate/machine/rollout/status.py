"""The one status of a pass: counts, position, conditions, phase. Written last, and only where it differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tidegate.api.status import Condition, RolloutStatus
from tidegate.machine.actions import Event
from tidegate.machine.merge import merge_patch
from tidegate.machine.moments import later, rounded_up
from tidegate.machine.plan import Settled
from tidegate.machine.rollout import conditions as judged
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.phase import phase_of
from tidegate.machine.rollout.progress import Progress, pause_ends
from tidegate.machine.rollout.report import Report
from tidegate.machine.selectors import selector_text

A_MOMENT_S = 0.001
# Present with a meaning of their own although zero: pointers in the API's Go types.
_ZERO_COUNTS = frozenset({"currentStepIndex", "collisionCount", "weight", "verified", "index"})


@dataclass(frozen=True, slots=True)
class Outline:
    """A status in the making: all but conditions, phase and message, and the events that led to it."""

    status: RolloutStatus
    events: tuple[Event, ...] = ()
    abort_message: str = ""


def counted(case: Case) -> dict[str, Any]:
    """The counts, and what every status repeats."""
    owned, new = case.owned, case.new
    return {
        "observed_generation": str(case.rollout.metadata.generation),
        "replicas": sum(s.replicas for s in owned),
        "updated_replicas": new.replicas if new else 0,
        "ready_replicas": sum(s.ready for s in owned),
        "available_replicas": sum(s.available for s in owned),
        "hpa_replicas": sum(s.replicas for s in owned),
        "selector": selector_text(case.rollout.spec.selector or {}),
        "current_pod_hash": case.new_hash,
        "current_step_hash": case.step_hash,
    }


def updated(case: Case, progress: Progress) -> Outline:
    """The status of an ordinary pass, from what the pass has made of the position."""
    aborted, message = progress.abort, ""
    changes: dict[str, Any] = {**counted(case), "stable_rs": progress.stable_rs}
    changes["current_step_index"] = progress.index
    changes["promote_full"] = progress.promote_full
    changes["canary"] = case.status.canary.model_copy(update={"weights": progress.weights})
    changes["pause_conditions"] = progress.pauses
    changes["controller_pause"] = progress.controller_pause
    after = case.status.model_copy(update=changes)
    if not aborted and _deadline_aborts(case, after):
        aborted, message = True, judged.timeout_text(case)
        after = after.model_copy(update={"pause_conditions": [], "controller_pause": False})
    since = (case.status.aborted_at or rounded_up(case.now)) if aborted else None
    after = after.model_copy(update={"abort": aborted, "aborted_at": since})
    return Outline(after, tuple(progress.events), message)


def _deadline_aborts(case: Case, after: RolloutStatus) -> bool:
    """Whether progressDeadlineAbort turns a passed deadline into an abort; never for a finished rollout (#1624)."""
    if not case.rollout.spec.progress_deadline_abort or after.stable_rs == after.current_pod_hash:
        return False
    if judged.progressed(case.status, after) or after.pause_conditions:
        return False
    return judged.timed_out(case, judged.begin(case))


def reset(case: Case) -> Outline:
    """The status of an update that starts over: template or steps are new."""
    index, events = _first_index(case)
    changes = {
        **counted(case),
        "current_step_index": index,
        "pause_conditions": [],
        "controller_pause": False,
        "abort": False,
        "aborted_at": None,
        "promote_full": False,
        "restarted_at": case.rollout.spec.restart_at or case.status.restarted_at,
    }
    return Outline(case.status.model_copy(update=changes), events)


def _first_index(case: Case) -> tuple[int | None, tuple[Event, ...]]:
    """Outline 0; behind the last step where the template is stable's again, or recent enough (spec.rollbackWindow)."""
    if not case.steps:
        return None, ()
    if case.new_hash == case.status.stable_rs:
        skip = Event("SkipSteps", "Rollback to stable ReplicaSets")
        return case.step_count, (skip,) if case.template_changed else ()
    if case.within_window and case.new is not None and case.new.spec_replicas > 0:
        return case.step_count, (Event("SkipSteps", "Rollback to active ReplicaSets within RollbackWindow"),)
    return 0, ()


def collided(case: Case) -> RolloutStatus:
    """The stored status with one collision more: the next pass uses another name."""
    return case.status.model_copy(update={"collision_count": (case.status.collision_count or 0) + 1})


def finish(case: Case, draft: Draft, step: Outline, report: Report) -> Settled:
    """Conditions, phase, events and the next look for a status that is complete but for them."""
    conditions = judged.judge(case, step.status, step.abort_message)
    after = step.status.model_copy(update={"conditions": conditions.items})
    settled = _with_phase(case, after)
    events = (*report.events, *step.events, *conditions.events, *_pause_events(case, after))
    return Settled(settled, events, _wake_at(case, draft, after, report))


def created(case: Case, draft: Draft, report: Report) -> Settled:
    """The status after the new ReplicaSet was created: the update starts over at once."""
    step = reset(case)
    conditions = judged.judge(case, step.status)
    text = f'Created new replica set "{judged.set_name(case)}"'
    conditions.put("Progressing", "True", "NewReplicaSetCreated", text, renew=True)
    after = step.status.model_copy(update={"conditions": conditions.items})
    events = (*step.events, *conditions.events, *_pause_events(case, after))
    return Settled(_with_phase(case, after), events, _wake_at(case, draft, after, report))


def not_created(case: Case, error: str) -> Settled:
    """The status after the API server refused the new ReplicaSet."""
    text = f'Failed to create new replica set "{judged.set_name(case)}": {error}'
    conditions = judged.begin(case)
    conditions.put("Progressing", "False", "ReplicaSetCreateError", text)
    after = case.status.model_copy(update={"conditions": conditions.items})
    return Settled(_with_phase(case, after), (Event("ReplicaSetCreateError", text, "Warning"),), None, error)


def invalid(case: Case, message: str, wake_at: datetime) -> Settled:
    """The status of a Rollout that cannot work as written: everything else stays as it was."""
    changes = {
        "observed_generation": str(case.rollout.metadata.generation),
        "conditions": judged.invalid(case, message).items,
    }
    return Settled(_with_phase(case, case.status.model_copy(update=changes)), (), wake_at)


def _with_phase(case: Case, after: RolloutStatus) -> dict[str, Any]:
    phase = phase_of(case, after)
    return wire(after.model_copy(update={"phase": phase.phase, "message": phase.message}))


def _pause_events(case: Case, after: RolloutStatus) -> tuple[Event, ...]:
    """Only what this pass itself did to the list: a client that clears it causes no RolloutResumed.

    Pauses are told apart by their start, so one that runs straight into the next is both: one ended, one began.
    """
    before, now = case.status.pause_conditions, after.pause_conditions
    over = bool(before) and not any(pause in now for pause in before) and not after.abort
    begun = bool(now) and not any(pause in before for pause in now)
    resumed = (Event("RolloutResumed", "Rollout is resumed"),) if over else ()
    paused = (Event("RolloutPaused", f"Rollout is paused ({now[0].reason})"),) if begun else ()
    return (*resumed, *paused)


def _wake_at(case: Case, draft: Draft, after: RolloutStatus, report: Report) -> datetime | None:
    """The earliest moment at which something may change without an event."""
    moments = list(draft.wakes)
    if report.retry_after_s:
        moments.append(case.now + timedelta(seconds=report.retry_after_s))
    ends = _pause_end(case, after)
    if ends is not None and not (report.pending and ends < case.now):
        moments.append(later(max(ends, case.now), A_MOMENT_S))  # a pause ends strictly after its time
    progressing = next((c for c in after.conditions if c.type == "Progressing"), None)
    if progressing is not None and _stuck_check_due(case, after, progressing):
        moment = judged.deadline_ends(case, progressing)
        if moment is not None:
            moments.append(max(later(moment, A_MOMENT_S), case.now + timedelta(seconds=1)))
    return min(moments, default=None)


def _pause_end(case: Case, after: RolloutStatus) -> datetime | None:
    """When the pause in force is over by itself, be it older than this pass or begun by it."""
    if case.rollout.spec.paused or not after.pause_conditions:
        return None
    index = after.current_step_index
    if index is None or index >= case.step_count or (pause := case.steps[index].pause) is None or pause.seconds is None:
        return None
    known = pause_ends(case) if index == case.index else None
    return known or later(after.pause_conditions[-1].start_time, pause.seconds)


def _stuck_check_due(case: Case, after: RolloutStatus, progressing: Condition) -> bool:
    if progressing.reason in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded") or after.pause_conditions:
        return False
    return judged.clock_runs(case, after.conditions)


# --- wire form ---


def wire(status: RolloutStatus) -> dict[str, Any]:
    """A status as JSON: fields that are zero are absent, as clients of the Go types expect."""
    dumped = status.model_dump(mode="json", by_alias=True)
    cleaned = {key: value for key, item in dumped.items() if (value := _without_zeros(key, item)) is not None}
    return {**cleaned, "canary": cleaned.get("canary", {}), "blueGreen": cleaned.get("blueGreen", {})}


def stored(status: RolloutStatus) -> dict[str, Any]:
    """The stored status in the same form: a zero that a client has written is no difference."""
    cleaned = wire(status)
    written = status.model_fields_set
    return {key: value for key, value in cleaned.items() if value != {} or _snake(key) in written}


def status_patch(before: RolloutStatus, settled: Settled) -> dict[str, Any]:
    """The merge patch of the status subresource (the inner part), empty where nothing differs or nothing is to be said.

    A difference against what was read, so edits that clients make to other fields meanwhile survive.
    """
    return {} if settled.status is None else merge_patch(stored(before), settled.status)


def _snake(key: str) -> str:
    return {"blueGreen": "blue_green"}.get(key, key)


def _without_zeros(key: str, value: Any) -> Any:
    if value is None or (value in (0, False, "") and key not in _ZERO_COUNTS):
        return None
    if isinstance(value, list):
        return [item for item in value if item is not None] or None
    if isinstance(value, Mapping):
        inner = {k: cleaned for k, v in value.items() if (cleaned := _without_zeros(k, v)) is not None}
        return inner or None
    return value
