"""Models of routers, and what requests meet: weights and selectors come into force later than they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tidegate.api import names
from tidegate.machine.observed import Problem, RouterView
from tidegate.machine.traffic import Capability, Hashes, Verdict, Weights
from tidegate.simulation.pods import Pods
from tidegate.simulation.timeline import Timeline

SUBSETS = frozenset(Capability) - {Capability.SERVICES_FIRST}
MESH = SUBSETS - {Capability.NO_SERVICES}
INGRESS = frozenset({Capability.WEIGHTS, Capability.TOTAL})

# A router says when to ask it again: the reference controller's interval, but one that takes minutes knows that it does.
ASKED_AGAIN_S, MOST_ASKED = 10.0, 8


@dataclass(frozen=True, slots=True)
class Shares:
    """What a router was told: weights, the Services of the two sides, and the two revisions (HASH routers only)."""

    weights: Weights
    services: tuple[str, str] = ("", "")
    hashes: Hashes = field(default_factory=lambda: Hashes("", ""))


@dataclass(frozen=True, slots=True)
class Backend:
    """One place that requests are sent to: its share, how its pods are selected, and how many of them serve."""

    router: str
    side: str
    weight: int
    selector: Mapping[str, str]
    endpoints: int


@dataclass
class Router:
    """A router: `mesh` with HASH and VERIFY selects pods by revision, an ingress without them by Service.

    `delay_s` is how long what was written takes until requests obey it. `failing` makes its writes fail, `mute` its
    verification; both are set and cleared by whoever plays with it. `pending` are the shares on their way: what was written
    comes into force in order, and nothing is verified before all of it has.
    """

    name: str
    can: frozenset[Capability] = MESH
    delay_s: float = 0.0
    problems: tuple[Problem, ...] = ()
    failing: bool = False
    mute: bool = False
    written: Shares | None = None
    in_force: Shares | None = None
    pending: int = 0
    routes: dict[str, object] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def view(self, total: int) -> RouterView:
        """What a pass sees of it, with shares in parts of `total`."""
        told = self.written.weights if self.written else Weights(0)
        return RouterView(
            self.name, self.name.capitalize(), self.can, self.problems, carries=-(-told.canary * total // told.total)
        )

    @property
    def hashed(self) -> bool:
        """Whether it selects pods by revision."""
        return Capability.HASH in self.can

    @property
    def verifies(self) -> bool:
        """Whether it can tell what is in force."""
        return Capability.VERIFY in self.can

    def verdict(self, weights: Weights) -> Verdict:
        """Whether these weights are in force."""
        settled = self.in_force is not None and self.in_force == self.written and not self.pending
        verified = bool(settled and self.in_force and self.in_force.weights == weights)
        return Verdict(verified, "not in force yet", max(ASKED_AGAIN_S, self.delay_s / MOST_ASKED))


class DataPlane:
    """What requests meet at this moment.

    `service_delay_s` is how long a changed selector takes until requests follow it.
    """

    def __init__(self, timeline: Timeline, pods: Pods, routers: Mapping[str, Router], service_delay_s: float) -> None:
        self._timeline, self._pods, self.routers = timeline, pods, routers
        self._service_delay_s = service_delay_s
        self.selectors: dict[str, Mapping[str, str]] = {}
        self._told: dict[str, Mapping[str, str] | None] = {}
        self.changed = False

    def take_up(self, other: DataPlane) -> None:
        """The shares, routes and selectors of another, of which none is on its way."""
        self.selectors, self._told, self.changed = dict(other.selectors), dict(other._told), other.changed
        for name, former in other.routers.items():
            router = self.routers[name]
            router.written, router.in_force, router.routes = former.written, former.in_force, dict(former.routes)
            router.calls = list(former.calls)

    def route(self, name: str, shares: Shares) -> None:
        """A router was told new shares; they come into force after its delay."""
        router = self.routers[name]
        router.written = shares
        if router.delay_s == 0:
            self._enforce(router, shares)
        else:
            router.pending += 1
            self._timeline.after(router.delay_s, lambda: self._arrive(router, shares))

    def _arrive(self, router: Router, shares: Shares) -> None:
        router.pending -= 1
        # What was under way when the router was left is its owner's affair.
        self._enforce(router, shares if router.written is not None else None)

    def leave(self, name: str) -> None:
        """A router is no longer ours: requests go where its owner sends them."""
        router = self.routers[name]
        router.written, router.routes = None, {}
        self._timeline.after(router.delay_s, lambda: self._enforce(router, router.written))

    def _enforce(self, router: Router, shares: Shares | None) -> None:
        router.in_force = shares
        self.changed = True

    def select(self, service: str, selector: Mapping[str, str] | None) -> None:
        """A Service selects other pods, or is gone."""
        if self._told.get(service) == selector:
            return
        self._told[service] = selector
        if self._service_delay_s == 0 or service not in self.selectors:
            self._follow(service, selector)
        else:
            self._timeline.after(self._service_delay_s, lambda: self._follow(service, selector))

    def _follow(self, service: str, selector: Mapping[str, str] | None) -> None:
        self.changed = True
        if selector is None:
            self.selectors.pop(service, None)
        else:
            self.selectors[service] = selector

    def endpoints(self, service: str) -> int:
        """Pods that serve behind a Service; 0 for one that does not exist."""
        selector = self.selectors.get(service)
        return 0 if not selector else self._pods.ready(selector)

    def backends(self, entries: tuple[str, ...] = ()) -> Iterator[Backend]:
        """Where requests go now: both sides of every router, and all requests of each Service in `entries`."""
        for router in self.routers.values():
            if (shares := router.in_force) is not None:
                yield self._backend(router, shares, "canary", shares.weights.canary, 0)
                yield self._backend(router, shares, "stable", shares.weights.stable, 1)
        for service in entries:
            selector = self.selectors.get(service)
            if selector is not None:
                yield Backend("", service, 100, selector, self._pods.ready(selector))

    def _backend(self, router: Router, shares: Shares, side: str, weight: int, place: int) -> Backend:
        if router.hashed:
            pod_hash = (shares.hashes.canary, shares.hashes.stable)[place]
            selector: Mapping[str, str] = {names.POD_HASH: pod_hash} if pod_hash else {}
        else:
            selector = self.selectors.get(shares.services[place], {})
        return Backend(router.name, side, weight, selector, self._pods.ready(selector))


def with_hashes(shares: Shares | None, hashes: Hashes, total: int) -> Shares:
    """The same shares over other revisions."""
    return Shares(Weights(0, total), hashes=hashes) if shares is None else replace(shares, hashes=hashes)
