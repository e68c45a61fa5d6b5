"""Applies every rule while a cluster runs, and keeps what was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from tidegate.machine.actions import Action
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.controller import Pass
from tidegate.simulation.invariants import progress, rest, shares, sizes
from tidegate.simulation.invariants.look import Look, Rule, Trace, Violation
from tidegate.simulation.invariants.requests import Requests

PASS_RULES: Sequence[Rule] = (*shares.RULES, *sizes.RULES, *progress.RULES)


@cache
def rules_about(kinds: frozenset[type[Action]], *, wrote: bool, told: bool) -> tuple[Rule, ...]:
    """The rules that a pass may have broken: by its kinds of action, whether it wrote into the status, and sent events."""
    done = {Trace.MADE, *kinds} | ({Trace.STATUS} if wrote else set()) | ({Trace.EVENT} if told else set())
    return tuple(rule for rule in PASS_RULES if not rule.about.isdisjoint(done))


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

    def take_up(self, other: Judge) -> None:
        """What another has found in the cluster that this one's has taken up; what it has met counts once, there."""
        self.violations = list(other.violations)
        self._requests.empty = set(other._requests.empty)

    def after_pass(self, made: Pass) -> None:
        """Every rule over one pass."""
        look, kinds = Look(self.cluster, made), [type(outcome.action) for outcome in made.outcomes]
        self.met[made.situation, ""] += 1
        for kind in kinds:
            self.met[made.situation, kind.__name__] += 1
        for rule in rules_about(frozenset(kinds), wrote=bool(made.patch), told=bool(made.events)):
            self._note(rule.id, rule.broken(look))

    def at_instant(self) -> None:
        """What requests meet now."""
        self._note("A1", self._requests.a1_every_share_has_endpoints())

    def at_rest(self) -> None:
        """The cluster has come to rest, and no fault is planted."""
        found = rest.Rest.of(self.cluster)
        for id_, rule in rest.RULES:
            self._note(id_, rule(found))

    def note(self, id_: str, text: str) -> None:
        """Somebody else saw a rule broken."""
        self._note(id_, iter((text,)))

    def _note(self, id_: str, found: Iterator[str]) -> None:
        for text in found:
            if id_ not in self.ignore:
                self.violations.append(Violation(id_, text, self.cluster.timeline.ms))
