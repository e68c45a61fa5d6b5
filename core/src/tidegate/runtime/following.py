"""Which change of a run, an Experiment, a template, or of what an Experiment has made wakes whom.

Nothing here asks the network: it runs in the watch threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.hooks.references import Kind
from tidegate.machine.analysis.phases import COMPLETED
from tidegate.machine.observed import ReplicaSetView, ServiceView
from tidegate.runtime.kinds import ANALYSIS_RUNS, EXPERIMENTS, REPLICA_SETS, SERVICES
from tidegate.runtime.observe import Stores
from tidegate.runtime.projections import ExperimentText, RunText, TemplateText
from tidegate.runtime.queue import Queue
from tidegate.runtime.store import Change, Key
from tidegate.runtime.writes import OwnWrites

# A Rollout that asks for any template says this in its spec; see `RolloutText.spec`.
NAMES_TEMPLATES = '"templateName"'


class Waker:
    """A queue, and how the echo of one of our own writes is told from somebody else's change."""

    def __init__(self, queue: Queue[Key], own: OwnWrites[Key]) -> None:
        self._queue, self._own = queue, own

    def wake(self, key: Key, kind: Kind, change: Change[Any]) -> None:
        """Have `key` looked at because an object of `kind` has changed."""
        new = change.new
        if new is not None and self._own.is_echo(kind, new.namespace, new.name, new.resource_version):
            self._queue.add_echo(key)
        else:
            self._queue.add(key)


class Following:
    """Listens to the stores around analyses and Experiments, and wakes Rollouts and Experiments."""

    def __init__(self, stores: Stores, rollouts: Waker, experiments: Waker, forget: Callable[[Key], None]) -> None:
        self._stores, self._rollouts, self._experiments, self._forget = stores, rollouts, experiments, forget

    def run_changed(self, change: Change[RunText]) -> None:
        """The Rollout or the Experiment that it belongs to, unless nothing has changed that an owner looks at."""
        old, new = change.old, change.new
        if old is not None and new is not None and old.value.view == new.value.view:
            return
        owner = change.entry.value.owner_uid
        self._owners(owner, ANALYSIS_RUNS, change)
        self._trials(owner, ANALYSIS_RUNS, change)

    def experiment_changed(self, change: Change[ExperimentText]) -> None:
        """The Experiment itself, and its Rollout."""
        entry = change.entry
        key = (entry.namespace, entry.name)
        if change.new is None:
            self._forget(key)
        self._experiments.wake(key, EXPERIMENTS, change)
        owner = entry.value.owner_uid
        self._owners(owner, EXPERIMENTS, change)

    def template_changed(self, kind: Kind, change: Change[TemplateText]) -> None:
        """Every Rollout of its namespace that asks for any template, and every Experiment that is not over.

        Templates lead to templates, and they change seldom: who asks for which is not kept.
        """
        namespace = change.entry.namespace
        for rollout in self._stores.rollouts.all(namespace):
            if NAMES_TEMPLATES in rollout.value.spec:
                self._rollouts.wake((rollout.namespace, rollout.name), kind, change)
        self._unfinished(namespace, kind, change)

    def replica_set_changed(self, change: Change[ReplicaSetView]) -> None:
        """The Experiment that has made it, or that it was before."""
        for entry in (change.old, change.new):
            if entry is not None:
                self._trials(entry.value.owner_uid, REPLICA_SETS, change)

    def service_changed(self, change: Change[ServiceView]) -> None:
        """The Experiment that has made it, and where it is gone all that may have waited for its name."""
        for entry in (change.old, change.new):
            if entry is not None:
                self._trials(entry.value.owner_uid, SERVICES, change)
        if change.new is None and change.entry.value.owner_uid:
            self._unfinished(change.entry.namespace, SERVICES, change)

    def _unfinished(self, namespace: str, kind: Kind, change: Change[Any]) -> None:
        for experiment in self._stores.experiments.all(namespace):
            if experiment.value.view.phase not in COMPLETED:
                self._experiments.wake((experiment.namespace, experiment.name), kind, change)

    def _owners(self, uid: str, kind: Kind, change: Change[Any]) -> None:
        for rollout in self._stores.rollouts.by("uid", uid) if uid else ():
            self._rollouts.wake((rollout.namespace, rollout.name), kind, change)

    def _trials(self, uid: str, kind: Kind, change: Change[Any]) -> None:
        for experiment in self._stores.experiments.by("uid", uid) if uid else ():
            self._experiments.wake((experiment.namespace, experiment.name), kind, change)
