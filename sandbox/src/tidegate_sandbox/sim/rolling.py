"""The arithmetic of a Deployment: how far its ReplicaSets may grow and shrink in one pass; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.sim.labels import annotations_of
from tidegate_sandbox.sim.replicasets import wanted_replicas
from tidegate_sandbox.sim.revisions import MAX_REPLICAS

Sizes = dict[str, int]
"""How many pods each ReplicaSet shall have, by name."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a rolling update keeps to: `replicas` wanted, at most `surge` more, at most `unavailable` fewer."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        return self.replicas + self.surge

    @property
    def fewest(self) -> int:
        return self.replicas - self.unavailable


def bounds_of(deployment: Manifest) -> Bounds:
    """The bounds of a Deployment; surge is rounded up, unavailable down, and when both come to 0 one may be missing."""
    replicas, strategy = wanted_replicas(deployment), deployment["spec"].get("strategy") or {}
    if strategy.get("type", "RollingUpdate") == "Recreate":
        return Bounds(replicas, 0, replicas)
    rolling = strategy.get("rollingUpdate") or {}
    surge = _absolute(rolling.get("maxSurge", "25%"), replicas, round_up=True)
    unavailable = _absolute(rolling.get("maxUnavailable", "25%"), replicas, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(replicas, surge, min(unavailable, replicas))


def _absolute(value: int | str, total: int, round_up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * total / 100
    return math.ceil(share) if round_up else math.floor(share)


def grow_new(bounds: Bounds, new: Manifest, everything: Sequence[Manifest]) -> int:
    """The size of the new ReplicaSet after one step."""
    size, total = wanted_replicas(new), sum(wanted_replicas(one) for one in everything)
    if size >= bounds.replicas:
        return bounds.replicas
    return size + max(0, min(bounds.most - total, bounds.replicas - size))


def shrink_old(bounds: Bounds, new: Manifest, old: Sequence[Manifest]) -> Sizes:
    """The sizes of the old ReplicaSets, oldest first, after one step: pods that are down first, then any."""
    everything = [new, *old]
    new_down = wanted_replicas(new) - _available(new)
    total = sum(wanted_replicas(one) for one in everything)
    room = total - bounds.fewest - new_down
    sizes = {name_of(one): wanted_replicas(one) for one in old}
    if room <= 0:
        return sizes
    for one in old:
        down = min(room, max(0, sizes[name_of(one)] - _available(one)))
        sizes[name_of(one)] -= down
        room -= down
    spare = sum(_available(one) for one in everything) - bounds.fewest
    for one in old:
        gone = max(0, min(spare, sizes[name_of(one)]))
        sizes[name_of(one)] -= gone
        spare -= gone
    return sizes


def scale_in_proportion(bounds: Bounds, everything: Sequence[Manifest]) -> Sizes:
    """The sizes after `spec.replicas` changed in mid-update: each active ReplicaSet by its share, the largest first.

    What rounding leaves over goes to the largest.
    """
    active = [one for one in everything if wanted_replicas(one) > 0]
    total = sum(wanted_replicas(one) for one in active)
    allowed = bounds.most if bounds.replicas > 0 else 0
    to_add, added = allowed - total, 0
    order = sorted(active, key=lambda one: one["metadata"].get("creationTimestamp", ""), reverse=to_add > 0)
    order.sort(key=wanted_replicas, reverse=True)
    sizes: Sizes = {}
    for one in order:
        share, left = _share(one, bounds, allowed), to_add - added
        share = max(0, min(share, left)) if to_add > 0 else min(0, max(share, left))
        sizes[name_of(one)] = wanted_replicas(one) + share
        added += share
    if order:
        first = name_of(order[0])
        sizes[first] = max(0, sizes[first] + to_add - added)
    return sizes


def _share(one: Manifest, bounds: Bounds, allowed: int) -> int:
    """By how much a ReplicaSet changes to keep its share of what the Deployment had at most before."""
    size = wanted_replicas(one)
    before = int(annotations_of(one).get(MAX_REPLICAS) or 0) or bounds.most
    # Half away from zero, as Go's integers.RoundToInt32 does; Python's round goes to the even number.
    return math.floor(size * allowed / before + 0.5) - size


def _available(replicaset: Manifest) -> int:
    return int(replicaset.get("status", {}).get("availableReplicas", 0))


def name_of(replicaset: Manifest) -> str:
    return str(replicaset["metadata"]["name"])
