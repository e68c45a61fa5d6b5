"""Structural schemas of CustomResourceDefinitions: prune, default and validate objects as a real server does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause

_COPIED = [
    "minimum",
    "maximum",
    "multipleOf",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
]
# Other OpenAPI formats (int32, byte, Go durations ...) mean something else in JSON Schema, or nothing.
_FORMATS = frozenset({"date-time", "date", "email", "ipv4", "ipv6", "uuid"})
_OBJECT_FIELDS = frozenset({"apiVersion", "kind", "metadata"})


class Structural:
    """One `openAPIV3Schema`, compiled once; safe to use from any thread.

    ValueError when the schema cannot be compiled (an unknown type, a pattern that is no regular expression).
    """

    def __init__(self, schema: Manifest) -> None:
        self.schema = schema
        self._validator = jsonschema_rs.Draft202012Validator(_json_schema(schema, root=True), validate_formats=True)

    def prune(self, item: Manifest) -> list[str]:
        """Drop what the schema does not know, in place; the paths that were dropped."""
        return list(_prune(item, self.schema, "", embedded=True))

    def default(self, item: Manifest) -> None:
        """Fill in defaults in place, and drop nulls where null is no value."""
        _default(item, self.schema)

    def validate(self, item: Manifest) -> list[Cause]:
        causes = [cause for error in self._validator.iter_errors(item) for cause in _causes(error)]
        return sorted(causes, key=lambda cause: cause.field)

    def forbidden_changes(self, new: Manifest, old: Manifest) -> list[Cause]:
        """Breaches of `x-kubernetes-validations` rules of the form `self == oldSelf`; other CEL rules are not run."""
        return list(_forbidden(new, old, self.schema, ""))


def _json_schema(schema: Manifest, root: bool = False) -> Manifest:
    """The JSON Schema that accepts what this structural schema accepts."""
    out: Manifest = {key: schema[key] for key in _COPIED if key in schema}
    if types := _types(schema):
        out["type"] = types
    if schema.get("format") in _FORMATS:
        out["format"] = schema["format"]
    if "enum" in schema:
        out["enum"] = [*schema["enum"], None] if schema.get("nullable") else schema["enum"]
    for bound in ("Minimum", "Maximum"):
        # OpenAPI v3.0 has a boolean beside the bound, JSON Schema a second bound.
        if schema.get(f"exclusive{bound}") and bound.lower() in out:
            out[f"exclusive{bound}"] = out.pop(bound.lower())
    if "required" in schema:
        out["required"] = schema["required"]
    _nested(schema, out, embedded=root or bool(schema.get("x-kubernetes-embedded-resource")))
    return out


def _types(schema: Manifest) -> list[str]:
    if schema.get("x-kubernetes-int-or-string"):
        types = ["integer", "string"]
    elif "type" in schema:
        types = [schema["type"]]
    else:
        return []
    return [*types, "null"] if schema.get("nullable") else types


def _nested(schema: Manifest, out: Manifest, embedded: bool) -> None:
    properties = schema.get("properties") or {}
    # Object metadata is judged by the server's own rules, never by the schema's author.
    kept = {name: part for name, part in properties.items() if not (embedded and name == "metadata")}
    if kept:
        out["properties"] = {name: _json_schema(part) for name, part in kept.items()}
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = _json_schema(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        out["items"] = _json_schema(schema["items"])
    for word in ("allOf", "anyOf", "oneOf"):
        if schema.get(word):
            out[word] = [_json_schema(part) for part in schema[word]]
    if schema.get("not"):
        out["not"] = _json_schema(schema["not"])


def _prune(value: Any, schema: Manifest, path: str, embedded: bool = False) -> Iterator[str]:
    if isinstance(value, list):
        if isinstance(schema.get("items"), dict):
            for index, part in enumerate(value):
                yield from _prune(part, schema["items"], f"{path}[{index}]", _is_embedded(schema["items"]))
        return
    if not isinstance(value, dict):
        return
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for name in list(value):
        below = f"{path}.{name}" if path else name
        if embedded and name in _OBJECT_FIELDS:
            continue
        if name in properties:
            yield from _prune(value[name], properties[name], below, _is_embedded(properties[name]))
        elif isinstance(additional, dict):
            yield from _prune(value[name], additional, below, _is_embedded(additional))
        elif not (additional or schema.get("x-kubernetes-preserve-unknown-fields")):
            del value[name]
            yield below


def _is_embedded(schema: Manifest) -> bool:
    return bool(schema.get("x-kubernetes-embedded-resource"))


def _default(value: Any, schema: Manifest) -> None:
    if isinstance(value, list):
        if isinstance(schema.get("items"), dict):
            for part in value:
                _default(part, schema["items"])
        return
    if not isinstance(value, dict):
        return
    properties = schema.get("properties") or {}
    for name, part in properties.items():
        if name in value and value[name] is None and not part.get("nullable"):
            del value[name]
        if name not in value and "default" in part:
            value[name] = json.loads(json.dumps(part["default"]))
    additional = schema.get("additionalProperties")
    for name in value:
        if name in properties:
            _default(value[name], properties[name])
        elif isinstance(additional, dict):
            _default(value[name], additional)


def _causes(error: jsonschema_rs.ValidationError) -> Iterator[Cause]:
    """The causes a real server reports for one breach; the texts are those of go-openapi/validate."""
    path = field_path(error.instance_path)
    details: dict[str, Any] = error.kind.as_dict()
    value: Any = error.instance
    match error.kind.name:
        case "required":
            yield Cause(f"{path}.{details['property']}".lstrip("."), "Required value", "FieldValueRequired")
        case "type":
            wanted = [kind for kind in details["types"] if kind != "null"]
            found = json.dumps(type_name(value))
            text = f"Invalid value: {found}: {path} in body must be of type {','.join(wanted)}: {found}"
            yield Cause(path, text, "FieldValueTypeInvalid")
        case "enum":
            options = ", ".join(json.dumps(option) for option in details["options"] if option is not None)
            yield Cause(
                path, f"Unsupported value: {shown(value)}: supported values: {options}", "FieldValueNotSupported"
            )
        case "maxLength":
            yield Cause(path, f"Too long: may not be more than {details['limit']} bytes", "FieldValueTooLong")
        case "maxItems":
            yield Cause(
                path, f"Too many: {len(value)}: must have at most {details['limit']} items", "FieldValueTooMany"
            )
        case name:
            yield Cause(path, f"Invalid value: {shown(value)}: {path} in body {_breach(name, details)}")


def _breach(name: str, details: dict[str, Any]) -> str:
    limit = details.get("limit")
    texts = {
        "minimum": f"should be greater than or equal to {limit}",
        "maximum": f"should be less than or equal to {limit}",
        "exclusiveMinimum": f"should be greater than {limit}",
        "exclusiveMaximum": f"should be less than {limit}",
        "minLength": f"should be at least {limit} chars long",
        "minItems": f"should have at least {limit} items",
        "minProperties": f"should have at least {limit} properties",
        "maxProperties": f"should have at most {limit} properties",
        "uniqueItems": "shouldn't contain duplicates",
        "multipleOf": f"should be a multiple of {details.get('multiple_of')}",
        "pattern": f"should match '{details.get('pattern')}'",
        "format": f"must be of type {details.get('format')}",
        "anyOf": "must validate at least one schema (anyOf)",
        "oneOfNotValid": "must validate one and only one schema (oneOf). Found none valid",
        "oneOfMultipleValid": "must validate one and only one schema (oneOf). Found more than 1 valid alternative",
        "not": "must not validate the schema (not)",
    }
    return texts.get(name, f"breaks the rule {name}")


def field_path(parts: list[str | int]) -> str:
    """`["spec", "steps", 0, "weight"]` as `spec.steps[0].weight`; empty for the object itself."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def type_name(value: Any) -> str:
    """The OpenAPI name of a JSON value's type."""
    if isinstance(value, bool):
        return "boolean"
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number"}
    return names.get(type(value), "null")


def shown(value: Any) -> str:
    """A value as error messages show it; long ones are cut."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= 256 else text[:253] + "..."


def _forbidden(new: Any, old: Any, schema: Manifest, path: str) -> Iterator[Cause]:
    for rule in schema.get("x-kubernetes-validations") or []:
        if "".join(str(rule.get("rule", "")).split()) in ("self==oldSelf", "oldSelf==self") and new != old:
            message = rule.get("message") or f"failed rule: {rule['rule']}"
            yield Cause(path or "<nil>", f'Invalid value: "{schema.get("type", "object")}": {message}')
    if isinstance(new, dict) and isinstance(old, dict):
        properties = schema.get("properties") or {}
        additional = schema.get("additionalProperties")
        for name in new:
            part = properties.get(name, additional)
            if name in old and isinstance(part, dict):
                yield from _forbidden(new[name], old[name], part, f"{path}.{name}".lstrip("."))
