"""Turns at a host: how many calls run there at once, and how many begin in a second."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tidegate.errors import Unreachable
from tidegate.runtime.limiter import Bucket

HOSTS_KEPT = 1024  # hosts whose pace is remembered; the one that was asked longest ago goes first


class Turns:
    """Shared by all calls; safe for threads. A host is `name:port`."""

    def __init__(
        self,
        at_once: int,
        per_second: float,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._at_once, self._per_second = at_once, per_second
        self._seconds, self._sleep = seconds, sleep
        self._running: Counter[str] = Counter()
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, host: str, deadline: float) -> Iterator[None]:
        """Hold a turn while the block runs. Raises Unreachable where none comes before `deadline`, on this clock."""
        self._enter(host, deadline)
        try:
            self._pace(host, deadline)
            yield
        finally:
            self._leave(host)

    def _enter(self, host: str, deadline: float) -> None:
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._running[host] < self._at_once, max(0.0, deadline - self._seconds())
            )
            if not free:
                said = "raise the metric's timeout or interval, or metrics.limits.calls_per_host"
                raise Unreachable(f"{host}: {self._at_once} calls were under way all the time; {said}")
            self._running[host] += 1

    def _leave(self, host: str) -> None:
        with self._changed:
            self._running[host] -= 1
            if not self._running[host]:
                del self._running[host]
            self._changed.notify_all()

    def _pace(self, host: str, deadline: float) -> None:
        with self._changed:
            bucket = self._buckets.pop(host, None) or Bucket(
                self._per_second, max(1, int(self._per_second)), self._seconds
            )
            self._buckets[host] = bucket
            while len(self._buckets) > HOSTS_KEPT:
                self._buckets.popitem(last=False)
            wait_s = bucket.reserve()
        if self._seconds() + wait_s >= deadline and wait_s > 0:
            said = "lengthen the metrics' intervals, or raise metrics.limits.calls_per_second"
            raise Unreachable(f"{host}: more than {self._per_second:g} calls a second are asked for; {said}")
        if wait_s > 0:
            self._sleep(wait_s)
