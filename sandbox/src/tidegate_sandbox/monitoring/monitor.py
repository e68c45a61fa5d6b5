"""The monitor as a whole: samples the pods' counters by the sandbox's clock and serves them on a loopback port."""

from __future__ import annotations

import threading
from datetime import timedelta

from tidegate_sandbox.contracts import Cancel, Clock
from tidegate_sandbox.dataplane.http1 import Message, ServerConnection
from tidegate_sandbox.dataplane.listening import Listener
from tidegate_sandbox.dataplane.loops import LoopThread
from tidegate_sandbox.dataplane.requests import Requests
from tidegate_sandbox.errors import StartError
from tidegate_sandbox.monitoring.api import Api
from tidegate_sandbox.monitoring.exposition import Exposition
from tidegate_sandbox.promql.samples import Samples

LOOPBACK = "127.0.0.1"
JOB = "sandbox"

PREFERRED_PORT = 19090
"""The port that examples name: Prometheus' 9090 with a 1 before it, so that both fit on one machine."""

EVERY_S = 1.0
"""Between two samples: an analysis of a demo that looks five seconds back finds five."""


class Monitor:
    """A small Prometheus whose one target are the pods of a data plane: `Monitor(plane.requests, sandbox.clock)`.

    `port` 0 takes any free one. Use it as a context manager, or call `start` and `stop`.
    All methods may be called from any thread.
    """

    def __init__(self, requests: Requests, clock: Clock, port: int = 0, every_s: float = EVERY_S) -> None:
        self._clock, self._wanted_port, self._every = clock, port, timedelta(seconds=every_s)
        self._exposition = Exposition(requests)
        self._api = Api(Samples(), self._exposition.text, clock.now)
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._listener: Listener | None = None
        self._cancel: Cancel | None = None
        self.port = 0

    def __enter__(self) -> Monitor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """What an AnalysisTemplate names as `provider.prometheus.address`."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Serve and take the first sample; a second call does nothing. Raises StartError when the port is taken."""
        if self._thread is not None:
            return
        self._thread = LoopThread("sandbox-monitor")
        try:
            self._thread.run(self._listen())
        except OSError as error:
            self.stop()
            raise StartError(
                f"port {self._wanted_port} on {LOOPBACK}: {error.strerror}; choose another or 0"
            ) from error
        self._tick()

    def stop(self) -> None:
        """Sample and serve no more; a second call does nothing."""
        with self._lock:
            cancel, self._cancel = self._cancel, None
            thread, self._thread = self._thread, None
        if cancel is not None:
            cancel()
        if thread is not None:
            thread.run(self._close())
            thread.stop()

    def sample(self) -> None:
        """Take a sample now, besides those that the clock brings; of two within a millisecond the first counts."""
        now_ms = round(self._clock.now().timestamp() * 1000)
        target = {"job": JOB, "instance": f"{LOOPBACK}:{self.port}"}
        self._api.samples.add(now_ms, self._exposition.samples(**target))

    def _tick(self) -> None:
        with self._lock:
            if self._thread is None:
                return
            self._cancel = self._clock.call_at(self._clock.now() + self._every, self._tick)
        self.sample()

    async def _listen(self) -> None:
        self._listener = Listener(self._handle, LOOPBACK, self._wanted_port)
        self.port = self._listener.address.port

    async def _close(self) -> None:
        if self._listener is not None:
            await self._listener.close()

    def _handle(self, request: Message, connection: ServerConnection) -> None:
        reply = self._api.reply(request)
        connection.answer(request, reply.status, [("content-type", reply.content_type)], reply.body)
