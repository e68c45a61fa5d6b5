"""What is done to single pods, and for which Rollouts pods have to be looked at at all."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.machine.observed import ReplicaSetView


def pods_needed(rollout: Rollout, replica_sets: Sequence[ReplicaSetView]) -> bool:
    """Whether a pass has to see the pods: a restart is pending, or pods carry or get metadata for a while.

    Metadata that was injected and is no longer asked for shows in an annotation of the Rollout's ReplicaSets.
    """
    spec, strategy = rollout.spec, rollout.spec.strategy
    if spec.restart_at is not None and spec.restart_at != rollout.status.restarted_at:
        return True
    canary, blue_green = strategy.canary, strategy.blue_green
    if canary is not None and (canary.canary_metadata is not None or canary.stable_metadata is not None):
        return True
    if blue_green is not None and (blue_green.preview_metadata is not None or blue_green.active_metadata is not None):
        return True
    return any(
        names.EPHEMERAL_METADATA in each.annotations for each in replica_sets if each.owner_uid == rollout.metadata.uid
    )
