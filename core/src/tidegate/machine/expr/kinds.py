"""Static types: what is known of a value before anything runs, and what fits what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tidegate.machine.expr.values import Duration, Floats, Value


@dataclass(frozen=True, slots=True)
class Kind:
    """A static type. `element` is that of a list's elements; `name` is what errors call it."""

    name: str
    element: Kind | None = None

    @property
    def is_list(self) -> bool:
        """Whether it is a list of any kind."""
        return self.element is not None


ANY = Kind("interface {}")  # decided while running
NIL = Kind("unknown")
BOOL, INT, FLOAT, STRING = Kind("bool"), Kind("int"), Kind("float64"), Kind("string")
MAP, TIME, DURATION = Kind("map[string]interface {}"), Kind("time.Time"), Kind("time.Duration")
NUMBERS = frozenset({INT, FLOAT})


def list_of(element: Kind) -> Kind:
    """The kind of a list with such elements."""
    return Kind(f"[]{ANY.name if element == NIL else element.name}", ANY if element == NIL else element)


LIST = list_of(ANY)
_SCALARS = {
    type(None): NIL,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    str: STRING,
    datetime: TIME,
    Duration: DURATION,
    range: list_of(INT),
    Floats: list_of(FLOAT),
}


def kind_of(value: Value) -> Kind:
    """What is known of a value that is handed in: a scalar's type, a typed list's; what lies in others is ANY."""
    found = _SCALARS.get(type(value))
    if found is not None:
        return found
    if isinstance(value, dict):
        return MAP
    return LIST if isinstance(value, list | tuple) else ANY


def open_to(kind: Kind, *wanted: Kind) -> bool:
    """Whether a value of `kind` may turn out to be one of `wanted`."""
    return kind == ANY or kind in wanted


def comparable(left: Kind, right: Kind) -> bool:
    """Whether `==` may be asked of the two."""
    if {left, right} & {ANY, NIL} or left == right or {left, right} <= NUMBERS:
        return True
    return left.is_list and right.is_list


def joined(left: Kind, right: Kind) -> Kind:
    """The kind of a value that comes from either side."""
    return left if left == right else ANY
