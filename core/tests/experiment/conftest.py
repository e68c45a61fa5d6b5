"""An Experiment in virtual time, with ReplicaSets whose pods come up when they are told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.api.analysis import AnalysisTemplate
from tidegate.api.experiment import Experiment
from tidegate.api.wire import read_time
from tidegate.machine.actions import Action, CreateReplicaSet, PatchReplicaSet
from tidegate.machine.analysis.templates import Library
from tidegate.machine.checking import EndRun
from tidegate.machine.experiment.acts import (
    CreateService,
    DeleteService,
    ExperimentSeen,
    Refused,
    ServiceSeen,
    StartAnalysis,
)
from tidegate.machine.experiment.decide import decide
from tidegate.machine.experiment.manifests import service_seen
from tidegate.machine.merge import merge_patch, merged
from tidegate.machine.observed import ReplicaSetView, RunView
from tidegate.machine.plan import Outcome, Plan, Result
from tidegate.machine.projections import replica_set_view, service_view

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
MOST_PASSES = 200


@dataclass
class World:
    """An Experiment, what belongs to it, and everything that was done and told."""

    spec: dict[str, Any]
    library: Library
    name: str = "exp"
    now: datetime = START
    status: dict[str, Any] = field(default_factory=dict)
    sets: dict[str, ReplicaSetView] = field(default_factory=dict)
    services: dict[str, ServiceSeen] = field(default_factory=dict)
    runs: dict[str, RunView] = field(default_factory=dict)
    manifests: dict[str, Any] = field(default_factory=dict)
    calls: list[Action] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    writes: int = 0
    wake_at: datetime | None = None
    stuck: frozenset[str] = frozenset()
    refuse: dict[type[Action], str] = field(default_factory=dict)

    @property
    def seen(self) -> ExperimentSeen:
        metadata = {"name": self.name, "namespace": "shop", "uid": "e-1"}
        experiment = Experiment.read({"metadata": metadata, "spec": self.spec, "status": self.status})
        return ExperimentSeen(self.now, experiment, self.sets, self.services, self.runs, self.library)

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", ""))

    def template(self, name: str) -> dict[str, Any]:
        (found,) = [t for t in self.status["templateStatuses"] if t["name"] == name]
        return dict(found)

    def analysis(self, name: str) -> dict[str, Any]:
        return dict(next((r for r in self.status.get("analysisRuns", []) if r["name"] == name), {}))

    def plan(self) -> Plan:
        return decide(self.seen)

    def step(self) -> World:
        """One pass."""
        plan = self.plan()
        outcomes = [self._performed(action) for action in plan.actions]
        self.events += [f"{e.type} {e.reason} {e.message}" for o in outcomes for e in o.action.events]
        settled = plan.conclude(outcomes)
        patch = merge_patch(self.status, settled.status or {})
        if settled.status is not None and patch:
            self.status, self.writes = merged(self.status, patch), self.writes + 1
        self.events += [f"{e.type} {e.reason} {e.message}" for e in settled.events]
        self.wake_at = settled.wake_at
        return self

    def settle(self) -> World:
        """Passes at this moment until nothing is done or written any more; pods come up in between."""
        for _ in range(MOST_PASSES):
            before = (self.writes, len(self.calls))
            self.step()._pods()
            if (self.writes, len(self.calls)) == before and self.step() and (self.writes, len(self.calls)) == before:
                return self
        raise AssertionError(f"no rest after {MOST_PASSES} passes: {self.status}")

    def wait(self, seconds: float) -> World:
        """Let time pass, with passes at the moments that the plans ask for."""
        end = self.now + timedelta(seconds=seconds)
        while self.wake_at is not None and self.now < self.wake_at <= end:
            self.now = self.wake_at
            self.settle()
        self.now = end
        return self.settle()

    def judge(self, run: str, phase: str, message: str = "") -> World:
        """An AnalysisRun gets a phase."""
        self.runs[run] = replace(self.runs[run], phase=phase, message=message)
        return self

    def _pods(self) -> None:
        for name, seen in self.sets.items():
            up = 0 if name in self.stuck else seen.spec_replicas
            self.sets[name] = replace(seen, replicas=seen.spec_replicas, ready=up, available=up)

    def _performed(self, action: Action) -> Outcome:
        self.calls.append(action)
        if type(action) in self.refuse:
            return Refused(action, Result.FAILED, message=self.refuse[type(action)])
        match action:
            case CreateReplicaSet():
                self.manifests[action.name] = action.manifest
                metadata = {**action.manifest["metadata"], "uid": f"uid-{action.name}", "resourceVersion": "1"}
                self.sets[action.name] = replica_set_view({**action.manifest, "metadata": metadata})
            case PatchReplicaSet():
                self._patch(action)
            case CreateService():
                self.manifests[action.name] = action.manifest
                self.services[action.name] = service_seen(service_view(action.manifest))
            case DeleteService():
                del self.services[action.name]
            case StartAnalysis():
                name, number = action.name, 0
                while name in self.runs:
                    number += 1
                    name = f"{action.name}.{number}"
                self.manifests[name] = action.manifest
                self.runs[name] = RunView(name, f"uid-{name}", "", "", self.now)
                return Outcome(action, name=name)
            case EndRun():
                self.runs[action.name] = replace(self.runs[action.name], ending=True)
            case _:
                raise AssertionError(f"nothing is known of {action}")
        return Outcome(action)

    def _patch(self, action: PatchReplicaSet) -> None:
        seen = self.sets[action.name]
        annotations = {**seen.annotations, **action.annotations}
        size = seen.spec_replicas if action.replicas is None else action.replicas
        kept = {key: value for key, value in annotations.items() if value is not None}
        self.sets[action.name] = replace(seen, annotations=kept, spec_replicas=size)


def template(name: str = "a", *, ports: bool = True, **fields: Any) -> dict[str, Any]:
    """A template of one pod."""
    labels = {"app": "exp", "part": name}
    container = {"name": "c", "image": "app:v1", **({"ports": [{"containerPort": 80}]} if ports else {})}
    return {
        "name": name,
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        **fields,
    }


@pytest.fixture
def a_template() -> Callable[..., dict[str, Any]]:
    return template


def saved(name: str, **spec: Any) -> AnalysisTemplate:
    body = {"metrics": [{"name": "m", "provider": {"fake": {}}}], **spec}
    return AnalysisTemplate.read({"metadata": {"name": name}, "spec": body})


@pytest.fixture
def an_experiment() -> Callable[..., World]:
    """`an_experiment(templates=…, analyses=…, **spec)`; templates `ok` (no arguments) and `one` (argument x) exist.

    An analysis is a name, or `name!` for one that is required, or a dict. Scaling down waits for nobody.
    """

    def build(
        templates: list[dict[str, Any]] | None = None, analyses: tuple[str | dict[str, Any], ...] = (), **spec: Any
    ) -> World:
        listed = [
            {"name": a.rstrip("!"), "templateName": "ok", "requiredForCompletion": a.endswith("!")}
            if isinstance(a, str)
            else a
            for a in analyses
        ]
        body = {
            "templates": [template()] if templates is None else templates,
            "scaleDownDelaySeconds": 0,
            **({"analyses": listed} if listed else {}),
            **spec,
        }
        books = Library({"ok": saved("ok"), "one": saved("one", args=[{"name": "x"}])})
        return World(body, books)

    return build


@pytest.fixture
def moment() -> Callable[[Any], datetime]:
    """A time as a status shows it."""

    def read(text: Any) -> datetime:
        found = read_time(text)
        assert isinstance(found, datetime)
        return found

    return read


@pytest.fixture
def a_world() -> Callable[[dict[str, Any], Library, str], World]:
    """`a_world(spec, library, name)`: an Experiment as it is written."""
    return World
