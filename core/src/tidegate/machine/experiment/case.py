"""An observation of an Experiment with its questions answered once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tidegate.api import duration
from tidegate.api.experiment import (
    Experiment,
    ExperimentAnalysis,
    ExperimentRunStatus,
    ExperimentStatus,
    TemplateStatus,
)
from tidegate.machine.analysis.phases import BAD, COMPLETED, SUCCESSFUL
from tidegate.machine.experiment.acts import ExperimentSeen
from tidegate.machine.moments import later

ENDED_TEMPLATE = frozenset({"Successful", "Failed", "Error"})


@dataclass(frozen=True)
class Case:
    """What the rules ask again and again. Everything here is of the stored status: a pass acts on what was told before."""

    seen: ExperimentSeen

    @property
    def now(self) -> datetime:
        return self.seen.now

    @property
    def experiment(self) -> Experiment:
        return self.seen.experiment

    @property
    def status(self) -> ExperimentStatus:
        return self.seen.experiment.status

    @property
    def over(self) -> bool:
        """Whether the phase is final."""
        return self.status.phase in COMPLETED

    @cached_property
    def template_statuses(self) -> dict[str, TemplateStatus]:
        """Stored statuses by template; of several entries for one template the first counts."""
        return {status.name: status for status in reversed(self.status.template_statuses)}

    @cached_property
    def run_statuses(self) -> dict[str, ExperimentRunStatus]:
        """Stored statuses by analysis."""
        return {status.name: status for status in self.status.analysis_runs}

    @cached_property
    def ending(self) -> bool:
        """Whether pods go and no run is started any more."""
        if self.experiment.spec.terminate or self.over:
            return True
        if any(status.status in ("Failed", "Error") for status in self.template_statuses.values()):
            return True
        return any(status.phase in BAD for status in self.run_statuses.values()) or self.required_passed(
            self.run_statuses
        )

    @property
    def required(self) -> list[ExperimentAnalysis]:
        """The analyses that the Experiment waits for."""
        return [analysis for analysis in self.experiment.spec.analyses if analysis.required_for_completion]

    def required_passed(self, statuses: dict[str, ExperimentRunStatus]) -> bool:
        """Whether there are required analyses and every one has succeeded."""
        needed = [statuses.get(analysis.name) for analysis in self.required]
        return bool(needed) and all(status is not None and status.phase == SUCCESSFUL for status in needed)

    @property
    def end(self) -> datetime | None:
        """When the duration is over; None without one, or while not every template has been available."""
        length = duration.go_seconds(self.experiment.spec.duration) if self.experiment.spec.duration else None
        if length is None or self.status.available_at is None:
            return None
        return later(self.status.available_at, float(length))
