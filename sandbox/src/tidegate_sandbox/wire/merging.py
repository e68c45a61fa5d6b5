"""The structured merge behind server-side apply: an applied configuration laid over a live object."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.wire.field_sets import items_by_element, text_of
from tidegate_sandbox.wire.schemas import Schema, Shape


def merge(live: Any, applied: Any, schema: Schema) -> Any:
    """`applied` over `live`: structs by field, keyed lists by item, sets by value, everything else replaced.

    An explicit null takes the field away. Duplicate keys in `applied` raise `BadRequest`.
    """
    shape = schema.shape(applied)
    if shape is Shape.FIELDS:
        return _merged_fields(live if schema.shape(live) is Shape.FIELDS else {}, applied, schema)
    if shape in (Shape.KEYED, Shape.SET):
        return _merged_items(live if isinstance(live, list) else [], applied, schema)
    return deepcopy(applied)


def _merged_fields(live: dict[str, Any], applied: dict[str, Any], schema: Schema) -> dict[str, Any]:
    result = dict(live)
    for name, value in applied.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(live.get(name), value, schema.field(name))
    return result


def _merged_items(live: list[Any], applied: list[Any], schema: Schema) -> list[Any]:
    ours, theirs = items_by_element(live, schema), items_by_element(applied, schema)
    if len(theirs) != len(applied):
        raise BadRequest(f"duplicate entries for key {_first_duplicate(applied, schema)}: remove all but one")
    merged = {element: merge(ours.get(element), item, schema.item()) for element, item in theirs.items()}
    return [merged[e] if e in merged else ours[e] for e in merged_order(list(ours), list(theirs))]


def _first_duplicate(items: list[Any], schema: Schema) -> str:
    seen: set[str] = set()
    for item in items:
        element = next(iter(items_by_element([item], schema)))
        if element in seen:
            return text_of((element,))
        seen.add(element)
    return ""


def merged_order(live: Sequence[str], applied: Sequence[str]) -> list[str]:
    """The order of a merged list: that of `applied`, with what only `live` has kept before what follows it."""
    ours = set(applied)
    rest = deque(live)
    result: list[str] = []
    placed: set[str] = set()
    for element in applied:
        while rest and (rest[0] not in ours or rest[0] in placed):
            first = rest.popleft()
            result += [first] if first not in ours else []
        result.append(element)
        placed.add(element)
    return result + [element for element in rest if element not in ours]
