"""Keeps a store equal to the cluster: one list, then a watch, and again when the watch cannot go on.

One thread for each kind and scope. It never spins: whatever ends badly or at once is followed by a pause that grows.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tidegate.errors import ApiError, Gone, NotFound, TooManyRequests, Transient
from tidegate.hooks.references import Kind
from tidegate.runtime.collecting import collection_paused
from tidegate.runtime.kinds import path_of
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.store import Change, Store, trimmed
from tidegate.runtime.stream import Watch
from tidegate.runtime.transport import Transport
from tidegate.runtime.versions import at_least

log = logging.getLogger(__name__)

T = TypeVar("T")
Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is watched: one kind in one namespace ("" for all), narrowed by a label selector.

    `writers` keeps who has written an object.
    """

    kind: Kind
    namespace: str = ""
    selector: str = ""
    writers: bool = False

    def __str__(self) -> str:
        return f"{self.kind.resource} in {self.namespace or 'all namespaces'}"


@dataclass(frozen=True, slots=True)
class Pace:
    """The numbers of a reflector, in seconds. Pauses, watch length and page size are client-go's.

    A watch lasts a random time between `shortest_s` and `longest_s`, so that many do not end together; a connection
    that is silent for `slack_s` longer than that is dead. A kind that is not served is asked for again every
    `absent_s`. A watch that lasted `lived_s` may end without a pause.
    """

    first_pause_s: float = 0.8
    longest_pause_s: float = 30.0
    healthy_s: float = 120.0
    shortest_s: float = 300.0
    longest_s: float = 600.0
    slack_s: float = 30.0
    absent_s: float = 600.0
    lived_s: float = 5.0
    page: int = 500


