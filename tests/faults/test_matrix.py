"""The crash matrix: wherever the process dies, the end is the same. `make faults` plays it whole, this file every ninth write."""

from __future__ import annotations

import pytest

from histories import matrix
from histories.matrix import BY_ID, Case

STRIDE = 9


@pytest.mark.parametrize("scenario", BY_ID)
def test_a_scenario_comes_to_its_end(scenario: str) -> None:
    run = matrix.play(Case(scenario))

    assert list(matrix.expectations(BY_ID[scenario], run.state)) == []
    assert run.broken == []


@pytest.mark.parametrize("scenario", BY_ID)
def test_a_crash_changes_nothing(scenario: str) -> None:
    told = [
        f"{case}: {text}\n  .venv/bin/python tools/faults.py --replay {case.history.word}"
        for case, text in matrix.judged((scenario, STRIDE)).broken
        if case.fault is not None
    ]
    assert not told, "\n" + "\n".join(told)
