"""What a conformance suite is given, and what it plays on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pydantic import BaseModel

from tidegate.hooks.facade import Facade
from tidegate.hooks.flush import Done
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection
from tidegate.hooks.references import Ref, Rule
from tidegate.hooks.router import Target, TrafficRouter
from tidegate.machine.observed import Problem
from tidegate.machine.traffic import Destination, Hashes, HeaderRoute, MirrorRoute, Verdict, Weights
from tidegate_testkit.memory import Manifest, MemoryCluster, Written

PLUGIN = "under-test"
CLEAN_UP_PASSES = 5  # a router may need a pass for weight 0, one to delete, one to find nothing; two more to spare
HASHES = Hashes("bbb", "aaa")
REPLICAS = 5  # chosen by feel: enough that no share of a weight is a whole number of pods by chance

Observe = Callable[[MemoryCluster], float | None]


class Translator(Protocol):
    """Reads the router's objects as a proxy's controller would: a translator of `tidegate_sandbox.dataplane`."""

    @property
    def resources(self) -> tuple[str, ...]:
        """The kinds that it reads, as `<plural>.<group>`."""
        ...

    def translate(self, world: Mapping[str, Sequence[Manifest]]) -> Any:
        """The route table of these manifests."""
        ...


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A second Rollout that lives in the same objects, with other Services and, where they differ, another config."""

    config: Manifest
    observe: Observe
    rollout: str = "other"
    stable_service: str = "other-stable"
    canary_service: str = "other-canary"


@dataclass(frozen=True, slots=True)
class TrafficCase:
    """A router with a config that works and the objects that this config names.

    `observe` tells which share of the requests, in percent, the data plane would send to the canary as the cluster
    stands; None where nothing is there yet. Objects without a namespace are put into `namespace`, the Rollout's.

    What follows is optional and switches further checks on.
    `splits` gives every weighted route as weights by destination. `routes` gives the names of the managed routes in the
    order in which they are tried. `neighbour` is a second Rollout in the same objects. `settle` makes the world follow
    what is written, so that `verify_weights` has to say yes; without it only a false yes is found.
    `translator` makes a translator of the sandbox, `host` and `path` say where to send requests; `services` are
    further Services that lead to all pods, and `port` is what the objects call the Services' port.

    `hashes` is False for a config that does not split by pod template hash, though the router can. `elsewhere` names
    resources (`<plural>.<group>`) that only other configs touch. `closed` names maps (`spec.selector`) of which every
    key means something to the router, so that no unknown one may stand in them. `settings` is the plugin's block of
    `tidegate.yaml`, `annotations` are the Rollout's.
    """

    router: type[TrafficRouter[Any]]
    config: Manifest
    manifests: Sequence[Manifest]
    observe: Observe
    namespace: str = "default"
    rollout: str = "demo"
    stable_service: str = "demo-stable"
    canary_service: str = "demo-canary"
    managed_routes: tuple[str, ...] = ("kit-route",)
    splits: Callable[[MemoryCluster], Sequence[Mapping[str, int]]] | None = None
    routes: Callable[[MemoryCluster], Sequence[str]] | None = None
    neighbour: Neighbour | None = None
    settle: Callable[[MemoryCluster], None] | None = None
    translator: Callable[[], Translator] | None = None
    host: str = ""
    path: str = "/"
    services: tuple[str, ...] = ()
    port: int = 80
    hashes: bool = True
    elsewhere: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    settings: Manifest = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def start(self, rules: Sequence[Rule] | None = None) -> Stage:
        """A fresh cluster with the manifests, and the facade that a controller would ask."""
        return Stage(self, MemoryCluster(self.given(), rules), facade_for(self.router, self.settings))

    def given(self) -> list[Manifest]:
        """Copies of the manifests, each in its namespace."""
        manifests = [copy.deepcopy(manifest) for manifest in self.manifests]
        for manifest in manifests:
            manifest["metadata"].setdefault("namespace", self.namespace)
        return manifests


def facade_for(router: type[TrafficRouter[Any]], settings: Manifest | None = None) -> Facade:
    """A facade over this router alone, which does not sleep. Raises AssertionError where the loader refuses it."""
    selection = PluginSelection(settings={PLUGIN: settings} if settings else {})
    loaded = load_objects({PLUGIN: router}, selection)
    refused = [record.error for record in loaded.plugins if record.error]
    assert not refused, f"the loader refuses {router.__name__}: {refused[0]}"
    return Facade(loaded, sleep=lambda _: None)


