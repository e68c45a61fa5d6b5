"""The samples of all series, kept for a bounded time."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tidegate_sandbox.promql.values import Labels, Sample, Stretch

KEPT_MS = 6 * 3600 * 1000  # longer than any window an analysis looks back; chosen by feel
SERIES = 10_000  # more come only from a mistake: a label with a new value for each request
TRIMMED_EVERY = 1000  # samples of a series between two looks for old ones


class TooManySeries(ValueError):
    """There is no room for another series; the message says how many there are."""


@dataclass(slots=True)
class _Series:
    times_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, time_ms: int, value: float) -> None:
        if self.times_ms and time_ms <= self.times_ms[-1]:
            return  # a clock that went back or stood still: the first sample of an instant counts, as in Prometheus
        self.times_ms.append(time_ms)
        self.values.append(value)
        if len(self.times_ms) % TRIMMED_EVERY == 0:
            old = bisect_left(self.times_ms, time_ms - KEPT_MS)
            del self.times_ms[:old], self.values[:old]


Wanted = Callable[[Labels], bool]


class Samples:
    """Series by their labels. All methods may be called from any thread; times are milliseconds since 1970."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[Labels, _Series] = {}

    def add(self, time_ms: int, samples: Iterable[Sample]) -> None:
        """Take one sample for each series; one that is not newer than the last of its series is left out.

        Raises TooManySeries.
        """
        with self._lock:
            for sample in samples:
                series = self._series.get(sample.labels)
                if series is None:
                    if len(self._series) >= SERIES:
                        raise TooManySeries(f"{SERIES} series are kept; drop a label that has too many values")
                    series = self._series[sample.labels] = _Series()
                series.add(time_ms, sample.value)

    def between(self, wanted: Wanted, after_ms: int, until_ms: int) -> tuple[Stretch, ...]:
        """The samples later than `after_ms`, not later than `until_ms`, of each wanted series that has any."""
        with self._lock:
            cut = ((labels, series, *_cut(series, after_ms, until_ms)) for labels, series in self._series.items())
            found = [
                Stretch(labels, series.times_ms[first:end], series.values[first:end])
                for labels, series, first, end in cut
                if first < end and wanted(labels)
            ]
        return tuple(sorted(found, key=lambda stretch: stretch.labels))

    def latest(self, wanted: Wanted, after_ms: int, until_ms: int) -> tuple[Sample, ...]:
        """The last sample within the same bounds of each wanted series."""
        return tuple(Sample(found.labels, found.values[-1]) for found in self.between(wanted, after_ms, until_ms))


def _cut(series: _Series, after_ms: int, until_ms: int) -> tuple[int, int]:
    return bisect_right(series.times_ms, after_ms), bisect_right(series.times_ms, until_ms)
