"""The wire models and the schemas say the same: every field of the one is in the other, with a type that fits."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Union, get_args, get_origin

import pytest

from tidegate.api.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from tidegate.api.experiment import Experiment, ExperimentStep
from tidegate.api.rollout import Rollout, TrafficRouting
from tidegate.api.status import RolloutStatus
from tidegate.api.wire import Wire

Schema = dict[str, Any]
# What the schema has and a model keeps as an extra: nobody in core knows a router.
_EXTRAS: dict[type[Wire], set[str]] = {
    TrafficRouting: {"alb", "ambassador", "apisix", "appMesh", "istio", "nginx", "smi", "traefik"},
    RolloutStatus: {"alb", "albs"},
}
_SCALARS: dict[type, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
}


def fields(model: type[Wire]) -> dict[str, Any]:
    """Annotations of a model by wire name."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def differences(annotation: Any, schema: Schema, path: str) -> Iterator[str]:
    """Where a model's annotation and a schema do not fit."""
    annotation = _bare(annotation)
    if annotation is Any:
        return
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        yield from model_differences(annotation, schema, path)
    elif get_origin(annotation) is list:
        if schema.get("type") != "array":
            yield f"{path}: a list in the model only"
        else:
            yield from differences(get_args(annotation)[0], schema["items"], f"{path}[]")
    elif get_origin(annotation) is dict:
        yield from _map_differences(get_args(annotation)[1], schema, path)
    elif annotation == int | str:
        if not schema.get("x-kubernetes-int-or-string"):
            yield f"{path}: int-or-string in the model only"
    elif {key: schema.get(key) for key in ("type", "format")} | {"format": schema.get("format")} != _scalar(
        annotation, schema
    ):
        yield f"{path}: {annotation} in the model, {schema.get('type')} {schema.get('format')} in the schema"


def _scalar(annotation: type, schema: Schema) -> Schema:
    """The schema of a scalar; the width of an integer is the schema's own affair."""
    wanted = _SCALARS[annotation]
    return {"type": wanted["type"], "format": schema.get("format") if annotation is int else wanted.get("format")}


def _bare(annotation: Any) -> Any:
    """Without what a model adds: Annotated, and `| None` for absent."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        kept = [_bare(one) for one in get_args(annotation) if one is not type(None)]
        return kept[0] if len(kept) == 1 else Union[tuple(sorted(kept, key=str))]  # noqa: UP007  built at run time
    return annotation


def model_differences(model: type[Wire], schema: Schema, path: str) -> Iterator[str]:
    """Where a model and an object's schema do not fit."""
    ours, theirs = fields(model), schema.get("properties", {})
    yield from (f"{path}.{name}: in the model only" for name in sorted(set(ours) - set(theirs)))
    unknown = set(theirs) - set(ours) - _EXTRAS.get(model, set())
    yield from (f"{path}.{name}: in the schema only" for name in sorted(unknown))
    for name in sorted(set(ours) & set(theirs)):
        yield from differences(ours[name], theirs[name], f"{path}.{name}")


def _map_differences(values: Any, schema: Schema, path: str) -> Iterator[str]:
    if schema.get("type") != "object":
        yield f"{path}: a map in the model only"
    elif values is not Any:
        if "additionalProperties" not in schema:
            yield f"{path}: a map in the model, an object of named fields in the schema"
        else:
            yield from differences(values, schema["additionalProperties"], f"{path}.*")


@pytest.mark.parametrize(
    "model", [Rollout, AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun, Experiment], ids=lambda one: one.__name__
)
def test_model_and_schema_have_the_same_fields(schemas: dict[str, Schema], model: type[Wire]) -> None:
    kind = model.__name__
    found = [
        difference
        for part in ("spec", "status")
        if part in schemas[kind]["properties"]
        for difference in differences(fields(model)[part], schemas[kind]["properties"][part], f"{kind}.{part}")
    ]
    assert found == []


def test_the_step_of_an_experiment_has_the_same_fields(schemas: dict[str, Schema]) -> None:
    canary = schemas["Rollout"]["properties"]["spec"]["properties"]["strategy"]["properties"]["canary"]
    step = canary["properties"]["steps"]["items"]["properties"]["experiment"]
    assert list(differences(ExperimentStep, step, "experiment")) == []


def test_a_difference_is_found_out() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "integer"}, "colour": {"type": "string"}}}
    assert list(differences(ExperimentStep.model_fields["analyses"].annotation, schema, "x")) == [
        "x: a list in the model only"
    ]
    listed = {"type": "array", "items": schema}
    found = list(differences(ExperimentStep.model_fields["analyses"].annotation, listed, "x"))
    assert "x[].templateName: in the model only" in found
    assert "x[].colour: in the schema only" in found
    assert "x[].name: <class 'str'> in the model, integer None in the schema" in found


def test_models_give_back_every_field(every_field: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> None:
    models = {
        one.__name__: one for one in (Rollout, AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun, Experiment)
    }
    lost = [
        f"{one['kind']} {one['metadata']['name']}"
        for one in [*every_field, *recorded]
        if models[one["kind"]].read(one).wire() != models[one["kind"]].read(without_nulls(one)).wire()
        or models[one["kind"]].read(one).wire() != without_nulls(one)
    ]
    assert lost == []


def without_nulls(value: Any) -> Any:
    """A manifest without null fields: reading takes a null as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
