"""The Rollout kind as it stands on the wire: metadata, spec and the object as a whole."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from tidegate.api import names
from tidegate.api.intstr import IntOrString
from tidegate.api.status import RolloutStatus
from tidegate.api.steps import BackgroundAnalysis, RolloutAnalysis, Step
from tidegate.api.wire import Time, Wire, whole_number


class Metadata(Wire):
    """What the rules read of an object's metadata."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None


class WorkloadRef(Wire):
    """A workload to borrow template and selector from."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    scale_down: str = "never"


class PodTemplateMetadata(Wire):
    """Labels and annotations put on pods for a while."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class AntiAffinity(Wire):
    """Keep the pods of two revisions apart; exactly one of the two."""

    required_during_scheduling_ignored_during_execution: dict[str, Any] | None = None
    preferred_during_scheduling_ignored_during_execution: dict[str, Any] | None = None


class PingPong(Wire):
    """Two Services that take turns at being the stable one."""

    ping_service: str = ""
    pong_service: str = ""


class ManagedRoute(Wire):
    """The name of a route that the controller may insert and remove."""

    name: str = ""


class TrafficRouting(Wire):
    """How traffic is shaped. Every key that is not a field here names a router; its value is that router's config."""

    managed_routes: list[ManagedRoute] | None = None
    max_traffic_weight: int | None = None
    plugins: dict[str, Any] = Field(default_factory=dict)

    @property
    def routers(self) -> dict[str, Any]:
        """Router configs by key: the top-level keys as written, then those under `plugins` sorted by name."""
        extra = self.__pydantic_extra__ or {}
        return {**extra, **{key: self.plugins[key] for key in sorted(self.plugins)}}

    def path(self, router: str) -> str:
        """The field of a router's config in the Rollout."""
        base = "spec.strategy.canary.trafficRouting"
        return f"{base}.plugins[{router}]" if router in self.plugins else f"{base}.{router}"


class ReplicaProgressThreshold(Wire):
    """How many pods are enough to go on."""

    type: str = ""
    value: int = -1


class Canary(Wire):
    """The canary strategy."""

    canary_service: str = ""
    stable_service: str = ""
    steps: list[Step] = Field(default_factory=list)
    traffic_routing: TrafficRouting | None = None
    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    analysis: BackgroundAnalysis | None = None
    anti_affinity: AntiAffinity | None = None
    canary_metadata: PodTemplateMetadata | None = None
    stable_metadata: PodTemplateMetadata | None = None
    scale_down_delay_seconds: int | None = None
    scale_down_delay_revision_limit: int | None = None
    abort_scale_down_delay_seconds: int | None = None
    dynamic_stable_scale: bool = False
    ping_pong: PingPong | None = None
    min_pods_per_replica_set: int | None = None
    replica_progress_threshold: ReplicaProgressThreshold | None = None

    @property
    def surge(self) -> IntOrString:
        """maxSurge, 25 % if absent."""
        return names.DEFAULT_SURGE if self.max_surge is None else self.max_surge

    @property
    def unavailable(self) -> IntOrString:
        """maxUnavailable, 25 % if absent."""
        return names.DEFAULT_SURGE if self.max_unavailable is None else self.max_unavailable


class BlueGreen(Wire):
    """The blue-green strategy."""

    active_service: str = ""
    preview_service: str = ""
    preview_replica_count: int | None = None
    auto_promotion_enabled: bool = True
    auto_promotion_seconds: int = 0
    max_unavailable: IntOrString | None = None
    scale_down_delay_seconds: int | None = None
    scale_down_delay_revision_limit: int | None = None
    abort_scale_down_delay_seconds: int | None = None
    pre_promotion_analysis: RolloutAnalysis | None = None
    post_promotion_analysis: RolloutAnalysis | None = None
    anti_affinity: AntiAffinity | None = None
    preview_metadata: PodTemplateMetadata | None = None
    active_metadata: PodTemplateMetadata | None = None


class Strategy(Wire):
    """Exactly one of the two."""

    canary: Canary | None = None
    blue_green: BlueGreen | None = None


class AnalysisRunStrategy(Wire):
    """How many finished runs are kept."""

    successful_run_history_limit: int = 5
    unsuccessful_run_history_limit: int = 5


class RollbackWindow(Wire):
    """How many revisions back a return skips the steps; 0 or less is off."""

    revisions: int = 0


class RolloutSpec(Wire):
    """What the user wants. Absent values read as the API's defaults."""

    replicas: int | None = None
    selector: dict[str, Any] | None = None
    template: dict[str, Any] | None = None
    workload_ref: WorkloadRef | None = None
    min_ready_seconds: int = 0
    strategy: Strategy = Field(default_factory=Strategy)
    revision_history_limit: int = names.DEFAULT_REVISION_HISTORY_LIMIT
    paused: bool = False
    progress_deadline_seconds: int = names.DEFAULT_PROGRESS_DEADLINE_S
    progress_deadline_abort: bool = False
    restart_at: Time | None = None
    analysis: AnalysisRunStrategy = Field(default_factory=AnalysisRunStrategy)
    rollback_window: RollbackWindow | None = None


class Rollout(Wire):
    """A Rollout. `wire()` gives back every field that was read, known or not."""

    api_version: str = names.API_VERSION
    kind: str = names.ROLLOUT
    metadata: Metadata = Field(default_factory=Metadata)
    spec: RolloutSpec = Field(default_factory=RolloutSpec)
    status: RolloutStatus = Field(default_factory=RolloutStatus)

    @field_validator("status", mode="before")
    @classmethod
    def _missing_status_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    @property
    def replicas(self) -> int:
        """R: the wanted size, 1 if absent."""
        return names.DEFAULT_REPLICAS if self.spec.replicas is None else self.spec.replicas

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return self.metadata.namespace, self.metadata.name

    @property
    def revision(self) -> int:
        """The revision annotation, 0 where there is none or it is not a number."""
        return whole_number(self.metadata.annotations.get(names.REVISION, ""))
