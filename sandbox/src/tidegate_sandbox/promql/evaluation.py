"""A query's tree becomes a value, at one moment or at each step of a range."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    UnaryExpr,
    VectorSelector,
)

from tidegate_sandbox.promql.aggregation import aggregated
from tidegate_sandbox.promql.functions import called
from tidegate_sandbox.promql.operators import combined
from tidegate_sandbox.promql.reading import read
from tidegate_sandbox.promql.samples import Samples
from tidegate_sandbox.promql.selection import wanted_by
from tidegate_sandbox.promql.values import Labels, Matrix, QueryError, Scalar, Stretch, Text, Value, Vector

LOOK_BACK_MS = 5 * 60 * 1000
"""How old the last sample of a series may be; Prometheus' default. Series here never end, so none goes stale earlier."""

MOST_STEPS = 11_000  # of a range query; Prometheus' own limit


def instant(query: str, samples: Samples, now_ms: int) -> Value:
    """The value of a query at one moment. Raises QueryError."""
    return _guarded(_Moment(samples, now_ms), read(query))


def ranged(query: str, samples: Samples, steps_ms: range) -> Matrix:
    """The values of a query at each step, by series. Raises QueryError, also for a query that yields no numbers."""
    tree = read(query)
    if len(steps_ms) > MOST_STEPS:
        raise QueryError(
            f"exceeded maximum resolution of {MOST_STEPS:,} points per timeseries. Try decreasing the query resolution"
            " (?step=XX)"
        )
    series: dict[Labels, tuple[list[int], list[float]]] = {}
    for now_ms in steps_ms:
        for labels, value in _numbers(_guarded(_Moment(samples, now_ms), tree)):
            times, values = series.setdefault(labels, ([], []))
            times.append(now_ms)
            values.append(value)
    stretches = tuple(Stretch(labels, *series[labels]) for labels in sorted(series))
    return Matrix(stretches, steps_ms.start, steps_ms.stop)


def _numbers(value: Value) -> list[tuple[Labels, float]]:
    match value:
        case Scalar(number):
            return [((), number)]
        case Vector(samples):
            return [(sample.labels, sample.value) for sample in samples]
        case Text() | Matrix():
            kind = "string" if isinstance(value, Text) else "range vector"
            raise QueryError(f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector')


def _guarded(moment: _Moment, tree: Expr) -> Value:
    try:
        return _unambiguous(moment.value(tree))
    except RecursionError as error:
        raise QueryError("the query is nested too deeply; the sandbox reads some hundred levels") from error


def _unambiguous(value: Value) -> Value:
    """Raises QueryError where dropping a name or a label has left two samples with one set of labels."""
    if isinstance(value, Vector) and len({sample.labels for sample in value.samples}) < len(value.samples):
        raise QueryError("vector cannot contain metrics with the same labelset", "execution")
    return value


@dataclass(frozen=True, slots=True)
class _Moment:
    """One evaluation: everything is looked at as it was at `now_ms`."""

    samples: Samples
    now_ms: int

    def value(self, tree: Expr) -> Value:
        """Raises QueryError for a part of the language that is not served."""
        match tree:
            case NumberLiteral():
                return Scalar(tree.val)
            case StringLiteral():
                return Text(tree.val)
            case ParenExpr():
                return self.value(tree.expr)
            case UnaryExpr():
                return combined("*", Scalar(-1.0), self.value(tree.expr), None)
            case VectorSelector():
                until_ms = self._moment_of(tree)
                return Vector(self.samples.latest(wanted_by(tree), until_ms - LOOK_BACK_MS, until_ms))
            case MatrixSelector():
                return self._range(tree)
            case Call():
                return called(tree.func.name, [self.value(argument) for argument in tree.args], self.now_ms)
            case BinaryExpr():
                return combined(str(tree.op), self.value(tree.lhs), self.value(tree.rhs), tree.modifier)
            case AggregateExpr():
                return self._aggregate(tree)
            case _:
                raise QueryError(f"{type(tree).__name__} is not served by the sandbox; use plain ranges such as [5m]")

    def _moment_of(self, selector: VectorSelector) -> int:
        if selector.at is not None:
            raise QueryError("the @ modifier is not served by the sandbox; send the parameter time instead")
        return self.now_ms - _milliseconds(selector.offset or timedelta())

    def _range(self, tree: MatrixSelector) -> Matrix:
        until_ms = self._moment_of(tree.vector_selector)
        after_ms = until_ms - _milliseconds(tree.range)
        return Matrix(self.samples.between(wanted_by(tree.vector_selector), after_ms, until_ms), after_ms, until_ms)

    def _aggregate(self, tree: AggregateExpr) -> Vector:
        vector = self.value(tree.expr)
        if tree.param is not None or not isinstance(vector, Vector):
            raise QueryError(f"aggregation {tree.op} takes one instant vector here")
        return aggregated(str(tree.op), vector, tree.modifier)


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
