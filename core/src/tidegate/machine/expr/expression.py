"""An expression: read once, checked against the kinds of what is handed in, evaluated within limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from tidegate.machine.expr.compiler import compiled
from tidegate.machine.expr.faults import ExpressionError, Failure
from tidegate.machine.expr.frames import Code, Frame, Scope
from tidegate.machine.expr.kinds import Kind, kind_of
from tidegate.machine.expr.nodes import Node
from tidegate.machine.expr.parser import parse
from tidegate.machine.expr.values import Value


@dataclass(frozen=True)
class Expression:
    """A text that could be read. It holds no state: one may be evaluated by many threads."""

    text: str
    tree: Node

    def evaluate(self, env: Mapping[str, Value], now: datetime | None = None) -> Value:
        """The value with these names. `now` is what `now()` gives, an error where it is None.

        What an expression is checked for depends on the values: `result > 1` is refused before it runs where result
        is a text, and fails while it runs where it comes out of a map. Both raise ExpressionError.
        """
        code = _code(self.text, tuple((name, kind_of(env[name])) for name in sorted(env)))
        try:
            return code.run(Frame(env, now))
        except Failure as failure:
            raise ExpressionError(failure.cause, advice=failure.advice) from None


def compile_expression(text: str) -> Expression:
    """The expression of a text. Raises ExpressionError with the place where it cannot be read."""
    return Expression(text, parse(text))


@lru_cache(maxsize=256)  # as many as the parser keeps; a condition meets one or two kinds of results
def _code(text: str, kinds: tuple[tuple[str, Kind], ...]) -> Code:
    return compiled(parse(text), Scope(dict(kinds)))
