"""Functions over the samples of a range."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from tidegate_sandbox.promql.values import Matrix, Stretch

Window = Callable[[Stretch, Matrix], float | None]
"""The value of one series over the bounds of its matrix; None where there are too few samples."""


def extrapolated(stretch: Stretch, bounds: Matrix, *, counter: bool, per_second: bool) -> float | None:
    """The growth between the first and the last sample, extended to the bounds of the range.

    A counter that falls has begun anew. Source: Prometheus 3, promql/functions.go extrapolatedRate.
    """
    times, values = stretch.times_ms, stretch.values
    if len(times) < 2:
        return None
    growth = values[-1] - values[0] + (_lost_to_resets(values) if counter else 0.0)
    sampled_s = (times[-1] - times[0]) / 1000
    between_s = sampled_s / (len(times) - 1)
    before_s = _reach((times[0] - bounds.start_ms) / 1000, between_s)
    after_s = _reach((bounds.end_ms - times[-1]) / 1000, between_s)
    if counter and growth > 0 and values[0] >= 0:
        before_s = min(before_s, sampled_s * values[0] / growth)  # a counter was not below zero
    whole = growth * (sampled_s + before_s + after_s) / sampled_s
    return whole / ((bounds.end_ms - bounds.start_ms) / 1000) if per_second else whole


def _reach(gap_s: float, between_s: float) -> float:
    """How far a series is taken to go on beyond its samples: to the bound when that is near, else half a distance."""
    return gap_s if gap_s < between_s * 1.1 else between_s / 2


def _lost_to_resets(values: Sequence[float]) -> float:
    return sum(before for before, after in pairwise(values) if after < before)


def _last_two(stretch: Stretch, _: Matrix, *, per_second: bool) -> float | None:
    if len(stretch.times_ms) < 2:
        return None
    (before, last), (from_ms, to_ms) = stretch.values[-2:], stretch.times_ms[-2:]
    if per_second:
        return (last if last < before else last - before) / ((to_ms - from_ms) / 1000)
    return last - before


def _over(function: Callable[[Sequence[float]], float]) -> Window:
    return lambda stretch, _: function(stretch.values)


def highest(values: Sequence[float]) -> float:
    """The greatest number; NaN only where nothing else is."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def lowest(values: Sequence[float]) -> float:
    """The least number; NaN only where nothing else is."""
    return min((value for value in values if not math.isnan(value)), default=math.nan)


WINDOWS: Mapping[str, Window] = {
    "rate": lambda stretch, bounds: extrapolated(stretch, bounds, counter=True, per_second=True),
    "increase": lambda stretch, bounds: extrapolated(stretch, bounds, counter=True, per_second=False),
    "delta": lambda stretch, bounds: extrapolated(stretch, bounds, counter=False, per_second=False),
    "irate": lambda stretch, bounds: _last_two(stretch, bounds, per_second=True),
    "idelta": lambda stretch, bounds: _last_two(stretch, bounds, per_second=False),
    "sum_over_time": _over(sum),
    "avg_over_time": _over(lambda values: sum(values) / len(values)),
    "max_over_time": _over(highest),
    "min_over_time": _over(lowest),
    "count_over_time": _over(len),
    "last_over_time": _over(lambda values: values[-1]),
}