@dataclass(slots=True)
class Stage:
    """One cluster and one Rollout in front of the router.

    `changes` are fields of the target that differ from what the case says, such as `deleted`.
    """

    case: TrafficCase
    cluster: MemoryCluster
    facade: Facade
    changes: dict[str, Any] = field(default_factory=dict)
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
        target = Target(
            namespace=self.case.namespace,
            name=self.case.rollout,
            uid=f"uid-of-{self.case.rollout}",
            config=configured.config,
            router=self.name,
            path=self.path,
            canary_service=self.case.canary_service,
            stable_service=self.case.stable_service,
            hashes=HASHES,
            managed_routes=self.case.managed_routes,
            annotations=self.case.annotations,
            replicas=REPLICAS,
        )
        return replace(target, **self.changes)

    def as_neighbour(self) -> Stage:
        """The neighbour of the case in the same cluster. Raises AssertionError for a case that has none."""
        near = self.case.neighbour
        assert near is not None, "the case names no neighbour"
        case = replace(
            self.case,
            config=near.config,
            observe=near.observe,
            rollout=near.rollout,
            stable_service=near.stable_service,
            canary_service=near.canary_service,
        )
        return Stage(case, self.cluster, self.facade)

    def has(self, verb: str) -> bool:
        """Whether the router overrides the verb."""
        record = self.facade.find(self.name)
        return record is not None and verb in record.verbs

    def weigh(self, canary: int, total: int = 100, additional: tuple[Destination, ...] = ()) -> Done[None]:
        """Ask for a weight."""
        weights = Weights(canary, total=total, additional=additional)
        return self.facade.set_weights(self.name, self.target, weights, self.cluster)

    def hash(self, canary: str = HASHES.canary, stable: str = HASHES.stable) -> Done[None]:
        """Tell the hashes of the revisions."""
        return self.facade.update_hash(self.name, self.target, Hashes(canary, stable), self.cluster)

    def route(self, route: HeaderRoute | MirrorRoute) -> Done[None]:
        """Ask for a header or a mirror route."""
        if isinstance(route, HeaderRoute):
            return self.facade.set_header_route(self.name, self.target, route, self.cluster)
        return self.facade.set_mirror_route(self.name, self.target, route, self.cluster)

    def keep_routes(self, *names: str) -> Done[None]:
        """Ask for the end of every managed route but these."""
        return self.facade.remove_managed_routes(self.name, self.target, frozenset(names), self.cluster)

    def verdict(self, canary: int) -> Verdict:
        """Ask whether a weight is in force."""
        return self.facade.verify_weights(self.name, self.target, Weights(canary), self.cluster).value

    def observed(self) -> float | None:
        """The canary's share in percent, as the data plane would see it."""
        return self.case.observe(self.cluster)

    def problems(self) -> tuple[Problem, ...]:
        """What keeps the router from working."""
        return self.facade.problems(self.name, self.target, self.cluster)

    def refs(self) -> tuple[Ref, ...]:
        """The single objects that the router says it reads, each with its namespace."""
        found = self.facade.reads(self.name, self.target)
        return tuple(replace(ref, namespace=ref.namespace or self.case.namespace) for ref in found if ref.name)

    def there(self) -> tuple[Ref, ...]:
        """Those of them that exist."""
        return tuple(ref for ref in self.refs() if self.cluster.find(ref.kind, ref.namespace, ref.name) is not None)

    def written(self) -> list[Written]:
        """The writes so far; forgets them."""
        found = list(self.cluster.written)
        self.cluster.written.clear()
        return found

    def touch(self, annotation: str) -> tuple[Ref, ...]:
        """Have somebody else annotate and label every object that the router reads by name; which these are."""
        theirs = {"metadata": {"annotations": {annotation: "theirs"}, "labels": {annotation: "theirs"}}}
        touched = self.there()
        for ref in touched:
            self.cluster.edit(ref.kind, ref.namespace, ref.name, theirs)
        return touched

    def overtake(self, canary: int, annotation: str) -> tuple[Ref, ...]:
        """Ask for a weight while somebody else has written every object since the cache was filled; which these are."""
        self.cluster.freeze()
        touched = self.touch(annotation)
        self.weigh(canary)
        self.cluster.thaw()
        return touched

    def clean_up(self) -> int:
        """Clean up until there is nothing more to do; how many passes wrote something."""
        for passes in range(CLEAN_UP_PASSES):
            if not self.facade.clean_up(self.name, self.target, self.cluster).wrote:
                return passes
        return CLEAN_UP_PASSES
