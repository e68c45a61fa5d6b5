"""Sizes of ReplicaSets: stable, new, then whatever is left of former revisions.

Source: argo-rollouts rollout/canary.go, rollout/bluegreen.go and rollout/replicaset.go; deviations are marked.
"""

from __future__ import annotations

from tidegate.api import names
from tidegate.machine.actions import DeleteReplicaSet
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.rollout.annotations import deadline_of, revision_of
from tidegate.machine.rollout.aspects.lingering import Delays, Former, abort_delay, deadline_in
from tidegate.machine.rollout.aspects.resizing import resize
from tidegate.machine.rollout.aspects.services import idle_side
from tidegate.machine.rollout.blue_green import active_hash, fast_rollback, preview_size, strategy_of
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.position import target
from tidegate.machine.rollout.runs import post_promotion_passed
from tidegate.machine.rollout.shares import unverified


def scale(case: Case, draft: Draft) -> None:
    """Bring a canary's stable and new towards their sizes, then drain the others; nothing while somebody holds it."""
    if case.halted:
        _sync_desired(case, draft)
        return
    sizes = target(case).now
    if case.separate_stable is not None:
        draft.edit(case.separate_stable).annotate(names.SCALE_DOWN_DEADLINE, None)
        resize(case, draft, case.separate_stable, sizes.stable, "stable")
    if case.new is not None and not _hold_aborted(case, draft, case.new):
        draft.edit(case.new).annotate(names.SCALE_DOWN_DEADLINE, None)
        resize(case, draft, case.new, sizes.new, "new")
    _sync_desired(case, draft)
    if not draft.scaled:
        _drain_others(case, draft)
    _forget_idle_deadlines(case, draft)


def scale_blue_green(case: Case, draft: Draft) -> None:
    """Stable has all pods, the new version those of its preview; the others wait out their delay. Held updates scale too."""
    if case.separate_stable is not None:
        draft.edit(case.separate_stable).annotate(names.SCALE_DOWN_DEADLINE, None)
        resize(case, draft, case.separate_stable, case.replicas, "stable")
    if case.new is not None and not _hold_aborted(case, draft, case.new):
        # While a former version is on its way back its deadline is what tells that it may come back at once.
        if draft.active == case.new_hash or not fast_rollback(case):
            draft.edit(case.new).annotate(names.SCALE_DOWN_DEADLINE, None)
        resize(case, draft, case.new, preview_size(case), "new")
    _sync_desired(case, draft)
    if not _former_wait(case):
        _let_former_linger(case, draft)
    _forget_idle_deadlines(case, draft)


def _former_wait(case: Case) -> bool:
    """Whether former versions stay as they are: until people or the analysis after the switch have judged the new one."""
    strategy, inconclusive = strategy_of(case), names.PAUSE_INCONCLUSIVE_ANALYSIS
    if any(p.reason == inconclusive for p in case.status.pause_conditions):
        return True
    unjudged = not case.promoted and active_hash(case) == case.new_hash and not post_promotion_passed(case)
    return unjudged and strategy.scale_down_delay_seconds is None


def _sync_desired(case: Case, draft: Draft) -> None:
    """Note the wanted total on new and stable; a set that is held at its size is no exception (#3412, #4919)."""
    for replica_set in (case.separate_stable, case.new):
        if replica_set is not None:
            draft.edit(replica_set).annotate(names.DESIRED_REPLICAS, str(case.replicas))


def _hold_aborted(case: Case, draft: Draft, new: ReplicaSetView) -> bool:
    """Keep an aborted version at its size until its deadline has passed; True where it is dealt with here.

    # differs: the deadline starts only once nobody is sent there any more and stable is complete, is kept however far ahead
    it lies, and a delay of 0 keeps the version whatever step it was sized by.
    """
    delay = abort_delay(case)
    if not case.aborted or case.separate_stable is None or delay is None:
        return False
    if delay == 0 or new.spec_replicas == 0:
        return True
    deadline = deadline_of(new)
    if deadline is None:
        if case.separate_stable.available >= case.replicas and _traffic_is_gone(case):
            draft.edit(new).annotate(names.SCALE_DOWN_DEADLINE, deadline_in(case, draft, delay))
        return True
    if deadline > case.now:
        draft.wakes.append(deadline)
    elif case.separate_stable.available >= case.replicas:
        resize(case, draft, new, 0, "aborted")
    return True


def _traffic_is_gone(case: Case) -> bool:
    """Whether every router has recorded weight 0 and none has answered that it is not in force; or who is active, is stable."""
    if case.blue_green is not None:
        return active_hash(case) != case.new_hash
    return case.recorded_weight == 0 and not unverified(case)


# --- former revisions ---


