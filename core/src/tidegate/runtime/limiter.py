"""Token bucket: how fast something may go on average, and how much at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

# The part of a burst that is kept for those in a hurry. Chosen by feel: an abort takes four or five writes.
SPARE = 0.25


class Pace(Protocol):
    """Holds a caller back until it may go ahead."""

    def wait(self) -> float:
        """Return when the caller may go ahead; the seconds it was held back."""
        ...


class Bucket:
    """`rate` tokens a second flow in, at most `burst` are kept; a rate of 0 or less means no limit.

    Tokens may be taken before they are there: `reserve` tells how long to wait for the one just taken.
    """

    def __init__(self, rate: float, burst: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._seconds = rate, float(max(burst, 1)), seconds
        self._tokens, self._filled_at = self._burst, seconds()
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Take one token; the seconds until it may be used."""
        if self._rate <= 0:
            return 0.0
        with self._lock:
            self._fill()
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)

    def take_spare(self) -> float:
        """Take one token if many are left; 0 if that was so, else the seconds after which to ask again, none taken."""
        if self._rate <= 0:
            return 0.0
        with self._lock:
            self._fill()
            missing = 1 + self._burst * SPARE - self._tokens
            if missing > 0:
                return missing / self._rate
            self._tokens -= 1
            return 0.0

    def _fill(self) -> None:
        now = self._seconds()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now


class Limiter:
    """Holds callers back so that they stay within a bucket; first come, first served. Safe to share between threads.

    Those who wait through `patient` come last: they only take what is left over.
    """

    def __init__(
        self,
        qps: float,
        burst: int,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bucket, self._sleep = Bucket(qps, burst, seconds), sleep

    def wait(self) -> float:
        """Return when the caller may go ahead; the seconds it was held back."""
        delay_s = self._bucket.reserve()
        if delay_s > 0:
            self._sleep(delay_s)
        return delay_s

    def patient(self) -> Pace:
        """The same bucket for callers that nobody waits for: they leave a part of the burst to the others."""
        return _Patient(self._bucket, self._sleep)


class _Patient:
    """The leftovers of a bucket."""

    def __init__(self, bucket: Bucket, sleep: Callable[[float], None]) -> None:
        self._bucket, self._sleep = bucket, sleep

    def wait(self) -> float:
        held_s = 0.0
        while (delay_s := self._bucket.take_spare()) > 0:
            self._sleep(delay_s)
            held_s += delay_s
        return held_s
