"""The controller as one process: caches that lag, a key that is looked at, passes, back-off, wake-ups, and its death.

It follows the rules of `runtime.reconcile`: a change is looked at at once, only errors back off, an observation older than
an acknowledged write of our own is never judged, and an absence is believed once it was seen twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidegate.errors import Pending, TidegateError
from tidegate.machine.actions import Event
from tidegate.machine.observed import Observed
from tidegate.machine.plan import Outcome, Plan, Settled, settle
from tidegate.machine.rollout.decide import decide
from tidegate.machine.rollout.outcome.serial import only_counts, status_patch
from tidegate.simulation.faults import Crash
from tidegate.simulation.performance import Performer, Scene
from tidegate.simulation.routing import Shares
from tidegate.simulation.sight import Eyes
from tidegate.simulation.store import KINDS, ROLLOUT, Manifest, Objects
from tidegate.simulation.timeline import Timeline, ms_of

FIRST_RETRY_MS, LONGEST_RETRY_MS = 5, 10_000  # the work queue's
ABSENCE_MS = 500  # an absence is reported once it was seen twice, as `runtime.reconcile` does
STALE_MS = 100
COUNTS_MS = 1_000  # a status of mere counts waits so long for what else comes
RESTART_MS = 2_000  # a dead process is replaced in about this time


@dataclass(slots=True)
class Pass:
    """One pass: when, what it saw, what it wanted, what became of it, and what it wrote into the status.

    `fresh` tells that the caches were up to date. `manifest` is the Rollout as it was seen, `written` what each router had
    been told before. `events` are those that were sent, `error` is why it failed, `wake_at` when it wanted to look again.
    """

    ms: int
    seen: Observed
    plan: Plan
    manifest: Manifest = field(default_factory=dict)
    written: Mapping[str, Shares | None] = field(default_factory=dict)
    fresh: bool = True
    outcomes: list[Outcome] = field(default_factory=list)
    patch: Mapping[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    error: str = ""
    wake_at: datetime | None = None
    crashed: bool = False

    @property
    def situation(self) -> str:
        """Which case the pass was."""
        return self.plan.situation

    @property
    def wrote(self) -> bool:
        """Whether the world was changed by it."""
        return bool(self.patch) or any(outcome.wrote for outcome in self.outcomes)


@dataclass
class Caches:
    """How far each kind's watch has come. `lag_ms` is how late it is; an own write that was acknowledged is waited for."""

    scene: Scene
    seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    own: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    lag_ms: dict[str, int] = field(default_factory=dict)

    def objects(self) -> Mapping[str, Objects]:
        """The objects of every kind as the caches have them."""
        shelf = self.scene.store.shelf
        return {kind: shelf(kind).at(version) for kind, version in self.seen.items()}

    @property
    def fresh(self) -> bool:
        """Whether every kind is known as it is now."""
        shelf = self.scene.store.shelf
        return not any(shelf(kind).version != version for kind, version in self.seen.items())

    @property
    def behind(self) -> bool:
        """Whether a write of our own has not come back yet."""
        return any(self.seen[kind] < version for kind, version in self.own.items())

    def wrote(self, kind: str, version: int) -> None:
        """A write was acknowledged."""
        self.own[kind] = max(self.own.get(kind, 0), version)

    def list_anew(self, back: int) -> None:
        """A new process lists: every kind as it is now, or as it was up to `back` changes ago (a stale server cache)."""
        self.own.clear()
        for kind in KINDS:
            past = self.scene.store.shelf(kind).past
            self.seen[kind] = past[max(0, len(past) - 1 - back)][0]


