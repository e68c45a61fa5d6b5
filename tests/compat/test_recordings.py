"""What the reference controller was recorded to do is done here too, but for the differences that are wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playback.stage import Stage
from playback.staging import STAGING, Staging
from playback.wanted import REASONS, WANTED, unexplained

DATA = Path(__file__).parent / "data"
SCENARIOS = sorted(path.stem for path in DATA.glob("*.json"))
ASKED = "TIDEGATE_SLOW_RECORDINGS"


def scenarios() -> Iterator[object]:
    """Every scenario; a slow one is skipped with its reason unless it is asked for."""
    for name in SCENARIOS:
        slow = STAGING.get(name, Staging()).slow
        skip = slow and not os.environ.get(ASKED)
        yield pytest.param(name, marks=[pytest.mark.skip(f"{slow}; {ASKED}=1 plays it")] if skip else [])


@pytest.mark.parametrize("scenario", list(scenarios()))
def test_the_recording_is_followed(stage: Stage, scenario: str) -> None:
    faults = unexplained(WANTED.get(scenario, ()), stage.outcome(scenario))

    assert not faults, "\n" + "\n".join(faults)


def test_every_wanted_difference_belongs_to_a_recording_and_has_a_reason() -> None:
    reasons = {row.why for rows in WANTED.values() for row in rows}

    assert {*WANTED, *STAGING} <= set(SCENARIOS)
    assert reasons == set(REASONS)
