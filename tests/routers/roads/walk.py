"""One way through the steps of a Rollout: at each pause the requests are counted, and the writes that led there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from roads.journal import Written
from roads.shops import Road, stops
from roads.town import PATIENCE_S, Crowd, Town
from tidegate_sandbox.dataplane.statistics import band

HOME = ("promoted", "aborted")


@dataclass(frozen=True, slots=True)
class Measured:
    """A share that was wanted, and what became of the requests that were sent while it was in force."""

    what: str
    version: str
    percent: int
    requests: int
    hits: int
    writes: Mapping[Written, int]

    @property
    def most_writes(self) -> int:
        """How often the object was written that was written most."""
        return max(self.writes.values(), default=0)

    @property
    def agrees(self) -> bool:
        """Whether the share lies within four standard deviations; 0 and 100 per cent leave no room."""
        return abs(self.hits / self.requests - self.percent / 100) <= band(self.percent / 100, self.requests) + 1e-9

    def __str__(self) -> str:
        share, room = 100 * self.hits / self.requests, 100 * band(self.percent / 100, self.requests)
        wrote = ", ".join(f"{kind.partition('.')[0]} {name}: {count}" for (kind, name), count in self.writes.items())
        return (
            f"{self.what:<18} {self.version} {self.percent:>3} % -> {share:6.2f} % ± {room:.2f} "
            f"of {self.requests} requests; {wrote or 'nothing'} written"
        )


@dataclass(slots=True)
class Walk:
    """The user of a Rollout, who promotes it when enough requests were counted. `sample` is how many are enough.

    With `killing` the controller is killed at the first write that each act of the user leads to, and another takes over.
    """

    town: Town
    road: Road
    crowd: Crowd
    sample: int
    killing: bool = False
    done: list[Measured] = field(default_factory=list)
    _last: int | None = None
    _since: float = 0.0

    def at_home(self, what: str, tag: str) -> None:
        """Wait until no canary has a share any more, and measure what the stable version gets from then on."""
        self.town.until("weight 0", lambda: self.town.canary_weight() == 0)
        self.measure(what, tag, 100, after=time.monotonic() + self.town.delay_s)

    def release(self, tag: str, up_to: int) -> None:
        """Ship a version and walk with it, testers first, until a weight has been measured."""
        for number, (index, weight) in enumerate(stops(headers=self.road.headers, up_to=up_to)):
            self.act(self.town.promote if number else lambda: self.town.ship(tag))
            self.town.until_paused(index)
            self.measure(f"{tag} for testers" if weight is None else f"{tag} at {weight}", tag, weight or 0)
            if self.road.headers:
                self.testers(tag)

    def act(self, does: Callable[[], None]) -> None:
        """Do something that leads to a write of a routing object."""
        struck = self.town.kill_at_next_write() if self.killing else None
        does()
        if struck is not None:
            assert struck.wait(PATIENCE_S), "nothing was written"
            self.town.succeed()

    @property
    def misses(self) -> list[str]:
        """Whatever is not as it should be: failed requests, shares outside of the band, more than one write of an object.

        A promotion and an abort may write a routing object twice: its header routes go, then its weight; a verb each.
        """
        home = {found.what: 2 if self.road.headers else 1 for found in self.done if found.what.endswith(HOME)}
        return [
            *self.crowd.failures,
            *(f"share: {found}" for found in self.done if not found.agrees),
            *(f"writes: {found}" for found in self.done if found.most_writes > home.get(found.what, 1)),
        ]

    def measure(self, what: str, tag: str, percent: int, after: float = 0.0) -> None:
        """Wait until a share is in force and count what was sent since then, but not before `after`.

        Whoever measured before gets the requests that were sent until the user acted, and until that could be in force.
        """
        town = self.town
        split = town.until_shared(self.road.shop.host, tag, percent)
        self._complete(town.unchanged_until)
        self._since = max(split.since, after)
        self.crowd.everybody.wait_for(self.sample, self._since)
        self._last = len(self.done)
        self.done.append(Measured(what, tag, percent, 0, 0, town.journal.turn()))
        self._complete(time.monotonic())

    def _complete(self, until: float) -> None:
        """Count the last share anew, up to a moment."""
        if self._last is not None and until > self._since:
            found = self.done[self._last]
            counts = self.crowd.everybody.window(self._since, until)
            hits = counts.versions.get(found.version, 0)
            self.done[self._last] = replace(found, requests=counts.named, hits=hits)

    def testers(self, tag: str) -> None:
        """Whoever sends the header is led to this version, each time."""
        assert self.crowd.testers is not None
        since = self.town.until_testers_reach(tag)
        counts = self.crowd.testers.wait_for(self.sample // 20, since=since)
        self.done.append(Measured("  with the header", tag, 100, counts.named, counts.versions.get(tag, 0), {}))
