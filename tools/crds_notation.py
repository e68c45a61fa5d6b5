"""Words to write structural schemas with: every field says its type and, in one sentence, what it does."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

PRESERVE = {"x-kubernetes-preserve-unknown-fields": True}


def text(about: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": about, **more}


def time(about: str) -> Schema:
    """An RFC 3339 time."""
    return text(about, format="date-time")


def number(about: str, bits: int = 32) -> Schema:
    """An integer. No bounds: the controller judges values, so that the reason stands on the object itself."""
    return {"type": "integer", "format": f"int{bits}", "description": about}


def flag(about: str) -> Schema:
    """A boolean."""
    return {"type": "boolean", "description": about}


def int_or_string(about: str) -> Schema:
    """A number or a string such as a percentage."""
    return {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        "description": about,
    }


def strings(about: str) -> Schema:
    """A map of strings."""
    return {"type": "object", "description": about, "additionalProperties": {"type": "string"}}


def mapping(about: str, values: Schema) -> Schema:
    """A map of one kind of value."""
    return {"type": "object", "description": about, "additionalProperties": values}


def listing(about: str, items: Schema, key: str | None = None) -> Schema:
    """A list. With `key` it is a map: the server refuses two entries alike and merges applied ones by that field."""
    listed = {"type": "array", "description": about, "items": items}
    return listed | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]} if key else listed


def texts(about: str) -> Schema:
    """A list of strings."""
    return listing(about, {"type": "string"})


def anything(about: str) -> Schema:
    """Any JSON, kept as written."""
    return {"description": about, **PRESERVE}


def obj(about: str, /, *required: str, **fields: Schema) -> Schema:
    """An object with these fields; the server drops others."""
    made: Schema = {"type": "object", "description": about}
    if fields:
        made["properties"] = dict(sorted(fields.items()))
    if required:
        made["required"] = sorted(required)
    return made


def open_obj(about: str, /, *required: str, **fields: Schema) -> Schema:
    """An object with these fields that keeps others as written."""
    return obj(about, *required, **fields) | PRESERVE
