"""The parts of the runtime put together: stores, watches, queues and workers of one controller."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from tidegate.api import names
from tidegate.hooks.facade import Facade
from tidegate.hooks.references import Kind
from tidegate.machine.projections import controller_uid, service_view
from tidegate.runtime.analysis import AnalysisRuns
from tidegate.runtime.clock import Clock, WallClock
from tidegate.runtime.departures import Departures, Remains, World
from tidegate.runtime.events import Recorder
from tidegate.runtime.experiments import Experiments
from tidegate.runtime.flights import Flights, Pool
from tidegate.runtime.following import Following, Waker
from tidegate.runtime.gauges import RolloutGauges, RunGauges
from tidegate.runtime.kinds import (
    ANALYSIS_RUNS,
    ANALYSIS_TEMPLATES,
    CLUSTER_TEMPLATES,
    EXPERIMENTS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    WORKLOADS,
)
from tidegate.runtime.measuring import NO_SERVICES, Services
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.observe import Observer, Stores
from tidegate.runtime.projections import (
    ReplicaSetProjection,
    experiment_text,
    pod_seen,
    rollout_text,
    run_text,
    template_text,
    workload_view,
)
from tidegate.runtime.queue import Queue
from tidegate.runtime.reconcile import Reconciler, Shell
from tidegate.runtime.references import References
from tidegate.runtime.reflector import Pace
from tidegate.runtime.remotes import Remotes
from tidegate.runtime.rollouts import Rollouts
from tidegate.runtime.services import ServiceKeeper
from tidegate.runtime.store import Change, Key, Manifest, Store
from tidegate.runtime.transport import Transport
from tidegate.runtime.watches import Watches
from tidegate.runtime.wiring import RunWiring, Wiring
from tidegate.runtime.writes import OwnWrites

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

log = logging.getLogger(__name__)

CORE = (ROLLOUTS, REPLICA_SETS, SERVICES)
# Without its CRD nothing works, so it is asked for more often than an optional kind.
ROLLOUTS_ABSENT_S = 5.0
# Services and routers' remains are cleaned up when a Rollout goes or lets go of one: rare, and never urgent.
CLEANERS = 1
# Passes over runs take milliseconds and wait for no endpoint; a status write waits for the API server. Chosen by feel.
ANALYSTS = 4
EXPERIMENTERS = 2  # Experiments are few. Chosen by feel: one that waits for the API server holds up no other


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a controller looks at, and with how many workers.

    `namespaces` empty means all. `instance_id` "" means the Rollouts without that label. `services` are what metric
    providers reach the world through.
    """

    namespaces: tuple[str, ...] = ()
    instance_id: str = ""
    workers: int = 10
    services: Services = NO_SERVICES

    @property
    def selector(self) -> str:
        """The label selector of the Rollouts that are ours."""
        return f"{names.INSTANCE_ID}={self.instance_id}" if self.instance_id else f"!{names.INSTANCE_ID}"


