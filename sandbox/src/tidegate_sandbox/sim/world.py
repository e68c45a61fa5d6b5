"""The engine: runs the simulated controllers against a store, under a real or a virtual clock."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Cancel, Change, Clock, Manifest
from tidegate_sandbox.errors import ApiError, Conflict, NotFound, SandboxError
from tidegate_sandbox.sim.autoscalers import Autoscalers
from tidegate_sandbox.sim.cluster import Cluster, Controller, PropagatingObjects
from tidegate_sandbox.sim.deployments import Deployments
from tidegate_sandbox.sim.disruptions import Disruptions
from tidegate_sandbox.sim.endpointslices import EndpointSlices
from tidegate_sandbox.sim.garbage import GarbageCollector
from tidegate_sandbox.sim.gateways import Gateways
from tidegate_sandbox.sim.jobs import Jobs
from tidegate_sandbox.sim.namespaces import Namespaces
from tidegate_sandbox.sim.nodes import Nodes
from tidegate_sandbox.sim.pods import Pods
from tidegate_sandbox.sim.queue import Key, WorkQueue
from tidegate_sandbox.sim.replicasets import ReplicaSets
from tidegate_sandbox.sim.view import View

log = logging.getLogger(__name__)

# What the controllers read by kind; anything else is known once it changes, which is all the garbage collector needs.
PRIMED = (
    "namespaces",
    "nodes",
    "serviceaccounts",
    "services",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "deployments.apps",
    "replicasets.apps",
    "jobs.batch",
    "pods",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "customresourcedefinitions.apiextensions.k8s.io",
)

# Many times what the largest honest burst takes (a pass or two for each of 100 pods, 10 controllers); a key beyond it
# is in a fight that would never end under a clock that stands still.
PASSES_PER_KEY = 2000

# Of the order of a kube-controller-manager's first retries; long enough that a clock must move for it.
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 60.0
# A conflict is no fault of the object: it ends as soon as the other writer is done.
LAST_CONFLICT_RETRY_S = 1.0


class World:
    """Simulated workloads over one store. Public methods may be called from any thread."""

    def __init__(
        self, objects: PropagatingObjects, clock: Clock, *, ready_after_s: float = 0.3, nodes: int = 3
    ) -> None:
        """`ready_after_s`: how long a pod takes from its node to Ready unless it says otherwise; `nodes`: how many."""
        self.view = View()
        self._objects = objects
        self._clock = clock
        self._queue = WorkQueue(clock, self._work_came_in)
        self._cluster = Cluster(objects, clock, self.view)
        self._nodes = Nodes(self._cluster, nodes)
        self._pods = Pods(self._cluster, self._nodes, ready_after_s)
        controllers: Sequence[Controller] = (
            Namespaces(self._cluster),
            self._nodes,
            Deployments(self._cluster),
            ReplicaSets(self._cluster),
            Jobs(self._cluster),
            self._pods,
            EndpointSlices(self._cluster),
            Autoscalers(self._cluster),
            Disruptions(self._cluster),
            Gateways(self._cluster),
            GarbageCollector(self._cluster),
        )
        self._controllers = {controller.name: controller for controller in controllers}
        self._failures: Counter[Key] = Counter()
        self._passes = threading.RLock()
        self._work = threading.Event()
        self._running = False
        self._cancel: Cancel | None = None
        self._worker: threading.Thread | None = None

    def start(self) -> None:
        """Take up the store's objects and follow its changes; under a real clock a worker thread does the passes."""
        self._running = True
        self._cancel = self._objects.subscribe(self._changed)
        self._nodes.create_missing()
        for resource in PRIMED:
            for manifest in self.view.prime(resource, self._objects.list(resource)):
                self._enqueue(Change("ADDED", resource, manifest, None, 0))
        if not isinstance(self._clock, VirtualClock):
            self._worker = threading.Thread(target=self._run, name="sandbox-world", daemon=True)
            self._worker.start()

    def stop(self) -> None:
        """End every pass and alarm; the objects stay as they are."""
        self._running = False
        if self._cancel is not None:
            self._cancel()
        self._work.set()
        if self._worker is not None and self._worker is not threading.current_thread():
            self._worker.join()
        self._queue.close()

    def settle(self) -> None:
        """Run passes until nothing is due now. Raises SandboxError when the passes over one key never end."""
        counts: Counter[Key] = Counter()
        while self._running and (key := self._queue.take()) is not None:
            counts[key] += 1
            if counts[key] > PASSES_PER_KEY:
                raise SandboxError(
                    f"simulated {key.controller}: {key.resource} {key.namespace}/{key.name} was changed and looked at "
                    f"{PASSES_PER_KEY} times in one instant; something writes it back, look for a second controller"
                )
            self._pass(key)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass, settling at every instant at which something is due. Raises SandboxError if real."""
        if not isinstance(self._clock, VirtualClock):
            raise SandboxError("world: its clock is the real one, which nobody advances; give it a VirtualClock")
        self._clock.advance(seconds, self.settle)

    def fail_pod(self, namespace: str, name: str) -> None:
        """Let the containers of a pod exit with 1, now and at every restart. Raises NotFound."""
        self._enqueue_key(self._pods.fail(self._pod(namespace, name)))

    def unready_pod(self, namespace: str, name: str) -> None:
        """Let the readiness of a pod fail from now on. Raises NotFound."""
        self._enqueue_key(self._pods.unready(self._pod(namespace, name)))

    def heal_pod(self, namespace: str, name: str) -> None:
        """Take back `fail_pod` and `unready_pod`: the pod starts anew. Raises NotFound."""
        self._enqueue_key(self._pods.heal(self._pod(namespace, name)))

    def lose_node(self, name: str) -> None:
        """Cut a node off: its pods are not ready at once and deleted after 300 s. Raises NotFound."""
        self._queue.add(self._nodes.lose(name))

    def return_node(self, name: str) -> None:
        """Take back `lose_node`. Raises NotFound."""
        self._queue.add(self._nodes.restore(name))

    def _pod(self, namespace: str, name: str) -> Manifest:
        pod = self.view.get("pods", namespace, name)
        if pod is None:
            raise NotFound(f'pods "{name}" not found in namespace "{namespace}"', name=name, kind="pods")
        return pod

    def _enqueue_key(self, key: Key) -> None:
        self._queue.add([key])

    def _changed(self, change: Change) -> None:
        self.view.apply(change)
        self._enqueue(change)

    def _enqueue(self, change: Change) -> None:
        self._queue.add([key for controller in self._controllers.values() for key in controller.keys_for(change)])

    def _work_came_in(self) -> None:
        self._work.set()

    def _run(self) -> None:
        while self._running:
            self._work.wait()
            self._work.clear()
            while self._running and (key := self._queue.take()) is not None:
                try:
                    self._pass(key)
                except Exception:  # a defect of one simulated controller must not stop the rest of the cluster
                    log.exception("simulated %s: pass over %s %s/%s failed", *key)
                    self._retry(key)

    def _pass(self, key: Key) -> None:
        with self._passes:
            try:
                self._queue.wake_at(key, self._controllers[key.controller].reconcile(key))
            except (Conflict, NotFound) as error:
                # Somebody wrote or deleted in between: the change is on its way and will name the key again.
                log.debug("simulated %s: %s %s/%s: %s; will look again", *key, error)
                self._retry(key, LAST_CONFLICT_RETRY_S)
            except ApiError as error:
                log.warning("simulated %s: %s %s/%s: %s; will try again", *key, error)
                self._retry(key)
            else:
                self._failures.pop(key, None)

    def _retry(self, key: Key, longest_s: float = LAST_RETRY_S) -> None:
        self._failures[key] += 1
        delay_s = min(FIRST_RETRY_S * 2.0 ** min(self._failures[key] - 1, 16), longest_s)
        self._queue.wake_at(key, self._cluster.now() + timedelta(seconds=delay_s))
