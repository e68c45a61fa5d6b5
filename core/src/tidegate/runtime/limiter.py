"""Token bucket: how fast something may go on average, and how much at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


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
            now = self._seconds()
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate) - 1
            self._filled_at = now
            return max(0.0, -self._tokens / self._rate)


class Limiter:
    """Holds callers back so that they stay within a bucket; first come, first served. Safe to share between threads."""

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
