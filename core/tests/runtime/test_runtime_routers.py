"""Several routers of one Rollout against an API server: what is written, in which order, and what is said."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.errors import NotFound
from tidegate.hooks import (
    Capability,
    HeaderRoute,
    Kind,
    Objects,
    Ref,
    Rule,
    Target,
    TrafficRouter,
    Verdict,
    Weights,
    hookimpl,
)
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.runtime.engine import Engine, EngineOptions
from tidegate.runtime.reflector import Pace
from tidegate.runtime.transport import Access, Connection, Transport
from tidegate_sandbox.faults import Fault, FaultKind

ROLLOUTS, ROUTES = "rollouts.argoproj.io", "routes.example.com"
ROUTE = Kind("example.com", "v1", "Route", "routes")
HEADER = {"setHeaderRoute": {"name": "h", "match": [{"headerName": "x", "headerValue": {"exact": "1"}}]}}


class OneRoute(BaseModel):
    route: str


class Sharing(TrafficRouter[OneRoute]):
    """Writes shares and headers into a Route; two subclasses are two routers of different kinds."""

    config = OneRoute
    can = frozenset({Capability.WEIGHTS, Capability.VERIFY, Capability.HEADER})
    needs = (Rule("example.com", "routes", "get list watch patch"),)

    def __init__(self) -> None:
        self.verdict = Verdict(None)
        self.error: Exception | None = None

    def reads(self, target: Target[OneRoute]) -> Sequence[Ref]:
        return [Ref(ROUTE, target.config.route, path=f"{target.path}.route")]

    def set_weights(self, target: Target[OneRoute], weights: Weights, objects: Objects) -> None:
        if self.error is not None:
            raise self.error
        objects.edit(ROUTE, target.config.route)["spec"]["canary"] = weights.canary

    def get_weights(self, target: Target[OneRoute], objects: Objects) -> Mapping[str, Weights]:
        found = objects.get(ROUTE, target.config.route)
        share = found["spec"].get("canary") if found else None
        return {} if share is None else {target.config.route: Weights(share)}

    def verify_weights(self, target: Target[OneRoute], weights: Weights, objects: Objects) -> Verdict:
        return self.verdict

    def set_header_route(self, target: Target[OneRoute], route: HeaderRoute, objects: Objects) -> None:
        spec = objects.edit(ROUTE, target.config.route)["spec"]
        spec["headers"] = {**spec.get("headers", {}), route.name: [key for key, _ in route.match]}

    def remove_managed_routes(self, target: Target[OneRoute], keep: frozenset[str], objects: Objects) -> None:
        spec = objects.edit(ROUTE, target.config.route)["spec"]
        spec["headers"] = {name: what for name, what in spec.get("headers", {}).items() if name in keep} or None


class First(Sharing):
    name, order = "example.com/first", 1


class Second(Sharing):
    name, order = "example.com/second", 2


class Audit:
    """Notes every share that any router is asked for."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []

    @hookimpl(wrapper=True)
    def set_weights(self, target: Target[BaseModel], weights: Weights) -> Generator[None, Any, Any]:
        result = yield
        self.seen.append((target.router, target.name, weights.canary))
        return result


class Pair:
    """The cluster with two routers, `one` and `two` their Routes, and a wrapper around both."""

    def __init__(self, cluster: Any, build: Any) -> None:
        self.cluster, self.build = cluster, build
        self.first, self.second, self.audit = First(), Second(), Audit()

    def start(self, *steps: dict[str, Any], second: str = "two") -> Pair:
        cluster, build = self.cluster, self.build
        cluster.sandbox.apply([build.service("app-canary"), build.service("app-stable")])
        cluster.sandbox.apply([build.route("one"), build.route("two")])
        rollout = build.routed(steps=steps)
        rollout["spec"]["strategy"]["canary"]["trafficRouting"] = {
            "managedRoutes": [{"name": "h"}],
            "plugins": {"example.com/first": {"route": "one"}, "example.com/second": {"route": second}},
        }
        cluster.sandbox.apply(rollout)
        transport = Transport(Connection(Access(str(cluster.kubeconfig))), metrics=cluster.metrics)
        loaded = load_objects({"first": self.first, "second": self.second, "audit": self.audit})
        assert [record.error for record in loaded.plugins if record.error] == []
        pace = Pace(first_pause_s=0.01, longest_pause_s=0.05, lived_s=0)
        options = EngineOptions(workers=2)
        self.engine = Engine(transport, Facade(loaded), options, cluster.sandbox.clock, cluster.metrics, pace)
        cluster._engines.append(self.engine)
        cluster._transports.append(transport)
        self.engine.start()
        assert self.engine.wait_ready(10)
        return self

    def healthy(self) -> Pair:
        self.cluster.until(self.cluster.healthy, 0.5)
        return self

    def shares(self) -> tuple[Any, Any]:
        one, two = (self.cluster.get(ROUTES, name)["spec"].get("canary") for name in ("one", "two"))
        return one, two

    def recorded(self) -> Any:
        return self.cluster.status()["canary"]["weights"]["canary"].get("weight", 0)

    def told(self, reason: str) -> list[str]:
        return [message for why, message, _ in self.cluster.events() if why == reason]

    def meddle(self, name: str = "one", **spec: Any) -> None:
        """Change a Route as another client."""
        manifest = self.cluster.get(ROUTES, name)
        manifest["spec"].update(spec)
        self.cluster.sandbox.objects.update(ROUTES, manifest)


