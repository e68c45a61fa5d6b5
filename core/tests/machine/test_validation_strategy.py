"""Rules VB, VA and VC, and the doors: the strategies apart from their steps."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.machine.observed import Door, RouterView
from tidegate.machine.traffic import Capability
from validation_rollouts import MESH, SERVICES, blue_green, canary, looked_at, routed, texts

TWO = "but two different services are required."
UNABLE = RouterView("plain", "Plain", MESH.can - {Capability.PING_PONG})
TOTAL_LESS = RouterView("plain", "Plain", MESH.can - {Capability.TOTAL})
FREE = RouterView("free", "Free", MESH.can | {Capability.NO_SERVICES})


def test_vb1_active_and_preview_are_two_services() -> None:
    assert blue_green(previewService="active") == [
        'spec.strategy.activeService: Invalid value: "active": This rollout uses the same service for the active and '
        f"preview services, {TWO}"
    ]


def test_vb2_history_holds_what_lingers() -> None:
    assert blue_green({"revisionHistoryLimit": 2}, scaleDownDelayRevisionLimit=3) == [
        "spec.strategy.scaleDownDelayRevisionLimit: Invalid value: 3: This rollout's revision history limit can not be "
        "smaller than the rollout's scale down limit"
    ]
    assert blue_green({"revisionHistoryLimit": 3}, scaleDownDelayRevisionLimit=3) == []


REQUIRED: dict[str, Any] = {"requiredDuringSchedulingIgnoredDuringExecution": {}}


def preferred(weight: int) -> dict[str, Any]:
    return {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": weight}}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (REQUIRED, []),
        (preferred(1), []),
        (preferred(100), []),
        (preferred(0), [("weight", 0)]),
        (preferred(101), [("weight", 101)]),
    ],
    ids=["required", "1", "100", "0", "101"],
)
@pytest.mark.parametrize("build", [canary, blue_green], ids=["canary", "blue-green"])
def test_va1_weights_are_those_of_the_scheduler(build: Any, rules: Any, expected: list[tuple[str, int]]) -> None:
    assert build(antiAffinity=rules) == [
        f"spec.strategy.antiAffinity.{field}: Invalid value: {value}: AntiAffinity weight must be between 1-100"
        for field, value in expected
    ]


@pytest.mark.parametrize(("rules", "flag"), [({}, "false"), (REQUIRED | preferred(5), "true")], ids=["none", "both"])
def test_va1_exactly_one_kind_of_rule(rules: dict[str, Any], flag: str) -> None:
    shown = " ".join(
        f"antiAffinity.{kind}DuringSchedulingIgnoredDuringExecution: {flag}" for kind in ("Preferred", "Required")
    )
    assert canary(antiAffinity=rules) == [
        f'spec.strategy.antiAffinity: Invalid value: "{shown}": AntiAffinity must have exactly one strategy listed'
    ]


@pytest.mark.parametrize(
    ("surge", "unavailable", "shown"),
    [(0, 0, "0"), ("0%", 0, '"0%"'), ("0", "0%", '"0"')],
    ids=["numbers", "percent", "text"],
)
def test_vc1_surge_and_unavailable_are_not_both_zero(surge: Any, unavailable: Any, shown: str) -> None:
    assert canary(maxSurge=surge, maxUnavailable=unavailable) == [
        f"spec.strategy.maxSurge: Invalid value: {shown}: MaxSurge and MaxUnavailable both can not be zero"
    ]


def test_vc1_text_that_is_no_number_counts_as_zero() -> None:
    assert canary(maxSurge="some", maxUnavailable=0) == [
        'spec.strategy.maxSurge: Invalid value: "some": MaxSurge and MaxUnavailable both can not be zero',
        "spec.strategy.maxSurge: Invalid value: \"some\": 'some' is neither a number nor a percentage",
    ]


def test_vc1_small_percentages_pass() -> None:
    assert canary(maxSurge="1%", maxUnavailable=0) == []


def test_vc2_canary_and_stable_are_two_services() -> None:
    assert canary(canaryService="web-stable", stableService="web-stable") == [
        'spec.strategy.stableService: Invalid value: "web-stable": This rollout uses the same service for the stable '
        f"and canary services, {TWO}"
    ]


def test_vc3_ping_pong_needs_a_router_that_can() -> None:
    pair = {"pingService": "ping", "pongService": "pong"}
    assert routed(pingPong=pair) == []
    assert routed(pingPong=pair, routers=(UNABLE,), trafficRouting={"plain": {}}) == [
        'spec.strategy.trafficRouting.plain: Invalid value: "plain": Ping-pong feature does not work with Plain'
    ]
    assert routed(pingPong=pair, routers=(UNABLE,), trafficRouting={"plugins": {"plain": {}}}) == [
        'spec.strategy.trafficRouting.plugins[plain]: Invalid value: "plain": Ping-pong feature does not work with Plain'
    ]


@pytest.mark.parametrize(("missing", "kept"), [("pingService", "pongService"), ("pongService", "pingService")])
def test_vc4_both_ping_and_pong_are_set(missing: str, kept: str) -> None:
    assert routed(pingPong={kept: "ping"}) == [
        f'spec.strategy.pingPong.{missing}: Invalid value: "": '
        "Ping service and Pong service must to be set to use Ping-Pong feature"
    ]


def test_vc4_ping_and_pong_are_two_services() -> None:
    assert routed(pingPong={"pingService": "ping", "pongService": "ping"}) == [
        'spec.strategy.pingPong.pingService: Invalid value: "ping": This rollout uses the same service for the ping and '
        f"pong services, {TWO}"
    ]


def test_vc6_a_router_needs_both_services() -> None:
    assert canary(trafficRouting={"mesh": {}}, routers=(MESH,)) == [
        f'spec.strategy.{field}: Invalid value: "": Canary service and Stable service must to be set to use Traffic Routing'
        for field in ("stableService", "canaryService")
    ]


def test_vc6_a_router_that_works_without_services_needs_none() -> None:
    assert canary(trafficRouting={"free": {}}, routers=(FREE,)) == []


def test_vc6_ping_and_pong_take_the_place_of_both() -> None:
    pair = {"pingService": "ping", "pongService": "pong"}
    assert canary(trafficRouting={"mesh": {}}, routers=(MESH,), pingPong=pair) == []


@pytest.mark.parametrize(
    ("field", "value", "shown"), [("scaleDownDelaySeconds", 5, "5"), ("dynamicStableScale", True, "true")]
)
def test_vc7_fields_of_traffic_routing_need_it(field: str, value: Any, shown: str) -> None:
    text = f"Canary {field} can only be used with traffic routing"
    assert canary(**{field: value}) == [f"spec.strategy.{field}: Invalid value: {shown}: {text}"]
    assert routed(**{field: value}) == []


def test_vc8_a_dynamic_stable_scale_has_no_delay() -> None:
    assert routed(dynamicStableScale=True, scaleDownDelaySeconds=5) == [
        "spec.strategy.dynamicStableScale: Invalid value: true: "
        "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"
    ]


def test_vc9_another_total_needs_routers_that_can() -> None:
    routing = {"mesh": {}, "plain": {}, "maxTrafficWeight": 1000}
    assert routed(trafficRouting=routing) == []
    assert routed(trafficRouting=routing, routers=(MESH, TOTAL_LESS)) == [
        "spec.strategy.trafficRouting.maxTrafficWeight: Invalid value: 1000: "
        "Canary maxTrafficWeight in traffic routing only supported in Mesh and Plugins"
    ]


def test_a_total_is_at_least_one() -> None:
    assert routed(trafficRouting={"mesh": {}, "maxTrafficWeight": 0}) == [
        "spec.strategy.trafficRouting.maxTrafficWeight: Invalid value: 0: must be greater than or equal to 1"
    ]


def test_of_an_unknown_router_only_its_absence_is_reported() -> None:
    lost = RouterView("lost", "lost", frozenset())
    assert (
        routed({"setHeaderRoute": {"name": "r"}}, routers=(lost,), trafficRouting={"managedRoutes": [{"name": "r"}]})
        == []
    )


ANALYSIS = {"templates": [{"templateName": "probe"}]}


@pytest.mark.parametrize(
    ("strategy", "path", "door", "work"),
    [
        ({"canary": {"analysis": ANALYSIS}}, "canary.analysis", Door.ANALYSIS, "analyses"),
        ({"canary": {"steps": [{"analysis": ANALYSIS}]}}, "canary.steps[0].analysis", Door.ANALYSIS, "analyses"),
        (
            {"canary": {"steps": [{"experiment": {"templates": [{"name": "a", "specRef": "canary"}]}}]}},
            "canary.steps[0].experiment",
            Door.EXPERIMENT,
            "experiments",
        ),
        (
            {"canary": {"steps": [{"plugin": {"name": "x"}}]}},
            "canary.steps[0].plugin",
            Door.STEP_PLUGIN,
            "step plugins",
        ),
        *(
            (
                {"blueGreen": {"activeService": "active", f"{when}PromotionAnalysis": ANALYSIS}},
                f"blueGreen.{when}PromotionAnalysis",
                Door.ANALYSIS,
                "analyses",
            )
            for when in ("pre", "post")
        ),
    ],
    ids=["background", "analysis step", "experiment", "plugin", "pre", "post"],
)
def test_what_a_closed_door_is_for_is_refused(strategy: dict[str, Any], path: str, door: Door, work: str) -> None:
    refused = f"this controller does not carry out {work}; remove it, or run a controller that does"
    expected = [f"spec.strategy.{path}: Forbidden: {refused}"]
    assert texts(looked_at(strategy, doors=frozenset(Door) - {door})) == expected
    assert texts(looked_at(strategy, doors=frozenset({door}))) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"canaryMetadata": {"labels": {"a": "b"}}, "stableMetadata": {"labels": {"a": "c"}}},
        {"dynamicStableScale": True},
        {"pingPong": {"pingService": "ping", "pongService": "pong"}},
        {"antiAffinity": REQUIRED},
    ],
    ids=["metadata", "dynamic stable scale", "ping-pong", "anti-affinity"],
)
def test_what_needs_no_door_is_accepted(fields: dict[str, Any]) -> None:
    assert (
        texts(
            looked_at(
                {"canary": {**SERVICES, "trafficRouting": {"mesh": {}}, **fields}}, routers=(MESH,), doors=frozenset()
            )
        )
        == []
    )


def test_negative_limits_are_refused() -> None:
    assert routed(scaleDownDelayRevisionLimit=-1) == [
        "spec.strategy.scaleDownDelayRevisionLimit: Invalid value: -1: must be greater than or equal to 0"
    ]
