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
    """One fact after one deed. An Event that only one side sent is the fact `event <text>`, `sent` on that side."""

    deed: int
    fact: str
    reference: str
    ours: str

    def __str__(self) -> str:
        return f"[{self.deed}] {self.fact}\n        reference: {self.reference}\n        ours:      {self.ours}"


def differences(recording: Recording, played: Played) -> list[Difference]:
    """Every settled fact that differs, deed by deed, every wait given up, and every Event that only one side sent.

    Events are compared act by act: a deed with the waits that follow it, since either side may be the quicker one.
    """
    found: list[Difference] = []
    for number, (theirs, ours) in enumerate(zip(recording.scenes, played.scenes, strict=True)):
        if number in played.unmet:
            found.append(Difference(number, "wait", "met", f"not met: {recording.deeds[number].what['wait']}"))
        found += _settled(number, theirs, ours)
    return found + _told(recording, played)


def _settled(number: int, theirs: Scene, ours: Scene) -> list[Difference]:
    left, right = facts_of(theirs.state), facts_of(ours.state)
    return [
        Difference(number, fact, left.get(fact, ABSENT), right.get(fact, ABSENT))
        for fact in sorted(left.keys() | right.keys())
        if left.get(fact) != right.get(fact)
    ]


def _told(recording: Recording, played: Played) -> list[Difference]:
    found: list[Difference] = []
    sent: Counter[tuple[str, str]] = Counter()
    for act in acts(recording):
        left = {timeless(text) for number in act for text in recording.scenes[number].events}
        right = {timeless(text) for number in act for text in played.scenes[number].events}
        sent.update(_sender(text) for number in act for text in recording.scenes[number].events)
        found += [Difference(act[0], f"event {text}", "sent", ABSENT) for text in sorted(left - right)]
        extra = (text for text in sorted(right - left) if sent[_sender(text)] < BUDGET)
        found += [Difference(act[0], f"event {text}", ABSENT, "sent") for text in extra]
    return found


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
