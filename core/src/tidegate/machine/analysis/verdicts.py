"""From what a provider read to a measurement: the conditions of a metric, and what stands for no data.

Source: argo-rollouts utils/evaluate/evaluate.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidegate.api.analysis import Measurement, Metric
from tidegate.machine.analysis.phases import COMPLETED, ERROR, FAILED, INCONCLUSIVE, RUNNING, SUCCESSFUL

NO_DATA = "metric result is nil or empty: no data returned from the metric provider"

# Says whether a condition holds for a result; raises ValueError with the cause for one that cannot be judged.
Holds = Callable[[str, Any], bool]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a provider found out. `result` is judged by the metric's conditions, `value` is how it is shown.

    A provider that judges for itself gives `phase`, Running with `resume_at` for a measurement that lasts; one that
    could not measure gives Error and why in `message`. `metadata` is kept with the measurement.
    """

    result: Any = None
    value: str = ""
    phase: str = ""
    message: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    resume_at: datetime | None = None


def judged(metric: Metric, reading: Reading, holds: Holds) -> tuple[str, str]:
    """The phase of a reading and its message."""
    if reading.phase in (RUNNING, *COMPLETED):
        return reading.phase, reading.message
    if reading.phase:
        return (
            ERROR,
            f"the provider answered with phase {reading.phase!r}; it has to be Running or one of the final phases",
        )
    verdicts: list[bool | None] = []
    for label, condition in (
        ("successCondition", metric.success_condition),
        ("failureCondition", metric.failure_condition),
    ):
        try:
            verdicts.append(holds(condition, reading.result) if condition else None)
        except ValueError as cause:
            said = NO_DATA if empty(reading.result) else cause
            return ERROR, f'could not evaluate {label} "{condition}": {said}'
    return _combined(verdicts[0], verdicts[1]), reading.message


def _combined(succeeds: bool | None, fails: bool | None) -> str:
    if fails:
        return FAILED
    if succeeds is None or succeeds:
        return SUCCESSFUL
    return FAILED if fails is None else INCONCLUSIVE


def empty(result: object) -> bool:
    """Whether a provider has no data: nothing, or an empty list."""
    return result is None or (isinstance(result, list | tuple) and not result)


def measurement_of(
    metric: Metric, reading: Reading, holds: Holds, started: datetime, finished: datetime
) -> Measurement:
    """The measurement that a reading comes to. It is not hidden yet (see `late.py`)."""
    phase, message = judged(metric, reading, holds)
    lasts = phase == RUNNING
    return Measurement(
        phase=phase,
        message=message,
        started_at=started,
        finished_at=None if lasts else finished,
        resume_at=reading.resume_at if lasts else None,
        value=reading.value,
        metadata=dict(reading.metadata),
    )


def failed_measurement(message: str, started: datetime, finished: datetime) -> Measurement:
    """The measurement of a provider that could not be asked, or that raised: an error of this measurement alone."""
    return Measurement(phase=ERROR, message=message, started_at=started, finished_at=finished)
