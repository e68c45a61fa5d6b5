"""The Experiment kind as it stands on the wire, alone and as a canary step."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tidegate.api import names
from tidegate.api.analysis import Argument, DryRun, MeasurementRetention, RolloutArgument
from tidegate.api.rollout import Metadata, PodTemplateMetadata
from tidegate.api.status import Condition
from tidegate.api.wire import Time, Wire


class ExperimentService(Wire):
    """Asks for a Service; without a name it is named after the ReplicaSet."""

    name: str = ""


class ExperimentTemplate(Wire):
    """One ReplicaSet of an Experiment."""

    name: str = ""
    replicas: int | None = None
    min_ready_seconds: int = 0
    selector: dict[str, Any] | None = None
    template: dict[str, Any] | None = None
    service: ExperimentService | None = None


class ExperimentAnalysis(Wire):
    """An AnalysisRun to start once all templates are available."""

    name: str = ""
    template_name: str = ""
    cluster_scope: bool = False
    args: list[Argument] = Field(default_factory=list)
    required_for_completion: bool = False


class ExperimentSpec(Wire):
    """What runs side by side, and for how long: `duration` is Go's notation, empty is until something ends it."""

    templates: list[ExperimentTemplate] = Field(default_factory=list)
    duration: str = ""
    progress_deadline_seconds: int = names.DEFAULT_PROGRESS_DEADLINE_S
    terminate: bool = False
    analyses: list[ExperimentAnalysis] = Field(default_factory=list)
    scale_down_delay_seconds: int = names.DEFAULT_SCALE_DOWN_DELAY_S
    dry_run: list[DryRun] = Field(default_factory=list)
    measurement_retention: list[MeasurementRetention] = Field(default_factory=list)
    analysis_run_metadata: PodTemplateMetadata | None = None


class TemplateStatus(Wire):
    """How one ReplicaSet of an Experiment stands."""

    name: str = ""
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    collision_count: int | None = None
    status: str = ""
    message: str = ""
    last_transition_time: Time | None = None
    service_name: str = ""
    pod_template_hash: str = ""


class ExperimentRunStatus(Wire):
    """How one analysis of an Experiment stands; `name` is the analysis, `analysis_run` the object."""

    name: str = ""
    analysis_run: str = ""
    phase: str = ""
    message: str = ""


class ExperimentStatus(Wire):
    """How an Experiment stands; an empty phase is one that nobody has looked at."""

    phase: str = ""
    message: str = ""
    available_at: Time | None = None
    template_statuses: list[TemplateStatus] = Field(default_factory=list)
    analysis_runs: list[ExperimentRunStatus] = Field(default_factory=list)
    conditions: list[Condition] = Field(default_factory=list)


class Experiment(Wire):
    """An Experiment. The kind has no status subresource: status is patched on the object itself."""

    api_version: str = names.API_VERSION
    kind: str = "Experiment"
    metadata: Metadata = Field(default_factory=Metadata)
    spec: ExperimentSpec = Field(default_factory=ExperimentSpec)
    status: ExperimentStatus = Field(default_factory=ExperimentStatus)


class StepTemplate(Wire):
    """One ReplicaSet of an experiment step: a copy of the stable or the canary one."""

    name: str = ""
    spec_ref: str = ""
    replicas: int | None = None
    weight: int | None = None
    metadata: PodTemplateMetadata = Field(default_factory=PodTemplateMetadata)
    selector: dict[str, Any] | None = None
    service: ExperimentService | None = None


class StepAnalysis(Wire):
    """An AnalysisRun of an experiment step; its arguments may ask for pod template hashes."""

    name: str = ""
    template_name: str = ""
    cluster_scope: bool = False
    args: list[RolloutArgument] = Field(default_factory=list)
    required_for_completion: bool = False


class ExperimentStep(Wire):
    """The `experiment` of a canary step; `Step.experiment` keeps it as written, this reads it."""

    templates: list[StepTemplate] = Field(default_factory=list)
    duration: str = ""
    analyses: list[StepAnalysis] = Field(default_factory=list)
    scale_down_delay_seconds: int | None = None
    dry_run: list[DryRun] = Field(default_factory=list)
    analysis_run_metadata: PodTemplateMetadata | None = None
