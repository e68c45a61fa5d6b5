"""How the actions of an Experiment are carried out: ReplicaSets, Services and AnalysisRuns."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tidegate.api.experiment import Experiment
from tidegate.errors import AlreadyExists, Conflict, Forbidden, Pending, PluginError, Rejected, Retry, TidegateError
from tidegate.hooks.references import Kind
from tidegate.machine.actions import Action, CreateReplicaSet, Event, PatchReplicaSet
from tidegate.machine.checking import EndRun
from tidegate.machine.experiment.acts import CreateService, DeleteService, Refused, StartAnalysis
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.projections import controller_uid
from tidegate.runtime.checks import begin, remove, run_offspring, terminate
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.kinds import ANALYSIS_RUNS, EXPERIMENTS, REPLICA_SETS, SERVICES

log = logging.getLogger(__name__)

Manifest = dict[str, Any]
GONE_S = 0.1  # until the Experiment's own watch has told of its end


@dataclass(slots=True)
class Tried:
    """What became of the actions: outcomes of those that were tried, the events that they have earned, and the error that
    ended the pass, None where all had an answer."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    error: TidegateError | None = None


class Trial:
    """The writes of one pass over an Experiment. Made anew for each pass."""

    def __init__(self, experiment: Experiment, cluster: PassCluster) -> None:
        self._experiment, self._cluster = experiment, cluster

    def perform(self, actions: Iterable[Action]) -> Tried:
        """Every action in order; a name that is taken and a refusal are answers, any other failure ends it."""
        tried = Tried()
        for action in actions:
            try:
                outcome = self._do(action)
            except TidegateError as error:
                result = Result.PENDING if isinstance(error, Pending | Retry) else Result.FAILED
                tried.outcomes.append(Outcome(action, result, message=str(error)))
                tried.error = error
                break
            self._log(outcome)
            tried.outcomes.append(outcome)
            if outcome.result is Result.DONE:
                tried.events.extend(action.events)
        return tried

    def _do(self, action: Action) -> Outcome:
        namespace = self._experiment.metadata.namespace
        match action:
            case CreateReplicaSet(name=name, manifest=manifest):
                return self._create(action, REPLICA_SETS, name, dict(manifest))
            case CreateService(name=name, manifest=manifest):
                return self._create(action, SERVICES, name, dict(manifest))
            case StartAnalysis():
                return self._start(action)
            case PatchReplicaSet():
                return self._resize(action)
            case DeleteService(name=name, uid=uid):
                return remove(action, SERVICES, (namespace, name, uid), self._cluster)
            case EndRun(name=name, uid=uid):
                return terminate(action, ANALYSIS_RUNS, (namespace, name, uid), self._cluster)
            case _:
                raise PluginError(f"no way to perform {type(action).__name__} for an Experiment")

    def _create(self, action: Action, kind: Kind, name: str, manifest: Manifest) -> Outcome:
        metadata = self._experiment.metadata
        self._still_there()
        try:
            self._cluster.create(kind, metadata.namespace, manifest)
        except AlreadyExists as error:
            found = self._cluster.read_live(kind, metadata.namespace, name)
            if found is None:  # gone between the two requests
                raise Conflict(str(error), code=409, reason="Conflict") from error
            if controller_uid(found) != metadata.uid:
                return Outcome(action, Result.COLLIDED, message=str(error))
            self._cluster.expect(kind, metadata.namespace, found)
            return Outcome(action)
        except (Rejected, Forbidden) as error:
            return Refused(action, Result.FAILED, message=str(error))
        return Outcome(action, wrote=True)

    def _start(self, action: StartAnalysis) -> Outcome:
        self._still_there()
        try:
            offspring = run_offspring(dict(action.manifest), self._experiment.metadata.uid)
            return begin(action, offspring, self._cluster)
        except (Rejected, Forbidden) as error:
            return Refused(action, Result.FAILED, message=str(error))

    def _resize(self, action: PatchReplicaSet) -> Outcome:
        metadata: Manifest = {"resourceVersion": action.resource_version, "uid": action.uid}
        if action.annotations:
            metadata["annotations"] = dict(action.annotations)
        patch: Manifest = {"metadata": metadata}
        if action.replicas is not None:
            patch["spec"] = {"replicas": action.replicas}
        self._cluster.patch(REPLICA_SETS, self._experiment.metadata.namespace, action.name, patch, "")
        return Outcome(action, wrote=True)

    def _still_there(self) -> None:
        """Raises Pending where the Experiment itself is gone: what is made for it then is nobody's."""
        metadata = self._experiment.metadata
        live = self._cluster.read_live(EXPERIMENTS, metadata.namespace, metadata.name)
        if live is None or live["metadata"]["uid"] != metadata.uid or "deletionTimestamp" in live["metadata"]:
            raise Pending(f"experiment {metadata.namespace}/{metadata.name} is gone, or being deleted", after_s=GONE_S)

    def _log(self, outcome: Outcome) -> None:
        fields = {
            "experiment": f"{self._experiment.metadata.namespace}/{self._experiment.metadata.name}",
            "action": f"{type(outcome.action).__name__} {getattr(outcome.action, 'name', '')}".rstrip(),
            "result": outcome.result.value,
        }
        level = logging.INFO if outcome.wrote or outcome.message else logging.DEBUG
        log.log(level, outcome.message or outcome.action.why, extra=fields)
