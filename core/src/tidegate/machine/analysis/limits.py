"""A metric's counts and limits as numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tidegate.api.analysis import Metric
from tidegate.api.intstr import IntOrString
from tidegate.machine.analysis.intervals import readable_seconds

DEFAULT_ERROR_LIMIT = 4  # argo-rollouts analysis/analysis.go, defaults.DefaultConsecutiveErrorLimit
ERROR_RETRY_S = 10.0  # ibid., DefaultErrorRetryInterval: also the pause of a metric without an interval
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def number(value: IntOrString | None, default: int = 0) -> int:
    """An int-or-string as Kubernetes' IntValue reads it: text that is no number is 0, an absent one the default."""
    if value is None:
        return default
    if isinstance(value, int):
        return value
    return int(value) if _INTEGER.fullmatch(value) else 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a metric is measured and what it tolerates.

    `count` is the number of measurements that count, None for no end; a `failure` of -1 tolerates every failure;
    a `streak` of 0 asks for no successes in a row.
    """

    count: int | None
    failure: int
    inconclusive: int
    errors: int
    streak: int
    interval_s: float
    delay_s: float

    @classmethod
    def of(cls, metric: Metric) -> Limits:
        """The limits of a metric whose texts are filled in."""
        asked = number(metric.count)
        # Without a count there is one measurement, or with an interval no end of them.
        count = asked or (None if metric.interval else 1)
        return cls(
            count=count,
            failure=number(metric.failure_limit),
            inconclusive=number(metric.inconclusive_limit),
            errors=number(metric.consecutive_error_limit, DEFAULT_ERROR_LIMIT),
            streak=number(metric.consecutive_success_limit),
            interval_s=readable_seconds(metric.interval),
            delay_s=readable_seconds(metric.initial_delay),
        )

    def reached(self, count: int) -> bool:
        """Whether so many measurements are all that were asked for."""
        return self.count is not None and count >= self.count
