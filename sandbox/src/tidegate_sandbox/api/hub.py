"""Fan-out of committed changes to open watches, in the server's event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tidegate_sandbox.contracts import Cancel, Change, Manifest
from tidegate_sandbox.conversion import as_served
from tidegate_sandbox.faults import Fault, FaultKind, Faults
from tidegate_sandbox.kinds import Resource
from tidegate_sandbox.ledger import Ledger, encode
from tidegate_sandbox.selectors import Selector

# A watcher this far behind is cut off, as a real server does; it starts again from its last resourceVersion.
BACKLOG_LIMIT = 50_000

Encode = Callable[[str, Manifest], bytes]


class Event:
    """One change on its way to many watchers: its JSON is made at most once for each type."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self._lines: dict[str, bytes] = {}

    def line(self, kind: str) -> bytes:
        """The watch line in the stored version; a DELETED line of an object that only left the selection shows its
        last selected state."""
        if kind not in self._lines:
            self._lines[kind] = event_line(kind, self.shown(kind))
        return self._lines[kind]

    def shown(self, kind: str) -> Manifest:
        change = self.change
        if kind == "DELETED" and change.type == "MODIFIED" and change.old is not None:
            version = {"resourceVersion": str(change.resource_version)}
            return change.old | {"metadata": change.old["metadata"] | version}
        return change.object


def event_line(kind: str, item: Manifest) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + encode(item) + b"}\n"


def kind_for(change: Change, namespace: str, selector: Selector) -> str:
    """The event a watcher with this selection sees: empty for none, as a change may move an object in or out of it."""
    if namespace and change.object["metadata"].get("namespace", "") != namespace:
        return ""
    if not selector:
        return change.type
    now, before = selector.matches(change.object), change.old is not None and selector.matches(change.old)
    if change.type == "DELETED":
        return "DELETED" if now or before else ""
    if now:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else ""


@dataclass(slots=True, eq=False)
class Watcher:
    """One open watch: what it wants, and what is waiting to be sent. Belongs to the event loop."""

    resource: Resource
    namespace: str
    selector: Selector
    after: int
    faults: Faults
    shape: Callable[[str, Manifest], bytes] | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    dropped: bool = False
    _lines: deque[tuple[float, bytes]] = field(default_factory=deque)

    def offer(self, event: Event) -> None:
        change = event.change
        if change.resource_version <= self.after or self.closed:
            return
        self.after = change.resource_version
        if kind := kind_for(change, self.namespace, self.selector):
            self._queue(event, kind)

    def _queue(self, event: Event, kind: str) -> None:
        meta = event.change.object["metadata"]
        due, times = 0.0, 1
        for fault in self.faults.on_event(self.resource.name, meta.get("namespace", ""), meta["name"]):
            if fault.kind is FaultKind.DROP_WATCH:
                self.dropped = True
                self.close()
                return
            due, times = self._bent(fault, due, times)
        line = self._line(event, kind)
        # Late events keep their order: a later one never overtakes.
        due = max(due, self._lines[-1][0] if self._lines else 0.0)
        self._lines.extend([(due, line)] * times)
        if len(self._lines) > BACKLOG_LIMIT:
            self.close()
        self.ready.set()

    def _bent(self, fault: Fault, due: float, times: int) -> tuple[float, int]:
        if fault.kind is FaultKind.LATE_EVENT:
            return max(due, asyncio.get_running_loop().time() + fault.seconds), times
        return due, times + 1

    def _line(self, event: Event, kind: str) -> bytes:
        if self.shape is not None:
            return self.shape(kind, as_served(self.resource, event.shown(kind)))
        shown = event.shown(kind)
        served = as_served(self.resource, shown)
        return event.line(kind) if served is shown or served == shown else event_line(kind, served)

    def take(self, now: float) -> bytes:
        """Everything that is due, as one piece."""
        lines = []
        while self._lines and self._lines[0][0] <= now:
            lines.append(self._lines.popleft()[1])
        return b"".join(lines)

    def next_due(self) -> float | None:
        return self._lines[0][0] if self._lines else None

    def close(self) -> None:
        self.closed = True
        self.ready.set()


class Hub:
    """All open watches of one server. Changes come from any thread, everything else happens in the event loop."""

    def __init__(self, ledger: Ledger, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watchers: dict[str, set[Watcher]] = {}
        self._arrived: deque[Change] = deque()
        self._scheduled = False
        self.seen = ledger.version
        self._cancel: Cancel = ledger.subscribe(self._on_change)

    def _on_change(self, change: Change) -> None:
        self._arrived.append(change)
        if not self._scheduled and not self._loop.is_closed():
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        # Cleared first: a change that arrives during the loop schedules another round rather than being left over.
        self._scheduled = False
        while self._arrived:
            event = Event(self._arrived.popleft())
            for watcher in tuple(self._watchers.get(event.change.resource, ())):
                watcher.offer(event)
            self.seen = event.change.resource_version

    def add(self, watcher: Watcher) -> None:
        self._watchers.setdefault(watcher.resource.key, set()).add(watcher)

    def remove(self, watcher: Watcher) -> None:
        self._watchers.get(watcher.resource.key, set()).discard(watcher)

    def count(self) -> int:
        """How many watches are open."""
        return sum(len(group) for group in self._watchers.values())

    def close(self) -> None:
        self._cancel()
        for group in self._watchers.values():
            for watcher in group:
                watcher.close()
