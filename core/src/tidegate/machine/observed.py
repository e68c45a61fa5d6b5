"""What one pass sees: frozen, complete, and the only input of `decide`.

The runtime builds it from its store, never from the network. Nothing in here can be asked for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.api.rollout import Rollout
from tidegate.machine.traffic import Capability


@dataclass(frozen=True, slots=True)
class ReplicaSetView:
    """A slim projection of a ReplicaSet: everything the rules look at and nothing more.

    `pod_hash` is the value of its label `rollouts-pod-template-hash`, "" without one. `digest` identifies its pod
    template (see `hashing.template_digest`), so two sets with one digest run the same pods. `owner_uid` is the uid of its
    controller, "" for an orphan. `failure` is its `ReplicaFailure` condition as (status, reason, message).
    """

    name: str
    uid: str
    created: datetime
    resource_version: str
    pod_hash: str
    digest: str
    owner_uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    spec_replicas: int = 0
    replicas: int = 0
    ready: int = 0
    available: int = 0
    min_ready_seconds: int = 0
    generation: int = 1
    observed_generation: int = 1
    deleting: bool = False
    failure: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What matters of a Service: whom it selects and who manages it ("" for nobody)."""

    name: str
    selector: Mapping[str, str]
    managed_by: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps an object from working, found by a router or by the loader: the field, the text, the value.

    `value` is the offending value as it is printed after `Invalid value: ` (JSON for strings), None for a missing one.
    `missing` marks the absence of a referenced object: absences are reported before errors in the content of others.
    """

    path: str
    detail: str
    value: str | None = None
    missing: bool = False

    @property
    def text(self) -> str:
        """Kubernetes' form of a field error."""
        kind = "Required value" if self.value is None else f"Invalid value: {self.value}"
        return f"{self.path}: {kind}: {self.detail}"


@dataclass(frozen=True, slots=True)
class RouterView:
    """A router that the Rollout names: what it can do, and what is wrong with its part of the spec or its objects.

    `name` is the key in `trafficRouting` (or in `trafficRouting.plugins`); `title` is how texts call it.
    """

    name: str
    title: str
    can: frozenset[Capability]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """One Rollout and all that a pass may look at.

    `replica_sets` holds those owned by the Rollout and the orphans that its selector matches, in any order.
    `services` has an entry for every Service that the Rollout names, None where it does not exist. `routers` are in
    the order in which they are asked. `retired` names routers that were used before (bookkeeping annotation
    `tidegate.io/traffic-routers`) and are no longer in the spec.
    """

    now: datetime
    rollout: Rollout
    replica_sets: tuple[ReplicaSetView, ...] = ()
    services: Mapping[str, ServiceView | None] = field(default_factory=dict)
    routers: tuple[RouterView, ...] = ()
    retired: tuple[str, ...] = ()