class Pauses:
    """How long to wait after failures in a row: doubling, up to as much again at random; reset by a quiet time."""

    def __init__(self, pace: Pace, seconds: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._seconds = pace, seconds
        self._next_s, self._last_at = pace.first_pause_s, seconds()

    def after_failure(self) -> float:
        """The seconds to wait now."""
        now = self._seconds()
        if now - self._last_at > self._pace.healthy_s:
            self._next_s = self._pace.first_pause_s
        pause_s = self._next_s * (1 + random.random())  # noqa: S311 - spreads load, guards nothing
        self._next_s = min(self._next_s * 2, self._pace.longest_pause_s)
        self._last_at = now + pause_s
        return pause_s


class Reflector(Generic[T]):
    """Fills `store` and tells `on_change` of every difference, in order, in its own thread.

    `synced` is set after the first list, or when the kind turns out not to be served (`absent` is then True
    until it is). `problem` is what went wrong last, "" while all is well.
    """

    def __init__(
        self,
        transport: Transport,
        scope: Scope,
        store: Store[T],
        on_change: Callable[[Change[T]], None],
        pace: Pace | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._transport, self.scope, self.store, self._on_change = transport, scope, store, on_change
        self._pace, self._metrics = pace or Pace(), metrics or Metrics()
        self.synced, self.absent, self.problem = threading.Event(), False, ""
        self._versions = scope.kind.acceptable
        self._use(0)
        self._listed = self.served
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._nudged = threading.Event()  # ends the current pause
        self._watch: Watch | None = None
        self._version = ""  # "" until a list; then the version to watch from
        self._worked = False  # whether the watch has brought anything since the last 410
        # Whether to list at the newest version instead of from the server's cache: at first, or a new process could see the
        # world before the last writes of the one before it, and take them back.
        self._exact = True
        self._thread = threading.Thread(target=self._run, name=f"watch {scope}", daemon=True)

    @property
    def served(self) -> Kind:
        """The kind at the version that is watched: the first acceptable one that the server has."""
        return self.scope.kind.at(self._versions[self._at])

    def _use(self, at: int) -> None:
        self._at = at
        self._path = path_of(self.served, self.scope.namespace)

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the watch and the thread."""
        self._stop.set()
        self.refresh()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def refresh(self) -> None:
        """Open the watch anew, or end the pause: for when the store seems to lag behind."""
        self._nudged.set()
        with self._lock:
            if self._watch is not None:
                self._watch.interrupt()

    def _run(self) -> None:
        pauses = Pauses(self._pace)
        while not self._stop.is_set():
            pause_s = self._round(pauses)
            if self._nudged.wait(pause_s):
                self._nudged.clear()

    def _round(self, pauses: Pauses) -> float:
        """List if needed, watch until it ends; the pause before the next round."""
        began = time.monotonic()
        try:
            if not self._version:
                self._list()
            began = time.monotonic()
            self._follow()
        except NotFound as error:
            return self._not_served(error)
        except Gone as error:
            self._version, self._exact = "", True
            # A watch that has worked and then fell behind lists at once; a server that always says 410 is not stormed.
            worked, self._worked = self._worked, False
            return self._failed(error, 0.0 if worked else pauses.after_failure())
        except TooManyRequests as error:
            return self._failed(error, max(error.after_s, pauses.after_failure()))
        except ApiError as error:
            if error.code:  # the server answered: only a broken line lets the old version stand
                self._version = ""
            # A line that had stood for a while is taken up at once: each second without it is a second of blindness.
            stood = not error.code and time.monotonic() - began >= self._pace.lived_s
            return self._failed(error, 0.0 if stood else pauses.after_failure())
        except Exception as error:  # an object nobody foresaw must not end the watch of all others
            self._version = ""
            log.exception("watch %s: unexpected; will list again", self.scope)
            return self._failed(error, pauses.after_failure())
        return 0.0 if time.monotonic() - began >= self._pace.lived_s else pauses.after_failure()

    def _failed(self, error: Exception, pause_s: float) -> float:
        if self._stop.is_set():
            return 0.0
        self.problem = str(error)
        self._metrics.watch_failures.labels(self.scope.kind.resource).inc()
        log.warning("watch %s: %s; again in %.1f s", self.scope, error, pause_s)
        return pause_s

    def _not_served(self, error: NotFound) -> float:
        self._version = ""
        if self._at + 1 < len(self._versions):
            self._use(self._at + 1)
            return 0.0
        self._use(0)
        if not self.absent:
            log.info("watch %s: not served (%s); asking again every %.0f s", self.scope, error, self._pace.absent_s)
        self.absent = True
        self._tell(self.store.replace([], "", self.scope.namespace))
        self.synced.set()
        return self._pace.absent_s

    def _list(self) -> None:
        manifests, version = self._pages()
        heard = self.store.heard(self.scope.namespace)
        if not self._exact and version != heard and at_least(heard, version):
            # One server's cache lags behind another's: never go back in time, ask for what is stored.
            self._exact = True
            manifests, version = self._pages()
        if (
            self._listed != self.served
        ):  # the same objects in another version's form: their resourceVersions tell nothing
            self.store.replace([], "", self.scope.namespace)
            self._listed = self.served
        with collection_paused():
            changes = self.store.replace((self._whole(m) for m in manifests), version, self.scope.namespace)
        self._tell(changes)
        self._version, self._exact, self.absent, self.problem = version, False, False, ""
        self._metrics.relists.labels(self.scope.kind.resource).inc()
        self._metrics.cached.labels(self.scope.kind.resource).set(len(self.store))
        self.synced.set()

    def _pages(self) -> tuple[Iterator[Manifest], str]:
        """All objects, decoded as they are taken, and the version of the list. From the server's cache in one piece, exact
        in pages."""
        query = {"limit": str(self._pace.page)} if self._exact else {"resourceVersion": "0"}
        if self.scope.selector:
            query["labelSelector"] = self.scope.selector
        metadata, items = self._transport.list(self._path, query)
        return self._all_items(metadata, items, query), str(metadata.get("resourceVersion", ""))

    def _all_items(self, metadata: Manifest, items: Iterator[Manifest], query: dict[str, str]) -> Iterator[Manifest]:
        yield from items
        while token := metadata.get("continue"):
            metadata, items = self._transport.list(self._path, {**query, "continue": str(token)})
            yield from items

    def _follow(self) -> None:
        """Watch from the current version until the server ends it. Raises what ended it otherwise."""
        length_s = random.uniform(self._pace.shortest_s, self._pace.longest_s)  # noqa: S311 - spreads load
        query = {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(length_s))),
        }
        if self.scope.selector:
            query["labelSelector"] = self.scope.selector
        with self._transport.watch(self._path, query, length_s + self._pace.slack_s) as watch:
            for event in self._interruptible(watch):
                self.problem, self._worked = "", True
                self._take(event)

    def _interruptible(self, watch: Watch) -> Iterator[Manifest]:
        with self._lock:
            self._watch = watch
        try:
            if not self._stop.is_set():
                yield from watch
        finally:
            with self._lock:
                self._watch = None

    def _take(self, event: Manifest) -> None:
        manifest, scope = event["object"], self.scope.namespace
        version = str(manifest.get("metadata", {}).get("resourceVersion", ""))
        match event.get("type"):
            case "BOOKMARK":
                self.store.advance(version, scope)
            case "ADDED" | "MODIFIED":
                self._tell([self.store.put(self._whole(manifest), scope)])
            case "DELETED":
                self._tell([self.store.remove(manifest, scope)])
            case other:
                raise Transient(f"watch {self.scope}: unknown event type {other!r}", code=500)
        self._version = version or self._version

    def _whole(self, manifest: Manifest) -> Manifest:
        """The object without what is never read; items of a list do not all say what they are."""
        manifest.setdefault("apiVersion", self.served.api_version)
        manifest.setdefault("kind", self.scope.kind.kind)
        return trimmed(manifest, writers=self.scope.writers)

    def _tell(self, changes: list[Change[T]] | list[Change[T] | None]) -> None:
        for change in changes:
            if change is None:
                continue
            try:
                self._on_change(change)
            except Exception:  # the store is right already; a listener's defect must not end the watch
                log.exception("watch %s: a listener failed at %s", self.scope, change.entry.name)
