"""What a conformance suite is given, and what it plays on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done
from tidegate.hooks.loader import load_objects
from tidegate.hooks.references import Ref, Rule
from tidegate.hooks.router import Target, TrafficRouter
from tidegate.machine.observed import Problem
from tidegate.machine.traffic import Hashes, Weights
from tidegate_testkit.memory import Manifest, MemoryCluster, Written

PLUGIN = "under-test"
CLEAN_UP_PASSES = 5  # a router may need a pass for weight 0, one to delete, one to find nothing; two more to spare


@dataclass(frozen=True, slots=True)
class TrafficCase:
    """A router with a config that works and the objects that this config names.

    `observe` tells which share of the requests, in percent, the data plane would send to the canary as the cluster
    stands; None where nothing is there yet. Objects are in `namespace`. The rest names the Rollout.
    """

    router: type[TrafficRouter[Any]]
    config: Manifest
    manifests: Sequence[Manifest]
    observe: Callable[[MemoryCluster], float | None]
    namespace: str = "default"
    rollout: str = "demo"
    stable_service: str = "demo-stable"
    canary_service: str = "demo-canary"
    managed_routes: tuple[str, ...] = ("kit-route",)

    def start(self, rules: Sequence[Rule] | None = None) -> Stage:
        """A fresh cluster with the manifests, and the facade that a controller would ask."""
        manifests = [copy.deepcopy(manifest) for manifest in self.manifests]
        for manifest in manifests:
            manifest["metadata"]["namespace"] = self.namespace
        return Stage(self, MemoryCluster(manifests, rules), facade_for(self.router))


def facade_for(router: type[TrafficRouter[Any]]) -> Facade:
    """A facade over this router alone, which does not sleep. Raises AssertionError where the loader refuses it."""
    loaded = load_objects({PLUGIN: router})
    refused = [record.error for record in loaded.plugins if record.error]
    assert not refused, f"the loader refuses {router.__name__}: {refused[0]}"
    return Facade(loaded, sleep=lambda _: None)


@dataclass(slots=True)
class Stage:
    """One cluster and one Rollout in front of the router."""

    case: TrafficCase
    cluster: MemoryCluster
    facade: Facade
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"spec.strategy.canary.trafficRouting.{self.name}"

    @property
    def name(self) -> str:
        """The router's key."""
        return self.case.router.name

    @property
    def target(self) -> Target[BaseModel]:
        """The Rollout with the case's config. Raises AssertionError where the config is refused."""
        return self.target_with(self.case.config)

    def target_with(self, config: object) -> Target[BaseModel]:
        """The Rollout with another config. Raises AssertionError where the config is refused."""
        configured = self.facade.configure(self.name, config, self.path)
        assert configured.config is not None, f"the config is refused: {[each.text for each in configured.problems]}"
        return Target(
            namespace=self.case.namespace,
            name=self.case.rollout,
            uid="kit-uid",
            config=configured.config,
            router=self.name,
            path=self.path,
            canary_service=self.case.canary_service,
            stable_service=self.case.stable_service,
            hashes=Hashes("bbb", "aaa"),
            managed_routes=self.case.managed_routes,
        )

    def has(self, verb: str) -> bool:
        """Whether the router overrides the verb."""
        record = self.facade.find(self.name)
        return record is not None and verb in record.verbs

    def weigh(self, canary: int, total: int = 100) -> Done[None]:
        """Ask for a weight."""
        return self.facade.set_weights(self.name, self.target, Weights(canary, total=total), self.cluster)

    def observed(self) -> float | None:
        """The canary's share in percent, as the data plane would see it."""
        return self.case.observe(self.cluster)

    def problems(self) -> tuple[Problem, ...]:
        """What keeps the router from working."""
        return self.facade.problems(self.name, self.target, self.cluster)

    def refs(self) -> tuple[Ref, ...]:
        """What the router says that it reads."""
        return self.facade.reads(self.name, self.target)

    def written(self) -> list[Written]:
        """The writes so far; forgets them."""
        found = list(self.cluster.written)
        self.cluster.written.clear()
        return found

    def touch(self, annotation: str) -> None:
        """Have somebody else annotate and label every object that the router reads."""
        for ref in self.refs():
            if self.cluster.find(ref.kind, self.case.namespace, ref.name) is not None:
                theirs = {"metadata": {"annotations": {annotation: "theirs"}, "labels": {annotation: "theirs"}}}
                self.cluster.edit(ref.kind, self.case.namespace, ref.name, theirs)

    def clean_up(self) -> int:
        """Clean up until there is nothing more to do; how many passes wrote something."""
        for passes in range(CLEAN_UP_PASSES):
            if not self.facade.clean_up(self.name, self.target, self.cluster).wrote:
                return passes
        return CLEAN_UP_PASSES