class Controller:
    """Makes passes over one Rollout. `judged` is called after every one.

    `watch_ms` is how late a watch is by itself; `lag_ms` may be changed for each kind at any time.
    """

    def __init__(self, scene: Scene, timeline: Timeline, eyes: Eyes, judged: Callable[[Pass], None]) -> None:
        self.caches = Caches(scene)
        self.watch_ms = 5
        self.alive = True
        self.failures = 0
        self.wake_ms: int | None = None
        self.queued = False
        self._scene, self._timeline, self._eyes, self._judged = scene, timeline, eyes, judged
        self._life = 0
        self._ticket = 0
        self._absent: tuple[str, int] = ("", 0)
        self._held_since: int | None = None

    def take_up(self, other: Controller) -> None:
        """The caches and plans of another that is alive, and waits for nothing but its own timer."""
        mine, theirs = self.caches, other.caches
        mine.seen, mine.own, mine.due, mine.lag_ms = map(dict, (theirs.seen, theirs.own, theirs.due, theirs.lag_ms))
        self.failures, self._life, self._ticket = other.failures, other._life, other._ticket
        self._absent, self._held_since = other._absent, other._held_since
        self._wake_at_ms(other.wake_ms)

    # --- the watch and the queue ---

    def told(self, kind: str) -> None:
        """An object of a kind changed: the watch will say so."""
        version, life = self._scene.store.shelf(kind).version, self._life
        lag = self.watch_ms + self.caches.lag_ms.get(kind, 0)
        due = max(self.caches.due.get(kind, 0), self._timeline.ms + lag)
        self.caches.due[kind] = due
        self._timeline.at(due, lambda: self._hear(kind, version, life))

    def told_of_pods(self) -> None:
        """A pod changed; heard only where pods are looked at."""
        if self._eyes.watch_pods:
            self._timeline.at(self._timeline.ms + self.watch_ms, self.look)

    def _hear(self, kind: str, version: int, life: int) -> None:
        if life == self._life and version > self.caches.seen[kind]:
            self.caches.seen[kind] = version
            self.failures = 0
            self.look()

    def look(self) -> None:
        """The key is due: a pass is made in this very millisecond, once."""
        if self.alive and not self.queued:
            self.queued = True
            life = self._life
            self._timeline.at(self._timeline.ms, lambda: self._turn(life))

    def _turn(self, life: int) -> None:
        if life == self._life:
            self.queued = False
            if self.caches.behind:
                self._later(STALE_MS)
            else:
                self.step()

    def _later(self, ms: int) -> None:
        life = self._life
        self._timeline.at(self._timeline.ms + ms, lambda: self.look() if life == self._life else None)

    def _wake(self, when: datetime | None) -> None:
        """Look again at a moment by the controller's own clock; each pass says anew when."""
        self._wake_at_ms(None if when is None else ms_of(when) - self._timeline.skew_ms)

    def _wake_at_ms(self, wake_ms: int | None) -> None:
        self._ticket += 1
        self.wake_ms = wake_ms
        if self.wake_ms is not None:
            if self.wake_ms <= self._timeline.ms:  # as `runtime.reconcile`: what was due has just been looked at
                self.wake_ms = self._timeline.ms + STALE_MS
            ticket = self._ticket
            self._timeline.at(self.wake_ms, lambda: self.look() if ticket == self._ticket else None, idle=True)

    # --- life and death ---

    def die(self, back: int = 0) -> None:
        """The process is gone, and everything that it remembered; a new one lists what may be `back` changes old."""
        self._life += 1
        self._ticket += 1
        self.alive, self.queued, self.failures, self.wake_ms = False, False, 0, None
        self._absent, self._held_since = ("", 0), None
        self._timeline.at(self._timeline.ms + RESTART_MS, lambda: self._begin(back))

    def _begin(self, back: int) -> None:
        self.alive = True
        self.caches.list_anew(back)
        for kind in KINDS:
            self.caches.due.pop(kind, None)
            if self.caches.seen[kind] < self._scene.store.shelf(kind).version:
                self.told(kind)
        self.look()

    # --- one pass ---

    def plan(self) -> Plan | None:
        """What a pass would want now; nothing is done."""
        seen = self._eyes.observed(self._timeline.seen_now, self.caches.objects())
        return None if seen is None else decide(seen)

    def step(self) -> Pass | None:
        """One pass now; None where there is no such Rollout, or an absence is to be seen once more."""
        seen = self._eyes.observed(self._timeline.seen_now, self.caches.objects())
        if seen is None:
            return None
        plan = decide(seen)
        if plan.absent and not self._surely_absent(seen, plan.notes[0]):
            return None
        written = {name: router.written for name, router in self._scene.plane.routers.items()}
        made = Pass(self._timeline.ms, seen, plan, self._eyes.last, written, self.caches.fresh)
        try:
            self._carry_out(made)
        except Crash:
            made.crashed = True
            self.die(self._scene.gate.back)
        self._judged(made)
        return made

    def _carry_out(self, made: Pass) -> None:
        performer = Performer(self._scene, made.seen.rollout, self.caches.wrote)
        performed = performer.perform(made.plan, made.outcomes)
        settled = settle(made.plan, performed.outcomes)
        made.events = performed.events
        made.wake_at = settled.wake_at
        error = performed.error
        try:
            self._write_status(made, settled)
            made.events.extend(settled.events)
        except TidegateError as failed:
            error = error or failed
        self._conclude(made, settled, error)

    def _write_status(self, made: Pass, settled: Settled) -> None:
        before = made.seen.rollout.status
        patch = status_patch(before, settled)
        if patch and not settled.events and only_counts(before, patch) and self._held_back():
            return
        self._held_since = None
        if patch:
            store, name = self._scene.store, made.seen.rollout.metadata.name
            self._scene.gate.through("status", lambda: store.patch_status(ROLLOUT, name, patch))
            self.caches.wrote(ROLLOUT, store.shelf(ROLLOUT).version)
            made.patch = patch

    def _held_back(self) -> bool:
        """Whether a write of mere counts has not waited long enough yet; then it is looked at again."""
        self._held_since = self._timeline.ms if self._held_since is None else self._held_since
        left = COUNTS_MS - (self._timeline.ms - self._held_since)
        if left > 0:
            self._later(left)
        return left > 0

    def _conclude(self, made: Pass, settled: Settled, error: TidegateError | None) -> None:
        """What the end of a pass means to the queue."""
        if isinstance(error, Pending):
            self.failures = 0
            self._later(round(error.after_s * 1000))
        elif error is not None or settled.error:
            made.error = str(error) if error is not None else settled.error
            self._later(min(FIRST_RETRY_MS * 2 ** min(self.failures, 12), LONGEST_RETRY_MS))
            self.failures += 1
        else:
            self.failures = 0
        self._wake(settled.wake_at)

    def _surely_absent(self, seen: Observed, what: str) -> bool:
        """Whether an absence is known already, or was seen before; else look again soon, before anything is said."""
        invalid = seen.rollout.status.condition("InvalidSpec")
        if invalid is not None and what in invalid.message:
            return True
        before, since = self._absent
        if before == what and self._timeline.ms - since >= ABSENCE_MS:
            self._absent = ("", 0)
            return True
        if before != what:
            self._absent = (what, self._timeline.ms)
        self._later(ABSENCE_MS)
        return False
