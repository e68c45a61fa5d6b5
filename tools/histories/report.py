"""Plays many histories on every core and adds up what they met."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from histories.cutting import breaks, cut
from histories.history import History
from histories.play import Played, Stage, play
from histories.workers import pool
from tidegate.machine.rollout.situation import Situation

CHUNK = 100  # seeds that a worker takes at a time; chosen by feel: a few seconds
SHOWN = 8  # rules that are shrunk and shown
NO_FAULT = "no fault"


@dataclass
class Tally:
    """What a number of histories came to. `broken` are (rule, seed, text), `faults` counts histories by what they met."""

    histories: int = 0
    passes: int = 0
    writes: int = 0
    hours: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, seed: int, played: Played) -> None:
        """One history more."""
        cluster = played.cluster
        self.histories += 1
        self.passes += cluster.passes - played.shared_passes
        self.writes += cluster.gate.count - played.shared_writes
        self.hours += cluster.seconds / 3600
        self.kinds[played.history.config.kind] += 1
        self.met.update(played.judge.met)
        classes = set(cluster.gate.met) | {op[0] for _, op in played.done if op[0] in WORLDLY} or {NO_FAULT}
        self.faults.update(classes)
        if played.violations:
            first = played.violations[0]
            self.failed.update(classes)
            self.broken.append((first.id, seed, first.seen))

    def join(self, other: Tally) -> None:
        """The histories of another."""
        self.histories += other.histories
        self.passes += other.passes
        self.writes += other.writes
        self.hours += other.hours
        for name in ("kinds", "faults", "failed", "met"):
            getattr(self, name).update(getattr(other, name))
        self.broken += other.broken


WORLDLY = frozenset({"lag", "jump", "look", "node", "flap", "drain", "router", "verdict", "strip", "drop", "annotate", "edit",
                     "delete", "doom", "hpa"})  # fmt: skip


def tally(seeds: Iterable[int]) -> Tally:
    """The histories of some seeds."""
    found, stage = Tally(), Stage()
    for seed in seeds:
        found.add(seed, play(History.of(seed), stage=stage))
    return found


def tally_all(start: int, count: int) -> Tally:
    """The histories of `count` seeds from `start`, on every core."""
    chunks = [range(at, min(at + CHUNK, start + count)) for at in range(start, start + count, CHUNK)]
    found = Tally()
    with pool() as workers:
        for part in workers.imap_unordered(tally, chunks):
            found.join(part)
    return found


def lines(found: Tally, seconds: float) -> Iterator[str]:
    """The report."""
    yield (
        f"{found.histories} histories in {seconds:.0f} s ({found.histories / max(seconds, 0.001):.0f} a second): "
        f"{found.passes} passes, {found.writes} writes, {found.hours:.0f} hours of cluster time"
    )
    yield "  by kind: " + ", ".join(f"{kind} {n}" for kind, n in sorted(found.kinds.items()))
    yield "  histories by what went wrong in them, and how many of those broke a rule:"
    for name in sorted(found.faults):
        yield f"    {name:<16}{found.faults[name]:>8}{found.failed[name]:>8}"
    yield from _coverage(found)
    yield f"  rules broken: {len(found.broken)} histories"


def _coverage(found: Tally) -> Iterator[str]:
    """Which situations met which kinds of action."""
    kinds = sorted({kind for _, kind in found.met if kind})
    yield "  passes by situation, and the actions that were tried in it:"
    for situation in Situation:
        tried = ", ".join(f"{kind} {found.met[situation, kind]}" for kind in kinds if found.met[situation, kind])
        yield f"    {situation.value:<13}{found.met[situation, '']:>9}  {tried or '-'}"


def shrunk(found: Tally, budget_s: float = 60.0) -> Iterator[str]:
    """For each rule that was broken: how often, and one command that replays a small history of it."""
    by_rule: dict[str, list[tuple[int, str]]] = {}
    for rule, seed, text in sorted(found.broken, key=lambda each: each[1]):
        by_rule.setdefault(rule, []).append((seed, text))
    began = time.monotonic()
    for rule, cases in sorted(by_rule.items(), key=lambda item: -len(item[1]))[:SHOWN]:
        seed, text = cases[0]
        history = History.of(seed)
        if time.monotonic() - began < budget_s:
            history = cut(history, breaks(rule))
        yield f"{rule}: {len(cases)} histories (seeds {', '.join(str(seed) for seed, _ in cases[:8])}); first: {text}"
        yield f"    .venv/bin/python tools/faults.py --replay {history.word}"
