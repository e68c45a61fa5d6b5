"""One pass over one key of any kind, and what each way out of it means to the queue.

| what ended the pass | looked at again |
|---|---|
| nothing | at `wake_at`, at the latest after the resync |
| our own write has not come back | in 100 ms |
| Pending, Retry | after what it says; not a failure |
| SpecError of a router | in 20 s; not a failure |
| OwnershipError, Terminal | when something changes |
| TooManyRequests | after Retry-After, or the back-off if that is longer |
| anything else, NotFound included | after the key's back-off |

What a pass does is its subject's affair: `rollouts.py`, `measuring.py`.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import ValidationError

from tidegate.api import names
from tidegate.errors import (
    OwnershipError,
    Pending,
    Retry,
    SpecError,
    Terminal,
    TidegateError,
    TooManyRequests,
)
from tidegate.hooks.facade import Facade
from tidegate.runtime.clock import Clock
from tidegate.runtime.events import Recorder
from tidegate.runtime.metrics import Metrics, PassSeries
from tidegate.runtime.perform import PASSING
from tidegate.runtime.queue import Queue
from tidegate.runtime.remotes import Remotes
from tidegate.runtime.store import Key
from tidegate.runtime.transport import Transport
from tidegate.runtime.watches import Watches
from tidegate.runtime.writes import OwnWrites

log = logging.getLogger(__name__)

STALE_S = 0.1  # the reference controller's interval
# A watch that has not brought a write back for this long is taken for dead. Chosen by feel: an echo takes milliseconds.
LAGGING_S = 10.0
RESYNC_S = 900.0  # the reference controller's; a net below the events, not a mechanism
# Passing errors (conflicts, outages) become visible once they have lasted this many passes in a row.
TOLD_AFTER = 5


@dataclass(frozen=True, slots=True)
class Shell:
    """Everything that a pass reaches the world through; `own` are the writes of passes over one kind."""

    transport: Transport
    watches: Watches
    own: OwnWrites[Key]
    facade: Facade
    remotes: Remotes
    recorder: Recorder
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class End:
    """How a pass ended. `wake_at` is when it wants another one, `again_s` in how many seconds besides, 0 for not.

    `error` ended it before its end, `failed` says why it counts as failed although it came to its end. One that is not
    `judged` has come to no conclusion: the subject itself has asked for another look, and the back-off stands. Without
    `resync` nothing is looked at again before it changes.
    """

    wake_at: datetime | None = None
    error: TidegateError | None = None
    failed: str = ""
    again_s: float = 0.0
    judged: bool = True
    resync: bool = True


class Subject(Protocol):
    """What is done in a pass over a key of one kind; the reconciler does what is the same for all kinds.

    `noun` is what logs call the kind. Concurrent calls have different keys.
    """

    noun: str

    def judge(self, key: Key) -> End | None:
        """Observe, decide, act, write one status; None where the object does not exist. Raises TidegateErrors, and
        pydantic's ValidationError for an object that cannot be read."""
        ...

    def forget(self, key: Key) -> None:
        """The object is gone: remember nothing of it."""
        ...


class Reconciler:
    """Makes passes over the keys of one kind. Safe for concurrent calls with different keys."""

    def __init__(self, subject: Subject, shell: Shell, queue: Queue[Key], clock: Clock, series: PassSeries) -> None:
        self._subject, self._shell, self._queue, self._clock = subject, shell, queue, clock
        self._series = series
        self._stale_since: dict[Key, datetime] = {}

    def reconcile(self, key: Key) -> None:
        """One pass, and what it means to the queue. Nothing that happens in it gets out: the next key is unaffected."""
        began = time.monotonic()
        try:
            self._guarded(key)
        except Exception:  # a defect of ours, or an answer nobody foresaw, costs this pass and no other
            log.exception("reconcile: unexpected; tried again with back-off", extra=self._named(key))
            self._series.errors.labels(*key).inc()
            self._queue.retry(key)
        log.debug("pass took %.1f ms", (time.monotonic() - began) * 1000, extra=self._named(key))

    def _named(self, key: Key) -> dict[str, str]:
        return {self._subject.noun: "/".join(key)}

    def _guarded(self, key: Key) -> None:
        try:
            if self._own_writes_are_back(key):
                self._pass(key)
        except TidegateError as error:
            self._after(key, End(error=error))
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(str(part) for part in problem["loc"])
            unreadable = Terminal(f"the object cannot be read: {field}: {problem['msg']}; mend it")
            self._after(key, End(error=unreadable))

    def _own_writes_are_back(self, key: Key) -> bool:
        """Whether the stores are as new as our last writes; else look again soon. An older observation is never judged."""
        unseen = self._shell.own.unseen(key, self._shell.watches.heard)
        if not unseen:
            self._stale_since.pop(key, None)
            return True
        now = self._clock.now()
        since = self._stale_since.setdefault(key, now)
        if (now - since).total_seconds() > LAGGING_S:
            self._stale_since[key] = now
            for kind in unseen:
                self._shell.watches.refresh(kind)
        self._queue.add_after(key, STALE_S)
        return False

    def _pass(self, key: Key) -> None:
        began = time.perf_counter()
        end = self._subject.judge(key)
        if end is None:
            self._shell.own.forget(key)
            self._queue.forget(key)
            self._subject.forget(key)
            return
        self._series.seconds.labels(*key).observe(time.perf_counter() - began)
        self._after(key, end)

    def _after(self, key: Key, end: End) -> None:
        """What the end of a pass means to the queue."""
        if not end.judged:
            return
        if end.error is not None:
            self._after_error(key, end.error)
            if end.wake_at is not None:
                self._wake(key, end.wake_at)
        elif end.failed:
            self._failed(key, end.failed)
        else:
            self._queue.forget(key)
            if end.resync or end.wake_at is not None:
                self._wake(key, end.wake_at)
            if end.again_s:
                self._queue.add_after(key, end.again_s)

    def _after_error(self, key: Key, error: TidegateError) -> None:
        match error:
            case Pending() | Retry():
                level = logging.DEBUG if isinstance(error, Pending) else logging.WARNING
                log.log(level, "waits: %s; again in %.3g s", error, error.after_s, extra=self._named(key))
                self._queue.forget(key)
                self._queue.add_after(key, error.after_s)
            case SpecError():
                self._queue.forget(key)
                self._queue.add_after(key, names.INVALID_SPEC_RETRY_S)
            case OwnershipError() | Terminal():
                log.warning("gives up until something changes: %s", error, extra=self._named(key))
                self._queue.forget(key)
            case TooManyRequests():
                self._failed(key, str(error), error.after_s)
            case _:
                self._failed(key, str(error), passing=isinstance(error, PASSING))

    def _failed(self, key: Key, why: str, at_least_s: float = 0.0, *, passing: bool = True) -> None:
        """Back off, and say so: quietly at first where the moment is to blame, with a warning once it lasts."""
        self._series.errors.labels(*key).inc()
        delay_s = self._queue.retry(key, at_least_s)
        level = logging.INFO if passing and self._queue.failures(key) < TOLD_AFTER else logging.WARNING
        log.log(level, "failed: %s; again in %.3g s", why, delay_s, extra=self._named(key))

    def _wake(self, key: Key, wake_at: datetime | None) -> None:
        now = self._clock.now()
        resync = now + timedelta(seconds=RESYNC_S)
        if wake_at is None or wake_at > resync:
            wake_at = resync
        # A pass that wants another one in the past would spin: what was due has just been looked at.
        self._queue.add_at(key, wake_at if wake_at > now else now + timedelta(seconds=STALE_S))
