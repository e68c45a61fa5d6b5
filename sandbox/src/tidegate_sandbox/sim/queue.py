"""The keys that wait for a pass, in the order in which they came in, each at most once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from tidegate_sandbox.contracts import Cancel, Clock


class Key(NamedTuple):
    """What one pass looks at: one object, by one controller. The namespace is empty for cluster-scoped kinds."""

    controller: str
    resource: str
    namespace: str
    name: str


class WorkQueue:
    """First in, first out; a key that waits already is not added again. Thread-safe."""

    def __init__(self, clock: Clock, notify: Callable[[], None]) -> None:
        """`notify` is called, outside any lock, whenever keys were added."""
        self._clock = clock
        self._notify = notify
        self._lock = threading.Lock()
        self._waiting: dict[Key, None] = {}
        self._alarms: dict[Key, tuple[datetime, Cancel]] = {}

    def add(self, keys: Iterable[Key]) -> None:
        with self._lock:
            before = len(self._waiting)
            self._waiting.update(dict.fromkeys(keys))
            added = len(self._waiting) > before
        if added:
            self._notify()

    def take(self) -> Key | None:
        """The key that has waited longest, taken out; None when none waits."""
        with self._lock:
            if not self._waiting:
                return None
            key = next(iter(self._waiting))
            del self._waiting[key]
            return key

    def wake_at(self, key: Key, when: datetime | None) -> None:
        """Add `key` at `when`; a key has one alarm, the one named last, and None takes it away."""
        with self._lock:
            known = self._alarms.pop(key, None)
            if known is not None and known[0] == when:
                self._alarms[key] = known
                return
            if known is not None:
                known[1]()
            if when is not None:
                self._alarms[key] = (when, self._clock.call_at(when, lambda: self._ring(key, when)))

    def close(self) -> None:
        """Forget all keys and alarms."""
        with self._lock:
            self._waiting.clear()
            for _, cancel in self._alarms.values():
                cancel()
            self._alarms.clear()

    def _ring(self, key: Key, when: datetime) -> None:
        with self._lock:
            known = self._alarms.get(key)
            if known is not None and known[0] == when:
                del self._alarms[key]
        self.add([key])
