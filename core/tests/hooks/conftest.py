"""Builders: a small router over a made-up kind, plugins written to disk as distributions, a facade over both."""

from __future__ import annotations

import importlib.metadata
import textwrap
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from tidegate.hooks import (
    Capability,
    Event,
    HeaderRoute,
    Kind,
    Objects,
    Problem,
    Ref,
    Rule,
    Target,
    TrafficRouter,
    Verdict,
    Weights,
)
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate_testkit.memory import MemoryCluster

ROUTE = Kind("example.com", "v1", "Route", "routes")


class RouteConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    routes: list[str]


class Routes(TrafficRouter[RouteConfig]):
    """Writes the canary's share into `spec.canary` of every Route that the config names."""

    name = "example.com/routes"
    config = RouteConfig
    can = frozenset({Capability.WEIGHTS, Capability.HEADER})
    needs = (Rule("example.com", "routes", "get list watch patch"),)

    def reads(self, target: Target[RouteConfig]) -> Sequence[Ref]:
        return [Ref(ROUTE, name, path=f"{target.path}.routes[{i}]") for i, name in enumerate(target.config.routes)]

    def set_weights(self, target: Target[RouteConfig], weights: Weights, objects: Objects) -> None:
        for name in target.config.routes:
            event = Event("Shifted", f"{name} to {weights.canary}")
            objects.edit(ROUTE, name, event)["spec"]["canary"] = weights.canary

    def get_weights(self, target: Target[RouteConfig], objects: Objects) -> Mapping[str, Weights]:
        found = {name: objects.get(ROUTE, name) for name in target.config.routes}
        return {name: Weights(route["spec"]["canary"]) for name, route in found.items() if route}

    def set_header_route(self, target: Target[RouteConfig], route: HeaderRoute, objects: Objects) -> None:
        for name in target.config.routes:
            objects.edit(ROUTE, name)["spec"].setdefault("headers", {})[route.name] = [key for key, _ in route.match]

    def remove_managed_routes(self, target: Target[RouteConfig], keep: frozenset[str], objects: Objects) -> None:
        for name in target.config.routes:
            spec = objects.edit(ROUTE, name)["spec"]
            spec["headers"] = {key: value for key, value in spec.get("headers", {}).items() if key in keep} or None

    def lint(self, target: Target[RouteConfig], objects: Objects) -> Sequence[Problem]:
        return [Problem(f"{target.path}.routes", "no route named", "[]")] if not target.config.routes else []

    def clean_up(self, target: Target[RouteConfig], objects: Objects) -> None:
        for name in target.config.routes:
            objects.delete(ROUTE, name)


def a_route(name: str, canary: int = 0, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Route",
        "metadata": {"name": name, "namespace": "shop", **metadata},
        "spec": {"canary": canary},
    }


@pytest.fixture
def routes() -> type[Routes]:
    return Routes


@pytest.fixture
def route_kind() -> Kind:
    return ROUTE


@pytest.fixture
def make_route() -> Callable[..., dict[str, Any]]:
    return a_route


@pytest.fixture
def naps() -> list[float]:
    """How long the facade has slept."""
    return []


@pytest.fixture
def facade_of(naps: list[float]) -> Callable[..., Facade]:
    """A facade over plugins that must all load, by name."""

    def make(**plugins: object) -> Facade:
        loaded = load_objects(plugins)
        assert [record.error for record in loaded.plugins if record.error] == []
        return Facade(loaded, sleep=naps.append)

    return make


@pytest.fixture
def facade(facade_of: Callable[..., Facade]) -> Facade:
    return facade_of(routes=Routes)


@pytest.fixture
def target() -> Target[RouteConfig]:
    """The Rollout `demo` in `shop`, uid `u-1`, with the routes `web` and `admin`."""
    path = "spec.strategy.canary.trafficRouting.plugins[example.com/routes]"
    config = RouteConfig(routes=["web", "admin"])
    return Target(namespace="shop", name="demo", uid="u-1", config=config, router="example.com/routes", path=path)


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster([a_route("web"), a_route("admin")])


@pytest.fixture
def verdict() -> Verdict:
    return Verdict(True)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[EntryPoint]]:
    """Write a distribution to disk, importable, and give back the entry points of all that were written so far."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def write(
        distribution: str, plugin: str, source: str, version: str = "1.0", attribute: str = ""
    ) -> list[EntryPoint]:
        module = f"{distribution}_{tmp_path.name}".replace("-", "_")
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        value = f"{module}:{attribute}" if attribute else module
        (info / "entry_points.txt").write_text(f"[tidegate.plugins]\n{plugin} = {value}\n")
        found = importlib.metadata.distributions(path=[str(site)])
        return [entry for each in found for entry in each.entry_points.select(group="tidegate.plugins")]

    return write
