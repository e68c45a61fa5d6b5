"""The pods as servers: each ready pod of the sandbox answers real HTTP with its version, the others refuse.

A pod listens while its object is there and says Ready, on a loopback address of its own where the platform has
127.0.0.0/8 (Linux), else on a port of 127.0.0.1. No address is used twice in the life of a `Backends`, so a proxy that
still knows an old one reaches nobody instead of somebody else. A terminating pod (deletionTimestamp) goes on until its
object is gone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.http1 import Headers, Message, ServerConnection
from tidegate_sandbox.dataplane.listening import Listener
from tidegate_sandbox.dataplane.loops import LoopThread
from tidegate_sandbox.dataplane.pods import Behaviour, behaviour, pod_ref, ready
from tidegate_sandbox.dataplane.requests import SERVICE_HEADER, Answers, Requests
from tidegate_sandbox.dataplane.routes import Address, PodRef

LINGER_S = 2.0
"""How long idle connections of a pod that is gone are kept: time enough for a proxy to let go of them."""


class Backends:
    """The listeners of all pods, on one event loop in one thread. All methods may be called from any thread.

    `seed` makes the draws of the error rates repeatable; what is answered is booked in `requests`.
    """

    def __init__(self, seed: int = 0, requests: Requests | None = None) -> None:
        self._requests = requests or Requests()
        self._thread = LoopThread("sandbox-pods")
        self._draw = random.Random(seed)  # noqa: S311 - draws errors of a simulation, guards nothing
        self._hosts = _loopback_hosts()
        self._running: dict[PodRef, _Running] = {}
        self._leaving: set[Listener] = set()
        self._served: dict[PodRef, int] = {}

    def open(self, pods: Iterable[Manifest]) -> tuple[Mapping[PodRef, Address], tuple[str, ...]]:
        """Let every ready pod of `pods` listen: the addresses of all that do by now, and notes on bad annotations.

        Closes nothing, so that a proxy can be told in between; `close_others` does.
        """
        return self._thread.run(self._open(list(pods)))

    def close_others(self, pods: Iterable[Manifest]) -> None:
        """Let all that are not among `pods`, or not ready there, refuse; requests under way are answered."""
        self._thread.run(self._close_others(list(pods)))

    def served(self, pod: PodRef) -> int:
        """How many requests have reached pods of that name so far."""
        return self._served.get(pod, 0)

    def stop(self) -> None:
        """Cut all connections and end the thread; a second call does nothing."""
        if not self._thread.loop.is_closed():
            self._thread.run(self._cut_all())
            self._thread.stop()

    async def _open(self, pods: list[Manifest]) -> tuple[Mapping[PodRef, Address], tuple[str, ...]]:
        notes: list[str] = []
        for pod in pods:
            ref, uid = pod_ref(pod), pod["metadata"].get("uid", "")
            known = self._running.get(ref)
            if known is not None and known.uid != uid:
                self._leave(ref)
                known = None
            does, why = behaviour(pod)
            notes.extend(why)
            if known is None and ready(pod) and not pod["metadata"].get("deletionTimestamp"):
                self._running[ref] = _Running(uid, self._listen(ref, does))
        return {ref: running.listener.address for ref, running in self._running.items()}, tuple(notes)

    def _listen(self, ref: PodRef, does: Behaviour) -> Listener:
        def fails() -> bool:
            self._served[ref] = self._served.get(ref, 0) + 1
            return self._draw.random() < does.error_rate

        return Listener(_Pod(ref, does, fails, self._requests).handle, next(self._hosts), 0)

    async def _close_others(self, pods: list[Manifest]) -> None:
        kept = {pod_ref(pod) for pod in pods if ready(pod)}
        for ref in self._running.keys() - kept:
            self._leave(ref)

    def _leave(self, ref: PodRef) -> None:
        listener = self._running.pop(ref).listener
        listener.drain()
        self._leaving.add(listener)
        asyncio.get_running_loop().call_later(LINGER_S, self._gone, listener)

    def _gone(self, listener: Listener) -> None:
        listener.close_idle()
        self._leaving.discard(listener)

    async def _cut_all(self) -> None:
        for listener in (*(running.listener for running in self._running.values()), *self._leaving):
            await listener.close()
        self._running.clear()
        self._leaving.clear()


class _Pod:
    """Answers requests as one pod; `fails` counts a request and draws whether it gets a 500."""

    def __init__(self, ref: PodRef, does: Behaviour, fails: Callable[[], bool], requests: Requests) -> None:
        self._ref, self._does = ref, does
        self._fails, self._requests = fails, requests
        self._headers: Headers = [
            ("content-type", "application/json"),
            ("x-version", does.version),
            ("x-pod", ref.name),
        ]
        about = {"version": does.version, "pod": ref.name}
        self._good = json.dumps(about).encode() + b"\n"
        self._bad = json.dumps({**about, "error": "drawn by the error-rate annotation"}).encode() + b"\n"

    def handle(self, request: Message, connection: ServerConnection) -> None:
        status, body = (500, self._bad) if self._fails() else (200, self._good)
        if self._does.latency_s:
            asyncio.get_running_loop().call_later(self._does.latency_s, self._answer, request, connection, status, body)
        else:
            self._answer(request, connection, status, body)

    def _answer(self, request: Message, connection: ServerConnection, status: int, body: bytes) -> None:
        does = self._does
        key = Answers(
            self._ref.namespace, request.header(SERVICE_HEADER), does.template_hash, does.version, str(status)
        )
        self._requests.add(key, does.latency_s)
        connection.answer(request, status, self._headers, body)


@dataclass(frozen=True, slots=True)
class _Running:
    """One incarnation of a pod that listens."""

    uid: str
    listener: Listener


def _loopback_hosts() -> Iterator[str]:
    """A host to listen on for each pod: 127.77.0.1 and on (the 77 by taste), or always 127.0.0.1 where that fails."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.77.0.1", 0))
    except OSError:
        return itertools.repeat("127.0.0.1")
    # Cycling after 6.5 million pods is harmless; the port is drawn by the kernel on top.
    return itertools.cycle(f"127.{77 + a}.{b}.{c}" for a in range(100) for b in range(256) for c in range(1, 255))
