"""Reading a manifest as Go would: unknown fields are found and dropped, values of a wrong type are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.structural import type_name
from tidegate_sandbox.wire.schemas import Schema, builtin_schema

# Go's name of the JSON type in its decode errors.
_GO_NAMES = {"boolean": "bool", "integer": "number", "number": "number", "string": "string"}


def decode_builtin(item: Manifest, api_version: str, kind: str) -> list[str]:
    """Drop unknown fields of a built-in kind in place and return their paths; BadRequest for a value of a wrong type."""
    schema = builtin_schema(api_version, kind)
    if schema is None:
        return []
    try:
        return list(_walk(item, schema, ""))
    except TypeError as error:
        version = api_version.rpartition("/")[2]
        raise BadRequest(f'{kind} in version "{version}" cannot be handled as a {kind}: json: {error}') from error


def _walk(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if value is None or not schema.node:
        return
    _expect(value, schema, path)
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from _walk(part, schema.item(), f"{path}[{index}]")
    elif isinstance(value, dict):
        yield from _walk_fields(value, schema, path)


def _walk_fields(value: Manifest, schema: Schema, path: str) -> Iterator[str]:
    typed, free = "properties" in schema.node, "additionalProperties" in schema.node
    for name in list(value):
        below = f"{path}.{name}" if path else name
        if typed and not free and not schema.names(name):
            del value[name]
            yield below
        else:
            yield from _walk(value[name], schema.field(name), below)


def _expect(value: Any, schema: Schema, path: str) -> None:
    wanted, found = schema.node.get("type"), type_name(value)
    if not isinstance(wanted, str) or wanted == found or (wanted == "number" and found == "integer"):
        return
    if wanted == "integer" and found == "number" and float(value).is_integer():
        return
    target = str(schema.node.get("format") or _GO_NAMES.get(wanted, wanted))
    raise TypeError(f"cannot unmarshal {_GO_NAMES.get(found, found)} into Go struct field {path} of type {target}")
