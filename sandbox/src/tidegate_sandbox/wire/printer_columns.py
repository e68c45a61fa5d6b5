"""additionalPrinterColumns of a CRD: the simple JSONPath they are written in and the cells it yields."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.wire.cells import Cell, parsed_time, since
from tidegate_sandbox.wire.columns import AGE, NAME, Column

Step = Callable[[list[Any]], list[Any]]

# One step of a path: `.name` with `\.` for a dot, `['name']`, `[0]`, `[*]`, `[?(@.a.b=="x")]`.
STEP = re.compile(
    r"""\.(?P<star>\*)
    | \.(?P<name>(?:[^.\[\\]|\\.)+)
    | \[\s*(?P<index>-?\d+|\*)\s*\]
    | \[\s*'(?P<quoted>[^']*)'\s*\]
    | \[\s*"(?P<double>[^"]*)"\s*\]
    | \[\?\(\s*@(?P<path>[^=!<>\s]+)\s*(?P<operator>==|!=)\s*(?P<literal>"[^"]*"|'[^']*'|[^)\s]+)\s*\)\]""",
    re.VERBOSE,
)


def found_at(obj: object, path: str) -> list[Any]:
    """The values a JSONPath such as `.status.conditions[?(@.type=="Ready")].status` leads to; missing steps yield none.

    Raises `BadRequest` for a path that is not of this simple form.
    """
    values: list[Any] = [obj]
    position = 0
    while position < len(path):
        match = STEP.match(path, position)
        if match is None:
            raise BadRequest(
                f"jsonPath {path!r}: cannot read {path[position:]!r}; use .field, ['field'], [n] or [?(…)]"
            )
        values = [found for value in values for found in _step(value, match)]
        position = match.end()
    return values


def _step(value: Any, match: re.Match[str]) -> list[Any]:
    name = next((match[group] for group in ("name", "quoted", "double") if match[group] is not None), None)
    if name is not None:
        key = re.sub(r"\\(.)", r"\1", name)
        return [value[key]] if isinstance(value, dict) and key in value else []
    if match["path"] is not None:
        return [item for item in _items(value) if _passes(item, match)]
    if match["index"] in ("*", None):
        return _items(value)
    index = int(match["index"])
    return [value[index]] if isinstance(value, list) and -len(value) <= index < len(value) else []


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _passes(item: Any, match: re.Match[str]) -> bool:
    equal = _literal(match["literal"]) in found_at(item, match["path"])
    return equal if match["operator"] == "==" else not equal


def _literal(text: str) -> Any:
    if text[0] in "\"'":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadRequest(f"jsonPath compares with {text}: quote a text, or use a number, true or false") from error


def custom_columns(columns: list[Manifest]) -> tuple[Column, ...]:
    """The name and what the CRD version asks for; name and age when it asks for nothing."""
    if not columns:
        return (NAME, AGE)
    return (NAME, *(_column(column) for column in columns))


def _column(column: Manifest) -> Column:
    path, kind = column["jsonPath"], column.get("type", "string")
    described = column.get("description") or f"Custom resource definition column (in JSONPath format): {path}"
    cell = partial(_cell, path=path, kind=kind)
    return Column(column["name"], cell, kind, column.get("priority", 0), column.get("format", ""), described)


def _cell(obj: Manifest, now: datetime, path: str, kind: str) -> Cell:
    values = found_at(obj, path)
    return typed_cell(values[0], kind, now) if values and values[0] is not None else None


def typed_cell(value: Any, kind: str, now: datetime) -> Cell:
    """The value as a column of type `kind` shows it; None where it is of another type."""
    match kind:
        case "string":
            return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        case "date":
            return since(value, now) if parsed_time(value) else "<invalid>"
        case "boolean":
            return value if isinstance(value, bool) else None
        case "integer" | "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                return None
            return int(value) if kind == "integer" else float(value)
        case _:
            return None
