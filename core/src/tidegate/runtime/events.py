"""Kubernetes Events about objects: sent by a thread of its own, so that no pass waits for them.

Events of one text about one object raise a count in place; events of different texts are neither combined nor dropped.
(The reference controller sends 25 of a kind and then one in five minutes, so the end of a longer update has none.)
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.errors import AlreadyExists, ApiError, Forbidden, NotFound, TooManyRequests, Transient
from tidegate.machine.actions import Event
from tidegate.runtime.clock import Clock
from tidegate.runtime.kinds import EVENTS, path_of
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.transport import MERGE_PATCH, Transport

log = logging.getLogger(__name__)

COMPONENT = "rollouts-controller"  # what kubectl shows as the source, and what people filter by
SAME_EVENT_FOR = timedelta(minutes=10)  # the interval of client-go's aggregation
# Different texts that wait for the API server. Passes stop while it is down, so an outage does not come near it.
LONGEST_QUEUE = 20_000
REMEMBERED = 20_000  # sent Events whose names are known; beyond it the oldest is forgotten and would be made anew
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
REFUSALS, REFUSED_PAUSE_S = 5, 1.5  # kube-apiserver answers 403 for about 3 s after its start (seen with v1.34)


@dataclass(frozen=True, slots=True)
class About:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""

    @property
    def reference(self) -> dict[str, str]:
        """The involvedObject."""
        reference = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "resourceVersion": self.resource_version,
        }
        return {key: value for key, value in reference.items() if value}


@dataclass(frozen=True, slots=True)
class _Text:
    """What makes two events the same; the object's version does not."""

    kind: str
    namespace: str
    name: str
    uid: str
    event: Event


@dataclass(slots=True)
class _Series:
    """One Event object: made, or still to be made where `made_as` is ""; `refused` counts the 403s since the last try."""

    about: About
    first: datetime
    last: datetime
    count: int = 1
    made_as: str = ""
    refused: int = 0


class Recorder:
    """Takes events at once and sends them in order, in its own thread. `record` may be called from any thread.

    What cannot be sent waits through an outage of the API server; what is refused is logged and counted as lost.
    """

    def __init__(self, transport: Transport, clock: Clock, metrics: Metrics | None = None) -> None:
        # Half of all requests of a canary are Events: they must not keep a weight waiting.
        self._transport, self._clock, self._metrics = transport.patient(), clock, metrics or Metrics()
        self._changed = threading.Condition()
        self._pending: OrderedDict[_Text, _Series] = OrderedDict()
        self._sent: OrderedDict[_Text, _Series] = OrderedDict()
        self._sending = self._closing = self._stopped = False
        self._pause_s = 0.0
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def record(self, about: About, event: Event) -> None:
        """Have `event` sent. Never waits and never fails."""
        self._metrics.events.labels(about.namespace, about.name, event.type, event.reason).inc()
        text, now = _Text(about.kind, about.namespace, about.name, about.uid, event), self._clock.now()
        with self._changed:
            series = self._pending.get(text)
            if series is not None:
                series.count, series.last = series.count + 1, now
                return
            self._pending[text] = self._continued(text, about, now)
            if len(self._pending) > LONGEST_QUEUE:
                lost, _ = self._pending.popitem(last=False)
                self._lost(lost, f"more than {LONGEST_QUEUE} are waiting for the API server")
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything recorded has been sent or refused; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending and not self._sending, timeout_s)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Send what waits, for at most `timeout_s`, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self.flush(timeout_s)
        with self._changed:
            self._stopped = True
            if self._pending:
                log.warning("events: %d could not be sent before the end", len(self._pending))
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def _continued(self, text: _Text, about: About, now: datetime) -> _Series:
        sent = self._sent.get(text)
        if sent is None or now - sent.last > SAME_EVENT_FOR:
            return _Series(about, now, now)
        return _Series(about, sent.first, now, sent.count + 1, sent.made_as)

    def _run(self) -> None:
        while (item := self._next()) is not None:
            text, series = item
            self._pause_s = self._deliver(text, series)
            with self._changed:
                self._sending = False
                self._changed.notify_all()
                if self._pause_s:
                    self._changed.wait_for(lambda: self._stopped, self._pause_s)

    def _next(self) -> tuple[_Text, _Series] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._stopped or self._closing)
            if self._stopped or not self._pending:
                return None
            self._sending = True
            return self._pending.popitem(last=False)

    def _deliver(self, text: _Text, series: _Series) -> float:
        """Send one; the seconds to pause before the next: more than 0 while the API server does not take it."""
        try:
            self._send(text, series)
        except TooManyRequests as error:
            self._put_back(text, series)
            return max(error.after_s, FIRST_PAUSE_S)
        except Transient as error:
            self._put_back(text, series)
            log.debug("events: %s; will send it again", error)
            return min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        except Forbidden as error:
            # A server that has just started refuses for some seconds, until it has read its roles; a namespace that is
            # being terminated refuses for ever.
            series.refused += 1
            if series.refused <= REFUSALS and "being terminated" not in str(error):
                self._put_back(text, series)
                log.debug("events: %s; will send it again", error)
                return REFUSED_PAUSE_S
            self._lost(text, str(error))
        except ApiError as error:
            self._lost(text, str(error))
        except Exception as error:  # the thread must outlive an answer that nobody foresaw
            log.exception("events: unexpected")
            self._lost(text, repr(error))
        return 0.0

    def _send(self, text: _Text, series: _Series) -> None:
        namespace = text.namespace or "default"
        if series.made_as:
            patch = {"count": series.count, "lastTimestamp": _stamp(series.last)}
            try:
                self._transport.request("PATCH", path_of(EVENTS, namespace, series.made_as), patch, MERGE_PATCH)
            except NotFound:  # the server forgets Events after an hour or so
                series.made_as, series.count, series.first = "", 1, series.last
        if not series.made_as:
            self._create(text, series, namespace)
        with self._changed:
            self._sent[text] = series
            self._sent.move_to_end(text)
            while len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)

    def _create(self, text: _Text, series: _Series, namespace: str) -> None:
        for _ in range(3):  # the name holds the present in nanoseconds: a second clash is a server's mistake
            name = f"{text.name}.{time.time_ns():x}"
            try:
                self._transport.request("POST", path_of(EVENTS, namespace), _manifest(namespace, name, text, series))
            except AlreadyExists:
                continue
            series.made_as = name
            return
        raise AlreadyExists(f"events {namespace}/{text.name}: three names in a row were taken", code=409)

    def _put_back(self, text: _Text, series: _Series) -> None:
        with self._changed:
            newer = self._pending.pop(text, None)
            if newer is not None:
                series.count, series.last = series.count + newer.count, newer.last
            self._pending[text] = series
            self._pending.move_to_end(text, last=False)

    def _lost(self, text: _Text, why: str) -> None:
        self._metrics.events_lost.inc()
        log.warning("events: lost %s about %s/%s: %s", text.event.reason, text.namespace, text.name, why)


def _manifest(namespace: str, name: str, text: _Text, series: _Series) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": series.about.reference,
        "reason": text.event.reason,
        "message": text.event.message,
        "type": text.event.type,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
        "firstTimestamp": _stamp(series.first),
        "lastTimestamp": _stamp(series.last),
        "count": series.count,
    }


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
