"""The HTTPS server thread: uvicorn on a loopback socket, with connections that can be cut."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate_sandbox.api.hub import Hub
from tidegate_sandbox.errors import StartError
from tidegate_sandbox.ledger import Ledger

LOOPBACK = "127.0.0.1"
# Real servers keep idle connections for minutes; uvicorn's own 5 s would race with pooled clients.
_IDLE_S = 120

Cut = Callable[[Scope], None]
Application = Callable[[Hub, Cut], ASGIApp]


def listen(port: int) -> socket.socket:
    """A listening loopback socket on `port`, 0 for any; StartError when it is taken."""
    # The protocol is named because asyncio turns Nagle's algorithm off only then: without it every answer waits 40 ms
    # for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise StartError(
            f"port {port} on {LOOPBACK}: {error.strerror}; stop what listens there or choose another with --port"
        ) from error
    return listener


@dataclass(slots=True)
class Serving:
    """One run of the server, from `start` to `stop`. `application` is built in the event loop around its hub."""

    ledger: Ledger
    application: Application
    context: ssl.SSLContext
    _thread: threading.Thread | None = None
    _ready: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _end: asyncio.Event | None = None
    _failure: Exception | None = None

    def start(self, listener: socket.socket) -> None:
        """Serve on `listener` from now on; returns once connections are accepted."""
        self._thread = threading.Thread(target=self._run, args=(listener,), name="sandbox-api", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise StartError(f"the API server did not start: {self._failure}") from self._failure

    def stop(self) -> None:
        """Cut every connection, free the port and end the thread."""
        if self._thread is None or self._loop is None or self._end is None:
            return
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._thread = None

    def _run(self, listener: socket.socket) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve(listener))
        except Exception as error:  # told to the thread that started us and waits
            self._failure = error
            self._ready.set()
        finally:
            listener.close()

    async def _serve(self, listener: socket.socket) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        hub = Hub(self.ledger, self._loop)
        server = _Server(self.context)
        server.serve_app(self.application(hub, server.cut))
        await server.startup(sockets=[listener])
        self._ready.set()
        await self._end.wait()
        hub.close()
        await server.end()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its polling loop, which have no place in a thread."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._app: ASGIApp | None = None
        config = uvicorn.Config(
            self._call,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=_IDLE_S,
            ssl_context_factory=lambda _config, _default: context,
        )
        super().__init__(config)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)

    def serve_app(self, app: ASGIApp) -> None:
        self._app = app
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)

    def cut(self, scope: Scope) -> None:
        """Abort the connection a request came in on."""
        for connection in tuple(self.server_state.connections):
            if getattr(connection, "client", None) == scope.get("client"):
                connection.transport.abort()

    async def end(self) -> None:
        """Close the listeners, abort what is connected, and let the requests under way see it."""
        for listener in self.servers:
            listener.close()
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        tasks = tuple(self.server_state.tasks)
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=1.0)
            for task in late:
                task.cancel()
        for listener in self.servers:
            await listener.wait_closed()
