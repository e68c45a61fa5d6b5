"""Where the sandbox's time comes from: the wall clock, or a clock that a test moves by hand."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tidegate_sandbox.contracts import Cancel
from tidegate_sandbox.errors import SandboxError

log = logging.getLogger(__name__)

# A whole second, so that timestamps in manifests and the clock agree to the digit at the start of a test.
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(order=True, slots=True)
class _Timer:
    when: datetime
    order: int
    callback: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.callback = None


class _Timers:
    """Callbacks by time, then by the order in which they were asked for. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._heap: list[_Timer] = []
        self._count = 0

    def add(self, when: datetime, callback: Callable[[], None]) -> _Timer:
        self._count += 1
        timer = _Timer(when, self._count, callback)
        heapq.heappush(self._heap, timer)
        return timer

    def next_due(self) -> datetime | None:
        while self._heap and self._heap[0].callback is None:
            heapq.heappop(self._heap)
        return self._heap[0].when if self._heap else None

    def take(self, now: datetime) -> Callable[[], None] | None:
        """The callback of the earliest timer that is due at `now` and was not cancelled, taken out; else None."""
        while self._heap and self._heap[0].when <= now:
            # Read once: another thread may cancel between a test and a use.
            if (callback := heapq.heappop(self._heap).callback) is not None:
                return callback
        return None


def _checked(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise SandboxError(
            f"clock: {when.isoformat()} has no timezone; pass an aware datetime, such as clock.now() + d"
        )
    return when


class VirtualClock:
    """A clock that stands still until `advance` moves it; callbacks run in the thread that advances. Thread-safe."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._lock = threading.Lock()
        self._advancing = threading.Lock()
        self._now = _checked(start).astimezone(UTC)
        self._timers = _Timers()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def call_at(self, when: datetime, callback: Callable[[], None]) -> Cancel:
        """Run `callback` in a later `advance`; one that is due already runs in the next, even in `advance(0)`."""
        with self._lock:
            return self._timers.add(_checked(when), callback).cancel

    def next_due(self) -> datetime | None:
        """When the earliest waiting callback is due; None when none waits."""
        with self._lock:
            return self._timers.next_due()

    def advance(self, seconds: float, settle: Callable[[], None] | None = None) -> None:
        """Move on by `seconds` (not negative), as `advance_to` does."""
        self.advance_to(self.now() + timedelta(seconds=seconds), settle)

    def advance_to(self, when: datetime, settle: Callable[[], None] | None = None) -> None:
        """Move on to `when`, running what falls due on the way in time order, each at its own time.

        `settle` runs before the first step, after every instant that had callbacks and at the end, so that the work
        one instant causes is done before the next one comes. Raises SandboxError for a time in the past, and when a
        callback or another thread advances at the same time.
        """
        if not self._advancing.acquire(blocking=False):
            raise SandboxError("virtual clock: it is being advanced already; advance it from one thread at a time")
        try:
            self._advance_to(_checked(when), settle or _nothing)
        finally:
            self._advancing.release()

    def _advance_to(self, target: datetime, settle: Callable[[], None]) -> None:
        if target < self.now():
            raise SandboxError(f"virtual clock: {target.isoformat()} has passed; it is {self.now().isoformat()}")
        settle()
        while (due := self.next_due()) is not None and due <= target:
            self._run_instant(max(due, self.now()))
            settle()
        with self._lock:
            self._now = target.astimezone(UTC)
        settle()

    def _run_instant(self, instant: datetime) -> None:
        with self._lock:
            self._now = instant.astimezone(UTC)
        # One at a time: a callback may cancel the next one of the same instant.
        while (callback := self._take_due(instant)) is not None:
            callback()

    def _take_due(self, instant: datetime) -> Callable[[], None] | None:
        with self._lock:
            return self._timers.take(instant)


def _nothing() -> None:
    """Stands for a world that has nothing to settle."""


class RealClock:
    """The wall clock; callbacks run one after another in a daemon thread that starts with the first of them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._timers = _Timers()
        self._thread: threading.Thread | None = None
        self._closed = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def call_at(self, when: datetime, callback: Callable[[], None]) -> Cancel:
        """Run `callback` in the timer thread. After `close` nothing runs any more."""
        with self._changed:
            timer = self._timers.add(_checked(when), callback)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="sandbox-clock", daemon=True)
                self._thread.start()
            self._changed.notify()
        return timer.cancel

    def close(self) -> None:
        """End the timer thread; waits for a callback that is running, unless called from it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while (callback := self._next()) is not None:
            try:
                callback()
            except Exception:  # one callback's defect must not silence the timers of everything else
                log.exception("clock: a callback failed; the others go on")

    def _next(self) -> Callable[[], None] | None:
        """The next callback once it is due; None when the clock is closed."""
        with self._changed:
            while not self._closed:
                if (callback := self._timers.take(self.now())) is not None:
                    return callback
                due = self._timers.next_due()
                self._changed.wait(None if due is None else (due - self.now()).total_seconds())
        return None
