"""Seeded histories under faults break no rule. `make faults` plays 100,000; what fails is replayed by one command."""

from __future__ import annotations

import pytest

from histories.cutting import breaks, cut
from histories.history import ALIKE, History
from histories.play import Stage, play
from histories.report import Tally, lines, tally
from histories.trace import lines as traced

SEEDS = 400
CHUNKS = 6  # so that two workers share them


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_history_breaks_a_rule(chunk: int) -> None:
    found = tally(range(chunk, SEEDS, CHUNKS))

    told = [f"{rule}: {text}\n  .venv/bin/python tools/faults.py --replay {seed}" for rule, seed, text in found.broken]
    assert not told, "\n" + "\n".join(told)


def test_a_history_survives_its_own_text() -> None:
    history = History.of(17)

    again = History.read(history.compact())

    assert list(again.operations) == list(history.operations)
    assert again.compact() == history.compact()
    assert History.read("17") == history


def test_a_seed_is_always_the_same_history() -> None:
    assert History.of(4) == History.of(4)
    assert History.of(4) != History.of(5)


def test_a_history_that_goes_on_from_a_shared_deployment_is_the_one_played_alone() -> None:
    stage = Stage()
    for seed in range(40):
        alone, shared = play(History.of(seed)), play(History.of(seed), stage=stage)
        ends = [
            (each.cluster.manifest, each.cluster.gate.log, each.cluster.passes, each.done[1:], each.violations)
            for each in (alone, shared)
        ]
        assert ends[0] == ends[1]


def test_a_shared_deployment_is_counted_once() -> None:
    found = tally(range(ALIKE))

    assert found.histories == ALIKE
    assert found.passes < sum(play(History.of(seed)).cluster.passes for seed in range(ALIKE))
    assert sum(count for (_, kind), count in found.met.items() if not kind) == found.passes


def test_a_trace_tells_operations_passes_and_reasons() -> None:
    played = play(History.of(4), recording=True)

    text = "\n".join(traced(played))

    assert ">>> settle" in text
    assert "CreateReplicaSet: no ReplicaSet runs this template" in text


def test_cutting_keeps_what_fails_and_drops_the_rest() -> None:
    history = History.of(4)

    small = cut(history, lambda each: any(operation[0] == "image" for operation in each.operations))

    assert [operation[0] for operation in small.operations] == ["image"]
    assert not breaks("I99")(small)


def test_the_report_names_every_situation() -> None:
    found: Tally = tally(range(3))

    text = "\n".join(lines(found, 1.0))

    assert "3 histories" in text
    assert all(word in text for word in ("new revision", "updating", "steady", "aborted", "invalid", "unsized"))
