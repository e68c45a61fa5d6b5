"""Work that may last, in threads of its own: no worker of a queue waits for an endpoint.

What is begun for a key together lands together: the key is looked at again once the last part has ended, or has run out
of time. A thread that does not come back is left behind; another takes its place.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tidegate.machine.plan import Outcome
from tidegate.runtime.clock import Clock
from tidegate.runtime.store import Key

log = logging.getLogger(__name__)

# Threads that wait for endpoints cost memory and no processor: as many as endpoints that take 2 s each need for 1,000
# metrics at intervals of 10 s. Chosen so.
MOST_THREADS = 200
IDLE_S = 30.0  # after which a thread that has nothing to do ends; chosen by feel


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to be done: `work` gives its outcome, `failed` that of one that takes longer than `timeout_s`, or breaks, for
    the text that says so."""

    work: Callable[[], Outcome]
    failed: Callable[[str], Outcome]
    timeout_s: float


@dataclass(slots=True)
class Flight:
    """What was begun for one object at one moment. It has landed once `outcomes` has as many as there are parts."""

    uid: str
    began: datetime
    parts: int
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def landed(self) -> bool:
        """Whether every part has ended."""
        return len(self.outcomes) >= self.parts


class Pool:
    """Threads that are started as they are needed. Safe to use from any thread."""

    def __init__(self, name: str, most: int = MOST_THREADS) -> None:
        self._name, self._most = name, most
        self._waiting: deque[Callable[[], bool]] = deque()
        self._changed = threading.Condition()
        self._threads = self._idle = self._started = 0
        self._closed = False

    def submit(self, work: Callable[[], bool]) -> None:
        """Have `work` done, behind what waits already; nothing once the pool is closed.

        It must not raise, and tells whether its thread was abandoned meanwhile.
        """
        with self._changed:
            if self._closed:
                return
            self._waiting.append(work)
            if self._idle >= len(self._waiting):
                self._changed.notify()
            elif self._threads < self._most:
                self._grow()

    def abandon(self) -> None:
        """One of the threads has not come back in time: another may take its place."""
        with self._changed:
            self._threads -= 1
            if self._waiting and not self._closed:
                self._grow()

    def close(self) -> None:
        """Begin nothing more. Threads at work end with it, or with the process."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _grow(self) -> None:
        self._threads += 1
        self._started += 1
        threading.Thread(target=self._serve, name=f"{self._name} {self._started}", daemon=True).start()

    def _serve(self) -> None:
        while (work := self._next()) is not None:
            if work():
                return  # another thread stands in for this one already

    def _next(self) -> Callable[[], bool] | None:
        """The next work; None for a thread that is to end, which is then no longer counted."""
        with self._changed:
            self._idle += 1
            found = self._changed.wait_for(lambda: self._waiting or self._closed, IDLE_S)
            self._idle -= 1
            if found and self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            return None


class _Run:
    """One part on its way: it ends once, by itself or by the time. `clock` is the real one."""

    def __init__(self, part: Part, pool: Pool, clock: Clock, ended: Callable[[Outcome], None]) -> None:
        self._part, self._pool, self._clock, self._ended = part, pool, clock, ended
        self._lock, self._over = threading.Lock(), False
        self._abandoned = False

    def __call__(self) -> bool:
        cancel = self._clock.call_at(self._clock.now() + timedelta(seconds=self._part.timeout_s), self._expire)
        outcome = self._worked()
        cancel()
        if self._first():
            self._ended(outcome)
        return self._abandoned

    def _worked(self) -> Outcome:
        try:
            return self._part.work()
        except BaseException as error:  # whatever it is, the flight must land; its text may hold anything
            log.exception("measuring: unexpected")
            return self._part.failed(f"unexpected {type(error).__name__}; the controller's log has more")

    def _expire(self) -> None:
        with self._lock:
            if self._over:
                return
            self._over = self._abandoned = True
        self._pool.abandon()
        said = f"the provider did not answer within {self._part.timeout_s:g} s; it is not waited for any longer"
        self._ended(self._part.failed(said))

    def _first(self) -> bool:
        with self._lock:
            first, self._over = not self._over, True
            return first


class Flights:
    """The flights of all keys, one at a time for each. `landed` is called with a key once its flight has.

    `real` is the clock that bounds are measured by: an endpoint takes real time, whatever time a test plays.
    """

    def __init__(self, pool: Pool, real: Clock, landed: Callable[[Key], None]) -> None:
        self._pool, self._real, self._landed = pool, real, landed
        self._flights: dict[Key, Flight] = {}
        self._lock = threading.Lock()

    def begin(self, key: Key, uid: str, began: datetime, parts: Sequence[Part]) -> None:
        """Let all parts be worked on, in any order and at the same time."""
        flight = Flight(uid, began, len(parts))
        with self._lock:
            self._flights[key] = flight
        for part in parts:
            self._pool.submit(_Run(part, self._pool, self._real, lambda outcome: self._end(key, flight, outcome)))

    def of(self, key: Key, uid: str) -> Flight | None:
        """The flight of this object, landed or not; that of a namesake is forgotten."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and flight.uid != uid:
                del self._flights[key]
                return None
            return flight

    def forget(self, key: Key) -> None:
        """What was begun has been taken account of, or does not matter any more."""
        with self._lock:
            self._flights.pop(key, None)

    def _end(self, key: Key, flight: Flight, outcome: Outcome) -> None:
        with self._lock:
            flight.outcomes.append(outcome)
            told = flight.landed and self._flights.get(key) is flight
        if told:
            self._landed(key)
