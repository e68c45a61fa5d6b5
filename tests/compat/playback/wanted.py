"""The differences that are wanted, scenario by scenario, each with the reason; everything else is a fault.

The reasons are in `reasons`. A row that fits nothing any more is a fault too: what it excused has gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from playback.comparison import Difference
from playback.rows import Wanted, longer, unpaused
from playback.wanted_routed import ROUTED

WANTED: dict[str, tuple[Wanted, ...]] = {
    "bluegreen-abort-before-switch": (unpaused(4, 5, 6), *longer(8, 9, 10)),
    "bluegreen-anti-affinity": longer(2, 4),
    "bluegreen-auto-promotion-resume": (
        Wanted("X41", "wait", [6]),
        Wanted("X41", "event Normal RolloutPaused *", [5], "-"),
        Wanted("X41", "event Normal RolloutResumed *", [5], "-"),
        Wanted("X41", "*", [5, 6, 7], sometimes=True),
    ),
    "bluegreen-canary-switch-mid-update": (
        Wanted("X15", "event Normal RolloutCompleted *", [4]),
        Wanted("X15", "event Normal SwitchService *'live' from *", [4]),
        Wanted("X15", "shown Progressing: *", [4], sometimes=True),
    ),
    "bluegreen-delay-revision-limit": (
        Wanted("former annotation", "ReplicaSet/shop-<hash:2> annotations.*desired-replicas", range(8, 13), "1"),
    ),
    "bluegreen-metadata": (unpaused(11, 12),),
    "bluegreen-no-preview-service": (unpaused(4, 5),),
    "bluegreen-progress-deadline": (
        Wanted("X65", "event Warning RolloutAborted *: ReplicaSet * has timed out *", [4], "-"),
        *longer(4, 5, 6, 7, 8),
    ),
    "bluegreen-rollback-window": longer(2, 4, 6, 7, 8),
    "bluegreen-user-paused": longer(8, 9),
    "canary-abort-one-replica": (unpaused(4, 5),),
    "canary-deadline-abort-set-later": (
        Wanted("X65", "event Warning RolloutAborted *: ReplicaSet * has timed out *", [4], "-"),
    ),
    "canary-default-percentages": (unpaused(4, 5),),
    "canary-first-deploy": (Wanted("X67", "event Normal SkipSteps *: Rollback to stable ReplicaSets", [2], "-"),),
    "canary-invalid-spec": (
        Wanted("X39", "Rollout/app status.conditions[InvalidSpec]", [4, 6, 8, 10], sometimes=True),
        Wanted("X39", "Rollout/app status.message", [4, 6, 8, 10], sometimes=True),
        Wanted("X39", "*", [10], sometimes=True),
    ),
    "canary-name-collision-unlabelled": (
        Wanted("X38", "shown *", range(8), sometimes=True),
        Wanted("X38", "Rollout/app status.collisionCount", range(8), "1"),
        Wanted("X38", "Rollout/app status.phase", range(6), "Healthy"),
        Wanted("X38", "Rollout/app status.phase", [6, 7], "Paused"),
        Wanted("X38", "*", range(8)),
    ),
    "canary-promote-full-bad-image": (
        Wanted("later wins", "shown Degraded: RolloutAborted: *", [7]),
        Wanted("later wins", "wait", [8]),
        Wanted("later wins", "Rollout/app status.phase", [7, 8], "Degraded"),
        Wanted("later wins", "*", [7, 8, 9]),
    ),
    "canary-replicas-and-image": (
        Wanted("X14", "event Normal ScalingReplicaSet *<hash:2> (revision 2) from 0 to 1", [2], "sent"),
        Wanted("X14", "event Normal ScalingReplicaSet *<hash:2> (revision 2) from *", [2], "-"),
    ),
    "canary-resume-while-user-paused": (
        Wanted("X40", "shown *", [8, 12], sometimes=True),
        Wanted("X40", "Rollout/app status.controllerPause", [6, 7], "True"),
        Wanted("X40", "wait", [7, 9, 13]),
        Wanted("X40", "Rollout/app status.currentStepIndex", range(8, 14), "2"),
        Wanted("X40", "Rollout/app status.stableRS", range(8, 14), "<hash:2>"),
        Wanted("X40", "*", range(8, 14)),
        Wanted("X40", "event Normal *", [14], "-"),
    ),
    "canary-rollback-after-abort": (unpaused(4, 5),),
    "canary-rollback-outside-window": (Wanted("X67", "event Normal SkipSteps *", [6], "-"),),
    "canary-rollback-window": (Wanted("X67", "event Normal SkipSteps *", [6], "-"),),
    "canary-services-last-drain": (
        Wanted("X4", "Service/app-stable selector.rollouts-pod-template-hash", [4], "<hash:2>", sometimes=True),
        Wanted("two moves", "shown Progressing: old replicas are pending termination", [4], sometimes=True),
    ),
    "canary-single-replica": (
        unpaused(6, 7),
        Wanted("two moves", "shown Progressing: old replicas are pending termination", [4], sometimes=True),
    ),
    "canary-surge-changed-in-update": (
        Wanted("two moves", "ReplicaSet/app-<hash:2> replicas", [9, 10, 11], "2"),
        Wanted("two moves", "Rollout/app status.HPAReplicas", [9, 10, 11], "4"),
        Wanted("two moves", "Rollout/app status.replicas", [9, 10, 11], "4"),
        Wanted("two moves", "Rollout/app status.updatedReplicas", [9, 10, 11], "2"),
        Wanted("two moves", "event Normal ScalingReplicaSet *<hash:2> (revision 2) from 3 to 2", [9], "sent"),
        Wanted("two moves", "event Normal ScalingReplicaSet *<hash:2> (revision 2) from * to 0", [12]),
    ),
    "canary-user-pause": (Wanted("held annotation", "*.rollout.argoproj.io/desired-replicas", [6, 7], "3"),),
    "canary-weight-lowered-slow-pods": (
        Wanted("X13", "shown Progressing: more replicas need to be updated", [4], sometimes=True),
        Wanted("X13", "Rollout/app status.currentStepIndex", [4], "2"),
        Wanted("X13", "Rollout/app status.*", [4, 5]),
        Wanted("X13", "ReplicaSet/app-<hash:1> replicas", [5], "2", sometimes=True),
        Wanted("X13", "ReplicaSet/app-<hash:2> replicas", [5], "0", sometimes=True),
        Wanted("X13", "ReplicaSet/app-<hash:*> *", [5], sometimes=True),
    ),
    "ops-delete-and-drop-service": longer(2, 4, 6),
    "ops-events-beyond-25": (
        Wanted("first look", "shown Progressing: active service cutover pending", [0], sometimes=True),
    ),
    "ops-replica-writes": (
        Wanted("former annotation", "ReplicaSet/shop-<hash:1> annotations.*desired-replicas", [10, 11], "2"),
        *longer(8, 9, 10),
    ),
    "ops-restart": (
        Wanted("X51", "Rollout/shop status.message", [7, 8, 9], "-"),
        Wanted("X51", "Rollout/shop status.phase", [7, 8, 9], "Healthy"),
        Wanted("X51", "wait", [8]),
        Wanted("X51", "shown Progressing: *", [7], sometimes=True),
    ),
    "ops-workload-ref-deleted": (
        Wanted("lost event", "event Normal NewReplicaSetCreated *", [0], "sent"),
        Wanted("X3", "shown Degraded: InvalidSpec: *", [2], sometimes=True),
        Wanted("X3", "wait", [4, 6, 8]),
        Wanted("X3", "ReplicaSet/shop-<hash:1> available", [8], "2"),
        Wanted("X3", "Rollout/shop status.phase", [2, 3, 4], "Degraded"),
        Wanted("X3", "*", range(2, 9)),
    ),
    "ops-workload-ref-never": (
        Wanted("lost event", "event Normal NewReplicaSetCreated *", [0], "sent"),
        Wanted("one history", "ReplicaSet/shop-<hash:2> annotations.*/revision-history", [5, 6], "-"),
        *longer(2, 3),
    ),
    "ops-workload-ref-progressively": (
        Wanted("one history", "ReplicaSet/shop-<hash:*> annotations.*/revision-history", range(7), "-"),
        Wanted("writes to a workload", "*workload-generation", range(7), sometimes=True),
        Wanted("writes to a workload", "Rollout/shop status.workloadObservedGeneration", range(7), sometimes=True),
        *longer(3, 4),
    ),
    **ROUTED,
}


def reason_of(rows: Iterable[Wanted], difference: Difference) -> str:
    """Why a difference is wanted; "" if it is not."""
    return next((row.why for row in rows if row.fits(difference)), "")


def unexplained(rows: Sequence[Wanted], found: Iterable[Difference]) -> list[str]:
    """What the rows do not excuse, and the rows that excuse nothing."""
    used: set[int] = set()
    faults = []
    for difference in found:
        row = next((number for number, row in enumerate(rows) if row.fits(difference)), None)
        if row is None:
            faults.append(str(difference))
        else:
            used.add(row)
    return faults + [
        f"fits nothing any more: {row}" for number, row in enumerate(rows) if number not in used and not row.sometimes
    ]
