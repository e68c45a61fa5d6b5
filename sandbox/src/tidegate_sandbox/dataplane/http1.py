"""HTTP/1.1 on an asyncio loop, both ends, as little of it as the data plane needs: whole messages, keep-alive.

httptools parses; nothing is streamed. Bodies are held in memory up to `BODY_LIMIT`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

import httptools

BODY_LIMIT = 4 << 20  # chosen by feel: far above what a demo sends, far below what hurts
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Message:
    """A request or a response. Header names are lower case; `body` is complete and without chunking."""

    method: str = ""
    target: str = ""
    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    keep_alive: bool = True

    def header(self, name: str) -> str:
        """All values of a header joined with a comma, empty if there is none."""
        return ", ".join(value for key, value in self.headers if key == name)


class HttpError(Exception):
    """The other side did not speak HTTP/1.1 or went away; the text says which."""


def request_bytes(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """A request; `headers` hold `host` and no length."""
    return _message(f"{method} {target} HTTP/1.1", headers, body)


def response_bytes(
    status: int, headers: Iterable[tuple[str, str]], body: bytes = b"", keep_alive: bool = True
) -> bytes:
    """A response with its length; `keep_alive=False` tells the other side that the connection ends here."""
    more = [] if keep_alive else [("connection", "close")]
    return _message(f"HTTP/1.1 {status} {_phrase(status)}", [*headers, *more], body)


def _message(first_line: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    lines = [first_line, *(f"{name}: {value}" for name, value in headers), f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"


class _Parser:
    """Collects what httptools calls back with; `take` hands out each finished message once."""

    def __init__(self) -> None:
        self._message = Message()
        self._body: list[bytes] = []
        self._size = 0
        self._finished: list[Message] = []

    def on_message_begin(self) -> None:
        self._message, self._body, self._size = Message(), [], 0

    def on_url(self, url: bytes) -> None:
        self._message.target += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._message.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > BODY_LIMIT:
            raise HttpError(f"a body of more than {BODY_LIMIT} bytes; the data plane carries small ones only")
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._message.body = b"".join(self._body)
        self._finished.append(self._message)

    def take(self) -> list[Message]:
        finished, self._finished = self._finished, []
        return finished


class ServerConnection(asyncio.Protocol):
    """The server's end of one connection: hands each request to `handler` with the way to answer it.

    The handler answers each request exactly once, then or later. After `drain` the next answer is the last one.
    """

    def __init__(self, handler: Callable[[Message, ServerConnection], None], registry: set[ServerConnection]) -> None:
        self._handler = handler
        self._registry = registry
        self._parser = _Parser()
        self._http = httptools.HttpRequestParser(self._parser)
        self._transport: asyncio.Transport | None = None
        self.draining = False
        self.open_requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._registry.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        self._registry.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._http.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, HttpError):
            self._write(response_bytes(400, (), b"not HTTP/1.1\n", keep_alive=False))
            self.close()
            return
        for message in self._parser.take():
            message.method = self._http.get_method().decode("latin-1")
            message.keep_alive = self._http.should_keep_alive()
            self.open_requests += 1
            self._handler(message, self)

    def answer(self, request: Message, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """Send the response; it goes nowhere when the client has left."""
        self.open_requests -= 1
        keep_alive = request.keep_alive and not self.draining
        data = response_bytes(status, headers, body, keep_alive)
        self._write(data[: len(data) - len(body)] if request.method == "HEAD" else data)
        if not keep_alive and self.open_requests == 0:
            self.close()

    def drain(self) -> None:
        """Let requests under way and the next one finish, then close."""
        self.draining = True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


Done = Callable[[Message | Exception], None]


class ClientConnection(asyncio.Protocol):
    """The client's end: one request at a time, its answer or the error goes to `done`."""

    def __init__(self) -> None:
        self._parser = _Parser()
        self._http = httptools.HttpResponseParser(self._parser)
        self._transport: asyncio.Transport | None = None
        self._done: Done | None = None
        self.usable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._done is not None:
            reason = f": {exc}" if exc is not None else ""
            self._finish(HttpError(f"connection closed before the answer{reason}"))

    def data_received(self, data: bytes) -> None:
        try:
            self._http.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, HttpError) as error:
            self.abort(HttpError(f"answer is not HTTP/1.1: {error}"))
            return
        for message in self._parser.take():
            message.status = self._http.get_status_code()
            message.keep_alive = self._http.should_keep_alive()
            if not message.keep_alive:
                self.close()
            self._finish(message)

    def send(self, data: bytes, done: Done) -> None:
        """Send a whole request; `done` is called once, never in this call."""
        assert self._transport is not None
        assert self._done is None
        self._done = done
        self._transport.write(data)

    def abort(self, error: Exception) -> None:
        """Give up the request under way with `error` and the connection with it."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()
        if self._done is not None:
            self._finish(error)

    def close(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.close()

    def _finish(self, outcome: Message | Exception) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(outcome)
