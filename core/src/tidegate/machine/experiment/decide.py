"""From an Experiment as it was seen to what should be done: sets, Services, runs, then one status.

`decide`, and the conclusion of the plan that it gives, are pure and total.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.api.experiment import ExperimentRunStatus, ExperimentStatus
from tidegate.machine.actions import Action, CreateReplicaSet, Event, PatchReplicaSet
from tidegate.machine.analysis.phases import COMPLETED, PENDING, RUNNING
from tidegate.machine.experiment.acts import CreateService, ExperimentSeen, Refused, StartAnalysis
from tidegate.machine.experiment.analyses import Check
from tidegate.machine.experiment.case import Case
from tidegate.machine.experiment.conditions import conditions, invalid
from tidegate.machine.experiment.parts import Happened, Part, deadline, judged
from tidegate.machine.experiment.phase import of_templates, phase_of
from tidegate.machine.experiment.serial import wire
from tidegate.machine.experiment.transitions import transitions
from tidegate.machine.experiment.validation import fault
from tidegate.machine.moments import rounded_up
from tidegate.machine.plan import Outcome, Plan, Result, Settled


@dataclass(frozen=True)
class Draft:
    """What one pass wants: its actions, and the statuses of runs that cannot be made."""

    parts: tuple[Part, ...]
    checks: tuple[Check, ...]
    actions: tuple[Action, ...]
    failures: dict[str, ExperimentRunStatus] = field(default_factory=dict)


def decide(seen: ExperimentSeen) -> Plan:
    """What one pass wants for an Experiment, and how to conclude from what that came to."""
    if seen.experiment.metadata.deletion_timestamp is not None:
        return Plan("deleting", (), lambda _: Settled(None))
    case = Case(seen)
    if text := fault(seen.experiment):
        after = case.status.model_copy(update={"conditions": invalid(case, text)})
        return Plan("invalid", (), lambda _: Settled(wire(after)), (text,))
    draft = _drafted(case)

    def conclude(outcomes: Sequence[Outcome] | None) -> Settled:
        done = [Outcome(action) for action in draft.actions] if outcomes is None else outcomes
        return _concluded(case, draft, done)

    return Plan("finished" if case.over else "ending" if case.ending else "running", draft.actions, conclude)


def _drafted(case: Case) -> Draft:
    parts = tuple(Part(case, template) for template in case.experiment.spec.templates)
    checks = tuple(Check(case, analysis) for analysis in case.experiment.spec.analyses)
    actions: list[Action] = [action for part in parts for action in part.actions()]
    failures: dict[str, ExperimentRunStatus] = {}
    for check in checks:
        actions.extend(check.end())
        if check.due:
            start = check.start()
            if isinstance(start, StartAnalysis):
                actions.append(start)
            else:
                failures[check.analysis.name] = start
    return Draft(parts, checks, tuple(actions), failures)


def _concluded(case: Case, draft: Draft, outcomes: Sequence[Outcome]) -> Settled:
    templates = [judged(part, _happened(part, outcomes)) for part in draft.parts]
    runs = _runs(draft, outcomes)
    phase, message = phase_of(case, templates, runs)
    available_at = case.status.available_at
    if available_at is None and case.status.phase and not case.ending and of_templates(templates)[0] == RUNNING:
        available_at = rounded_up(case.now)
    after = case.status.model_copy(
        update={
            "phase": phase,
            "message": message if phase != case.status.phase else case.status.message,
            "available_at": available_at,
            "template_statuses": templates,
            "analysis_runs": list(runs.values()),
            "conditions": conditions(case, phase),
        }
    )
    error = "; ".join(
        dict.fromkeys(o.message for o in outcomes if o.result is Result.FAILED and not isinstance(o, Refused))
    )
    return Settled(wire(after), tuple(_events(case, after, outcomes)), _wake(case, draft, after), error)


def _happened(part: Part, outcomes: Sequence[Outcome]) -> Happened:
    touched, refused, served = False, "", False
    for outcome in outcomes:
        action, done = outcome.action, outcome.result is Result.DONE
        match action:
            case CreateReplicaSet() if action.name == part.name:
                touched = touched or done
                if outcome.result is Result.COLLIDED:
                    refused = part.taken_text
                elif isinstance(outcome, Refused):
                    refused = f"Failed to create ReplicaSet for template '{part.template.name}': {outcome.message}"
            case PatchReplicaSet() if action.name == part.name:
                touched = touched or (done and action.replicas is not None)
            case CreateService() if action.template == part.template.name:
                served = done
                if outcome.result is Result.COLLIDED:
                    refused = part.service_taken_text(action.name)
                elif isinstance(outcome, Refused):
                    name = part.template.name
                    refused = f"Failed to create Service {action.name} for template '{name}': {outcome.message}"
            case _:
                pass
    return Happened(touched, refused, served)


def _runs(draft: Draft, outcomes: Sequence[Outcome]) -> dict[str, ExperimentRunStatus]:
    found: dict[str, ExperimentRunStatus] = {}
    answers = {o.action.analysis: (o, o.action) for o in outcomes if isinstance(o.action, StartAnalysis)}
    for check in draft.checks:
        name = check.analysis.name
        status = check.current or draft.failures.get(name)
        if status is None and name in answers:
            outcome, action = answers[name]
            if isinstance(outcome, Refused):
                status = check.refused(outcome.message)
            elif outcome.result is Result.DONE:
                status = ExperimentRunStatus(name=name, analysis_run=outcome.name or action.name, phase=PENDING)
        if status is not None:
            found[name] = status
    return found


def _events(case: Case, after: ExperimentStatus, outcomes: Sequence[Outcome]) -> Iterable[Event]:
    for outcome in outcomes:
        if isinstance(outcome, Refused) and isinstance(outcome.action, CreateReplicaSet):
            text = f'Failed to create new replica set "{outcome.action.name}": {outcome.message}'
            yield Event("ReplicaSetCreateError", text)
    yield from transitions(case.status, after)


def _wake(case: Case, draft: Draft, after: ExperimentStatus) -> datetime | None:
    """When to look again: now where the pass has said something that the next acts on, else at the next deadline."""
    if (after.phase, after.available_at) != (case.status.phase, case.status.available_at):
        return case.now
    if after.phase not in COMPLETED and [t.status for t in after.template_statuses] != [
        part.stored.status for part in draft.parts
    ]:
        return case.now
    moments = [] if case.ending else [case.end, *(deadline(case, status) for status in after.template_statuses)]
    moments += [
        part.drained_at
        for part in draft.parts
        if part.wanted == 0 and part.replica_set is not None and part.replica_set.spec_replicas
    ]
    return min((moment for moment in moments if moment is not None), default=None)
