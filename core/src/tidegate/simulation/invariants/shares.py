"""Traffic: weights that add up, that pods stand behind, that an abort never raises; what requests meet at every instant."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.machine.actions import PatchReplicaSet, PointService
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.routing import SetHeaderRoute, SetMirrorRoute, SetWeights
from tidegate.simulation.invariants.look import Look, Rule, Trace, share


def i1_services_select_available_pods(look: Look) -> Iterator[str]:
    """I1: a managed Service never gets a selector whose ReplicaSet has no available pod (exceptions: rollout.md 6.2)."""
    for action, _ in look.tried(PointService):
        target = look.of(action.pod_hash)
        if target is None or target.available > 0 or _may_be_empty(look, action.service, action.pod_hash):
            continue
        yield f"{action.service} is pointed at {look.named(target)}"


def _may_be_empty(look: Look, service: str, pod_hash: str) -> bool:
    blue_green, canary = look.blue_green, look.canary
    if blue_green is not None:
        # 5.8: with R = 0 both Services are switched without a pod.
        return service == blue_green.preview_service or look.replicas == 0
    back = look.routed and look.aborted and pod_hash == look.status.get("stableRS")
    ping_pong = canary.ping_pong is not None and service in (
        canary.ping_pong.ping_service,
        canary.ping_pong.pong_service,
    )
    # 3.11: the first deployment points pingService before there is a pod.
    idle = ping_pong and (not look.recorded_canary or not look.status.get("stableRS"))
    return back or idle or look.replicas == 0


def i2_active_service_moves_to_complete_sets(look: Look) -> Iterator[str]:
    """I2: the active Service moves only to a saturated ReplicaSet, or back to stable with a pod."""
    if look.blue_green is None:
        return
    for action, _ in look.tried(PointService):
        target = look.of(action.pod_hash)
        if action.service != look.blue_green.active_service or target is None:
            continue
        back = action.pod_hash == look.status.get("stableRS") and target.available >= 1
        if not back and not (target.spec_replicas >= look.replicas <= target.available):
            yield f"active Service moves to {look.named(target)} of {look.replicas}"


def i3_weights_add_up(look: Look) -> Iterator[str]:
    """I3: every recorded share is at least 0, and together they are the total."""
    weights = (look.after.get("canary") or {}).get("weights")
    if not weights or "weights" not in (look.made.patch.get("canary") or {}):
        return
    sides = [weights.get("canary", {}), weights.get("stable", {}), *(weights.get("additional") or [])]
    shares = [side.get("weight", 0) for side in sides]
    if min(shares) < 0 or sum(shares) != look.total:
        yield f"recorded shares {shares} of {look.total}"


def i4_stable_can_take_what_it_gets(look: Look) -> Iterator[str]:
    """I4: before the canary's share is lowered to d, stable has floor((M - d) R / M) available pods.

    Not where the side that carries the share has no pod left: I5 forbids it to keep it, and few pods are better than none.
    """
    threshold = look.canary.replica_progress_threshold
    carrier = look.of(
        ((look.status.get("canary") or {}).get("weights") or {}).get("canary", {}).get("podTemplateHash", "")
    )
    if carrier is None or carrier.available == 0:
        return
    before = look.recorded_canary
    for action, _ in look.tried(SetWeights):
        weight = action.weights.canary
        if before is None or weight >= before or (threshold is not None and threshold.value >= 0):
            continue
        want = (look.total - weight) * look.replicas // look.total
        if look.stable is None or look.stable.available < want:
            yield f"{action.router}: {before} -> {weight} with stable {look.named(look.stable)}, wanted {want}"


def i5_canary_holds_the_pods_for_its_share(look: Look) -> Iterator[str]:
    """I5: the canary's share is raised only with the pods for it; it is never above 0 without an available pod."""
    threshold = look.canary.replica_progress_threshold
    scaled = any(step.set_canary_scale is not None for step in look.canary.steps)
    for action, _ in look.tried(SetWeights):
        weight, side = action.weights.canary, look.of(action.hashes.canary)
        available = side.available if side else 0
        if weight > 0 and available == 0:
            yield f"{action.router}: {weight} on {look.named(side)}"
        known = look.recorded_canary or 0
        exact = not scaled and (threshold is None or threshold.value < 0)
        if weight > known and exact and available < share(weight, look.replicas, look.total):
            yield f"{action.router}: {known} -> {weight} with {look.named(side)} of {look.replicas}"


def i11_an_abort_never_raises_the_share(look: Look) -> Iterator[str]:
    """I11 and A3: while aborted no router is told a larger canary share than it had."""
    if not look.aborted:
        return
    for action, _ in look.tried(SetWeights):
        before = look.made.written.get(action.router)
        if (
            before is not None
            and action.weights.canary > before.weights.canary
            and _same_total(look, before.weights.total)
        ):
            yield f"{action.router}: {before.weights.canary} -> {action.weights.canary} during an abort"


def _same_total(look: Look, total: int) -> bool:
    return total == look.total


def i17_routes_only_while_they_are_meant(look: Look) -> Iterator[str]:
    """I17: managed header and mirror routes only in an active, non-aborted update whose new version has pods."""
    asked: list[tuple[SetHeaderRoute | SetMirrorRoute, Outcome]] = [
        *look.tried(SetHeaderRoute),
        *look.tried(SetMirrorRoute),
    ]
    for action, outcome in asked:
        new = look.of(look.after.get("currentPodHash", "") or look.status.get("currentPodHash", ""))
        idle = look.made.situation != "updating" or new is None or new.available == 0
        if idle and outcome.result is Result.DONE:
            yield f"{action.router} gets route {action.route.name} while {look.made.situation} with {look.named(new)}"


def a2_pods_stay_for_what_is_in_force(look: Look) -> Iterator[str]:
    """A2: no ReplicaSet gets smaller than what routers that can verify are seen to send to it still needs."""
    scaled = any(step.set_canary_scale is not None for step in look.canary.steps)
    for router in look.cluster.plane.routers.values():
        shares = router.in_force
        if shares is None or not router.verifies:
            continue
        sides = ((shares.hashes.canary, shares.weights.canary), (shares.hashes.stable, shares.weights.stable))
        for replica_set, size in look.shrunk:
            weight = sum(share_ for pod_hash, share_ in sides if pod_hash == replica_set.pod_hash)
            need = share(weight, look.replicas, shares.weights.total) if not scaled else min(weight, 1)
            if size < min(need, replica_set.spec_replicas, look.replicas):
                yield (
                    f"{look.named(replica_set)} -> {size} while {router.name} sends it {weight} of {shares.weights.total}"
                )


RULES = (
    Rule.of("I1", i1_services_select_available_pods, PointService),
    Rule.of("I2", i2_active_service_moves_to_complete_sets, PointService),
    Rule.of("I3", i3_weights_add_up, Trace.STATUS),
    Rule.of("I4", i4_stable_can_take_what_it_gets, SetWeights),
    Rule.of("I5", i5_canary_holds_the_pods_for_its_share, SetWeights),
    Rule.of("I11", i11_an_abort_never_raises_the_share, SetWeights),
    Rule.of("I17", i17_routes_only_while_they_are_meant, SetHeaderRoute, SetMirrorRoute),
    Rule.of("A2", a2_pods_stay_for_what_is_in_force, PatchReplicaSet),
)
