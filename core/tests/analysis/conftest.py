"""A run in virtual time, measured by a script: what its status becomes, and which events are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.api.analysis import AnalysisRun, Measurement
from tidegate.machine.actions import Action
from tidegate.machine.analysis.acts import Collect, Cut, Measure, Measured, Resume
from tidegate.machine.analysis.decide import RunSeen, decide
from tidegate.machine.checking import DeleteRun
from tidegate.machine.merge import merge_patch, merged
from tidegate.machine.plan import Outcome, Plan

START = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
LETTERS = {"S": "Successful", "F": "Failed", "I": "Inconclusive", "E": "Error", "R": "Running"}
MOST_PASSES = 500

Say = str | Measurement


@dataclass
class Course:
    """A run and its script: by metric the letters S, F, I, E, R (Running), or measurements; the last one repeats.

    A measurement takes `takes`; a letter for one that is cut off comes from `cuts`, S without one.
    """

    spec: dict[str, Any]
    script: Mapping[str, Sequence[Say]] = field(default_factory=dict)
    cuts: Mapping[str, Say] = field(default_factory=dict)
    takes: timedelta = timedelta(milliseconds=20)
    now: datetime = START
    status: dict[str, Any] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    writes: int = 0
    wake_at: datetime | None = None
    deleted: bool = False
    calls: list[Action] = field(default_factory=list)
    taken_at: dict[str, list[datetime]] = field(default_factory=dict)
    collecting: frozenset[int] = frozenset()
    unresolved: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    _next: dict[str, int] = field(default_factory=dict)

    @property
    def run(self) -> AnalysisRun:
        metadata = {"name": "run", "namespace": "shop", "uid": "r-1", **self.metadata}
        return AnalysisRun.read({"metadata": metadata, "spec": self.spec, "status": self.status})

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", ""))

    def result(self, name: str) -> dict[str, Any]:
        return next((r for r in self.status.get("metricResults", []) if r["name"] == name), {})

    def plan(self) -> Plan:
        return decide(RunSeen(self.now, self.run, self.collecting))

    def step(self, *, lose: bool = False) -> Course:
        """One pass. With `lose` the process dies before the status is written."""
        plan = self.plan()
        outcomes = [self._performed(action) for action in plan.actions]
        if plan.actions:
            self.now += self.takes
        settled = plan.conclude(outcomes)
        self.wake_at = settled.wake_at
        if lose or settled.status is None:
            return self
        patch = merge_patch(self.status, settled.status)
        self.writes += bool(patch)
        self.status = merged(self.status, patch)
        self.events += [f"{e.type} {e.reason} {e.message}" for e in settled.events]
        return self

    def play(self, *, until: timedelta = timedelta(hours=2)) -> Course:
        """Passes at the moments that the plans ask for, until the run is over, gone, or nothing more is due."""
        end = self.now + until
        for _ in range(MOST_PASSES):
            self.step()
            if self.wake_at is None or self.deleted or max(self.wake_at, self.now) > end:
                return self
            self.now = max(self.wake_at, self.now)
        raise AssertionError(f"not at rest after {MOST_PASSES} passes: {self.status}")

    def wait(self, seconds: float) -> Course:
        self.now += timedelta(seconds=seconds)
        return self

    def _performed(self, action: Action) -> Outcome:
        self.calls.append(action)
        match action:
            case Measure() | Resume():
                return Measured(action, measurement=self._say(action), unresolved=self.unresolved)
            case Cut():
                return Measured(action, measurement=self._spoken(self.cuts.get(action.metric, "S")))
            case DeleteRun():
                self.deleted = True
                return Outcome(action)
            case Collect():
                return Outcome(action)
            case _:
                raise AssertionError(f"nothing is known of {action}")

    def _say(self, action: Measure | Resume) -> Measurement | None:
        if self.unresolved:
            return None
        self.taken_at.setdefault(action.metric, []).append(self.now)
        said = self.script.get(action.metric, "S")
        index = self._next.get(action.metric, 0)
        self._next[action.metric] = index + 1
        return self._spoken(said[min(index, len(said) - 1)])

    def _spoken(self, say: Say) -> Measurement:
        if isinstance(say, Measurement):
            return say
        over = say != "R"
        return Measurement(
            phase=LETTERS[say],
            message="it broke" if say == "E" else "",
            started_at=self.now,
            finished_at=self.now + self.takes if over else None,
            resume_at=None if over else self.now + timedelta(seconds=5),
            value="1",
        )


def a_metric(name: str = "m", **fields: Any) -> dict[str, Any]:
    """A metric of the provider `fake`."""
    return {"name": name, "provider": {"fake": {}}, **fields}


@pytest.fixture
def metric() -> Callable[..., dict[str, Any]]:
    return a_metric


@pytest.fixture
def course() -> Callable[..., Course]:
    """`course(metrics, script, **spec)`: metrics are dicts, or one dict of fields for the metric `m`."""

    def build(
        metrics: list[dict[str, Any]] | dict[str, Any],
        script: Mapping[str, Sequence[Say]] | Sequence[Say] = "S",
        cuts: Mapping[str, Say] | None = None,
        **spec: Any,
    ) -> Course:
        listed = metrics if isinstance(metrics, list) else [a_metric(**metrics)]
        said = script if isinstance(script, Mapping) else {"m": script}
        return Course({"metrics": listed, **spec}, said, cuts or {})

    return build
