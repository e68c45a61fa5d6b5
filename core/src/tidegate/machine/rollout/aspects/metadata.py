"""Labels and annotations that pods carry for as long as their version has a role: canary or preview, stable or active.

They are put on running pods in place, so nothing restarts. Source: argo-rollouts rollout/ephemeralmetadata.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate.api import names
from tidegate.api.rollout import PodTemplateMetadata
from tidegate.machine.actions import PatchPod
from tidegate.machine.observed import PodView, ReplicaSetView
from tidegate.machine.remembered import Remembered
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft

Marks = dict[str, dict[str, str]]  # by "labels" and "annotations"; no empty parts
_PARTS = ("labels", "annotations")


def mark_pods(case: Case, draft: Draft) -> None:
    """Bring every version's pods to what its role asks for, then its template.

    # differs: pods go first, and the template when they are done, since only the template's annotation tells what has to be
    taken off them; the reference forgets it when it dies in between.
    """
    candidate, serving = _roles(case)
    for replica_set in case.owned:
        if not (candidate or serving or names.EPHEMERAL_METADATA in replica_set.annotations):
            continue
        wanted = marks_of_role(case, replica_set)
        former = injected(replica_set)
        patches = [p for pod in _pods(case, replica_set) if (p := _pod_patch(case, pod, wanted, former)) is not None]
        draft.late += patches
        if not patches and former != wanted:
            edit = draft.edit(replica_set)
            edit.annotate(names.EPHEMERAL_METADATA, written(wanted) or None)
            edit.template["metadata"] = _template_patch(case, wanted, former)
            edit.why.append("metadata of its role")


def marks_of_role(case: Case, replica_set: ReplicaSetView) -> Marks:
    """What a version's pods are to carry: as the candidate, as the one that serves, or nothing as a former one."""
    candidate, serving = _roles(case)
    if replica_set is case.new:
        return serving if case.initial or case.status.stable_rs == case.new_hash else candidate
    return serving if replica_set is case.stable else {}


def marks_at_birth(case: Case) -> Marks:
    """What the pods of a ReplicaSet that is about to be created are to carry."""
    candidate, serving = _roles(case)
    return serving if case.stable is None else candidate


def _roles(case: Case) -> tuple[Marks, Marks]:
    """What candidate and serving version are to carry; not to be changed."""
    return _marks_by_role.of(case.rollout.spec.strategy, None, lambda: _worked_out_roles(case))


_marks_by_role: Remembered[tuple[Marks, Marks]] = Remembered()


def _worked_out_roles(case: Case) -> tuple[Marks, Marks]:
    if case.blue_green is not None:
        return _marks(case.blue_green.preview_metadata), _marks(case.blue_green.active_metadata)
    return _marks(case.canary.canary_metadata), _marks(case.canary.stable_metadata)


def _marks(metadata: PodTemplateMetadata | None) -> Marks:
    parts = {"labels": metadata.labels, "annotations": metadata.annotations} if metadata is not None else {}
    return {part: dict(sorted(marks.items())) for part, marks in parts.items() if marks}


def injected(replica_set: ReplicaSetView) -> Marks:
    """What a ReplicaSet says was put on its template; nothing where the note of it was garbled."""
    try:
        found = json.loads(replica_set.annotations.get(names.EPHEMERAL_METADATA) or "{}")
    except (ValueError, RecursionError):
        return {}
    parts = found if isinstance(found, Mapping) else {}
    noted = {part: parts[part] for part in _PARTS if isinstance(parts.get(part), Mapping)}
    return {part: {str(k): str(v) for k, v in sorted(marks.items())} for part, marks in noted.items() if marks}


def written(marks: Marks) -> str:
    """The note of what is injected, in the form that clients know: compact, labels first, "" for nothing."""
    return json.dumps({part: marks[part] for part in _PARTS if part in marks}, separators=(",", ":")) if marks else ""


def _pods(case: Case, replica_set: ReplicaSetView) -> list[PodView]:
    if replica_set.spec_replicas == 0:
        return []
    return [pod for pod in case.seen.pods if pod.owner_uid == replica_set.uid and not pod.deleting]


def _pod_patch(case: Case, pod: PodView, wanted: Marks, former: Marks) -> PatchPod | None:
    changes: dict[str, dict[str, str | None]] = {}
    for part, carried in (("labels", pod.labels), ("annotations", pod.annotations)):
        target = _target(case, part, wanted, _leavable(case, part, former))
        changes[part] = {key: value for key, value in target.items() if carried.get(key) != value}
    if not any(changes.values()):
        return None
    return PatchPod(pod.name, pod.uid, changes["labels"], changes["annotations"], why="metadata of its version's role")


def _leavable(case: Case, part: str, former: Marks) -> set[str]:
    """Keys that may have been injected: those noted, and those of either role, in case the note came too late."""
    return {key for marks in (former, *_roles(case)) for key in marks.get(part, {})}


def _template_patch(case: Case, wanted: Marks, former: Marks) -> dict[str, dict[str, str | None]]:
    parts = {part: _target(case, part, wanted, set(former.get(part, {}))) for part in _PARTS}
    return {part: target for part, target in parts.items() if target}


def _target(case: Case, part: str, wanted: Marks, leavable: set[str]) -> dict[str, str | None]:
    """Values by key: what is wanted, the template's own value for what is not wanted any more, None to remove."""
    own: Mapping[str, Any] = (case.template.get("metadata") or {}).get(part) or {}
    marks = wanted.get(part, {})
    return {**{key: own.get(key) for key in sorted(leavable - set(marks))}, **marks}
