"""The simulated ReplicaSet controller: as many pods as asked for, claimed by labels, counted into the status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.selectors import matches_selector
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.conditions import find
from tidegate_sandbox.sim.labels import annotations_of, includes, labels_of
from tidegate_sandbox.sim.moments import earliest, moment
from tidegate_sandbox.sim.owners import adopted, controlled_by, controller_of, deleting, reference_to, released
from tidegate_sandbox.sim.podstatus import FINISHED
from tidegate_sandbox.sim.queue import Key

RESOURCE = "replicasets.apps"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
PHASE_RANK = {"Pending": 0, "Unknown": 1, "Running": 2}


class ReplicaSets:
    """Creates, adopts, releases and deletes pods; nothing is done to the pods of a ReplicaSet being deleted."""

    name = "replicaset"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys_for(self, change: Change) -> Iterable[Key]:
        if change.resource == RESOURCE:
            return [_key_of(change.object)]
        if change.resource != "pods":
            return []
        # The state before as well: a pod whose reference or labels were taken away leaves its ReplicaSet short.
        states = (change.object, change.old) if change.old is not None else (change.object,)
        return [key for state in states for key in self._keys_of_pod(state)]

    def _keys_of_pod(self, pod: Manifest) -> Iterable[Key]:
        namespace, owner = pod["metadata"].get("namespace", ""), controller_of(pod)
        if owner is not None:
            return [Key(self.name, RESOURCE, namespace, owner["name"])] if owner["kind"] == "ReplicaSet" else []
        return [
            _key_of(replicaset)
            for replicaset in self._cluster.view.within(RESOURCE, namespace)
            if matches_selector(replicaset["spec"].get("selector"), labels_of(pod))
        ]

    def reconcile(self, key: Key) -> datetime | None:
        replicaset = self._cluster.view.get(RESOURCE, key.namespace, key.name)
        if replicaset is None:
            return None
        pods = self._claim(replicaset)
        if not deleting(replicaset):
            pods = self._adjust(replicaset, pods)
        return self._write_status(replicaset, pods)

    def _claim(self, replicaset: Manifest) -> list[Manifest]:
        """The active pods that are its own after letting go of those that no longer match and taking up orphans."""
        selector, uid = replicaset["spec"].get("selector"), replicaset["metadata"]["uid"]
        claimed: list[Manifest] = []
        for place, pod in self._cluster.view.owned_by(uid, "pods"):
            if not controlled_by(pod, replicaset) or not active(pod):
                continue
            if matches_selector(selector, labels_of(pod)):
                claimed.append(pod)
            elif not deleting(replicaset):
                self._cluster.update(place[0], released(pod, uid))
        return claimed if deleting(replicaset) else claimed + self._adopt(replicaset)

    def _adopt(self, replicaset: Manifest) -> list[Manifest]:
        namespace, selector = replicaset["metadata"].get("namespace", ""), replicaset["spec"].get("selector")
        orphans = [
            pod
            for pod in self._cluster.view.orphans("pods", namespace)
            if active(pod) and matches_selector(selector, labels_of(pod))
        ]
        reference = reference_to(replicaset, "apps/v1", "ReplicaSet")
        return [self._cluster.update("pods", adopted(pod, reference)) for pod in orphans]

    def _adjust(self, replicaset: Manifest, pods: list[Manifest]) -> list[Manifest]:
        """Create what is missing or delete the excess; the pods that are left."""
        missing = wanted_replicas(replicaset) - len(pods)
        if missing >= 0:
            return pods + [self._create_pod(replicaset) for _ in range(missing)]
        # Times are whole seconds: among equals the sort keeps this order, the latest arrival first.
        latest_first = pods[::-1]
        ranked = sorted(latest_first, key=_Ranking(self._siblings(replicaset, pods)).rank)
        for pod in ranked[:-missing]:
            self._cluster.delete("pods", pod)
        return ranked[-missing:]

    def _siblings(self, replicaset: Manifest, pods: list[Manifest]) -> list[Manifest]:
        """The active pods of all ReplicaSets of the same controller: nodes that have many of them give first."""
        owner = controller_of(replicaset)
        if owner is None:
            return pods
        return [
            pod
            for _, sibling in self._cluster.view.owned_by(owner["uid"], RESOURCE)
            for _, pod in self._cluster.view.owned_by(sibling["metadata"]["uid"], "pods")
            if active(pod)
        ]

    def _create_pod(self, replicaset: Manifest) -> Manifest:
        metadata = replicaset["metadata"]
        pod = pod_from(replicaset["spec"]["template"], reference_to(replicaset, "apps/v1", "ReplicaSet"))
        pod["metadata"]["namespace"] = metadata.get("namespace", "")
        return self._cluster.create_named("pods", f"{metadata['name']}-", pod)

    def _write_status(self, replicaset: Manifest, pods: Sequence[Manifest]) -> datetime | None:
        now, wait = self._cluster.now(), timedelta(seconds=replicaset["spec"].get("minReadySeconds") or 0)
        template_labels = labels_of(replicaset["spec"]["template"])
        since = [ready_since(pod) for pod in pods]
        available_at = [start + wait for start in since if start is not None]
        status = {
            **replicaset.get("status", {}),
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(includes(labels_of(pod), template_labels) for pod in pods),
            "readyReplicas": len(available_at),
            "availableReplicas": sum(when <= now for when in available_at),
            "observedGeneration": replicaset["metadata"].get("generation", 0),
        }
        for count in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
            if status[count] == 0:
                del status[count]
        self._cluster.update_status(RESOURCE, replicaset, status)
        return earliest(when for when in available_at if when > now)


class _Ranking:
    """The order in which Kubernetes deletes excess pods (kube-controller-manager, ActivePodsWithRanks)."""

    def __init__(self, siblings: Sequence[Manifest]) -> None:
        self._on_node: dict[str, int] = {}
        for pod in siblings:
            node = pod["spec"].get("nodeName", "")
            self._on_node[node] = self._on_node.get(node, 0) + 1

    def rank(self, pod: Manifest) -> Rank:
        """Least first: unassigned, pending, not ready, cheap, crowded, ready for short, often restarted, young."""
        node, since = pod["spec"].get("nodeName", ""), ready_since(pod)
        containers = pod.get("status", {}).get("containerStatuses") or ()
        metadata = pod["metadata"]
        return Rank(
            assigned=bool(node),
            phase=PHASE_RANK.get(pod.get("status", {}).get("phase", "Pending"), 0),
            ready=since is not None,
            cost=_cost(pod),
            room=-self._on_node.get(node, 0),
            ready_age=-since.timestamp() if since is not None else 0.0,
            calm=-max((entry.get("restartCount", 0) for entry in containers), default=0),
            age=-moment(metadata["creationTimestamp"]).timestamp() if "creationTimestamp" in metadata else 0.0,
        )


class Rank(NamedTuple):
    assigned: bool
    phase: int
    ready: bool
    cost: int
    room: int
    ready_age: float
    calm: int
    age: float


def _cost(pod: Manifest) -> int:
    """The pod-deletion-cost; 0 where it is not a number, as in Kubernetes."""
    text = annotations_of(pod).get(DELETION_COST, "0")
    return int(text) if re.fullmatch(r"-?\d+", text) else 0


def active(pod: Manifest) -> bool:
    """Whether a pod counts: neither ended nor being deleted."""
    return not deleting(pod) and pod.get("status", {}).get("phase") not in FINISHED


def wanted_replicas(manifest: Manifest) -> int:
    """spec.replicas, 1 where it is left out."""
    replicas: int | None = manifest["spec"].get("replicas")
    return 1 if replicas is None else replicas


def ready_since(pod: Manifest) -> datetime | None:
    """When the Ready condition became True, cut to the second as the API carries it; None while it is not."""
    entry = find(pod.get("status", {}).get("conditions") or (), "Ready")
    if entry is None or entry["status"] != "True":
        return None
    return moment(entry["lastTransitionTime"])


def pod_from(template: Manifest, reference: Manifest) -> Manifest:
    """A pod as a controller makes it of a template, without a name."""
    meta = template.get("metadata") or {}
    kept = {key: meta[key] for key in ("labels", "annotations", "finalizers") if meta.get(key)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**kept, "ownerReferences": [reference]},
        "spec": dict(template["spec"]),
    }


def _key_of(replicaset: Manifest) -> Key:
    metadata = replicaset["metadata"]
    return Key(ReplicaSets.name, RESOURCE, metadata.get("namespace", ""), metadata["name"])
