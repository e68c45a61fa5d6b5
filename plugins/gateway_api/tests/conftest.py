"""The Rollout `demo` in `shop` with HTTPRoute `web`, a cluster in memory, and the facade that a controller uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.hooks import (
    Destination,
    Hashes,
    HeaderRoute,
    Kind,
    Match,
    MirrorMatch,
    MirrorRoute,
    Problem,
    Target,
    Verdict,
    Weights,
)
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done
from tidegate.hooks.loader import load_objects
from tidegate_gateway_api import GatewayApi
from tidegate_gateway_api.kinds import GRPC, HTTP, TCP, TLS
from tidegate_testkit.memory import MemoryCluster

ROUTER = "argoproj-labs/gatewayAPI"
PATH = f"spec.strategy.canary.trafficRouting.plugins[{ROUTER}]"
KINDS = {kind.noun: kind.kind for kind in (HTTP, GRPC, TCP, TLS)}

Manifest = dict[str, Any]


def a_ref(name: str, weight: int | None = None, **more: Any) -> Manifest:
    shared = {} if weight is None else {"weight": weight}
    return {"group": "", "kind": "Service", "name": name, "port": 80, **shared, **more}


def a_rule(*paths: str, refs: list[Manifest] | None = None, **more: Any) -> Manifest:
    """A rule for path prefixes that is split 100 to 0, in the words of an API server with its defaults filled in."""
    matches = [{"path": {"type": "PathPrefix", "value": path}} for path in paths]
    backends = refs if refs is not None else [a_ref("demo-stable", 100), a_ref("demo-canary", 0)]
    return {**({"matches": matches} if matches else {}), "backendRefs": backends, **more}


def a_route(name: str = "web", kind: str = "HTTPRoute", rules: list[Manifest] | None = None, **meta: Any) -> Manifest:
    return {
        "apiVersion": KINDS[kind].api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", **meta},
        "spec": {
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}],
            "hostnames": ["shop.example.com"],
            "rules": [a_rule("/")] if rules is None else rules,
        },
    }


def a_service(name: str, *ports: Manifest) -> Manifest:
    offered = list(ports) or [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"ports": offered},
    }


@dataclass
class Shop:
    """One Rollout before one cluster. `given` is the raw config; change it to change the spec."""

    facade: Facade
    cluster: MemoryCluster
    given: Manifest = field(default_factory=lambda: {"httpRoute": "web"})
    name: str = "demo"
    services: tuple[str, str] = ("demo-canary", "demo-stable")
    total: int = 100
    managed: tuple[str, ...] = ("h",)

    @property
    def target(self) -> Target[BaseModel]:
        configured = self.facade.configure(ROUTER, self.given, PATH)
        assert configured.config is not None, configured.problems
        return Target(
            namespace="shop",
            name=self.name,
            uid=f"u-{self.name}",
            config=configured.config,
            router=ROUTER,
            path=PATH,
            canary_service=self.services[0],
            stable_service=self.services[1],
            hashes=Hashes("bbb", "aaa"),
            total=self.total,
            managed_routes=self.managed,
        )

    def texts(self) -> list[str]:
        """What is wrong with the config as it is given."""
        return [problem.text for problem in self.facade.configure(ROUTER, self.given, PATH).problems]

    def weigh(self, canary: int, *additional: Destination) -> Done[None]:
        weights = Weights(canary, total=self.total, additional=additional)
        return self.facade.set_weights(ROUTER, self.target, weights, self.cluster)

    def weights(self) -> dict[str, Weights]:
        return self.facade.get_weights(ROUTER, self.target, self.cluster)

    def verdict(self, canary: int) -> Verdict:
        weights = Weights(canary, total=self.total)
        return self.facade.verify_weights(ROUTER, self.target, weights, self.cluster).value

    def header(self, name: str = "h", header: str = "X-Canary", **match: str) -> Done[None]:
        pairs = ((header, Match(**(match or {"exact": "yes"}))),)
        return self.facade.set_header_route(ROUTER, self.target, HeaderRoute(name, pairs), self.cluster)

    def route(self, route: HeaderRoute | MirrorRoute) -> Done[None]:
        if isinstance(route, HeaderRoute):
            return self.facade.set_header_route(ROUTER, self.target, route, self.cluster)
        return self.facade.set_mirror_route(ROUTER, self.target, route, self.cluster)

    def mirror(self, *matches: MirrorMatch, name: str = "m", percentage: int = 100) -> Done[None]:
        return self.route(MirrorRoute(name, matches, percentage))

    def keep(self, *names: str) -> Done[None]:
        return self.facade.remove_managed_routes(ROUTER, self.target, frozenset(names), self.cluster)

    def clean_up(self) -> bool:
        return self.facade.clean_up(ROUTER, self.target, self.cluster).wrote

    def problems(self) -> tuple[Problem, ...]:
        return self.facade.problems(ROUTER, self.target, self.cluster)

    def put(self, *manifests: Manifest) -> None:
        for manifest in manifests:
            self.cluster.apply(manifest)

    def find(self, name: str = "web", kind: str = "HTTPRoute", namespace: str = "shop") -> Manifest:
        found = self.cluster.find(KINDS[kind], namespace, name)
        assert found is not None, f"no {kind} {name}"
        return found

    def rules(self, name: str = "web", kind: str = "HTTPRoute", namespace: str = "shop") -> list[Manifest]:
        found: list[Manifest] = self.find(name, kind, namespace)["spec"]["rules"]
        return found

    def split(self, name: str = "web", kind: str = "HTTPRoute", namespace: str = "shop") -> list[list[tuple[str, int]]]:
        """(Service, weight) of every backend, by rule; the weight is 1 where none is written."""
        rules = self.rules(name, kind, namespace)
        return [[(ref["name"], ref.get("weight", 1)) for ref in rule["backendRefs"]] for rule in rules]

    def names(self, name: str = "web") -> list[str]:
        """The names of the rules, "" for one without."""
        return [rule.get("name", "") for rule in self.rules(name)]

    def written(self) -> list[tuple[str, str]]:
        """(verb, name) of every write so far; forgets them."""
        found = [(each.verb, each.name) for each in self.cluster.written]
        self.cluster.written.clear()
        return found

    def accept(self, name: str = "web", kind: str = "HTTPRoute", **conditions: Any) -> None:
        """Have the implementation speak of the generation that is there; keywords change the Accepted condition."""
        found = self.find(name, kind)
        seen = {"status": "True", "observedGeneration": found["metadata"]["generation"]}
        accepted = {"type": "Accepted", "reason": "Accepted", **seen, **conditions}
        resolved = {"type": "ResolvedRefs", "reason": "ResolvedRefs", **seen}
        parent = {"parentRef": {"name": "edge"}, "controllerName": "x/y", "conditions": [accepted, resolved]}
        self.cluster.edit(KINDS[kind], "shop", name, {"status": {"parents": [parent]}})


@pytest.fixture
def make_route() -> Callable[..., Manifest]:
    return a_route


@pytest.fixture
def make_rule() -> Callable[..., Manifest]:
    return a_rule


@pytest.fixture
def make_ref() -> Callable[..., Manifest]:
    return a_ref


@pytest.fixture
def make_service() -> Callable[..., Manifest]:
    return a_service


@pytest.fixture
def kinds() -> dict[str, Kind]:
    return KINDS


@pytest.fixture
def shop() -> Shop:
    """The cluster grants what the plugin declares to need and nothing else."""
    facade = Facade(load_objects({"gateway_api": GatewayApi}), sleep=lambda _: None)
    return Shop(facade, MemoryCluster([a_route()], rules=facade.rules()))
