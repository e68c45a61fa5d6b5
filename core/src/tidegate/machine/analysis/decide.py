"""From a run as it was seen to what should be done: measure what is due, then judge, then one status.

`decide`, and the conclusion of the plan that it gives, are pure and total. Nothing in here knows a secret: who carries a
measurement out resolves the arguments (see `late.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tidegate.api.analysis import AnalysisRun, AnalysisRunStatus, Metric, MetricResult
from tidegate.machine.actions import Action, Event
from tidegate.machine.analysis.acts import Collect, Cut, Measured, Measuring
from tidegate.machine.analysis.assessment import Assessment, assess, ending
from tidegate.machine.analysis.expiry import expire
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.filling import filled, values_of
from tidegate.machine.analysis.phases import COMPLETED, ERROR, INCONCLUSIVE, RUNNING, SUCCESSFUL, event_type
from tidegate.machine.analysis.recording import recorded, trimmed
from tidegate.machine.analysis.rules import dry_names, kept
from tidegate.machine.analysis.serial import wire
from tidegate.machine.analysis.timing import Turn, acts
from tidegate.machine.analysis.validation import require_valid
from tidegate.machine.moments import later, rounded_up
from tidegate.machine.plan import Outcome, Plan, Result, Settled

HELD_UP_S = 1.0  # after which a measurement that could not be taken is tried again (a rate limit); chosen by feel


@dataclass(frozen=True, slots=True)
class RunSeen:
    """One run and the time. `collecting` are the places of the metrics whose provider leaves something to be collected."""

    now: datetime
    run: AnalysisRun
    collecting: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Course:
    """A run whose spec can be worked with: its metrics with placeholders for secrets, and what its rules pick."""

    seen: RunSeen
    metrics: tuple[Metric, ...]
    dry: frozenset[str]
    keep: dict[str, int]

    @classmethod
    def of(cls, seen: RunSeen) -> Course:
        """Raises Unusable with the message of the run."""
        spec = seen.run.spec
        try:
            values = values_of(spec.args)
            metrics = tuple(filled(metric, values) for metric in spec.metrics)
        except Unusable as fault:
            raise Unusable(f"Unable to resolve metric arguments: {fault}") from fault
        names = [metric.name for metric in metrics]
        try:
            require_valid(metrics)
            return cls(seen, metrics, dry_names(spec.dry_run, names), dict(kept(spec.measurement_retention, names)))
        except Unusable as fault:
            raise Unusable(f"Analysis spec invalid: {fault}") from fault

    def turns(self, status: AnalysisRunStatus, now: datetime) -> list[Turn]:
        """Every metric with its result in `status`."""
        results = {result.name: result for result in status.metric_results}
        return [
            Turn(now, metric, index, results.get(metric.name), status.started_at)
            for index, metric in enumerate(self.metrics)
        ]


def decide(seen: RunSeen) -> Plan:
    """What one pass wants for a run, and how to conclude from what that came to."""
    run = seen.run
    if run.metadata.deletion_timestamp is not None:
        return Plan("deleting", (), lambda _: Settled(None))
    if run.status.phase in COMPLETED:
        return expire(seen.now, run)
    try:
        course = Course.of(seen)
    except Unusable as fault:
        text = str(fault)
        return Plan("invalid", (), lambda _: _unusable(seen, run.status, text, seen.now), (text,))
    actions = _actions(course)

    def conclude(outcomes: Sequence[Outcome] | None) -> Settled:
        return _concluded(course, outcomes or ())

    return Plan("measuring" if actions else "waiting", tuple(actions), conclude, _notes(course))


def _actions(course: Course) -> list[Action]:
    status = course.seen.run.status
    ends = ending(status.metric_results, terminate=course.seen.run.spec.terminate)
    wanted = acts(course.turns(status, course.seen.now), ending=ends)
    return [*wanted, *(_collecting(course, act) for act in wanted if act.index in course.seen.collecting)]


def _collecting(course: Course, act: Measuring) -> Collect:
    return Collect(act.metric, act.index, course.keep[act.metric], why="beyond the measurements that are kept")


def _notes(course: Course) -> tuple[str, ...]:
    waits = [(turn.metric.name, turn.next()) for turn in course.turns(course.seen.run.status, course.seen.now)]
    return tuple(
        f"metric {name}: next looked at {when:%H:%M:%S}" for name, when in waits if when and when > course.seen.now
    )


def _unusable(seen: RunSeen, status: AnalysisRunStatus, text: str, now: datetime) -> Settled:
    """# differs: `completedAt` is written, so that such a run expires too."""
    changes = {"phase": ERROR, "message": text, "completed_at": rounded_up(now)}
    after = status.model_copy(update=changes)
    left = expire(now, seen.run.model_copy(update={"status": after})).expected
    return Settled(wire(after), (_ended(ERROR),), left.wake_at)


