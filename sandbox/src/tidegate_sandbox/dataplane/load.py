"""A steady, bounded stream of requests to this machine, counted by version, status and second.

The stream keeps its rate whatever the answers take (open loop) up to `concurrency` requests under way; what it falls
behind by more than a tenth of a second is dropped, never sent as a burst. It runs on a thread of its own and retries
nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from urllib.parse import SplitResult, urlsplit

from tidegate_sandbox.dataplane.counts import NO_VERSION, Answer, Counts, Snapshot, Tally
from tidegate_sandbox.dataplane.errors import NotLoopback
from tidegate_sandbox.dataplane.http1 import ClientConnection, HttpError, Message, request_bytes
from tidegate_sandbox.dataplane.loops import LoopThread
from tidegate_sandbox.dataplane.matching import LOCAL_SUFFIX

TICK_S = 0.004  # how often due requests are sent: at 1000 a second four at a time, and the loop sleeps in between
CATCH_UP_S = 0.1
MAX_RATE, MAX_CONCURRENCY = 20_000.0, 256  # above it measures this machine, not the split


@dataclass(frozen=True, slots=True)
class Stream:
    """What to send. Ends after `total` requests or `duration_s`, whichever is first; None means no such bound.

    `rate` is in requests per second; `timeout_s` is how long one may take before it counts as failed.
    """

    rate: float = 400.0
    concurrency: int = 16
    total: int | None = None
    duration_s: float | None = None
    timeout_s: float = 5.0
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.rate <= MAX_RATE:
            raise ValueError(f"rate {self.rate} requests per second; choose more than 0 and at most {MAX_RATE:.0f}")
        if not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise ValueError(f"concurrency {self.concurrency}; choose 1 to {MAX_CONCURRENCY}")


class Load:
    """Sends a stream to one URL. The name in the URL becomes the Host header; `*.localhost` is this machine.

    Raises NotLoopback for a URL that leads elsewhere.
    """

    def __init__(self, url: str, stream: Stream | None = None) -> None:
        self._stream = stream or Stream()
        parts = urlsplit(url)
        self._host, self._port = _loopback(parts), parts.port or 80
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._request = request_bytes("GET", target, [("host", parts.netloc), *self._stream.headers.items()])
        self._tally = Tally()
        self._thread: LoopThread | None = None
        self._ended = asyncio.Event()
        self._started_at = 0.0
        self._ended_at: float | None = None
        self._sent = self._dropped = 0
        self._idle: deque[ClientConnection] = deque()
        self._under_way: dict[ClientConnection, float] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._driver: asyncio.Task[None] | None = None
        self._stopping = False

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        if self._thread is None:
            self._thread = LoopThread("sandbox-load")
            self._started_at = time.monotonic()
            self._tally.begin(self._started_at)
            self._thread.loop.call_soon_threadsafe(self._begin)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Send nothing more, wait for the answers under way, end the thread; a second call does nothing."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.run(self._finish(), timeout_s)
            thread.stop()

    def mark(self) -> float:
        """This moment, for `window`."""
        return time.monotonic()

    def snapshot(self) -> Snapshot:
        """Everything since the start."""
        now = self._ended_at or time.monotonic()
        elapsed = now - self._started_at if self._started_at else 0.0
        return Snapshot(self._tally.all(), self._tally.seconds(), elapsed, len(self._under_way), self._dropped)

    def window(self, since: float, until: float = inf) -> Counts:
        """What became of the requests sent at or after `since` (from `mark`, or a plane's `Split.since`), before `until`."""
        return self._tally.since(since, until)

    def share(self, version: str, since: float = 0.0) -> float:
        """The part of the answers since then that came from `version`, 0 to 1."""
        return self.window(since).share(version)

    def wait_for(self, requests: int, since: float = 0.0, timeout_s: float = 30.0) -> Counts:
        """Wait until that many requests sent since then are answered; returns what there is at the end of the time."""
        deadline = time.monotonic() + timeout_s
        with self._tally.grown:
            counts = self._tally.since(since)
            while counts.total < requests and (left := deadline - time.monotonic()) > 0:
                # Counting again is worth it only when enough can have come; the sum alone grows cheaply.
                enough = self._tally.total + requests - counts.total
                self._tally.grown.wait_for(lambda: self._tally.total >= enough, left)  # noqa: B023 - called at once
                counts = self._tally.since(since)
        return counts

    def wait(self, timeout_s: float) -> bool:
        """Wait until the stream has reached its bound and all is answered; False when it has not by then."""
        if self._thread is None:
            return self._ended_at is not None
        try:
            self._thread.run(self._wait_ended(), timeout_s)
        except TimeoutError:
            return False
        return True

    def _begin(self) -> None:
        self._driver = asyncio.get_running_loop().create_task(self._drive())

    async def _finish(self) -> None:
        self._stopping = True
        await self._ended.wait()

    async def _wait_ended(self) -> None:
        await self._ended.wait()

    async def _drive(self) -> None:
        while not self._stopping and not self._bound_reached(time.monotonic()):
            self._send_due(time.monotonic())
            self._expire(time.monotonic())
            await asyncio.sleep(TICK_S)
        while self._under_way or self._opening:
            self._expire(time.monotonic())
            await asyncio.sleep(TICK_S)
        for connection in self._idle:
            connection.close()
        self._ended_at = time.monotonic()
        self._ended.set()

    def _bound_reached(self, now: float) -> bool:
        stream = self._stream
        timed_out = stream.duration_s is not None and now - self._started_at >= stream.duration_s
        return timed_out or (stream.total is not None and self._sent >= stream.total)

    def _send_due(self, now: float) -> None:
        stream = self._stream
        due = int((now - self._started_at) * stream.rate) - self._sent - self._dropped
        allowed = max(1, int(stream.rate * CATCH_UP_S))
        if due > allowed:
            self._dropped += due - allowed
            due = allowed
        if stream.total is not None:
            due = min(due, stream.total - self._sent)
        for _ in range(due):
            if not self._send_one(now):
                return

    def _send_one(self, now: float) -> bool:
        """Send on an idle connection or open one; False when `concurrency` requests are under way."""
        while self._idle:
            connection = self._idle.popleft()
            if connection.usable:
                self._send_on(connection, now)
                self._sent += 1
                return True
        if len(self._under_way) + len(self._opening) >= self._stream.concurrency:
            return False
        task = asyncio.get_running_loop().create_task(self._open(now))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        self._sent += 1
        return True

    async def _open(self, now: float) -> None:
        loop = asyncio.get_running_loop()
        made = loop.create_connection(ClientConnection, self._host, self._port)
        try:
            _, connection = await asyncio.wait_for(made, self._stream.timeout_s)
        except (OSError, TimeoutError) as error:
            self._tally.add(Answer(now, NO_VERSION, 0, f"no connection: {error or 'not in time'}"))
            return
        self._send_on(connection, now)

    def _send_on(self, connection: ClientConnection, now: float) -> None:
        def done(outcome: Message | Exception) -> None:
            self._under_way.pop(connection, None)
            self._tally.add(_answer(now, outcome))
            if connection.usable:
                self._idle.append(connection)

        self._under_way[connection] = now
        connection.send(self._request, done)

    def _expire(self, now: float) -> None:
        for connection, sent_at in list(self._under_way.items()):
            if now - sent_at > self._stream.timeout_s:
                connection.abort(HttpError(f"no answer within {self._stream.timeout_s:g} s"))


def _answer(sent_at: float, outcome: Message | Exception) -> Answer:
    if isinstance(outcome, Exception):
        return Answer(sent_at, NO_VERSION, 0, str(outcome))
    version = outcome.header("x-version") or NO_VERSION
    if 200 <= outcome.status < 400:
        return Answer(sent_at, version, outcome.status, "")
    said = outcome.body[:80].decode(errors="replace").strip()
    return Answer(sent_at, version, outcome.status, f"{outcome.status} {said}".strip())


def _loopback(parts: SplitResult) -> str:
    """The address to connect to. Raises NotLoopback for any name that could lead off this machine."""
    name = parts.hostname or ""
    if parts.scheme != "http":
        raise NotLoopback(f"{parts.geturl()}: the load speaks http:// only")
    if name == "localhost" or name.endswith(LOCAL_SUFFIX):
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise NotLoopback(f"{name!r} is not this machine; the load goes to 127.0.0.0/8, ::1 or a name below localhost")
    return name
