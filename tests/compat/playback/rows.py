"""One kind of difference that is wanted, and those that many scenarios share. The reasons are in `reasons`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from playback.comparison import Difference

EVERY_DEED = range(0, 100)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Facts that may differ after some deeds. `fact` and `ours` are patterns in which `*` stands for anything.

    `sometimes`: a race decides whether it shows, so a row that excuses nothing is no fault.
    """

    why: str
    fact: str
    deeds: Iterable[int] = field(default=EVERY_DEED)
    ours: str = "*"
    sometimes: bool = False

    def fits(self, difference: Difference) -> bool:
        return difference.deed in self.deeds and _like(self.fact, difference.fact) and _like(self.ours, difference.ours)


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text, re.DOTALL) is not None


def unpaused(*deeds: int) -> Wanted:
    return Wanted("X58", "Rollout/* status.conditions[Paused]", deeds, "False RolloutPaused: Rollout is paused")


def longer(*deeds: int) -> tuple[Wanted, ...]:
    """What is still up where the reference had ended a delay up to a second early; the clock decides how much shows."""
    facts = (
        "ReplicaSet/* annotations.scale-down-deadline",
        *(f"ReplicaSet/* {name}" for name in ("available", "ready", "replicas")),
        *(f"Rollout/* status.{name}" for name in COUNTS),
        "event Normal ScalingReplicaSet * Scaled down *",
    )
    return tuple(Wanted("X25", fact, deeds, sometimes=True) for fact in facts)


def nothing_to_remove(*deeds: int) -> tuple[Wanted, ...]:
    """The reference tells of a removal in every pass of these deeds; that of a later abort may stand for one of them."""
    return (Wanted("X31", "event Normal Updated VirtualService *removed all managed routes.", deeds),)


COUNTS = ("HPAReplicas", "availableReplicas", "readyReplicas", "replicas", "updatedReplicas")
