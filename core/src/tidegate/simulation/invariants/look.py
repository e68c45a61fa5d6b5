"""One look at what a pass did, and what a broken rule is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from tidegate.api import intstr, names
from tidegate.api.rollout import BlueGreen, Canary
from tidegate.machine.actions import Action, PatchReplicaSet, PointService
from tidegate.machine.merge import merged
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.remembered import once
from tidegate.machine.rollout.annotations import revision_of
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.controller import Pass

A = TypeVar("A", bound=Action)


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant: its id, what was seen, and when (milliseconds)."""

    id: str
    seen: str
    ms: int

    def __str__(self) -> str:
        return f"{self.id} at {self.ms / 1000:.3f} s: {self.seen}"


@dataclass(frozen=True)
class Look:
    """What a pass saw, did and wrote, with the questions of the invariants answered once.

    The revisions are worked out from the labels and the status alone, not by the machine under test.
    """

    cluster: Cluster
    made: Pass

    @once
    def status(self) -> dict[str, Any]:
        """The status that the pass read. Not to be changed."""
        return self.made.manifest.get("status") or {}

    @once
    def after(self) -> dict[str, Any]:
        """The status that the pass left behind. Not to be changed."""
        return merged(self.status, self.made.patch) if self.made.patch else self.status

    @property
    def replicas(self) -> int:
        """R."""
        return self.made.seen.rollout.replicas

    @once
    def canary(self) -> Canary:
        """The canary strategy, an empty one for blue-green."""
        return self.made.seen.rollout.spec.strategy.canary or Canary()

    @property
    def blue_green(self) -> BlueGreen | None:
        """The blue-green strategy."""
        return self.made.seen.rollout.spec.strategy.blue_green

    @once
    def routed(self) -> bool:
        """Whether traffic routing is configured."""
        return self.canary.traffic_routing is not None

    @once
    def total(self) -> int:
        """What weights add up to."""
        routing = self.canary.traffic_routing
        return (routing.max_traffic_weight if routing else None) or 100

    @once
    def limit(self) -> int:
        """R + S."""
        return self.replicas + intstr.resolve(self.canary.surge, self.replicas, round_up=True)

    @once
    def floor(self) -> int:
        """R - U."""
        surge = self.limit - self.replicas
        unavailable = intstr.resolve(self.canary.unavailable, self.replicas, round_up=False)
        return self.replicas - min(unavailable or (1 if surge == 0 else 0), self.replicas)

    # --- revisions ---

    @once
    def owned(self) -> tuple[ReplicaSetView, ...]:
        """The ReplicaSets of the Rollout as the pass saw them."""
        uid = self.made.seen.rollout.metadata.uid
        return tuple(s for s in self.made.seen.replica_sets if s.owner_uid == uid)

    def of(self, pod_hash: str) -> ReplicaSetView | None:
        """The ReplicaSet of a revision."""
        return next((s for s in self.owned if pod_hash and s.pod_hash == pod_hash), None)

    @once
    def new(self) -> ReplicaSetView | None:
        """The ReplicaSet of the current revision, by the status that the pass wrote."""
        return self.of(self.after.get("currentPodHash", ""))

    @once
    def stable(self) -> ReplicaSetView | None:
        """The stable ReplicaSet, by the status that the pass read."""
        return self.of(self.status.get("stableRS", ""))

    @once
    def others(self) -> tuple[ReplicaSetView, ...]:
        """All that are neither."""
        return tuple(s for s in self.owned if s not in (self.new, self.stable))

    @property
    def aborted(self) -> bool:
        """Whether the pass was one of an abort."""
        return self.made.situation == "aborted"

    @property
    def running(self) -> bool:
        """Whether the pass went through services, traffic and sizes."""
        return self.made.situation in ("steady", "aborted", "updating")

    # --- what was done ---

    def tried(self, kind: type[A]) -> Iterator[tuple[A, Outcome]]:
        """The actions of a kind that were tried."""
        for outcome in self.made.outcomes:
            if isinstance(outcome.action, kind):
                yield outcome.action, outcome

    @once
    def resized(self) -> dict[str, int]:
        """Sizes that the pass set, by name."""
        return {
            a.name: a.replicas
            for a, o in self.tried(PatchReplicaSet)
            if a.replicas is not None and o.result is Result.DONE
        }

    def size(self, replica_set: ReplicaSetView) -> int:
        """The size after the pass."""
        return self.resized.get(replica_set.name, replica_set.spec_replicas)

    @property
    def shrunk(self) -> Iterator[tuple[ReplicaSetView, int]]:
        """ReplicaSets that the pass made smaller, and their new size."""
        return ((s, self.size(s)) for s in self.owned if self.size(s) < s.spec_replicas)

    def selected_by(self, service: str) -> str:
        """The revision that a Service selects after the pass, as far as the pass knows."""
        for action, outcome in self.tried(PointService):
            if action.service == service and outcome.result is Result.DONE:
                return action.pod_hash
        view = self.made.seen.services.get(service)
        return view.selector.get(names.POD_HASH, "") if view else ""

    def recorded(self, pod_hash: str) -> int:
        """The share that the read status records for a revision."""
        weights = (self.status.get("canary") or {}).get("weights") or {}
        sides = [weights.get("canary") or {}, weights.get("stable") or {}, *(weights.get("additional") or [])]
        return sum(side.get("weight", 0) for side in sides if pod_hash and side.get("podTemplateHash") == pod_hash)

    @property
    def recorded_canary(self) -> int | None:
        """The canary's recorded share, None where nothing was recorded."""
        weights = (self.status.get("canary") or {}).get("weights")
        return None if weights is None else (weights.get("canary") or {}).get("weight", 0)

    def named(self, replica_set: ReplicaSetView | None) -> str:
        """A ReplicaSet for people: image, revision, wanted and available pods."""
        if replica_set is None:
            return "none"
        image = self.cluster.image_behind(replica_set.pod_hash)
        return f"{image or replica_set.name} (r{revision_of(replica_set)} {replica_set.spec_replicas}/{replica_set.available})"


class Trace(Enum):
    """What a pass may leave behind beside its actions."""

    MADE = "made"  # every one was
    STATUS = "status"  # it wrote into the status
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Rule:
    """An invariant: its id, what finds where it is broken, and what it speaks of.

    A pass that has done nothing of `about` cannot break it and is not looked at: most passes do little or nothing.
    """

    id: str
    broken: Callable[[Look], Iterator[str]]
    about: frozenset[type[Action] | Trace]

    @classmethod
    def of(cls, id_: str, broken: Callable[[Look], Iterator[str]], *about: type[Action] | Trace) -> Rule:
        """A rule about some kinds of action and trace."""
        return cls(id_, broken, frozenset(about))


def share(weight: int, replicas: int, total: int) -> int:
    """Pods that a share needs, rounded up."""
    return -(-weight * replicas // total)
