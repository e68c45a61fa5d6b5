"""The simulated garbage collector: what ownerReferences say happens when an owner is deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.deletion import FOREGROUND, ORPHAN
from tidegate_sandbox.errors import NotFound
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.owners import deleting, released, without_finalizer
from tidegate_sandbox.sim.queue import Key
from tidegate_sandbox.sim.view import Place


class GarbageCollector:
    """Deletes objects whose owners are all gone; serves the foreground and the orphan finalizer."""

    name = "garbage"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys_for(self, change: Change) -> Iterable[Key]:
        metadata = change.object["metadata"]
        keys: list[Key] = []
        if change.type == "DELETED":
            keys += [_key(place) for place, _ in self._cluster.view.owned_by(metadata.get("uid", ""))]
        elif "ownerReferences" in metadata or _asked(change.object):
            keys.append(Key(self.name, change.resource, metadata.get("namespace", ""), metadata["name"]))
        return keys + self._keys_of_waiting_owners(change)

    def _keys_of_waiting_owners(self, change: Change) -> list[Key]:
        """Owners in foreground deletion look again when a dependent goes or no longer blocks."""
        states = (change.object, change.old) if change.old is not None else (change.object,)
        owners = [self._cluster.view.find(uid) for state in states for uid in _owner_uids(state)]
        return [_key(place) for place, owner in filter(None, owners) if FOREGROUND in _asked(owner)]

    def reconcile(self, key: Key) -> datetime | None:
        manifest = self._cluster.view.get(key.resource, key.namespace, key.name)
        if manifest is None:
            return None
        asked = _asked(manifest)
        if ORPHAN in asked:
            self._orphan_dependents(key, manifest)
        elif FOREGROUND in asked:
            self._delete_dependents_first(key, manifest)
        elif not deleting(manifest) and "ownerReferences" in manifest["metadata"]:
            self._check_owners(key, manifest)
        return None

    def _orphan_dependents(self, key: Key, owner: Manifest) -> None:
        uid = owner["metadata"]["uid"]
        for place, dependent in self._cluster.view.owned_by(uid):
            self._cluster.update(place[0], released(dependent, uid))
        self._cluster.update(key.resource, without_finalizer(owner, ORPHAN))

    def _delete_dependents_first(self, key: Key, owner: Manifest) -> None:
        uid = owner["metadata"]["uid"]
        for place, dependent in self._cluster.view.owned_by(uid):
            if deleting(dependent):
                continue
            if self._living_owners(place, dependent):
                self._cluster.update(place[0], released(dependent, uid))
            else:
                self._delete_foreground(place, dependent)
        if not any(_blocks(dependent, uid) for _, dependent in self._cluster.view.owned_by(uid)):
            self._cluster.update(key.resource, without_finalizer(owner, FOREGROUND))

    def _delete_foreground(self, place: Place, dependent: Manifest) -> None:
        """Delete a dependent; one with dependents that block it waits for them in its turn."""
        uid = dependent["metadata"]["uid"]
        blocked = any(_blocks(inner, uid) for _, inner in self._cluster.view.owned_by(uid))
        self._cluster.delete(place[0], dependent, "Foreground" if blocked else "Background")

    def _check_owners(self, key: Key, dependent: Manifest) -> None:
        """Delete an object none of whose owners is left; where some are, drop the references to the others."""
        place = (key.resource, key.namespace, key.name)
        gone = [uid for uid in _owner_uids(dependent) if self._gone(place, dependent, uid)]
        if not gone:
            return
        if len(gone) == len(_owner_uids(dependent)):
            self._cluster.delete(key.resource, dependent)
            return
        for uid in gone:
            dependent = released(dependent, uid)
        self._cluster.update(key.resource, dependent)

    def _living_owners(self, place: Place, dependent: Manifest) -> list[str]:
        """The owners that keep an object: there, and not themselves waiting for it to go."""
        return [
            uid
            for uid in _owner_uids(dependent)
            if not self._gone(place, dependent, uid)
            and ((found := self._cluster.view.find(uid)) is None or FOREGROUND not in _asked(found[1]))
        ]

    def _gone(self, place: Place, dependent: Manifest, uid: str) -> bool:
        """Whether an owner does not exist. One of a kind never seen counts as there: its kind may not be served."""
        if self._cluster.view.holds(uid):
            return False
        reference = next(entry for entry in dependent["metadata"]["ownerReferences"] if entry["uid"] == uid)
        resource = self._cluster.view.resource_of(reference["apiVersion"], reference["kind"])
        if resource is None:
            return False
        return all(self._is_other(resource, namespace, reference) for namespace in {place[1], ""})

    def _is_other(self, resource: str, namespace: str, reference: Manifest) -> bool:
        """Whether there is no object of that name, or one with another uid; asked of the store, not of the view."""
        try:
            found = self._cluster.objects.get(resource, namespace, reference["name"])
        except NotFound:
            return True
        return bool(found["metadata"]["uid"] != reference["uid"])


def _asked(manifest: Manifest) -> list[str]:
    """The collector's finalizers on an object being deleted."""
    if not deleting(manifest):
        return []
    return [name for name in manifest["metadata"].get("finalizers", ()) if name in (FOREGROUND, ORPHAN)]


def _owner_uids(manifest: Manifest) -> list[str]:
    return [reference["uid"] for reference in manifest["metadata"].get("ownerReferences", ())]


def _blocks(dependent: Manifest, uid: str) -> bool:
    references = dependent["metadata"].get("ownerReferences", ())
    return any(reference["uid"] == uid and reference.get("blockOwnerDeletion") for reference in references)


def _key(place: Place) -> Key:
    return Key(GarbageCollector.name, *place)
