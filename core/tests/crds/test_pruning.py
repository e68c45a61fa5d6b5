"""No field that somebody's manifest has is lost or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

Schema = dict[str, Any]
Manifest = dict[str, Any]
_TYPES: dict[str, type] = {"string": str, "boolean": bool, "object": dict, "array": list, "integer": int}
_OPEN = "x-kubernetes-preserve-unknown-fields"


def losses(schema: Schema, value: object, path: str) -> Iterator[str]:
    """Paths that an API server with this schema would drop or refuse. Nulls it drops anyway, and no one minds."""
    if value is None or ("type" not in schema and schema.get(_OPEN)):
        return
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str) or isinstance(value, bool):
            yield f"{path}: {value!r} is neither a number nor a text"
        return
    wanted = _TYPES[schema["type"]]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {schema['type']}"
    elif isinstance(value, dict):
        yield from _object_losses(schema, value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from losses(schema["items"], item, f"{path}[{index}]")


def _object_losses(schema: Schema, value: Manifest, path: str) -> Iterator[str]:
    fields: dict[str, Schema] = schema.get("properties", {})
    yield from (f"{path}.{name}: required" for name in schema.get("required", []) if name not in value)
    for name, item in value.items():
        if name in fields:
            yield from losses(fields[name], item, f"{path}.{name}")
        elif "additionalProperties" in schema:
            yield from losses(schema["additionalProperties"], item, f"{path}.{name}")
        elif not schema.get(_OPEN):
            yield f"{path}.{name}: unknown"


def all_losses(schemas: dict[str, Schema], manifest: Manifest) -> list[str]:
    """Losses of spec and status, whichever the manifest has."""
    fields = schemas[manifest["kind"]]["properties"]
    parts = [part for part in ("spec", "status") if part in manifest]
    return [loss for part in parts for loss in losses(fields[part], manifest[part], part)]


def test_nothing_is_lost_of_what_the_recordings_applied_and_observed(
    schemas: dict[str, Schema], recorded: list[Manifest]
) -> None:
    found = {f"{one['kind']} {one['metadata']['name']}": all_losses(schemas, one) for one in recorded}
    assert {name: lost for name, lost in found.items() if lost} == {}
    assert {one["kind"] for one in recorded} == set(schemas)


def test_nothing_is_lost_of_any_documented_field(schemas: dict[str, Schema], every_field: list[Manifest]) -> None:
    found = {f"{one['kind']} {one['metadata']['name']}": all_losses(schemas, one) for one in every_field}
    assert {name: lost for name, lost in found.items() if lost} == {}


def _names(schema: Schema, path: str) -> Iterator[str]:
    """Every path that a schema names."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _names(field, f"{path}.{name}")
    if "items" in schema:
        yield from _names(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _names(schema["additionalProperties"], f"{path}.*")


def _uses(schema: Schema, value: object, path: str) -> Iterator[str]:
    """Every path of a schema that a manifest uses."""
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        for name, item in value.items():
            here = f"{path}.{name}" if name in fields else f"{path}.*"
            yield here
            yield from _uses(fields.get(name, schema.get("additionalProperties", {})), item, here)
    elif isinstance(value, list):
        for item in value:
            yield from _uses(schema.get("items", {}), item, f"{path}[]")


@pytest.mark.parametrize("kind", ["Rollout", "AnalysisTemplate", "AnalysisRun", "Experiment"])
def test_the_schema_names_no_field_that_the_api_does_not_document(
    schemas: dict[str, Schema], every_field: list[Manifest], kind: str
) -> None:
    used = {path for one in every_field if one["kind"] == kind for path in _uses(schemas[kind], one, kind)}
    # The metrics of a run have the template's schema (see below), so their fields are written out only once.
    named = {path for path in _names(schemas[kind], kind) if not path.startswith("AnalysisRun.spec.metrics[].")}
    assert named - used == set()


def test_templates_and_runs_share_the_schema_of_metrics(schemas: dict[str, Schema]) -> None:
    spec = {kind: schemas[kind]["properties"]["spec"]["properties"] for kind in schemas}
    metric = spec["AnalysisTemplate"]["metrics"]["items"]
    assert spec["AnalysisRun"]["metrics"]["items"] == metric
    assert spec["ClusterAnalysisTemplate"] == spec["AnalysisTemplate"]


def test_a_misspelt_field_is_found_out(schemas: dict[str, Schema]) -> None:
    wrong = {"kind": "Rollout", "spec": {"strategy": {"canary": {"step": []}}, "replicas": "five"}}
    assert all_losses(schemas, wrong) == [
        "spec.strategy.canary.step: unknown",
        "spec.replicas: 'five' is no integer",
    ]
