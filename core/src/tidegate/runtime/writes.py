"""Our own writes, remembered until the watch has brought them back: an older observation is never judged.

Without this a pass that follows a write within milliseconds sees the world before it, and does the same again. (The
reference controller makes one in four short analysis runs twice.)
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from tidegate.hooks.references import Kind
from tidegate.runtime.versions import at_least, comparable

K = TypeVar("K", bound=Hashable)
Heard = Callable[[Kind, str], str]
"""The newest resourceVersion that is surely in the store of a kind for a namespace; "" for a kind not watched."""

# Echoes arrive within milliseconds. The bound only keeps versions that never come back from piling up.
REMEMBERED_ECHOES = 4096


class OwnWrites(Generic[K]):
    """What the passes over each key have written. Safe to use from any thread."""

    def __init__(self) -> None:
        self._pending: dict[K, dict[tuple[Kind, str], str]] = {}
        self._echoes: OrderedDict[tuple[Kind, str, str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def wrote(self, key: K, kind: Kind, namespace: str, name: str, resource_version: str) -> None:
        """A pass over `key` created, changed or deleted an object, which `resource_version` is the result of.

        A version that is no number is not remembered: nothing could ever be said to be older than it.
        """
        if not comparable(resource_version):
            return
        with self._lock:
            pending = self._pending.setdefault(key, {})
            if not at_least(pending.get((kind, namespace), ""), resource_version):
                pending[(kind, namespace)] = resource_version
            self._echoes[(kind, namespace, name, resource_version)] = None
            while len(self._echoes) > REMEMBERED_ECHOES:
                self._echoes.popitem(last=False)

    def unseen(self, key: K, heard: Heard) -> list[Kind]:
        """The kinds whose store is older than a write of an earlier pass over `key`; empty when it may be judged.

        A kind that is not watched is never waited for.
        """
        with self._lock:
            pending = self._pending.get(key)
            if not pending:
                return []
            for (kind, namespace), version in tuple(pending.items()):
                seen = heard(kind, namespace)
                if not seen or at_least(seen, version):
                    del pending[(kind, namespace)]
            if not pending:
                del self._pending[key]
            return [kind for kind, _ in pending]

    def is_echo(self, kind: Kind, namespace: str, name: str, resource_version: str) -> bool:
        """Whether this version of the object is the result of a write of ours, and not somebody else's change."""
        with self._lock:
            return (kind, namespace, name, resource_version) in self._echoes

    def forget(self, key: K) -> None:
        """`key` is gone; nothing is waited for any more."""
        with self._lock:
            self._pending.pop(key, None)
