"""Simulated nodes: where pods run, which of them are reachable, and the choice of one for a new pod."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.errors import NotFound
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.conditions import condition, with_conditions
from tidegate_sandbox.sim.labels import includes, labels_of
from tidegate_sandbox.sim.queue import Key

# Enough for hundreds of pods a node; the simulated scheduler does not count resources.
CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "1000"}


class Nodes:
    """Keeps the Node objects' status and schedules pods in turn over the nodes that can take them."""

    name = "node"

    def __init__(self, cluster: Cluster, count: int) -> None:
        self._cluster = cluster
        self._count = count
        self._turn = 0
        self._lost: dict[str, datetime] = {}

    def create_missing(self) -> None:
        """Create the nodes `sandbox-1` … that the store does not have yet."""
        have = {node["metadata"]["name"] for node in self._cluster.objects.list("nodes")}
        for name in (f"sandbox-{number}" for number in range(1, self._count + 1)):
            if name not in have:
                labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
                metadata = {"name": name, "labels": labels}
                self._cluster.create("nodes", {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}})

    def lose(self, name: str) -> list[Key]:
        """Cut a node off; the keys to look at again."""
        self._named(name)
        self._lost.setdefault(name, self._cluster.now())
        return self._keys(name)

    def restore(self, name: str) -> list[Key]:
        self._named(name)
        self._lost.pop(name, None)
        return self._keys(name)

    def lost_at(self, name: str) -> datetime | None:
        """Since when a node is cut off; None while it is reachable."""
        return self._lost.get(name)

    def choose(self, pod: Manifest) -> str | None:
        """The next node in turn that is reachable, not cordoned and matches the pod's nodeSelector; None if none."""
        wanted = pod["spec"].get("nodeSelector") or {}
        fitting = [
            node["metadata"]["name"]
            for node in self._cluster.view.within("nodes", "")
            if node["metadata"]["name"] not in self._lost
            and not node.get("spec", {}).get("unschedulable")
            and includes(labels_of(node), wanted)
        ]
        if not fitting:
            return None
        self._turn += 1
        return str(fitting[self._turn % len(fitting)])

    def keys_for(self, change: Change) -> Iterable[Key]:
        return [_key(change.object["metadata"]["name"])] if change.resource == "nodes" else []

    def reconcile(self, key: Key) -> datetime | None:
        node = self._cluster.view.get("nodes", "", key.name)
        if node is None:
            return None
        status = node.get("status", {})
        if key.name in self._lost:
            ready = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
        else:
            ready = condition("Ready", True, "KubeletReady", "simulated kubelet is ready")
        conditions = with_conditions(status.get("conditions") or (), [ready], self._cluster.now())
        addresses = [{"type": "Hostname", "address": key.name}]
        wanted = {"capacity": CAPACITY, "allocatable": CAPACITY, "addresses": addresses, "conditions": conditions}
        self._cluster.update_status("nodes", node, {**status, **wanted})
        return None

    def _named(self, name: str) -> Manifest:
        node = self._cluster.view.get("nodes", "", name)
        if node is None:
            raise NotFound(f'nodes "{name}" not found', name=name, kind="nodes")
        return node

    def _keys(self, name: str) -> list[Key]:
        pods = self._cluster.view.all_of("pods")
        return [_key(name)] + [
            Key("pod", "pods", pod["metadata"].get("namespace", ""), pod["metadata"]["name"])
            for pod in pods
            if pod["spec"].get("nodeName") == name
        ]


def _key(name: str) -> Key:
    return Key("node", "nodes", "", name)
