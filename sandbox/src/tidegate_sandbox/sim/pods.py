"""The simulated scheduler and kubelet: brings pods to a node, through their life and, after deletion, to their end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.errors import SandboxError
from tidegate_sandbox.sim.behaviour import stop_s
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.moments import moment
from tidegate_sandbox.sim.nodes import Nodes
from tidegate_sandbox.sim.owners import deleting, without_finalizer
from tidegate_sandbox.sim.podstatus import FINISHED, Life, lost, status_at, unscheduled
from tidegate_sandbox.sim.queue import Key

# Holds a deleted pod until its containers have stopped, which a real server does by the grace period alone.
FINALIZER = "sandbox.tidegate.io/kubelet"

# tolerationSeconds that Kubernetes gives every pod for node.kubernetes.io/unreachable.
EVICT_AFTER_S = 300.0


class Pods:
    """Scheduler and kubelets in one: after the Binding, only the status and the finalizer are written."""

    name = "pod"

    def __init__(self, cluster: Cluster, nodes: Nodes, ready_after_s: float) -> None:
        self._cluster = cluster
        self._nodes = nodes
        self._ready_after_s = ready_after_s
        self._lives: dict[str, Life] = {}
        self._addresses = _Addresses()

    def keys_for(self, change: Change) -> Iterable[Key]:
        if change.resource == "nodes":
            # A node that came, was uncordoned or relabelled may take pods that wait for one.
            return [_key_of(pod) for pod in self._cluster.view.all_of("pods") if "nodeName" not in pod["spec"]]
        return [_key_of(change.object)] if change.resource == "pods" else []

    def reconcile(self, key: Key) -> datetime | None:
        pod = self._cluster.view.get("pods", key.namespace, key.name)
        if pod is None:
            self._forget_gone()
            return None
        node = pod["spec"].get("nodeName")
        if not node:
            if not deleting(pod):
                self._schedule(pod)
            return None
        if deleting(pod):
            return self._stop(pod)
        if FINALIZER not in pod["metadata"].get("finalizers", ()):
            self._bind(pod, node)
            return None
        if (lost_at := self._nodes.lost_at(node)) is not None:
            return self._lose(pod, lost_at)
        if pod.get("status", {}).get("phase") in FINISHED:
            return None
        status, wake_at = status_at(pod, self._life(pod), self._cluster.now(), self._ready_after_s)
        self._cluster.update_status("pods", pod, status)
        return wake_at

    def fail(self, pod: Manifest) -> Key:
        """Let the containers exit with 1 from now on; the key to look at again."""
        self._life(pod).failed_at = self._cluster.now()
        return _key_of(pod)

    def unready(self, pod: Manifest) -> Key:
        self._life(pod).unready = True
        return _key_of(pod)

    def heal(self, pod: Manifest) -> Key:
        life = self._life(pod)
        life.failed_at, life.unready, life.started = None, False, self._cluster.now()
        return _key_of(pod)

    def _schedule(self, pod: Manifest) -> None:
        node = self._nodes.choose(pod)
        if node is None:
            message = "no node is reachable, schedulable and matches the pod's nodeSelector"
            self._cluster.update_status("pods", pod, unscheduled(pod, message, self._cluster.now()))
        else:
            self._bind(pod, node)

    def _bind(self, pod: Manifest, node: str) -> None:
        metadata = {**pod["metadata"], "finalizers": [*pod["metadata"].get("finalizers", ()), FINALIZER]}
        self._cluster.update("pods", {**pod, "metadata": metadata, "spec": {**pod["spec"], "nodeName": node}})

    def _stop(self, pod: Manifest) -> datetime | None:
        """Let go of the pod once its containers have stopped; on a lost node only a forced deletion does."""
        if FINALIZER not in pod["metadata"].get("finalizers", ()):
            return None
        life, now = self._life(pod), self._cluster.now()
        # A second deletion with a shorter grace period brings the end forward, a later pass never puts it off.
        stops_at = now + timedelta(seconds=stop_s(pod))
        life.stops_at = stops_at if life.stops_at is None else min(life.stops_at, stops_at)
        forced = pod["metadata"].get("deletionGracePeriodSeconds") == 0
        if not forced and self._nodes.lost_at(pod["spec"]["nodeName"]) is not None:
            return None
        if not forced and now < life.stops_at:
            return life.stops_at
        self._cluster.update("pods", without_finalizer(pod, FINALIZER))
        return None

    def _lose(self, pod: Manifest, lost_at: datetime) -> datetime | None:
        now, evicted_at = self._cluster.now(), lost_at + timedelta(seconds=EVICT_AFTER_S)
        if now >= evicted_at:
            self._cluster.delete("pods", pod)
            return None
        self._cluster.update_status("pods", pod, lost(pod, now))
        return evicted_at

    def _life(self, pod: Manifest) -> Life:
        """What is remembered of the pod; of one that ran before this process, as much as its status tells."""
        uid, status = pod["metadata"]["uid"], pod.get("status", {})
        if uid not in self._lives:
            address = status.get("podIP") or self._addresses.take()
            self._addresses.reserve(address)
            started = moment(status["startTime"]) if "startTime" in status else self._cluster.now()
            self._lives[uid] = Life(started, address)
        return self._lives[uid]

    def _forget_gone(self) -> None:
        for uid in [uid for uid in self._lives if not self._cluster.view.holds(uid)]:
            self._addresses.release(self._lives.pop(uid).address)


class _Addresses:
    """Pod addresses from 10.244.0.0/16, the range kubeadm's guides use; in turn, so that none is soon used again."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._last = 0

    def take(self) -> str:
        for _ in range(256 * 254):
            self._last = (self._last + 1) % (256 * 254)
            address = f"10.244.{self._last // 254}.{self._last % 254 + 1}"
            if address not in self._used:
                return address
        raise SandboxError("pod addresses: all 65024 of 10.244.0.0/16 are in use; delete some pods")

    def reserve(self, address: str) -> None:
        self._used.add(address)

    def release(self, address: str) -> None:
        self._used.discard(address)


def _key_of(pod: Manifest) -> Key:
    return Key("pod", "pods", pod["metadata"].get("namespace", ""), pod["metadata"]["name"])
