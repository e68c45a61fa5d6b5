"""What the simulated controllers know of the cluster: an index over every object, fed by the store's changes."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.sim.owners import controller_of

Place = tuple[str, str, str]
"""Where an object lives: resource, namespace (empty for cluster-scoped kinds), name."""


def place_of(resource: str, manifest: Manifest) -> Place:
    metadata = manifest["metadata"]
    return resource, metadata.get("namespace", ""), metadata["name"]


def version_of(manifest: Manifest) -> int:
    return int(manifest["metadata"].get("resourceVersion", 0))


class View:
    """Every object of the cluster as last seen. Thread-safe.

    What it hands out is shared and must not be edited. Our own writes go in by `remember`, so that a pass that follows
    never acts on an older state, however late the store delivers the change.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._seen_version = 0
        self._objects: dict[Place, Manifest] = {}
        self._folders: dict[tuple[str, str], dict[str, Manifest]] = {}
        self._owned: dict[str, dict[Place, Manifest]] = {}
        self._orphans: dict[tuple[str, str], dict[str, Manifest]] = {}
        self._uids: dict[str, Place] = {}
        self._resources: dict[tuple[str, str], str] = {}

    def apply(self, change: Change) -> None:
        """Take in one change of the store; changes come in commit order."""
        with self._lock:
            self._seen_version = max(self._seen_version, change.resource_version)
            place = place_of(change.resource, change.object)
            known = self._objects.get(place)
            if change.type == "DELETED":
                self._forget(place)
            elif known is None or version_of(known) <= change.resource_version:
                self._put(place, change.object)

    def remember(self, resource: str, manifest: Manifest) -> None:
        """Take in the answer to one of our own writes, unless the changes seen cover it already."""
        with self._lock:
            # Past that version a deletion may have been seen as well: putting it back would make a ghost.
            if version_of(manifest) > self._seen_version:
                self._put(place_of(resource, manifest), manifest)

    def prime(self, resource: str, manifests: Iterable[Manifest]) -> list[Manifest]:
        """Take in what a list at the start found; returns those that no change had brought yet."""
        with self._lock:
            new = [manifest for manifest in manifests if place_of(resource, manifest) not in self._objects]
            for manifest in new:
                self._put(place_of(resource, manifest), manifest)
            return new

    def get(self, resource: str, namespace: str, name: str) -> Manifest | None:
        with self._lock:
            return self._objects.get((resource, namespace, name))

    def within(self, resource: str, namespace: str) -> list[Manifest]:
        """The objects of one kind in one namespace, oldest arrival first."""
        with self._lock:
            return [*self._folders.get((resource, namespace), {}).values()]

    def all_of(self, resource: str) -> list[Manifest]:
        with self._lock:
            folders = [folder for key, folder in self._folders.items() if key[0] == resource]
            return [manifest for folder in folders for manifest in folder.values()]

    def everything_in(self, namespace: str) -> list[Place]:
        """All that lives in a namespace, oldest arrival first; the Namespace itself is cluster-scoped."""
        with self._lock:
            return [place for place in self._objects if place[1] == namespace]

    def owned_by(self, uid: str, resource: str = "") -> list[tuple[Place, Manifest]]:
        """The objects with an ownerReference to `uid`, of one kind or of all, oldest arrival first."""
        with self._lock:
            owned = self._owned.get(uid, {})
            return [(place, manifest) for place, manifest in owned.items() if resource in ("", place[0])]

    def orphans(self, resource: str, namespace: str) -> list[Manifest]:
        """The objects of one kind in one namespace that no controller has."""
        with self._lock:
            return [*self._orphans.get((resource, namespace), {}).values()]

    def holds(self, uid: str) -> bool:
        with self._lock:
            return uid in self._uids

    def find(self, uid: str) -> tuple[Place, Manifest] | None:
        """The object with that uid and where it lives; None when it is not there."""
        with self._lock:
            place = self._uids.get(uid)
            return None if place is None else (place, self._objects[place])

    def resource_of(self, api_version: str, kind: str) -> str | None:
        """The store's name of a kind, such as `rollouts.argoproj.io`; None while no object of it has been seen."""
        with self._lock:
            return self._resources.get((api_version.rpartition("/")[0], kind))

    def _put(self, place: Place, manifest: Manifest) -> None:
        known = self._objects.get(place)
        owners = _owners_of(manifest)
        if known is not None:
            self._unlink(place, known, keep=owners)
        self._objects[place] = manifest
        self._folders.setdefault(place[:2], {})[place[2]] = manifest
        if controller_of(manifest) is None:
            self._orphans.setdefault(place[:2], {})[place[2]] = manifest
        else:
            self._orphans.get(place[:2], {}).pop(place[2], None)
        self._uids[manifest["metadata"].get("uid", "")] = place
        for uid in owners:
            self._owned.setdefault(uid, {})[place] = manifest
        if "kind" in manifest:
            group = manifest.get("apiVersion", "").rpartition("/")[0]
            self._resources[group, manifest["kind"]] = place[0]

    def _forget(self, place: Place) -> None:
        known = self._objects.pop(place, None)
        if known is not None:
            self._unlink(place, known, keep=set())
            del self._folders[place[:2]][place[2]]
            self._orphans.get(place[:2], {}).pop(place[2], None)

    def _unlink(self, place: Place, known: Manifest, keep: set[str]) -> None:
        """Drop the index entries of a former state; those of `keep` stay in their order."""
        self._uids.pop(known["metadata"].get("uid", ""), None)
        for uid in _owners_of(known) - keep:
            owned = self._owned.get(uid, {})
            owned.pop(place, None)
            if not owned:
                self._owned.pop(uid, None)


def _owners_of(manifest: Manifest) -> set[str]:
    return {owner["uid"] for owner in manifest["metadata"].get("ownerReferences", ())}
