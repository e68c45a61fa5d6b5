"""Virtual time: what is to happen, in order. Nothing in here waits."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)
Deed = Callable[[], None]


class Timeline:
    """A clock in whole milliseconds since `START`, and the deeds that are due. Equal times go by order of arrival.

    `skew_ms` is what the controller's clock is ahead of the cluster's, `jumped` whether it ever changed.
    """

    def __init__(self) -> None:
        self.ms = 0
        self.skew_ms = 0
        self.jumped = False
        self._heap: list[tuple[int, int, Deed, bool]] = []
        self._count = 0
        self.busy = 0

    def at(self, ms: int, deed: Deed, *, idle: bool = False) -> None:
        """`deed` happens at `ms`, or now where that is past. `idle` ones do not count as `busy`: timers that merely look."""
        self._count += 1
        self.busy += not idle
        heapq.heappush(self._heap, (max(ms, self.ms), self._count, deed, idle))

    def after(self, seconds: float, deed: Deed) -> None:
        """`deed` happens in so many seconds."""
        self.at(self.ms + round(seconds * 1000), deed)

    def jump(self, seconds: float) -> None:
        """The controller's clock is set forwards or backwards."""
        self.skew_ms += round(seconds * 1000)
        self.jumped = True

    def take_up(self, other: Timeline) -> None:
        """The time of another; nothing is due yet."""
        self.ms, self.skew_ms, self.jumped = other.ms, other.skew_ms, other.jumped
        self._heap, self._count, self.busy = [], other._count, 0

    @property
    def next_ms(self) -> int | None:
        """When the next deed is due, None where nothing is planned."""
        return self._heap[0][0] if self._heap else None

    def happen(self) -> None:
        """The next deed; the clock moves to its time."""
        ms, _, deed, idle = heapq.heappop(self._heap)
        self.ms = ms
        self.busy -= not idle
        deed()

    @property
    def now(self) -> datetime:
        """The cluster's time."""
        return moment(self.ms)

    @property
    def seen_now(self) -> datetime:
        """The time by the controller's own clock."""
        return moment(self.ms + self.skew_ms)


def moment(ms: int) -> datetime:
    """The date and time of a number of milliseconds."""
    return START + timedelta(milliseconds=ms)


def whole(when: datetime) -> datetime:
    """Cut to whole seconds, as an API server does with a creationTimestamp."""
    return when.replace(microsecond=0)


def ms_of(when: datetime) -> int:
    """Milliseconds since `START`, rounded up so that nothing is early."""
    delta = when - START
    return -(-(delta.days * 86_400_000_000 + delta.seconds * 1_000_000 + delta.microseconds) // 1000)
