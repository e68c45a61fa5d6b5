"""All stores of one controller: the kinds that it always watches, and those that turn out to be needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tidegate.errors import Pending, Retry
from tidegate.hooks.objects import carries
from tidegate.hooks.references import Kind
from tidegate.runtime.kinds import Foreign
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.projections import as_is
from tidegate.runtime.reflector import Pace, Reflector, Scope
from tidegate.runtime.store import Change, Store
from tidegate.runtime.transport import Transport

T = TypeVar("T")
Manifest = dict[str, Any]
OnRouted = Callable[[Kind, Change[Manifest]], None]

# How soon to look again for the cache of a kind that has only just been named.
FILLING_S = 0.1
# How often a kind that routers name and that is not served is asked for again: as often as the Rollout itself.
ROUTED_ABSENT_S = 20.0
# And for one whose list fails, for want of rights say: as often as a person may look whether his change has helped.
FAILING_S = 5.0


class Watches:
    """Reflectors by kind, one for each namespace of the controller. Safe to use from any thread."""

    def __init__(
        self, transport: Transport, namespaces: Sequence[str], metrics: Metrics, pace: Pace | None = None
    ) -> None:
        self._transport, self._metrics, self._pace = transport, metrics, pace or Pace()
        self._namespaces = tuple(namespaces) or ("",)
        self._reflectors: dict[Kind, list[Reflector[Any]]] = {}
        self._stores: dict[Kind, Store[Any]] = {}
        self._offers: dict[Kind, Callable[[], None]] = {}
        self._clusters: dict[str, Transport] = {}
        self._on_routed: OnRouted | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def watch(
        self,
        kind: Kind,
        store: Store[T],
        on_change: Callable[[Change[T]], None],
        *,
        selector: str = "",
        absent_s: float = 0,
        writers: bool = False,
    ) -> None:
        """Keep `store` filled with `kind` from now on; `absent_s` is the pause while the kind is not served, 0 the usual.

        `writers` keeps who has written an object.
        """
        pace = replace(self._pace, absent_s=min(absent_s, self._pace.absent_s)) if absent_s else self._pace
        with self._lock:
            if kind in self._stores or self._stopped:
                return
            transport = self.transport(kind)
            self._stores[kind] = store
            self._reflectors[kind] = [
                Reflector(transport, Scope(kind, namespace, selector, writers), store, on_change, pace, self._metrics)
                for namespace in self._namespaces
            ]
            for reflector in self._reflectors[kind]:
                reflector.start()

    def offer(self, kind: Kind, store: Store[T], on_change: Callable[[Change[T]], None], *, selector: str = "") -> None:
        """Say how `kind` is to be watched once it is needed; nothing is asked of the server before."""
        self._offers[kind] = lambda: self.watch(kind, store, on_change, selector=selector)

    def on_routed(self, listener: OnRouted) -> None:
        """Who is told of changes of the kinds that routers name."""
        self._on_routed = listener

    def ensure(self, kind: Kind) -> None:
        """Watch a kind as it was offered, or whole objects for routers; nothing where it is watched already."""
        if kind in self._stores:
            return
        if offer := self._offers.get(kind):
            offer()
            return
        listener = self._on_routed

        def told(change: Change[Manifest]) -> None:
            if listener is not None:
                listener(kind, change)

        self.watch(kind, Store(as_is), told, absent_s=ROUTED_ABSENT_S, writers=True)

    def join(self, cluster: str, transport: Transport) -> None:
        """Reach kinds of another cluster by `transport` from now on."""
        with self._lock:
            self._clusters[cluster] = transport

    def leave(self, cluster: str) -> None:
        """Watch nothing in another cluster any more, and close its connection."""
        with self._lock:
            transport = self._clusters.pop(cluster, None)
            left = [kind for kind in self._stores if isinstance(kind, Foreign) and kind.cluster == cluster]
            ended = [reflector for kind in left for reflector in self._reflectors.pop(kind)]
            for kind in left:
                del self._stores[kind]
        for reflector in ended:
            reflector.stop(timeout_s=0.0)
        if transport is not None:
            transport.close()

    def transport(self, kind: Kind) -> Transport:
        """The way to the cluster that the kind is found in. Raises Pending for a cluster that was left meanwhile."""
        if not isinstance(kind, Foreign):
            return self._transport
        transport = self._clusters.get(kind.cluster)
        if transport is None:
            raise Pending(f"the cluster of {kind.resource} has changed", after_s=FILLING_S)
        return transport

    def served(self, kind: Kind) -> Kind:
        """The kind at the version that the server has, as far as it is known."""
        reflectors = self._reflectors.get(kind)
        return reflectors[0].served if reflectors else kind

    def need(self, kind: Kind) -> None:
        """Make sure that the cache of `kind` can be believed. Raises Pending while it is filled, Retry if it cannot be."""
        self.ensure(kind)
        if waiting := [r for r in self._reflectors.get(kind, ()) if not r.synced.is_set()]:
            problem = waiting[0].problem
            if problem:
                raise Retry(f"the cache of {kind.resource} cannot be filled: {problem}", after_s=FAILING_S)
            raise Pending(f"the cache of {kind.resource} is being filled", after_s=FILLING_S)

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """A whole object, not to be edited, or None. Only for kinds that routers name. Raises Pending."""
        self.need(kind)
        entry = self._store(kind).get(namespace, name)
        return None if entry is None else entry.value

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """Whole objects that carry `labels`, not to be edited. Only for kinds that routers name. Raises Pending."""
        self.need(kind)
        return [entry.value for entry in self._store(kind).all(namespace) if carries(entry.value, labels)]

    def _store(self, kind: Kind) -> Store[Any]:
        """Raises Pending where the kind's cluster was left a moment ago."""
        store = self._stores.get(kind)
        if store is None:
            raise Pending(f"the cluster of {kind.resource} has changed", after_s=FILLING_S)
        return store

    def watched(self, kind: Kind) -> bool:
        """Whether there is a store of `kind`, filled or not."""
        return kind in self._stores

    def heard(self, kind: Kind, namespace: str) -> str:
        """The newest version that is surely in the store; "" for a kind that is not watched."""
        store = self._stores.get(kind)
        return "" if store is None else store.heard(namespace)

    def refresh(self, kind: Kind) -> None:
        """Open the watches of `kind` anew: they seem to lag behind."""
        for reflector in self._reflectors.get(kind, ()):
            reflector.refresh()

    def wait_synced(self, kinds: Sequence[Kind], timeout_s: float) -> bool:
        """Wait for the first lists of `kinds`."""
        deadline = time.monotonic() + timeout_s
        reflectors = [reflector for kind in kinds for reflector in self._reflectors.get(kind, ())]
        return all(r.synced.wait(max(0.0, deadline - time.monotonic())) for r in reflectors)

    def problem(self, kinds: Sequence[Kind]) -> str:
        """Why the stores of `kinds` are not filled yet; "" once they are."""
        for kind in kinds:
            for reflector in self._reflectors.get(kind, ()):
                if not reflector.synced.is_set():
                    return f"{reflector.scope}: {reflector.problem or 'the first list is under way'}"
        return ""

    def absent(self, kind: Kind) -> bool:
        """Whether the API server does not serve `kind`."""
        return any(reflector.absent for reflector in self._reflectors.get(kind, ()))

    def stop(self) -> None:
        """End every watch."""
        with self._lock:
            self._stopped = True
            reflectors = [reflector for each in self._reflectors.values() for reflector in each]
        for reflector in reflectors:
            reflector.stop(timeout_s=1.0)
