"""The versioned tables of the sandbox: what is there now, what changed since when, and who is told.

Knows nothing of kinds' rules. Manifests in it are never edited after the commit, so readers share them without copies.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from tidegate_sandbox.contracts import Cancel, Change, Manifest
from tidegate_sandbox.errors import Gone

log = logging.getLogger(__name__)

Key = tuple[str, str]  # namespace ("" for cluster-wide kinds), name

# A real server keeps about five minutes; this many changes is a few MB per thousand and never reached by most tests.
HISTORY = 20_000


@dataclass(slots=True)
class Row:
    """One object as stored; `encoded` is its JSON, made at most once and shared by every list and watch."""

    object: Manifest
    version: int
    _encoded: bytes = b""

    @property
    def encoded(self) -> bytes:
        if not self._encoded:
            self._encoded = encode(self.object)
        return self._encoded


def encode(manifest: Manifest) -> bytes:
    return json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(slots=True)
class Ledger:
    """All objects of all kinds under one counter. `lock` is held around every read-judge-commit sequence."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    version: int = 1
    compacted: int = 0
    _tables: dict[str, dict[Key, Row]] = field(default_factory=dict)
    _log: deque[Change] = field(default_factory=deque)
    _listeners: list[Callable[[Change], None]] = field(default_factory=list)
    _undelivered: deque[Change] = field(default_factory=deque)
    _delivering: bool = False

    def row(self, resource: str, key: Key) -> Row | None:
        return self._tables.get(resource, {}).get(key)

    def rows(self, resource: str, namespace: str = "") -> list[tuple[Key, Row]]:
        """Everything of a kind (in one namespace if named), in the order etcd lists it: by namespace, then name."""
        with self.lock:
            table = self._tables.get(resource, {})
            if namespace:
                return sorted((item for item in table.items() if item[0][0] == namespace), key=lambda item: item[0])
            return sorted(table.items(), key=lambda item: item[0])

    def count(self, resource: str) -> int:
        return len(self._tables.get(resource, {}))

    def put(self, resource: str, key: Key, manifest: Manifest) -> Row:
        """Commit: the manifest gets the next resourceVersion and must not be edited afterwards. Call with `lock` held."""
        self.version += 1
        manifest["metadata"]["resourceVersion"] = str(self.version)
        table = self._tables.setdefault(resource, {})
        old = table.get(key)
        row = table[key] = Row(manifest, self.version)
        kind: Change = Change(
            "MODIFIED" if old else "ADDED", resource, manifest, old.object if old else None, self.version
        )
        self._record(kind)
        return row

    def remove(self, resource: str, key: Key, last: Manifest) -> Manifest:
        """Take an object away; watchers see `last` with the resourceVersion of the removal. Call with `lock` held."""
        old = self._tables[resource].pop(key)
        self.version += 1
        gone = last | {"metadata": last["metadata"] | {"resourceVersion": str(self.version)}}
        self._record(Change("DELETED", resource, gone, old.object, self.version))
        return gone

    def _record(self, change: Change) -> None:
        self._log.append(change)
        self._undelivered.append(change)
        while len(self._log) > HISTORY:
            self.compacted = self._log.popleft().resource_version

    def deliver(self) -> None:
        """Tell the listeners what was committed, in order, without the lock; a listener that writes only adds to the line.

        Call after releasing `lock`. When another thread is delivering already, that thread takes these changes too.
        """
        while True:
            with self.lock:
                if self._delivering or not self._undelivered:
                    return
                self._delivering = True
            try:
                self._drain()
            finally:
                self._delivering = False

    def _drain(self) -> None:
        while True:
            with self.lock:
                if not self._undelivered:
                    return
                change = self._undelivered.popleft()
                listeners = tuple(self._listeners)
            for listener in listeners:
                try:
                    listener(change)
                except Exception:  # one listener's defect must not hide the change from the others, nor fail the write
                    log.exception("a listener failed on %s of %s", change.type, change.resource)

    def subscribe(self, listener: Callable[[Change], None]) -> Cancel:
        with self.lock:
            self._listeners.append(listener)

        def cancel() -> None:
            with self.lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return cancel

    def compact(self) -> None:
        """Forget the history: watches and lists from an older resourceVersion are Gone from now on."""
        with self.lock:
            self._log.clear()
            self.compacted = self.version

    def changes_since(self, resource: str, version: int) -> list[Change]:
        """What happened to a kind after `version`, oldest first; Gone when that is no longer known."""
        with self.lock:
            if version < self.compacted:
                raise Gone(f"too old resource version: {version} ({self.compacted + 1})")
            newest_first = (change for change in self._newer(version) if change.resource == resource)
            return list(newest_first)[::-1]

    def rows_at(self, resource: str, version: int) -> list[tuple[Key, Row]]:
        """A kind as it was at `version`, by undoing what came later; Gone when that is no longer known."""
        with self.lock:
            table = dict(self._tables.get(resource, {}))
            for change in reversed(self.changes_since(resource, version)):
                meta = change.object["metadata"]
                key = (meta.get("namespace", ""), meta["name"])
                if change.old is None:
                    table.pop(key, None)
                else:
                    table[key] = Row(change.old, int(change.old["metadata"]["resourceVersion"]))
            return sorted(table.items(), key=lambda item: item[0])

    def version_before(self, changes: int) -> int:
        """The resourceVersion as it was `changes` commits ago, as far as the history goes."""
        with self.lock:
            past = next(islice(reversed(self._log), changes - 1, None), None) if changes > 0 else None
            return past.resource_version - 1 if past else (self.compacted if changes > 0 else self.version)

    def _newer(self, version: int) -> list[Change]:
        newer = []
        for change in reversed(self._log):
            if change.resource_version <= version:
                break
            newer.append(change)
        return newer
