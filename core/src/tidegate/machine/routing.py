"""What a pass may ask of a router."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.machine.actions import Action, Claim
from tidegate.machine.traffic import Hashes, HeaderRoute, MirrorRoute, Weights


@dataclass(frozen=True, slots=True)
class RouterAction(Action):
    """Something asked of one router; `router` is its key in the Rollout.

    `go_on` is set where the canary's share does not grow: a router that fails then keeps no other from being asked, or an
    abort would leave the second at its weight because the first one's API is down. Nothing but routers is tried behind it.
    """

    router: str
    go_on: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class RemoveManagedRoutes(RouterAction):
    """Delete every managed route whose name is not in `keep`."""

    keep: frozenset[str] = frozenset()

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"router/{self.router}", "routes"),)


@dataclass(frozen=True, slots=True)
class UpdateHash(RouterAction):
    """Tell a router which revisions canary and stable are."""

    hashes: Hashes

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"router/{self.router}", "hashes"),)


@dataclass(frozen=True, slots=True)
class SetWeights(RouterAction):
    """Share the traffic out. `early` marks the extra call before the hashes move away from a revision without pods."""

    weights: Weights
    hashes: Hashes
    early: bool = False

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"router/{self.router}", "weights before hashes" if self.early else "weights"),)


@dataclass(frozen=True, slots=True)
class SetHeaderRoute(RouterAction):
    """Write one managed header route."""

    route: HeaderRoute

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"router/{self.router}", f"route {self.route.name}"),)


@dataclass(frozen=True, slots=True)
class SetMirrorRoute(RouterAction):
    """Write one managed mirror route."""

    route: MirrorRoute

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"router/{self.router}", f"route {self.route.name}"),)


@dataclass(frozen=True, slots=True)
class VerifyWeights(RouterAction):
    """Ask a router whether the weights are in force; never a write.

    With `required` a False verdict ends the pass as pending: nothing behind it runs, so that no old ReplicaSet is touched
    while the last weight is not known to be in force. An error of the question itself never ends the pass: it is an
    outcome without verdict whose `message` holds the error.
    """

    weights: Weights
    required: bool = False


@dataclass(frozen=True, slots=True)
class CleanUpRouter(RouterAction):
    """Remove what a router that is no longer in the spec has left behind."""

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"router/{self.router}", "*"),)