@pytest.fixture
def pair(cluster: Any, build: Any) -> Pair:
    return Pair(cluster, build)


PAUSE: dict[str, Any] = {"pause": {}}


def test_c01_a_growing_share_writes_the_first_router_once_and_tries_the_second_again(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE).healthy()
    cluster = pair.cluster
    cluster.until(lambda: pair.shares() == (0, 0), 0.5)
    fault = Fault(FaultKind.SERVER_ERROR, ("patch",), ROUTES, count=None, code=500, name="two")
    cluster.sandbox.faults.add(fault)
    cluster.ship("app:v2")
    cluster.until(lambda: pair.shares()[0] == 25, 0.5)
    version = cluster.get(ROUTES, "one")["metadata"]["resourceVersion"]
    cluster.until(lambda: cluster.requests("PATCH", "routes", "500") >= 3, 0.5)
    assert (pair.shares(), pair.recorded()) == ((25, 0), 0)
    assert cluster.get(ROUTES, "one")["metadata"]["resourceVersion"] == version
    cluster.sandbox.faults.clear()
    cluster.until(lambda: pair.shares() == (25, 25) and pair.recorded() == 25, 0.5)
    assert cluster.get(ROUTES, "one")["metadata"]["resourceVersion"] == version


def test_c02_a_falling_share_reaches_the_second_router_although_the_first_fails(pair: Pair) -> None:
    pair.start({"setWeight": 50}, PAUSE).healthy()
    cluster = pair.cluster
    cluster.ship("app:v2")
    cluster.until(lambda: pair.recorded() == 50, 0.5)
    cluster.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("patch",), ROUTES, count=None, code=403, name="one"))
    rollout = cluster.get(ROLLOUTS, "app")
    rollout["status"]["abort"] = True
    cluster.sandbox.objects.update(ROLLOUTS, rollout, "status")
    cluster.until(lambda: pair.shares() == (50, 0), 0.5)
    cluster.until(lambda: [text for text in pair.told("TrafficRoutingError") if "routes.example.com" in text], 0.5)
    assert pair.recorded() == 50
    cluster.sandbox.faults.clear()
    cluster.until(lambda: pair.shares() == (0, 0) and pair.recorded() == 0, 0.5)


def test_c03_a_router_that_says_no_holds_the_step_whatever_the_other_says(pair: Pair) -> None:
    pair.first.verdict = Verdict(False, "not there yet")
    pair.start({"setWeight": 25}, PAUSE).healthy()
    cluster = pair.cluster
    cluster.ship("app:v2")
    cluster.until(lambda: pair.recorded() == 25, 0.5)
    assert cluster.status()["canary"]["weights"]["verified"] is False
    assert cluster.status()["currentStepIndex"] == 0
    pair.first.verdict = Verdict(True)
    cluster.until(lambda: cluster.status()["currentStepIndex"] == 1, 1.0)


def test_c13_one_event_tells_of_a_change_for_both_routers(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE).healthy()
    pair.cluster.ship("app:v2")
    pair.cluster.until(lambda: "Traffic weight updated from 0 to 25" in pair.told("TrafficWeightUpdated"), 0.5)
    counts = [count for _, text, count in pair.cluster.events() if text == "Traffic weight updated from 0 to 25"]
    assert counts == [1]


def test_c23_a_foreign_write_to_weights_and_header_route_is_repaired_in_one_pass(pair: Pair) -> None:
    pair.start({"setWeight": 10}, HEADER, {"setWeight": 25}, PAUSE).healthy()
    cluster = pair.cluster
    cluster.ship("app:v2")
    cluster.until(lambda: cluster.phase()[0] == "Paused", 0.5)
    before = cluster.get(ROUTES, "one")["spec"]
    assert before == {"canary": 25, "headers": {"h": ["x"]}}
    pair.meddle(canary=99, headers={})
    cluster.until(lambda: cluster.get(ROUTES, "one")["spec"] == before)


def test_c24_a_wrapper_sees_router_rollout_and_weights_and_changes_nothing(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE).healthy()
    pair.cluster.ship("app:v2")
    pair.cluster.until(lambda: pair.shares() == (25, 25), 0.5)
    assert {("example.com/first", "app", 25), ("example.com/second", "app", 25)} <= set(pair.audit.seen)


