"""The mutable sheet that the aspects of one pass write on; it never leaves `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidegate.machine.actions import Action, Event, PatchReplicaSet
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.traffic import Weights


@dataclass(slots=True)
class SetEdit:
    """Everything that this pass wants of one existing ReplicaSet; becomes one patch."""

    replica_set: ReplicaSetView
    replicas: int | None = None
    annotations: dict[str, str | None] = field(default_factory=dict)
    min_ready_seconds: int | None = None
    owner: bool | None = None
    template: dict[str, Any] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def annotate(self, key: str, value: str | None) -> None:
        """Want an annotation to have `value`, None for none; nothing where it already is so."""
        if self.replica_set.annotations.get(key) != value:
            self.annotations[key] = value
        else:
            self.annotations.pop(key, None)

    @property
    def size(self) -> int:
        """The size after this pass."""
        return self.replica_set.spec_replicas if self.replicas is None else self.replicas

    def patch(self) -> PatchReplicaSet | None:
        """The one write, or None where nothing is to be changed."""
        kept = self.replicas is None and self.min_ready_seconds is None and self.owner is None
        if kept and not self.annotations and not self.template:
            return None
        seen = self.replica_set
        return PatchReplicaSet(
            seen.name,
            seen.uid,
            seen.resource_version,
            self.replicas,
            dict(self.annotations),
            self.min_ready_seconds,
            self.owner,
            dict(self.template),
            why="; ".join(self.why) or "bookkeeping",
            events=tuple(self.events),
        )


@dataclass(slots=True)
class Draft:
    """Actions so far, edits of ReplicaSets (one each), notes for people and times to look again."""

    actions: list[Action] = field(default_factory=list)
    late: list[Action] = field(default_factory=list)  # to be done behind the edits
    edits: dict[str, SetEdit] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    weights: Weights | None = None  # what this pass asks of every router; None where it asks nothing
    started: set[str] = field(default_factory=set)  # rollout-types of runs, and "Experiment", that begin in this pass
    active: str = ""  # the revision that a blue-green's active Service selects after this pass
    preview: str = ""  # the same for the preview Service

    def act(self, action: Action) -> None:
        """Add an action behind the others."""
        self.actions.append(action)

    def edit(self, replica_set: ReplicaSetView) -> SetEdit:
        """The sheet of one ReplicaSet."""
        found = self.edits.get(replica_set.name)
        if found is None:
            found = self.edits[replica_set.name] = SetEdit(replica_set)
        return found

    def sizes(self) -> Mapping[str, int]:
        """Sizes that this pass sets, by name."""
        return {name: edit.replicas for name, edit in self.edits.items() if edit.replicas is not None}

    @property
    def scaled(self) -> bool:
        """Whether any ReplicaSet gets another size in this pass."""
        return bool(self.sizes())
