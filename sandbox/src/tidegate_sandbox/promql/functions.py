"""Functions of numbers and instant vectors; those over ranges are in `windows`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from tidegate_sandbox.promql.histograms import histogram_quantile
from tidegate_sandbox.promql.values import NAME, Matrix, QueryError, Sample, Scalar, Text, Value, Vector, without
from tidegate_sandbox.promql.windows import WINDOWS

Function = Callable[[Sequence[Value], int], Value]
"""Arguments, checked by the parser for number and kind, and the moment in milliseconds."""


def called(name: str, arguments: Sequence[Value], now_ms: int) -> Value:
    """The value of a call. Raises QueryError for a function that is not served."""
    if name in WINDOWS:
        return _over_range(name, _matrix(arguments[0]))
    if name in FUNCTIONS:
        return FUNCTIONS[name](arguments, now_ms)
    raise QueryError(
        f"function {name} is not served by the sandbox; it has {', '.join(sorted((*WINDOWS, *FUNCTIONS)))}"
    )


def _over_range(name: str, matrix: Matrix) -> Vector:
    """One sample for each series; all functions but `last_over_time` drop the name, as they make another metric."""
    dropped = () if name == "last_over_time" else (NAME,)
    values = ((stretch.labels, WINDOWS[name](stretch, matrix)) for stretch in matrix.stretches)
    return Vector(tuple(Sample(without(labels, dropped), float(v)) for labels, v in values if v is not None))


def _matrix(value: Value) -> Matrix:
    if isinstance(value, Matrix):
        return value
    raise QueryError("this function takes a range, such as requests_total[5m]")


def _vector(value: Value) -> Vector:
    if isinstance(value, Vector):
        return value
    raise QueryError("this function takes an instant vector")


def _scalar(value: Value) -> float:
    if isinstance(value, Scalar):
        return value.value
    kind = "a string" if isinstance(value, Text) else "a vector"
    raise QueryError(f"this function takes a number here, not {kind}")


def _of_each(function: Callable[..., float]) -> Function:
    """Applies a function to each sample; further arguments are numbers."""

    def apply(arguments: Sequence[Value], _: int) -> Value:
        more = [_scalar(argument) for argument in arguments[1:]]
        samples = _vector(arguments[0]).samples
        return Vector(tuple(Sample(without(s.labels, (NAME,)), function(s.value, *more)) for s in samples))

    return apply


def _whole(rounded: Callable[[float], int]) -> Callable[[float], float]:
    return lambda value: float(rounded(value)) if math.isfinite(value) else value


def _round(value: float, to: float = 1.0) -> float:
    """To the nearest multiple; a tie goes up. NaN without a multiple to round to."""
    if not math.isfinite(to) or to == 0:
        return math.nan
    return math.floor(value / to + 0.5) * to if math.isfinite(value / to) else value


def _clamp(value: float, low: float, high: float) -> float:
    return value if math.isnan(value) else max(low, min(high, value))


def _as_scalar(arguments: Sequence[Value], _: int) -> Value:
    samples = _vector(arguments[0]).samples
    return Scalar(samples[0].value if len(samples) == 1 else math.nan)


def _as_vector(arguments: Sequence[Value], _: int) -> Value:
    return Vector((Sample((), _scalar(arguments[0])),))


FUNCTIONS: Mapping[str, Function] = {
    "abs": _of_each(abs),
    "ceil": _of_each(_whole(math.ceil)),
    "floor": _of_each(_whole(math.floor)),
    "round": _of_each(_round),
    "clamp": _of_each(_clamp),
    "clamp_min": _of_each(lambda value, low: _clamp(value, low, math.inf)),
    "clamp_max": _of_each(lambda value, high: _clamp(value, -math.inf, high)),
    "scalar": _as_scalar,
    "vector": _as_vector,
    "time": lambda _, now_ms: Scalar(now_ms / 1000),
    "histogram_quantile": lambda arguments, _: histogram_quantile(_scalar(arguments[0]), _vector(arguments[1])),
}
