"""The API server's memory: objects by kind and name, with resourceVersions, uids and generations.

An object is never changed in place: each write puts a new dict there. So a former state of a kind is kept by keeping its
map, and a cache that lags behind is no more than an older map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tidegate.api.wire import write_time
from tidegate.errors import AlreadyExists, Conflict, NotFound
from tidegate.machine.merge import merged

Manifest = dict[str, Any]
Objects = Mapping[str, Manifest]
Told = Callable[[str, Manifest | None, Manifest | None], None]

ROLLOUT, REPLICA_SET, SERVICE, WORKLOAD = "rollout", "replicaset", "service", "workload"
RUN, EXPERIMENT = "analysisrun", "experiment"
KINDS = (ROLLOUT, REPLICA_SET, SERVICE, WORKLOAD, RUN, EXPERIMENT)


@dataclass
class Shelf:
    """All objects of one kind now, and every former state as (resourceVersion, objects), oldest first."""

    objects: Objects = field(default_factory=dict)
    past: list[tuple[int, Objects]] = field(default_factory=lambda: [(0, {})])

    version: int = 0  # of the last change

    def at(self, version: int) -> Objects:
        """The newest state that is not newer than `version`."""
        if version >= self.version:
            return self.objects
        for known, objects in reversed(self.past):
            if known <= version:
                return objects
        return self.past[0][1]


class Store:
    """The objects of one namespace. `told` is called with each change: kind, the object before and after it."""

    def __init__(self, clock: Callable[[], datetime], told: Told) -> None:
        self._clock, self._told = clock, told
        self._shelves = {kind: Shelf() for kind in KINDS}
        self._uids = 0
        self.version = 0

    def take_up(self, other: Store) -> None:
        """The objects of another, former states included; what becomes of either is nothing to the other."""
        self.version, self._uids = other.version, other._uids
        for kind, shelf in other._shelves.items():
            self._shelves[kind] = replace(shelf, past=list(shelf.past))

    def shelf(self, kind: str) -> Shelf:
        """Everything of a kind, past and present."""
        return self._shelves[kind]

    def all(self, kind: str) -> Objects:
        """The objects of a kind by name."""
        return self._shelves[kind].objects

    def get(self, kind: str, name: str) -> Manifest | None:
        """An object, None where there is none. Not to be changed."""
        return self._shelves[kind].objects.get(name)

    def create(self, kind: str, manifest: Mapping[str, Any]) -> Manifest:
        """Raises AlreadyExists where the name is taken."""
        name = manifest["metadata"]["name"]
        if name in self.all(kind):
            raise AlreadyExists(f'{kind} "{name}" already exists', code=409, reason="AlreadyExists")
        self._uids += 1
        metadata = {
            "namespace": "default",
            **manifest["metadata"],
            "uid": f"u{self._uids}",
            "generation": 1,
            "creationTimestamp": write_time(self._clock()),
        }
        return self._put(kind, name, {**manifest, "metadata": metadata})

    def patch(self, kind: str, name: str, patch: Mapping[str, Any], *, version: str = "", uid: str = "") -> Manifest:
        """A merge patch of all but the status. Raises NotFound, and Conflict where `version` or `uid` is another."""
        old = self._there(kind, name, version, uid)
        new = merged(old, patch)
        if new == old:
            return old
        if new.get("spec") != old.get("spec"):
            new["metadata"] = {**new["metadata"], "generation": old["metadata"]["generation"] + 1}
        return self._put(kind, name, new)

    def patch_status(self, kind: str, name: str, patch: Mapping[str, Any]) -> Manifest:
        """A merge patch of the status subresource; nothing else moves. Raises NotFound."""
        old = self._there(kind, name, "", "")
        status = merged(old.get("status") or {}, patch)
        return old if status == old.get("status") else self._put(kind, name, {**old, "status": status})

    def delete(self, kind: str, name: str, uid: str = "") -> None:
        """Raises NotFound, and Conflict where the uid is another's."""
        self._there(kind, name, "", uid)
        shelf = self._shelves[kind]
        old = shelf.objects[name]
        shelf.objects = {key: value for key, value in shelf.objects.items() if key != name}
        self._remember(kind, old, None)

    def _there(self, kind: str, name: str, version: str, uid: str) -> Manifest:
        found = self.get(kind, name)
        if found is None:
            raise NotFound(f'{kind} "{name}" not found', code=404, reason="NotFound")
        metadata = found["metadata"]
        if (version and metadata["resourceVersion"] != version) or (uid and metadata["uid"] != uid):
            raise Conflict(f'{kind} "{name}": the object has been modified', code=409, reason="Conflict")
        return found

    def _put(self, kind: str, name: str, manifest: Manifest) -> Manifest:
        manifest["metadata"] = {**manifest["metadata"], "resourceVersion": str(self.version + 1)}
        shelf = self._shelves[kind]
        old = shelf.objects.get(name)
        shelf.objects = {**shelf.objects, name: manifest}
        self._remember(kind, old, manifest)
        return manifest

    def _remember(self, kind: str, old: Manifest | None, new: Manifest | None) -> None:
        self.version += 1
        shelf = self._shelves[kind]
        shelf.version = self.version
        shelf.past.append((self.version, shelf.objects))
        self._told(kind, old, new)
