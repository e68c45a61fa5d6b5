"""The work queue: keys that are to be looked at, now or later. It carries keys, never events.

A key that is added twice is looked at once; a key that is being looked at is never given to a second worker. A change
is looked at at once and ends the key's back-off; only errors wait. (The reference controller lets changes wait as long
as retries: a repaired spec was noticed after 8 s.)
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from tidegate.runtime.clock import Cancel, Clock
from tidegate.runtime.limiter import Bucket
from tidegate.runtime.metrics import QueueMeter

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How retries are spread: per key `first_s` doubling up to `longest_s`, and over all keys a bucket.

    5 ms, 10 a second and a burst of 100 are client-go's defaults; its longest wait is 1000 s, ours the 10 s that
    operators of the reference controller know.
    """

    first_s: float = 0.005
    longest_s: float = 10.0
    per_second: float = 10.0
    burst: int = 100

    def delay_s(self, failures: int) -> float:
        """Wait before the retry that follows `failures` failures in a row (1 or more)."""
        return min(self.first_s * 2.0 ** min(failures - 1, 64), self.longest_s)


class Queue(Generic[K]):
    """Keys in the order in which they became due. Every method may be called from any thread."""

    def __init__(self, clock: Clock, meter: QueueMeter | None = None, backoff: Backoff | None = None) -> None:
        self._clock, self._meter, self._backoff = clock, meter or QueueMeter(), backoff or Backoff()
        self._epoch = clock.now()
        self._bucket = Bucket(self._backoff.per_second, self._backoff.burst, self._seconds)
        lock = threading.RLock()
        self._changed, self._idle = threading.Condition(lock), threading.Condition(lock)
        self._ready: deque[K] = deque()
        self._waiting_since: dict[K, datetime] = {}  # keys in _ready, and dirty ones that are being worked on
        self._working: dict[K, datetime] = {}
        self._failures: dict[K, int] = {}
        self._timers: dict[K, tuple[datetime, Cancel]] = {}
        self._closed = False

    def add(self, key: K) -> None:
        """Something changed: look at `key` as soon as a worker is free, and forget its failures."""
        with self._changed:
            self._failures.pop(key, None)
            self._enqueue(key)

    def add_echo(self, key: K) -> None:
        """Our own write came back: look at `key`, unless it is backing off.

        A pass that writes and then fails would otherwise end its own back-off, and so never pause.
        """
        with self._changed:
            if key not in self._failures:
                self._enqueue(key)

    def add_at(self, key: K, when: datetime) -> None:
        """Look at `key` at `when`, at once if that has passed. Of several instants the earliest counts."""
        if when <= self._clock.now():
            with self._changed:
                self._enqueue(key)
            return
        with self._changed:
            self._schedule(key, when)

    def add_after(self, key: K, after_s: float) -> None:
        """Look at `key` in `after_s` seconds."""
        self.add_at(key, self._clock.now() + timedelta(seconds=after_s))

    def retry(self, key: K, at_least_s: float = 0.0) -> float:
        """A pass over `key` failed: look again after its back-off, the seconds of which are returned.

        `at_least_s` is what the server asked for (Retry-After); it may exceed the longest back-off.
        """
        with self._changed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay_s = max(self._backoff.delay_s(failures), self._bucket.reserve(), at_least_s)
        self._meter.retried()
        self.add_after(key, delay_s)
        return delay_s

    def forget(self, key: K) -> None:
        """A pass over `key` succeeded: its next failure counts as the first."""
        with self._changed:
            self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How many passes over `key` have failed in a row."""
        with self._changed:
            return self._failures.get(key, 0)

    def get(self) -> K | None:
        """The next key, now in the caller's hands until `done`; waits for one. None once the queue is closed.

        The key's timer is dropped: the pass that begins will say anew when it wants to look again.
        """
        with self._changed:
            while not self._ready and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            key = self._ready.popleft()
            now = self._clock.now()
            self._meter.waited((now - self._waiting_since.pop(key)).total_seconds(), depth=len(self._ready))
            self._working[key] = now
            self._cancel(key)
            return key

    def done(self, key: K) -> None:
        """The caller has finished with `key`; if it was added meanwhile, it is due again, behind the others."""
        with self._changed:
            began = self._working.pop(key)
            self._meter.worked((self._clock.now() - began).total_seconds())
            if key in self._waiting_since:
                self._ready.append(key)
                self._changed.notify()
            if not self._working:
                self._idle.notify_all()

    def close(self) -> None:
        """Hand out nothing more and drop every timer; keys in work stay with their workers."""
        with self._changed:
            self._closed = True
            for _, cancel in self._timers.values():
                cancel()
            self._timers.clear()
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no key is in work; after `close`, that is until every worker has drained."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._working, timeout_s)

    def __len__(self) -> int:
        """Keys that are due and not yet in work."""
        with self._changed:
            return len(self._ready)

    def _enqueue(self, key: K) -> None:
        if self._closed or key in self._waiting_since:
            return
        self._waiting_since[key] = self._clock.now()
        if key not in self._working:
            self._ready.append(key)
            self._changed.notify()
        self._meter.added(depth=len(self._ready))

    def _schedule(self, key: K, when: datetime) -> None:
        earlier = self._timers.get(key)
        if self._closed or (earlier is not None and earlier[0] <= when):
            return
        self._cancel(key)
        self._timers[key] = (when, self._clock.call_at(when, self._alarm(key, when)))

    def _alarm(self, key: K, when: datetime) -> Callable[[], None]:
        def ring() -> None:
            with self._changed:
                # A timer that was replaced while it was about to ring must not ring for its successor.
                current = self._timers.get(key)
                if current is not None and current[0] == when:
                    del self._timers[key]
                    self._enqueue(key)

        return ring

    def _cancel(self, key: K) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer[1]()

    def _seconds(self) -> float:
        return (self._clock.now() - self._epoch).total_seconds()
