"""What a router says of a write that the API server refuses, and of an error of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tidegate.errors import Forbidden, NotFound
from tidegate.hooks import Event, Kind, Objects, Target, Weights
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import told_by
from tidegate_testkit.memory import MemoryCluster

NAME = "example.com/routes"
ROUTE = Kind("example.com", "v1", "Route", "routes")


def set_weights(self: Any, target: Target[Any], weights: Weights, objects: Objects) -> None:
    """Make the Route `made` and weigh the Route `web`, with words for what goes wrong with the first."""
    if target.config.routes == ["gone"]:
        raise NotFound("Route `gone` not found", code=404, reason="RouteNotFound")
    if objects.get(ROUTE, "made") is None:
        failed = Event("RouteNotCreated", "Route `made`: {error}", "Warning")
        objects.create(ROUTE, {"metadata": {"name": "made"}, "spec": {}}, failed=failed)
    objects.edit(ROUTE, "web", Event("Shifted", "web"))["spec"]["canary"] = weights.canary


def get_weights(self: Any, target: Target[Any], objects: Objects) -> dict[str, Weights]:
    return {}


@pytest.fixture
def worded(facade_of: Callable[..., Facade], routes: type) -> Facade:
    return facade_of(routes=type("Worded", (routes,), {"set_weights": set_weights, "get_weights": get_weights}))


def told_of(facade: Facade, target: Target[Any], cluster: MemoryCluster) -> list[tuple[str, str, str]]:
    with pytest.raises((Forbidden, NotFound)) as caught:
        facade.set_weights(NAME, target, Weights(5), cluster)
    return [(event.reason, event.message, event.type) for event in told_by(caught.value)]


def test_a_refused_write_is_told_in_the_routers_words(
    worded: Facade, target: Target[Any], cluster: MemoryCluster
) -> None:
    cluster.fail("create", Forbidden("routes are forbidden", code=403, reason="Forbidden"))
    said = "Route `made`: routes are forbidden"
    assert told_of(worded, target, cluster) == [("RouteNotCreated", said, "Warning")]


def test_what_would_be_told_of_a_failure_is_not_told_of_a_success(
    worded: Facade, target: Target[Any], cluster: MemoryCluster
) -> None:
    done = worded.set_weights(NAME, target, Weights(5), cluster)
    assert [event.reason for event in done.events] == ["Shifted"]


def test_where_two_writes_fail_both_are_told(worded: Facade, target: Target[Any], cluster: MemoryCluster) -> None:
    cluster.fail("create", Forbidden("no creation", code=403, reason="Forbidden"))
    cluster.fail("patch", Forbidden("no patch", code=403, reason="Forbidden"))
    assert told_of(worded, target, cluster) == [
        ("RouteNotCreated", "Route `made`: no creation", "Warning"),
        ("TrafficRoutingError", "no patch", "Warning"),
    ]


def test_a_reason_of_the_routers_own_is_told_as_such(
    worded: Facade, target: Target[Any], cluster: MemoryCluster
) -> None:
    config = target.config.model_copy(update={"routes": ["gone"]})
    told = told_of(worded, replace(target, config=config), cluster)
    assert told == [("RouteNotFound", "Route `gone` not found", "Warning")]


def test_a_reason_of_the_api_server_is_nobodys_own(facade: Facade, target: Target[Any]) -> None:
    assert told_of(facade, target, MemoryCluster()) == []


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
def test_every_write_may_have_words_for_its_failure(verb: str, cluster: MemoryCluster) -> None:
    objects, failed = Objects(cluster, "shop"), Event("Refused", "{error}", "Warning")
    if verb == "create":
        objects.create(ROUTE, {"metadata": {"name": "new"}}, failed=failed)
    elif verb == "patch":
        objects.edit(ROUTE, "web", failed=failed)["spec"]["canary"] = 5
    else:
        objects.delete(ROUTE, "web", failed=failed)
    assert [(change.verb, change.failed) for change in objects.changes()] == [(verb, failed)]
