"""Which revision each Service selects. The target is computed once a pass, and a selector that already matches is left."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api import names
from tidegate.api.rollout import PingPong
from tidegate.machine.actions import Event, PointService
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.replicas import share
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.position import may_receive, target
from tidegate.machine.rollout.shares import abort_weight, carried_elsewhere, returning, unverified

PING, PONG = "ping", "pong"


def point_services(case: Case, draft: Draft) -> None:
    """stableService first, so that nobody is ever left without one of the two."""
    if case.canary.ping_pong is not None:
        _point_ping_pong(case, draft, ping_pong_sides(case))
    _point(case, draft, case.canary.stable_service, _stable_side(case), checked=True)
    if returning(case) or abort_weight(case) > 0:
        return  # with dynamicStableScale stable is still growing: the canary's Service carries its share until then
    aborted = case.routed and case.aborted
    side = case.stable if case.aborted else case.new
    if aborted or _may_take_weight(case, side):
        # An aborted canary's Service goes back without a look at availability: with readiness gates of a load balancer
        # an availability check would never be met (#2540, #2818).
        _point(case, draft, case.canary.canary_service, side, checked=not aborted)


@dataclass(frozen=True, slots=True)
class Sides:
    """The Services that stand for stable and canary."""

    stable: str
    canary: str


def ping_pong_sides(case: Case) -> Sides:
    """Which of the two Services is whose turn; the promotion swaps them, so nothing has to be re-pointed at that moment."""
    pair = case.canary.ping_pong or PingPong()
    if case.status.canary.stable_ping_pong == PING:
        return Sides(pair.ping_service, pair.pong_service)
    return Sides(pair.pong_service, pair.ping_service)


def idle_side(case: Case) -> str:
    """The ping-pong Service that gets nothing: it goes on selecting the version before, until the next update needs it."""
    idle = case.canary.ping_pong is not None and case.promoted and case.recorded_weight == 0
    return ping_pong_sides(case).canary if idle else ""


def _point_ping_pong(case: Case, draft: Draft, sides: Sides) -> None:
    """The canary's Service moves to the new revision while it carries no weight; pods are not waited for.

    # differs: the reference moves it whatever it carries, and never repairs the stable side.
    """
    idle = case.new is not None and carried_elsewhere(case, case.new) == 0 and not _in_doubt(case, sides.canary)
    if not case.promoted and case.new is not None and not case.aborted and idle:
        point(case, draft, sides.canary, case.new.pod_hash)
    if case.stable is not None and case.selected(sides.stable) != case.stable.pod_hash:
        _point(case, draft, sides.stable, case.stable, checked=True)


def _stable_side(case: Case) -> ReplicaSetView | None:
    """Stable; for a basic canary the new version as soon as stable is about to have no pod left.

    # differs: the reference moves it only after the promotion, so it selects nothing for as long as that takes.
    """
    if not case.routed and case.separate_stable is not None and target(case).now.stable == 0 and case.replicas > 0:
        return case.new if case.new is not None and case.new.available >= 1 else case.stable
    return case.stable


def _may_take_weight(case: Case, side: ReplicaSetView | None) -> bool:
    """A Service that carries weight moves only to a version with the pods for it (one pod would get it all otherwise)."""
    if side is None:
        return True
    if side is not case.stable and _in_doubt(case, case.canary.canary_service):
        return False
    return side.available >= share(carried_elsewhere(case, side), case.replicas, case.total)


def _in_doubt(case: Case, service: str) -> bool:
    """Whether a router may still send a former share to the version that a Service selects, which has pods for it."""
    selected = case.sets.of(case.selected(service))
    return unverified(case) and selected is not None and selected is not case.new and selected.available > 0


def _point(case: Case, draft: Draft, service: str, side: ReplicaSetView | None, *, checked: bool) -> None:
    if side is None or case.seen.services.get(service) is None:
        return
    if checked and not may_receive(case, service, side):
        draft.notes.append(f"service {service} waits for available pods of {side.name} ({side.available} now)")
        return
    point(case, draft, service, side.pod_hash)


def point(case: Case, draft: Draft, service: str, pod_hash: str) -> None:
    """Let a Service select one revision; nothing where it does, or where there is no such Service."""
    view = case.seen.services.get(service) if service else None
    if view is None:
        return
    selected = view.selector.get(names.POD_HASH, "")
    if selected == pod_hash:
        return
    text = f"Switched selector for service '{service}' from '{selected}' to '{pod_hash}'"
    draft.act(
        PointService(
            service,
            pod_hash,
            adopt=not view.managed_by,
            why=f"{service} is to select {pod_hash}",
            events=(Event("SwitchService", text),),
        )
    )
