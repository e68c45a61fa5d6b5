"""How actions on a Rollout's AnalysisRuns and Experiments are carried out: made or adopted, told to end, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api.analysis import AnalysisRun
from tidegate.api.experiment import Experiment
from tidegate.errors import AlreadyExists, Conflict, NotFound, PluginError, Rejected, SpecError
from tidegate.hooks.references import Kind
from tidegate.machine.actions import Action
from tidegate.machine.analysis import starting as runs
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.templates import Library
from tidegate.machine.checking import DeleteExperiment, DeleteRun, EndExperiment, EndRun, StartExperiment, StartRun
from tidegate.machine.experiment import starting as experiments
from tidegate.machine.plan import Outcome
from tidegate.machine.projections import controller_uid
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.kinds import ANALYSIS_RUNS, EXPERIMENTS, REPLICA_SETS
from tidegate.runtime.observe import Sight

Manifest = dict[str, Any]
# Names tried for one run. A revision has as many finished namesakes as the history keeps and as many as were deleted
# meanwhile leave free again, so this many in a row are a loop of somebody's.
MOST_NAMESAKES = 1000


@dataclass(frozen=True, slots=True)
class Offspring:
    """What is made under a name that may be taken: of which kind, and whether an object of that name is the one wanted.

    `separator` stands between the name and the number of a further attempt.
    """

    kind: Kind
    manifest: Manifest
    fits: Callable[[Mapping[str, Any]], bool]
    separator: str

    def named(self, attempt: int) -> Manifest:
        """The manifest under the name of an attempt, counted from 0."""
        metadata = self.manifest["metadata"]
        name = runs.next_name(metadata["name"], attempt, self.separator)
        return {**self.manifest, "metadata": {**metadata, "name": name}}


def run_offspring(manifest: Manifest, owner_uid: str) -> Offspring:
    """An AnalysisRun for the owner that has this uid."""
    wanted = AnalysisRun.read(manifest)

    def fits(found: Mapping[str, Any]) -> bool:
        return runs.adopts(AnalysisRun.read(dict(found)), wanted, controller_uid(found), owner_uid)

    return Offspring(ANALYSIS_RUNS, manifest, fits, ".")


def experiment_offspring(manifest: Manifest, owner_uid: str) -> Offspring:
    """An Experiment for the Rollout that has this uid."""
    wanted = Experiment.read(manifest)

    def fits(found: Mapping[str, Any]) -> bool:
        return experiments.adopts(Experiment.read(dict(found)), wanted, controller_uid(found), owner_uid)

    return Offspring(EXPERIMENTS, manifest, fits, "-")


def begin(action: Action, offspring: Offspring, cluster: PassCluster) -> Outcome:
    """Make it under the first name that is free, or adopt the first that will do; the outcome names it."""
    namespace = offspring.manifest["metadata"]["namespace"]
    for attempt in range(MOST_NAMESAKES):
        manifest = offspring.named(attempt)
        name = manifest["metadata"]["name"]
        try:
            cluster.create(offspring.kind, namespace, manifest)
        except AlreadyExists as error:
            found = cluster.read_live(offspring.kind, namespace, name)
            if found is None:  # gone between the two requests
                raise Conflict(str(error), code=409, reason="Conflict") from error
            if not offspring.fits(found):
                continue
            cluster.expect(offspring.kind, namespace, found)
            return Outcome(action, name=name)
        return Outcome(action, wrote=True, name=name)
    base = offspring.manifest["metadata"]["name"]
    raise PluginError(
        f"{offspring.kind.resource} {namespace}/{base}: {MOST_NAMESAKES} names are taken; delete old ones"
    )


def terminate(action: Action, kind: Kind, place: tuple[str, str, str], cluster: PassCluster) -> Outcome:
    """Tell the object at `place` (namespace, name, uid) to end; one that is gone has."""
    namespace, name, uid = place
    patch: Manifest = {"metadata": {"uid": uid}, "spec": {"terminate": True}}
    try:
        cluster.patch(kind, namespace, name, patch, "")
    except (NotFound, Conflict, Rejected) as error:
        found = None if isinstance(error, NotFound) else cluster.read_live(kind, namespace, name)
        if found is not None and found["metadata"].get("uid") == uid:
            raise
        return Outcome(action, message=f"{kind.resource} {name} is gone")
    return Outcome(action, wrote=True)


def remove(action: Action, kind: Kind, place: tuple[str, str, str], cluster: PassCluster) -> Outcome:
    """Delete the object at `place` (namespace, name, uid); a namesake is left alone."""
    try:
        cluster.delete(kind, *place)
    except (NotFound, Conflict):
        return Outcome(action)
    return Outcome(action, wrote=True)


class Checks:
    """The writes of one pass over a Rollout. `still_there` raises where the Rollout itself is gone."""

    def __init__(self, sight: Sight, cluster: PassCluster, still_there: Callable[[], None]) -> None:
        self._sight, self._cluster, self._still_there = sight, cluster, still_there

    def perform(self, action: Action) -> Outcome | None:
        """Carry it out; None for an action that is about something else."""
        namespace = self._sight.rollout.metadata.namespace
        match action:
            case StartRun():
                return self._start_run(action)
            case EndRun(name=name, uid=uid):
                return terminate(action, ANALYSIS_RUNS, (namespace, name, uid), self._cluster)
            case DeleteRun(name=name, uid=uid):
                return remove(action, ANALYSIS_RUNS, (namespace, name, uid), self._cluster)
            case StartExperiment():
                return self._start_experiment(action)
            case EndExperiment(name=name, uid=uid):
                return terminate(action, EXPERIMENTS, (namespace, name, uid), self._cluster)
            case DeleteExperiment(name=name, uid=uid):
                return remove(action, EXPERIMENTS, (namespace, name, uid), self._cluster)
            case _:
                return None

    def _start_run(self, action: StartRun) -> Outcome:
        rollout = self._sight.rollout
        library = self._sight.observed.library or Library()
        around = runs.Surroundings(rollout, library, rollout.status.stable_rs)
        try:
            manifest = runs.run_for(action, around)
        except Unusable as fault:
            raise SpecError(
                "spec.strategy", f"the {action.type} analysis cannot be started: {fault}", value=""
            ) from fault
        self._still_there()
        return begin(action, run_offspring(manifest, rollout.metadata.uid), self._cluster)

    def _start_experiment(self, action: StartExperiment) -> Outcome:
        rollout = self._sight.rollout
        revisions = experiments.Revisions(rollout, self._set(action.stable_hash), self._set(action.pod_hash))
        try:
            manifest = experiments.experiment_for(action, revisions)
        except Unusable as fault:
            path = f"spec.strategy.canary.steps[{action.step}].experiment"
            raise SpecError(
                path, f"the experiment cannot be started: {fault}", value=json.dumps(action.name)
            ) from fault
        self._still_there()
        return begin(action, experiment_offspring(manifest, rollout.metadata.uid), self._cluster)

    def _set(self, pod_hash: str) -> Mapping[str, Any]:
        """The ReplicaSet of a revision as it is in the cluster: only there is its whole template. Raises NotFound."""
        metadata = self._sight.rollout.metadata
        views = self._sight.observed.replica_sets
        view = next((v for v in views if v.pod_hash == pod_hash and v.owner_uid == metadata.uid), None)
        found = self._cluster.read_live(REPLICA_SETS, metadata.namespace, view.name) if view is not None else None
        if found is None:
            raise NotFound(f"replicaset of {metadata.namespace}/{metadata.name} with hash {pod_hash} is gone", code=404)
        return found
