"""The simulated kubelet and scheduler: binds pods, reports how they do, ends them.

A pod lives as in the sandbox: the same functions read its image, its command, its probes and hooks, and the
annotations `sandbox.tidegate.io/*`. So a scenario is written once, and the two worlds differ in everything but the pods.
"""

from __future__ import annotations

import heapq
import ipaddress
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import urllib3

from realcluster import pods
from realcluster.rest import STRATEGIC_PATCH, Api, ApiError
from tidegate_sandbox.sim.behaviour import stop_s
from tidegate_sandbox.sim.moments import moment
from tidegate_sandbox.sim.podstatus import FINISHED, Life, status_at

log = logging.getLogger(__name__)

# From its node to Ready, unless the pod says otherwise: as in the recordings of the reference controller.
_READY_S = 0.3
# Eight writes at once make some hundred pods a second ready on two cores, as fast as the server takes them.
_WRITERS = 8
# After an answer that never came (the server restarts) or a 5xx.
_RETRY_S = 0.3
# Watches end after this and are taken up again where they were.
_WATCH_S = 300

Step = Callable[[], None]


@dataclass(slots=True)
class _Ward:
    """A pod in our care: as last heard of, what was last reported of it, and when to look again by itself."""

    pod: dict[str, Any]
    life: Life
    told: dict[str, Any] = field(default_factory=dict)
    wake_at: datetime | None = None
    # Reports of one pod follow one another: an older one that lands late would stand for ever.
    turn: threading.Lock = field(default_factory=threading.Lock)


class Kubelet:
    """One node that has room for every pod. Use as a context manager, or `start` and `stop`.

    A pod is bound once, reported whenever its status changes, and ended once after its deletion. An answer of 404 or
    409 means that the pod has moved on and is no error.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ended = threading.Event()
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, Step]] = []
        self._order = itertools.count()
        self._seen: set[tuple[str, str]] = set()
        self._wards: dict[str, _Ward] = {}
        # 10.244.0.0/16 is what kubeadm's defaults use; 65,000 pods before an address comes again.
        self._addresses = itertools.cycle(ipaddress.ip_network("10.244.0.0/16").hosts())
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="kubelet-write")
        self._threads = [
            threading.Thread(target=self._watch, name="kubelet-watch", daemon=True),
            threading.Thread(target=self._run_due, name="kubelet-clock", daemon=True),
        ]

    def start(self) -> None:
        """Registers the node and begins to watch."""
        self._register()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends its threads; pods stay as they are."""
        self._ended.set()
        with self._wake:
            self._wake.notify_all()
        self._writers.shutdown(cancel_futures=True)

    def __enter__(self) -> Kubelet:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _register(self) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": pods.NODE}}
        # 409: a node of an earlier kubelet on the same server.
        with suppress(ApiError):
            self._api.call("POST", "/api/v1/nodes", node)
        ready = {"type": "Ready", "status": "True", "reason": "Simulated"}
        status = {"status": {"conditions": [ready], "capacity": {"pods": "100000", "cpu": "1000", "memory": "1Ti"}}}
        self._api.call("PATCH", f"/api/v1/nodes/{pods.NODE}/status", status, STRATEGIC_PATCH)

    def _watch(self) -> None:
        """Lists, then watches; whatever goes wrong, it lists again."""
        while not self._ended.is_set():
            try:
                listed = self._api.call("GET", "/api/v1/pods")
                for pod in listed["items"]:
                    self._look(pod)
                self._follow(listed["metadata"]["resourceVersion"])
            except (ApiError, urllib3.exceptions.HTTPError) as error:
                log.info("watch of pods: %s; lists again", error)
                self._ended.wait(_RETRY_S)

    def _follow(self, version: str) -> None:
        for event in self._api.watch("/api/v1/pods", version, _WATCH_S):
            if self._ended.is_set() or event["type"] == "ERROR":
                return
            if event["type"] == "DELETED":
                self._forget(event["object"])
            elif event["type"] != "BOOKMARK":
                self._look(event["object"])

    def _forget(self, pod: dict[str, Any]) -> None:
        uid = pods.key(pod)
        self._seen -= {(uid, "bind"), (uid, "end")}
        self._wards.pop(uid, None)

    def _look(self, pod: dict[str, Any]) -> None:
        """Plans what the pod needs next."""
        bound = pod["spec"].get("nodeName")
        if bound not in (None, "", pods.NODE) or pod["status"].get("phase") in FINISHED:
            return
        if pod["metadata"].get("deletionTimestamp"):
            self._plan(pod, "end", stop_s(pod), lambda: self._end(pod))
        elif not bound:
            self._plan(pod, "bind", 0.0, lambda: self._bind(pod))
        else:
            ward = self._ward(pod)
            self._at(0.0, lambda: self._report(ward))

    def _ward(self, pod: dict[str, Any]) -> _Ward:
        """Takes the pod into care; of one that ran before this kubelet, as much is known as its status tells."""
        ward = self._wards.get(pods.key(pod))
        if ward is None:
            known = pod["status"]
            started = moment(known["startTime"]) if "startTime" in known else datetime.now(UTC)
            address = known.get("podIP") or str(next(self._addresses))
            ward = self._wards[pods.key(pod)] = _Ward(pod, Life(started, address))
        ward.pod = pod
        return ward

    def _plan(self, pod: dict[str, Any], what: str, after_s: float, step: Step) -> None:
        known = (pods.key(pod), what)
        if known not in self._seen:
            self._seen.add(known)
            self._at(after_s, step)

    def _at(self, after_s: float, step: Step) -> None:
        with self._wake:
            heapq.heappush(self._due, (time.monotonic() + after_s, next(self._order), step))
            self._wake.notify()

    def _run_due(self) -> None:
        while (step := self._next_due()) is not None:
            # A stop between the two lines closes the pool; what was due then is not wanted any more.
            with suppress(RuntimeError):
                self._writers.submit(self._attempt, step)

    def _next_due(self) -> Step | None:
        """Waits for the next step's time; None at the end."""
        with self._wake:
            while not self._ended.is_set():
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[2]
                self._wake.wait(left)
        return None

    def _attempt(self, step: Step) -> None:
        """Runs a step; again after a while where the server gave no answer or failed."""
        try:
            step()
        except ApiError as error:
            if error.code >= 429:
                self._at(_RETRY_S, step)
            elif error.code not in (404, 409):
                log.warning("%s", error)
        except urllib3.exceptions.HTTPError as error:
            if not self._ended.is_set():
                log.info("%s; tries again", error)
                self._at(_RETRY_S, step)

    def _bind(self, pod: dict[str, Any]) -> None:
        self._api.call("POST", f"{pods.path(pod)}/binding", pods.binding(pod))

    def _report(self, ward: _Ward) -> None:
        """Writes the status of now unless it is known, and comes back when it changes by itself."""
        with ward.turn:
            now = datetime.now(UTC)
            status, wake_at = status_at(ward.pod, ward.life, now, _READY_S)
            if wake_at is not None and wake_at != ward.wake_at:
                ward.wake_at = wake_at
                self._at((wake_at - now).total_seconds(), lambda: self._report(ward))
            if status in (ward.told, ward.pod["status"]):
                return
            # The uid is a precondition: a pod of the same name that came since must not be made ready early.
            body = {"metadata": {"uid": pods.key(ward.pod)}, "status": status}
            self._api.call("PATCH", f"{pods.path(ward.pod)}/status", body, STRATEGIC_PATCH)
            ward.told = status

    def _end(self, pod: dict[str, Any]) -> None:
        self._api.call("DELETE", pods.path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": pods.key(pod)}})
