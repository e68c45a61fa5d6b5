"""Pods and the ReplicaSet controller that makes them: they start, become available, fail, and go after their grace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.api import names
from tidegate.errors import NotFound, TooManyRequests
from tidegate.machine.projections import controller_uid
from tidegate.simulation.store import REPLICA_SET, Manifest, Store
from tidegate.simulation.timeline import Timeline

NODES = 2
# How long Kubernetes keeps the pods of a lost node before it gives them up (the default toleration is 300 s; shorter here,
# so that a history sees both the loss and the replacement).
LOST_S = 60.0


@dataclass(frozen=True, slots=True)
class PodBehaviour:
    """How pods behave; all times in seconds.

    A pod is ready `ready_s` after its creation, `slow_s` where its image's tag contains `slow`, never where it contains
    `bad`; each further pod of one batch is `stagger_s` later. `sync_s` is how fast ReplicaSet's controller answers,
    `grace_s` how long a deleted pod lingers, `floor` the fewest ready pods that a disruption budget allows (None: no budget).
    """

    ready_s: float = 1.0
    slow_s: float = 20.0
    stagger_s: float = 0.0
    sync_s: float = 0.05
    grace_s: float = 1.0
    floor: int | None = None

    def ready_after(self, image: str, place: int) -> float | None:
        """Seconds until a pod is ready, None for never; `place` is its place in a batch."""
        if "bad" in image:
            return None
        return (self.slow_s if "slow" in image else self.ready_s) + place * self.stagger_s


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. Times in milliseconds; `ready_since` is None while it is not ready."""

    name: str
    uid: str
    owner: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    created_ms: int
    image: str
    node: int
    ready_since: int | None = None
    deleting: bool = False

    @property
    def pod_hash(self) -> str:
        """Which revision it runs."""
        return self.labels.get(names.POD_HASH, "")

    @property
    def serves(self) -> bool:
        """Whether it is an endpoint of the Services that select it."""
        return self.ready_since is not None and not self.deleting


