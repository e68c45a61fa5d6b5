"""Sizes: nothing that anybody relies on is drained, bounds are kept, bookkeeping is true."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api import names
from tidegate.machine.actions import PatchReplicaSet
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.plan import Result
from tidegate.simulation.invariants.look import Look, Rule, Trace, share
from tidegate.simulation.store import REPLICA_SET


def i1_stable_service_keeps_a_pod(look: Look) -> Iterator[str]:
    """I1, second half: a basic canary never drains the last pod that stableService selects (not with R = 0, R + S = 1)."""
    service = look.canary.stable_service
    if look.routed or not service or look.replicas == 0 or look.limit == 1:
        return
    for replica_set, size in look.shrunk:
        if size == 0 and look.selected_by(service) == replica_set.pod_hash:
            yield f"{look.named(replica_set)} -> 0 while {service} selects it"


def i6_what_is_referenced_keeps_its_pods(look: Look) -> Iterator[str]:
    """I6: what status, a Service, recorded weights or a mesh subset refers to is never scaled to 0."""
    if look.replicas == 0:
        return
    for replica_set, size in look.shrunk:
        if size > 0:
            continue
        for reason in _references(look, replica_set):
            yield f"{look.named(replica_set)} -> 0: {reason}"


def _references(look: Look, replica_set: ReplicaSetView) -> Iterator[str]:
    pod_hash, blue_green = replica_set.pod_hash, look.blue_green
    if not look.routed and blue_green is None:
        return  # the bounds of the basic canary hold it (I8), and stableService (I1)
    new = pod_hash == look.after.get("currentPodHash")
    if pod_hash == look.status.get("stableRS") or pod_hash == look.after.get("stableRS"):
        yield "it is stable"
    if look.routed and look.recorded(pod_hash) > 0:
        yield f"it is recorded with {look.recorded(pod_hash)}"
    if blue_green is not None and look.selected_by(blue_green.active_service) == pod_hash:
        yield "the active Service selects it"
    if look.routed and not new and replica_set.available > 0:  # 3.12: pods that never came up go at once
        for service in (look.canary.canary_service, look.canary.stable_service):
            if service and look.selected_by(service) == pod_hash:
                yield f"{service} selects it"
        for router in look.cluster.plane.routers.values():
            if (
                router.hashed
                and router.written
                and pod_hash in (router.written.hashes.canary, router.written.hashes.stable)
            ):
                yield f"a subset of {router.name} is it"


def i7_dynamic_stable_serves_its_share(look: Look) -> Iterator[str]:
    """I7: with dynamicStableScale no version gets smaller than its recorded share needs."""
    if not look.canary.dynamic_stable_scale or not look.routed:
        return
    for replica_set, size in look.shrunk:
        aborted_new = look.aborted and replica_set.pod_hash == look.status.get("currentPodHash")
        if replica_set.pod_hash == look.status.get("stableRS") or aborted_new:
            need = share(look.recorded(replica_set.pod_hash), look.replicas, look.total)
            if size < min(need, replica_set.spec_replicas, look.replicas):
                yield f"{look.named(replica_set)} -> {size}, its share {look.recorded(replica_set.pod_hash)} needs {need}"


def i8_bounds_hold(look: Look) -> Iterator[str]:
    """I8: a basic canary never asks for more than R + S; nobody takes the available pods below R - U."""
    if not look.running or look.blue_green is not None:
        return
    before = sum(s.spec_replicas for s in look.owned)
    after = sum(look.size(s) for s in look.owned)
    if not look.routed and after > max(before, look.limit):
        yield f"{before} -> {after} pods wanted, at most {look.limit}"
    if look.canary.dynamic_stable_scale and any(step.set_canary_scale is not None for step in look.canary.steps):
        return  # 3.8: stable follows the weight alone, and the user has sized the canary below it
    # A new version that a router has been told to send nothing may go.
    idle = look.new if look.routed and look.new is not look.stable and not look.recorded_canary else None
    ready = sum(min(s.available, s.spec_replicas) for s in look.owned)
    left = sum(min(s.available, s.spec_replicas if s is idle else look.size(s)) for s in look.owned)
    if left < min(ready, look.floor):
        sizes = ", ".join(f"{look.named(s)} -> {look.size(s)}" for s in look.owned)
        yield f"{ready} -> {left} available, at least {look.floor}: {sizes}"


def i16_desired_replicas_is_noted(look: Look) -> Iterator[str]:
    """I16: after a whole pass new and stable bear R as their desired-replicas."""
    if not look.running or look.made.error or look.made.crashed or not _whole(look):
        return
    for replica_set in {s.name: s for s in (look.new, look.stable) if s is not None}.values():
        note = _annotation(look, replica_set.name, names.DESIRED_REPLICAS)
        if note is not None and note != str(look.replicas):
            yield f"{look.named(replica_set)} notes {note or 'nothing'} of {look.replicas}"


def i19_no_deadline_on_new_or_stable(look: Look) -> Iterator[str]:
    """I19: no scale-down deadline on a ReplicaSet that is new (unless aborted) or stable after a whole pass.

    While a person has paused the Rollout the sizes stand still, and their deadlines with them (3.1-10).
    """
    if not look.running or look.made.error or look.made.crashed or not _whole(look):
        return
    if look.made.seen.rollout.spec.paused:
        return
    for replica_set in (look.new, look.stable):
        if replica_set is None or (
            look.after.get("abort") and replica_set.pod_hash == look.after.get("currentPodHash")
        ):
            continue
        if replica_set.pod_hash != look.status.get("stableRS") and replica_set is not look.new:
            continue
        if look.blue_green is not None and look.selected_by(look.blue_green.active_service) != replica_set.pod_hash:
            continue  # a former version that is on its way back
        if _annotation(look, replica_set.name, names.SCALE_DOWN_DEADLINE):
            yield f"{look.named(replica_set)} has a deadline while {look.made.situation}"


def _whole(look: Look) -> bool:
    """Whether the pass saw the world as it was, and every action of its plan was tried and done."""
    outcomes = look.made.outcomes
    return (
        look.made.fresh
        and len(outcomes) == len(look.made.plan.actions)
        and all(outcome.result is Result.DONE for outcome in outcomes)
    )


def _annotation(look: Look, name: str, key: str) -> str | None:
    """An annotation of a ReplicaSet as the server has it, "" without; None where the set is gone."""
    found = look.cluster.store.get(REPLICA_SET, name)
    return None if found is None else (found["metadata"].get("annotations") or {}).get(key, "")


RULES = (
    Rule.of("I1", i1_stable_service_keeps_a_pod, PatchReplicaSet),
    Rule.of("I6", i6_what_is_referenced_keeps_its_pods, PatchReplicaSet),
    Rule.of("I7", i7_dynamic_stable_serves_its_share, PatchReplicaSet),
    Rule.of("I8", i8_bounds_hold, PatchReplicaSet),
    Rule.of("I16", i16_desired_replicas_is_noted, Trace.MADE),
    Rule.of("I19", i19_no_deadline_on_new_or_stable, Trace.MADE),
)
