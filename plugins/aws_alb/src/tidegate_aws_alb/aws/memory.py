"""What is remembered between questions: answers for a while, and how long to leave AWS in peace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from tidegate_aws_alb.aws.errors import Throttled

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Clock = Callable[[], float]

SHORTEST_PAUSE_S = 10.0  # the interval at which a weight is asked for anyway
LONGEST_PAUSE_S = 160.0  # four doublings: by feel, long beside any refill of a request bucket, short beside a step


class Cache(Generic[Key, Value]):
    """Values for `lifetime_s` seconds of `clock`. Safe to use from any thread.

    What has expired is dropped whenever something is put in, so it holds no more than was asked for in one lifetime.
    """

    def __init__(self, lifetime_s: float, clock: Clock) -> None:
        self._lifetime_s, self._clock = lifetime_s, clock
        self._kept: dict[Key, tuple[float, Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value, or None where there is none or it is too old."""
        with self._lock:
            kept = self._kept.get(key)
        return kept[1] if kept is not None and self._clock() < kept[0] else None

    def put(self, key: Key, value: Value) -> Value:
        """Remember a value, and give it back."""
        now = self._clock()
        with self._lock:
            self._kept = {old: kept for old, kept in self._kept.items() if now < kept[0]}
            self._kept[key] = (now + self._lifetime_s, value)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)


class Patience:
    """Keeps every Rollout from asking while AWS throttles one of them: the limit is the account's.

    The pause doubles with every throttled question after a pause, until `recovered`. All of them fail with the text of
    the first, so that nobody takes one shortage for many different ones.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = self._pause_s = 0.0
        self._said = ""
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise Throttled while the pause lasts."""
        with self._lock:
            left = self._until - self._clock()
            if left > 0:
                raise Throttled(self._said, left)

    def throttled(self, said: str) -> Throttled:
        """Begin a pause, or learn how long the present one lasts: questions of several threads may fail at once."""
        now = self._clock()
        with self._lock:
            if self._pause_s == 0:
                self._said = said
            if now >= self._until:
                self._pause_s = min(max(SHORTEST_PAUSE_S, self._pause_s * 2), LONGEST_PAUSE_S)
                self._until = now + self._pause_s
            return Throttled(self._said, self._until - now)

    def recovered(self) -> None:
        """Note that all questions of a verdict were answered; one answer among refusals does not end a shortage."""
        with self._lock:
            if self._clock() >= self._until:
                self._pause_s = 0.0