def test_c31_a_not_found_is_told_and_tried_again_without_any_event(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE).healthy()
    pair.second.error = NotFound('routes.example.com "two" not found', code=404, reason="NotFound")
    pair.cluster.ship("app:v2")
    pair.cluster.until(lambda: 'routes.example.com "two" not found' in pair.told("TrafficRoutingError"), 0.5)
    pair.second.error = None
    pair.cluster.until(lambda: pair.shares() == (25, 25), 0.5)


def test_a_routers_own_reason_is_told_once_for_each_change_of_state(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE).healthy()
    cluster = pair.cluster
    pair.second.error = NotFound("Route `two` not found", code=404, reason="RouteNotFound")
    cluster.ship("app:v2")
    cluster.until(lambda: pair.told("RouteNotFound"), 0.5)
    asked = len(pair.audit.seen)
    cluster.until(lambda: len(pair.audit.seen) >= asked + 8, 5.0)
    pair.second.error = None
    cluster.until(lambda: pair.shares() == (25, 25) and pair.recorded() == 25, 0.5)
    told = [event for event in cluster.events() if event[0] in ("RouteNotFound", "TrafficRoutingError")]
    assert told == [("RouteNotFound", "Route `two` not found", 1)]
    pair.second.error = NotFound("Route `two` not found", code=404, reason="RouteNotFound")
    pair.meddle("two", canary=1)
    cluster.until(lambda: ("RouteNotFound", "Route `two` not found", 2) in cluster.events(), 0.5)


def test_x36_a_routers_repeated_errors_never_stop_the_retries(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE).healthy()
    pair.second.error = NotFound("gone", code=404, reason="NotFound")
    pair.cluster.ship("app:v2")
    asked = len(pair.audit.seen)
    pair.cluster.until(lambda: len(pair.audit.seen) >= asked + 8, 5.0)


def test_two_routers_on_one_object_are_an_error_before_anything_is_written(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE, second="one")
    said = 'routes.example.com "one" is written by router "example.com/first" too'

    def invalid() -> bool:
        return any(said in c["message"] for c in pair.cluster.status().get("conditions", []))

    pair.cluster.until(invalid, 0.5)
    assert pair.shares() == (None, None)


# --- drift ---


def contest(pair: Pair, times: int, apart_s: float = 1.0) -> None:
    for share in range(90, 90 + times):
        pair.meddle(canary=share)
        pair.cluster.until(lambda: pair.shares()[0] == 25)
        assert pair.engine.queue.wait_idle(5)  # the repair is counted behind its write, by the clock of then
        pair.cluster.sandbox.advance(apart_s)


def test_three_repairs_within_a_minute_are_told_as_a_contest(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE).healthy()
    pair.cluster.ship("app:v2")
    pair.cluster.until(lambda: pair.cluster.phase()[0] == "Paused", 0.5)
    contest(pair, 2)
    assert pair.told("TrafficDriftContested") == []
    contest(pair, 1)
    pair.cluster.until(lambda: pair.told("TrafficDriftContested"), 0.5)
    (text,) = pair.told("TrafficDriftContested")
    assert text.startswith("Route `one` was changed 3 times within 60 s by ")


def test_repairs_that_are_far_apart_are_no_contest(pair: Pair) -> None:
    pair.start({"setWeight": 25}, PAUSE).healthy()
    pair.cluster.ship("app:v2")
    pair.cluster.until(lambda: pair.cluster.phase()[0] == "Paused", 0.5)
    contest(pair, 4, apart_s=40)
    pair.cluster.sandbox.advance(5)
    assert pair.told("TrafficDriftContested") == []


# --- writes are counted ---


def test_x31_a_router_with_managed_routes_is_written_once_at_the_first_deployment(pair: Pair) -> None:
    pair.start({"setWeight": 25}, HEADER, PAUSE).healthy()
    pair.cluster.until(lambda: pair.shares() == (0, 0), 0.5)
    for _ in range(10):
        pair.cluster.sandbox.advance(5)
        pair.cluster.until(lambda: True)
    assert pair.cluster.requests("PATCH", "routes") == 2


def test_x30_an_object_is_written_at_most_once_for_each_step_and_change(pair: Pair) -> None:
    pair.start({"setWeight": 25}, HEADER, {"setWeight": 50}).healthy()
    cluster = pair.cluster
    cluster.until(lambda: pair.shares() == (0, 0), 0.5)
    states: dict[str, list[Any]] = {"one": [], "two": []}

    def note(change: Any) -> None:
        if change.object["kind"] == "Route":
            states[change.object["metadata"]["name"]].append(change.object["spec"])

    cluster.sandbox.objects.subscribe(note)
    cluster.ship("app:v2")
    cluster.until(lambda: cluster.healthy() and pair.shares() == (0, 0) and pair.recorded() == 0, 1.0)
    for seen in states.values():
        assert [spec["canary"] for spec in seen] == [25, 25, 50, 100, 100, 0]
        assert [bool(spec.get("headers")) for spec in seen] == [False, True, True, True, False, False]
