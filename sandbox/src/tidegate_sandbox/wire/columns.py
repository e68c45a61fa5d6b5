"""What a table column is, and the columns and ways to fill them that many kinds share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.wire.cells import (
    Cell,
    age,
    column_of,
    dig,
    labels_text,
    selector_text,
)

CellOf = Callable[[Manifest, datetime], Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `cell` gives its value for an object; a `priority` above 0 is shown by `-o wide` only."""

    name: str
    cell: CellOf
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""


def _value(obj: Manifest, _now: datetime, path: str, default: Cell) -> Cell:
    found: Cell = dig(obj, path)
    return default if found is None or found == "" else found


def at(path: str, default: Cell = "") -> CellOf:
    """The value at a dotted path."""
    return partial(_value, path=path, default=default)


def _text(obj: Manifest, _now: datetime, path: str, default: str) -> str:
    found = dig(obj, path)
    if isinstance(found, bool):
        return str(found).lower()
    return default if found is None or found == "" else str(found)


def text_at(path: str, default: str = "") -> CellOf:
    """The value at a dotted path as text; booleans as in JSON."""
    return partial(_text, path=path, default=default)


def count_at(path: str) -> CellOf:
    """How many entries the list or map at a path has."""
    return lambda obj, _now: len(dig(obj, path, ()))


def selector_at(path: str) -> CellOf:
    return lambda obj, _now: selector_text(dig(obj, path))


def labels_at(path: str) -> CellOf:
    return lambda obj, _now: labels_text(dig(obj, path))


def integer(name: str, path: str, default: int = 0) -> Column:
    """A column of a number that is 0 where the field is missing."""
    return Column(name, at(path, default), "integer")


def wide(name: str, cell: CellOf) -> Column:
    """A column for `-o wide`."""
    return Column(name, cell, priority=1)


def container_field(obj: Manifest, _now: datetime, template: str, key: str) -> str:
    """One field of every container of the pod template at a dotted path."""
    return column_of(dig(obj, f"{template}.spec.containers", []), key)


def workload_columns(template: str = "spec.template", selector: str = "spec.selector") -> tuple[Column, ...]:
    """The wide columns of everything that has a pod template."""
    columns = [wide("Containers", partial(container_field, template=template, key="name"))]
    columns.append(wide("Images", partial(container_field, template=template, key="image")))
    return (*columns, wide("Selector", selector_at(selector))) if selector else tuple(columns)


NAME = Column("Name", at("metadata.name"), format="name", description="Name is unique within a namespace.")
AGE = Column("Age", age, description="Time since the object was created.")
CREATED_AT = Column("Created At", at("metadata.creationTimestamp"), "date")
