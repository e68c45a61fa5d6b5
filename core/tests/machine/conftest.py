"""Builders of a Rollout in its cluster, in virtual time. The model is in `worlds/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import World
from tidegate.machine.observed import Problem, RouterView, ServiceView
from tidegate.machine.traffic import Capability

ALL = frozenset(Capability) - {Capability.NO_SERVICES}


def manifest(strategy: dict[str, Any], replicas: int, spec: dict[str, Any] | None) -> dict[str, Any]:
    """A Rollout `demo` of image app:v1."""
    labels = {"app": "demo"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "demo", "namespace": "shop", "uid": "u-1", "generation": 1, "annotations": {}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "app:v1"}]},
            },
            "strategy": strategy,
            **(spec or {}),
        },
    }


def named_services(strategy: dict[str, Any]) -> list[str]:
    """Every Service that a strategy names."""
    fields = ("canaryService", "stableService", "activeService", "previewService", "pingService", "pongService")
    parts = [*strategy.values(), *(part.get("pingPong") or {} for part in strategy.values())]
    return [part[key] for part in parts for key in fields if part.get(key)]


def built(rollout: dict[str, Any], routers: tuple[RouterView, ...], deployed: bool) -> World:
    """The world of a Rollout, deployed and quiet where that is wanted."""
    world = World(rollout)
    for name in named_services(rollout["spec"]["strategy"]):
        world.services[name] = ServiceView(name, {"app": "demo"}, "", "1")
    world.routers = routers
    return world.run().forget() if deployed else world


Build = Callable[..., World]


@pytest.fixture
def a_rollout() -> Build:
    """`a_rollout(steps, routed=…, replicas=…, **canary)`: deployed at v1 and quiet unless `deployed=False`."""

    def build(
        steps: list[dict[str, Any]],
        *,
        routed: bool = False,
        services: bool | None = None,
        replicas: int = 10,
        deployed: bool = True,
        problems: tuple[Problem, ...] = (),
        spec: dict[str, Any] | None = None,
        **canary: Any,
    ) -> World:
        if routed if services is None else services:
            canary = {"canaryService": "demo-canary", "stableService": "demo-stable", **canary}
        if routed:
            canary.setdefault("trafficRouting", {})
            canary["trafficRouting"] = {"mesh": {}, **canary["trafficRouting"]}
        routers = (RouterView("mesh", "Mesh", ALL, problems),) if routed else ()
        return built(manifest({"canary": {"steps": steps, **canary}}, replicas, spec), routers, deployed)

    return build


@pytest.fixture
def a_blue_green() -> Build:
    """`a_blue_green(preview=…, replicas=3, **blue_green)`: deployed at v1 and quiet unless `deployed=False`."""

    def build(
        *,
        preview: bool = True,
        replicas: int = 3,
        deployed: bool = True,
        spec: dict[str, Any] | None = None,
        **blue_green: Any,
    ) -> World:
        pair = {"activeService": "demo-active", **({"previewService": "demo-preview"} if preview else {})}
        return built(manifest({"blueGreen": {**pair, **blue_green}}, replicas, spec), (), deployed)

    return build
