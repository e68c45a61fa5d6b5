"""The Rollout `demo` in `shop` with stable Ingress `web`, a cluster in memory, and the facade that a controller uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.hooks import Hashes, Problem, Target, Weights
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done
from tidegate.hooks.loader import load_objects
from tidegate_nginx import Nginx
from tidegate_nginx.ingress import INGRESS
from tidegate_testkit.memory import MemoryCluster

PATH = "spec.strategy.canary.trafficRouting.nginx"


def an_ingress(name: str = "web", host: str = "shop.example.com", **spec: Any) -> dict[str, Any]:
    backend = {"service": {"name": "demo-stable", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": host, "http": {"paths": paths}}]
    tls = [{"hosts": [host], "secretName": "shop-tls"}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"ingressClassName": "nginx", "tls": tls, "rules": rules, **spec},
    }


@dataclass
class Shop:
    """One Rollout before one cluster. `given` is the raw config; change it to change the spec."""

    facade: Facade
    cluster: MemoryCluster
    given: dict[str, Any] = field(default_factory=lambda: {"stableIngress": "web"})
    name: str = "demo"
    uid: str = "u-1"
    total: int = 100
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> Target[BaseModel]:
        configured = self.facade.configure("nginx", self.given, PATH)
        assert configured.config is not None, configured.problems
        return Target(
            namespace="shop",
            name=self.name,
            uid=self.uid,
            config=configured.config,
            router="nginx",
            path=PATH,
            canary_service="demo-canary",
            stable_service="demo-stable",
            hashes=Hashes("bbb", "aaa"),
            total=self.total,
            annotations=self.annotations,
        )

    def weigh(self, canary: int) -> Done[None]:
        return self.facade.set_weights("nginx", self.target, Weights(canary, total=self.total), self.cluster)

    def clean_up(self) -> bool:
        return self.facade.clean_up("nginx", self.target, self.cluster).wrote

    def problems(self) -> tuple[Problem, ...]:
        return self.facade.problems("nginx", self.target, self.cluster)

    def canary(self, name: str = "demo-web-canary") -> dict[str, Any]:
        found = self.cluster.find(INGRESS, "shop", name)
        assert found is not None, f"no Ingress {name}"
        return found

    def annotated(self, name: str = "demo-web-canary") -> dict[str, str]:
        return dict(self.canary(name)["metadata"]["annotations"])

    def written(self) -> list[tuple[str, str]]:
        """(verb, name) of every write so far; forgets them."""
        found = [(each.verb, each.name) for each in self.cluster.written]
        self.cluster.written.clear()
        return found

    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of every write so far; forgets them."""
        found = [each.body for each in self.cluster.written]
        self.cluster.written.clear()
        return found

    def owned(self, name: str = "demo-web-canary") -> list[str]:
        return list(json.loads(self.annotated(name).get("tidegate.io/owned-annotations", "[]")))


@pytest.fixture
def make_ingress() -> Callable[..., dict[str, Any]]:
    return an_ingress


@pytest.fixture
def shop() -> Shop:
    """The cluster grants what the plugin declares to need and nothing else."""
    facade = Facade(load_objects({"nginx": Nginx}), sleep=lambda _: None)
    return Shop(facade, MemoryCluster([an_ingress()], rules=facade.rules()))
