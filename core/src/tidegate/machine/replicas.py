"""How many pods each version should have: plain arithmetic on counts, no objects.

Source: argo-rollouts utils/replicaset/canary.go, as tabulated in its canary_test.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a basic canary: `replicas` wanted, `surge` more and `unavailable` fewer are allowed for a while."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def limit(self) -> int:
        """The most pods that may be asked for at one time."""
        return self.replicas + self.surge

    @property
    def floor(self) -> int:
        """The fewest available pods that the controller itself may leave."""
        return self.replicas - self.unavailable


@dataclass(frozen=True, slots=True)
class Count:
    """Wanted and available pods of one ReplicaSet."""

    spec: int = 0
    available: int = 0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Wanted sizes of the new and the stable version."""

    new: int
    stable: int


def share(weight: int, replicas: int, total: int) -> int:
    """Pods that a share of the traffic needs, rounded up; integers only, so large totals cannot overflow (#3474)."""
    return -(-weight * replicas // total)


def at_least(count: int, minimum: int | None, replicas: int) -> int:
    """`count` raised to minPodsPerReplicaSet (itself capped at `replicas`); zero stays zero."""
    return count if count == 0 or minimum is None else max(count, min(minimum, replicas))


def split(bounds: Bounds, weight: int) -> Sizes:
    """The pair of sizes whose ratio comes closest to `weight` percent, within `replicas` and one pod of surge.

    The first of equally close candidates wins. A weight that is neither 0 nor 100 keeps at least one pod of each side,
    unless there is one replica and no surge.
    """
    replicas = bounds.replicas
    if replicas == 0:
        return Sizes(0, 0)
    low, high = weight * replicas // 100, share(weight, replicas, 100)
    zero_ok = weight in (0, 100) or (replicas == 1 and bounds.surge == 0)
    candidates: list[tuple[int, int]] = []
    if high < replicas or zero_ok:
        candidates.append((high, replicas))
    if not _tied(weight, replicas) and (low != 0 or zero_ok):
        candidates.append((low, replicas))
    if bounds.surge > 0:
        candidates.append((high, replicas + 1))
        if not _tied(weight, replicas + 1) and (low != 0 or zero_ok):
            candidates.append((low, replicas + 1))
    if not candidates:
        return Sizes(0, replicas)
    canary, total = min(candidates, key=lambda pair: abs(Fraction(pair[0] * 100, pair[1]) - weight))
    return Sizes(canary, total - canary)


def _tied(weight: int, total: int) -> bool:
    """Whether the exact share lies half-way between two counts."""
    return weight * total * 2 % 200 == 100


@dataclass(frozen=True, slots=True)
class Basic:
    """A basic canary's pods as they stand. `stable` is None where new and stable are one ReplicaSet, or stable is gone.

    `others` is the wanted size of all further ReplicaSets together.
    """

    new: Count
    stable: Count | None
    others: int = 0


def next_sizes(bounds: Bounds, want: Sizes, now: Basic) -> Sizes:
    """The sizes that this pass may set on the way to `want`: stable grows first, drains stop at the floor.

    The version that shrinks may lose unavailable pods freely; of the one that grows only available pods count.
    """
    stable = now.stable or Count()
    grown = _grow(bounds, want, now)
    if now.others > 0:
        return grown  # others are drained first
    growing = want.new >= now.new.spec
    total = _count(now.new, ignore=not growing) + (_count(stable, ignore=growing) if now.stable else 0)
    down = total - bounds.floor
    if down <= 0:
        return grown
    if not growing:
        target = max(want.new, now.new.spec - down) if now.new.spec > want.new else grown.new
        new, kept = _within(bounds, (now.new, target), (now.stable, grown.stable))
        return Sizes(new, kept)
    if now.stable is None:
        return grown
    target = max(want.stable, stable.spec - down) if stable.spec > want.stable else grown.stable
    kept, new = _within(bounds, (stable, target), (now.new, grown.new))
    return Sizes(new, kept)


def _grow(bounds: Bounds, want: Sizes, now: Basic) -> Sizes:
    stable = now.stable or Count()
    room = bounds.limit - (now.new.spec + stable.spec + now.others)
    new_size, stable_size = now.new.spec, stable.spec
    if now.stable is not None and stable.spec < want.stable and room > 0:
        stable_size = min(stable.spec + room, want.stable)
        room -= stable_size - stable.spec
    if now.new.spec < want.new and room > 0:
        new_size = min(now.new.spec + room, want.new)
    return Sizes(new_size, stable_size)


def _count(side: Count, *, ignore: bool) -> int:
    """Pods of a side that count as available; `ignore` its availability where it is the one that shrinks."""
    return side.spec if side.spec < side.available or ignore else side.available


def _within(bounds: Bounds, drain: tuple[Count, int], adjust: tuple[Count | None, int]) -> tuple[int, int]:
    """Both targets held inside limit and floor: the adjusted side yields first, then takes back what it can."""
    (drained, drain_to), (other, adjust_to) = drain, adjust
    if other is None:
        return drain_to, adjust_to
    adjust_to -= max(0, adjust_to + drain_to - bounds.limit)
    available = min(drained.available, drain_to) + min(other.available, adjust_to)
    adjust_to += min(max(0, other.available - adjust_to), max(0, bounds.floor - available))
    return drain_to - max(0, adjust_to + drain_to - bounds.limit), adjust_to
