"""What an expression can be worth, and the errors of the language."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tidegate_sandbox.errors import SandboxError

NAME = "__name__"

Labels = tuple[tuple[str, str], ...]
"""Name and value of each label, sorted by name; no label has an empty value. The series' own name is `__name__`."""


class QueryError(SandboxError):
    """A query that cannot be answered. `kind` is Prometheus' errorType: `bad_data`, or `execution`."""

    def __init__(self, text: str, kind: str = "bad_data") -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Sample:
    """The value of one series at the moment of the evaluation."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """The samples of one series within a range: times in milliseconds since 1970, ascending, and their values."""

    labels: Labels
    times_ms: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Scalar:
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """`start_ms` (exclusive) and `end_ms` bound the range that the samples were taken from."""

    stretches: tuple[Stretch, ...]
    start_ms: int
    end_ms: int


Value = Scalar | Text | Vector | Matrix


def labels_of(pairs: Iterable[tuple[str, str]]) -> Labels:
    """Labels in their order, without the empty ones: to Prometheus those are not there."""
    return tuple(sorted((name, value) for name, value in pairs if value))


def only(labels: Labels, names: Collection[str]) -> Labels:
    """The labels with these names."""
    return tuple(pair for pair in labels if pair[0] in names)


def without(labels: Labels, names: Collection[str]) -> Labels:
    """The labels with other names than these."""
    return tuple(pair for pair in labels if pair[0] not in names)


def quotient(left: float, right: float) -> float:
    """Division as IEEE 754 has it: 0/0 is NaN, x/0 is infinite."""
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)
