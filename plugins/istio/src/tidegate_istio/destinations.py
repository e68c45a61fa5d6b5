"""The weighted destinations of one route: which is whose, and how a weight is shared out among them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tidegate.hooks import Destination, Manifest, Weights

WHOLE = 100  # what weights add up to; older versions of Istio refuse any other sum


class Side(Enum):
    """Whose a destination is."""

    CANARY = "canary"
    STABLE = "stable"
    RESERVED = "reserved"  # a subset of another owner: its weight is taken off stable's and left alone
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Sides:
    """How the destinations of one Rollout are told apart: by Service, by subset, or by both.

    Names that are "" match nothing. `namespaces` are those in which a qualified host is taken for one of the Services.
    """

    canary_service: str
    stable_service: str
    canary_subset: str = ""
    stable_subset: str = ""
    reserved: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()

    def of(self, entry: Manifest) -> Side:
        """The side of one entry of a route."""
        host, subset = host_of(entry), subset_of(entry)
        if self.leads_to(host, self.canary_service) or (subset and subset == self.canary_subset):
            return Side.CANARY
        if self.leads_to(host, self.stable_service) or (subset and subset == self.stable_subset):
            return Side.STABLE
        return Side.RESERVED if subset in self.reserved else Side.OTHER

    def leads_to(self, host: str, service: str) -> bool:
        """Whether `host` is the Service: by its bare name, or qualified with one of our namespaces.

        # differs: Argo Rollouts compares the text before the first dot, and takes a namesake elsewhere for the Service.
        """
        name, *rest = host.split(".")
        if not service or name != service:
            return False
        return not rest or (rest[0] in self.namespaces and rest[1:2] in ([], ["svc"]))

    def beside(self, service: str, host: str) -> str:
        """The host of `service`, qualified as `host` is where that is a Service of ours; else bare."""
        _, dot, tail = host.partition(".")
        ours = tail.partition(".")[0] in self.namespaces
        return f"{service}.{tail}" if dot and ours else service


def host_of(entry: Manifest) -> str:
    """The host of an entry, "" without one."""
    return str((entry.get("destination") or {}).get("host") or "")


def subset_of(entry: Manifest) -> str:
    """The subset of an entry, "" without one."""
    return str((entry.get("destination") or {}).get("subset") or "")


def weight_of(entry: Manifest) -> int:
    """The weight of an entry; one that is not there counts as 0, as it does beside others."""
    found = entry.get("weight")
    return int(found) if isinstance(found, int | float) else 0


def first(route: Sequence[Manifest], sides: Sides, side: Side) -> Manifest | None:
    """The first destination of that side."""
    return next((entry for entry in route if sides.of(entry) is side), None)


def share_out(route: Sequence[Manifest], sides: Sides, weights: Weights) -> list[Manifest]:
    """The route with `weights` in force; entries are edited in place.

    A destination of nobody that carries weight is removed, and so is one without a host: they are what an experiment
    left behind. One of weight 0 stays. Experiments' Services that are missing are added, by name.
    Every weight of ours is written out, also 0: beside others an absent weight is 0, alone it is 100.
    """
    extra = {each.service: each.weight for each in weights.additional}
    wanted = {Side.CANARY: weights.canary, Side.STABLE: max(0, weights.stable - reserved_weight(route, sides))}
    kept: list[Manifest] = []
    for entry in route:
        side, service = sides.of(entry), _service(entry, sides, extra)
        if side in wanted:
            _weigh(entry, wanted[side])
        elif service:
            _weigh(entry, extra.pop(service))
        elif side is Side.OTHER and (weight_of(entry) or not host_of(entry)):
            continue
        kept.append(entry)
    canary = first(route, sides, Side.CANARY)
    host = host_of(canary) if canary is not None else ""
    added = ({"destination": {"host": sides.beside(name, host)}, "weight": extra[name]} for name in sorted(extra))
    return [*kept, *added]


def carried(route: Sequence[Manifest], sides: Sides) -> Weights | None:
    """The canary's share that the route carries; None for one that has no such share.

    The total is the sum of all weights, as Istio draws. Where subsets of others take more than is left, the sum is
    knowingly above the whole, and the share is given as it was written.
    """
    canary = first(route, sides, Side.CANARY)
    total = sum(weight_of(entry) for entry in route)
    if canary is None or total < 1:
        return None
    share = weight_of(canary)
    if reserved_weight(route, sides) and total > WHOLE >= share:
        return Weights(share, WHOLE)
    others = (entry for entry in route if sides.of(entry) in (Side.OTHER, Side.RESERVED) and weight_of(entry))
    named = tuple(Destination(host_of(entry).partition(".")[0], weight_of(entry)) for entry in others)
    return Weights(share, total, named)


def reserved_weight(route: Sequence[Manifest], sides: Sides) -> int:
    """What the subsets of other owners take."""
    return sum(weight_of(entry) for entry in route if sides.of(entry) is Side.RESERVED)


def _service(entry: Manifest, sides: Sides, extra: dict[str, int]) -> str:
    """The experiment's Service that the entry leads to and that has not been met yet, "" for none."""
    return next((name for name in extra if sides.leads_to(host_of(entry), name)), "")


def _weigh(entry: Manifest, weight: int) -> None:
    if entry.get("weight") != weight:
        entry["weight"] = weight
