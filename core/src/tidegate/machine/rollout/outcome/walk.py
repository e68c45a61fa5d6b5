"""How far a canary comes in one pass: step completed, paused, promoted, aborted."""

from __future__ import annotations

from datetime import datetime

from tidegate.api import names
from tidegate.machine.actions import Event
from tidegate.machine.moments import later
from tidegate.machine.rollout.aspects.services import PING, PONG
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.outcome.progress import Progress
from tidegate.machine.rollout.outcome.verdicts import judge_checks, step_checks_passed
from tidegate.machine.rollout.outcome.weights import record_weights
from tidegate.machine.rollout.position import at_goal, enough, target
from tidegate.machine.rollout.report import Report
from tidegate.machine.rollout.runs import STEP, resumed


def walk(case: Case, draft: Draft, report: Report) -> Progress:
    """One pass's progress: the first of full promotion, abort and step completion that applies."""
    progress = Progress.begin(case)
    record_weights(case, draft, report, progress)
    judge_checks(case, draft, report, progress)
    if case.promoting or case.within_window:
        progress.clear_pauses()
        progress.index = _end(case)
    why = promotion(case, progress, report)
    if why:
        _promote(case, progress, why)
    elif case.aborted:
        progress.clear_pauses()
        progress.index = None if case.index is None else 0
    elif progress.abort:
        progress.clear_pauses()  # found out in this pass; the index follows with the next one
    elif progress.index == case.index and step_complete(case, report):
        _complete_step(case, progress)
    _pause_if_due(case, progress)
    if not progress.pauses and not case.rollout.spec.paused and not report.pending:
        progress.controller_pause = False
    return progress


def promotion(case: Case, progress: Progress, report: Report) -> str:
    """Why the new revision becomes the stable one now, "" if it does not; the text is part of the event."""
    if case.new is None or report.pending:
        return ""
    if case.stable is None:
        # A lost stable set is replaced only by pods that work (differs: the reference does not look).
        return "Initial deploy" if case.initial or enough(case, case.new, case.replicas) else ""
    if progress.abort or not _complete(case):
        return ""
    if case.promoting:
        return "Full promotion requested"
    if case.within_window:
        return "Rollback within window"
    if case.new is case.stable:
        return "Fast rollback"
    if not case.steps:
        return f"Completed all {case.step_count} canary steps"
    if progress.index == case.step_count == case.index and _last_weight_in_force(case, report):
        return f"Completed all {case.step_count} canary steps"
    return ""


def _complete(case: Case) -> bool:
    return case.new_available >= case.replicas or enough(case, case.new, case.replicas)


def _last_weight_in_force(case: Case, report: Report) -> bool:
    return not case.routed or (report.confirmed and report.verified is not False)


def _end(case: Case) -> int | None:
    return case.step_count or None


def _promote(case: Case, progress: Progress, why: str) -> None:
    progress.promote(case, why)
    if progress.completed_by and case.canary.ping_pong is not None:
        progress.stable_ping_pong = PONG if progress.stable_ping_pong == PING else PING


# --- steps ---


def step_complete(case: Case, report: Report) -> bool:
    """Whether the current step has reached what it asks for; nothing completes while a person has paused the Rollout."""
    step = case.step
    if step is None or case.rollout.spec.paused or report.pending or case.retrying:
        return False
    if step.pause is not None:
        return pause_over(case)
    if step.set_canary_scale is not None:
        return at_goal(case)
    if step.set_weight is not None:
        return at_goal(case) and weight_in_force(case, report)
    if step.experiment is not None or step.analysis is not None or step.plugin is not None:
        return step_checks_passed(case, report)
    if step.set_header_route is not None or step.set_mirror_route is not None:
        return report.confirmed or case.new_available == 0
    return False


def weight_in_force(case: Case, report: Report) -> bool:
    """Whether this pass wrote or confirmed the step's weight. # differs: the reference does not see a guard's refusal."""
    if not case.routed or (target(case).goal.new == 0 and case.recorded_weight == 0):
        return True
    return report.confirmed and report.verified is not False


def pause_over(case: Case) -> bool:
    """Whether a pause step has ended: resumed by a client, or its time is strictly over."""
    started = pause_started(case)
    if started is None:
        return resumed(case)
    ends = pause_ends(case)
    return ends is not None and case.now > ends


def pause_started(case: Case) -> datetime | None:
    """Since when the canary waits at a pause step; None where it does not."""
    found = (p for p in case.status.pause_conditions if p.reason == names.PAUSE_CANARY_STEP)
    return next((p.start_time for p in found), None)


def pause_ends(case: Case) -> datetime | None:
    """When the current pause step is over by itself; None for an indefinite one and where nothing is paused."""
    started, pause = pause_started(case), case.step.pause if case.step else None
    if started is None or pause is None or pause.seconds is None:
        return None
    return later(started, pause.seconds)


def _complete_step(case: Case, progress: Progress) -> None:
    index, step = case.index, case.step
    if index is None or step is None:
        return
    progress.index, progress.experiment = index + 1, ""
    progress.refs.pop(STEP, None)
    progress.drop_pause(names.PAUSE_CANARY_STEP)
    if not progress.pauses:
        progress.controller_pause = False
    text = f"Rollout step {index + 1}/{case.step_count} completed ({step.describe()})"
    progress.events.append(Event("RolloutStepCompleted", text))


def _pause_if_due(case: Case, progress: Progress) -> None:
    """Begin the pause of the step that is current now, be it since this pass or since a former one."""
    if progress.index is None or progress.index >= case.step_count or progress.abort or progress.promote_full:
        return
    if case.steps[progress.index].pause is None or case.rollout.spec.paused:
        return
    if progress.controller_pause and not progress.pauses:
        return  # resumed, and not gone on yet
    if any(p.reason == names.PAUSE_CANARY_STEP for p in progress.pauses):
        return
    progress.pause(case, names.PAUSE_CANARY_STEP)
