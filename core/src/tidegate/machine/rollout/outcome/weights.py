"""What is recorded of the traffic once every router has accepted it."""

from __future__ import annotations

from tidegate.api.status import TrafficWeights, WeightDestination
from tidegate.machine.actions import Event
from tidegate.machine.rollout.aspects.traffic import hashes
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.outcome.progress import Progress
from tidegate.machine.rollout.report import Report


def record_weights(case: Case, draft: Draft, report: Report, progress: Progress) -> None:
    """Note the weights once every router has accepted them; without routing there are none."""
    if not case.routed or not case.seen.routers:
        progress.weights = None
        return
    if not report.confirmed or draft.weights is None:
        return
    now, revisions, named = draft.weights, hashes(case), case.canary.ping_pong is None
    canary = WeightDestination(
        weight=now.canary,
        service_name=case.canary.canary_service if named else "",
        pod_template_hash=revisions.canary,
    )
    stable = WeightDestination(
        weight=now.stable,
        service_name=case.canary.stable_service if named else "",
        pod_template_hash=revisions.stable,
    )
    additional = [
        WeightDestination(weight=d.weight, service_name=d.service, pod_template_hash=d.pod_template_hash)
        for d in now.additional
    ]
    before = progress.weights
    after = TrafficWeights(canary=canary, stable=stable, additional=additional, verified=report.verified)
    progress.weights = after
    if before is None or (before.canary, before.stable, before.additional) != (canary, stable, additional):
        progress.events.append(Event("TrafficWeightUpdated", f"Traffic weight updated {_what_changed(before, after)}"))


def _what_changed(before: TrafficWeights | None, after: TrafficWeights) -> str:
    """The end of the event's text; nothing where only hashes or the stable side changed, and clients know it so."""
    parts = []
    if before is None:
        parts.append(f"to {after.canary.weight}")
    elif before.canary.weight != after.canary.weight:
        parts.append(f"from {before.canary.weight} to {after.canary.weight}")
    if (before.additional if before else []) != after.additional:
        shown = " ".join(f"{{{d.weight} {d.service_name} {d.pod_template_hash}}}" for d in after.additional)
        parts.append(f"additional: [{shown}]")
    return ", ".join(parts)
