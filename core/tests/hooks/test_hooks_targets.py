"""From a Rollout to the target of a router; and what a bare router, or one that is not there, answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.api.rollout import Rollout
from tidegate.errors import NotFound
from tidegate.hooks import Capability, Hashes, Problem, Target, TrafficRouter, Weights
from tidegate.hooks.configs import Configured, target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import written_before
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection
from tidegate_testkit.memory import MemoryCluster

NAME = "example.com/routes"
PATH = "spec.strategy.canary.trafficRouting.plugins[example.com/routes]"


class Empty(BaseModel):
    """A config without fields."""


def a_rollout(**routing: Any) -> Rollout:
    plugins = {NAME: {"routes": ["web"]}}
    canary = {"canaryService": "c", "stableService": "s", "trafficRouting": {"plugins": plugins, **routing}}
    metadata = {"name": "demo", "namespace": "shop", "uid": "u-1", "annotations": {"a": "b"}}
    return Rollout.read({"metadata": metadata, "spec": {"strategy": {"canary": canary}}})


def test_a_target_says_for_whom_the_router_works(facade: Facade) -> None:
    rollout = a_rollout(maxTrafficWeight=1000, managedRoutes=[{"name": "beta"}])
    configured = facade.configure(NAME, {"routes": ["web"]}, PATH)
    target = target_for(rollout, configured, Hashes("bbb", "aaa"))
    assert (target.key, target.uid, target.router, target.path) == ("shop/demo", "u-1", NAME, PATH)
    assert (target.canary_service, target.stable_service, target.hashes) == ("c", "s", Hashes("bbb", "aaa"))
    assert (target.total, target.managed_routes, target.annotations) == (1000, ("beta",), {"a": "b"})
    assert target.owner["uid"] == "u-1"
    assert target.owner["controller"] is True
    assert target_for(a_rollout(), configured).total == 100


def paired(can: frozenset[Capability], turn: str = "", **canary: str) -> tuple[str, str]:
    """(canary, stable) Service for a router with these capabilities, of a Rollout with ping-pong."""
    pair = {"pingService": "ping", "pongService": "pong"}
    strategy = {"canary": {"pingPong": pair, "trafficRouting": {"plugins": {NAME: {}}}, **canary}}
    status = {"canary": {"stablePingPong": turn}} if turn else {}
    rollout = Rollout.read({"metadata": {"name": "demo"}, "spec": {"strategy": strategy}, "status": status})
    target = target_for(rollout, Configured(NAME, PATH, Empty(), can=can))
    return target.canary_service, target.stable_service


@pytest.mark.parametrize(
    ("turn", "canary", "stable"), [("", "ping", "pong"), ("ping", "pong", "ping"), ("pong", "ping", "pong")]
)
def test_c20_ping_and_pong_take_turns_as_canary(turn: str, canary: str, stable: str) -> None:
    assert paired(frozenset({Capability.PING_PONG}), turn) == (canary, stable)


def test_c21_a_router_may_want_canary_and_stable_service_before_ping_pong() -> None:
    first = frozenset({Capability.PING_PONG, Capability.SERVICES_FIRST})
    named = {"canaryService": "c", "stableService": "s"}
    assert paired(first, **named) == ("c", "s")
    assert paired(first) == ("ping", "pong")
    assert paired(frozenset({Capability.PING_PONG}), **named) == ("ping", "pong")
    assert paired(frozenset(), **named) == ("c", "s")


def test_a_target_of_a_rollout_that_lost_its_strategy_can_still_be_cleaned_up(facade: Facade) -> None:
    configured = facade.configure(NAME, {"routes": ["web"]}, PATH)
    target = target_for(Rollout.read({"metadata": {"name": "demo"}, "spec": {}}), configured)
    assert (target.canary_service, target.managed_routes, target.total) == ("", (), 100)


def test_there_is_no_target_for_a_config_with_problems(facade: Facade) -> None:
    with pytest.raises(ValueError, match="no target for a config with problems"):
        target_for(a_rollout(), facade.configure(NAME, {}, PATH))


def test_a_bare_router_answers_defaults(facade_of: Callable[..., Facade], routes: Any, cluster: MemoryCluster) -> None:
    verbs = {verb: routes.__dict__[verb] for verb in ("reads", "set_weights")}
    bare = type("Bare", (TrafficRouter,), {"name": NAME, "config": routes.config, **verbs})
    facade = facade_of(bare=bare)
    target: Target[Any] = target_for(a_rollout(), facade.configure(NAME, {"routes": ["web"]}, PATH))
    assert facade.problems(NAME, target, cluster) == ()
    assert facade.get_weights(NAME, target, cluster) == {}
    assert facade.set_weights(NAME, target, Weights(5), cluster).wrote
    assert not facade.clean_up(NAME, target, cluster).wrote


def test_a_router_is_viewed_with_its_problems(facade: Facade) -> None:
    problem = Problem("a", "b")
    view = facade.view(NAME, (problem,))
    assert (view.name, view.title, view.problems) == (NAME, "Routes", (problem,))
    record = facade.find(NAME)
    assert record is not None
    assert view.can == record.can
    assert facade.find("gone") is None


def test_a_router_whose_plugin_is_disabled_or_failed_is_told_so(routes: Any) -> None:
    plugins = {"hills": routes, "valleys": type("Bad", (routes,), {"api_version": 9})}
    facade = Facade(load_objects(plugins, PluginSelection(disabled=["hills"])))
    assert facade.unknown("hills", "x").detail == (
        'traffic router "hills" is configured but its plugin local==0 is disabled; enable it in tidegate.yaml'
    )
    assert "its plugin cannot be used: local==0: written for plugin API 9" in facade.unknown("valleys", "x").detail
    assert "have none" in facade.unknown("other", "x").detail


def test_routers_are_listed_in_the_order_in_which_they_are_asked(facade_of: Callable[..., Facade], routes: Any) -> None:
    first = type("First", (routes,), {"name": "z", "order": 1})
    assert facade_of(a=routes, b=first, c=type("Last", (routes,), {"name": "a"})).routers == ("z", "a", NAME)


def test_a_deletion_that_came_too_late_counts_as_done(
    facade_of: Callable[..., Facade], routes: Any, make_route: Callable[..., dict[str, Any]]
) -> None:
    facade = facade_of(routes=routes)
    target: Target[Any] = target_for(a_rollout(), facade.configure(NAME, {"routes": ["web"]}, PATH))
    cluster = MemoryCluster([make_route("web", ownerReferences=[target.owner])])
    cluster.fail("delete", NotFound("gone"))
    assert facade.clean_up(NAME, target, cluster).wrote


def test_nothing_was_written_before_an_error_that_no_verb_ended() -> None:
    assert written_before(ValueError("x")) == ()


def test_all_errors_of_one_verb_are_told(facade: Facade, target: Target[Any], cluster: MemoryCluster) -> None:
    cluster.fail("patch", NotFound("first"))
    cluster.fail("patch", NotFound("second"))
    with pytest.raises(NotFound, match="first") as caught:
        facade.set_weights(NAME, target, Weights(5), cluster)
    assert caught.value.__notes__ == ["second"]
