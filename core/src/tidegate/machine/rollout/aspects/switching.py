"""The two Services of a blue-green Rollout: whom people preview, and who gets the traffic."""

from __future__ import annotations

from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.rollout.aspects.services import point
from tidegate.machine.rollout.blue_green import active_hash, strategy_of, switch_due
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft


def point_preview(case: Case, draft: Draft) -> None:
    """Let the preview Service select the new revision at once: it is there to watch the pods come up."""
    service = strategy_of(case).preview_service
    draft.preview = case.selected(service) if service else ""
    exists = case.new is not None or not case.sets.name_taken
    if exists and not case.halted and case.seen.services.get(service) is not None:
        point(case, draft, service, case.new_hash)
        draft.preview = case.new_hash


def switch_active(case: Case, draft: Draft) -> None:
    """Let the active Service select whoever is to get the traffic.

    # differs: an abort goes back as soon as stable has a pod; the reference waits until the *new* version is complete.
    """
    service, stable = strategy_of(case).active_service, _home(case)
    if switch_due(case):
        point(case, draft, service, case.new_hash)
        draft.active = case.new_hash
    elif stable is not None and stable.available >= 1 and _strayed(case):
        point(case, draft, service, stable.pod_hash)
        draft.active = stable.pod_hash
    else:
        draft.active = active_hash(case)


def _home(case: Case) -> ReplicaSetView | None:
    """Who serves where nobody else may: stable. A Service that was never ours waits until all of its pods are there."""
    view = case.seen.services.get(strategy_of(case).active_service)
    adopted = view is not None and bool(view.managed_by)
    return case.stable if adopted else case.separate_stable


def _strayed(case: Case) -> bool:
    """Whether the active Service selects somebody who may not have the traffic: all but stable after an abort, nobody of us."""
    active = active_hash(case)
    undone = case.aborted or case.promoted  # the template is stable's again, and whoever was on trial has failed
    return active != case.status.stable_rs if undone else case.sets.of(active) is None
