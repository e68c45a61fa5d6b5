"""What came of a play: the differences, and how much was compared and equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from playback.comparison import Difference, acts, differences, events_of, settled_at
from playback.facts import facts_of
from playback.player import Played
from playback.recording import Recording, State
from playback.rows import Wanted
from playback.wanted import WANTED, reason_of


@dataclass(frozen=True, slots=True)
class Share:
    """How many were compared, how many of them were equal, and how many differ where the reference is known to be wrong."""

    compared: int = 0
    equal: int = 0
    defects: int = 0

    def __add__(self, other: Share) -> Share:
        return Share(self.compared + other.compared, self.equal + other.equal, self.defects + other.defects)

    @property
    def percent(self) -> float:
        """Equal ones among all; 100 where there was nothing to compare."""
        return 100.0 * self.equal / self.compared if self.compared else 100.0

    @property
    def percent_beside_defects(self) -> float:
        """Equal ones among those that show no defect of the reference."""
        return Share(self.compared - self.defects, self.equal).percent

    def __str__(self) -> str:
        beside = f", {self.percent_beside_defects:.1f} % beside {self.defects} defects" if self.defects else ""
        return f"{self.percent:.1f} % ({self.equal} of {self.compared}{beside})"


@dataclass(frozen=True, slots=True)
class Writes:
    """How often an object that leads requests was written in the act that begins with `deed`, the deed's own write included.

    `steps` is how many steps the Rollout completed in it, and `client` how many writes to the object were the client's.
    """

    deed: int
    object: str
    count: int
    steps: int
    client: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario on one world. `facts`: settled facts; `events`: Events, each as often as it was sent."""

    differences: tuple[Difference, ...]
    facts: Share
    events: Share
    writes: tuple[Writes, ...] = ()

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def read_outcome(told: dict[str, Any]) -> Outcome:
    """What `told` gave."""
    found = tuple(Difference(**each) for each in told["differences"])
    writes = tuple(Writes(**each) for each in told["writes"])
    return Outcome(found, Share(**told["facts"]), Share(**told["events"]), writes)


def outcome_of(recording: Recording, played: Played) -> Outcome:
    """Everything that can be said of a play."""
    found = tuple(differences(recording, played))
    rows = WANTED.get(recording.name, ())
    return Outcome(
        found, _facts(recording, played, rows), _events(recording, played, rows), tuple(writes_of(recording, played))
    )


def writes_of(recording: Recording, played: Played) -> Iterator[Writes]:
    """What was written in each act here."""
    for act in acts(recording):
        scenes = [played.scenes[number] for number in act]
        steps = sum("RolloutStepCompleted" in text for scene in scenes for text in scene.events)
        counts = sum((Counter(scene.writes) for scene in scenes), Counter[str]())
        for name, count in sorted(counts.items()):
            yield Writes(act[0], name, count, steps, sum(name in recording.deeds[number].written for number in act))


def share_of(pairs: Iterable[tuple[Difference, int, int]], rows: Iterable[Wanted]) -> Share:
    """The sum over facts: each as it would be told if it differed, with how many were compared and equal."""
    known, share = list(rows), Share()
    for fact, compared, equal in pairs:
        wrong = compared > equal and reason_of(known, fact).startswith("X")
        share += Share(compared, equal, compared - equal if wrong else 0)
    return share


def _facts(recording: Recording, played: Played, rows: Iterable[Wanted]) -> Share:
    """The facts of every object that a deed changed, on either side: one that stands still is not counted again."""

    def pairs() -> Iterator[tuple[Difference, int, int]]:
        before: tuple[State, State] = ({}, {})
        for number, (theirs, ours) in enumerate(zip(recording.scenes, played.scenes, strict=True)):
            after = (theirs.state, ours.state)
            moved = _moved(before[0], after[0]) | _moved(before[1], after[1])
            for fact in settled_at(recording, played, number):
                if fact.fact.split(" ")[0] in moved:
                    yield fact, 1, int(fact.reference == fact.ours)
            before = after

    return share_of(pairs(), rows)


def _moved(before: State, after: State) -> set[str]:
    """Names of the objects that have come, gone or got other facts."""
    return {
        name
        for name in before.keys() | after.keys()
        if name not in before or name not in after or facts_of({"": before[name]}) != facts_of({"": after[name]})
    }


def _events(recording: Recording, played: Played, rows: Iterable[Wanted]) -> Share:
    told = events_of(recording, played)
    return share_of(
        ((each.difference, max(each.reference, each.ours), min(each.reference, each.ours)) for each in told), rows
    )
