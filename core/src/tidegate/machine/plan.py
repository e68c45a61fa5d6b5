"""What one pass wants done: actions in order, then one status, then events; and how each action turned out.

A plan holds at most one action for a field of an object; `Plan` refuses a second one. (The reference controller lets
two functions write the canary Service's selector in one pass: 50 to 90 writes a second after every abort.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from tidegate.machine.traffic import Hashes, HeaderRoute, MirrorRoute, Verdict, Weights

Claim = tuple[str, str]  # (object, field)


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about the Rollout."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True, slots=True)
class Action:
    """One write or question. `why` is for people; `events` are sent once it has succeeded."""

    why: str = field(default="", kw_only=True)
    events: tuple[Event, ...] = field(default=(), kw_only=True)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The fields that this action owns in this pass."""
        return ()


@dataclass(frozen=True, slots=True)
class PatchRollout(Action):
    """Merge patch of the Rollout itself, never of its template: annotations (None removes) and a default `replicas`."""

    annotations: Mapping[str, str | None] = field(default_factory=dict)
    replicas: int | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        keys = [("rollout", f"annotation {key}") for key in self.annotations]
        return (*keys, ("rollout", "spec.replicas")) if self.replicas is not None else tuple(keys)


@dataclass(frozen=True, slots=True)
class CreateReplicaSet(Action):
    """Create `manifest`. Where the name is taken the performer reads that set live (one without the hash label is in no
    cache): controlled by this Rollout and with the same hash label, it is ours and done; else the outcome is `collided`.
    """

    name: str
    manifest: Mapping[str, Any]

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"replicaset/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class PatchReplicaSet(Action):
    """One merge patch of one ReplicaSet, refused by the server when it changed since `resource_version`.

    `replicas` is the new size or None; `annotations` with None are removed; `owner` adopts (True) or releases (False).
    """

    name: str
    uid: str
    resource_version: str
    replicas: int | None = None
    annotations: Mapping[str, str | None] = field(default_factory=dict)
    min_ready_seconds: int | None = None
    owner: bool | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"replicaset/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class DeleteReplicaSet(Action):
    """Delete a ReplicaSet that no pod runs in; `uid` guards against a namesake."""

    name: str
    uid: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"replicaset/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class PointService(Action):
    """Let a Service select the pods of one revision; `adopt` also writes the managed-by annotation."""

    service: str
    pod_hash: str
    adopt: bool

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"service/{self.service}", "spec.selector"),)


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


class Result(StrEnum):
    """How an action ended."""

    DONE = "done"  # the world is as asked, whether or not something had to be written
    PENDING = "pending"  # not yet possible, not an error: nothing after it ran
    COLLIDED = "collided"  # the name of a new ReplicaSet is taken by somebody else
    FAILED = "failed"  # an error: nothing after it ran


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one action of a plan turned out. `wrote` tells whether the world was changed by it."""

    action: Action
    result: Result = Result.DONE
    wrote: bool = False
    verdict: Verdict | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What remains to be done after the actions: one status (wire form; None = leave it), events, when to look again.

    `error` is set where the pass must count as failed, so that the queue backs off.
    """

    status: Mapping[str, Any] | None
    events: tuple[Event, ...] = ()
    wake_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Plan:
    """What a pass wants: `actions` in order, and how to conclude from what they came to.

    `situation` names the case (see `rollout/situation.py`), `notes` say in plain words what is waited for and why. `conclude`
    is a pure function of the outcomes; None stands for "every action succeeded". `absent` tells that something the object
    names was not found, which may be no more than a cache that lags behind.
    """

    situation: str
    actions: tuple[Action, ...]
    conclude: Callable[[Sequence[Outcome] | None], Settled] = field(compare=False, repr=False)
    notes: tuple[str, ...] = ()
    absent: bool = False

    def __post_init__(self) -> None:
        seen: dict[Claim, Action] = {}
        for action in self.actions:
            for claim in action.claims:
                if claim in seen:
                    raise ValueError(f"plan: two actions for {claim[1]} of {claim[0]}: {seen[claim]} and {action}")
                seen[claim] = action

    @cached_property
    def expected(self) -> Settled:
        """What follows if every action succeeds."""
        return self.conclude(None)


def settle(plan: Plan, outcomes: Sequence[Outcome]) -> Settled:
    """What follows from what the actions of `plan` really came to; actions without an outcome were not tried."""
    return plan.conclude(outcomes)
