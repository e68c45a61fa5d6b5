"""One controller at a time: a Lease that the leader renews and the others wait for.

The name and the rules are those of the reference controller and of client-go, so that the two never run at once
either: 15 s lease, 10 s to renew it, a try every 2 s. Time is measured with the monotonic clock; every failure of
whatever kind is a renewal that did not happen; who could not renew in time has lost and the process ends.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidegate.errors import AlreadyExists, ApiError, Conflict, NotFound
from tidegate.runtime.kinds import LEASES, path_of
from tidegate.runtime.transport import Transport

log = logging.getLogger(__name__)

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seat:
    """The Lease that is fought for, and who we are."""

    namespace: str
    name: str
    identity: str


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds: how long a lease holds, how long its leader may fail to renew it, how often it is tried."""

    lease_s: float = 15.0
    renew_s: float = 10.0
    retry_s: float = 2.0


class Elector:
    """Takes the lease, keeps it, gives it back. `holder` is who has it as far as we know."""

    def __init__(self, transport: Transport, seat: Seat, terms: Terms | None = None) -> None:
        # Renewing must not wait behind the writes that we are the leader for.
        self._transport, self._seat, self._terms = transport.unlimited(), seat, terms or Terms()
        self.holder = ""
        self._seen: Manifest = {}
        self._seen_at, self._stale = 0.0, True
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, stop: threading.Event) -> bool:
        """Wait until the lease is ours; False when `stop` was set first. Says who holds it while it is not."""
        while not stop.is_set():
            if self._try(self._terms.renew_s):
                log.info("leader: %s leads (lease %s/%s)", self._seat.identity, self._seat.namespace, self._seat.name)
                return True
            stop.wait(self._terms.retry_s * random.uniform(1.0, 2.2))  # noqa: S311 - client-go's jitter of 1.2
        return False

    def keep(self, on_lost: Callable[[], None]) -> None:
        """Renew in a thread of its own; `on_lost` is called once, in that thread, when it could not be done in time."""
        self._thread = threading.Thread(target=self._renew, args=(on_lost,), name="leader", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Stop renewing and let the next one in at once. A failure is only logged: the lease runs out by itself."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(self._terms.renew_s)
        if self.holder != self._seat.identity:
            return
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _stamp()}
        try:
            self._put({**self._seen, "spec": {**self._seen.get("spec", {}), **spec}}, self._terms.retry_s)
            self.holder = ""
        except ApiError as error:
            log.warning("leader: the lease was not given back: %s; it runs out in %.0f s", error, self._terms.lease_s)

    def _renew(self, on_lost: Callable[[], None]) -> None:
        deadline = time.monotonic() + self._terms.renew_s
        while not self._stop.wait(self._terms.retry_s):
            left_s = deadline - time.monotonic()
            if left_s > 0 and self._try(left_s):
                deadline = time.monotonic() + self._terms.renew_s
            elif time.monotonic() >= deadline or self.holder != self._seat.identity:
                log.error("leader: the lease could not be renewed within %.0f s, or was taken", self._terms.renew_s)
                self.holder = ""
                on_lost()
                return

    def _try(self, timeout_s: float) -> bool:
        """Take or renew the lease once; whether it is ours now."""
        try:
            return self._take(timeout_s)
        except (Conflict, AlreadyExists) as error:
            log.debug("leader: somebody else was faster: %s", error)
            self._stale = True
        except ApiError as error:
            log.warning("leader: %s", error)
        except Exception:  # whatever happened, the lease was not renewed, and that is all that matters
            log.exception("leader: unexpected")
        return False

    def _take(self, timeout_s: float) -> bool:
        seat, path = self._seat, path_of(LEASES, self._seat.namespace, self._seat.name)
        began = time.monotonic()
        try:
            # The leader writes over what it wrote last; only a conflict makes it look first.
            lease = self._transport.request("GET", path, timeout=timeout_s) if self._stale else self._seen
        except NotFound:
            metadata = {"name": seat.name, "namespace": seat.namespace}
            manifest = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": metadata,
                "spec": self._spec({}),
            }
            self._learn(self._transport.request("POST", path_of(LEASES, seat.namespace), manifest, timeout=timeout_s))
            return True
        if not self._free(lease):
            return False
        self._stale = True
        left_s = max(0.1, timeout_s - (time.monotonic() - began))
        self._put({**lease, "spec": {**lease.get("spec", {}), **self._spec(lease.get("spec") or {})}}, left_s)
        return True

    def _free(self, lease: Manifest) -> bool:
        """Whether we may write into the lease: given back, or not renewed for its whole length while we watched."""
        if lease.get("spec") != self._seen.get("spec"):
            self._learn(lease)
        self._seen = lease
        if self.holder in ("", self._seat.identity):
            return True
        return time.monotonic() - self._seen_at > self._terms.lease_s

    def _learn(self, lease: Manifest) -> None:
        holder = str((lease.get("spec") or {}).get("holderIdentity") or "")
        if holder not in ("", self.holder, self._seat.identity):
            where = f"{self._seat.namespace}/{self._seat.name}"
            log.info("leader: another controller, %s, holds lease %s; waiting for it to end", holder, where)
        self.holder, self._seen, self._seen_at = holder, lease, time.monotonic()

    def _put(self, lease: Manifest, timeout_s: float) -> None:
        path = path_of(LEASES, self._seat.namespace, self._seat.name)
        self._learn(self._transport.request("PUT", path, lease, timeout=timeout_s))
        self._stale = False

    def _spec(self, former: Manifest) -> Manifest:
        ours = former.get("holderIdentity") == self._seat.identity
        now = _stamp()
        return {
            "holderIdentity": self._seat.identity,
            "leaseDurationSeconds": max(1, round(self._terms.lease_s)),
            "acquireTime": former.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": int(former.get("leaseTransitions") or 0) + (0 if ours or not former else 1),
        }


def _stamp() -> str:
    """Kubernetes' MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
