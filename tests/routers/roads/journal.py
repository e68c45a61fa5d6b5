"""What was written to the routing objects and the Services, step by step."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tidegate_sandbox.contracts import Change
from tidegate_sandbox.server import Sandbox

Written = tuple[str, str]  # kind, name


class Journal:
    """Counts the changes of what routers and the controller own: everything but status, which the cluster writes.

    `on_write` is called in the middle of such a write: it is committed, and its writer has no answer yet.
    """

    def __init__(self, sandbox: Sandbox, kinds: tuple[str, ...]) -> None:
        self._kinds, self._lock = frozenset(kinds), threading.Lock()
        self._page: Counter[Written] = Counter()
        self.on_write: Callable[[Change], None] | None = None
        self.changed = threading.Condition()
        self._cancel = sandbox.objects.subscribe(self._note)

    def turn(self) -> Mapping[Written, int]:
        """The writes by object since the last turn."""
        with self._lock:
            page, self._page = self._page, Counter()
        return page

    def close(self) -> None:
        """Listen no more."""
        self._cancel()

    def _note(self, change: Change) -> None:
        if change.resource in self._kinds and _wanted(change.old) != _wanted(change.object):
            with self._lock:
                self._page[change.resource, change.object["metadata"]["name"]] += 1
            if self.on_write is not None:
                self.on_write(change)
        with self.changed:
            self.changed.notify_all()


def _wanted(manifest: Mapping[str, Any] | None) -> object:
    """The parts that a writer of the spec is answerable for."""
    if manifest is None:
        return None
    metadata = manifest["metadata"]
    rest = {key: value for key, value in manifest.items() if key not in ("metadata", "status")}
    return rest, metadata.get("annotations") or {}, metadata.get("labels") or {}
