"""The simulated disruption controller: how many pods of each PodDisruptionBudget may be evicted now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.errors import SandboxError
from tidegate_sandbox.rules.budgets import RESOURCE, budgets_of, expires, failed, is_ready, share, with_condition
from tidegate_sandbox.selectors import matches_selector
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.labels import labels_of
from tidegate_sandbox.sim.moments import earliest, stamp
from tidegate_sandbox.sim.owners import controller_of, deleting
from tidegate_sandbox.sim.queue import Key
from tidegate_sandbox.sim.replicasets import wanted_replicas
from tidegate_sandbox.sim.scaling import scale_of


class UncountedPod(SandboxError):
    """A budget needs to know how many pods are wanted, and the owner of one cannot tell."""


class Disruptions:
    """Keeps the status of every budget; looks at pods and budgets alone, as kube-controller-manager does."""

    name = "disruption"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys_for(self, change: Change) -> Iterable[Key]:
        if change.resource == RESOURCE:
            return [self._key(change.object)]
        if change.resource != "pods":
            return []
        budgets = self._cluster.view.within(RESOURCE, change.object["metadata"].get("namespace", ""))
        states = (change.object, change.old) if change.old is not None else (change.object,)
        return [self._key(budget) for state in states for budget in budgets_of(budgets, state)]

    def reconcile(self, key: Key) -> datetime | None:
        budget = self._cluster.view.get(RESOURCE, key.namespace, key.name)
        if budget is None:
            return None
        now, before = self._cluster.now(), budget.get("status") or {}
        selector = budget["spec"].get("selector")
        in_namespace = self._cluster.view.within("pods", key.namespace)
        pods = [pod for pod in in_namespace if matches_selector(selector, labels_of(pod))]
        try:
            expected, needed = self._wanted(budget, pods)
        except UncountedPod as error:
            self._cluster.update_status(RESOURCE, budget, failed(before, str(error), stamp(now)))
            return None
        evicted = _still_evicted(before.get("disruptedPods") or {}, pods, now)
        healthy = sum(is_ready(pod) and not deleting(pod) and pod["metadata"]["name"] not in evicted for pod in pods)
        status = {name: value for name, value in before.items() if name != "disruptedPods"} | {
            "currentHealthy": healthy,
            "desiredHealthy": needed,
            "expectedPods": expected,
            "disruptionsAllowed": max(healthy - needed, 0) if expected > 0 else 0,
            "observedGeneration": budget["metadata"].get("generation", 0),
        }
        status |= {"disruptedPods": evicted} if evicted else {}
        self._cluster.update_status(RESOURCE, budget, with_condition(status, stamp(now)))
        return earliest(expires(when) for when in evicted.values())

    def _wanted(self, budget: Manifest, pods: list[Manifest]) -> tuple[int, int]:
        """How many pods there should be, and how many of them have to stay healthy."""
        low, high = budget["spec"].get("minAvailable"), budget["spec"].get("maxUnavailable")
        if high is not None:
            expected = self._scale_of_all(pods)
            return expected, max(expected - share(high, expected), 0)
        if isinstance(low, int):
            return len(pods), low
        expected = self._scale_of_all(pods) if low is not None else 0
        return expected, share(low or 0, expected)

    def _scale_of_all(self, pods: list[Manifest]) -> int:
        """What the controllers of the pods want together; a pod without a controller counts for nothing."""
        wanted: dict[str, int] = {}
        for pod in pods:
            owner = controller_of(pod)
            if owner is not None and owner["uid"] not in wanted:
                uid, replicas = self._scale(pod, owner)
                wanted[uid] = replicas
        return sum(wanted.values())

    def _scale(self, pod: Manifest, owner: Manifest) -> tuple[str, int]:
        """The uid and the wanted size of a pod's controller, of the Deployment above where there is one.

        Raises UncountedPod, with the real controller's words, for an owner that is gone or has no size.
        """
        namespace = pod["metadata"].get("namespace", "")
        found = self._controller(namespace, owner)
        if found is None:
            raise UncountedPod(f'found no controllers for pod "{pod["metadata"]["name"]}"')
        resource, manifest = found
        above = controller_of(manifest)
        if resource == "replicasets.apps" and above is not None and above["kind"] == "Deployment":
            deployment = self._controller(namespace, above)
            if deployment is None:
                raise UncountedPod(f'found no controllers for pod "{pod["metadata"]["name"]}"')
            return above["uid"], wanted_replicas(deployment[1])
        scale = scale_of(self._cluster.view, resource, manifest)
        if scale is None:
            raise UncountedPod(f"{resource} does not implement the scale subresource")
        return owner["uid"], scale.wanted

    def _controller(self, namespace: str, reference: Manifest) -> tuple[str, Manifest] | None:
        resource = self._cluster.view.resource_of(reference["apiVersion"], reference["kind"])
        manifest = self._cluster.view.get(resource, namespace, reference["name"]) if resource is not None else None
        if resource is None or manifest is None or manifest["metadata"]["uid"] != reference["uid"]:
            return None
        return resource, manifest

    def _key(self, budget: Manifest) -> Key:
        return Key(self.name, RESOURCE, budget["metadata"].get("namespace", ""), budget["metadata"]["name"])


def _still_evicted(marked: Manifest, pods: list[Manifest], now: datetime) -> dict[str, str]:
    """Pods that an eviction has counted already and whose deletion has not been seen, with the time of the eviction."""
    staying = {pod["metadata"]["name"] for pod in pods if not deleting(pod)}
    return {name: when for name, when in marked.items() if name in staying and expires(when) > now}
