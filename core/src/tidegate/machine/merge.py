"""JSON merge patches (RFC 7386): what turns one document into another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Documents hold dicts, and other Mappings seldom: asking for the abstract class alone takes ten times as long.
_MAPS = (dict, Mapping)
_PLAIN = frozenset({str, int, bool, float, list})


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that turns `before` into `after`; empty where they are equal. Lists are replaced whole."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        if key not in before:
            patch[key] = value
        elif value is (old := before[key]):
            continue
        elif isinstance(value, _MAPS) and isinstance(old, _MAPS):
            if inner := merge_patch(old, value):
                patch[key] = inner
        elif value != old or type(value) is not type(old):
            patch[key] = value
    return patch


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with a merge patch applied; neither is changed."""
    result = dict(document)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif value.__class__ not in _PLAIN and isinstance(value, _MAPS):
            inner = result.get(key)
            result[key] = merged(inner if isinstance(inner, _MAPS) else {}, value)
        else:
            result[key] = value
    return result
