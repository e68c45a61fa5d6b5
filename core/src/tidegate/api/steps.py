"""The steps of a canary, one key each."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tidegate.api import duration
from tidegate.api.wire import Wire


class Pause(Wire):
    """Wait for `duration` (seconds or a Go duration), or without one until somebody resumes."""

    duration: int | str | None = None

    @property
    def seconds(self) -> int | None:
        """Whole seconds; None for an indefinite pause; -1 where the text cannot be read."""
        if self.duration is None:
            return None
        read = duration.seconds(self.duration)
        return -1 if read is None else read


class SetCanaryScale(Wire):
    """Size the canary apart from its weight: exactly one of the three."""

    weight: int | None = None
    replicas: int | None = None
    match_traffic_weight: bool = False


class StringMatch(Wire):
    """How a string is compared."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class HeaderRoutingMatch(Wire):
    """One header and what it must look like."""

    header_name: str = ""
    header_value: StringMatch | None = None


class SetHeaderRoute(Wire):
    """Send requests with certain headers to the canary; without `match` the route is removed."""

    name: str = ""
    match: list[HeaderRoutingMatch] = Field(default_factory=list)


class RouteMatch(Wire):
    """Which requests a mirror route copies."""

    method: StringMatch | None = None
    path: StringMatch | None = None
    headers: dict[str, StringMatch] = Field(default_factory=dict)


class SetMirrorRoute(Wire):
    """Copy requests to the canary; without `match` the route is removed."""

    name: str = ""
    match: list[RouteMatch] = Field(default_factory=list)
    percentage: int | None = None


class AnalysisTemplateRef(Wire):
    """A template by name, in the namespace or cluster-wide."""

    template_name: str = ""
    cluster_scope: bool = False


class RolloutAnalysis(Wire):
    """An analysis as a Rollout asks for it. Arguments and the rest are kept as written."""

    templates: list[AnalysisTemplateRef] = Field(default_factory=list)
    args: list[dict[str, Any]] = Field(default_factory=list)
    dry_run: list[dict[str, Any]] = Field(default_factory=list)
    measurement_retention: list[dict[str, Any]] = Field(default_factory=list)
    analysis_run_metadata: dict[str, Any] | None = None


class BackgroundAnalysis(RolloutAnalysis):
    """An analysis that runs beside the steps, from `startingStep` on."""

    starting_step: int | None = None


class StepPlugin(Wire):
    """A step that a plugin carries out; `config` is free."""

    name: str = ""
    config: Any = None


class Step(Wire):
    """One step; exactly one key is meant to be set, and the order here is the order of evaluation if more are."""

    set_weight: int | None = None
    pause: Pause | None = None
    experiment: dict[str, Any] | None = None
    analysis: RolloutAnalysis | None = None
    set_canary_scale: SetCanaryScale | None = None
    set_header_route: SetHeaderRoute | None = None
    set_mirror_route: SetMirrorRoute | None = None
    plugin: StepPlugin | None = None

    def describe(self) -> str:
        """The step as events and tools print it, e.g. `setWeight: 20`, `pause: 10s`."""
        if self.set_weight is not None:
            return f"setWeight: {self.set_weight}"
        if self.pause is not None:
            return "pause" if self.pause.duration is None else f"pause: {self.pause.duration}"
        if self.set_canary_scale is not None:
            return f"setCanaryScale{self._scale(self.set_canary_scale)}"
        named = {
            "plugin": self.plugin,
            "setHeaderRoute": self.set_header_route,
            "setMirrorRoute": self.set_mirror_route,
        }
        for key, value in named.items():
            if value is not None:
                return f"{key}: {value.name}"
        return "experiment" if self.experiment is not None else "analysis" if self.analysis is not None else "invalid"

    @staticmethod
    def _scale(scale: SetCanaryScale) -> str:
        if scale.weight is not None:
            return f"{{weight: {scale.weight}}}"
        if scale.replicas is not None:
            return f"{{replicas: {scale.replicas}}}"
        return f"{{matchTrafficWeight: {str(scale.match_traffic_weight).lower()}}}"
