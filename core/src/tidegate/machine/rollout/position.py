"""Where an update stands: which weight and which sizes its step asks for, and whether they are reached.

Source: argo-rollouts utils/replicaset/canary.go and utils/conditions; deviations are marked.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api import names
from tidegate.api.steps import SetCanaryScale
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.replicas import Basic, Count, Sizes, next_sizes, split
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.shares import carried_elsewhere, pods_for, step_down_weight, unverified


@dataclass(frozen=True, slots=True)
class Target:
    """The sizes that the step is judged by (`goal`) and the ones that this pass may set on the way there (`now`)."""

    goal: Sizes
    now: Sizes


def weight_at(case: Case, index: int) -> int:
    """The last setWeight at or before step `index`, 0 if there is none."""
    for step in reversed(case.steps[: index + 1]):
        if step.set_weight is not None:
            return step.set_weight
    return 0


def set_weight(case: Case) -> int:
    """The canary's share that the current step asks for: 0 after an abort, the total behind the last step."""
    if case.aborted:
        return 0
    if case.index is None or case.step is None:
        return case.total
    return weight_at(case, case.index)


def full(case: Case) -> bool:
    """Whether the new revision is to have everything, whatever the step: promoted, first deployment, full promotion."""
    return case.promoting or case.within_window or case.initial or case.promoted or case.stable is None


def canary_scale(case: Case) -> SetCanaryScale | None:
    """The setCanaryScale in force; none behind the last step, after matchTrafficWeight, and during an abort."""
    if case.index is None or case.step is None or case.aborted:
        return None
    for step in reversed(case.steps[: case.index + 1]):
        if step.set_canary_scale is not None:
            return None if step.set_canary_scale.match_traffic_weight else step.set_canary_scale
    return None


def target(case: Case) -> Target:
    """The wanted sizes of new and stable."""
    return case.answers.of(_target, case)


def _target(case: Case) -> Target:
    return _routed_target(case) if case.routed else _basic_target(case)


def _routed_target(case: Case) -> Target:
    goal = Sizes(_routed_new(case), _routed_stable(case))
    return Target(goal, Sizes(max(goal.new, _still_needed(case)), max(goal.stable, _stable_still_needed(case))))


def _still_needed(case: Case) -> int:
    """Pods that the share needs which routers still send to the new version; one where a scale step wants fewer, but some."""
    if case.new is None or full(case):
        return 0
    weights = case.status.canary.weights
    was_stable = weights is not None and weights.stable.pod_template_hash == case.new.pod_hash
    if unverified(case) or was_stable:
        return case.new.spec_replicas  # the router may still send a former, larger share, or that of a former role
    if case.carried_by(case.new) == 0:
        return 0
    sized = canary_scale(case) is not None and _routed_new(case) > 0
    needed = 1 if sized else pods_for(case, case.recorded_weight)
    if (
        case.dynamic and not sized and case.stable is not None
    ):  # a threshold may have let the weight go before stable was whole
        needed = max(needed, case.bounds.floor - case.stable.available)
    return min(case.new.spec_replicas, needed)


def _stable_still_needed(case: Case) -> int:
    """Pods that stable's recorded share needs, so that it shrinks only after its traffic has gone; never none of them.

    # differs: the reference shrinks to 0 at weight 100, and a Service or an ingress that still names stable has nobody.
    """
    stable = case.separate_stable
    if stable is None or not case.dynamic or case.replicas == 0:
        return 0
    if unverified(case):
        return stable.spec_replicas
    # Nor may it leave fewer pods than maxUnavailable allows while the new version is still short of its own.
    serving = min(stable.spec_replicas, case.bounds.floor - case.new_available)
    # A share that a version before has, or that the new one has no pod for, may come back to stable in this very pass.
    returns = case.new is None or case.new_available == 0 or carried_elsewhere(case, case.new) > 0
    held = stable.spec_replicas if returns else 0
    return max(1, pods_for(case, case.total - case.recorded_weight), serving, held)


def _routed_new(case: Case) -> int:
    """Pods of a canary behind a router: by its scale step, else by the weight, rounded up."""
    if full(case):
        return case.replicas
    scale = canary_scale(case)
    if scale is not None and scale.replicas is not None:
        return scale.replicas
    return pods_for(case, scaling_weight(case))


