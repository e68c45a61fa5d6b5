"""Which revision each Service selects. The target is computed once a pass, and a selector that already matches is left."""

from __future__ import annotations

from tidegate.api import names
from tidegate.machine.actions import Event, PointService
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.replicas import share
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.position import may_receive, target


def point_services(case: Case, draft: Draft) -> None:
    """stableService first, so that nobody is ever left without one of the two."""
    _point(case, draft, case.canary.stable_service, _stable_side(case), checked=True)
    aborted = case.routed and case.aborted
    side = case.stable if case.aborted else case.new
    if aborted or _may_take_weight(case, side):
        # An aborted canary's Service goes back without a look at availability: with readiness gates of a load balancer
        # an availability check would never be met (#2540, #2818).
        _point(case, draft, case.canary.canary_service, side, checked=not aborted)


def _stable_side(case: Case) -> ReplicaSetView | None:
    """Stable; for a basic canary the new version as soon as stable is about to have no pod left.

    # differs: the reference moves it only after the promotion, so it selects nothing for as long as that takes.
    """
    if not case.routed and case.separate_stable is not None and target(case).now.stable == 0 and case.replicas > 0:
        return case.new if case.new is not None and case.new.available >= 1 else case.stable
    return case.stable


def _may_take_weight(case: Case, side: ReplicaSetView | None) -> bool:
    """A Service that carries weight moves only to a version with the pods for it (one pod would get it all otherwise)."""
    weights = case.status.canary.weights
    if (
        side is None
        or weights is None
        or weights.canary.weight == 0
        or weights.canary.pod_template_hash == side.pod_hash
    ):
        return True
    return side.available >= share(weights.canary.weight, case.replicas, case.total)


def _point(case: Case, draft: Draft, service: str, side: ReplicaSetView | None, *, checked: bool) -> None:
    view = case.seen.services.get(service) if service else None
    if view is None or side is None:
        return
    selected = view.selector.get(names.POD_HASH, "")
    if selected == side.pod_hash:
        return
    if checked and not may_receive(case, service, side):
        draft.notes.append(f"service {service} waits for available pods of {side.name} ({side.available} now)")
        return
    text = f"Switched selector for service '{service}' from '{selected}' to '{side.pod_hash}'"
    draft.act(
        PointService(
            service,
            side.pod_hash,
            adopt=not view.managed_by,
            why=f"{service} is to select {side.name}",
            events=(Event("SwitchService", text),),
        )
    )
