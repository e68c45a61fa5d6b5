"""The Rollout `demo` in `shop` on a mesh that serves v1alpha2, a cluster in memory, and the controller's facade."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.hooks import Destination, Hashes, Problem, Target, Weights
from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection
from tidegate_smi import Smi
from tidegate_smi.split import kind_of
from tidegate_testkit.memory import MemoryCluster

PATH = "spec.strategy.canary.trafficRouting.smi"

Manifest = dict[str, Any]


@dataclass
class Shop:
    """One Rollout before one cluster. `given` is the raw config; change it to change the spec."""

    facade: Facade
    cluster: MemoryCluster
    version: str = "v1alpha2"
    given: Manifest = field(default_factory=dict)
    uid: str = "u-1"

    @property
    def target(self) -> Target[BaseModel]:
        configured = self.facade.configure("smi", self.given, PATH)
        assert configured.config is not None, configured.problems
        return Target(
            namespace="shop",
            name="demo",
            uid=self.uid,
            config=configured.config,
            router="smi",
            path=PATH,
            canary_service="demo-canary",
            stable_service="demo-stable",
            hashes=Hashes("bbb", "aaa"),
        )

    def texts(self) -> list[str]:
        """What is wrong with the config as it is given."""
        return [problem.text for problem in self.facade.configure("smi", self.given, PATH).problems]

    def weigh(self, canary: int, *additional: Destination) -> Done[None]:
        return self.facade.set_weights("smi", self.target, Weights(canary, additional=additional), self.cluster)

    def weights(self) -> dict[str, Weights]:
        return self.facade.get_weights("smi", self.target, self.cluster)

    def clean_up(self) -> bool:
        return self.facade.clean_up("smi", self.target, self.cluster).wrote

    def problems(self) -> tuple[Problem, ...]:
        return self.facade.problems("smi", self.target, self.cluster)

    def split(self, name: str = "demo") -> Manifest:
        found = self.cluster.find(kind_of(self.version), "shop", name)
        assert found is not None, f"no TrafficSplit {name}"
        return found

    def change(self, spec: Manifest) -> None:
        """Have somebody else edit the TrafficSplit."""
        self.cluster.edit(kind_of(self.version), "shop", "demo", {"spec": spec})

    def backends(self, name: str = "demo") -> list[tuple[str, Any]]:
        return [(each["service"], each["weight"]) for each in self.split(name)["spec"]["backends"]]

    def written(self) -> list[tuple[str, Manifest]]:
        """(verb, body) of every write so far; forgets them."""
        found = [(each.verb, each.body) for each in self.cluster.written]
        self.cluster.written.clear()
        return found


@pytest.fixture
def shop_with() -> Callable[..., Shop]:
    """A shop with the plugin's block of tidegate.yaml; the cluster grants what the plugin declares and nothing else."""

    def build(**settings: str) -> Shop:
        facade = Facade(
            load_objects({"smi": Smi}, PluginSelection(settings={"smi": settings} if settings else {})),
            sleep=lambda _: None,
        )
        return Shop(facade, MemoryCluster(rules=facade.rules()), settings.get("apiVersion", "v1alpha1"))

    return build


@pytest.fixture
def shop(shop_with: Callable[..., Shop]) -> Shop:
    return shop_with(apiVersion="v1alpha2")
