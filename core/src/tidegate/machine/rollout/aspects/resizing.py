"""One change of one ReplicaSet's size."""

from __future__ import annotations

from tidegate.machine.actions import Event
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.rollout.annotations import revision_of
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft


def resize(case: Case, draft: Draft, replica_set: ReplicaSetView, size: int, role: str) -> None:
    """Want `size` pods of a ReplicaSet; nothing where it has that size."""
    if replica_set.spec_replicas == size:
        return
    edit = draft.edit(replica_set)
    edit.replicas = size
    edit.why.append(f"{role} {replica_set.spec_replicas} -> {size}")
    revision = case.revision if replica_set is case.new else revision_of(replica_set)
    edit.events.append(_scaling_event(replica_set, size, revision))


def _scaling_event(replica_set: ReplicaSetView, size: int, revision: int) -> Event:
    """The event of a resize, in the words that clients know."""
    way = "up" if size > replica_set.spec_replicas else "down"
    text = (
        f"Scaled {way} ReplicaSet {replica_set.name} (revision {revision}) from {replica_set.spec_replicas} to {size}"
    )
    return Event("ScalingReplicaSet", text)
