"""A cluster in which two callers wait for one another, so that what happens at the same moment need not be left to luck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, get_ident
from typing import Any

from tidegate.hooks.references import Kind
from tidegate_testkit.memory import Manifest, MemoryCluster

PATIENCE_S = 10.0  # the other thread needs milliseconds; this only bounds a test that hangs


class MeetingCluster(MemoryCluster):
    """Every thread's first read waits until the other party is at its own; a broken barrier lets everybody through."""

    def __init__(self, manifests: Iterable[Manifest], barrier: Barrier) -> None:
        super().__init__(manifests)
        self._barrier, self._met = barrier, set[int]()

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, read before the meeting: both parties have seen the world without the other's write."""
        found = super().read(kind, namespace, name)
        if get_ident() not in self._met:
            self._met.add(get_ident())
            with suppress(BrokenBarrierError):
                self._barrier.wait(PATIENCE_S)
        return found