def _concluded(course: Course, outcomes: Sequence[Outcome]) -> Settled:
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    now = max([course.seen.now, *(moment for outcome in measured for moment in _moments(outcome))])
    before = course.seen.run.status
    gathered = before.model_copy(update={"metric_results": _gathered(course, measured, now)})
    error = "; ".join(dict.fromkeys(o.message for o in outcomes if o.result is Result.FAILED))
    unresolved = next((outcome.unresolved for outcome in measured if outcome.unresolved), "")
    if unresolved:
        text = f"Unable to resolve metric arguments: {unresolved}"
        return replace(_unusable(course.seen, gathered, text, now), error=error)
    found = assess(course.metrics, gathered.metric_results, course.dry, terminate=course.seen.run.spec.terminate)
    after = _status(gathered, found, course, now)
    events = list(found.events)
    if after.phase in COMPLETED:
        events.append(_ended(after.phase))
    wake = _wake(course, after, now)
    if wake is not None and any(outcome.result is Result.PENDING for outcome in outcomes):
        wake = max(wake, later(now, HELD_UP_S))
    return Settled(wire(after), tuple(events), wake, error)


def _moments(outcome: Measured) -> list[datetime]:
    """What a measurement knows of its times: they lie behind the moment at which the pass began."""
    found = outcome.measurement
    return [moment for moment in (found.started_at, found.finished_at) if moment is not None] if found else []


def _gathered(course: Course, measured: Sequence[Measured], now: datetime) -> list[MetricResult]:
    """The results with what was measured; new ones in the spec's order, whichever ended first."""
    results = {result.name: result for result in course.seen.run.status.metric_results}
    acted = [(o.action.index, o.action.metric, o) for o in measured if isinstance(o.action, Measuring)]
    for _, name, outcome in sorted(acted, key=lambda one: one[0]):
        found = recorded(results.get(name), _cut_off(outcome), dry=name in course.dry, now=now)
        if found is not None:
            results[name] = found
    return list(results.values())


def _cut_off(outcome: Measured) -> Measured:
    """A measurement that was told to end says so, unless something went wrong with it."""
    measurement = outcome.measurement
    if measurement is None or not isinstance(outcome.action, Cut):
        return outcome
    if measurement.phase not in (SUCCESSFUL, INCONCLUSIVE):
        return outcome
    return replace(outcome, measurement=measurement.model_copy(update={"message": "Metric Terminated"}))


def _status(before: AnalysisRunStatus, found: Assessment, course: Course, now: datetime) -> AnalysisRunStatus:
    changes: dict[str, object] = {
        "metric_results": trimmed(found.results, course.keep),
        "run_summary": found.summary,
        "dry_run_summary": found.dry_summary,
        # Rounded up, as all that something is counted from: nothing ends early.
        "started_at": before.started_at or rounded_up(course.seen.now),
    }
    if found.phase != before.phase:
        changes |= {"phase": found.phase, "message": found.message}
        if found.phase in COMPLETED:
            changes["completed_at"] = rounded_up(now)
    return before.model_copy(update=changes)


def _ended(phase: str) -> Event:
    return Event(f"AnalysisRun{phase}", f"Analysis Completed. Result: {phase}", event_type(phase))


def _wake(course: Course, after: AnalysisRunStatus, now: datetime) -> datetime | None:
    if after.phase in COMPLETED:
        return expire(now, course.seen.run.model_copy(update={"status": after})).expected.wake_at
    if after.phase == RUNNING and ending(after.metric_results, terminate=course.seen.run.spec.terminate):
        return now  # what is still under way is ended at once
    return min((when for turn in course.turns(after, now) if (when := turn.next()) is not None), default=None)
