"""A Rollout that borrows its template from another workload: it follows that one's generation, and takes its place.

Source: argo-rollouts rollout/templateref.go and rollout/controller.go.
"""

from __future__ import annotations

from tidegate.api import names
from tidegate.machine.actions import PatchRollout, ScaleWorkload
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft

PROGRESSIVELY, ON_SUCCESS = "progressively", "onsuccess"


def follow_workload(case: Case, draft: Draft) -> None:
    """Note which generation of the workload this is about; clients compare the note with the status."""
    wanted = case.workload_generation
    noted = case.rollout.metadata.annotations.get(names.WORKLOAD_GENERATION, "")
    if wanted and noted != wanted:
        draft.act(PatchRollout({names.WORKLOAD_GENERATION: wanted}, why="the workload has changed"))


def scale_workload_down(case: Case, draft: Draft) -> None:
    """Take the workload's pods away as the Rollout's come up, in its first revision only, as `scaleDown` asks."""
    reference, workload = case.rollout.spec.workload_ref, case.seen.workload
    if reference is None or workload is None or workload.replicas is None or case.revision != 1:
        return
    new = case.new
    shrinking = new is not None and draft.edit(new).size < new.spec_replicas
    size = _size(case, reference.scale_down, shrinking=shrinking)
    if size is not None and size != workload.replicas:
        why = f"{workload.replicas} -> {size}: the Rollout's own pods take over ({reference.scale_down})"
        optional = reference.scale_down == PROGRESSIVELY
        draft.act(ScaleWorkload(workload.kind, workload.name, size, optional=optional, why=why))


def _size(case: Case, mode: str, *, shrinking: bool) -> int | None:
    """The workload's size, None to leave it: nothing once all is well, else what the Rollout's ready pods leave open.

    With no pod ready it is left alone, unless the Rollout itself gives pods up.
    """
    if mode in (PROGRESSIVELY, ON_SUCCESS) and case.promoted and case.status.phase == "Healthy":
        return 0
    if case.seen.workload is not None and case.seen.workload.replicas == 0:
        return None  # it has given way already, whatever the Rollout's size becomes (#4321)
    ready = sum(s.ready for s in case.owned)
    return max(0, case.replicas - ready) if mode == PROGRESSIVELY and (ready > 0 or shrinking) else None
