"""One pass over one Rollout: observe, decide, perform, settle, one status patch, then events, then when to look again.

Each way out means exactly one thing to the queue:

| what ended the pass | looked at again |
|---|---|
| nothing | at `wake_at`, at the latest after the resync |
| our own write has not come back | in 100 ms |
| Pending, Retry | after what it says; not a failure |
| SpecError of a router | in 20 s; not a failure |
| OwnershipError, Terminal | when something changes |
| TooManyRequests | after Retry-After, or the back-off if that is longer |
| anything else, NotFound included | after the key's back-off |
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

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
from tidegate.machine.actions import Event
from tidegate.machine.plan import Result, Settled, settle
from tidegate.machine.rollout.decide import decide
from tidegate.machine.rollout.outcome.serial import only_counts, status_patch
from tidegate.machine.rollout.situation import Situation
from tidegate.machine.routing import RouterAction
from tidegate.runtime.clock import Clock
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.edits import Edits
from tidegate.runtime.events import About, Recorder
from tidegate.runtime.kinds import ROLLOUTS
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.observe import Observer, Sight
from tidegate.runtime.perform import PASSING, Performed, Performer
from tidegate.runtime.queue import Queue
from tidegate.runtime.remotes import Remotes
from tidegate.runtime.routers import Memory, Routers
from tidegate.runtime.store import Key
from tidegate.runtime.transport import Transport
from tidegate.runtime.watches import Watches
from tidegate.runtime.writes import OwnWrites

log = logging.getLogger(__name__)

STALE_S = 0.1  # the reference controller's interval
# A watch that has not brought a write back for this long is taken for dead. Chosen by feel: an echo takes milliseconds.
LAGGING_S = 10.0
# Each kind has a watch of its own, so an object that was created with the Rollout may be heard of a moment later: an
# absence is reported once it was seen twice. Chosen by feel: watches differ by milliseconds.
ABSENCE_S = 0.5
# How long a status that differs in nothing but counts waits for what else comes of the pods. Chosen by feel: pods that
# come up at all are usually a second apart or come together.
COUNTS_S = 1.0
RESYNC_S = 900.0  # the reference controller's; a net below the events, not a mechanism
# Passing errors (conflicts, outages) become visible once they have lasted this many passes in a row.
TOLD_AFTER = 5


@dataclass(frozen=True, slots=True)
class Shell:
    """Everything that a pass reaches the world through."""

    transport: Transport
    watches: Watches
    own: OwnWrites[Key]
    facade: Facade
    remotes: Remotes
    recorder: Recorder
    metrics: Metrics


class Reconciler:
    """Makes passes. Safe for concurrent calls with different keys."""

    def __init__(self, shell: Shell, observer: Observer, queue: Queue[Key], clock: Clock) -> None:
        self._shell, self._observer, self._queue, self._clock = shell, observer, queue, clock
        self._stale_since: dict[Key, datetime] = {}
        self._absent_since: dict[Key, tuple[str, datetime]] = {}
        self._held_since: dict[Key, datetime] = {}
        self._memory = Memory(clock.now)

    def reconcile(self, key: Key) -> None:
        """One pass, and what it means to the queue. Nothing that happens in it gets out: the next key is unaffected."""
        began = time.monotonic()
        try:
            self._guarded(key)
        except Exception:  # a defect of ours, or an answer nobody foresaw, costs this pass and no other
            log.exception("reconcile: unexpected; tried again with back-off", extra={"rollout": "/".join(key)})
            self._shell.metrics.reconcile_errors.labels(*key).inc()
            self._queue.retry(key)
        log.debug("pass took %.1f ms", (time.monotonic() - began) * 1000, extra={"rollout": "/".join(key)})

    def _guarded(self, key: Key) -> None:
        try:
            if self._own_writes_are_back(key):
                self._pass(key)
        except TidegateError as error:
            self._after(key, error, None)
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(str(part) for part in problem["loc"])
            self._after(key, Terminal(f"the object cannot be read: {field}: {problem['msg']}; mend it"), None)

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
        sight = self._observer.observe(key)
        if sight is None:
            self._shell.own.forget(key)
            self._queue.forget(key)
            self._absent_since.pop(key, None)
            self._held_since.pop(key, None)
            self._memory.forget(key)
            return
        with self._shell.metrics.reconcile.labels(*key).time():
            self._judge(key, sight)

    def _judge(self, key: Key, sight: Sight) -> None:
        plan = decide(sight.observed)
        log.debug("plan: %s; %s", plan.situation, "; ".join(plan.notes), extra={"rollout": "/".join(key)})
        if plan.absent and not self._surely_absent(key, sight, plan.notes[0]):
            return
        cluster = PassCluster(self._shell.transport, self._shell.watches, self._shell.own, key)
        routers = Routers(sight, cluster, self._shell.facade, self._shell.remotes, self._memory)
        performer = Performer(sight, Edits(sight, cluster), routers)
        performed = performer.perform(plan)
        settled = settle(plan, performed.outcomes)
        try:
            if self._write_status(sight, settled, cluster) and plan.situation == Situation.INVALID:
                log.warning("invalid: %s", plan.notes[0], extra={"rollout": "/".join(key)})
            performed.events.extend(settled.events)
        finally:
            self._tell(sight, performed.events)
        if performed.error is not None:
            self._tell(sight, self._error_events(key, performed))
            self._after(key, performed.error, settled.wake_at)
            return
        if any(isinstance(outcome.action, RouterAction) for outcome in performed.outcomes):
            self._memory.news(key, ())  # the routers work again; a pass that asked none of them tells nothing of that
        if settled.error:
            self._failed(key, settled.error)
        else:
            self._queue.forget(key)
            self._wake(key, settled.wake_at)
            if performer.again_s:
                self._queue.add_after(key, performer.again_s)

    def _surely_absent(self, key: Key, sight: Sight, what: str) -> bool:
        """Whether an absence is known already, or was seen before; else look again soon, before anything is said."""
        invalid = sight.rollout.status.condition("InvalidSpec")
        if invalid is not None and what in invalid.message:
            return True
        now = self._clock.now()
        seen, since = self._absent_since.get(key, ("", now))
        if seen == what and now - since >= timedelta(seconds=ABSENCE_S):
            self._absent_since.pop(key, None)
            return True
        if seen != what:
            self._absent_since[key] = (what, now)
        self._queue.add_after(key, ABSENCE_S)
        return False

    def _write_status(self, sight: Sight, settled: Settled, cluster: PassCluster) -> bool:
        """The one status write of the pass; nothing where nothing differs, or nothing but counts for a moment."""
        before = sight.rollout.status
        patch = status_patch(before, settled)
        if patch and not settled.events and only_counts(before, patch) and self._held_back(sight.rollout.key):
            return False
        self._held_since.pop(sight.rollout.key, None)
        if patch:
            cluster.patch_status(ROLLOUTS, *sight.rollout.key, patch)
        return bool(patch)

    def _held_back(self, key: Key) -> bool:
        """Whether a write of mere counts has not waited long enough yet; then it is looked at again."""
        now = self._clock.now()
        left = COUNTS_S - (now - self._held_since.setdefault(key, now)).total_seconds()
        if left > 0:
            self._queue.add_after(key, left)
        return left > 0

    def _tell(self, sight: Sight, events: list[Event]) -> None:
        metadata = sight.rollout.metadata
        about = About(
            names.API_VERSION, names.ROLLOUT, metadata.namespace, metadata.name, metadata.uid, metadata.resource_version
        )
        for event in events:
            self._shell.recorder.record(about, event)

    def _error_events(self, key: Key, performed: Performed) -> list[Event]:
        """A Warning for what ended the pass, unless it is of the moment and has not lasted."""
        error = performed.error
        if error is None or isinstance(error, Pending | Retry):
            return []
        if isinstance(error, PASSING) and self._queue.failures(key) < TOLD_AFTER:
            return []
        failed = next(outcome.action for outcome in performed.outcomes if outcome.result is Result.FAILED)
        if isinstance(failed, RouterAction):
            plain = [Event("TrafficRoutingError", performed.text, "Warning")] if performed.text else []
            return [*plain, *self._memory.news(key, performed.told)]
        return [Event("ReconciliationError", f"Reconciliation failed with error: {error}", "Warning")]

    def _after(self, key: Key, error: TidegateError, wake_at: datetime | None) -> None:
        """What an error means to the queue."""
        match error:
            case Pending() | Retry():
                level = logging.DEBUG if isinstance(error, Pending) else logging.WARNING
                log.log(level, "waits: %s; again in %.3g s", error, error.after_s, extra={"rollout": "/".join(key)})
                self._queue.forget(key)
                self._queue.add_after(key, error.after_s)
            case SpecError():
                self._queue.forget(key)
                self._queue.add_after(key, names.INVALID_SPEC_RETRY_S)
            case OwnershipError() | Terminal():
                log.warning("gives up until something changes: %s", error, extra={"rollout": "/".join(key)})
                self._queue.forget(key)
            case TooManyRequests():
                self._failed(key, str(error), error.after_s)
            case _:
                self._failed(key, str(error), passing=isinstance(error, PASSING))
        if wake_at is not None:
            self._wake(key, wake_at)

    def _failed(self, key: Key, why: str, at_least_s: float = 0.0, *, passing: bool = True) -> None:
        """Back off, and say so: quietly at first where the moment is to blame, with a warning once it lasts."""
        self._shell.metrics.reconcile_errors.labels(*key).inc()
        delay_s = self._queue.retry(key, at_least_s)
        level = logging.INFO if passing and self._queue.failures(key) < TOLD_AFTER else logging.WARNING
        log.log(level, "failed: %s; again in %.3g s", why, delay_s, extra={"rollout": "/".join(key)})

    def _wake(self, key: Key, wake_at: datetime | None) -> None:
        now = self._clock.now()
        resync = now + timedelta(seconds=RESYNC_S)
        if wake_at is None or wake_at > resync:
            wake_at = resync
        # A pass that wants another one in the past would spin: what was due has just been looked at.
        self._queue.add_at(key, wake_at if wake_at > now else now + timedelta(seconds=STALE_S))
