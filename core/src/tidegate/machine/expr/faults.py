"""What is wrong with an expression, and where."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """A place in an expression; both count from 1, columns in characters."""

    line: int
    column: int


START = Position(1, 1)


class Failure(Exception):
    """What an operator or a function cannot do. It knows no place; the compiler adds it and raises ExpressionError."""

    def __init__(self, cause: str, advice: str = "") -> None:
        super().__init__(cause)
        self.cause, self.advice = cause, advice


class ExpressionError(ValueError):
    """An expression that cannot be read, checked or evaluated: `cause`, where (`position`), and what to do (`advice`).

    The text is `<cause> (<line>:<column>)`, then the advice where there is any.
    """

    def __init__(self, cause: str, position: Position = START, advice: str = "") -> None:
        self.cause, self.position, self.advice = cause, position, advice
        end = f"; {advice}" if advice else ""
        super().__init__(f"{cause} ({position.line}:{position.column}){end}")

    @property
    def column(self) -> int:
        """The column, from 1."""
        return self.position.column

    def pointed(self, text: str) -> str:
        """The cause above the line of `text` it lies in, with a caret under its column."""
        lines = text.splitlines() or [""]
        shown = lines[min(self.position.line, len(lines)) - 1]
        return f"{self}\n | {shown}\n | {' ' * (self.position.column - 1)}^"
