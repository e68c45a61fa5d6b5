"""Quantiles of histograms whose buckets are series with the label `le`."""

from __future__ import annotations

import math
from itertools import accumulate

from tidegate_sandbox.promql.values import NAME, Labels, Sample, Vector, without

BOUND = "le"
Bucket = tuple[float, float]  # upper bound, answers up to it


def histogram_quantile(quantile: float, vector: Vector) -> Vector:
    """The quantile (0 to 1) of each histogram, linear within its bucket. Source: Prometheus, promql/quantile.go.

    Samples without a bound that is a number are left out.
    """
    histograms: dict[Labels, dict[float, float]] = {}
    for sample in vector.samples:
        bound = _bound(sample.labels)
        if bound is not None:
            buckets = histograms.setdefault(without(sample.labels, (BOUND, NAME)), {})
            buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return Vector(tuple(Sample(labels, _quantile(quantile, buckets)) for labels, buckets in histograms.items()))


def _bound(labels: Labels) -> float | None:
    try:
        return float(dict(labels).get(BOUND, ""))
    except ValueError:
        return None


def _quantile(quantile: float, counts: dict[float, float]) -> float:
    if math.isnan(quantile):
        return math.nan
    if quantile < 0 or quantile > 1:
        return math.copysign(math.inf, quantile)
    bounds = sorted(counts)
    # Buckets are read one after the other, so that a later one may lag behind: they are taken to grow.
    upto = list(accumulate((counts[bound] for bound in bounds), max))
    if len(bounds) < 2 or bounds[-1] != math.inf or not upto[-1] > 0:
        return math.nan
    rank = quantile * upto[-1]
    index = next(i for i, count in enumerate(upto) if count >= rank)
    if index == len(bounds) - 1:
        return bounds[-2]  # beyond the last finite bound nothing is known
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    low, before = (bounds[index - 1], upto[index - 1]) if index else (0.0, 0.0)
    inside = upto[index] - before
    return low + (bounds[index] - low) * ((rank - before) / inside if inside else math.nan)
