"""The new revision's ReplicaSet: created, numbered, and kept in step with the Rollout's annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.api import names
from tidegate.machine.actions import CreateReplicaSet, Event, PatchRollout
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.rollout.annotations import revision_of
from tidegate.machine.rollout.aspects.affinity import kept_from, terms
from tidegate.machine.rollout.aspects.metadata import marks_at_birth, written
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft


def write_default_replicas(case: Case, draft: Draft) -> None:
    """Make the default visible, so that an autoscaler finds a number to change (#119)."""
    draft.act(
        PatchRollout(replicas=names.DEFAULT_REPLICAS, why=f"spec.replicas is absent in {case.rollout.metadata.name}")
    )


def create_new(case: Case, draft: Draft) -> None:
    """Create the ReplicaSet of a new template at size 0 and number the Rollout."""
    if case.sets.name_taken:
        return  # it is released in this pass; the next one takes another name
    name = f"{case.rollout.metadata.name}-{case.sets.wanted_hash}"
    draft.act(CreateReplicaSet(name, _manifest(case, name), why="no ReplicaSet runs this template"))
    created = Event("NewReplicaSetCreated", f"Created ReplicaSet {name} (revision {case.sets.next_revision})")
    events = (*_revision_events(case.sets.next_revision), created)
    draft.act(PatchRollout({names.REVISION: str(case.sets.next_revision)}, why="a new revision", events=events))


def claim(case: Case, draft: Draft) -> None:
    """Adopt orphans that are ours by label and selector; release what the selector no longer matches."""
    for orphan in case.sets.adopted:
        edit = draft.edit(orphan)
        edit.owner, edit.why = True, [*edit.why, "an orphan with our labels"]
    for stray in case.sets.released:
        edit = draft.edit(stray)
        edit.owner, edit.why = False, [*edit.why, "the selector no longer matches it"]


def keep_in_step(case: Case, draft: Draft) -> None:
    """Number the new ReplicaSet as the latest, copy the Rollout's annotations and minReadySeconds to it."""
    new = case.new
    if new is None:
        return
    edit = draft.edit(new)
    if revision_of(new) < case.sets.next_revision:
        edit.annotate(names.REVISION, str(case.revision))
        if revision_of(new):
            edit.annotate(names.REVISION_HISTORY, _history(new))
        edit.why.append(f"revision {case.revision}")
    for key, value in copied_annotations(case).items():
        edit.annotate(key, value)
    if new.min_ready_seconds != case.rollout.spec.min_ready_seconds:
        edit.min_ready_seconds = case.rollout.spec.min_ready_seconds
    if case.rollout.metadata.annotations.get(names.REVISION) != str(case.revision):
        draft.act(
            PatchRollout(
                {names.REVISION: str(case.revision)},
                why="follows its ReplicaSet",
                events=_revision_events(case.revision),
            )
        )


def copied_annotations(case: Case) -> dict[str, str]:
    """The Rollout's annotations that its new ReplicaSet carries too; added and overwritten, never removed."""
    return {key: value for key, value in case.rollout.metadata.annotations.items() if key not in names.NOT_COPIED}


def _history(replica_set: ReplicaSetView) -> str:
    former = replica_set.annotations.get(names.REVISION_HISTORY, "")
    number = str(revision_of(replica_set))
    return f"{former},{number}" if former else number


def _revision_events(revision: int) -> tuple[Event, ...]:
    return (Event("RolloutUpdated", f"Rollout updated to revision {revision}"),)


def _manifest(case: Case, name: str) -> dict[str, Any]:
    spec, metadata = case.rollout.spec, case.rollout.metadata
    label = {names.POD_HASH: case.sets.wanted_hash}
    selector = dict(case.selector or {})
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **label}
    template = dict(case.template)
    inner = dict(template.get("metadata") or {})
    inner["labels"] = {**(inner.get("labels") or {}), **label}
    inner.pop("creationTimestamp", None)
    marks = marks_at_birth(case)
    for part, values in marks.items():
        inner[part] = {**(inner.get(part) or {}), **values}
    template["metadata"] = inner
    if apart := kept_from(case):
        template["spec"] = _kept_apart(case, template.get("spec") or {}, apart)
    note = {names.EPHEMERAL_METADATA: written(marks)} if marks else {}
    instance = {k: v for k, v in metadata.labels.items() if k == names.INSTANCE_ID}
    wanted: dict[str, Any] = {"replicas": 0, "selector": selector, "template": template}
    if spec.min_ready_seconds:
        wanted["minReadySeconds"] = spec.min_ready_seconds
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": metadata.namespace,
            "labels": {**((case.template.get("metadata") or {}).get("labels") or {}), **label, **instance},
            "annotations": {
                **copied_annotations(case),
                **note,
                names.REVISION: str(case.sets.next_revision),
                names.DESIRED_REPLICAS: str(case.replicas),
            },
            "ownerReferences": [owner_reference(case)],
        },
        "spec": wanted,
    }


def _kept_apart(case: Case, spec: Mapping[str, Any], apart: str) -> dict[str, Any]:
    """The pod spec with our anti-affinity term beside its own."""
    affinity = spec.get("affinity") or {}
    mine = {**(affinity.get("podAntiAffinity") or {}), **terms(case, apart)}
    return {**spec, "affinity": {**affinity, "podAntiAffinity": mine}}


def owner_reference(case: Case) -> dict[str, Any]:
    """The controller reference from a ReplicaSet to its Rollout."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.ROLLOUT,
        "name": case.rollout.metadata.name,
        "uid": case.rollout.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
