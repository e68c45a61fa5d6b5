"""The answers of a load, counted."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from tidegate_sandbox.dataplane.statistics import within

NO_VERSION = "-"
"""The version of an answer that names none: a proxy's own, or none at all."""

KEPT = 200_000  # answers kept for `window`: about 20 MB, eight minutes at 400 a second
SECONDS_KEPT = 3600
ERROR_TEXTS = 5  # different ones kept


class Answer(NamedTuple):
    """One request. `sent_at` is time.monotonic(); status 0 means no answer, `error` says why (empty: all well)."""

    sent_at: float
    version: str
    status: int
    error: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a number of requests. A failure is one without an answer or with a status below 200 or from 400.

    `complete` is False where older answers were no longer kept.
    """

    total: int
    versions: Mapping[str, int]
    statuses: Mapping[int, int]
    failures: int
    errors: tuple[str, ...]
    complete: bool = True

    def share(self, version: str) -> float:
        """The version's part of the answers that name a version, 0 to 1; 0 when there are none."""
        named = self.named
        return self.versions.get(version, 0) / named if named else 0.0

    @property
    def named(self) -> int:
        """Answers that name a version."""
        return self.total - self.versions.get(NO_VERSION, 0)

    def agrees(self, version: str, share: float) -> bool:
        """Whether the version's count lies within four standard deviations of `share` (0 to 1)."""
        return within(share, self.versions.get(version, 0), self.named)


@dataclass(frozen=True, slots=True)
class Second:
    """One second of a load, counted from its start, by when the requests were sent."""

    second: int
    versions: Mapping[str, int]
    failures: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything since the start, by second for the last hour.

    `dropped` requests were due and never sent, because too many were under way.
    """

    counts: Counts
    seconds: tuple[Second, ...]
    elapsed_s: float
    in_flight: int
    dropped: int

    @property
    def rate(self) -> float:
        """Answers per second, over the whole time."""
        return self.counts.total / self.elapsed_s if self.elapsed_s > 0 else 0.0


class Tally:
    """Collects answers; may be read from any thread while one thread writes."""

    def __init__(self, kept: int = KEPT) -> None:
        self.grown = threading.Condition()
        self._recent: deque[Answer] = deque(maxlen=kept)
        self._total = 0
        self._started_at = 0.0
        self._versions: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._errors: dict[str, None] = {}
        self._failures = 0
        self._seconds: dict[int, Counter[str]] = {}
        self._failed_seconds: Counter[int] = Counter()

    @property
    def total(self) -> int:
        return self._total

    def begin(self, now: float) -> None:
        """Seconds are counted from here."""
        self._started_at = now

    def add(self, answer: Answer) -> None:
        with self.grown:
            self._total += 1
            self._recent.append(answer)
            self._versions[answer.version] += 1
            self._statuses[answer.status] += 1
            second = int(answer.sent_at - self._started_at)
            self._seconds.setdefault(second, Counter())[answer.version] += 1
            if len(self._seconds) > SECONDS_KEPT:
                oldest = next(iter(self._seconds))
                del self._seconds[oldest], self._failed_seconds[oldest]
            if answer.error:
                self._failures += 1
                self._failed_seconds[second] += 1
                if len(self._errors) < ERROR_TEXTS:
                    self._errors[answer.error] = None
            self.grown.notify_all()

    def all(self) -> Counts:
        with self.grown:
            errors = tuple(self._errors)
            return Counts(self._total, dict(self._versions), dict(self._statuses), self._failures, errors)

    def since(self, moment: float, until: float = inf) -> Counts:
        """Requests sent at or after `moment` and before `until` (time.monotonic) that have been answered by now."""
        with self.grown:
            recent = list(self._recent)
            complete = len(recent) == self._total or recent[0].sent_at < moment
        return counted((answer for answer in recent if moment <= answer.sent_at < until), complete)

    def seconds(self) -> tuple[Second, ...]:
        with self.grown:
            found = sorted(self._seconds.items())
            return tuple(Second(second, dict(versions), self._failed_seconds[second]) for second, versions in found)


def counted(answers: Iterable[Answer], complete: bool = True) -> Counts:
    versions: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    errors: dict[str, None] = {}
    failures = 0
    for answer in answers:
        versions[answer.version] += 1
        statuses[answer.status] += 1
        if answer.error:
            failures += 1
            if len(errors) < ERROR_TEXTS:
                errors[answer.error] = None
    return Counts(versions.total(), dict(versions), dict(statuses), failures, tuple(errors), complete)
