"""What a simulated controller may touch: the view to read from, the store to write to, the clock, names to give."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from tidegate_sandbox.contracts import Change, Clock, Manifest, Objects
from tidegate_sandbox.deletion import Propagation
from tidegate_sandbox.errors import AlreadyExists, NotFound
from tidegate_sandbox.names import generated
from tidegate_sandbox.sim.queue import Key
from tidegate_sandbox.sim.view import View


class Controller(Protocol):
    """One simulated controller: says which keys a change concerns, and brings one key to where it should be."""

    name: str

    def keys_for(self, change: Change) -> Iterable[Key]:
        """The keys to look at again after `change`; called in the writer's thread, must return at once."""
        ...

    def reconcile(self, key: Key) -> datetime | None:
        """One pass over one key, with as few writes as bring it forward; the result is when to look again unasked.

        May raise ApiError: the key is looked at again.
        """
        ...


class PropagatingObjects(Objects, Protocol):
    """The store as the garbage collector needs it: a deletion says what is to become of the dependents."""

    def delete(
        self, resource: str, namespace: str, name: str, uid: str = "", propagation: Propagation = "Background"
    ) -> None: ...


class Cluster:
    """The reads and writes of the simulated controllers. Writes are seen by the next read, and no-ops are not sent."""

    def __init__(self, objects: PropagatingObjects, clock: Clock, view: View) -> None:
        self.objects = objects
        self.view = view
        self._clock = clock
        # Seeded: two runs of one test under a virtual clock give the same names.
        self._random = random.Random(0)  # noqa: S311  names, not secrets

    def now(self) -> datetime:
        return self._clock.now()

    def create(self, resource: str, manifest: Manifest) -> Manifest:
        created = self.objects.create(resource, manifest)
        self.view.remember(resource, created)
        return created

    def create_named(self, resource: str, prefix: str, manifest: Manifest) -> Manifest:
        """Create under `prefix` and five characters that no object of that kind bears yet."""
        while True:
            metadata = {**manifest["metadata"], "name": generated(prefix, self._random), "generateName": prefix}
            try:
                return self.create(resource, {**manifest, "metadata": metadata})
            except AlreadyExists:
                continue

    def update(self, resource: str, manifest: Manifest) -> Manifest:
        """Replace everything but the status; raises Conflict when somebody else wrote since the view's state."""
        updated = self.objects.update(resource, manifest)
        self.view.remember(resource, updated)
        return updated

    def annotate(self, resource: str, manifest: Manifest) -> Manifest:
        """Write labels and annotations through the status, as Kubernetes' own controllers do: the generation stays."""
        updated = self.objects.update(resource, manifest, subresource="status")
        self.view.remember(resource, updated)
        return updated

    def update_status(self, resource: str, seen: Manifest, status: Manifest) -> bool:
        """Write the status of `seen` unless it is `status` already; whether anything was written."""
        if seen.get("status", {}) == status:
            return False
        manifest = {**seen, "metadata": dict(seen["metadata"]), "status": status}
        self.view.remember(resource, self.objects.update(resource, manifest, subresource="status"))
        return True

    def delete(self, resource: str, seen: Manifest, propagation: Propagation = "Background") -> None:
        """Begin the deletion of exactly this object; one that is gone already is as good as deleted."""
        metadata = seen["metadata"]
        try:
            namespace = metadata.get("namespace", "")
            self.objects.delete(resource, namespace, metadata["name"], metadata.get("uid", ""), propagation)
        except NotFound:
            return
