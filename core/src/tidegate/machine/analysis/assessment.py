"""What measurements say about a metric, and metrics about their run.

Source: argo-rollouts analysis/analysis.go, assessMetricStatus and assessRunStatus; deviations are marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.api.analysis import Metric, MetricResult, RunSummary
from tidegate.machine.actions import Event
from tidegate.machine.analysis.limits import Limits
from tidegate.machine.analysis.phases import (
    COMPLETED,
    ERROR,
    FAILED,
    INCONCLUSIVE,
    RUNNING,
    SUCCESSFUL,
    event_type,
    worse,
)
from tidegate.machine.analysis.recording import unfinished


@dataclass(frozen=True, slots=True)
class Assessed:
    """A metric's phase, and the limit that it went over, "" for none."""

    phase: str
    reason: str = ""


def assessed(limits: Limits, result: MetricResult, *, ending: bool) -> Assessed:
    """How a metric stands with these measurements; one that is over stays what it is."""
    if result.phase not in COMPLETED and unfinished(result) is not None:
        return Assessed(RUNNING)
    found = _over(limits, result) or _counted(limits, result)
    if result.phase in COMPLETED:
        return found if found is not None and found.phase == result.phase else Assessed(result.phase)
    return found or Assessed(SUCCESSFUL if ending else RUNNING)


def _over(limits: Limits, result: MetricResult) -> Assessed | None:
    """The limit that has been passed. Where several have, an error outweighs an unclear one, and that a failure."""
    if result.consecutive_error > limits.errors:
        text = f"consecutiveErrors ({result.consecutive_error}) > consecutiveErrorLimit ({limits.errors})"
        return Assessed(ERROR, text)
    if result.inconclusive > limits.inconclusive:
        text = f"inconclusive ({result.inconclusive}) > inconclusiveLimit ({limits.inconclusive})"
        return Assessed(INCONCLUSIVE, text)
    if 0 <= limits.failure < result.failed:
        return Assessed(FAILED, f"failed ({result.failed}) > failureLimit ({limits.failure})")
    return None


def _counted(limits: Limits, result: MetricResult) -> Assessed | None:
    """The end by numbers: enough successes in a row, or as many measurements as were asked for."""
    if 0 < limits.streak <= result.consecutive_success:
        return Assessed(SUCCESSFUL)
    if not limits.reached(result.count):
        return None
    if limits.streak <= 0:
        return Assessed(SUCCESSFUL)
    # differs: the reference gives no reason for a streak that was missed.
    text = f"consecutiveSuccess ({result.consecutive_success}) < consecutiveSuccessLimit ({limits.streak})"
    return Assessed(INCONCLUSIVE if limits.failure >= 0 else FAILED, text)


@dataclass(slots=True)
class _Tally:
    """The numbers of a summary while they are counted."""

    count: int = 0
    phases: list[str] = field(default_factory=list)

    def summary(self) -> RunSummary:
        by = self.phases.count
        return RunSummary(
            count=self.count,
            successful=by(SUCCESSFUL),
            failed=by(FAILED),
            inconclusive=by(INCONCLUSIVE),
            error=by(ERROR),
        )


@dataclass(slots=True)
class Assessment:
    """A run's phase and message, its results with their phases, its summaries, and the events of metrics that ended."""

    phase: str = ""
    message: str = ""
    results: list[MetricResult] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    summary: RunSummary = field(default_factory=RunSummary)
    dry_summary: RunSummary = field(default_factory=RunSummary)


def ending(results: Sequence[MetricResult], *, terminate: bool) -> bool:
    """Whether a run ends: told to, or because of a metric that counts and has not gone well."""
    return terminate or any(r.phase in (FAILED, ERROR, INCONCLUSIVE) and not r.dry_run for r in results)


class _Judge:
    """Goes through the metrics of a run in the spec's order and keeps what is worst."""

    def __init__(self, results: Sequence[MetricResult], dry: frozenset[str], *, terminate: bool) -> None:
        self.results = {result.name: result for result in results}
        self.dry, self.ending = dry, ending(results, terminate=terminate)
        self.worst, self.message, self.complete = "", "Run Terminated" if terminate else "", True
        self.counted, self.uncounted = _Tally(), _Tally()
        self.events: list[Event] = []

    def metric(self, metric: Metric) -> None:
        tally = self.uncounted if metric.name in self.dry else self.counted
        tally.count += 1
        before = self.results.get(metric.name)
        if before is None:
            self.complete = False
            return
        found = assessed(Limits.of(metric), before, ending=self.ending)
        result = self._moved(before, found)
        self.results[metric.name] = result
        if found.phase not in COMPLETED:
            self.complete = False
            return
        # differs: metrics are counted by their phases; the reference counts a missed streak as a success.
        tally.phases.append(found.phase)
        if metric.name in self.dry:
            self._note(result, found)
        elif not self.worst or worse(found.phase, self.worst):
            self.worst = found.phase
            self._explain(result, found)

    def _moved(self, before: MetricResult, found: Assessed) -> MetricResult:
        if before.phase == found.phase:
            return before
        if found.phase in COMPLETED:
            text = f"Metric '{before.name}' Completed. Result: {found.phase}"
            self.events.append(Event(f"Metric{found.phase}", text, event_type(found.phase)))
        said = before.measurements[-1].message if before.measurements else before.message
        return before.model_copy(update={"phase": found.phase, "message": said})

    def _note(self, result: MetricResult, found: Assessed) -> None:
        """A metric that does not count tells for itself why it ended."""
        if found.reason:
            text = f"Metric assessed {found.phase} due to {found.reason}"
            self.results[result.name] = result.model_copy(update={"message": text})

    def _explain(self, result: MetricResult, found: Assessed) -> None:
        if found.reason:
            detail = f': "Error Message: {result.message}"' if result.message else ""
            self.message = f'Metric "{result.name}" assessed {found.phase} due to {found.reason}{detail}'

    def verdict(self) -> tuple[str, str]:
        """The run's phase and message."""
        if not self.ending and not self.complete:
            return RUNNING, ""
        return self.worst or SUCCESSFUL, self.message


def assess(
    metrics: Sequence[Metric], results: Sequence[MetricResult], dry: frozenset[str], *, terminate: bool
) -> Assessment:
    """How a run stands. Whether it ends is judged by the results as they came in.

    So the pass that finds a metric failed leaves the run Running, and the next one ends what is still under way.
    """
    judge = _Judge(results, dry, terminate=terminate)
    for metric in metrics:
        judge.metric(metric)
    phase, message = judge.verdict()
    kept = [judge.results[result.name] for result in results]
    return Assessment(phase, message, kept, judge.events, judge.counted.summary(), judge.uncounted.summary())
