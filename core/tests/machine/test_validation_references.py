"""Rules VX: what a Rollout names must exist, and be its own."""

from __future__ import annotations

import json

import pytest

from tidegate.api.rollout import Strategy
from tidegate.machine.observed import Problem, RouterView, ServiceView
from tidegate.machine.rollout.validation.rollout import service_fields
from validation_rollouts import LABELS, MESH, ROUTED, Json, legacy, looked_at, texts

PAIR = {"pingService": "ping", "pongService": "pong"}
CANARY: Json = {"canary": {**ROUTED, "pingPong": PAIR}}
BLUE_GREEN: Json = {"blueGreen": {"activeService": "active", "previewService": "preview"}}
FIELDS = [
    (CANARY, "canary.stableService", "web-stable"),
    (CANARY, "canary.canaryService", "web-canary"),
    (CANARY, "canary.pingPong.pingService", "ping"),
    (CANARY, "canary.pingPong.pongService", "pong"),
    (BLUE_GREEN, "blueGreen.activeService", "active"),
    (BLUE_GREEN, "blueGreen.previewService", "preview"),
]
each_service = pytest.mark.parametrize(("strategy", "field", "name"), FIELDS, ids=[field for _, field, _ in FIELDS])


def with_service(strategy: Json, name: str, service: ServiceView | None) -> list[str]:
    seen = looked_at(strategy, routers=(MESH,) if "canary" in strategy else ())
    services = {**seen.services, name: service}
    return texts(looked_at(strategy, routers=seen.routers, services=services))


@each_service
def test_vx1_a_service_exists(strategy: Json, field: str, name: str) -> None:
    assert with_service(strategy, name, None) == [
        f'spec.strategy.{field}: Invalid value: "{name}": service "{name}" not found'
    ]


@each_service
def test_vx2_a_service_selects_the_pods(strategy: Json, field: str, name: str) -> None:
    selector = {"app": "web", "rollouts-pod-template-hash": "abc", "tier": "front"}
    assert with_service(strategy, name, ServiceView(name, selector, "", "1")) == [
        f'spec.strategy.{field}: Invalid value: "{name}": Service "{name}" has unmatch label "tier" in rollout'
    ]


@each_service
def test_vx3_a_service_has_one_manager(strategy: Json, field: str, name: str) -> None:
    assert with_service(strategy, name, ServiceView(name, LABELS, "other", "1")) == [
        f'spec.strategy.{field}: Invalid value: "{name}": Service "{name}" is managed by another Rollout'
    ]
    assert with_service(strategy, name, ServiceView(name, LABELS, "web", "1")) == []


def test_vx2_a_service_is_held_against_a_borrowed_template() -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "legacy"}
    assert texts(looked_at(BLUE_GREEN, {"workloadRef": reference}, workload=legacy())) == []


def test_absences_come_before_contents_and_services_before_routers() -> None:
    lost = Problem("spec.route", "route not found", json.dumps("r"), missing=True)
    wrong = Problem("spec.route", "no rule", json.dumps("r"))
    router = RouterView(MESH.name, MESH.title, MESH.can, (wrong, lost))
    services = {"web-stable": ServiceView("web-stable", {"app": "x"}, "", "1"), "web-canary": None}
    found = texts(looked_at({"canary": ROUTED}, routers=(router,), services=services))
    assert found == [
        'spec.strategy.canary.canaryService: Invalid value: "web-canary": service "web-canary" not found',
        'spec.route: Invalid value: "r": route not found',
        'spec.strategy.canary.stableService: Invalid value: "web-stable": '
        'Service "web-stable" has unmatch label "app" in rollout',
        'spec.route: Invalid value: "r": no rule',
    ]


def test_references_are_not_looked_at_while_the_object_is_wrong() -> None:
    assert texts(looked_at(BLUE_GREEN, {"replicas": -1}, services={})) == [
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    ]


def test_the_named_services_are_listed_in_the_order_of_their_checks() -> None:
    assert service_fields(Strategy.read(CANARY | BLUE_GREEN)) == tuple((field, name) for _, field, name in FIELDS)
    assert service_fields(Strategy()) == ()
