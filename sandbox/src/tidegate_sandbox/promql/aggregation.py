"""`sum`, `avg`, `max`, `min`, `count` and `group`, `by` or `without` labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from promql_parser import AggModifier, AggModifierType

from tidegate_sandbox.promql.values import NAME, Labels, QueryError, Sample, Vector, only, without
from tidegate_sandbox.promql.windows import highest, lowest

_FOLDS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "max": highest,
    "min": lowest,
    "count": len,
    "group": lambda _: 1.0,
}


def aggregated(name: str, vector: Vector, modifier: AggModifier | None) -> Vector:
    """One sample for each group. Raises QueryError for an aggregation that is not served."""
    fold = _FOLDS.get(name)
    if fold is None:
        raise QueryError(f"aggregation {name} is not served by the sandbox; it has {', '.join(_FOLDS)}")
    groups: dict[Labels, list[float]] = {}
    for sample in vector.samples:
        groups.setdefault(_group(sample.labels, modifier), []).append(sample.value)
    return Vector(tuple(Sample(labels, float(fold(values))) for labels, values in groups.items()))


def _group(labels: Labels, modifier: AggModifier | None) -> Labels:
    if modifier is None:
        return ()
    if modifier.type == AggModifierType.By:
        return only(labels, modifier.labels)
    return without(labels, (*modifier.labels, NAME))
