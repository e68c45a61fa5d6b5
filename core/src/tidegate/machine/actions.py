"""What a pass may want of the Rollout, its ReplicaSets, pods and Services. Data only: `runtime.perform` carries it out.

Routers are asked through `routing.py`, runs, Experiments and step plugins through `checking.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Claim = tuple[str, str]  # (object, field)


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about the Rollout."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True, slots=True)
class Action:
    """One write or question. `why` is for people; `events` are sent once it has succeeded."""

    why: str = field(default="", kw_only=True)
    events: tuple[Event, ...] = field(default=(), kw_only=True)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The fields that this action owns in this pass."""
        return ()


@dataclass(frozen=True, slots=True)
class PatchRollout(Action):
    """Merge patch of the Rollout itself, never of its template: annotations (None removes) and a default `replicas`."""

    annotations: Mapping[str, str | None] = field(default_factory=dict)
    replicas: int | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        keys = [("rollout", f"annotation {key}") for key in self.annotations]
        return (*keys, ("rollout", "spec.replicas")) if self.replicas is not None else tuple(keys)


@dataclass(frozen=True, slots=True)
class CreateReplicaSet(Action):
    """Create `manifest`. Where the name is taken the performer reads that set live (one without the hash label is in no
    cache): controlled by this Rollout and with the same hash label, it is ours and done; else the outcome is `collided`.
    """

    name: str
    manifest: Mapping[str, Any]

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"replicaset/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class PatchReplicaSet(Action):
    """One merge patch of one ReplicaSet, refused by the server when it changed since `resource_version`.

    `replicas` is the new size or None; `annotations` with None are removed; `owner` adopts (True) or releases (False);
    `template` is the part of a strategic merge patch that goes to spec.template (metadata, affinity), {} for nothing.
    """

    name: str
    uid: str
    resource_version: str
    replicas: int | None = None
    annotations: Mapping[str, str | None] = field(default_factory=dict)
    min_ready_seconds: int | None = None
    owner: bool | None = None
    template: Mapping[str, Any] = field(default_factory=dict)

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"replicaset/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class DeleteReplicaSet(Action):
    """Delete a ReplicaSet that no pod runs in; `uid` guards against a namesake."""

    name: str
    uid: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"replicaset/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class PatchPod(Action):
    """Put labels and annotations on a running pod, or remove those that are None; a pod that is gone is no error."""

    name: str
    uid: str
    labels: Mapping[str, str | None] = field(default_factory=dict)
    annotations: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"pod/{self.name}", "metadata"),)


@dataclass(frozen=True, slots=True)
class EvictPod(Action):
    """Ask the Eviction API to remove a pod, so that PodDisruptionBudgets are honoured.

    A budget that refuses (429) is no error: the outcome is done without a write, and the pod is asked for again later.
    """

    name: str
    uid: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"pod/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class ScaleWorkload(Action):
    """Give the workload that spec.workloadRef names another size, through its scale subresource.

    `optional` says that a failure is told and ends nothing: it will be tried again when something changes.
    """

    kind: str
    name: str
    replicas: int
    optional: bool = False

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"{self.kind}/{self.name}", "spec.replicas"),)


@dataclass(frozen=True, slots=True)
class PointService(Action):
    """Let a Service select the pods of one revision; `adopt` also writes the managed-by annotation."""

    service: str
    pod_hash: str
    adopt: bool

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"service/{self.service}", "spec.selector"),)
