"""Which version carries which share of the traffic, as recorded, and how a share comes back when stable is small.

With dynamicStableScale stable has only the pods for its own share, so neither an abort nor a return to stable may move the
traffic at once: stable grows, then the weight falls, then the canary shrinks, one step of the walk at a time.
Source: argo-rollouts utils/replicaset/canary.go and rollout/trafficrouting.go.
"""

from __future__ import annotations

from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.replicas import at_least, share
from tidegate.machine.rollout.case import Case


def carried_elsewhere(case: Case, side: ReplicaSetView) -> int:
    """The canary's recorded share where it belongs to another version than `side`, else 0."""
    return 0 if case.carried_hash in ("", side.pod_hash) else case.recorded_weight


def unverified(case: Case) -> bool:
    """Whether a router has answered that the recorded weights are not in force yet, or holds a larger share by itself.

    Weights are recorded once every router has taken them. One that has taken a larger share alone, before the others
    failed or the process died, sends its requests there all the same.
    """
    weights = case.status.canary.weights
    return (weights is not None and weights.verified is False) or any(
        router.carries > case.recorded_weight for router in case.seen.routers
    )


def carrier_is_dead(case: Case) -> bool:
    """Whether the version that carries the canary's share has no available pod although stable has one."""
    if case.recorded_weight == 0 or case.stable is None or case.stable.available == 0:
        return False
    carrier = case.sets.of(case.carried_hash)
    if carrier is None:
        return bool(case.carried_hash)
    return carrier is not case.stable and carrier.available == 0


def returning(case: Case) -> bool:
    """Whether the template is stable's again while stable is still too small to take the share of the version before."""
    if not (case.promoted and case.dynamic) or case.new is None or carrier_is_dead(case):
        return False
    return carried_elsewhere(case, case.new) > 0 and case.new.available < case.replicas


def step_down_weight(case: Case) -> int:
    """The share that the canary is sized by on the way back: the last step's that is below what stable still lacks.

    An abort delay that was asked for keeps the canary's pods, so only stable's missing pods count then (#4898, #4900).
    """
    lacking = case.replicas - case.sets.stable_pods
    if not case.canary.abort_scale_down_delay_seconds:
        lacking = max(lacking, case.new_available)
    for step in reversed(case.steps):
        if step.set_weight is not None and pods_for(case, step.set_weight) < lacking:
            return step.set_weight
    return 0


def abort_weight(case: Case) -> int:
    """The canary's share during an abort or a return to stable: 0, but with dynamicStableScale what stable cannot take yet.

    It never rises.
    """
    leaving = case.aborted or returning(case)
    if not (leaving and case.dynamic) or case.stable is None or case.replicas == 0 or carrier_is_dead(case):
        return 0
    able = min(case.total, case.total * case.sets.stable_pods // case.replicas)
    step, recorded = step_down_weight(case), case.recorded_weight
    if step <= 0:
        return min(case.total - able, recorded)
    return recorded if able < case.total - step else min(step, recorded)


def pods_for(case: Case, weight: int) -> int:
    """Pods that a share needs: rounded up, and at least minPodsPerReplicaSet unless it is none."""
    count = share(max(weight, 0), case.replicas, case.total)
    return at_least(count, case.canary.min_pods_per_replica_set, case.replicas)
