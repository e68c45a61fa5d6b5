"""Which ReplicaSets are the Rollout's, and which of them is new, stable, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api.status import RolloutStatus
from tidegate.machine import hashing
from tidegate.machine.observed import Observed, ReplicaSetView
from tidegate.machine.remembered import Remembered, once
from tidegate.machine.rollout.annotations import revision_of
from tidegate.machine.selectors import selects

_digests: Remembered[str] = Remembered()


@dataclass(frozen=True)
class Sets:
    """The ReplicaSets of one observation. `template` and `selector` are those in force (spec or workload)."""

    seen: Observed
    template: Mapping[str, Any]
    selector: Mapping[str, Any] | None

    @property
    def _status(self) -> RolloutStatus:
        return self.seen.rollout.status

    @once
    def digest(self) -> str:
        """The identity of the wanted template."""
        spec = self.seen.rollout.spec
        if self.template is not spec.template:  # a workload's
            return hashing.template_digest(self.template)
        return _digests.of(spec, None, lambda: hashing.template_digest(self.template))

    @once
    def wanted_hash(self) -> str:
        """The label that a new ReplicaSet for this template would get."""
        return hashing.pod_hash(self.digest, self._status.collision_count)

    @once
    def owned(self) -> tuple[ReplicaSetView, ...]:
        """Our ReplicaSets, oldest first; orphans that are adopted in this pass included, released ones not."""
        uid = self.seen.rollout.metadata.uid
        mine = [s for s in self.seen.replica_sets if self._matches(s) and (s.owner_uid == uid or self._adoptable(s))]
        return tuple(sorted(mine, key=lambda s: (s.created, revision_of(s), s.name)))

    @once
    def adopted(self) -> tuple[ReplicaSetView, ...]:
        """Orphans with the hash label that the selector matches."""
        return tuple(s for s in self.owned if not s.owner_uid)

    @once
    def released(self) -> tuple[ReplicaSetView, ...]:
        """Ours by owner, but no longer matched by the selector."""
        uid = self.seen.rollout.metadata.uid
        return tuple(s for s in self.seen.replica_sets if s.owner_uid == uid and not self._matches(s))

    @once
    def _strangers(self) -> frozenset[str]:
        """Names of those that the selector does not match."""
        return frozenset(s.name for s in self.seen.replica_sets if not selects(self.selector, s.labels))

    def _matches(self, replica_set: ReplicaSetView) -> bool:
        return replica_set.name not in self._strangers

    def _adoptable(self, replica_set: ReplicaSetView) -> bool:
        """An orphan with the hash label, unless it bears our next name over another template: that is a collision."""
        impostor = replica_set.pod_hash == self.wanted_hash and replica_set.digest != self.digest
        return not replica_set.owner_uid and bool(replica_set.pod_hash) and not replica_set.deleting and not impostor

    @once
    def new(self) -> ReplicaSetView | None:
        """The ReplicaSet of the desired template: by our hash label, else by an equal template.

        The label alone is enough: a server may write a template differently from how it was sent. Of several equal ones
        (twins made by a change of hash recipe) the current one wins, then the stable one, then the oldest.
        """
        for replica_set in self.owned:
            if replica_set.pod_hash == self.wanted_hash:
                return replica_set
        twins = [s for s in self.owned if s.digest == self.digest]
        for pod_hash in (self._status.current_pod_hash, self._status.stable_rs):
            for twin in twins:
                if pod_hash and twin.pod_hash == pod_hash:
                    return twin
        return twins[0] if twins else None

    @once
    def stable(self) -> ReplicaSetView | None:
        """The ReplicaSet that `status.stableRS` names; may be the new one; None where it is unset or gone."""
        wanted = self._status.stable_rs
        if not wanted:
            return None
        if self.new is not None and self.new.pod_hash == wanted:
            return self.new
        return self.of(wanted)

    @once
    def others(self) -> tuple[ReplicaSetView, ...]:
        """Every ReplicaSet of ours that is neither new nor stable, oldest first."""
        return tuple(s for s in self.owned if s is not self.new and s is not self.stable)

    @once
    def stable_pods(self) -> int:
        """Pods of stable that are available and will stay: those on their way out still count as available for a moment."""
        return min(self.stable.available, self.stable.spec_replicas) if self.stable is not None else 0

    def of(self, pod_hash: str) -> ReplicaSetView | None:
        """The ReplicaSet with that hash label."""
        return next((s for s in self.owned if pod_hash and s.pod_hash == pod_hash), None)

    @once
    def name_taken(self) -> bool:
        """Whether a ReplicaSet that the selector no longer matches bears the name that a new one would get."""
        return any(s.pod_hash == self.wanted_hash for s in self.released)

    @once
    def next_revision(self) -> int:
        """One more than the highest revision among all ReplicaSets but the new one."""
        return 1 + max((revision_of(s) for s in self.owned if s is not self.new), default=0)