def _drain_others(case: Case, draft: Draft) -> None:
    """A canary's former revisions: pods that never came up go first, then the newest, within the room above the floor.

    # differs: a router that says that the weights are not in force yet may still send requests to any of them.
    """
    if case.routed and unverified(case):
        return
    standing = [s for s in case.others if s.spec_replicas > 0]
    for replica_set in standing:
        idle = deadline_of(replica_set) is None and case.carried_by(replica_set) == 0
        if replica_set.available < replica_set.spec_replicas and idle:
            resize(case, draft, replica_set, replica_set.available, "unavailable pods of a former revision")
    # Pods that are on their way out still count as available for a moment.
    spare = sum(min(s.available, s.spec_replicas) for s in case.owned) - case.bounds.floor
    former = Former(case, draft, Delays.of_canary(case))
    for replica_set in sorted(standing, key=revision_of, reverse=True):
        if replica_set.name in draft.sizes() or referenced(case, replica_set):
            continue
        if spare <= 0 and deadline_of(replica_set) is None:
            continue
        wanted = former.size(replica_set)
        up = min(replica_set.available, replica_set.spec_replicas)  # pods that are not available cost nothing
        size = max(wanted, up - max(spare, 0)) if wanted < replica_set.spec_replicas else wanted
        size = max(size, _last_behind_a_service(case, replica_set))
        spare -= max(0, up - size)
        resize(case, draft, replica_set, size, "former revision")


def _last_behind_a_service(case: Case, replica_set: ReplicaSetView) -> int:
    """One pod where a basic canary's stableService selects this version still, none else.

    # differs: the reference drains a superseded version although the stable Service was its own; where there is room for no
    pod beside it the gap is accepted.
    """
    selected = case.selected(case.canary.stable_service) == replica_set.pod_hash
    room = case.replicas > 0 and case.bounds.limit > 1
    return min(1, replica_set.spec_replicas) if selected and room and not case.routed else 0


def _let_former_linger(case: Case, draft: Draft) -> None:
    """A blue-green's former revisions stay complete for their delay, so that a return is at once, then go."""
    former = Former(case, draft, Delays.of_blue_green(case))
    for replica_set in sorted((s for s in case.others if s.spec_replicas > 0), key=revision_of, reverse=True):
        if not referenced(case, replica_set):
            resize(case, draft, replica_set, former.size(replica_set), "former revision")
        elif replica_set.pod_hash == active_hash(case):
            resize(case, draft, replica_set, max(case.replicas, replica_set.spec_replicas), "serves until another does")


def referenced(case: Case, replica_set: ReplicaSetView) -> bool:
    """Whether anything may still send requests to a version: status, recorded weights, or a Service's live selector."""
    if not case.routed and case.blue_green is None:
        return False
    hashes = {case.status.stable_rs, case.status.current_pod_hash}
    if weights := case.status.canary.weights:
        hashes |= {weights.canary.pod_template_hash, weights.stable.pod_template_hash}
    # With no pod wanted at all no Service can move, and what it selects need not be kept.
    named = set(case.seen.services) - {idle_side(case)} if case.replicas > 0 else set()
    return replica_set.pod_hash in hashes | {case.selected(service) for service in named}


def _forget_idle_deadlines(case: Case, draft: Draft) -> None:
    """A set without pods needs no deadline; a stale one woke the reference in a loop (#4971)."""
    for replica_set in case.others:
        noted = names.SCALE_DOWN_DEADLINE in replica_set.annotations or replica_set.name in draft.edits
        if noted and draft.edit(replica_set).size == 0:
            draft.edit(replica_set).annotate(names.SCALE_DOWN_DEADLINE, None)


def trim_history(case: Case, draft: Draft) -> None:
    """Delete the oldest former revisions without pods, down to revisionHistoryLimit."""
    former = [s for s in case.others if not s.deleting]
    surplus = len(former) - max(case.rollout.spec.revision_history_limit, 0)
    for replica_set in former[: max(surplus, 0)]:
        idle = replica_set.spec_replicas == replica_set.replicas == 0
        if idle and replica_set.generation <= replica_set.observed_generation and replica_set.owner_uid:
            draft.edits.pop(replica_set.name, None)
            draft.act(DeleteReplicaSet(replica_set.name, replica_set.uid, why="beyond revisionHistoryLimit"))


def write_edits(case: Case, draft: Draft) -> None:
    """Turn the sheets into one patch a ReplicaSet: stable first, then new, then former revisions."""
    first = {s.name: place for place, s in enumerate((case.separate_stable, case.new)) if s is not None}
    for name in sorted(draft.edits, key=lambda name: first.get(name, len(first) + 1)):
        patch = draft.edits[name].patch()
        if patch is not None:
            draft.act(patch)
    draft.actions += draft.late