class Engine:
    """One controller from the API server to the plugins. Started once, stopped once."""

    def __init__(
        self,
        transport: Transport,
        facade: Facade,
        options: EngineOptions,
        clock: Clock,
        metrics: Metrics | None = None,
        pace: Pace | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        self._options, self._pace = options, pace
        self.stores = _stores()
        self.watches = Watches(transport, options.namespaces, metrics, pace)
        self.recorder = Recorder(transport, clock, metrics)
        self.queue: Queue[Key] = Queue(clock, metrics.queue("rollout"))
        self._services: Queue[Key] = Queue(clock, metrics.queue("service"))
        self.remotes = Remotes(transport, facade, self.watches, metrics, pace)
        references = References(facade, self.remotes, self._services.add)
        shell = Shell(transport, self.watches, OwnWrites(), facade, self.remotes, self.recorder, metrics)
        world = World(transport, self.watches, shell.own, facade, self.remotes, self.recorder)
        self._departures = Departures(world, self.stores.rollouts, references, options.namespaces)
        self._remains: Queue[Remains] = Queue(clock, metrics.queue("departure"))
        self._wiring = Wiring(shell, self.stores, references, self._departures, (self.queue, self._services))
        self.remotes.on_change = self._wiring.routers_moved
        observer = Observer(self.stores, self.watches, references, facade, self.remotes, clock)
        rollouts = Rollouts(shell, observer, self.queue, clock)
        self._reconciler = Reconciler(rollouts, shell, self.queue, clock, metrics.rollout_passes)
        self.runs: Queue[Key] = Queue(clock, metrics.queue("analysis"))
        self._pool, self._real = Pool("measuring"), WallClock()
        own = replace(shell, own=OwnWrites())
        flights = Flights(self._pool, self._real, self.runs.add)
        runs = AnalysisRuns(own, self.stores.runs, options.services, flights, self.runs, clock)
        self._analysis = Reconciler(runs, own, self.runs, clock, metrics.run_passes)
        self._run_wiring = RunWiring(own, self.runs)
        trials = replace(shell, own=OwnWrites())
        self.experiments: Queue[Key] = Queue(clock, metrics.queue("experiment"))
        tried = Experiments(trials, self.stores, clock)
        self._trier = Reconciler(tried, trials, self.experiments, clock, metrics.experiment_passes)
        wakers = Waker(self.queue, shell.own), Waker(self.experiments, trials.own)
        self._following = Following(self.stores, *wakers, lambda key: metrics.forget(*key, metrics.experiment_passes))
        self._keeper = ServiceKeeper(transport, self.stores.services, references, self._services, self.queue.add)
        metrics.add(RolloutGauges(self.stores.rollouts, facade))
        metrics.add(RunGauges(self.stores, facade.meters))
        self._stopping = threading.Event()
        self._workers: list[threading.Thread] = []

    def start(self) -> None:
        """Fill the stores, then work. Returns at once; the workers begin when the stores are filled."""
        wiring, stores, watches = self._wiring, self.stores, self.watches
        watches.on_routed(wiring.routed_changed)
        watches.offer(PODS, stores.pods, wiring.pod_changed, selector=names.POD_HASH)
        for kind, store in stores.workloads.items():
            watches.offer(kind, store, partial(wiring.workload_changed, kind))
        self.recorder.start()
        self._departures.follow(self._remains)
        following = self._following
        on_service = both(wiring.service_changed, following.service_changed)
        on_replica_set = both(wiring.replica_set_changed, following.replica_set_changed)
        watches.watch(SERVICES, stores.services, on_service)
        watches.watch(REPLICA_SETS, stores.replica_sets, on_replica_set, selector=names.POD_HASH)
        watches.watch(
            ROLLOUTS,
            stores.rollouts,
            wiring.rollout_changed,
            selector=self._options.selector,
            absent_s=ROLLOUTS_ABSENT_S,
        )
        self._watch_analysis()
        self._spawn("worker", self._options.workers, self.queue, self._reconciler.reconcile)
        self._spawn("analysis", ANALYSTS, self.runs, self._analysis.reconcile, (ANALYSIS_RUNS,))
        self._spawn("experiments", EXPERIMENTERS, self.experiments, self._trier.reconcile, (*CORE, EXPERIMENTS))
        self._spawn("services", CLEANERS, self._services, self._keeper.look)
        self._spawn("departures", CLEANERS, self._remains, self._departures.look)

    def _watch_analysis(self) -> None:
        """The kinds of analysis. A cluster without them is served all the same: they are optional."""
        stores, watches, following = self.stores, self.watches, self._following
        selector = self._options.selector
        on_run = both(self._run_wiring.run_changed, following.run_changed)
        watches.watch(ANALYSIS_RUNS, stores.runs, on_run, selector=selector)
        watches.watch(EXPERIMENTS, stores.experiments, following.experiment_changed, selector=selector)
        on_template = partial(following.template_changed, ANALYSIS_TEMPLATES)
        watches.watch(ANALYSIS_TEMPLATES, stores.templates, on_template)
        if (
            not self._options.namespaces
        ):  # as in the reference: a controller of namespaces reads nothing of the cluster's
            on_template = partial(following.template_changed, CLUSTER_TEMPLATES)
            watches.watch(CLUSTER_TEMPLATES, stores.cluster_templates, on_template)

    def problem(self) -> str:
        """Why the controller does not work yet; "" once it does."""
        if self._stopping.is_set():
            return "stopping"
        if self.watches.absent(ROLLOUTS):
            return f"the API server does not serve {ROLLOUTS.resource}; install the CRDs (deploy/crds)"
        return self.watches.problem(CORE)

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until the stores are filled."""
        return self.watches.wait_synced(CORE, timeout_s)

    def stop(self, drain_s: float = 5.0) -> bool:
        """Let passes in work end, for at most `drain_s`, send what events wait, and end every thread.

        Whether all of them ended in time. A pass that did not is harmless: it writes its status last.
        """
        self._stopping.set()
        self.queue.close()
        self.runs.close()
        self.experiments.close()
        self._pool.close()
        self._services.close()
        self._remains.close()
        drained = self.queue.wait_idle(drain_s) and self._services.wait_idle(0.5) and self.runs.wait_idle(0.5)
        if not drained:
            log.warning("engine: passes were still under way after %.0f s and are left behind", drain_s)
        self.remotes.stop()
        self.watches.stop()
        self.recorder.stop(2.0)
        self._real.close()
        for worker in self._workers:
            worker.join(0.5)
        return drained

    def _spawn(
        self, name: str, count: int, queue: Queue[K], work: Callable[[K], None], filled: Sequence[Kind] = CORE
    ) -> None:
        """Threads that work a queue off once the stores of `filled` are there."""

        def serve() -> None:
            while not self.watches.wait_synced(filled, 0.2):
                if self._stopping.is_set():
                    return
            while (key := queue.get()) is not None:
                try:
                    work(key)
                finally:
                    queue.done(key)

        for n in range(count):
            worker = threading.Thread(target=serve, name=f"{name} {n}", daemon=True)
            self._workers.append(worker)
            worker.start()


def _stores() -> Stores:
    return Stores(
        rollouts=Store(rollout_text, {"uid": _uid}),
        replica_sets=Store(ReplicaSetProjection(), {"owner": _owner, "orphan": _orphan, "uid": _uid}),
        services=Store(service_view, {"owner": _owner}),
        pods=Store(pod_seen, {"owner": _owner}),
        runs=Store(run_text, {"owner": _owner, "uid": _uid}),
        experiments=Store(experiment_text, {"owner": _owner, "uid": _uid}),
        templates=Store(template_text),
        cluster_templates=Store(template_text),
        workloads={kind: Store(partial(workload_view, kind.kind)) for kind in WORKLOADS.values()},
    )


def both(first: Callable[[Change[V]], None], second: Callable[[Change[V]], None]) -> Callable[[Change[V]], None]:
    """Two listeners as one."""

    def told(change: Change[V]) -> None:
        first(change)
        second(change)

    return told


def _uid(manifest: Manifest) -> Iterable[str]:
    return [str(manifest["metadata"].get("uid", ""))]


def _owner(manifest: Manifest) -> Iterable[str]:
    return [uid] if (uid := controller_uid(manifest)) else []


def _orphan(manifest: Manifest) -> Iterable[str]:
    return [] if controller_uid(manifest) else [str(manifest["metadata"].get("namespace", ""))]
