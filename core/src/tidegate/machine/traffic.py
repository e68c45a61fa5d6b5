"""Values that traffic is described with: shares, routes, revisions, and what a router is able to do.

They live in the machine because it computes them; `tidegate.hooks` hands them to plugins unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tidegate.machine.actions import Event


class Capability(StrEnum):
    """What a router declares that it can do. Asking for one that is not declared is a validation error, never a no-op.

    HEADER_PREFIX and HEADER_REGEX count for the header values of header routes and of mirror routes; both need HEADER. How
    a mirror route compares methods and paths has no capability, nor has matching a method at all: a router whose object
    has no field for what is asked raises SpecError at `target.path`.
    """

    WEIGHTS = "weights"
    TOTAL = "total"  # weights out of another total than 100 (maxTrafficWeight)
    VERIFY = "verify"  # can tell whether a weight is in force
    HASH = "hash"  # needs to know the revisions' pod template hashes (subsets)
    HEADER = "header"
    HEADER_PREFIX = "header-prefix"  # header values compared by prefix, beside exactly, in header and mirror routes
    HEADER_REGEX = "header-regex"  # header values compared by regular expression, in header and mirror routes
    MIRROR = "mirror"
    EXPERIMENT = "experiment"  # more destinations than canary and stable
    PING_PONG = "ping-pong"
    SERVICES_FIRST = "services-first"  # beside ping-pong: canaryService and stableService where both are named
    NO_SERVICES = "no-services"  # works without canaryService and stableService


@dataclass(frozen=True, slots=True)
class Destination:
    """A further weighted backend beside canary and stable (an experiment's Service)."""

    service: str
    weight: int
    pod_template_hash: str = ""


@dataclass(frozen=True, slots=True)
class Weights:
    """How `total` parts of the traffic are shared out; what is left after canary and additional belongs to stable.

    Raises ValueError for a negative share: a negative stable weight has been written to clusters by others.
    """

    canary: int
    total: int = 100
    additional: tuple[Destination, ...] = ()

    def __post_init__(self) -> None:
        if self.total < 1 or self.canary < 0 or self.stable < 0 or any(d.weight < 0 for d in self.additional):
            raise ValueError(
                f"weights: canary {self.canary} and additional {[d.weight for d in self.additional]} "
                f"do not fit into a total of {self.total}; every share must be at least 0"
            )

    @property
    def stable(self) -> int:
        """The share that is left for the stable revision."""
        return self.total - self.canary - sum(d.weight for d in self.additional)


@dataclass(frozen=True, slots=True)
class Hashes:
    """The `rollouts-pod-template-hash` labels of the two revisions; "" where there is none."""

    canary: str
    stable: str


@dataclass(frozen=True, slots=True)
class Match:
    """How a string is compared; exactly one of the three is set."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


@dataclass(frozen=True, slots=True)
class HeaderRoute:
    """Requests whose headers match go to the canary, whatever the weight. An empty `match` removes the route.

    `match` holds pairs of a header's name and how its value is compared; all of them have to hold.
    """

    name: str
    match: tuple[tuple[str, Match], ...] = ()


@dataclass(frozen=True, slots=True)
class MirrorMatch:
    """Which requests are copied: by method, path and headers, all of which have to hold; an absent part matches everything."""

    method: Match | None = None
    path: Match | None = None
    headers: Mapping[str, Match] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MirrorRoute:
    """A copy of `percentage` percent of the matching requests goes to the canary. An empty `match` removes the route.

    A request matches where one of `match` does. A mirror route shares out like the route it is made from, the copy comes on
    top, and its answer is thrown away; every later `set_weights` reaches it. A match narrows what that route takes, as far
    as the object can say both; where it has room for one path, the match's counts. `percentage` is 0 to 100, and 0 copies
    nothing: no route is right for it, above all where the mesh takes a percentage that is missing, or 0, for everything.
    """

    name: str
    match: tuple[MirrorMatch, ...] = ()
    percentage: int = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """A router's answer to "is this weight in force?".

    `verified` is None where the router cannot tell or the question does not apply now; False means wait and ask again
    after `retry_after_s` (10 s, the reference controller's interval). `status` are top-level fields of the Rollout's
    status that the router owns, None to remove one; they go out with the pass's one status write. `events` are sent where
    (`verified`, `message`) differs from the router's last verdict on this Rollout.
    """

    verified: bool | None
    message: str = ""
    retry_after_s: float = 10.0
    status: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
