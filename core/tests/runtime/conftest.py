"""A scripted API server and a clock that jumps, for the tests of the runtime."""

from __future__ import annotations

import heapq
import itertools
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

Manifest = dict[str, Any]


class VirtualClock:
    """Time stands still until `advance`; due callbacks then run, one after another, in the caller's thread."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._timers: list[tuple[datetime, int, list[Callable[[], None]]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._now

    def call_at(self, when: datetime, callback: Callable[[], None]) -> Callable[[], None]:
        cell = [callback]
        heapq.heappush(self._timers, (when, next(self._order), cell))
        return cell.clear

    def advance(self, seconds: float) -> None:
        end = self._now + timedelta(seconds=seconds)
        while self._timers and self._timers[0][0] <= end:
            when, _, cell = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            for callback in cell:
                callback()
        self._now = end


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class Answer:
    code: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Stream:
    """A watch that the test feeds: `send` an event, `end` it cleanly, `cut` the line, or leave it silent."""

    def __init__(self) -> None:
        self._events: queue.Queue[Manifest | str] = queue.Queue()

    def send(self, type: str, **manifest: Any) -> None:
        self._events.put({"type": type, "object": manifest})

    def end(self) -> None:
        self._events.put("end")

    def cut(self) -> None:
        self._events.put("cut")

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.flush()
        while True:
            event = self._events.get()
            if event == "end":
                handler.wfile.write(b"0\r\n\r\n")
                return
            if event == "cut":
                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
            line = json.dumps(event).encode() + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            handler.wfile.flush()


Script = Callable[[Request], "Answer | Stream"]


class Api:
    """An API server whose every answer the test decides; `script` is asked for each request, in the server's thread."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: Script = lambda request: Answer(404, status(404, "NotFound", f"{request.path} not scripted"))
        self.streams: list[Stream] = []
        self._heard = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self._connections: set[socket.socket] = set()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                api._connections.add(self.connection)

            def finish(self) -> None:
                api._connections.discard(self.connection)
                super().finish()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                request = Request(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query)),
                    body,
                    {k.lower(): v for k, v in self.headers.items()},
                )
                reply = api.script(request)
                with api._heard:
                    api.requests.append(request)
                    if isinstance(reply, Stream):
                        api.streams.append(reply)
                    api._heard.notify_all()
                if isinstance(reply, Stream):
                    reply.serve(self)
                    return
                data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.code)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None: ...

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections and break the open ones, as a server that dies does."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for stream in self.streams:
            stream.cut()
        for connection in tuple(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def wait(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        """Wait until `condition` holds; it is asked after every request and every few milliseconds."""
        deadline = time.monotonic() + timeout_s
        with self._heard:
            while not condition():
                assert time.monotonic() < deadline, f"never came; heard {[(r.method, r.path) for r in self.requests]}"
                self._heard.wait(0.005)

    def heard(self, method: str, path: str) -> list[Request]:
        return [request for request in tuple(self.requests) if (request.method, request.path) == (method, path)]

    def kubeconfig(self, folder: Path, token: str = "secret") -> Path:
        file = folder / "kubeconfig"
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                    "clusters": [{"name": "test", "cluster": {"server": self.url}}],
                    "users": [{"name": "test", "user": {"token": token}}],
                }
            )
        )
        return file


def status(code: int, reason: str, message: str = "no") -> Manifest:
    return {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.stop()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def stream() -> type[Stream]:
    return Stream


@pytest.fixture
def refusal() -> Callable[..., Answer]:
    """An answer that is no success: code, reason, message, headers."""

    def refuse(code: int, reason: str, message: str = "no", headers: dict[str, str] | None = None) -> Answer:
        return Answer(code, status(code, reason, message), headers or {})

    return refuse
