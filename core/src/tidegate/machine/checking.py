"""What a pass may ask of AnalysisRuns, Experiments and step plugins: the doors that are opened by those who carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tidegate.api.steps import RolloutAnalysis
from tidegate.machine.actions import Action, Claim


@dataclass(frozen=True, slots=True)
class StartRun(Action):
    """Create an AnalysisRun called `name`, or adopt or rename as the name being taken demands; the outcome names it.

    `type` is the label rollout-type (Step, Background, PrePromotion, PostPromotion), `step` the label step-index.
    """

    name: str
    type: str
    analysis: RolloutAnalysis
    pod_hash: str
    revision: int
    step: int | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"analysisrun/{self.type}", "*"),)


@dataclass(frozen=True, slots=True)
class EndRun(Action):
    """Tell an AnalysisRun to terminate."""

    name: str
    uid: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"analysisrun/{self.name}", "spec.terminate"),)


@dataclass(frozen=True, slots=True)
class DeleteRun(Action):
    """Delete a finished AnalysisRun."""

    name: str
    uid: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"analysisrun/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class StartExperiment(Action):
    """Create the Experiment of step `step`; the outcome names it."""

    name: str
    step: int
    experiment: Mapping[str, Any]
    pod_hash: str
    stable_hash: str
    revision: int

    @property
    def claims(self) -> tuple[Claim, ...]:
        return (("experiment", "*"),)


@dataclass(frozen=True, slots=True)
class EndExperiment(Action):
    """Tell an Experiment to terminate."""

    name: str
    uid: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"experiment/{self.name}", "spec.terminate"),)


@dataclass(frozen=True, slots=True)
class DeleteExperiment(Action):
    """Delete a finished Experiment."""

    name: str
    uid: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"experiment/{self.name}", "*"),)


class Operation(StrEnum):
    """What a step plugin is asked for."""

    RUN = "Run"
    TERMINATE = "Terminate"
    ABORT = "Abort"


@dataclass(frozen=True, slots=True)
class AskStepPlugin(Action):
    """Let a step plugin work at step `step`; `status` is what it said last. Its answer is in the outcome."""

    name: str
    step: int
    operation: Operation
    config: Any = None
    status: Mapping[str, Any] = field(default_factory=dict)

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"step plugin/{self.step}", "*"),)


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """What a step plugin said: its phase (Running, Successful, Failed, Error), free status, and when to ask again."""

    phase: str
    message: str = ""
    status: Any = None
    retry_after_s: float = 0.0