@dataclass
class Pods:
    """Every pod of the namespace, and what makes and ends them.

    `hurt` are the revisions from which the world, not the controller, has taken pods, until they are complete again.
    `changed` tells that endpoints moved since it was last cleared; `told` is called with every change of a pod.
    """

    store: Store
    timeline: Timeline
    behaviour: PodBehaviour
    all: dict[str, Pod] = field(default_factory=dict)
    hurt: set[str] = field(default_factory=set)
    down: set[int] = field(default_factory=set)
    changed: bool = False
    told: Callable[[], None] = lambda: None
    _count: int = 0
    _due: set[str] = field(default_factory=set)

    def take_up(self, other: Pods) -> None:
        """The pods of another."""
        self.all, self.hurt, self.down = dict(other.all), set(other.hurt), set(other.down)
        self.behaviour, self._count = other.behaviour, other._count

    # --- what is asked ---

    def ready(self, selector: Mapping[str, str]) -> int:
        """Endpoints of a selector."""
        wanted = selector.items()
        return sum(1 for pod in self.all.values() if pod.serves and wanted <= pod.labels.items())

    def of(self, replica_set: Manifest) -> list[Pod]:
        """The pods of a ReplicaSet that are not on their way out, oldest first."""
        uid = replica_set["metadata"]["uid"]
        return [pod for pod in self.all.values() if pod.owner == uid and not pod.deleting]

    def available(self, pod: Pod, min_ready_s: int) -> bool:
        """Whether a pod has been ready for long enough."""
        return pod.ready_since is not None and self.timeline.ms >= pod.ready_since + min_ready_s * 1000

    # --- the ReplicaSet controller ---

    def wake(self, name: str) -> None:
        """Something about a ReplicaSet changed: its controller looks at it soon."""
        if name not in self._due:
            self._due.add(name)
            self.timeline.after(self.behaviour.sync_s, lambda: self._sync(name))

    def _sync(self, name: str) -> None:
        self._due.discard(name)
        found = self.store.get(REPLICA_SET, name)
        if found is None:
            return
        standing = self.of(found)
        missing = found["spec"]["replicas"] - len(standing)
        for place in range(missing):
            self._start(found, place)
        if missing < 0:
            # As Kubernetes does it: pods that are not ready go first, then the youngest.
            order = sorted(standing, key=lambda pod: (pod.ready_since is not None, -pod.created_ms, pod.name))
            for pod in order[:-missing]:
                self.end(pod)
        self._report(name, found)

    def _report(self, name: str, replica_set: Manifest) -> None:
        """Write the counts; minReadySeconds may make them due again later."""
        standing, min_ready_s = self.of(replica_set), replica_set["spec"].get("minReadySeconds", 0)
        available = sum(1 for pod in standing if self.available(pod, min_ready_s))
        if available >= replica_set["spec"]["replicas"] > 0:
            self.hurt.discard(replica_set["metadata"]["labels"].get(names.POD_HASH, ""))
        status = {
            "replicas": len(standing),
            "readyReplicas": sum(1 for pod in standing if pod.ready_since is not None),
            "availableReplicas": available,
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        self.store.patch_status(REPLICA_SET, name, status)

    def _start(self, replica_set: Manifest, place: int) -> None:
        self._count += 1
        metadata = replica_set["spec"]["template"].get("metadata") or {}
        name = f"pod-{self._count}"
        up = [node for node in range(NODES) if node not in self.down] or [0]
        pod = Pod(
            name,
            f"p{self._count}",
            replica_set["metadata"]["uid"],
            metadata.get("labels") or {},
            metadata.get("annotations") or {},
            self.timeline.ms,
            image_of(replica_set["spec"]["template"]),
            up[self._count % len(up)],
        )
        self.all[name] = pod
        delay = self.behaviour.ready_after(pod.image, place)
        if delay is not None:
            self.timeline.after(delay, lambda: self._become_ready(name))

    # --- the kubelet ---

    def _become_ready(self, name: str) -> None:
        pod = self.all.get(name)
        if pod is None or pod.deleting or pod.ready_since is not None or pod.node in self.down:
            return
        self.put(replace(pod, ready_since=self.timeline.ms))
        owner = self._owner(pod)
        if owner is not None:
            self.wake(owner["metadata"]["name"])
            wait = owner["spec"].get("minReadySeconds", 0)
            if wait:
                self.timeline.after(wait, lambda: self.wake(owner["metadata"]["name"]))

    def put(self, pod: Pod) -> None:
        """Another state of a pod."""
        self.all[pod.name] = pod
        self.changed = True
        self.told()

    def end(self, pod: Pod) -> None:
        """Delete a pod: it is no endpoint at once, and gone after its grace."""
        self.put(replace(pod, deleting=True))
        self.timeline.after(self.behaviour.grace_s, lambda: self._gone(pod))

    def _gone(self, pod: Pod) -> None:
        self.all.pop(pod.name, None)
        self.told()
        if (owner := self._owner(pod)) is not None:
            self.wake(owner["metadata"]["name"])

    def _owner(self, pod: Pod) -> Manifest | None:
        return next((s for s in self.store.all(REPLICA_SET).values() if s["metadata"]["uid"] == pod.owner), None)

    def orphaned(self, uid: str) -> None:
        """The garbage collector: a ReplicaSet is gone, and its pods with it."""
        for pod in [pod for pod in self.all.values() if pod.owner == uid and not pod.deleting]:
            self.end(pod)

    # --- what happens to pods ---

    def evict(self, name: str, uid: str) -> bool:
        """The Eviction API. Raises TooManyRequests where a budget forbids it; False where the pod is gone already."""
        pod = self.all.get(name)
        if pod is None or pod.uid != uid or pod.deleting:
            return False
        floor = self.behaviour.floor
        ready = sum(1 for each in self.all.values() if each.serves)
        if floor is not None and pod.serves and ready <= floor:
            raise TooManyRequests(f'Cannot evict pod "{name}": it would violate the disruption budget', after_s=1)
        owner = self._owner(pod)
        if owner is not None and owner["spec"]["replicas"] == 1:
            # A set of one pod is restarted all the same (rollout.md 5.6: one at a time, whatever maxUnavailable says).
            self.hurt.add(pod.pod_hash)
        self.end(pod)
        self._look_again(pod)
        return True

    def mark(self, name: str, uid: str, metadata: Mapping[str, Any]) -> bool:
        """Merge labels and annotations into a running pod; raises NotFound where it is gone."""
        pod = self.all.get(name)
        if pod is None or pod.uid != uid:
            raise NotFound(f'pods "{name}" not found', code=404, reason="NotFound")
        changed = replace(
            pod,
            labels=_merged(pod.labels, metadata.get("labels") or {}),
            annotations=_merged(pod.annotations, metadata.get("annotations") or {}),
        )
        if changed != pod:
            self.put(changed)
        return changed != pod

    def lose_node(self, node: int, back_s: float | None) -> None:
        """A node fails: its pods are not ready; it is back after `back_s`, or its pods are given up and made elsewhere."""
        self.down.add(node)
        for pod in [pod for pod in self.all.values() if pod.node == node and not pod.deleting]:
            self._suffer(pod)
        if back_s is None:
            self.timeline.after(LOST_S, lambda: self._give_up(node))
        else:
            self.timeline.after(back_s, lambda: self._node_back(node))

    def flap(self, image: str, seconds: float) -> None:
        """Every pod of an image is not ready for a while."""
        for pod in [pod for pod in self.all.values() if pod.image.endswith(image) and pod.serves]:
            self._suffer(pod)
            self.timeline.after(seconds, lambda name=pod.name: self._become_ready(name))  # type: ignore[misc]

    def _suffer(self, pod: Pod) -> None:
        self.hurt.add(pod.pod_hash)
        self.put(replace(pod, ready_since=None))
        self._look_again(pod)

    def _give_up(self, node: int) -> None:
        for pod in [pod for pod in self.all.values() if pod.node == node and not pod.deleting]:
            self.hurt.add(pod.pod_hash)
            self.end(pod)
            self._look_again(pod)

    def _node_back(self, node: int) -> None:
        self.down.discard(node)
        for pod in [pod for pod in self.all.values() if pod.node == node]:
            if self.behaviour.ready_after(pod.image, 0) is not None:
                self._become_ready(pod.name)

    def _look_again(self, pod: Pod) -> None:
        if (owner := self._owner(pod)) is not None:
            self.wake(owner["metadata"]["name"])


def image_of(template: Mapping[str, Any]) -> str:
    """The image of a template's first container."""
    containers = (template.get("spec") or {}).get("containers") or [{}]
    return str(containers[0].get("image", ""))


def controlled(replica_set: Manifest, uid: str) -> bool:
    """Whether a ReplicaSet belongs to the Rollout with that uid."""
    return controller_uid(replica_set) == uid


def _merged(old: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    kept = {key: value for key, value in old.items() if patch.get(key, "") is not None}
    return kept | {key: value for key, value in patch.items() if value is not None}
