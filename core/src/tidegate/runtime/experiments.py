"""One pass over one Experiment: observe, decide, perform, settle, one patch of its status, then events."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from tidegate.api import names
from tidegate.api.experiment import Experiment, ExperimentStatus
from tidegate.api.steps import AnalysisTemplateRef
from tidegate.errors import NotFound, Pending
from tidegate.machine.actions import Event
from tidegate.machine.analysis.phases import COMPLETED
from tidegate.machine.analysis.templates import Library, reachable
from tidegate.machine.experiment.acts import ExperimentSeen, ServiceSeen
from tidegate.machine.experiment.decide import decide
from tidegate.machine.experiment.manifests import service_name, service_seen, set_name
from tidegate.machine.experiment.serial import wire
from tidegate.machine.experiment.transitions import of_runs
from tidegate.machine.merge import merge_patch
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.plan import Settled, settle
from tidegate.runtime.clock import Clock
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.events import About
from tidegate.runtime.kinds import ANALYSIS_RUNS, ANALYSIS_TEMPLATES, CLUSTER_TEMPLATES, EXPERIMENTS, path_of
from tidegate.runtime.observe import Stores
from tidegate.runtime.projections import ExperimentText
from tidegate.runtime.reconcile import End, Shell
from tidegate.runtime.store import Key
from tidegate.runtime.templates import Templates
from tidegate.runtime.trials import Trial

log = logging.getLogger(__name__)

UNHEARD_S = 0.1  # until a watch has told what another one has told already; they differ by milliseconds


class Experiments:
    """Passes over Experiments. Safe for concurrent calls with different keys; it remembers nothing."""

    noun = "experiment"

    def __init__(self, shell: Shell, stores: Stores, clock: Clock) -> None:
        self._shell, self._stores, self._clock = shell, stores, clock
        self._templates = Templates(stores.templates, stores.cluster_templates, shell.watches)

    def forget(self, key: Key) -> None:
        """The Experiment is gone; its ReplicaSets, Services and runs are the garbage collector's."""

    def judge(self, key: Key) -> End | None:
        """One pass; None where the Experiment does not exist."""
        entry = self._stores.experiments.get(*key)
        return None if entry is None else self._judged(key, entry.value)

    def _judged(self, key: Key, text: ExperimentText) -> End:
        seen = self._observe(text)
        plan = decide(seen)
        log.debug("plan: %s; %s", plan.situation, "; ".join(plan.notes), extra={"experiment": "/".join(key)})
        cluster = PassCluster(self._shell.transport, self._shell.watches, self._shell.own, key)
        trial = Trial(seen.experiment, cluster)
        performed = trial.perform(plan.actions)
        settled = settle(plan, performed.outcomes)
        events = list(performed.events)
        try:
            self._write_status(seen.experiment, settled, cluster)
            events += settled.events
            self._tell_rollout(text, seen.experiment.status, settled)
        finally:
            self._tell(_about(seen.experiment), events)
        if performed.error is not None:
            return End(settled.wake_at, performed.error)
        over = settled.status is not None and settled.status.get("phase") in COMPLETED and settled.wake_at is None
        return End(settled.wake_at, failed=settled.error, resync=not over)

    # --- what is seen ---

    def _observe(self, text: ExperimentText) -> ExperimentSeen:
        """Raises Pending while a store that it depends on is being filled."""
        experiment = text.read()
        metadata, spec = experiment.metadata, experiment.spec
        if spec.analyses:
            self._shell.watches.need(ANALYSIS_RUNS)
        refs = [
            AnalysisTemplateRef(template_name=a.template_name, cluster_scope=a.cluster_scope) for a in spec.analyses
        ]
        return ExperimentSeen(
            now=self._clock.now(),
            experiment=experiment,
            replica_sets=self._replica_sets(experiment),
            services={service.name: service for service in self._services(text, experiment)},
            runs={entry.name: entry.value.view for entry in self._stores.runs.by("owner", metadata.uid)},
            library=self._library(experiment, refs),
            instance=metadata.labels.get(names.INSTANCE_ID, ""),
        )

    def _library(self, experiment: Experiment, refs: list[AnalysisTemplateRef]) -> Library:
        """The templates of its analyses. Raises Pending for one that exists and has not been heard of yet.

        The kinds have watches of their own, and an absence that is believed ends the Experiment for good.
        """
        namespace = experiment.metadata.namespace
        library = self._templates.library(namespace, refs)
        if experiment.status.phase in COMPLETED:
            return library
        for wide, name in sorted(reachable(refs, library)):
            if library.find((wide, name)) is None and self._exists(wide, "" if wide else namespace, name):
                raise Pending(f"template {name} is not in the cache yet", after_s=UNHEARD_S)
        return library

    def _exists(self, wide: bool, namespace: str, name: str) -> bool:
        kind = CLUSTER_TEMPLATES if wide else ANALYSIS_TEMPLATES
        if not self._shell.watches.watched(kind):  # a controller of namespaces knows none of the cluster's
            return False
        try:
            self._shell.transport.request("GET", path_of(kind, namespace, name))
        except NotFound:
            return False
        return True

    def _replica_sets(self, experiment: Experiment) -> Mapping[str, ReplicaSetView]:
        """Those that it owns, and whatever else has a name that it wants."""
        store, metadata = self._stores.replica_sets, experiment.metadata
        wanted = (store.get(metadata.namespace, set_name(experiment, each)) for each in experiment.spec.templates)
        found = [entry for entry in wanted if entry is not None]
        return {entry.name: entry.value for entry in (*store.by("owner", metadata.uid), *found)}

    def _services(self, text: ExperimentText, experiment: Experiment) -> Iterator[ServiceSeen]:
        store, metadata = self._stores.services, experiment.metadata
        for entry in store.by("owner", metadata.uid):
            yield service_seen(entry.value)
        for template in experiment.spec.templates:
            name = service_name(experiment, template)
            found = store.get(metadata.namespace, name) if name else None
            if found is not None and found.value.owner_uid != metadata.uid:
                yield service_seen(found.value, leaving=self._leaves(found.value.owner_uid, text.owner_uid))

    def _leaves(self, owner_uid: str, rollout_uid: str) -> bool:
        """Whether a Service will go: its owner is an Experiment of the same Rollout that is over."""
        owners = self._stores.experiments.by("uid", owner_uid) if owner_uid else []
        mine = (each.value for each in owners if each.value.owner_uid == rollout_uid and rollout_uid)
        return any(each.view.phase in COMPLETED for each in mine)

    # --- what is said ---

    def _write_status(self, experiment: Experiment, settled: Settled, cluster: PassCluster) -> None:
        """Patch the object itself: the kind has no status subresource. Raises Conflict where a client came between."""
        if settled.status is None:
            return
        patch = merge_patch(wire(experiment.status), settled.status)
        if patch:
            metadata = experiment.metadata
            place = (metadata.namespace, metadata.name)
            cluster.patch(EXPERIMENTS, *place, {"status": patch}, metadata.resource_version)

    def _tell_rollout(self, text: ExperimentText, before: ExperimentStatus, settled: Settled) -> None:
        """What is said about the runs is said about the Rollout too, so that its notifications tell it."""
        if settled.status is None:
            return
        events = list(of_runs(before, ExperimentStatus.read(settled.status)))
        for owner in self._stores.rollouts.by("uid", text.owner_uid) if text.owner_uid and events else []:
            place = (owner.namespace, owner.name, owner.uid, owner.resource_version)
            self._tell(About(names.API_VERSION, names.ROLLOUT, *place), events)

    def _tell(self, about: About, events: list[Event]) -> None:
        for event in events:
            self._shell.recorder.record(about, event)


def _about(experiment: Experiment) -> About:
    metadata = experiment.metadata
    place = (metadata.namespace, metadata.name, metadata.uid, metadata.resource_version)
    return About(names.API_VERSION, names.EXPERIMENT, *place)
