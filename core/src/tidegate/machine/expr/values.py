"""The values of the language, as Python has them, and the names Go gives their types.

A value is None, bool, int (64 bits), float, str, a list (or a range), a dict, a datetime or a Duration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

Value = object
List = list[Value] | tuple[Value, ...] | range
LISTS = (list, tuple, range)
NUMBERS = frozenset({int, float})
_HALF = 1 << 63
_MASK = (1 << 64) - 1


class Floats(list[float]):
    """A list that holds floats and nothing else, so that its elements are checked before anything runs."""


class Struct(dict[str, Value]):
    """A record with fixed fields: asking for one that it has not is an error, not nil."""


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time in whole nanoseconds."""

    nanoseconds: int

    @property
    def seconds(self) -> float:
        """The span in seconds."""
        return self.nanoseconds / 1e9


def from_json(value: Value, depth: int = 0) -> Value:
    """A decoded JSON value as the language sees it: every number is a float. Raises ValueError beyond 200 levels."""
    if depth > 200:  # far beyond any answer; keeps the walk off Python's recursion limit
        raise ValueError("the value is nested deeper than 200 levels; select a part of it")
    if type(value) is int:
        return _float(value)
    if isinstance(value, Mapping):
        return {str(key): from_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [from_json(item, depth + 1) for item in value]
    return value


def _float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def wrapped(number: int) -> int:
    """`number` cut to 64 bits with its sign, as Go's int overflows."""
    if -_HALF <= number < _HALF:
        return number
    return ((number + _HALF) & _MASK) - _HALF


def go_type(value: Value) -> str:
    """The name Go prints for the type of a value; errors say it to people who know the reference."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Floats():
            return "[]float64"
        case range():
            return "[]int"
        case list() | tuple():
            return "[]interface {}"
        case dict():
            return "map[string]interface {}"
        case datetime():
            return "time.Time"
        case Duration():
            return "time.Duration"
        case _:
            return type(value).__name__


def size(value: Value) -> int:
    """How many elements or characters a value holds; 0 for a scalar."""
    return len(value) if isinstance(value, Sequence | Mapping) else 0
