"""AnalysisRuns, Experiments and step plugins: they take their time and come to the end that was scripted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidegate.api.wire import read_time
from tidegate.machine.checking import AskStepPlugin, Operation, StartExperiment, StartRun, StepAnswer
from tidegate.machine.observed import ExperimentView, RunView
from tidegate.simulation.store import EXPERIMENT, RUN, Manifest, Store
from tidegate.simulation.timeline import Timeline

RUNNING, SUCCESSFUL = "Running", "Successful"
FINISHED = frozenset({SUCCESSFUL, "Failed", "Error", "Inconclusive"})


@dataclass
class Checks:
    """What judges a revision. `verdicts` are the phases that runs (by their type) and Experiments end in, `Successful` if
    not named; `takes_s` is how long each takes; `plugin_asks` how often a step plugin answers that it is still running."""

    store: Store
    timeline: Timeline
    takes_s: float = 5.0
    plugin_asks: int = 1
    verdicts: dict[str, str] = field(default_factory=dict)
    _asked: dict[int, int] = field(default_factory=dict)

    def start(self, kind: str, action: StartRun | StartExperiment) -> str:
        """Create the object under the first free name, and let it run; the name that it got.

        One that is still running and was made for the same is taken over: the answer to its creation was lost.
        """
        taken, name, n = self.store.all(kind), action.name, 0
        type_ = action.type if isinstance(action, StartRun) else "Experiment"
        spec = {"type": type_, "hash": action.pod_hash, "step": action.step}
        while name in taken:
            if taken[name]["spec"] == spec and taken[name]["status"]["phase"] not in FINISHED:
                return name
            n += 1
            name = f"{action.name}.{n}"
        self.store.create(kind, {"metadata": {"name": name}, "spec": spec, "status": {"phase": RUNNING}})
        self.timeline.after(self.takes_s, lambda: self._end(kind, name, self.verdicts.get(type_, SUCCESSFUL)))
        return name

    def _end(self, kind: str, name: str, phase: str) -> None:
        found = self.store.get(kind, name)
        if found is not None and found["status"]["phase"] not in FINISHED:
            self.store.patch_status(kind, name, {"phase": phase})

    def told(self, kind: str) -> None:
        """Whoever was told to terminate ends well, a moment later."""
        for name, found in self.store.all(kind).items():
            if found["spec"].get("terminate") and found["status"]["phase"] not in FINISHED:
                self.timeline.after(0.05, lambda name=name: self._end(kind, name, SUCCESSFUL))  # type: ignore[misc]

    def ask(self, action: AskStepPlugin) -> StepAnswer:
        """What a step plugin says."""
        if action.operation is not Operation.RUN:
            self._asked.pop(action.step, None)
            return StepAnswer(SUCCESSFUL)
        self._asked[action.step] = self._asked.get(action.step, 0) + 1
        if self._asked[action.step] <= self.plugin_asks:
            return StepAnswer(RUNNING, retry_after_s=1.0)
        return StepAnswer(self.verdicts.get("Plugin", SUCCESSFUL))


def run_view(manifest: Manifest) -> RunView:
    """A run as a pass sees it."""
    spec = manifest["spec"]
    return RunView(
        **_identity(manifest),
        type=spec["type"],
        pod_hash=spec["hash"],
        step=spec.get("step"),
        phase=manifest["status"]["phase"],
        ending=bool(spec.get("terminate")),
    )


def experiment_view(manifest: Manifest) -> ExperimentView:
    """An Experiment as a pass sees it."""
    spec = manifest["spec"]
    return ExperimentView(
        **_identity(manifest),
        pod_hash=spec["hash"],
        step=spec.get("step"),
        phase=manifest["status"]["phase"],
        ending=bool(spec.get("terminate")),
    )


def _identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    metadata = manifest["metadata"]
    created: datetime = read_time(metadata["creationTimestamp"])
    return {"name": metadata["name"], "uid": metadata["uid"], "created": created}


KINDS_OF_CHECKS = (RUN, EXPERIMENT)
