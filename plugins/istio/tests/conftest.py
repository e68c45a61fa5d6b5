"""The Rollout `demo` in `shop` before a VirtualService `demo-vs`, a cluster in memory, and the facade of a controller.

`shop` is the host-level form (two Services), `mesh` the subset form with the DestinationRule `demo-dr`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.hooks import Destination, Hashes, HeaderRoute, MirrorRoute, Problem, Target, Weights
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done
from tidegate.hooks.loader import load_objects
from tidegate_istio import Istio
from tidegate_istio.kinds import DESTINATION_RULE, VIRTUAL_SERVICE
from tidegate_testkit.memory import MemoryCluster

PATH = "spec.strategy.canary.trafficRouting.istio"
HASH = "rollouts-pod-template-hash"
Manifest = dict[str, Any]


def a_destination(host: str, weight: int | None = None, **more: Any) -> Manifest:
    """One weighted destination; `subset` and `port` go into the destination, other keywords beside it."""
    inner = {key: more.pop(key) for key in ("subset", "port") if key in more}
    weighed = {} if weight is None else {"weight": weight}
    return {"destination": {"host": host, **inner}, **weighed, **more}


def a_virtual_service(*http: Manifest, name: str = "demo-vs", namespace: str = "shop", **spec: Any) -> Manifest:
    found = {"hosts": ["shop.example.com"], **({"http": list(http)} if http else {}), **spec}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": found,
    }


def a_route(name: str = "primary", *entries: Manifest, **more: Any) -> Manifest:
    pair = entries or (a_destination("demo-stable", 100), a_destination("demo-canary", 0))
    named = {"name": name} if name else {}
    return {**named, **more, "route": list(pair)}


def a_subset_route(name: str = "primary", **more: Any) -> Manifest:
    pair = a_destination("demo", 100, subset="stable"), a_destination("demo", 0, subset="canary")
    return a_route(name, *pair, **more)


def a_rule(*subsets: Manifest) -> Manifest:
    pair = [{"name": name, "labels": {"app": "demo", HASH: "aaa"}} for name in ("canary", "stable")]
    spec = {"host": "demo", "subsets": [*pair, *subsets]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "demo-dr", "namespace": "shop"},
        "spec": spec,
    }


@dataclass
class Shop:
    """One Rollout before one cluster. `given` is the raw config; change it to change the spec."""

    facade: Facade
    cluster: MemoryCluster
    given: Manifest
    name: str = "demo"
    services: tuple[str, str] = ("demo-canary", "demo-stable")
    managed: tuple[str, ...] = ("h",)
    annotations: dict[str, str] = field(default_factory=dict)
    deleted: bool = False

    @property
    def target(self) -> Target[BaseModel]:
        configured = self.facade.configure("istio", self.given, PATH)
        assert configured.config is not None, configured.problems
        return Target(
            namespace="shop",
            name=self.name,
            uid=f"u-{self.name}",
            config=configured.config,
            router="istio",
            path=PATH,
            canary_service=self.services[0],
            stable_service=self.services[1],
            hashes=Hashes("bbb", "aaa"),
            managed_routes=self.managed,
            annotations=self.annotations,
            deleted=self.deleted,
        )

    def weigh(self, canary: int, *additional: Destination) -> Done[None]:
        return self.facade.set_weights("istio", self.target, Weights(canary, additional=additional), self.cluster)

    def follow(self, canary: str, stable: str) -> Done[None]:
        return self.facade.update_hash("istio", self.target, Hashes(canary, stable), self.cluster)

    def header(self, name: str, *match: Any) -> Done[None]:
        return self.facade.set_header_route("istio", self.target, HeaderRoute(name, match), self.cluster)

    def mirror(self, name: str, *match: Any, **more: Any) -> Done[None]:
        return self.facade.set_mirror_route("istio", self.target, MirrorRoute(name, match, **more), self.cluster)

    def remove(self, *keep: str) -> Done[None]:
        return self.facade.remove_managed_routes("istio", self.target, frozenset(keep), self.cluster)

    def clean_up(self) -> Done[None]:
        return self.facade.clean_up("istio", self.target, self.cluster)

    def read_back(self) -> dict[str, Weights]:
        return self.facade.get_weights("istio", self.target, self.cluster)

    def problems(self) -> tuple[Problem, ...]:
        return self.facade.problems("istio", self.target, self.cluster)

    def texts(self) -> list[str]:
        return [problem.detail for problem in self.problems()]

    def refused(self) -> list[str]:
        """What is said of a config that cannot be read."""
        return [problem.text for problem in self.facade.configure("istio", self.given, PATH).problems]

    def service(self, name: str = "demo-vs", namespace: str = "shop") -> Manifest:
        found = self.cluster.find(VIRTUAL_SERVICE, namespace, name)
        assert found is not None, f"no VirtualService {namespace}/{name}"
        return found

    def rule(self) -> Manifest:
        found = self.cluster.find(DESTINATION_RULE, "shop", "demo-dr")
        assert found is not None, "no DestinationRule"
        return found

    def labels(self) -> dict[str, Manifest]:
        """The labels of every subset."""
        return {subset["name"]: subset.get("labels", {}) for subset in self.rule()["spec"]["subsets"]}

    def http(self, name: str = "demo-vs", namespace: str = "shop") -> list[Manifest]:
        return list(self.service(name, namespace)["spec"]["http"])

    def names(self, name: str = "demo-vs") -> list[str]:
        """The names of the HTTP routes in their order, "" for one without."""
        return [str(route.get("name", "")) for route in self.http(name)]

    def shares(
        self, route: str = "primary", service: str = "demo-vs", namespace: str = "shop"
    ) -> list[tuple[str, Any]]:
        """(subset or host, weight) of the destinations of an HTTP route."""
        found = next(each for each in self.http(service, namespace) if each.get("name", "") == route)
        return [
            (each["destination"].get("subset") or each["destination"]["host"], each.get("weight"))
            for each in found["route"]
        ]

    def written(self) -> list[tuple[str, str]]:
        """(kind, name) of every write so far; forgets them."""
        found = [(each.kind, each.name) for each in self.cluster.written]
        self.cluster.written.clear()
        return found

    def put(self, manifest: Manifest) -> None:
        """Have somebody else write an object."""
        self.cluster.apply(copy.deepcopy(manifest))


def a_shop(given: Manifest, *manifests: Manifest) -> Shop:
    """The cluster grants what the plugin declares to need and nothing else."""
    facade = Facade(load_objects({"istio": Istio}), sleep=lambda _: None)
    return Shop(facade, MemoryCluster([copy.deepcopy(each) for each in manifests], rules=facade.rules()), given)


SUBSETS = {"name": "demo-dr", "canarySubsetName": "canary", "stableSubsetName": "stable"}


@pytest.fixture
def shop() -> Shop:
    return a_shop({"virtualService": {"name": "demo-vs"}}, a_virtual_service(a_route()))


@pytest.fixture
def mesh() -> Shop:
    given = {"virtualService": {"name": "demo-vs"}, "destinationRule": dict(SUBSETS)}
    found = a_shop(given, a_virtual_service(a_subset_route()), a_rule())
    found.services = ("", "")
    return found


@pytest.fixture
def new_shop() -> Callable[..., Shop]:
    """A shop with another config and other objects."""
    return a_shop


@dataclass(frozen=True)
class Make:
    """Builders of manifests, for tests."""

    destination = staticmethod(a_destination)
    virtual_service = staticmethod(a_virtual_service)
    route = staticmethod(a_route)
    subset_route = staticmethod(a_subset_route)
    rule = staticmethod(a_rule)


@pytest.fixture
def make() -> Make:
    return Make()
