"""What the facade needs of a cluster: cached reads, live reads and three guarded writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tidegate.hooks.objects import Manifest
from tidegate.hooks.references import Kind


class Cluster(Protocol):
    """The API server as a unit of work sees it. Every method may raise an ApiError; it must be safe for threads."""

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object from the watch cache, not to be edited, or None."""
        ...

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The objects from the watch cache that carry all of `labels`, not to be edited, in any order."""
        ...

    def read_live(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object from the API server, or None."""
        ...

    def select_live(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The objects from the API server that carry all of `labels`, in any order."""
        ...

    def create(self, kind: Kind, namespace: str, manifest: Manifest) -> Mapping[str, Any]:
        """Create, and give back what the server made of it. Raises AlreadyExists."""
        ...

    def patch(self, kind: Kind, namespace: str, name: str, patch: Manifest, resource_version: str) -> Mapping[str, Any]:
        """Merge-patch, and give back the result. Raises Conflict where the object is not at `resource_version`.

        The version goes into the body as `metadata.resourceVersion`; "" stands for no precondition.
        """
        ...

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object that has this uid. Raises NotFound, and Conflict for a namesake."""
        ...
