"""Where a data plane reads the cluster from: anything that lists manifests and tells when they change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tidegate_sandbox.contracts import Cancel, Change, Manifest, Objects
from tidegate_sandbox.errors import NotFound


class Source(Protocol):
    """A cluster as the data plane sees it. Kinds are named as in the store: `pods`, `ingresses.networking.k8s.io`."""

    def list(self, resource: str) -> Sequence[Manifest]:
        """All present objects of a kind, in all namespaces. The caller does not edit them."""
        ...

    def subscribe(self, listener: Callable[[str], None]) -> Cancel:
        """Call `listener` with the kind after each change; it may be called from any thread and returns at once."""
        ...


class StoreSource:
    """The sandbox's own store, in process."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def list(self, resource: str) -> Sequence[Manifest]:
        """All objects of a kind; none of a kind that the sandbox does not serve (yet)."""
        try:
            return self._objects.list(resource)
        except NotFound:
            return ()

    def subscribe(self, listener: Callable[[str], None]) -> Cancel:
        def changed(change: Change) -> None:
            listener(change.resource)

        return self._objects.subscribe(changed)
