"""A small proxy in Python for platforms without an Envoy wheel: the same tables, a tenth of the speed.

Draws a cluster by weight for each request, goes round robin over its pods and tries another pod when one refuses the
connection. Holds requests and answers in memory as a whole.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping

from tidegate_sandbox.dataplane.errors import ProxyFailed
from tidegate_sandbox.dataplane.http1 import (
    HOP_BY_HOP,
    ClientConnection,
    Headers,
    HttpError,
    Message,
    ServerConnection,
    request_bytes,
)
from tidegate_sandbox.dataplane.listening import Listener
from tidegate_sandbox.dataplane.loops import LoopThread
from tidegate_sandbox.dataplane.matching import Request, route_for
from tidegate_sandbox.dataplane.requests import SERVICE_HEADER
from tidegate_sandbox.dataplane.routes import Address, Mirror, PodRef, RouteTable, Share

LOOPBACK = "127.0.0.1"
TRIES = 4  # the first and three more, as Envoy is told
CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 30.0
_SKIPPED = HOP_BY_HOP | {"content-length", SERVICE_HEADER}


class PythonProxy:
    """The stand-in for Envoy; see `Proxy`. Port 0 lets the kernel choose, `seed` makes the draws repeatable."""

    name = "python proxy (no Envoy on this platform)"

    def __init__(self, port: int = 0, seed: int | None = None) -> None:
        self._wanted_port = port
        self._draw = random.Random(seed)  # noqa: S311 - draws shares, guards nothing
        self._thread: LoopThread | None = None
        self._listener: Listener | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._table = RouteTable()
        self._upstreams: dict[str, _Upstream] = {}
        self._version = 0
        self.port = 0

    def start(self) -> None:
        self._thread = LoopThread("sandbox-proxy")
        try:
            self._thread.run(self._listen())
        except OSError as error:
            self.stop()
            raise ProxyFailed(f"port {self._wanted_port} on {LOOPBACK}: {error}; choose another or 0") from error

    def ready(self) -> bool:
        return self._listener is not None and self._listener.open

    def apply(self, table: RouteTable, addresses: Mapping[PodRef, Address], timeout_s: float = 5.0) -> int:
        if self._thread is None:
            raise ProxyFailed("the proxy is not started; call start() first")
        self._thread.run(self._replace(table, addresses), timeout_s)
        return self._version

    def config_live(self, version: int) -> bool:
        return self.ready() and self._version >= version

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.run(self._close())
            thread.stop()

    async def _listen(self) -> None:
        self._listener = Listener(self._handle, LOOPBACK, self._wanted_port)
        self.port = self._listener.address.port

    async def _replace(self, table: RouteTable, addresses: Mapping[PodRef, Address]) -> None:
        upstreams = {}
        for cluster in table.clusters:
            hosts = tuple(addresses[pod] for pod in cluster.pods if pod in addresses)
            upstreams[cluster.name] = self._upstreams.get(cluster.name) or _Upstream(cluster.service)
            upstreams[cluster.name].replace(hosts)
        self._table, self._upstreams, self._version = table, upstreams, self._version + 1

    async def _close(self) -> None:
        if self._listener is not None:
            await self._listener.close()
        for upstream in self._upstreams.values():
            upstream.replace(())

    def _handle(self, message: Message, connection: ServerConnection) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(message, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, message: Message, connection: ServerConnection) -> None:
        headers = {name: message.header(name) for name, _ in message.headers}
        route = route_for(self._table, Request(message.header("host"), message.target, headers, message.method))
        if route is None:
            connection.answer(message, 404, (), b"")
            return
        for mirror in route.mirrors:
            self._mirror(mirror, message)
        cluster = self._chosen(route.shares)
        upstream = self._upstreams.get(cluster) if cluster else None
        if upstream is None or not upstream.hosts:
            connection.answer(message, 503, (), b"no endpoints\n")
            return
        try:
            answer = await upstream.forward(message)
        except (HttpError, OSError, TimeoutError) as error:
            connection.answer(message, 503, (), f"no pod of {cluster} answered: {error}\n".encode())
            return
        connection.answer(message, answer.status, _passed(answer.headers), answer.body)

    def _chosen(self, shares: Iterable[Share]) -> str | None:
        positive = [share for share in shares if share.weight > 0]
        if not positive:
            return None
        weights = [share.weight for share in positive]
        return self._draw.choices(positive, weights)[0].cluster

    def _mirror(self, mirror: Mirror, message: Message) -> None:
        upstream = self._upstreams.get(mirror.cluster)
        if upstream is None or not upstream.hosts or self._draw.random() * 100.0 >= mirror.percent:
            return
        task = asyncio.get_running_loop().create_task(upstream.copy(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Upstream:
    """The pods of one cluster with their idle connections."""

    def __init__(self, service: str) -> None:
        self._named = [(SERVICE_HEADER, service)]
        self.hosts: tuple[Address, ...] = ()
        self._turn = 0
        self._idle: dict[Address, list[ClientConnection]] = {}

    def replace(self, hosts: tuple[Address, ...]) -> None:
        """Take over a new set of pods; connections of those that left end when their answer is there."""
        for gone in set(self._idle) - set(hosts):
            for connection in self._idle.pop(gone):
                connection.close()
        self.hosts = hosts

    async def forward(self, message: Message) -> Message:
        """The answer of one pod; raises the last error when none could be reached or the one reached gave none."""
        # A pod answers HEAD with the length of a body it does not send, which our parser would wait for.
        method = "GET" if message.method == "HEAD" else message.method
        data = request_bytes(method, message.target, [*_passed(message.headers), *self._named], message.body)
        host, connection = await self._connection()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Message] = loop.create_future()

        def done(result: Message | Exception) -> None:
            if outcome.done():
                return
            if isinstance(result, Exception):
                outcome.set_exception(result)
            else:
                outcome.set_result(result)

        connection.send(data, done)
        try:
            answer = await asyncio.wait_for(outcome, ANSWER_TIMEOUT_S)
        except TimeoutError:
            connection.abort(HttpError("no answer in time"))
            raise
        if connection.usable and host in self.hosts:
            self._idle.setdefault(host, []).append(connection)
        else:
            connection.close()
        return answer

    async def copy(self, message: Message) -> None:
        """Send a mirrored request; whatever comes of it concerns nobody."""
        try:
            await self.forward(message)
        except (HttpError, OSError, TimeoutError):
            return

    async def _connection(self) -> tuple[Address, ClientConnection]:
        """An idle or a new connection to the next pod that accepts one.

        The order of the tries is fixed at the start: others take turns meanwhile, and a second try must not meet the
        same pod.
        """
        error: Exception = HttpError("no pods")
        first = self._turn % len(self.hosts)
        self._turn += 1
        for host in (self.hosts[first:] + self.hosts[:first])[:TRIES]:
            idle = self._idle.get(host, [])
            while idle:
                if (connection := idle.pop()).usable:
                    return host, connection
            try:
                return host, await _connect(host)
            except (OSError, TimeoutError) as failure:
                error = failure
        raise error


async def _connect(host: Address) -> ClientConnection:
    loop = asyncio.get_running_loop()
    made = loop.create_connection(ClientConnection, host.host, host.port)
    _, connection = await asyncio.wait_for(made, CONNECT_TIMEOUT_S)
    return connection


def _passed(headers: Headers) -> Headers:
    """The headers that go through a proxy; the length is written anew."""
    return [(name, value) for name, value in headers if name not in _SKIPPED]
