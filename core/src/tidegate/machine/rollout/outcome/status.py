"""The one status of a pass: counts, position, conditions, phase. Written last, and only where it differs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tidegate.api import names
from tidegate.api.status import BlueGreenStatus, CanaryStatus, Condition, RolloutStatus
from tidegate.machine.actions import Event
from tidegate.machine.moments import later, rounded_up
from tidegate.machine.plan import Settled
from tidegate.machine.rollout.aspects.restart import restarted_at
from tidegate.machine.rollout.blue_green import active_hash, pause_ends
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.outcome import conditions as judged
from tidegate.machine.rollout.outcome.duration import carried_on, started_over
from tidegate.machine.rollout.outcome.phase import phase_of
from tidegate.machine.rollout.outcome.progress import Progress
from tidegate.machine.rollout.outcome.serial import wire
from tidegate.machine.rollout.outcome.walk import pause_ends as walk_pause_ends
from tidegate.machine.rollout.outcome.weights import record_weights
from tidegate.machine.rollout.report import Report
from tidegate.machine.rollout.runs import BACKGROUND, POST_PROMOTION, PRE_PROMOTION, STEP
from tidegate.machine.rollout.situation import Situation
from tidegate.machine.selectors import selector_text

A_MOMENT_S = 0.001
_NO_CANARY, _NO_BLUE_GREEN = CanaryStatus(), BlueGreenStatus()


@dataclass(frozen=True, slots=True)
class Outline:
    """A status in the making: all but conditions, phase and message, and the events that led to it."""

    status: RolloutStatus
    events: tuple[Event, ...] = ()
    abort_message: str = ""


def counted(case: Case, active: str) -> dict[str, Any]:
    """The counts, and what every status repeats. `active` is the revision that a blue-green's active Service selects.

    Of a blue-green with a known active ReplicaSet that one is what counts, for people and for autoscalers.
    """
    owned, new = case.owned, case.new
    served = case.sets.of(active) if case.blue_green is not None else None
    serving = owned if served is None else (served,)
    return {
        "observed_generation": str(case.rollout.metadata.generation),
        "workload_observed_generation": case.workload_generation,
        "replicas": sum(s.replicas for s in owned),
        "updated_replicas": new.replicas if new else 0,
        "ready_replicas": sum(s.ready for s in serving),
        "available_replicas": sum(s.available for s in serving),
        "hpa_replicas": sum(s.replicas for s in serving),
        "selector": _selector(case, active if served is not None else ""),
        "current_pod_hash": case.new_hash,
        "current_step_hash": case.step_hash,
    }


def _selector(case: Case, pod_hash: str) -> str:
    """The selector of all pods, or of one revision's, as one string."""
    selector = dict(case.selector or {})
    if pod_hash:
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), names.POD_HASH: pod_hash}
    return selector_text(selector)


def updated(case: Case, draft: Draft, report: Report, progress: Progress) -> Outline:
    """The status of an ordinary pass, from what the pass has made of the position."""
    aborted, message = progress.abort, progress.abort_message
    if report.pending and case.blue_green is not None:
        draft = replace(draft, active=active_hash(case), preview=case.selected(case.blue_green.preview_service))
    changes: dict[str, Any] = {**counted(case, draft.active), "stable_rs": progress.stable_rs}
    changes["current_step_index"] = progress.index
    changes["promote_full"] = progress.promote_full
    changes["canary"], changes["blue_green"] = _strategy_parts(case, draft, progress)
    changes["pause_conditions"] = progress.pauses
    changes["controller_pause"] = progress.controller_pause
    changes["restarted_at"] = restarted_at(case)
    since = case.status.aborted_at or rounded_up(case.now)
    after = case.status.model_copy(update={**changes, "abort": aborted, "aborted_at": since if aborted else None})
    if not aborted and _deadline_aborts(case, after):
        message = judged.timeout_text(case)
        ended = {"pause_conditions": [], "controller_pause": False, "abort": True, "aborted_at": since}
        after = after.model_copy(update=ended)
    return Outline(after, tuple(progress.events), message)


def _strategy_parts(case: Case, draft: Draft, progress: Progress) -> tuple[CanaryStatus, BlueGreenStatus]:
    """What belongs to one strategy; the other's part is empty."""
    refs = progress.refs
    if case.blue_green is None:
        changes: dict[str, Any] = {
            "weights": progress.weights,
            "stable_ping_pong": progress.stable_ping_pong if case.canary.ping_pong is not None else "",
            "current_experiment": progress.experiment,
            "current_step_analysis_run_status": refs.get(STEP),
            "current_background_analysis_run_status": refs.get(BACKGROUND),
            "step_plugin_statuses": progress.plugin_statuses,
        }
        return case.status.canary.model_copy(update=changes), _NO_BLUE_GREEN
    changes = {
        "active_selector": draft.active,
        "preview_selector": draft.preview,
        "scale_up_preview_check_point": progress.checkpoint,
        "pre_promotion_analysis_run_status": refs.get(PRE_PROMOTION),
        "post_promotion_analysis_run_status": refs.get(POST_PROMOTION),
    }
    return _NO_CANARY, case.status.blue_green.model_copy(update=changes)


