"""What the analysis asks of the language: whether a condition holds, and which time an expression means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tidegate.machine.expr.expression import compile_expression
from tidegate.machine.expr.faults import ExpressionError
from tidegate.machine.expr.values import Value, go_type


def holds(condition: str, result: Value) -> bool:
    """Whether a metric's condition holds for what its provider found.

    Raises ExpressionError, a ValueError, where it cannot be read or evaluated, or is neither true nor false. A list of
    floats is typed where it is `Floats`; a JSON document should come through `from_json`, so that 200 is a float.
    """
    value = compile_expression(condition).evaluate({"result": result})
    if value is True or value is False:
        return value
    raise ExpressionError(f"expected bool, but got {go_type(value)}", advice="compare it with something")


def moment(text: str, now: datetime, env: Mapping[str, Value] | None = None) -> datetime:
    """The time that `now() - duration("5m")` and its kin mean. Raises ExpressionError where it is no time."""
    value = compile_expression(text).evaluate(env or {}, now)
    if isinstance(value, datetime):
        return value
    raise ExpressionError(f"expected time.Time, but got {go_type(value)}", advice='write now() - duration("5m")')
