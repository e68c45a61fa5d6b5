"""The parts of a JSONPath template, and how each leads from values to values.

The dialect is client-go's, which kubectl and the reference use; it differs from RFC 9535 in most places.
"""

# ruff: noqa: ARG002  (every part is handed values and walk, whether it needs them or not)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.hooks import Value, go_type

MOST_VALUES = 100_000  # `..` again and again multiplies: a path that meets more is refused rather than followed


class PathError(ValueError):
    """A path that cannot be read, or that leads nowhere; the text is client-go's where it has one."""


@dataclass(slots=True)
class Walk:
    """Counts what one evaluation has met."""

    left: int = MOST_VALUES

    def meet(self, values: Sequence[Value]) -> list[Value]:
        """The values, counted. Raises PathError beyond the bound."""
        self.left -= len(values)
        if self.left < 0:
            raise PathError(f"the path meets more than {MOST_VALUES} values; select less")
        return list(values)


@dataclass(frozen=True, slots=True)
class Text:
    """A literal, in quotes or outside of braces."""

    text: str

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        return [self.text]


@dataclass(frozen=True, slots=True)
class Constant:
    """A number or a boolean, once for each value."""

    value: float | bool

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        return walk.meet([self.value for _ in values])


@dataclass(frozen=True, slots=True)
class Field:
    """`.name`: of those values that are objects and have it. Nulls are passed over."""

    name: str

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        found = [value[self.name] for value in values if isinstance(value, dict) and self.name in value]
        if values and not found:  # nothing behind a filter that took nothing is no fault
            raise PathError(f"{self.name} is not found")
        return walk.meet(found)


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*`: what is right below.

    # differs: the reference goes through an object's keys in a random order and through a text's bytes; here they are in
    the document's order, and a text has nothing below it.
    """

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        return walk.meet([inner for value in values for inner in below(value)])


@dataclass(frozen=True, slots=True)
class Recursive:
    """`..`: everything that has something below it, a value before what it holds."""

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        found: list[Value] = []
        left = list(reversed(values))
        while left:
            value = left.pop()
            if inner := below(value):
                found.append(value)
                left += reversed(walk.meet(inner))
        return found


@dataclass(frozen=True, slots=True)
class Slice:
    """`[start:end:step]`; `[n]` is `single`. Negative positions count from the end; None is a side that is left open."""

    start: int | None
    end: int | None
    step: int | None
    single: bool = False

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        found: list[Value] = []
        for value in values:
            if value is None:
                continue
            if not isinstance(value, list):
                raise PathError(f"{go_type(value)} is not array or slice")
            start, end = self._bounds(len(value))
            if start == end:  # client-go stops here, whatever follows
                return found
            self._check(start, end, len(value))
            found += walk.meet(value[start : end : 1 if self.step is None else self.step])
        return found

    def _bounds(self, length: int) -> tuple[int, int]:
        start = self.start or 0
        start += length if start < 0 else 0
        if self.end is None:
            return start, length
        return start, self.end + (length if self.end < 0 or (self.end == 0 and self.single) else 0)

    def _check(self, start: int, end: int, length: int) -> None:
        for outside, index in ((not 0 <= start < length, start), (not 0 <= end <= length, end - 1)):
            if outside:
                raise PathError(f"array index out of bounds: index {index}, length {length}")
        if start > end:
            raise PathError(f"starting index {start} is greater than ending index {end}")
        if self.step is not None and self.step <= 0:
            raise PathError("step must be > 0")


@dataclass(frozen=True, slots=True)
class Chain:
    """Parts that follow one another."""

    parts: tuple[Node, ...]

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        found = list(values)
        for part in self.parts:
            found = part.follow(found, walk)
        return found


@dataclass(frozen=True, slots=True)
class Union:
    """`[a,b]`: what each leads to, in turn."""

    chains: tuple[Chain, ...]

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        return [value for chain in self.chains for value in chain.follow(values, walk)]


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(left operator right)]`, or `exists` with the left side alone."""

    left: Chain
    operator: str
    right: Chain

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        found: list[Value] = []
        for value in values:
            if not isinstance(value, list):
                raise PathError(f"{go_type(value)} is not array or slice and cannot be filtered")
            found += [item for item in walk.meet(value) if self._passes(item, walk)]
        return found

    def _passes(self, item: Value, walk: Walk) -> bool:
        if self.operator == "exists":
            try:
                return bool(self.left.follow([item], walk))
            except PathError:
                if walk.left < 0:
                    raise
                return False  # it leads nowhere: that is the answer
        sides = []
        for chain in (self.left, self.right):
            side = chain.follow([item], walk)
            if not side:
                return False
            if len(side) > 1:
                raise PathError("can only compare one element at a time")
            sides.append(side[0])
        return compared(sides[0], self.operator, sides[1])


@dataclass(frozen=True, slots=True)
class Word:
    """`range` or `end`."""

    name: str

    def follow(self, values: Sequence[Value], walk: Walk) -> list[Value]:
        raise PathError(f"{self.name} cannot stand inside a path; write {{range ...}}...{{end}}")


Node = Text | Constant | Field | Wildcard | Recursive | Slice | Union | Filter | Word


def below(value: Value) -> list[Value]:
    """What a value holds directly."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def compared(left: Value, operator: str, right: Value) -> bool:
    """Raises PathError for what cannot be compared.

    # differs: the reference refuses to compare a number of the document with one without a fraction in the path.
    """
    if operator not in ("==", "!=", "<", "<=", ">", ">="):
        raise PathError(f"unrecognized filter operator {operator}")
    kinds = [_kind(left), _kind(right)]
    if kinds[0] != kinds[1]:
        raise PathError("incompatible types for comparison")
    if operator in ("==", "!="):
        return (left == right) is (operator == "==")
    if isinstance(left, str) and isinstance(right, str):
        less, same = left.encode() < right.encode(), left == right
    elif kinds[0] is float and isinstance(left, int | float) and isinstance(right, int | float):
        less, same = left < right, left == right
    else:
        raise PathError("invalid type for comparison")
    return {"<": less, "<=": less or same, ">": not less and not same, ">=": not less}[operator]


def _kind(value: Value) -> type:
    for kind in (bool, str, float, int):
        if isinstance(value, kind):
            return float if kind is int else kind
    raise PathError("invalid type for comparison")
