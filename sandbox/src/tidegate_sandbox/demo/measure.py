"""What the requests say about each weight: counted from the moment it is in force until the next one is."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate_sandbox.dataplane.load import Load
from tidegate_sandbox.dataplane.plane import DataPlane
from tidegate_sandbox.dataplane.splits import Split
from tidegate_sandbox.dataplane.statistics import band, within
from tidegate_sandbox.demo.stage import Glance

ENOUGH = 50  # below it a band is too wide to say anything; such moments (between two steps) are not reported


@dataclass(frozen=True, slots=True)
class Measurement:
    """One weight: what was wanted, what was read back, and what the requests made of it."""

    version: str
    desired: int
    read_back: int | None
    requests: int
    hits: int
    failures: int

    @property
    def share(self) -> float:
        """Measured part of the version, 0 to 1."""
        return self.hits / self.requests if self.requests else 0.0

    @property
    def band(self) -> float:
        """Four standard deviations around the desired share."""
        return band(self.desired / 100, self.requests) if self.requests else 1.0

    @property
    def agrees(self) -> bool:
        """Whether weight, read-back and requests say the same."""
        return self.read_back == self.desired and within(self.desired / 100, self.hits, self.requests)


class Gauge:
    """Follows one version of one host through its weights."""

    def __init__(self, plane: DataPlane, host: str, load: Load, version: str) -> None:
        self._plane, self._host, self._load, self._version = plane, host, load, version
        self._split: Split | None = None
        self._odds = 0  # looks in a row in which the weight read back was another
        self.current: Measurement | None = None
        self.done: list[Measurement] = []

    def look(self, glance: Glance) -> None:
        """Count anew; a split that has changed closes the former measurement."""
        before = self._plane.split(self._host)
        if before is None:
            return
        if self._split is None or not before.says(self._split):
            self.close()
            self._split = before
        weight = glance.weight
        if weight is None or abs(before.version(self._version) * 100 - weight) > 1e-6:
            return  # the controller has not recorded this split yet, or it is about another revision
        self._odds = 0 if glance.carried == weight else self._odds + 1
        if self._odds == 1:
            return  # Rollout and routing object are read one after the other: a weight may move between the two
        counts = self._load.window(before.since)
        after = self._plane.split(self._host)
        if after is not None and after.says(before):
            hits = counts.versions.get(self._version, 0)
            self.current = Measurement(self._version, weight, glance.carried, counts.named, hits, counts.failures)

    def close(self) -> None:
        """End the measurement under way and keep it, if it has enough requests to say something."""
        if self.current is not None and self.current.requests >= ENOUGH:
            self.done.append(self.current)
        self.current = None
