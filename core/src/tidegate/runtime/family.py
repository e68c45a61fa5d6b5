"""What a Rollout has beside its ReplicaSets: its AnalysisRuns, its Experiments, and the templates that it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from tidegate.api.experiment import ExperimentStep
from tidegate.api.rollout import Canary, Rollout
from tidegate.machine.analysis.templates import Library
from tidegate.machine.experiment.starting import destinations
from tidegate.machine.observed import Door, ExperimentView, RunView
from tidegate.machine.rollout.validation.templates import analyses_of
from tidegate.runtime.kinds import ANALYSIS_RUNS, EXPERIMENTS
from tidegate.runtime.projections import ExperimentText, RunText
from tidegate.runtime.store import Store
from tidegate.runtime.templates import Templates
from tidegate.runtime.watches import Watches


@dataclass(frozen=True, slots=True)
class Seen:
    """What of `Observed` is about checks."""

    doors: frozenset[Door]
    runs: tuple[RunView, ...]
    experiments: tuple[ExperimentView, ...]
    library: Library | None


class Family:
    """Looks at the runs and Experiments of one Rollout in the stores."""

    def __init__(
        self, runs: Store[RunText], experiments: Store[ExperimentText], templates: Templates, watches: Watches
    ) -> None:
        self._runs, self._experiments, self._templates, self._watches = runs, experiments, templates, watches

    def of(self, rollout: Rollout) -> Seen:
        """The family of a Rollout. Raises Pending while a store that it depends on is being filled.

        A Rollout without analyses waits for none of these stores: a controller may lack the rights to them.
        """
        strategy = rollout.spec.strategy
        analyses = [analysis for _, analysis, _ in analyses_of(strategy)]
        trying = any(step.experiment is not None for step in (strategy.canary or Canary()).steps)
        if analyses:
            self._watches.need(ANALYSIS_RUNS)
        if trying:
            self._watches.need(EXPERIMENTS)
        refs = [ref for analysis in analyses for ref in analysis.templates]
        return Seen(
            doors=frozenset(self._doors()),
            runs=tuple(entry.value.view for entry in self._runs.by("owner", rollout.metadata.uid)),
            experiments=tuple(self._tried(rollout)),
            library=self._templates.library(rollout.metadata.namespace, refs) if refs else None,
        )

    def _doors(self) -> Iterator[Door]:
        if not self._watches.absent(ANALYSIS_RUNS):
            yield Door.ANALYSIS
        if not self._watches.absent(EXPERIMENTS):
            yield Door.EXPERIMENT

    def _tried(self, rollout: Rollout) -> Iterator[ExperimentView]:
        steps = (rollout.spec.strategy.canary or Canary()).steps
        for entry in self._experiments.by("owner", rollout.metadata.uid):
            view, index = entry.value.view, entry.value.view.step
            step = steps[index].experiment if index is not None and index < len(steps) else None
            if step is None:
                yield view
                continue
            try:
                weighted = destinations(ExperimentStep.read(step), entry.value.read().status)
            except ValidationError:  # the step is refused by validation, the status is some client's garble
                weighted = ()
            yield replace(view, destinations=weighted)
