"""The ASGI endpoint for objects: reads the request, lets faults strike, hands it to its verb, sends the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from tidegate_sandbox.api import evictions, reads, reviews, subresources, watches, writes
from tidegate_sandbox.api.answers import Answer, error_answer
from tidegate_sandbox.api.call import Call, read_path, read_query
from tidegate_sandbox.api.hub import Hub
from tidegate_sandbox.errors import ApiError, MethodNotAllowed, ServerFault
from tidegate_sandbox.faults import Fault, FaultKind, Faults, error_of
from tidegate_sandbox.registry import Registry

log = logging.getLogger(__name__)

_BY_SUBRESOURCE: dict[str, Callable[[Registry, Call], Answer]] = {
    "scale": subresources.scale,
    "eviction": evictions.evict,
    "binding": subresources.bind,
    "log": subresources.log,
    "token": subresources.token,
}
_BY_VERB: dict[str, Callable[[Registry, Call], Answer]] = {
    "get": reads.get,
    "list": reads.list_objects,
    "create": writes.create,
    "update": writes.update,
    "patch": writes.patch,
    "delete": writes.delete,
    "deletecollection": writes.delete_collection,
}


class ConnectionCut(Exception):
    """A fault asks for the connection to be cut without an answer."""


@dataclass(slots=True)
class Endpoint:
    """Everything below /api and /apis that is about objects. `cut` aborts the connection of a scope."""

    registry: Registry
    faults: Faults
    hub: Hub
    cut: Callable[[Scope], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive, send)
        except ConnectionCut:
            self.cut(scope)
            # Returning before the connection is down would look like a forgotten answer to the HTTP server.
            while (await receive())["type"] != "http.disconnect":
                continue
            return
        except ApiError as error:
            answer = error_answer(error)
        except Exception as error:  # a defect of the sandbox: the client gets a Status, the log the traceback
            log.exception("%s %s failed", scope["method"], scope["path"])
            answer = error_answer(ServerFault(f"the sandbox failed: {type(error).__name__}: {error}"))
        if answer is not None:
            await send_answer(answer, scope["method"], send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        """The answer, None when a watch has answered for itself."""
        call = read_path(scope["method"], scope["path"], read_query(scope["query_string"]), self.registry.kinds)
        call.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        call.body = await _body(receive)
        struck = self.faults.on_request(call.verb, _faulted_name(call), call.namespace, call.name)
        for fault in struck:
            await self._strike(fault, call)
        if call.verb == "watch":
            watch = watches.open_watch(self.registry, self.hub, self.faults, call)
            await watch.run(receive, send)
            if watch.dropped:
                raise ConnectionCut
            return None
        answer = perform(self.registry, call)
        if any(fault.kind is FaultKind.DROP_AFTER for fault in struck):
            raise ConnectionCut
        return answer

    async def _strike(self, fault: Fault, call: Call) -> None:
        if error := error_of(fault, call.resource.name, call.name):
            raise error
        match fault.kind:
            case FaultKind.LATENCY:
                await asyncio.sleep(fault.seconds)
            case FaultKind.DROP_BEFORE:
                raise ConnectionCut
            case FaultKind.STALE_LIST:
                call.stale = fault.changes


def perform(registry: Registry, call: Call) -> Answer:
    """Run one request that is no watch; ApiError for every answer that is no success."""
    if call.resource.verbs == ("create",):
        return reviews.review(call)
    if special := _BY_SUBRESOURCE.get(call.subresource):
        return special(registry, call)
    verb = "update" if call.subresource == "finalize" and call.verb == "create" else call.verb
    if verb not in call.resource.verbs or (call.subresource and verb not in ("get", "update", "patch")):
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
    if (verb == "create") == bool(call.name) and verb != "deletecollection" and verb != "list":
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
    return _BY_VERB[verb](registry, call)


def _faulted_name(call: Call) -> str:
    return f"{call.resource.name}/{call.subresource}" if call.subresource else call.resource.name


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionCut
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_answer(answer: Answer, method: str, send: Send) -> None:
    headers = {"content-type": answer.content_type, "content-length": str(len(answer.body)), **answer.headers}
    pairs = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.code, "headers": pairs})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
