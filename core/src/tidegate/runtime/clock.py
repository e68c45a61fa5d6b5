"""Where time comes from: the wall, or a test that jumps.

`Clock` is all that the queue and the reconciler know of time, so that a test moves hours in milliseconds. What paces
the network (limiter, reflector, leader election) is bound to the real, monotonic time and does not use it.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

log = logging.getLogger(__name__)

# A suspended machine or a corrected wall clock is noticed within this many seconds. Chosen by feel.
LONGEST_SLEEP_S = 30.0


class Cancel(Protocol):
    """Takes a timer back; calling it twice, or too late, does nothing."""

    def __call__(self) -> None: ...


class Clock(Protocol):
    """The present, and callbacks at later instants."""

    def now(self) -> datetime:
        """The present, timezone-aware UTC."""
        ...

    def call_at(self, when: datetime, callback: Callable[[], None]) -> Cancel:
        """Run `callback` once, not before `when`, never in the caller's stack; the result cancels it."""
        ...


class WallClock:
    """The real time. One thread serves all timers; it starts with the first timer and ends with `close`.

    A callback never runs before `now()` has reached its instant, so a deadline never ends early. Callbacks must be
    short.
    """

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._timers: list[tuple[datetime, int, _Timer]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def call_at(self, when: datetime, callback: Callable[[], None]) -> Cancel:
        timer = _Timer(callback)
        with self._wake:
            heapq.heappush(self._timers, (when, next(self._order), timer))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._serve, name="clock", daemon=True)
                self._thread.start()
            self._wake.notify()
        return timer.cancel

    def close(self) -> None:
        """Drop every timer and end the thread."""
        with self._wake:
            self._closed = True
            self._timers.clear()
            self._wake.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _serve(self) -> None:
        while (due := self._next_due()) is not None:
            due.fire()

    def _next_due(self) -> _Timer | None:
        """The next timer whose instant has come; waits for it. None once closed."""
        with self._wake:
            while not self._closed:
                if not self._timers:
                    self._wake.wait()
                    continue
                left_s = (self._timers[0][0] - self.now()).total_seconds()
                if left_s <= 0:
                    return heapq.heappop(self._timers)[2]
                self._wake.wait(min(left_s, LONGEST_SLEEP_S))
        return None


class _Timer:
    """One callback that runs at most once."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is None:
            return
        try:
            callback()
        except Exception:  # one bad callback must not end the timers of everybody else
            log.exception("clock: a timer callback failed")
