"""The seams inside the sandbox: what the API server, the simulated controllers and the clock know of one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of one object; `object` and `old` are owned by the store and must not be edited.

    `resource` is the store's name of the kind: `<plural>.<group>`, or the bare plural for the core group
    (`pods`, `deployments.apps`, `rollouts.argoproj.io`).
    """

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: str
    object: Manifest
    old: Manifest | None
    resource_version: int


class Cancel(Protocol):
    def __call__(self) -> None: ...


class Clock(Protocol):
    """Where time comes from: the wall, or a test that jumps."""

    def now(self) -> datetime:
        """The present, timezone-aware UTC."""
        ...

    def call_at(self, when: datetime, callback: Callable[[], None]) -> Cancel:
        """Run `callback` once, not before `when`, never in the caller's stack; the result cancels it."""
        ...


class Objects(Protocol):
    """The store of the sandbox as its own controllers use it: in process, no HTTP, no admission beyond the kind's rules.

    Objects handed out are deep copies. Every write bumps the resourceVersion; `update` with a stale
    `metadata.resourceVersion` raises `Conflict`, a missing object raises `NotFound` (both in `errors.py`).
    Methods may be called from any thread. Subscribers are called after the commit, in commit order, outside the lock's
    critical section of other writers, and must return at once.
    """

    def get(self, resource: str, namespace: str, name: str) -> Manifest: ...

    def list(self, resource: str, namespace: str | None = None) -> list[Manifest]: ...

    def create(self, resource: str, manifest: Manifest) -> Manifest: ...

    def update(self, resource: str, manifest: Manifest, subresource: Literal["", "status"] = "") -> Manifest:
        """Replace; with `subresource="status"` only the status, otherwise everything but it. A no-op writes nothing."""
        ...

    def delete(self, resource: str, namespace: str, name: str, uid: str = "") -> None:
        """Begin deletion: removed at once without finalizers, else `deletionTimestamp` is set."""
        ...

    def subscribe(self, listener: Callable[[Change], None]) -> Cancel: ...
