"""What the cluster looked like when it was last heard of: one store for each kind, with indexes.

Values are frozen by convention: whoever wants to edit one copies it first. Only the reflector of a scope writes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tidegate.runtime.versions import at_least

T = TypeVar("T")
Manifest = dict[str, Any]
Key = tuple[str, str]  # namespace, name
IndexOf = Callable[[Manifest], Iterable[str]]


WRITER = ("manager", "time", "subresource")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One object: its identity and what is kept of it."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    value: T


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """An object came (`old` is None), changed, or went (`new` is None)."""

    old: Entry[T] | None
    new: Entry[T] | None

    @property
    def entry(self) -> Entry[T]:
        """The object as it is now, or as it was last."""
        entry = self.new or self.old
        if entry is None:
            raise ValueError("a change of nothing")
        return entry


@dataclass(frozen=True, slots=True)
class _Made(Generic[T]):
    entry: Entry[T]
    values: dict[str, tuple[str, ...]]


class Store(Generic[T]):
    """Objects of one kind by namespace and name. Safe to use from any thread; every answer is a snapshot.

    `project` makes what is kept out of a whole object; `indexes` name values by which objects are found again. Both see
    the trimmed object and must not keep parts of it that they edit.
    """

    def __init__(self, project: Callable[[Manifest], T], indexes: Mapping[str, IndexOf] | None = None) -> None:
        self._project, self._index_of = project, dict(indexes or {})
        self._entries: dict[Key, Entry[T]] = {}
        self._values: dict[Key, dict[str, tuple[str, ...]]] = {}
        self._indexes: dict[str, dict[str, dict[Key, None]]] = {name: {} for name in self._index_of}
        self._heard: dict[str, str] = {}
        self._lock = threading.RLock()

    def get(self, namespace: str, name: str) -> Entry[T] | None:
        """The object, or None where it is not known to exist."""
        with self._lock:
            return self._entries.get((namespace, name))

    def all(self, namespace: str = "") -> list[Entry[T]]:
        """Every object, of one namespace or of all."""
        with self._lock:
            return [entry for key, entry in self._entries.items() if not namespace or key[0] == namespace]

    def by(self, index: str, value: str) -> list[Entry[T]]:
        """The objects that `index` names `value`. Raises KeyError for an index that was not declared."""
        with self._lock:
            return [self._entries[key] for key in self._indexes[index].get(value, ())]

    def heard(self, namespace: str) -> str:
        """The newest resourceVersion that is surely in here as far as `namespace` goes; "" before the first list."""
        with self._lock:
            return self._heard.get("") or self._heard.get(namespace, "")

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def replace(self, manifests: Iterable[Manifest], resource_version: str, scope: str = "") -> list[Change[T]]:
        """Take the result of a list of `scope` (a namespace, or "" for all); the changes against what was known."""
        # Made before the lock is taken, and one by one: whole objects of a large list never exist at the same time.
        fresh = {_key(manifest): self._made(manifest) for manifest in manifests}
        with self._lock:
            gone = [key for key in self._entries if key not in fresh and (not scope or key[0] == scope)]
            changes = [Change(self._drop(key), None) for key in gone]
            changes += [change for made in fresh.values() if made and (change := self._take(made)) is not None]
            self._heard[scope] = resource_version
            return changes

    def put(self, manifest: Manifest, scope: str = "") -> Change[T] | None:
        """Take one object from a watch; None where it is known in this version already, or in a newer one."""
        with self._lock:
            known = self._entries.get(_key(manifest))
            version = str(manifest["metadata"].get("resourceVersion", ""))
            self.advance(version, scope)
            if known is not None and known.resource_version != version and at_least(known.resource_version, version):
                return None  # a late duplicate
            made = self._made(manifest)
            return self._take(made) if made is not None else None

    def remove(self, manifest: Manifest, scope: str = "") -> Change[T] | None:
        """Take a deletion from a watch; None where the object is unknown, or known in a newer version."""
        with self._lock:
            known = self._entries.get(_key(manifest))
            version = str(manifest["metadata"].get("resourceVersion", ""))
            self.advance(version, scope)
            if known is None or (known.resource_version != version and at_least(known.resource_version, version)):
                return None
            return Change(self._drop(_key(manifest)), None)

    def advance(self, resource_version: str, scope: str = "") -> None:
        """Everything of `scope` up to `resource_version` is in here; an older version changes nothing."""
        with self._lock:
            if not at_least(self._heard.get(scope, ""), resource_version):
                self._heard[scope] = resource_version

    def _made(self, manifest: Manifest) -> _Made[T] | None:
        """What is kept of an object, and under which index values; None where it cannot be read.

        One object of a form that nobody foresaw must not blind the watch to all others: it stays as it was known.
        """
        metadata = manifest["metadata"]
        uid, version = str(metadata.get("uid", "")), str(metadata.get("resourceVersion", ""))
        try:
            values = {name: tuple(index_of(manifest)) for name, index_of in self._index_of.items()}
            return _Made(Entry(*_key(manifest), uid, version, self._project(manifest)), values)
        except Exception:
            log.exception("store: %s/%s cannot be read; it is left as it was", *_key(manifest))
            return None

    def _take(self, made: _Made[T]) -> Change[T] | None:
        entry = made.entry
        key = (entry.namespace, entry.name)
        old = self._entries.get(key)
        if old is not None and old.resource_version == entry.resource_version:
            return None
        self._unindex(key)
        self._entries[key], self._values[key] = entry, made.values
        for name, found in made.values.items():
            for value in found:
                self._indexes[name].setdefault(value, {})[key] = None
        return Change(old, entry)

    def _drop(self, key: Key) -> Entry[T]:
        self._unindex(key)
        return self._entries.pop(key)

    def _unindex(self, key: Key) -> None:
        for name, values in self._values.pop(key, {}).items():
            for value in values:
                keys = self._indexes[name].get(value, {})
                keys.pop(key, None)
                if not keys:
                    self._indexes[name].pop(value, None)


def _key(manifest: Manifest) -> Key:
    metadata = manifest["metadata"]
    return str(metadata.get("namespace", "")), str(metadata["name"])


def trimmed(manifest: Manifest, *, writers: bool = False) -> Manifest:
    """The object without what is large and never read; edited in place, so only for one that nobody else holds.

    With `writers` it is kept who has written it and when, though not which fields.
    """
    metadata = manifest.get("metadata") or {}
    entries = metadata.pop("managedFields", None)
    if writers and entries:
        metadata["managedFields"] = [{key: entry[key] for key in WRITER if key in entry} for entry in entries]
    if annotations := metadata.get("annotations"):
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return manifest
