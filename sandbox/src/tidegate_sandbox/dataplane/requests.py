"""What the pods have answered so far, counted as an application's own metrics would be.

A request that no pod answered (a 404 or 503 of the proxy) is not in it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

SERVICE_HEADER = "x-sandbox-service"
"""What a proxy tells a pod: the Service it chose. One that a client sends is overwritten."""

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency buckets in seconds: the defaults of Prometheus' client libraries."""


class Answers(NamedTuple):
    """What answers are counted by. `template_hash` is that of the pod's ReplicaSet; `code` is the status."""

    namespace: str
    service: str
    template_hash: str
    version: str
    code: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Answers of one kind: how many, how long they took in all, and how many lie in each bucket (the last: above)."""

    count: int
    seconds: float
    buckets: tuple[int, ...]


class Requests:
    """Counters that only grow. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[Answers, list[int]] = {}
        self._seconds: dict[Answers, float] = {}

    def add(self, key: Answers, latency_s: float = 0.0, count: int = 1) -> None:
        """Count `count` answers that took `latency_s` each.

        The first answer of a release through a Service opens the counters of 200 and of 500, as applications do that
        name their statuses beforehand: a counter that begins with its first error would hide it from `rate`.
        """
        with self._lock:
            if key not in self._buckets:
                for code in dict.fromkeys((key.code, "200", "500")):
                    self._buckets.setdefault(key._replace(code=code), [0] * (len(BUCKETS_S) + 1))
            self._buckets[key][bisect_left(BUCKETS_S, latency_s)] += count
            self._seconds[key] = self._seconds.get(key, 0.0) + latency_s * count

    def counted(self) -> Mapping[Answers, Tally]:
        """Everything up to now, in a fixed order."""
        with self._lock:
            return {
                key: Tally(sum(buckets), self._seconds.get(key, 0.0), tuple(buckets))
                for key, buckets in sorted(self._buckets.items())
            }