def _deadline_aborts(case: Case, after: RolloutStatus) -> bool:
    """Whether progressDeadlineAbort turns a passed deadline into an abort.

    Never for a finished rollout (#1624), and not where an abort would have no effect: it would come again and again.
    """
    if not case.rollout.spec.progress_deadline_abort or judged.promoted(after):
        return False
    if case.promoting or case.within_window:
        return False
    if judged.progressed(case.status, after) or after.pause_conditions:
        return False
    return judged.timed_out(case, judged.begin(case))


def reset(case: Case, draft: Draft) -> Outline:
    """The status of an update that starts over: template, steps or strategy are new.

    Weights and the Services' selectors are facts about the world and stay; what was found out about the update goes.
    """
    index, events = _first_index(case)
    canary, blue_green = case.status.canary, case.status.blue_green
    if case.blue_green is None:
        kept = {"weights": canary.weights, "stable_ping_pong": canary.stable_ping_pong}
        canary, blue_green = _NO_CANARY.model_copy(update=kept), _NO_BLUE_GREEN
    else:
        selectors = {"active_selector": active_hash(case), "preview_selector": draft.preview}
        canary, blue_green = _NO_CANARY, _NO_BLUE_GREEN.model_copy(update=selectors)
    changes = {
        **counted(case, active_hash(case)),
        "canary": canary,
        "blue_green": blue_green,
        "current_step_index": index,
        "pause_conditions": [],
        "controller_pause": False,
        "abort": False,
        "aborted_at": None,
        "promote_full": False,
        "restarted_at": case.rollout.spec.restart_at or case.status.restarted_at,  # a new template needs no restart
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
    over = case.situation is Situation.RESET
    duration = started_over(case) if over else carried_on(case, step.status)
    changes = {**report.status, "conditions": conditions.items, "duration": duration}
    after = step.status.model_copy(update=changes)
    settled = _with_phase(case, after)
    events = (*report.events, *step.events, *conditions.events, *_pause_events(case, after))
    return Settled(settled, events, _wake_at(case, draft, after, report))


def failed(case: Case, draft: Draft, report: Report) -> Settled:
    """The status after a pass that failed: as it was, but for the weights where every router had taken them by then.

    # differs: the reference forgets them, and an abort that is tried again could raise a weight that had been lowered.
    """
    progress = Progress.begin(case)
    record_weights(case, draft, report, progress)
    changes: dict[str, Any] = dict(report.status)
    if case.blue_green is None and progress.weights != case.status.canary.weights:
        changes["canary"] = case.status.canary.model_copy(update={"weights": progress.weights})
    if not changes:
        return Settled(None, report.events, error=report.failed)
    after = wire(case.status.model_copy(update=changes))
    return Settled(after, (*report.events, *progress.events), error=report.failed)


def created(case: Case, draft: Draft, report: Report) -> Settled:
    """The status after the new ReplicaSet was created: the update starts over at once."""
    step = reset(case, draft)
    conditions = judged.judge(case, step.status)
    text = f'Created new replica set "{judged.set_name(case)}"'
    conditions.put("Progressing", "True", "NewReplicaSetCreated", text, renew=True)
    after = step.status.model_copy(update={"conditions": conditions.items, "duration": started_over(case)})
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
    if (phase.phase, phase.message) != (after.phase, after.message):
        after = after.model_copy(update={"phase": phase.phase, "message": phase.message})
    return wire(case.status if after == case.status else after)


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
    # A pause that is over and goes on waits for something else, which comes with an event of its own.
    overdue = ends is not None and ends < case.now and (report.pending or case.blue_green is not None)
    if ends is not None and not overdue:
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
    if case.blue_green is not None:
        ends, strategy = pause_ends(case), case.blue_green
        timed = strategy.auto_promotion_enabled and strategy.auto_promotion_seconds > 0
        begun = after.pause_conditions[-1].start_time
        return ends or (later(begun, strategy.auto_promotion_seconds) if timed else None)
    index = after.current_step_index
    if index is None or index >= case.step_count or (pause := case.steps[index].pause) is None or pause.seconds is None:
        return None
    known = walk_pause_ends(case) if index == case.index else None
    return known or later(after.pause_conditions[-1].start_time, pause.seconds)


def _stuck_check_due(case: Case, after: RolloutStatus, progressing: Condition) -> bool:
    if progressing.reason in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded") or after.pause_conditions:
        return False
    return judged.clock_runs(case, after.conditions)
