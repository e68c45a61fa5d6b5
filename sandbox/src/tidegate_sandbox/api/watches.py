"""Watch streams: initial state, live events, bookmarks, time limits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Receive, Send

from tidegate_sandbox.api.answers import JSON, Form, metadata_only, shaped, status_of, wanted_form
from tidegate_sandbox.api.call import Call
from tidegate_sandbox.api.hub import Event, Hub, Watcher, event_line, kind_for
from tidegate_sandbox.api.reads import bad_match, check_version, future_version, selector_of
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.conversion import as_served
from tidegate_sandbox.errors import Gone
from tidegate_sandbox.faults import Faults
from tidegate_sandbox.registry import Registry

# A real server sends them about once a minute and two seconds before the end.
BOOKMARK_S = 60.0
# Without timeoutSeconds a watch lasts between 30 and 60 minutes (apiserver --min-request-timeout).
_LIFE_S = 1800


@dataclass(slots=True)
class Watch:
    """One watch request, from its first line to its last."""

    registry: Registry
    hub: Hub
    call: Call
    watcher: Watcher
    first: list[bytes]
    shape: Callable[[str, Manifest], bytes]
    ends_at: float

    async def run(self, receive: Receive, send: Send) -> None:
        """Stream until the time is up, the client goes away, a fault strikes or the server stops."""
        gone = asyncio.ensure_future(self._disconnected(receive))
        try:
            await send(_start())
            if self.first:
                await send(_piece(b"".join(self.first)))
                self.first.clear()
            await self._follow(send)
            if not self.watcher.dropped:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self.hub.remove(self.watcher)

    @property
    def dropped(self) -> bool:
        """True when a fault ended it: the connection is to be cut, not closed in order."""
        return self.watcher.dropped

    async def _disconnected(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self.watcher.close()

    async def _follow(self, send: Send) -> None:
        clock = asyncio.get_running_loop().time
        bookmarks = self.call.flag("allowWatchBookmarks")
        bookmark_at = clock() + BOOKMARK_S
        while not self.watcher.closed:
            # Before looking, not after: what arrives while a piece is being sent must wake the wait below.
            self.watcher.ready.clear()
            if piece := self.watcher.take(clock()):
                await send(_piece(piece))
            if clock() >= self.ends_at:
                break
            if bookmarks and clock() >= bookmark_at:
                await send(_piece(self._bookmark(self._reached())))
                bookmark_at = clock() + BOOKMARK_S
            due = min(filter(None, (self.ends_at, bookmark_at, self.watcher.next_due())))
            await self._wait(due - clock())
        if bookmarks and not self.watcher.closed:
            await send(_piece(self._bookmark(self._reached())))

    async def _wait(self, seconds: float) -> None:
        handle = asyncio.get_running_loop().call_later(max(seconds, 0.0), self.watcher.ready.set)
        await self.watcher.ready.wait()
        handle.cancel()

    def _reached(self) -> int:
        """Up to where this watch has told everything."""
        return max(self.hub.seen, self.watcher.after) if self.watcher.next_due() is None else self.watcher.after

    def _bookmark(self, version: int, initial_end: bool = False) -> bytes:
        meta: Manifest = {"resourceVersion": str(version)}
        if initial_end:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        resource = self.call.resource
        return self.shape("BOOKMARK", {"kind": resource.kind, "apiVersion": resource.group_version, "metadata": meta})


def open_watch(registry: Registry, hub: Hub, faults: Faults, call: Call) -> Watch:
    """Take a watch into the hub, with what it has to be told first. Call in the event loop.

    A version that is no longer known is told in the stream, as a real server does from its watch cache.
    """
    form, selector = wanted_form(call), selector_of(call)
    shape = _shape(registry, call, form)
    loop_time = asyncio.get_running_loop().time()
    life_s = call.number("timeoutSeconds") or _LIFE_S + random.randrange(_LIFE_S)  # noqa: S311  spreads reconnects
    ledger = registry.ledger
    with ledger.lock:
        watcher = Watcher(
            call.resource, call.namespace, selector, ledger.version, faults, None if form.is_plain else shape
        )
        watch = Watch(registry, hub, call, watcher, [], shape, loop_time + life_s)
        try:
            watch.first.extend(_first_lines(watch, check_version(call)))
        except Gone as error:
            watch.first.append(event_line("ERROR", status_of(error)))
            watcher.close()
        hub.add(watcher)
    return watch


def _first_lines(watch: Watch, version: int) -> list[bytes]:
    """What the client does not know yet: the state as it is, or the changes since its version."""
    call, ledger, watcher = watch.call, watch.registry.ledger, watch.watcher
    initial = call.query.get("sendInitialEvents", "")
    if initial and call.query.get("resourceVersionMatch") != "NotOlderThan":
        raise bad_match("Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    if version > ledger.version:
        raise future_version(version, ledger.version)
    if initial == "true" or (version == 0 and initial != "false"):
        rows = [row.object for _, row in ledger.rows(call.resource.key, call.namespace)]
        chosen = [item for item in rows if watcher.selector.matches(item)]
        lines = [watch.shape("ADDED", as_served(call.resource, item)) for item in chosen]
        if initial == "true" and call.flag("allowWatchBookmarks"):
            lines.append(watch._bookmark(ledger.version, initial_end=True))
        return lines
    if version == 0:
        return []
    events = [Event(change) for change in ledger.changes_since(call.resource.key, version)]
    kinds = [(event, kind_for(event.change, call.namespace, watcher.selector)) for event in events]
    return [watch.shape(kind, as_served(call.resource, event.shown(kind))) for event, kind in kinds if kind]


def _shape(registry: Registry, call: Call, form: Form) -> Callable[[str, Manifest], bytes]:
    """How an event's object becomes a line in the form the client asked for."""
    if form.is_plain:
        return event_line
    if form.kind != "Table":
        return lambda kind, item: event_line(kind, metadata_only(item))

    def as_table(kind: str, item: Manifest) -> bytes:
        made = shaped(form, call.resource, [] if kind == "BOOKMARK" else [item], registry.clock.now())
        made["metadata"] = {"resourceVersion": item["metadata"]["resourceVersion"]}
        if kind == "BOOKMARK":
            made["rows"] = [{"cells": [], "object": metadata_only(item)}]
        return event_line(kind, made)

    return as_table


def _start() -> dict[str, object]:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", JSON.encode())]}


def _piece(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}
