"""`spec.restartAt`: pods that are older are evicted, a few at a time, and replaced by their ReplicaSets.

Source: argo-rollouts rollout/restart.go; deviations are marked.
"""

from __future__ import annotations

from datetime import datetime

from tidegate.api import intstr, names
from tidegate.machine.actions import EvictPod
from tidegate.machine.moments import later
from tidegate.machine.observed import PodView, ReplicaSetView
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft

POLL_S = 30  # after a PodDisruptionBudget has refused; the reference controller's interval


def restart_pods(case: Case, draft: Draft) -> None:
    """Evict as many older pods as may be unavailable at once: stable's first, then the new version's, then the others'.

    # differs: a version of several pods keeps one, whatever maxUnavailable allows; the reference counts the pods of all
    versions together, and those of one that gets no requests made up for all pods of the one that gets them.
    """
    at = _pending(case)
    if at is None:
        return
    if case.now < at:
        draft.wakes.append(at)
        return
    older = _older(case, at)
    budget = sum(_staying(case, draft, replica_set) for replica_set in case.owned) - _floor(case)
    for pod in [pod for pod in older if not pod.deleting and not _last_one(case, draft, pod)][: max(budget, 0)]:
        draft.act(EvictPod(pod.name, pod.uid, why=f"it is older than restartAt; {len(older)} are"))
    if older:
        draft.wakes.append(later(case.now, POLL_S))
        draft.notes.append(f"{len(older)} pods are older than restartAt, {max(budget, 0)} may go now")


def _last_one(case: Case, draft: Draft, pod: PodView) -> bool:
    """Whether a pod is the youngest available one of a version that has several: it goes once another has come up.

    So are younger ones that are not available yet: they are coming up in its place. (By a clock that is behind they may
    look older than restartAt, and would be evicted again and again.)
    """
    owner = next(s for s in case.owned if s.uid == pod.owner_uid)
    edit = draft.edits.get(owner.name)
    size = owner.spec_replicas if edit is None else edit.size
    up = [p for p in case.seen.pods if p.owner_uid == owner.uid and p.available and not p.deleting]
    if size <= 1 or not up:
        return False
    last = max(up, key=lambda p: (p.created, p.name))
    return pod is last or (not pod.available and pod.created >= last.created)


def restarted_at(case: Case) -> datetime | None:
    """What status.restartedAt is after this pass: restartAt once no older pod is left, those that are ending included.

    # differs: a blue-green of the reference says so when it evicts the last one.
    """
    at = _pending(case)
    if at is None or case.now < at or _older(case, at) or len(case.seen.pods) < sum(s.replicas for s in case.owned):
        return case.status.restarted_at
    return at


def _pending(case: Case) -> datetime | None:
    at = case.rollout.spec.restart_at
    return None if at == case.status.restarted_at else at


def _older(case: Case, at: datetime) -> list[PodView]:
    order = [s.uid for s in (case.separate_stable, case.new, *case.others) if s is not None]
    mine = [pod for pod in case.seen.pods if pod.owner_uid in order and pod.created < at]
    return sorted(mine, key=lambda pod: (order.index(pod.owner_uid), pod.created, pod.name))


def _staying(case: Case, draft: Draft, replica_set: ReplicaSetView) -> int:
    """Available pods of a version that will not go anyway, because it shrinks."""
    up = sum(1 for pod in case.seen.pods if pod.owner_uid == replica_set.uid and pod.available and not pod.deleting)
    edit = draft.edits.get(replica_set.name)
    return min(up, replica_set.spec_replicas if edit is None else edit.size)


def _floor(case: Case) -> int:
    """Pods that must stay available; a maxUnavailable of 0 still restarts one at a time."""
    strategy = case.blue_green or case.canary
    written = names.DEFAULT_SURGE if strategy.max_unavailable is None else strategy.max_unavailable
    unavailable = intstr.resolve(written, case.replicas, round_up=False)
    return max(case.replicas, sum(s.spec_replicas for s in case.owned)) - max(unavailable, 1)
