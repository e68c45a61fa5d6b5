"""Operators between numbers and vectors: arithmetic, comparison, and sets."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from promql_parser import BinModifier, LabelModifierType, VectorMatchCardinality

from tidegate_sandbox.promql.values import (
    NAME,
    Labels,
    Matrix,
    QueryError,
    Sample,
    Scalar,
    Text,
    Value,
    Vector,
    only,
    quotient,
    without,
)


def _power(base: float, exponent: float) -> float:
    """As Go's math.Pow: what is no real number is NaN, what is too large infinite."""
    try:
        found = base**exponent
    except OverflowError:
        return math.inf if base > 0 or exponent % 2 == 0 else -math.inf
    except ZeroDivisionError:
        return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf
    return math.nan if isinstance(found, complex) else float(found)


def _remainder(left: float, right: float) -> float:
    return math.nan if right == 0 or math.isinf(left) else math.fmod(left, right)


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": quotient,
    "%": _remainder,
    "^": _power,
    "atan2": math.atan2,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_SETS = ("and", "or", "unless")
_GROUPED = (VectorMatchCardinality.ManyToOne, VectorMatchCardinality.OneToMany)


def combined(name: str, left: Value, right: Value, modifier: BinModifier | None) -> Value:
    """The value of `left name right`. Raises QueryError for what is not served and for samples that match twice."""
    as_bool = modifier is not None and modifier.return_bool
    match left, right:
        case Scalar(), Scalar():
            return Scalar(_number(name, left.value, right.value))
        case Vector(), Scalar():
            return _each(name, left, lambda value: (value, right.value), as_bool)
        case Scalar(), Vector():
            return _each(name, right, lambda value: (left.value, value), as_bool)
        case Vector(), Vector():
            if name in _SETS:
                return _set(name, left, right, modifier)
            return _paired(name, left, right, modifier)
        case (Text() | Matrix(), _) | (_, Text() | Matrix()):
            raise QueryError(f"binary expression {name} takes numbers and instant vectors")
        case _:
            raise AssertionError("every pair of values is dealt with")


def _number(name: str, left: float, right: float) -> float:
    if name in _COMPARISONS:
        return float(_COMPARISONS[name](left, right))
    return _ARITHMETIC[name](left, right)


def _each(name: str, vector: Vector, operands: Callable[[float], tuple[float, float]], as_bool: bool) -> Vector:
    """A vector with a number: a comparison filters, everything else computes and drops the name."""
    if name in _COMPARISONS and not as_bool:
        return Vector(tuple(s for s in vector.samples if _COMPARISONS[name](*operands(s.value))))
    return Vector(tuple(Sample(without(s.labels, (NAME,)), _number(name, *operands(s.value))) for s in vector.samples))


def _key(labels: Labels, modifier: BinModifier | None) -> Labels:
    """What has to be equal for two samples to match: all labels but the name, or those that on/ignoring say."""
    matching = modifier.matching if modifier is not None else None
    if matching is None:
        return without(labels, (NAME,))
    if matching.type == LabelModifierType.Include:
        return only(labels, matching.labels)
    return without(labels, (*matching.labels, NAME))


def _set(name: str, left: Vector, right: Vector, modifier: BinModifier | None) -> Vector:
    lefts = {_key(sample.labels, modifier) for sample in left.samples}
    rights = {_key(sample.labels, modifier) for sample in right.samples}
    if name == "or":
        return Vector(left.samples + tuple(s for s in right.samples if _key(s.labels, modifier) not in lefts))
    return Vector(tuple(s for s in left.samples if (_key(s.labels, modifier) in rights) == (name == "and")))


def _paired(name: str, left: Vector, right: Vector, modifier: BinModifier | None) -> Vector:
    """One to one; a sample without a partner has no result."""
    if modifier is not None and modifier.card in _GROUPED:
        raise QueryError("group_left and group_right are not served by the sandbox; aggregate both sides first")
    partners = _by_key("right", right, modifier)
    as_bool = modifier is not None and modifier.return_bool
    found = []
    for key, sample in _by_key("left", left, modifier).items():
        partner = partners.get(key)
        if partner is None:
            continue
        if name not in _COMPARISONS or as_bool:
            found.append(Sample(_outcome(sample.labels, key, modifier), _number(name, sample.value, partner.value)))
        elif _COMPARISONS[name](sample.value, partner.value):
            found.append(Sample(_outcome(sample.labels, key, modifier, named=True), sample.value))
    return Vector(tuple(found))


def _outcome(labels: Labels, key: Labels, modifier: BinModifier | None, *, named: bool = False) -> Labels:
    """The labels of a result: those that matched; a comparison without on/ignoring keeps the name as well."""
    if modifier is None or modifier.matching is None:
        return labels if named else key
    if modifier.matching.type == LabelModifierType.Include:
        return key
    return without(labels, modifier.matching.labels) if named else key


def _by_key(side: str, vector: Vector, modifier: BinModifier | None) -> dict[Labels, Sample]:
    found: dict[Labels, Sample] = {}
    for sample in vector.samples:
        key = _key(sample.labels, modifier)
        if key in found:
            labels = ", ".join(f'{name}="{value}"' for name, value in key)
            raise QueryError(
                f"found duplicate series for the match group {{{labels}}} on the {side} hand-side of the operation;"
                " many-to-many matching not allowed: matching labels must be unique on one side",
                "execution",
            )
        found[key] = sample
    return found
