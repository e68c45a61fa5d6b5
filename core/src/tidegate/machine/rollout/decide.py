"""From what was seen to what should be done: classify once, run the aspects in order, then make one status.

`decide`, and `settle` on the plan that it gives, are pure and total: no clock, no I/O, and no exception for an object
that the schema lets through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from tidegate.api import names
from tidegate.machine.observed import Observed
from tidegate.machine.plan import Outcome, Plan, Settled
from tidegate.machine.rollout import status
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.progress import make_progress
from tidegate.machine.rollout.report import Report
from tidegate.machine.rollout.revision import claim, create_new, keep_in_step, write_default_replicas
from tidegate.machine.rollout.scaling import scale, trim_history, write_edits
from tidegate.machine.rollout.services import point_services
from tidegate.machine.rollout.situation import Situation
from tidegate.machine.rollout.traffic import route_traffic

Aspect = Callable[[Case, Draft], None]

# The order of effects. Services move before weights, so that a weight never falls on a Service that selects nobody;
# weights move before sizes, so that pods go only after their traffic has gone; history goes last.
RUNNING: tuple[Aspect, ...] = (claim, keep_in_step, point_services, route_traffic, scale, trim_history, write_edits)

ASPECTS: Mapping[Situation, tuple[Aspect, ...]] = {
    Situation.DELETING: (),
    Situation.INVALID: (),
    Situation.UNSIZED: (write_default_replicas,),
    Situation.NEW_REVISION: (claim, create_new, write_edits),
    # A new template is numbered and nothing else: nothing is scaled or routed by the position of the old one.
    Situation.RESET: (claim, keep_in_step, write_edits),
    Situation.STEADY: RUNNING,
    Situation.ABORTED: RUNNING,
    Situation.UPDATING: RUNNING,
}


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
    for aspect in ASPECTS[case.situation]:
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
            return status.finish(case, draft, status.reset(case), report)
        case Situation.STEADY | Situation.ABORTED | Situation.UPDATING:
            if report.failed:
                # Nothing is claimed that was not done; the queue tries again with back-off.
                return Settled(None, report.events, error=report.failed)
            return status.finish(case, draft, status.updated(case, make_progress(case, draft, report)), report)


def _conclude_creation(case: Case, draft: Draft, report: Report) -> Settled:
    if report.collided or (case.name_taken and not report.failed):
        return Settled(status.wire(status.collided(case)))
    if report.create_error:
        return status.not_created(case, report.create_error)
    if report.failed:
        return Settled(None, error=report.failed)
    return status.created(case, draft, report)


def _notes(case: Case, draft: Draft) -> tuple[str, ...]:
    if case.situation is Situation.INVALID:
        return tuple(problem.text for problem in case.problems)
    return tuple(draft.notes)
