"""One pass over one Rollout: observe, decide, perform, settle, one status patch, then events."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from tidegate.api import names
from tidegate.errors import Pending, Retry
from tidegate.machine.actions import Event
from tidegate.machine.plan import Result, Settled, settle
from tidegate.machine.rollout.decide import decide
from tidegate.machine.rollout.outcome.serial import only_counts, status_patch
from tidegate.machine.rollout.situation import Situation
from tidegate.machine.routing import RouterAction
from tidegate.runtime.clock import Clock
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.edits import Edits
from tidegate.runtime.events import About
from tidegate.runtime.kinds import ROLLOUTS
from tidegate.runtime.observe import Observer, Sight
from tidegate.runtime.perform import PASSING, Performed, Performer
from tidegate.runtime.queue import Queue
from tidegate.runtime.reconcile import TOLD_AFTER, End, Shell
from tidegate.runtime.routers import Memory, Routers
from tidegate.runtime.store import Key

log = logging.getLogger(__name__)

# Each kind has a watch of its own, so an object that was created with the Rollout may be heard of a moment later: an
# absence is reported once it was seen twice. Chosen by feel: watches differ by milliseconds.
ABSENCE_S = 0.5
# How long a status that differs in nothing but counts waits for what else comes of the pods. Chosen by feel: pods that
# come up at all are usually a second apart or come together.
COUNTS_S = 1.0


class Rollouts:
    """Passes over Rollouts. Safe for concurrent calls with different keys."""

    noun = "rollout"

    def __init__(self, shell: Shell, observer: Observer, queue: Queue[Key], clock: Clock) -> None:
        self._shell, self._observer, self._queue, self._clock = shell, observer, queue, clock
        self._absent_since: dict[Key, tuple[str, datetime]] = {}
        self._held_since: dict[Key, datetime] = {}
        self._memory = Memory(clock.now)

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        self._absent_since.pop(key, None)
        self._held_since.pop(key, None)
        self._memory.forget(key)

    def judge(self, key: Key) -> End | None:
        """One pass; None where the Rollout does not exist."""
        sight = self._observer.observe(key)
        return None if sight is None else self._judged(key, sight)

    def _judged(self, key: Key, sight: Sight) -> End:
        plan = decide(sight.observed)
        log.debug("plan: %s; %s", plan.situation, "; ".join(plan.notes), extra={"rollout": "/".join(key)})
        if plan.absent and not self._surely_absent(key, sight, plan.notes[0]):
            return End(judged=False)
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
            return End(settled.wake_at, performed.error)
        if any(isinstance(outcome.action, RouterAction) for outcome in performed.outcomes):
            self._memory.news(key, ())  # the routers work again; a pass that asked none of them tells nothing of that
        return End(settled.wake_at, failed=settled.error, again_s=performer.again_s)

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
