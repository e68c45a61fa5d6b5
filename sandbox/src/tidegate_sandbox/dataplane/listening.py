"""A listening socket on an asyncio loop that can be closed without losing a connection.

asyncio's own server drops connections that the kernel has accepted and it has not: their clients meet a reset, or wait
for ever (`asyncio.Server._attach` refuses them). Here everything accepted by the kernel before `close` is served.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from tidegate_sandbox.dataplane.http1 import Message, ServerConnection
from tidegate_sandbox.dataplane.routes import Address

BACKLOG = 512


class Listener:
    """Accepts connections and hands their requests to `handler`. Used on one loop, the running one at creation.

    Port 0 lets the kernel choose. Raises OSError when the address cannot be had.
    """

    def __init__(self, handler: Callable[[Message, ServerConnection], None], host: str, port: int) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._connections: set[ServerConnection] = set()
        self._arriving: set[asyncio.Task[object]] = set()
        self._draining = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setblocking(False)
            self._socket.bind((host, port))
            self._socket.listen(BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.address = Address(*self._socket.getsockname()[:2])
        self._loop.add_reader(self._socket, self._accept)

    @property
    def open(self) -> bool:
        """Whether new connections are accepted."""
        return self._socket.fileno() >= 0

    def drain(self) -> None:
        """Refuse new connections from now on; those there are end with their next answer."""
        self._draining = True
        self._refuse()
        for connection in self._connections:
            connection.drain()

    def close_idle(self) -> None:
        """Close connections without a request under way."""
        for connection in [c for c in self._connections if c.open_requests == 0]:
            connection.close()

    async def close(self) -> None:
        """Refuse new connections and cut the others; returns when their sockets are closed."""
        self._refuse()
        await asyncio.gather(*self._arriving, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.close()
        while self._connections:
            await asyncio.sleep(0)

    def _refuse(self) -> None:
        if self.open:
            self._loop.remove_reader(self._socket)
            self._accept()
            self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            task = self._loop.create_task(self._arrive(accepted))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def _arrive(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        await self._loop.connect_accepted_socket(self._connection, accepted)

    def _connection(self) -> ServerConnection:
        connection = ServerConnection(self._handler, self._connections)
        connection.draining = self._draining
        return connection
