"""The parts of the runtime put together: stores, watches, queues and workers of one controller."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from tidegate.api import names
from tidegate.hooks.facade import Facade
from tidegate.machine.projections import controller_uid, service_view
from tidegate.runtime.clock import Clock
from tidegate.runtime.departures import Departures, Remains, World
from tidegate.runtime.events import Recorder
from tidegate.runtime.gauges import RolloutGauges
from tidegate.runtime.kinds import PODS, REPLICA_SETS, ROLLOUTS, SERVICES, WORKLOADS
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.observe import Observer, Stores
from tidegate.runtime.projections import ReplicaSetProjection, pod_seen, rollout_text, workload_view
from tidegate.runtime.queue import Queue
from tidegate.runtime.reconcile import Reconciler, Shell
from tidegate.runtime.references import References
from tidegate.runtime.reflector import Pace
from tidegate.runtime.remotes import Remotes
from tidegate.runtime.services import ServiceKeeper
from tidegate.runtime.store import Key, Manifest, Store
from tidegate.runtime.transport import Transport
from tidegate.runtime.watches import Watches
from tidegate.runtime.wiring import Wiring
from tidegate.runtime.writes import OwnWrites

K = TypeVar("K", bound=Hashable)

log = logging.getLogger(__name__)

CORE = (ROLLOUTS, REPLICA_SETS, SERVICES)
# Without its CRD nothing works, so it is asked for more often than an optional kind.
ROLLOUTS_ABSENT_S = 5.0
# Services and routers' remains are cleaned up when a Rollout goes or lets go of one: rare, and never urgent.
CLEANERS = 1


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a controller looks at, and with how many workers.

    `namespaces` empty means all. `instance_id` "" means the Rollouts without that label.
    """

    namespaces: tuple[str, ...] = ()
    instance_id: str = ""
    workers: int = 10

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
        self._reconciler = Reconciler(shell, observer, self.queue, clock)
        self._keeper = ServiceKeeper(transport, self.stores.services, references, self._services, self.queue.add)
        metrics.add(RolloutGauges(self.stores.rollouts, facade))
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
        watches.watch(SERVICES, stores.services, wiring.service_changed)
        watches.watch(REPLICA_SETS, stores.replica_sets, wiring.replica_set_changed, selector=names.POD_HASH)
        watches.watch(
            ROLLOUTS,
            stores.rollouts,
            wiring.rollout_changed,
            selector=self._options.selector,
            absent_s=ROLLOUTS_ABSENT_S,
        )
        self._spawn("worker", self._options.workers, self.queue, self._reconciler.reconcile)
        self._spawn("services", CLEANERS, self._services, self._keeper.look)
        self._spawn("departures", CLEANERS, self._remains, self._departures.look)

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
        self._services.close()
        self._remains.close()
        drained = self.queue.wait_idle(drain_s) and self._services.wait_idle(0.5)
        if not drained:
            log.warning("engine: passes were still under way after %.0f s and are left behind", drain_s)
        self.remotes.stop()
        self.watches.stop()
        self.recorder.stop(2.0)
        for worker in self._workers:
            worker.join(0.5)
        return drained

    def _spawn(self, name: str, count: int, queue: Queue[K], work: Callable[[K], None]) -> None:
        def serve() -> None:
            while not self.watches.wait_synced(CORE, 0.2):
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
        services=Store(service_view),
        pods=Store(pod_seen, {"owner": _owner}),
        workloads={kind: Store(partial(workload_view, kind.kind)) for kind in WORKLOADS.values()},
    )


def _uid(manifest: Manifest) -> Iterable[str]:
    return [str(manifest["metadata"].get("uid", ""))]


def _owner(manifest: Manifest) -> Iterable[str]:
    return [uid] if (uid := controller_uid(manifest)) else []


def _orphan(manifest: Manifest) -> Iterable[str]:
    return [] if controller_uid(manifest) else [str(manifest["metadata"].get("namespace", ""))]
