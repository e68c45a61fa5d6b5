"""The hash of a canary's steps, by the reference controller's recipe.

Its value is contract: a different one means "the steps were edited" and restarts an update that is under way, also when
a Rollout is taken over from the reference controller. The recipe is FNV-1a 32 over compact Go JSON whose keys stand in the
order of the Go types; fields that the Go types leave out when empty are left out here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tidegate.api.steps import Step
from tidegate.machine.hashing import encode, fnv32a, go_json

Json = Any


def step_hash(steps: list[Step]) -> str:
    """`status.currentStepHash`: FNV-1a 32 over the steps' compact Go JSON, safely encoded."""
    return encode(fnv32a(go_json([_step(step) for step in steps] or None).encode()))


def _step(step: Step) -> dict[str, Json]:
    """One step with the keys in the order of the Go type, empty ones left out."""
    wire = step.wire()
    ordered: dict[str, Json] = {}
    for key, order in _STEP_ORDER.items():
        if wire.get(key) is not None:
            ordered[key] = order(wire[key])
    return ordered


def _keys(value: Mapping[str, Json], *order: str) -> dict[str, Json]:
    return {key: value[key] for key in order if value.get(key) not in (None, "", [], {}, 0, False)}


def _analysis(value: Mapping[str, Json]) -> dict[str, Json]:
    return {
        key: item
        for key, item in (
            ("templates", [_keys(t, "templateName", "clusterScope") | {} for t in value.get("templates") or []]),
            ("args", [_argument(a) for a in value.get("args") or []]),
            ("dryRun", [_keys(d, "metricName") for d in value.get("dryRun") or []]),
            (
                "measurementRetention",
                [_keys(m, "metricName", "limit") for m in value.get("measurementRetention") or []],
            ),
            ("analysisRunMetadata", _run_metadata(value.get("analysisRunMetadata"))),
        )
        if item not in ([], None)
    }


def _argument(value: Mapping[str, Json]) -> dict[str, Json]:
    argument: dict[str, Json] = {"name": value.get("name", ""), **_keys(value, "value")}
    source = value.get("valueFrom")
    if source is not None:
        argument["valueFrom"] = _keys(source, "podTemplateHashValue", "fieldRef")
    return argument


def _run_metadata(value: Mapping[str, Json] | None) -> dict[str, Json] | None:
    return (
        None
        if value is None
        else {k: dict(sorted(value[k].items())) for k in ("labels", "annotations") if value.get(k)}
    )


def _string_match(value: Mapping[str, Json] | None) -> dict[str, Json] | None:
    return None if value is None else _keys(value, "exact", "prefix", "regex")


def _header_route(value: Mapping[str, Json]) -> dict[str, Json]:
    matches = [
        {"headerName": m.get("headerName", ""), "headerValue": _string_match(m.get("headerValue"))}
        for m in value.get("match") or []
    ]
    return {**_keys(value, "name"), **({"match": matches} if matches else {})}


def _mirror_route(value: Mapping[str, Json]) -> dict[str, Json]:
    route: dict[str, Json] = {"name": value.get("name", "")}
    if value.get("match"):
        route["match"] = [_mirror_match(match) for match in value["match"]]
    if value.get("percentage") is not None:
        route["percentage"] = value["percentage"]
    return route


def _mirror_match(value: Mapping[str, Json]) -> dict[str, Json]:
    match = {key: _string_match(value[key]) for key in ("method", "path") if value.get(key) is not None}
    if value.get("headers"):
        match["headers"] = {key: _string_match(item) for key, item in sorted(value["headers"].items())}
    return match


def _experiment(value: Mapping[str, Json]) -> dict[str, Json]:
    templates = [_experiment_template(template) for template in value.get("templates") or []]
    analyses = [_experiment_analysis(analysis) for analysis in value.get("analyses") or []]
    return {
        "templates": templates or None,
        **_keys(value, "duration"),
        **({"analyses": analyses} if analyses else {}),
        **({"dryRun": [_keys(d, "metricName") for d in value["dryRun"]]} if value.get("dryRun") else {}),
        "analysisRunMetadata": _run_metadata(value.get("analysisRunMetadata")) or {},
        **({"scaleDownDelaySeconds": value["scaleDownDelaySeconds"]} if "scaleDownDelaySeconds" in value else {}),
    }


def _experiment_template(value: Mapping[str, Json]) -> dict[str, Json]:
    head: dict[str, Json] = {"name": value.get("name", ""), "specRef": value.get("specRef", "")}
    if value.get("replicas") is not None:
        head["replicas"] = value["replicas"]
    head["metadata"] = _run_metadata(value.get("metadata")) or {}
    for key in ("selector", "weight"):
        if value.get(key) is not None:
            head[key] = value[key]
    return head | ({"service": _keys(value["service"], "name")} if value.get("service") is not None else {})


def _experiment_analysis(value: Mapping[str, Json]) -> dict[str, Json]:
    head = {
        "name": value.get("name", ""),
        "templateName": value.get("templateName", ""),
        **_keys(value, "clusterScope"),
    }
    if value.get("args"):
        head["args"] = [_argument(argument) for argument in value["args"]]
    return head | _keys(value, "requiredForCompletion")


def _scale(value: Mapping[str, Json]) -> dict[str, Json]:
    counts = {key: value[key] for key in ("weight", "replicas") if value.get(key) is not None}
    return counts | _keys(value, "matchTrafficWeight")


_STEP_ORDER: dict[str, Callable[[Any], Json]] = {
    "setWeight": lambda value: value,
    "pause": lambda value: {"duration": value["duration"]} if value.get("duration") is not None else {},
    "experiment": _experiment,
    "analysis": _analysis,
    "setCanaryScale": _scale,
    "setHeaderRoute": _header_route,
    "setMirrorRoute": _mirror_route,
    "plugin": lambda value: {
        "name": value.get("name", ""),
        **({"config": value["config"]} if "config" in value else {}),
    },
}
