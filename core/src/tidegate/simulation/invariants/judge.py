"""Applies every rule while a cluster runs, and keeps what was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tidegate.simulation.cluster import Cluster
from tidegate.simulation.controller import Pass
from tidegate.simulation.invariants import progress, rest, shares, sizes
from tidegate.simulation.invariants.look import Look, Rule, Violation
from tidegate.simulation.invariants.requests import Requests

PASS_RULES: Sequence[tuple[str, Rule]] = (*shares.RULES, *sizes.RULES, *progress.RULES)
# The others speak of what a pass did, wrote or told, and half of all passes do nothing.
STANDING = frozenset({"I16", "I19", "I20", "A10"})
IDLE_RULES = tuple((id_, rule) for id_, rule in PASS_RULES if id_ in STANDING)
AtRest = Callable[[Cluster], Iterator[str]]


@dataclass
class Judge:
    """Watches one cluster. `violations` are in the order of happening; `met` counts (situation, kind of action)."""

    cluster: Cluster
    ignore: frozenset[str] = frozenset()
    violations: list[Violation] = field(default_factory=list)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    _requests: Requests = field(init=False)

    def __post_init__(self) -> None:
        self._requests = Requests(self.cluster)

    def after_pass(self, made: Pass) -> None:
        """Every rule over one pass."""
        look = Look(self.cluster, made)
        self.met[made.situation, ""] += 1
        for outcome in made.outcomes:
            self.met[made.situation, type(outcome.action).__name__] += 1
        for id_, rule in PASS_RULES if made.outcomes or made.patch or made.events else IDLE_RULES:
            self._note(id_, rule(look))

    def at_instant(self) -> None:
        """What requests meet now."""
        self._note("A1", self._requests.a1_every_share_has_endpoints())

    def at_rest(self) -> None:
        """The cluster has come to rest, and no fault is planted."""
        for id_, rule in rest.RULES:
            self._note(id_, rule(self.cluster))

    def note(self, id_: str, text: str) -> None:
        """Somebody else saw a rule broken."""
        self._note(id_, iter((text,)))

    def _note(self, id_: str, found: Iterator[str]) -> None:
        for text in found:
            if id_ not in self.ignore:
                self.violations.append(Violation(id_, text, self.cluster.timeline.ms))
