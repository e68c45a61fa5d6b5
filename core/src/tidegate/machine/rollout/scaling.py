"""Sizes of ReplicaSets: stable, new, then whatever is left of former revisions.

Source: argo-rollouts rollout/canary.go and rollout/replicaset.go; deviations are marked.
"""

from __future__ import annotations

from tidegate.api import names
from tidegate.api.wire import write_time
from tidegate.machine.actions import DeleteReplicaSet, Event
from tidegate.machine.moments import later, rounded_up
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.rollout.annotations import deadline_of, revision_of
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.position import target


def scale(case: Case, draft: Draft) -> None:
    """Bring stable and new towards their sizes, then drain the others; nothing while a person has paused the Rollout."""
    if case.rollout.spec.paused:
        _sync_desired(case, draft)
        return
    sizes = target(case).now
    if case.separate_stable is not None:
        draft.edit(case.separate_stable).annotate(names.SCALE_DOWN_DEADLINE, None)
        _resize(case, draft, case.separate_stable, sizes.stable, "stable")
    if case.new is not None and not _hold_aborted(case, draft, case.new):
        draft.edit(case.new).annotate(names.SCALE_DOWN_DEADLINE, None)
        _resize(case, draft, case.new, sizes.new, "new")
    _sync_desired(case, draft)
    if not draft.scaled:
        _drain_others(case, draft)
    _forget_idle_deadlines(case, draft)


def _sync_desired(case: Case, draft: Draft) -> None:
    """Note the wanted total on new and stable; a set that is held at its size is no exception (#3412, #4919)."""
    for replica_set in (case.separate_stable, case.new):
        if replica_set is not None:
            draft.edit(replica_set).annotate(names.DESIRED_REPLICAS, str(case.replicas))


def _resize(case: Case, draft: Draft, replica_set: ReplicaSetView, size: int, role: str) -> None:
    if replica_set.spec_replicas == size:
        return
    edit = draft.edit(replica_set)
    edit.replicas = size
    edit.why.append(f"{role} {replica_set.spec_replicas} -> {size}")
    revision = case.revision if replica_set is case.new else revision_of(replica_set)
    edit.events.append(scaling_event(replica_set, size, revision))


def scaling_event(replica_set: ReplicaSetView, size: int, revision: int) -> Event:
    """The event of a resize, in the words that clients know."""
    way = "up" if size > replica_set.spec_replicas else "down"
    text = (
        f"Scaled {way} ReplicaSet {replica_set.name} (revision {revision}) from {replica_set.spec_replicas} to {size}"
    )
    return Event("ScalingReplicaSet", text)


def abort_delay(case: Case) -> int:
    """Seconds that an aborted version stays up behind a router; 0 means that it is kept."""
    delay = case.canary.abort_scale_down_delay_seconds
    return names.DEFAULT_ABORT_SCALE_DOWN_DELAY_S if delay is None else delay


def scale_down_delay(case: Case) -> int:
    """Seconds that a former version stays up, so that proxies stop using its endpoints first; none without a router."""
    delay = case.canary.scale_down_delay_seconds
    default = names.DEFAULT_SCALE_DOWN_DELAY_S if case.routed else 0
    return default if delay is None else delay


def _hold_aborted(case: Case, draft: Draft, new: ReplicaSetView) -> bool:
    """Keep an aborted version at its size until its deadline has passed; True where it is dealt with here.

    # differs: the deadline starts only once every router has recorded weight 0 and stable is complete, is kept however far
    ahead it lies, and a delay of 0 keeps the version whatever step it was sized by.
    """
    if not (case.aborted and case.routed and case.separate_stable is not None):
        return False
    if abort_delay(case) == 0 or new.spec_replicas == 0:
        return True
    deadline = deadline_of(new)
    if deadline is None:
        if case.separate_stable.available >= case.replicas and _weight_is_gone(case):
            draft.edit(new).annotate(names.SCALE_DOWN_DEADLINE, _in(case, draft, abort_delay(case)))
        return True
    if deadline > case.now:
        draft.wakes.append(deadline)
    else:
        _resize(case, draft, new, 0, "aborted")
    return True


def _weight_is_gone(case: Case) -> bool:
    """Whether every router has recorded weight 0, and none has answered that it is not in force."""
    weights = case.status.canary.weights
    return case.recorded_weight == 0 and not (weights is not None and weights.verified is False)


def _in(case: Case, draft: Draft, seconds: int) -> str:
    """A deadline that never ends early: persisted in whole seconds, rounded up."""
    moment = later(rounded_up(case.now), seconds)
    draft.wakes.append(moment)
    return write_time(moment)


# --- former revisions ---


def _drain_others(case: Case, draft: Draft) -> None:
    """Former revisions: pods that never came up go first, then the newest, within the room above the floor."""
    standing = [s for s in case.others if s.spec_replicas > 0]
    for replica_set in standing:
        idle = deadline_of(replica_set) is None and case.carried_by(replica_set) == 0
        if replica_set.available < replica_set.spec_replicas and idle:
            _resize(case, draft, replica_set, replica_set.available, "unavailable pods of a former revision")
    spare = sum(s.available for s in case.owned) - case.bounds.floor
    granted = 0
    for replica_set in sorted(standing, key=revision_of, reverse=True):
        if replica_set.name in draft.sizes() or referenced(case, replica_set):
            continue
        if spare <= 0 and deadline_of(replica_set) is None:
            continue
        granted, wanted = _former_size(case, draft, replica_set, granted)
        up = min(replica_set.available, replica_set.spec_replicas)  # pods that are not available cost nothing
        size = max(wanted, up - max(spare, 0)) if wanted < replica_set.spec_replicas else wanted
        spare -= max(0, up - size)
        _resize(case, draft, replica_set, size, "former revision")


def _former_size(case: Case, draft: Draft, replica_set: ReplicaSetView, granted: int) -> tuple[int, int]:
    """How many former revisions keep their pods so far, and the size of this one."""
    deadline = deadline_of(replica_set)
    if not case.routed or not (case.promoted or deadline):
        return granted, 0
    limit = case.canary.scale_down_delay_revision_limit
    if scale_down_delay(case) == 0 or (limit is not None and granted >= limit):
        return granted, 0
    if deadline is None:
        draft.edit(replica_set).annotate(names.SCALE_DOWN_DEADLINE, _in(case, draft, scale_down_delay(case)))
        return granted + 1, replica_set.spec_replicas
    if deadline > case.now:
        draft.wakes.append(deadline)
        return granted + 1, replica_set.spec_replicas
    return granted + 1, 0


def referenced(case: Case, replica_set: ReplicaSetView) -> bool:
    """Whether anything may still send requests to a version: status, recorded weights, or a Service's live selector."""
    if not case.routed:
        return False
    hashes = {case.status.stable_rs, case.status.current_pod_hash}
    if weights := case.status.canary.weights:
        hashes |= {weights.canary.pod_template_hash, weights.stable.pod_template_hash}
    hashes |= {s.selector.get(names.POD_HASH, "") for s in case.seen.services.values() if s is not None}
    return replica_set.pod_hash in hashes


def _forget_idle_deadlines(case: Case, draft: Draft) -> None:
    """A set without pods needs no deadline; a stale one woke the reference in a loop (#4971)."""
    for replica_set in case.others:
        if draft.edit(replica_set).size == 0:
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
