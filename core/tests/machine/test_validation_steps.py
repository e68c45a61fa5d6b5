"""Rules VS1 to VS12: the steps of a canary."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.machine.observed import RouterView
from tidegate.machine.traffic import Capability
from validation_rollouts import MESH, PLAIN, Json, canary, routed

ONE_OF = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"
ROUTE: Json = {"name": "early", "match": [{"headerName": "x", "headerValue": {"exact": "y"}}]}
MANAGED: Json = {"mesh": {}, "managedRoutes": [{"name": "early"}]}
PROBE: Json = {"templates": [{"templateName": "probe"}]}
WEIGHTLESS = RouterView("mesh", "Mesh", MESH.can - {Capability.EXPERIMENT})


def test_vs1_an_empty_step_is_reported_with_what_is_missing() -> None:
    shown = "step.Experiment: true step.Pause: true step.SetWeight: true step.Analysis: true step.SetCanaryScale: true"
    shown += " step.SetHeaderRoute: true step.SetMirrorRoute: true step.Plugin: true"
    assert canary({"setWeight": 5}, {}) == [f'spec.strategy.steps[1]: Invalid value: "{shown}": {ONE_OF}']


def test_vs1_a_step_with_two_kinds_is_reported_with_what_is_present() -> None:
    shown = "step.Experiment: false step.Pause: true step.SetWeight: true step.Analysis: false"
    assert canary({"setWeight": 5, "pause": {}}) == [f'spec.strategy.steps[0]: Invalid value: "{shown}": {ONE_OF}']


@pytest.mark.parametrize(
    ("value", "routing", "total"),
    [(-1, {"mesh": {}}, 100), (101, {"mesh": {}}, 100), (1001, {"mesh": {}, "maxTrafficWeight": 1000}, 1000)],
    ids=["below", "above", "above the own total"],
)
def test_vs2_a_weight_is_within_the_total(value: int, routing: Json, total: int) -> None:
    assert routed({"setWeight": value}, trafficRouting=routing) == [
        f"spec.strategy.steps[0].setWeight: Invalid value: {value}: SetWeight needs to be between 0 and {total}"
    ]
    assert routed({"setWeight": total}, {"setWeight": 0}, trafficRouting=routing) == []


@pytest.mark.parametrize(("duration", "shown"), [("soon", -1), (-5, -5), ("-5", -5)])
def test_vs3_a_pause_lasts(duration: Any, shown: int) -> None:
    assert canary({"pause": {"duration": duration}}) == [
        f"spec.strategy.steps[0].pause.duration: Invalid value: {shown}: Duration needs to be greater than 0"
    ]
    assert canary({"pause": {"duration": 0}}) == []


def test_vs4_a_canary_scale_needs_traffic_routing() -> None:
    assert canary({"setCanaryScale": {"replicas": 1}}) == [
        "spec.strategy.trafficRouting: Required value: SetCanaryScale requires TrafficRouting to be set"
    ]
    assert routed({"setCanaryScale": {"replicas": 1}}) == []


@pytest.mark.parametrize("field", ["weight", "replicas"])
def test_a_canary_scale_is_not_negative(field: str) -> None:
    assert routed({"setCanaryScale": {field: -1}}) == [
        f"spec.strategy.steps[0].setCanaryScale.{field}: Invalid value: -1: must be greater than or equal to 0"
    ]


HEADER_SHOWN = '{"name":"early","match":[{"headerName":"x","headerValue":{"exact":"y"}}]}'


def test_vs5_a_header_route_needs_traffic_routing() -> None:
    assert canary({"setHeaderRoute": ROUTE}) == [
        f"spec.strategy.steps[0].setHeaderRoute: Invalid value: {HEADER_SHOWN}: SetHeaderRoute requires TrafficRouting"
    ]


def test_vs5_a_header_route_needs_routers_that_can() -> None:
    routers = (MESH, PLAIN)
    found = routed({"setHeaderRoute": ROUTE}, routers=routers, trafficRouting={"plain": {}, **MANAGED})
    assert found == [
        f"spec.strategy.steps[0].setHeaderRoute: Invalid value: {HEADER_SHOWN}: Plain cannot do SetHeaderRoute"
    ]
    assert routed({"setHeaderRoute": ROUTE}, trafficRouting=MANAGED) == []


MISSED = "StringMatch value missed, match value must have one of the following: exact, regex, prefix"
SEVERAL = "StringMatch match value must have exactly one of the following: exact, regex, prefix"
comparisons = pytest.mark.parametrize(
    ("value", "shown", "text"),
    [({}, "{}", MISSED), ({"exact": "a", "regex": "b"}, '{"exact":"a","regex":"b"}', SEVERAL)],
    ids=["none", "several"],
)


@comparisons
def test_vs6_a_header_is_compared_in_one_way(value: Json, shown: str, text: str) -> None:
    route = {"name": "early", "match": [{"headerName": "x", "headerValue": value}]}
    assert routed({"setHeaderRoute": route}, trafficRouting=MANAGED) == [
        f"spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: {shown}: {text}"
    ]


def test_vs6_a_header_needs_a_value() -> None:
    route = {"name": "early", "match": [{"headerName": "x"}]}
    assert routed({"setHeaderRoute": route}, trafficRouting=MANAGED) == [
        f"spec.strategy.steps[0].setHeaderRoute.match[0]: Invalid value: null: {MISSED}"
    ]


def test_vs7_a_mirror_route_needs_traffic_routing_that_can() -> None:
    mirror = {"setMirrorRoute": {"name": "early", "percentage": 5}}
    path, shown = "spec.strategy.steps[0].setMirrorRoute", '{"name":"early","percentage":5}'
    assert canary(mirror) == [f"{path}: Invalid value: {shown}: SetMirrorRoute requires TrafficRouting"]
    assert routed(mirror, routers=(PLAIN,), trafficRouting=MANAGED) == [
        f"{path}: Invalid value: {shown}: Plain cannot do SetMirrorRoute"
    ]
    assert routed(mirror, trafficRouting=MANAGED) == []


@comparisons
@pytest.mark.parametrize("place", ["method", "path", "headers"])
def test_vs7_a_mirror_route_compares_in_one_way(place: str, value: Json, shown: str, text: str) -> None:
    match = {place: {"x": value} if place == "headers" else value}
    assert routed({"setMirrorRoute": {"name": "early", "match": [match]}}, trafficRouting=MANAGED) == [
        f"spec.strategy.steps[0].setMirrorRoute.match[0]: Invalid value: {shown}: {text}"
    ]


EXACT_ONLY = RouterView("mesh", "Mesh", MESH.can - {Capability.HEADER_PREFIX, Capability.HEADER_REGEX})


@pytest.mark.parametrize("kind", ["prefix", "regex"])
def test_vs7_a_mirror_route_compares_headers_only_as_every_router_can(kind: str) -> None:
    match = {"headers": {"x": {"exact": "y"}, "z": {kind: "y"}}}
    step = {"setMirrorRoute": {"name": "early", "match": [match]}}
    said = "SetMirrorRoute match value invalid. Mesh supports 'exact' value only"
    assert routed(step, routers=(EXACT_ONLY,), trafficRouting=MANAGED) == [
        f'spec.strategy.steps[0].setMirrorRoute.match[0]: Invalid value: {{"{kind}":"y"}}: {said}'
    ]
    assert routed(step, trafficRouting=MANAGED) == []


@pytest.mark.parametrize("place", ["method", "path"])
def test_vs7_how_a_mirror_route_compares_methods_and_paths_is_left_to_the_router(place: str) -> None:
    step = {"setMirrorRoute": {"name": "early", "match": [{place: {"prefix": "y"}}]}}
    assert routed(step, routers=(EXACT_ONLY,), trafficRouting=MANAGED) == []


@pytest.mark.parametrize("key", ["setHeaderRoute", "setMirrorRoute"])
def test_vs8_a_route_is_managed(key: str) -> None:
    assert routed({key: {"name": "early"}}) == [
        "spec.strategy.trafficRouting.managedRoutes: Required value: "
        "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'"
    ]
    assert routed({key: {"name": "late"}}, trafficRouting=MANAGED) == [
        f'spec.strategy.steps[0].{key}: Invalid value: "late": '
        "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes"
    ]


def experiment(*templates: Json, **fields: Any) -> Json:
    return {"experiment": {"templates": [{"name": "a", "specRef": "canary"} | one for one in templates], **fields}}


def test_vs9_a_weight_of_an_experiment_needs_traffic_routing_that_can() -> None:
    path = "spec.strategy.steps[0].experiment.templates[0].weight: Invalid value: 5"
    assert canary(experiment({"weight": 5})) == [
        f"{path}: Experiment template weight cannot be set unless TrafficRouting is enabled"
    ]
    assert routed(experiment({"weight": 5}), routers=(WEIGHTLESS,)) == [
        f"{path}: Experiment template weight is not available for TrafficRouting with Mesh"
    ]
    assert routed(experiment({"weight": 5})) == []


def field_ref(path: str) -> list[Json]:
    return [{"name": "who", "valueFrom": {"fieldRef": {"fieldPath": path}}}]


@pytest.mark.parametrize(
    ("path", "ok"),
    [
        ("metadata.name", True),
        ("metadata.labels['app']", True),
        ("metadata.annotations['example.com/Team']", True),
        ("spec.replicas", True),
        ("metadata.generation", False),
        ("metadata.name['x']", False),
        ("metadata.labels['a b']", False),
    ],
)
@pytest.mark.parametrize("kind", ["analysis", "experiment"])
def test_vs10_an_argument_refers_to_metadata_that_there_is(kind: str, path: str, ok: bool) -> None:
    args = field_ref(path)
    analysis = {"name": "x", "templateName": "probe", "args": args}
    step = {"analysis": PROBE | {"args": args}} if kind == "analysis" else experiment({}, analyses=[analysis])
    shown = f'[{{"name":"who","valueFrom":{{"fieldRef":{{"fieldPath":"{path}"}}}}}}]'
    text = "Analyses arguments must refer to valid object metadata supported by downwardAPI"
    assert canary(step) == ([] if ok else [f"spec.strategy.steps[0].analyses: Invalid value: {shown}: {text}"])


def test_vs11_an_analysis_step_has_templates() -> None:
    assert canary({"setWeight": 5}, {"analysis": {}}) == [
        "spec.strategy.canary.steps[1].analysis.templates: Required value: analysis step needs at least one template"
    ]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (experiment({"name": ""}), 'Invalid value: "": Experiment web has empty template name at index 0'),
        (experiment({}, {}), "Invalid value: \"a\": Experiment web has repeated template name 'a' in templates"),
        (
            experiment({}, {"name": "b", "selector": {}}),
            "Invalid value: {}: This experiment is selecting all pods at index 1. A non-empty selector is required.",
        ),
        (
            experiment({}, duration="a while"),
            "Invalid value: \"a while\": Experiment web has invalid duration 'a while'",
        ),
        (experiment(), "Required value: Experiment web has no templates"),
    ],
    ids=["name", "names", "selector", "duration", "templates"],
)
def test_vs12_an_experiment_step_keeps_the_rules_of_experiments(step: Json, expected: str) -> None:
    assert canary(step) == [f"spec.strategy.canary.steps[0].experiment: {expected}"]


def test_vs12_a_template_is_that_of_a_revision() -> None:
    assert canary(experiment({"specRef": "newest"})) == [
        'spec.strategy.canary.steps[0].experiment.templates[0].specRef: Invalid value: "newest": '
        "Invalid template step SpecRef: must be canary or stable"
    ]


@pytest.mark.parametrize(
    ("weight", "total", "exceeds"), [(60, 100, True), (50, 100, False), (950, 1000, False), (951, 1000, True)]
)
def test_vs12_weights_leave_nothing_negative_for_the_stable_revision(weight: int, total: int, exceeds: bool) -> None:
    step = experiment({"weight": 30}, {"name": "b", "weight": 20})
    expected = f"Invalid value: {weight + 50}: weights of the experiment exceed {total}"
    found = routed({"setWeight": weight}, {"pause": {}}, step, trafficRouting={"mesh": {}, "maxTrafficWeight": total})
    assert found == ([f"spec.strategy.canary.steps[2].experiment: {expected}"] if exceeds else [])


def test_steps_are_reported_one_after_the_other() -> None:
    found = canary({"setWeight": 200}, {"pause": {"duration": "x"}}, {"setWeight": -1})
    assert [text.partition(":")[0] for text in found] == [
        "spec.strategy.steps[0].setWeight",
        "spec.strategy.steps[1].pause.duration",
        "spec.strategy.steps[2].setWeight",
    ]