def _routed_stable(case: Case) -> int:
    """Pods of stable behind a router: all, but with dynamicStableScale those for what the canary leaves."""
    if not case.dynamic:
        return case.replicas
    scale = canary_scale(case)
    if full(case):
        return 0
    weight = 0 if scale is not None and scale.replicas is not None else scaling_weight(case)
    return pods_for(case, case.total - weight)


def scaling_weight(case: Case) -> int:
    """The share that a routed canary is sized by."""
    if case.aborted:
        return step_down_weight(case) if case.dynamic else 0
    scale = canary_scale(case)
    return scale.weight if scale is not None and scale.weight is not None else set_weight(case)


def _basic_target(case: Case) -> Target:
    stable = case.separate_stable
    goal = split(case.bounds, case.total if full(case) else set_weight(case))
    if stable is None:
        goal = Sizes(case.replicas, 0)
    others = sum(s.spec_replicas for s in case.others)
    basic = Basic(count(case.new), count(stable) if stable else None, others)
    return Target(goal, keep_one(case, next_sizes(case.bounds, goal, basic)))


def keep_one(case: Case, sizes: Sizes) -> Sizes:
    """`sizes`, with one pod kept of the version that stableService selects while it cannot move to the other one yet.

    # differs: the reference drains the last pod that the Service selects and leaves it without endpoints for as long as
    the next pod needs (argo-rollouts, recorded: 3.0 to 3.4 s).
    """
    stable, new = case.separate_stable, case.new
    if stable is None or new is None or case.replicas == 0 or case.bounds.limit == 1 or not case.canary.stable_service:
        return sizes
    if sizes.stable == 0 and stable.spec_replicas > 0 and not stable_service_may_move(case):
        return Sizes(sizes.new, 1)
    selects_new = case.selected(case.canary.stable_service) == new.pod_hash
    # Stable's pods that an abort has caught on their way out still count as available for a moment.
    if sizes.new == 0 and new.spec_replicas > 0 and selects_new and case.sets.stable_pods == 0:
        return Sizes(1, sizes.stable)
    return sizes


def stable_service_may_move(case: Case) -> bool:
    """Whether stableService may select the new version: it has an available pod, all of them for a Service not ours yet."""
    return case.new is not None and may_receive(case, case.canary.stable_service, case.new)


def may_receive(case: Case, service: str, replica_set: ReplicaSetView) -> bool:
    """Whether a Service may be pointed at a ReplicaSet: one available pod, or all wanted ones when it is being adopted.

    A Service that already selects it may (#1777, #2050, #2507).
    """
    view = case.seen.services.get(service)
    if view is None:
        return False
    if view.selector.get(names.POD_HASH) == replica_set.pod_hash:
        return True
    if not view.managed_by:
        return replica_set.spec_replicas > 0 and replica_set.available >= replica_set.spec_replicas
    return min(replica_set.available, replica_set.spec_replicas) >= 1  # not those that are on their way out


def count(replica_set: ReplicaSetView | None) -> Count:
    """Wanted and available pods, zero for a missing set."""
    return Count(replica_set.spec_replicas, replica_set.available) if replica_set else Count()


def enough(case: Case, replica_set: ReplicaSetView | None, want: int) -> bool:
    """Whether a version has the pods that a step wants: exactly `want`, or what replicaProgressThreshold allows.

    # differs: with a threshold the wanted size must have been asked for first; the reference passes a step on the pods of
    the step before it.
    """
    spec, available = count(replica_set).spec, count(replica_set).available
    threshold = case.canary.replica_progress_threshold
    if threshold is None or threshold.value < 0:
        return spec == want == available
    if spec < want:
        return False
    if threshold.type == "Pods":
        return available >= min(threshold.value, want)
    return available * 100 >= threshold.value * want


def at_goal(case: Case) -> bool:
    """Whether every version has the size that the current step asks for.

    # differs: the reference compares with what this very pass could do, so "no move possible" counted as reached.
    """
    goal = target(case).goal
    stable = case.separate_stable
    if not enough(case, case.new, goal.new):
        return False
    if stable is not None and not case.dynamic and not stable.spec_replicas == stable.replicas == goal.stable:
        return False
    return case.routed or all(s.spec_replicas == 0 for s in case.others)
