"""The course of one simulated update: what stood at each moment, and what follows from the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tidegate.api import names
from tidegate.machine.actions import Event
from tidegate.machine.observed import Observed, ReplicaSetView
from tidegate.machine.rollout.case import Case

HEALTHY, PAUSED = "Healthy", "Paused"
# Events that repeat what another column of the table says.
UNTOLD = frozenset({"RolloutStepCompleted", "RolloutPaused", "RolloutNotCompleted"})


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods of one role."""

    wanted: int = 0
    available: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """What stood from `at_s` on, in seconds since the update began.

    `share` is the new revision's part of the traffic in percent. `step` is the current step counted from 0, None without
    steps. `former` are all revisions but new and stable. `what` tells what happened at this moment.
    """

    at_s: float
    phase: str
    message: str
    step: int | None
    share: float
    new: Pods
    stable: Pods
    former: Pods
    what: tuple[str, ...] = ()

    @property
    def available(self) -> int:
        """Pods that can take requests, of any revision."""
        return self.new.available + self.stable.available + self.former.available

    @property
    def wanted(self) -> int:
        """Pods that were asked for, of any revision."""
        return self.new.wanted + self.stable.wanted + self.former.wanted

    def like(self, other: Moment) -> bool:
        """Whether nothing that is drawn differs."""
        return (self.phase, self.message, self.step, self.share, self.new, self.stable, self.former) == (
            other.phase,
            other.message,
            other.step,
            other.share,
            other.new,
            other.stable,
            other.former,
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something that lasted."""

    text: str
    from_s: float
    to_s: float

    @property
    def seconds(self) -> float:
        """How long."""
        return self.to_s - self.from_s


@dataclass(slots=True)
class Course:
    """Moments in order of time. `replicas` is the wanted size, `steps` their texts, `ended_s` when it was over.

    `routed` tells that shares come from a router, not from counting pods. `over` is False where it was broken off.
    `resumed` are the times at which somebody let a pause go, `assumed` what the simulation took for granted.
    """

    name: str
    replicas: int
    steps: tuple[str, ...] = ()
    routed: bool = False
    moments: list[Moment] = field(default_factory=list)
    ended_s: float = 0.0
    over: bool = True
    resumed: list[float] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    def note(self, at_s: float, seen: Observed, events: Sequence[Event] = (), deeds: Sequence[str] = ()) -> None:
        """Take down how things stand; moments at which nothing visible happened are left out."""
        # The first pass over the update comes milliseconds after it; what stood before is the former update's.
        moment = moment_of(at_s if self.moments else 0.0, seen, (*deeds, *_told(events)))
        last = self.moments[-1] if self.moments else None
        if last is None or moment.what or not moment.like(last):
            self.moments.append(moment)
        self.ended_s = max(self.ended_s, at_s)

    @property
    def last(self) -> Moment:
        """How it ended."""
        return self.moments[-1]

    @property
    def healthy(self) -> bool:
        """Whether the new revision came to serve everybody."""
        return self.last.phase == HEALTHY and self.last.share == 100

    @property
    def settled_s(self) -> float:
        """Since when the last phase has stood; what comes behind it is cleaning up."""
        return next((p.from_s for p in reversed(self.phases()) if p.text == self.last.phase), self.ended_s)

    @property
    def capacity(self) -> tuple[int, int]:
        """The fewest and the most available pods at any moment."""
        counts = [moment.available for moment in self.moments]
        return min(counts), max(counts)

    @property
    def most_wanted(self) -> int:
        """The most pods that were asked for at one time: what the cluster must have room for."""
        return max(moment.wanted for moment in self.moments)

    def stretches(self) -> Iterator[tuple[Moment, float]]:
        """Each moment and until when it stood."""
        ends = [moment.at_s for moment in self.moments[1:]] + [self.ended_s]
        yield from zip(self.moments, ends, strict=True)

    def phases(self) -> list[Stretch]:
        """The phases one after the other."""
        return _joined((moment.phase, moment.at_s, until) for moment, until in self.stretches())

    def pauses(self) -> list[Stretch]:
        """Every pause, by its reason."""
        every = _joined(
            (moment.message if _paused(moment) else "", m.at_s, until)
            for m, until in self.stretches()
            for moment in (m,)
        )
        return [stretch for stretch in every if stretch.text]

    def step_stretches(self) -> list[tuple[int, Stretch]]:
        """Each step that took time at all, counted from 0, and how long it was the current one."""
        known = [(str(m.step), m.at_s, until) for m, until in self.stretches() if m.step is not None]
        every = [(int(stretch.text), stretch) for stretch in _joined(known)]
        return [(step, stretch) for step, stretch in every if step < len(self.steps)]

    def waiting_s(self) -> tuple[float, float]:
        """Seconds in pauses, and seconds in which pods that were asked for were not available yet."""
        paused = sum(stretch.seconds for stretch in self.pauses())
        pods = sum(
            until - moment.at_s
            for moment, until in self.stretches()
            if not _paused(moment)
            and (moment.new.available < moment.new.wanted or moment.stable.available < moment.stable.wanted)
        )
        return paused, pods


def moment_of(at_s: float, seen: Observed, what: tuple[str, ...] = ()) -> Moment:
    """How an observed Rollout stands."""
    case = Case.of(seen)
    status = case.status
    return Moment(
        at_s,
        status.phase,
        status.message,
        status.current_step_index,
        _share(case),
        _pods((case.new,)),
        _pods((case.separate_stable,)),
        _pods(case.others),
        what,
    )


def _pods(sets: Sequence[ReplicaSetView | None]) -> Pods:
    there = [each for each in sets if each is not None]
    return Pods(sum(each.spec_replicas for each in there), sum(each.available for each in there))


def _share(case: Case) -> float:
    """The new revision's part of the traffic in percent: by the routers, by the active Service, else by pods."""
    new = case.new
    if new is None:
        return 0.0
    weights = case.status.canary.weights
    if case.routed:
        if weights is None:
            return 100.0 if case.status.stable_rs in ("", new.pod_hash) else 0.0
        sides = (weights.canary, weights.stable, *weights.additional)
        whole = sum(side.weight for side in sides)
        ours = sum(side.weight for side in sides if side.pod_template_hash == new.pod_hash)
        return round(100 * ours / whole, 2) if whole else 0.0
    blue_green = case.rollout.spec.strategy.blue_green
    if blue_green is not None:
        active = case.seen.services.get(blue_green.active_service)
        return 100.0 if active is not None and active.selector.get(names.POD_HASH) == new.pod_hash else 0.0
    every = sum(each.available for each in case.owned)
    return round(100 * new.available / every, 2) if every else 0.0


def _paused(moment: Moment) -> bool:
    return moment.phase == PAUSED


def _joined(parts: Iterator[tuple[str, float, float]] | Sequence[tuple[str, float, float]]) -> list[Stretch]:
    """Neighbours with one text become one stretch; what took no time is left out."""
    found: list[Stretch] = []
    for text, begins, ends in parts:
        if found and found[-1].text == text and found[-1].to_s == begins:
            found[-1] = Stretch(text, found[-1].from_s, ends)
        elif ends > begins:
            found.append(Stretch(text, begins, ends))
    return found


def _told(events: Sequence[Event]) -> Iterator[str]:
    yield from (event.message for event in events if event.reason not in UNTOLD)
