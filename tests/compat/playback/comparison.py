"""What differs between a recording and its play."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from playback.facts import facts_of
from playback.player import Played
from playback.recording import Recording, Scene
from playback.symbols import timeless

ABSENT = "-"
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
    found: list[Difference] = []
    for number, (theirs, ours) in enumerate(zip(recording.scenes, played.scenes, strict=True)):
        if number in played.unmet:
            found.append(Difference(number, "wait", "met", f"not met: {recording.deeds[number].what['wait']}"))
        found += _settled(number, theirs, ours)
    return [*found, *_told(recording, played), *_flashed(recording, played)]


def _settled(number: int, theirs: Scene, ours: Scene) -> list[Difference]:
    left, right = facts_of(theirs.state), facts_of(ours.state)
    return [
        Difference(number, fact, left.get(fact, ABSENT), right.get(fact, ABSENT))
        for fact in sorted(left.keys() | right.keys())
        if left.get(fact) != right.get(fact)
    ]


def _told(recording: Recording, played: Played) -> Iterator[Difference]:
    sent: Counter[tuple[str, str]] = Counter()
    for act in acts(recording):
        theirs = Counter(timeless(text) for number in act for text in recording.scenes[number].events)
        ours = Counter(timeless(text) for number in act for text in played.scenes[number].events)
        sent.update(_sender(text) for text in theirs.elements())
        for text in sorted(theirs.keys() | ours.keys()):
            dropped = ours[text] > theirs[text] and sent[_sender(text)] >= BUDGET
            if ours[text] != theirs[text] and not dropped:
                yield Difference(act[0], f"event {text}", _times(theirs[text]), _times(ours[text]))


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
    """Type and object of an Event's text: what the reference's budget is counted by."""
    kind, _, on, *_ = text.split(" ", 3)
    return kind, on
