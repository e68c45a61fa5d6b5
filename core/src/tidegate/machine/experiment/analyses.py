"""The analyses: when each starts, with which arguments, and how its run stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tidegate.api import names
from tidegate.api.analysis import AnalysisTemplateSpec, Argument
from tidegate.api.experiment import ExperimentAnalysis, ExperimentRunStatus
from tidegate.api.steps import AnalysisTemplateRef
from tidegate.api.wire import write_time
from tidegate.machine.actions import Action, Event
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.filling import fill
from tidegate.machine.analysis.phases import COMPLETED, ERROR, PENDING
from tidegate.machine.analysis.starting import Manifest, owner_of, spec_of
from tidegate.machine.analysis.templates import gathered, merged, supplied
from tidegate.machine.checking import EndRun
from tidegate.machine.experiment.acts import StartAnalysis
from tidegate.machine.experiment.case import Case
from tidegate.machine.experiment.manifests import set_name


@dataclass(frozen=True)
class Check:
    """One analysis in its Experiment."""

    case: Case
    analysis: ExperimentAnalysis

    @property
    def stored(self) -> ExperimentRunStatus | None:
        return self.case.run_statuses.get(self.analysis.name) or self._forgotten()

    def _forgotten(self) -> ExperimentRunStatus | None:
        """A live run that a pass has begun which could not note it, where the Experiment ends before the next one adopts it.

        Nobody would follow it or tell it to end.
        """
        if not self.case.ending:
            return None
        for run in self.case.seen.runs.values():
            named, _, attempt = run.name.removeprefix(self._run_name).partition(".")
            mine = run.name.startswith(self._run_name) and not named and (not attempt or attempt.isdecimal())
            if mine and run.phase not in COMPLETED:
                return ExperimentRunStatus(name=self.analysis.name, analysis_run=run.name, phase=PENDING)
        return None

    @property
    def _run_name(self) -> str:
        return f"{self.case.experiment.metadata.name}-{self.analysis.name}"

    @property
    def current(self) -> ExperimentRunStatus | None:
        """How the run stands now; None for one that has not begun. It is followed to its end, told to end or not.

        # differs: the reference stops looking once the run is told to end, and takes an empty phase for a success.
        """
        stored, name = self.stored, self.analysis.name
        if stored is None or stored.phase in COMPLETED:
            return stored or self._unverified()
        if not stored.analysis_run:
            return None
        run = self.case.seen.runs.get(stored.analysis_run)
        if run is None:
            text = f'analysisrun.argoproj.io "{stored.analysis_run}" not found'
            return stored.model_copy(update={"phase": ERROR, "message": text})
        return ExperimentRunStatus(name=name, analysis_run=run.name, phase=run.phase or PENDING, message=run.message)

    def _unverified(self) -> ExperimentRunStatus | None:
        """The error of an analysis whose template is not there, told before any pod is."""
        wide = self.analysis.cluster_scope
        books = self.case.seen.library
        if (
            self.case.ending
            or (books.cluster if wide else books.namespaced).get(self.analysis.template_name) is not None
        ):
            return None
        kind = "ClusterAnalysisTemplate" if wide else "AnalysisTemplate"
        missing = f'{kind.lower()}.argoproj.io "{self.analysis.template_name}" not found'
        return self.failed(f"{kind} verification failed for analysis '{self.analysis.name}': {missing}")

    def failed(self, message: str) -> ExperimentRunStatus:
        """The status of a run that could not be made."""
        return ExperimentRunStatus(name=self.analysis.name, analysis_run="", phase=ERROR, message=message)

    def refused(self, cause: str) -> ExperimentRunStatus:
        return self.failed(f"Failed to create AnalysisRun for analysis '{self.analysis.name}': {cause}")

    @property
    def due(self) -> bool:
        """Whether the run is to be started: every template has been available, and nothing ends."""
        return self.current is None and self.case.status.available_at is not None and not self.case.ending

    def start(self) -> StartAnalysis | ExperimentRunStatus:
        """The run to create, or the error that stands in its way."""
        try:
            made = self._manifest()
        except Unusable as cause:
            return self.refused(str(cause))
        return StartAnalysis(made["metadata"]["name"], self.analysis.name, made, why="every template is available")

    def end(self) -> Iterator[Action]:
        """Tell a run that is under way to end, where the Experiment does."""
        stored = self.stored
        run = self.case.seen.runs.get(stored.analysis_run) if stored is not None else None
        if run is None or run.phase in COMPLETED or run.ending or not self.case.ending:
            return
        event = Event("AnalysisRunTerminating", f"Terminating {self.analysis.name} ({run.name})")
        yield EndRun(run.name, run.uid, why="the experiment ends", events=(event,))

    def _manifest(self) -> Manifest:
        case, metadata = self.case, self.case.experiment.metadata
        ref = AnalysisTemplateRef(template_name=self.analysis.template_name, cluster_scope=self.analysis.cluster_scope)
        spec = case.experiment.spec
        whole = merged(gathered([ref], case.seen.library), spec.dry_run, spec.measurement_retention)
        values = [Argument(name=arg.name, value=self._value(arg)) for arg in self.analysis.args]
        extra = spec.analysis_run_metadata
        instance = {names.INSTANCE_ID: case.seen.instance} if case.seen.instance else {}
        return {
            "apiVersion": names.API_VERSION,
            "kind": "AnalysisRun",
            "metadata": {
                "name": self._run_name,
                "namespace": metadata.namespace,
                "labels": {**instance, **(extra.labels if extra else {})},
                "annotations": dict(extra.annotations) if extra else {},
                "ownerReferences": [owner_of("Experiment", metadata.name, metadata.uid)],
            },
            "spec": _filled_spec(whole, values),
        }

    def _value(self, arg: Argument) -> str | None:
        """An argument's value; where it says another source than a value there is none, as in the reference."""
        return None if arg.value is None else fill(arg.value, tags(self.case).get)


def _filled_spec(whole: AnalysisTemplateSpec, values: list[Argument]) -> Manifest:
    return spec_of(whole.model_copy(update={"args": supplied(whole.args, values)}))


def tags(case: Case) -> Mapping[str, str]:
    """What an analysis' arguments may name: ReplicaSets and their hashes, and the times of the Experiment."""
    found: dict[str, str] = {}
    for template in case.experiment.spec.templates:
        name = set_name(case.experiment, template)
        seen = case.seen.replica_sets.get(name)
        if seen is not None:
            found[f"templates.{template.name}.podTemplateHash"] = seen.pod_hash
            found[f"templates.{template.name}.replicaset.name"] = name
    if case.status.available_at is not None:
        found["experiment.availableAt"] = write_time(case.status.available_at)
    if case.end is not None:
        found["experiment.finishedAt"] = write_time(case.end)
    return found
