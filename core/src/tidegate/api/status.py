"""The status of a Rollout: every field that clients read, absent when zero."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tidegate.api.wire import Time, Wire


class Condition(Wire):
    """One condition; the order of the list is part of the contract."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_update_time: Time | None = None
    last_transition_time: Time | None = None


class PauseCondition(Wire):
    """Why the controller waits, and since when."""

    reason: str
    start_time: Time


class WeightDestination(Wire):
    """A share of the traffic and who gets it."""

    weight: int = 0
    service_name: str = ""
    pod_template_hash: str = ""


class TrafficWeights(Wire):
    """What every router has accepted, and whether it was read back (None: not applicable)."""

    canary: WeightDestination = Field(default_factory=WeightDestination)
    stable: WeightDestination = Field(default_factory=WeightDestination)
    additional: list[WeightDestination] = Field(default_factory=list)
    verified: bool | None = None


class RunStatus(Wire):
    """A reference to an AnalysisRun and how it stands."""

    name: str = ""
    status: str = ""
    message: str = ""


class CanaryStatus(Wire):
    """What belongs to the canary strategy."""

    weights: TrafficWeights | None = None
    stable_ping_pong: str = ""
    current_experiment: str = ""
    current_step_analysis_run_status: RunStatus | None = None
    current_background_analysis_run_status: RunStatus | None = None
    step_plugin_statuses: list[dict[str, Any]] = Field(default_factory=list)


class BlueGreenStatus(Wire):
    """What belongs to the blue-green strategy."""

    active_selector: str = ""
    preview_selector: str = ""
    scale_up_preview_check_point: bool = False
    pre_promotion_analysis_run_status: RunStatus | None = None
    post_promotion_analysis_run_status: RunStatus | None = None


class Duration(Wire):
    """How long an update took, pauses by people apart."""

    rollout_started_at: Time | None = None
    manual_pause_started_at: Time | None = None
    total_manual_pause_duration_seconds: int = 0
    finished_at: Time | None = None
    completion_status: str = ""


class RolloutStatus(Wire):
    """What the controller and clients tell one another. Fields that only a router knows are kept as extras."""

    observed_generation: str = ""
    workload_observed_generation: str = ""
    phase: str = ""
    message: str = ""
    conditions: list[Condition] = Field(default_factory=list)
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    hpa_replicas: int = Field(default=0, alias="HPAReplicas")
    selector: str = ""
    current_pod_hash: str = ""
    stable_rs: str = Field(default="", alias="stableRS")
    current_step_index: int | None = None
    current_step_hash: str = ""
    collision_count: int | None = None
    abort: bool = False
    aborted_at: Time | None = None
    pause_conditions: list[PauseCondition] = Field(default_factory=list)
    controller_pause: bool = False
    promote_full: bool = False
    restarted_at: Time | None = None
    canary: CanaryStatus = Field(default_factory=CanaryStatus)
    blue_green: BlueGreenStatus = Field(default_factory=BlueGreenStatus)
    duration: Duration | None = None

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type, or None."""
        return next((c for c in self.conditions if c.type == type_), None)
