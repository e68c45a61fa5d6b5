"""The analysis kinds as they stand on the wire: templates, arguments, metrics, runs."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tidegate.api import names
from tidegate.api.intstr import IntOrString
from tidegate.api.rollout import Metadata
from tidegate.api.steps import AnalysisTemplateRef
from tidegate.api.wire import Time, Wire


class SecretKeyRef(Wire):
    """A key of a Secret in the run's namespace."""

    name: str = ""
    key: str = ""


class FieldRef(Wire):
    """A field of the Rollout that asks for the run."""

    field_path: str = ""


class ArgumentSource(Wire):
    """Where an argument's value comes from: one of the two."""

    secret_key_ref: SecretKeyRef | None = None
    field_ref: FieldRef | None = None


class Argument(Wire):
    """An argument. A `value` of None must be supplied by somebody; an empty text is a value."""

    name: str = ""
    value: str | None = None
    value_from: ArgumentSource | None = None


class RolloutArgumentSource(ArgumentSource):
    """In a Rollout also the pod template hash of the `Stable` or the `Latest` ReplicaSet."""

    pod_template_hash_value: str | None = None


class RolloutArgument(Argument):
    """An argument as a Rollout gives it."""

    value_from: RolloutArgumentSource | None = None


class DryRun(Wire):
    """Metrics, by a regular expression for their names, that do not count."""

    metric_name: str = ""


class MeasurementRetention(Wire):
    """How many measurements of which metrics are kept."""

    metric_name: str = ""
    limit: int = 0


class Metric(Wire):
    """How one metric is measured and judged. `provider` has one key, the meter; its value is that meter's config.

    Counts and limits are int-or-string, since a template may write `{{args.count}}` there.
    """

    name: str = ""
    interval: str = ""
    initial_delay: str = ""
    count: IntOrString | None = None
    success_condition: str = ""
    failure_condition: str = ""
    failure_limit: IntOrString | None = None
    inconclusive_limit: IntOrString | None = None
    consecutive_error_limit: IntOrString | None = None
    consecutive_success_limit: IntOrString | None = None
    provider: dict[str, Any] = Field(default_factory=dict)


class AnalysisTemplateSpec(Wire):
    """What to measure, and which other templates to add."""

    metrics: list[Metric] = Field(default_factory=list)
    args: list[Argument] = Field(default_factory=list)
    dry_run: list[DryRun] = Field(default_factory=list)
    measurement_retention: list[MeasurementRetention] = Field(default_factory=list)
    templates: list[AnalysisTemplateRef] = Field(default_factory=list)


class AnalysisTemplate(Wire):
    """A template for one namespace. It has no status."""

    api_version: str = names.API_VERSION
    kind: str = "AnalysisTemplate"
    metadata: Metadata = Field(default_factory=Metadata)
    spec: AnalysisTemplateSpec = Field(default_factory=AnalysisTemplateSpec)


class ClusterAnalysisTemplate(AnalysisTemplate):
    """A template for every namespace."""

    kind: str = "ClusterAnalysisTemplate"


class TtlStrategy(Wire):
    """Seconds after which a finished run is deleted; None: the first field decides, and without it never."""

    seconds_after_completion: int | None = None
    seconds_after_success: int | None = None
    seconds_after_failure: int | None = None


class AnalysisRunSpec(Wire):
    """What is measured, merged from templates and arguments."""

    metrics: list[Metric] = Field(default_factory=list)
    args: list[Argument] = Field(default_factory=list)
    terminate: bool = False
    dry_run: list[DryRun] = Field(default_factory=list)
    measurement_retention: list[MeasurementRetention] = Field(default_factory=list)
    ttl_strategy: TtlStrategy | None = None


class Measurement(Wire):
    """One measurement; `value` is always text."""

    phase: str = ""
    message: str = ""
    started_at: Time | None = None
    finished_at: Time | None = None
    resume_at: Time | None = None
    value: str = ""
    metadata: dict[str, str] = Field(default_factory=dict)


class MetricResult(Wire):
    """One metric's measurements and counts."""

    name: str = ""
    phase: str = ""
    message: str = ""
    measurements: list[Measurement] = Field(default_factory=list)
    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    consecutive_error: int = 0
    consecutive_success: int = 0
    dry_run: bool = False
    metadata: dict[str, str] = Field(default_factory=dict)


class RunSummary(Wire):
    """Metrics by outcome."""

    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0


class AnalysisRunStatus(Wire):
    """How a run stands; an empty phase is a run that nobody has looked at."""

    phase: str = ""
    message: str = ""
    started_at: Time | None = None
    completed_at: Time | None = None
    metric_results: list[MetricResult] = Field(default_factory=list)
    run_summary: RunSummary = Field(default_factory=RunSummary)
    dry_run_summary: RunSummary | None = None


class AnalysisRun(Wire):
    """A run. The kind has no status subresource: status is patched on the object itself."""

    api_version: str = names.API_VERSION
    kind: str = "AnalysisRun"
    metadata: Metadata = Field(default_factory=Metadata)
    spec: AnalysisRunSpec = Field(default_factory=AnalysisRunSpec)
    status: AnalysisRunStatus = Field(default_factory=AnalysisRunStatus)
