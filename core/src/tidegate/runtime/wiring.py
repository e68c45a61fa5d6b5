"""Which change wakes which Rollout. Nothing here asks the network: it runs in the watch threads."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from tidegate.api import names
from tidegate.errors import Pending
from tidegate.hooks.references import Kind
from tidegate.machine.actions import Event
from tidegate.machine.observed import ReplicaSetView, ServiceView, WorkloadView
from tidegate.machine.selectors import selects
from tidegate.runtime.departures import Departures
from tidegate.runtime.events import About
from tidegate.runtime.kinds import ANALYSIS_RUNS, PODS, REPLICA_SETS, ROLLOUTS, SERVICES
from tidegate.runtime.observe import Stores
from tidegate.runtime.projections import PodSeen, RolloutText, RunText
from tidegate.runtime.queue import Queue
from tidegate.runtime.reconcile import Shell
from tidegate.runtime.references import References
from tidegate.runtime.store import Change, Entry, Key

log = logging.getLogger(__name__)

Manifest = dict[str, Any]


class Wiring:
    """Listens to every store and fills the two queues: Rollouts to be reconciled, Services to be looked at."""

    def __init__(
        self,
        shell: Shell,
        stores: Stores,
        references: References,
        departures: Departures,
        queues: tuple[Queue[Key], Queue[Key]],
    ) -> None:
        self._stores, self._shell, self._references, self._departures = stores, shell, references, departures
        self._rollouts, self._services = queues

    def rollout_changed(self, change: Change[RolloutText]) -> None:
        """The Rollout itself."""
        entry = change.entry
        key = (entry.namespace, entry.name)
        if change.new is None:
            self._references.forget(key)
            self._departures.left(entry)
            self._tell(entry, Event("RolloutDeleted", f"Rollout {entry.name}/{entry.namespace} is deleted."))
            self._shell.metrics.forget(*key)
        else:
            self._learn(change.new)
            if change.old is None:
                text = f"Rollout resource added to informer: {entry.namespace}/{entry.name}"
                self._tell(entry, Event("RolloutAddedToInformer", text))
        self._wake(key, ROLLOUTS, change)

    def replica_set_changed(self, change: Change[ReplicaSetView]) -> None:
        """Its owner, the one before, or for an orphan every Rollout that would adopt it."""
        keys: set[Key] = set()
        for entry in (change.old, change.new):
            if entry is None:
                continue
            if entry.value.owner_uid:
                keys |= self._rollouts_with(entry.value.owner_uid)
            else:
                near = self._references.in_namespace(entry.namespace)
                keys |= {known.key for known in near if selects(self._stores.selector(known), entry.value.labels)}
        for key in keys:
            self._wake(key, REPLICA_SETS, change)

    def pod_changed(self, change: Change[PodSeen]) -> None:
        """The Rollout of the pod's ReplicaSet, if it needs its pods and something that it looks at has changed."""
        if change.old is not None and change.new is not None and change.old.value == change.new.value:
            return
        keys: set[Key] = set()
        for entry in (change.old, change.new):
            if entry is not None and entry.value.view.owner_uid:
                for owner in self._stores.replica_sets.by("uid", entry.value.view.owner_uid):
                    keys |= self._rollouts_with(owner.value.owner_uid)
        for key in keys:
            if self._references.needs_pods(key):
                self._wake(key, PODS, change)

    def workload_changed(self, kind: Kind, change: Change[WorkloadView]) -> None:
        """Whoever borrows from it, unless only its status has changed."""
        if change.old is not None and change.new is not None and change.old.value == change.new.value:
            return
        for key in self._references.users(kind, change.entry.namespace, change.entry.name):
            self._wake(key, kind, change)

    def service_changed(self, change: Change[ServiceView]) -> None:
        """Whoever names it, whatever it selects and even if it was deleted; a manager that does not is questioned."""
        entry = change.entry
        users = self._references.users(SERVICES, entry.namespace, entry.name)
        for key in users:
            self._wake(key, SERVICES, change)
        manager = entry.value.managed_by
        if change.new is not None and manager and (entry.namespace, manager) not in users:
            self._services.add((entry.namespace, entry.name))

    def routed_changed(self, kind: Kind, change: Change[Manifest]) -> None:
        """Whoever names the object, and the Rollout that its managed-by annotation names."""
        entry = change.entry
        keys = set(self._references.users(kind, entry.namespace, entry.name))
        for seen in (change.old, change.new):
            if seen is not None:
                keys |= self._references.selecting(kind, seen.value)
        annotations = (entry.value.get("metadata") or {}).get("annotations") or {}
        if manager := annotations.get(names.MANAGED_BY):
            keys.add((entry.namespace, str(manager)))
        for key in keys:
            self._wake(key, kind, change)

    def _rollouts_with(self, uid: str) -> set[Key]:
        """The key of the Rollout that has this uid; empty for a stranger's."""
        return {(owner.namespace, owner.name) for owner in self._stores.rollouts.by("uid", uid)}

    def _learn(self, entry: Entry[RolloutText]) -> None:
        if self._references.knows((entry.namespace, entry.name), entry.uid, entry.value.generation):
            return
        try:
            rollout = entry.value.read()
        except ValidationError as error:
            log.warning("rollout %s/%s cannot be read: %s", entry.namespace, entry.name, error.errors()[0]["msg"])
            return
        known = self._references.learn(rollout)
        with contextlib.suppress(Pending):  # a cluster that was left meanwhile: the pass learns where to look now
            for kind in known.kinds:
                self._shell.watches.ensure(kind)

    def routers_moved(self, routers: Sequence[str]) -> None:
        """The objects of these routers live in another cluster now."""
        for key in self._references.relearn(routers):
            self._rollouts.add(key)

    def _wake(self, key: Key, kind: Kind, change: Change[Any]) -> None:
        new = change.new
        if new is not None and self._shell.own.is_echo(kind, new.namespace, new.name, new.resource_version):
            self._rollouts.add_echo(key)
        else:
            self._rollouts.add(key)

    def _tell(self, entry: Entry[RolloutText], event: Event) -> None:
        about = About(names.API_VERSION, names.ROLLOUT, entry.namespace, entry.name, entry.uid, entry.resource_version)
        self._shell.recorder.record(about, event)


class RunWiring:
    """Fills the queue of AnalysisRuns. Our own status writes wake nothing: the pass behind them knows what comes next."""

    def __init__(self, shell: Shell, runs: Queue[Key]) -> None:
        self._shell, self._runs = shell, runs

    def run_changed(self, change: Change[RunText]) -> None:
        """The run itself, unless it is over for good."""
        entry, new = change.entry, change.new
        key = (entry.namespace, entry.name)
        if new is None:
            self._shell.metrics.forget(*key, self._shell.metrics.run_passes)
        elif new.value.resting or self._shell.own.is_echo(ANALYSIS_RUNS, *key, new.resource_version):
            return
        self._runs.add(key)
