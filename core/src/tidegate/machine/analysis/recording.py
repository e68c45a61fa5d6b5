"""Measurements into results: counted once each, newest last, the old ones forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from tidegate.api.analysis import Measurement, MetricResult
from tidegate.machine.analysis.acts import Measured, Measuring
from tidegate.machine.analysis.phases import COMPLETED, ERROR, FAILED, INCONCLUSIVE, RUNNING, SUCCESSFUL
from tidegate.machine.moments import rounded_up

_COUNTERS = {SUCCESSFUL: "successful", FAILED: "failed", INCONCLUSIVE: "inconclusive", ERROR: "error"}


def taken(result: MetricResult) -> int:
    """How many measurements have ended, those that are no longer kept included."""
    return result.count + result.error


def unfinished(result: MetricResult | None) -> Measurement | None:
    """The measurement that is under way, None without one."""
    last = result.measurements[-1] if result is not None and result.measurements else None
    return last if last is not None and last.finished_at is None else None


def recorded(result: MetricResult | None, outcome: Measured, *, dry: bool, now: datetime) -> MetricResult | None:
    """The result with one more measurement, or with the unfinished one replaced.

    A measurement that is in the result already, by its number, changes nothing: it is never counted twice.
    """
    action, measurement = outcome.action, outcome.measurement
    if measurement is None or not isinstance(action, Measuring):
        return result
    if result is None:
        result = MetricResult(name=action.metric, phase=RUNNING, dry_run=dry, metadata=dict(outcome.annotations))
    if taken(result) != action.number - 1 or result.phase in COMPLETED:
        return result
    last = _ended(measurement, now)
    before = result.measurements[:-1] if unfinished(result) is not None else result.measurements
    return result.model_copy(update={"measurements": [*before, last], **_counts(result, last)})


def _ended(measurement: Measurement, now: datetime) -> Measurement:
    """The measurement as it is kept: what is over has an end, and it is resumed no earlier than was asked for."""
    changes: dict[str, datetime] = {}
    if measurement.phase in COMPLETED and measurement.finished_at is None:
        changes["finished_at"] = now
    if measurement.resume_at is not None:
        changes["resume_at"] = rounded_up(measurement.resume_at)
    if measurement.started_at is None:
        changes["started_at"] = now
    return measurement.model_copy(update=changes) if changes else measurement


def _counts(result: MetricResult, last: Measurement) -> Mapping[str, int]:
    counter = _COUNTERS.get(last.phase)
    if counter is None:
        return {}
    wrong, well = last.phase == ERROR, last.phase == SUCCESSFUL
    return {
        counter: getattr(result, counter) + 1,
        "count": result.count + (0 if wrong else 1),
        "consecutive_error": result.consecutive_error + 1 if wrong else 0,
        "consecutive_success": result.consecutive_success + 1 if well else 0,
    }


def trimmed(results: Sequence[MetricResult], keep: Mapping[str, int]) -> list[MetricResult]:
    """The results with no more than `keep` measurements each; the counts remember the rest."""
    return [_trim(result, keep.get(result.name)) for result in results]


def _trim(result: MetricResult, keep: int | None) -> MetricResult:
    if keep is None or len(result.measurements) <= keep:
        return result
    return result.model_copy(update={"measurements": result.measurements[-keep:]})
