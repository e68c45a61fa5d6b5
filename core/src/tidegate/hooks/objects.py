"""The unit of work that a router edits: reads copies, remembers edits, writes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tidegate.errors import NotFound, PluginError
from tidegate.hooks.references import Kind
from tidegate.machine.actions import Event

Manifest = dict[str, Any]
Place = tuple[Kind, str, str]  # kind, namespace, name


class Reader(Protocol):
    """Where copies come from: the watch cache in the controller, a file in `tidegate lint`, dicts in a test."""

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, not to be edited, or None."""
        ...

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The objects that carry all of `labels`, not to be edited, in any order."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """One wanted write. `patch` is a JSON merge patch for "patch", the whole object for "create", empty for "delete".

    `before` is the copy that the edit started from; its resourceVersion and uid guard the write. `namespace` is the
    object's own. `events` are sent once it is made, `failed` if it is refused.
    """

    verb: Literal["create", "patch", "delete"]
    kind: Kind
    name: str
    patch: Manifest = field(default_factory=dict)
    before: Manifest = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    namespace: str = ""
    failed: Event | None = None

    @property
    def key(self) -> Place:
        """Which object is meant."""
        return self.kind, self.namespace, self.name

    @property
    def place(self) -> str:
        """`<plural>.<group> "<name>"`, as Kubernetes names an object in errors."""
        return f'{self.kind.resource} "{self.name}"'


class Objects:
    """Copies of objects, with a memory of what was edited.

    `namespace` is the Rollout's, which "" stands for in every method; an object in another one is named with it, and must
    be among the router's `reads`. Not thread-safe; made anew for every call.

    `event` is sent once the write has been made, and not at all where nothing differed. `failed` is sent instead of the
    core's `TrafficRoutingError` where the API server refuses the write, once for each change of what is wrong; `{error}` in
    its message stands for the error's text. Conflicts are repeated and never told this way. The last one that is given
    for an object counts.
    """

    def __init__(self, reader: Reader, namespace: str) -> None:
        self._reader, self.namespace = reader, namespace
        self._before: dict[Place, Manifest] = {}
        self._after: dict[Place, Manifest | None] = {}
        self._events: dict[Place, list[Event]] = {}
        self._failed: dict[Place, Event] = {}
        self._asked: dict[Place, None] = {}

    @property
    def asked(self) -> tuple[Place, ...]:
        """Every object that was read or written by name so far, in the order of first mention."""
        return tuple(self._asked)

    def get(self, kind: Kind, name: str, namespace: str = "") -> Manifest | None:
        """A copy of the object as it stands in this unit of work, or None. Editing it changes nothing; see `edit`."""
        key = (kind, namespace or self.namespace, name)
        self._asked[key] = None
        copied: Manifest | None = clone(self._after[key] if key in self._after else self._reader.read(*key))
        return copied

    def select(self, kind: Kind, labels: Mapping[str, str], namespace: str = "") -> tuple[Manifest, ...]:
        """Copies of all objects that carry `labels` as they stand in this unit of work, sorted by name."""
        namespace = namespace or self.namespace
        found = {str(each["metadata"]["name"]): each for each in self._reader.select(kind, namespace, labels)}
        for (edited, where, name), after in self._after.items():
            if (edited, where) == (kind, namespace):
                found.pop(name, None)
                if after is not None and carries(after, labels):
                    found[name] = after
        return tuple(clone(found[name]) for name in sorted(found))

    def edit(
        self, kind: Kind, name: str, event: Event | None = None, namespace: str = "", failed: Event | None = None
    ) -> Manifest:
        """The object to be edited in place; what differs at the end is sent as a merge patch.

        Raises NotFound where the object does not exist.
        """
        key = (kind, namespace or self.namespace, name)
        current = self._after.get(key)
        if current is None:
            found = self.get(kind, name, namespace)
            if found is None:
                raise NotFound(f'{kind.resource} "{name}" not found', code=404, reason="NotFound")
            self._before.setdefault(key, clone(found))
            current = self._after[key] = found
        self._note(key, event, failed)
        return current

    def create(
        self,
        kind: Kind,
        manifest: Manifest,
        event: Event | None = None,
        namespace: str = "",
        failed: Event | None = None,
    ) -> None:
        """Have `manifest` created; its namespace, apiVersion and kind are filled in.

        Raises PluginError for one without a name and for one that exists: that one is to be edited.
        """
        manifest = clone(manifest)
        metadata = manifest.setdefault("metadata", {})
        if not metadata.get("name"):
            raise PluginError(f"{kind.resource}: an object to be created needs metadata.name")
        if self.get(kind, metadata["name"], namespace) is not None:
            raise PluginError(f'{kind.resource} "{metadata["name"]}" exists; edit it instead of creating it')
        metadata["namespace"] = namespace or self.namespace
        key = (kind, metadata["namespace"], metadata["name"])
        self._after[key] = {"apiVersion": kind.api_version, "kind": kind.kind, **manifest}
        self._note(key, event, failed)

    def delete(
        self, kind: Kind, name: str, event: Event | None = None, namespace: str = "", failed: Event | None = None
    ) -> None:
        """Have the object deleted, guarded by its uid; a missing object counts as deleted."""
        key = (kind, namespace or self.namespace, name)
        found = self.get(kind, name, namespace)
        if found is None:
            return
        if key in self._after and key not in self._before:  # made in this unit of work: it was never there
            del self._after[key]
            return
        self._before.setdefault(key, found)
        self._after[key] = None
        self._note(key, event, failed)

    def changes(self) -> tuple[Change, ...]:
        """What has to be written, in the order of first mention; edits that changed nothing are left out."""
        changes: list[Change] = []
        for key, after in self._after.items():
            (kind, namespace, name), before, told = key, self._before.get(key), self._told(key)
            if after is None and before is not None:
                changes.append(Change("delete", kind, name, {}, before, told[0], namespace, told[1]))
            elif after is not None and before is None:
                changes.append(Change("create", kind, name, after, {}, told[0], namespace, told[1]))
            elif after is not None and before is not None and (patch := merge_patch(before, after)):
                changes.append(Change("patch", kind, name, patch, before, told[0], namespace, told[1]))
        return tuple(changes)

    def _note(self, key: Place, event: Event | None, failed: Event | None) -> None:
        if event is not None:
            self._events.setdefault(key, []).append(event)
        if failed is not None:
            self._failed[key] = failed

    def _told(self, key: Place) -> tuple[tuple[Event, ...], Event | None]:
        """The events of an object: of its change, and of a change that fails."""
        return tuple(self._events.get(key, ())), self._failed.get(key)


def carries(manifest: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether an object has all of `labels`."""
    found = (manifest.get("metadata") or {}).get("labels") or {}
    return all(found.get(key) == value for key, value in labels.items())


def clone(value: Any) -> Any:
    """A copy of a JSON value that shares nothing with it; a fifth of the time that copy.deepcopy takes."""
    if isinstance(value, Mapping):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def controller_of(manifest: Mapping[str, Any]) -> Manifest:
    """The ownerReference that is marked as controller; empty for an object that nobody controls."""
    for owner in manifest.get("metadata", {}).get("ownerReferences") or []:
        if owner.get("controller"):
            return dict(owner)
    return {}


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> Manifest:
    """The JSON merge patch (RFC 7386) that turns `before` into `after`; empty where they are equal.

    A None in `after` counts as an absent key: merge patches have no other word for null.
    """
    wanted = {key: value for key, value in after.items() if value is not None}
    patch: Manifest = {key: None for key, value in before.items() if key not in wanted and value is not None}
    for key, value in wanted.items():
        if key not in before:
            patch[key] = value
        elif isinstance(value, Mapping) and isinstance(before[key], Mapping):
            if inner := merge_patch(before[key], value):
                patch[key] = inner
        elif value != before[key] or type(value) is not type(before[key]):
            patch[key] = value
    return patch
