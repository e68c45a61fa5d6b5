"""The time axis of a drawing: straight, or broken where long calm would leave no room for what happens.

An hour's pause beside steps of seconds is drawn shorter than it is, and marked as such.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from tidegate.cli.spans import clock, span

# Steps of a time axis that people count in, in seconds; beyond the last, whole days.
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
MOST_TICKS = 9  # more would touch one another
# Long calms together get at most this many times the room of everything else. Chosen by feel.
CALM = 1.5
# A calm that would shrink by less than this is drawn as long as it is: a broken axis is harder to read.
WORTH_IT = 3.0
LABEL = 62  # room for the label of a tick, in user units


@dataclass(frozen=True, slots=True)
class TimeScale:
    """From seconds to places between `start` and `end`: straight between `knots`, pairs of both in ascending order.

    `broken` are the calms that are drawn too short.
    """

    knots: tuple[tuple[float, float], ...]
    broken: tuple[tuple[float, float], ...] = ()

    def __call__(self, seconds: float) -> float:
        """The place of a time, rounded to what a screen can show."""
        right = min(max(bisect_right(self.knots, (seconds, float("inf"))), 1), len(self.knots) - 1)
        (from_s, from_x), (to_s, to_x) = self.knots[right - 1], self.knots[right]
        part = (seconds - from_s) / (to_s - from_s)
        return round(from_x + part * (to_x - from_x), 2)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Where to name which time: round times, or on a broken axis those at which something happens."""
        first, last = self.knots[0][0], self.knots[-1][0]
        if self.broken:
            yield from self._moments()
            return
        step = next((s for s in STEPS_S if last / s <= MOST_TICKS), ceil(last / MOST_TICKS / 86_400) * 86_400)
        for n in range(int(last // step) + 1):
            yield n * step, span(n * step) if n else f"{first:g}"

    def _moments(self) -> Iterator[tuple[float, str]]:
        free = float(-LABEL)
        for seconds, x in self.knots:
            if x - free >= LABEL:
                yield seconds, clock(seconds)
                free = x


def time_scale(moments: Sequence[float], ended_s: float, start: float, end: float) -> TimeScale:
    """The scale for what happens at `moments` until `ended_s`; at least a second long."""
    last = max(ended_s, 1.0)
    times = sorted({0.0, *(each for each in moments if each < last), last})
    gaps = [to_s - from_s for from_s, to_s in pairwise(times)]
    longest = _longest(gaps)
    drawn = [min(gap, longest) for gap in gaps]
    unit = (end - start) / sum(drawn)
    knots, x = [(0.0, start)], start
    for seconds, length in zip(times[1:], drawn, strict=True):
        x += length * unit
        knots.append((seconds, round(x, 4)))
    broken = tuple(pair for pair, gap in zip(pairwise(times), gaps, strict=True) if gap > longest)
    return TimeScale(tuple(knots), broken)


def _longest(gaps: Sequence[float]) -> float:
    """How long a calm may be drawn, in seconds."""
    order = sorted(gaps)
    for calms in range(1, len(order)):
        rest = order[:-calms]
        length = CALM * sum(rest) / calms
        if length >= order[-calms]:
            break
        if length >= rest[-1]:
            return length if order[-1] >= WORTH_IT * length else order[-1]
    return order[-1]
