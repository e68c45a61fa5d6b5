"""From what was seen to what should be done: classify once, run the aspects in order, then make one status.

`decide`, and `settle` on the plan that it gives, are pure and total: no clock, no I/O, and no exception for an object
that the schema lets through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from tidegate.api import names
from tidegate.machine.observed import Observed
from tidegate.machine.plan import Outcome, Plan, Settled
from tidegate.machine.rollout.aspects.affinity import keep_apart
from tidegate.machine.rollout.aspects.checks import run_analyses, run_experiments, run_step_plugins, trim_checks
from tidegate.machine.rollout.aspects.metadata import mark_pods
from tidegate.machine.rollout.aspects.restart import restart_pods
from tidegate.machine.rollout.aspects.revision import claim, create_new, keep_in_step, write_default_replicas
from tidegate.machine.rollout.aspects.scaling import scale, scale_blue_green, trim_history, write_edits
from tidegate.machine.rollout.aspects.services import point_services
from tidegate.machine.rollout.aspects.switching import point_preview, switch_active
from tidegate.machine.rollout.aspects.traffic import retire_routers, route_traffic
from tidegate.machine.rollout.aspects.workload import follow_workload, scale_workload_down
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.outcome import serial, status
from tidegate.machine.rollout.outcome.cutover import cut_over
from tidegate.machine.rollout.outcome.progress import Progress
from tidegate.machine.rollout.outcome.walk import walk
from tidegate.machine.rollout.report import Report
from tidegate.machine.rollout.situation import Situation

Aspect = Callable[[Case, Draft], None]

# The order of effects. Services move before weights, so that a weight never falls on a Service that selects nobody;
# weights move before sizes, so that pods go only after their traffic has gone; what is checked starts once the pods are
# there; history goes last.
CANARY: tuple[Aspect, ...] = (
    claim,
    follow_workload,
    keep_in_step,
    keep_apart,
    point_services,
    route_traffic,
    run_experiments,
    run_analyses,
    run_step_plugins,
    scale,
    mark_pods,
    trim_history,
    write_edits,
    scale_workload_down,
    restart_pods,
    trim_checks,
    retire_routers,
)

# The preview is shown at once, whatever its pods do; the active Service moves when all are there.
BLUE_GREEN: tuple[Aspect, ...] = (
    claim,
    follow_workload,
    keep_in_step,
    keep_apart,
    point_preview,
    switch_active,
    run_experiments,
    run_analyses,
    scale_blue_green,
    mark_pods,
    trim_history,
    write_edits,
    scale_workload_down,
    restart_pods,
    trim_checks,
    retire_routers,
)

RUNNING = (Situation.STEADY, Situation.ABORTED, Situation.UPDATING)


def aspects_of(case: Case) -> tuple[Aspect, ...]:
    """What is looked at in this situation, in order."""
    preview = (point_preview,) if case.blue_green is not None else ()
    match case.situation:
        case Situation.DELETING | Situation.INVALID:
            return ()
        case Situation.UNSIZED:
            return (write_default_replicas,)
        case Situation.NEW_REVISION:
            return (claim, follow_workload, create_new, *preview, write_edits)
        case Situation.RESET:
            # A new template is numbered and nothing else: nothing is scaled or routed by the position of the old one.
            return (claim, follow_workload, keep_in_step, keep_apart, *preview, write_edits)
        case Situation.STEADY | Situation.ABORTED | Situation.UPDATING:
            return CANARY if case.blue_green is None else BLUE_GREEN


def decide(seen: Observed) -> Plan:
    """What one pass wants of the world, and how to conclude from what that came to."""
    case = Case.of(seen)
    draft = _drafted(case)

    def conclude(outcomes: Sequence[Outcome] | None) -> Settled:
        report = Report.expected(draft) if outcomes is None else Report.of(draft, outcomes)
        return _conclude(case, draft, report)

    absent = case.situation is Situation.INVALID and case.problems[0].missing
    return Plan(case.situation.value, tuple(draft.actions), conclude, _notes(case, draft), absent)


def _drafted(case: Case) -> Draft:
    draft = Draft()
    for aspect in aspects_of(case):
        aspect(case, draft)
    return draft


def _conclude(case: Case, draft: Draft, report: Report) -> Settled:
    match case.situation:
        case Situation.DELETING | Situation.UNSIZED:
            return Settled(None, error=report.failed)
        case Situation.INVALID:
            text = f'The Rollout "{case.rollout.metadata.name}" is invalid: {case.problems[0].text}'
            return status.invalid(case, text, case.now + timedelta(seconds=names.INVALID_SPEC_RETRY_S))
        case Situation.NEW_REVISION:
            return _conclude_creation(case, draft, report)
        case Situation.RESET:
            if report.failed:
                return Settled(None, error=report.failed)
            return status.finish(case, draft, status.reset(case, draft), report)
        case Situation.STEADY | Situation.ABORTED | Situation.UPDATING:
            if report.failed:
                # Nothing is claimed that was not done; the queue tries again with back-off.
                return status.failed(case, draft, report)
            return status.finish(
                case, draft, status.updated(case, draft, report, _progress(case, draft, report)), report
            )


def _progress(case: Case, draft: Draft, report: Report) -> Progress:
    return walk(case, draft, report) if case.blue_green is None else cut_over(case, draft, report)


def _conclude_creation(case: Case, draft: Draft, report: Report) -> Settled:
    if report.collided or (case.sets.name_taken and not report.failed):
        return Settled(serial.wire(status.collided(case)))
    if report.create_error:
        return status.not_created(case, report.create_error)
    if report.failed:
        return Settled(None, error=report.failed)
    return status.created(case, draft, report)


def _notes(case: Case, draft: Draft) -> tuple[str, ...]:
    if case.situation is Situation.INVALID:
        return tuple(problem.text for problem in case.problems)
    return tuple(draft.notes)
