"""What differs between a recording and its play."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from playback.facts import facts_of
from playback.player import Played
from playback.recording import Recording
from playback.symbols import timeless

ABSENT = "-"
LATE = 3
LOOP = 3  # an Event that came more often after one deed was sent in a loop; the count is an accident
BUDGET = 25  # Events of one object and type that the reference sends before it drops them


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact after one deed. An Event is the fact `event <text>`; its value says how often it was sent. A phase on the
    way is the fact `shown <phase>: <message>`.
    """

    deed: int
    fact: str
    reference: str
    ours: str

    def __str__(self) -> str:
        return f"[{self.deed}] {self.fact}\n        reference: {self.reference}\n        ours:      {self.ours}"


def differences(recording: Recording, played: Played) -> list[Difference]:
    """Every settled fact that differs, every wait given up, Events sent more or less often, and phases shown here alone.

    Events and phases are compared act by act: a deed with the waits that follow it, since either side may be the quicker one.
    """
    told = [each.difference for each in events_of(recording, played) if each.ours != each.reference]
    unmet = [
        Difference(number, "wait", "met", f"not met: {recording.deeds[number].what['wait']}") for number in played.unmet
    ]
    settled = [pair for number in range(len(recording.deeds)) for pair in settled_at(recording, played, number)]
    differing = [each for each in settled if each.reference != each.ours]
    found = sorted([*unmet, *differing], key=lambda each: each.deed)
    return [*found, *told, *_flashed(recording, played)]


def settled_at(recording: Recording, played: Played, number: int) -> Iterator[Difference]:
    """Every settled fact after a deed, equal or not.

    Before the last wait of an act either side may be the quicker one: what the reference shows later in the act, or showed
    before the deed, is then as good as equal. After it the world must be the same.
    """
    left = facts_of(recording.scenes[number].state)
    right = facts_of(played.scenes[number].state)
    near = [facts_of(recording.scenes[other].state) for other in _near(recording, number)]
    for fact in sorted(left.keys() | right.keys()):
        ours = right.get(fact, ABSENT)
        alike = any(each.get(fact, ABSENT) == ours for each in near)
        yield Difference(number, fact, ours if alike else left.get(fact, ABSENT), ours)


def _near(recording: Recording, number: int) -> list[int]:
    """The deeds of the same act that follow, and the one before, unless the deed ends its act."""
    act = next(act for act in acts(recording) if number in act)
    later = [other for other in act if other > number]
    return [number - 1, *later] if later and number else later


@dataclass(frozen=True, slots=True)
class Told:
    """How often an Event was sent after a deed, there and here; what the reference had dropped is not counted here."""

    deed: int
    text: str
    reference: int
    ours: int

    @property
    def difference(self) -> Difference:
        return Difference(self.deed, f"event {self.text}", _times(self.reference), _times(self.ours))


def events_of(recording: Recording, played: Played) -> Iterator[Told]:
    """Every Event of either side, act by act. One that comes here up to LATE acts later is not late: a busy controller sends
    Events when it has nothing better to do.
    """
    numbers = list(acts(recording))
    theirs = [Counter(timeless(text) for n in act for text in recording.scenes[n].events) for act in numbers]
    ours = [Counter(timeless(text) for n in act for text in played.scenes[n].events) for act in numbers]
    for number, later in _pairs(len(numbers)):
        late = (theirs[number] - ours[number]) & (ours[later] - theirs[later])
        ours[number], ours[later] = ours[number] + late, ours[later] - late
    sent: Counter[tuple[str, str]] = Counter()
    for act, left, right in zip(numbers, theirs, ours, strict=True):
        sent.update(_sender(text) for text in left.elements())
        for text in sorted(left.keys() | right.keys()):
            dropped = right[text] > left[text] and sent[_sender(text)] >= BUDGET
            yield _told(act[0], text, left[text], left[text] if dropped else right[text])


def _told(deed: int, text: str, left: int, right: int) -> Told:
    """How often is not compared where the reference repeated itself: it is told as sent once, and so are ours unless more."""
    looped = left > LOOP
    return Told(deed, text, 1 if looped else left, min(1, right) if looped and right <= left else right)


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    """Each act with the acts, up to LATE, that follow it."""
    return ((first, later) for first in range(count) for later in range(first + 1, min(first + LATE + 1, count)))


def _flashed(recording: Recording, played: Played) -> Iterator[Difference]:
    """What a Rollout showed here alone. What only the reference showed may have been too short-lived to be seen here."""
    known: frozenset[str] = frozenset()
    for act in acts(recording):
        theirs = known.union(*(recording.scenes[number].shown for number in act))
        ours = frozenset[str]().union(*(played.scenes[number].shown for number in act))
        for text in sorted({timeless(text) for text in ours} - {timeless(text) for text in theirs}):
            yield Difference(act[0], f"shown {text}", ABSENT, "shown")
        known = ours or known


def _times(count: int) -> str:
    return {0: ABSENT, 1: "sent"}.get(count, f"sent {count} times")


def acts(recording: Recording) -> Iterator[tuple[int, ...]]:
    """The numbers of the deeds, grouped: what is done, and the waits for what comes of it."""
    act: list[int] = []
    for number, deed in enumerate(recording.deeds):
        if act and "wait" not in deed.what and "sleep" not in deed.what:
            yield tuple(act)
            act = []
        act.append(number)
    yield tuple(act)


def _sender(text: str) -> tuple[str, str]:
    """Type and object of an Event's text: what the reference's budget is counted by. A reason may hold spaces."""
    told, _, _ = text.partition(": ")
    kind, *_, on = told.split(" ")
    return kind, on
