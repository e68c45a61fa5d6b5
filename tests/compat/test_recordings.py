"""What the reference controller was recorded to do is done here too, but for the differences that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playback.houses import WORLDS, missing, skipped
from playback.outcome import Share
from playback.reading import SCENARIOS, read
from playback.reasons import REASONS
from playback.stage import Stage
from playback.staging import STAGING
from playback.wanted import WANTED, unexplained

# A test that comes first waits until its scenario is played: all of them take 2 minutes on two busy cores at most.
PATIENCE_S = 240.0
FACTS, EVENTS = 98.0, 95.0  # per cent that must be equal
BESIDE = 99.0  # per cent of what shows no defect of the reference

Stages = Callable[[str], Stage]


def plays(begin: str = "") -> Iterator[object]:
    """Every scenario whose name begins so, on every world; what is not played is skipped with its reason."""
    for world in WORLDS:
        for name in [each for each in SCENARIOS if each.startswith(begin)]:
            reason = skipped(world, name)
            yield pytest.param(world, name, id=f"{world}-{name}", marks=[pytest.mark.skip(reason)] if reason else [])


@pytest.mark.timeout(PATIENCE_S + 20)
@pytest.mark.parametrize(("world", "scenario"), list(plays()))
def test_the_recording_is_followed(stages: Stages, world: str, scenario: str) -> None:
    outcome = stages(world).outcome(scenario, PATIENCE_S)

    faults = unexplained(WANTED.get(scenario, ()), outcome.differences)

    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.timeout(PATIENCE_S + 20)
@pytest.mark.parametrize("world", WORLDS)
def test_nearly_everything_is_equal(stages: Stages, world: str) -> None:
    """Of the steady recordings; wanted differences count as differences, and beside the reference's defects there are few."""
    if reason := missing(world):
        pytest.skip(reason)
    names = [name for name in SCENARIOS if read(name).steady and not skipped(world, name)]
    outcomes = [stages(world).outcome(name, PATIENCE_S) for name in names]
    facts = sum((outcome.facts for outcome in outcomes), Share())
    events = sum((outcome.events for outcome in outcomes), Share())

    assert facts.percent >= FACTS, f"{world}: {facts}"
    assert events.percent >= EVENTS, f"{world}: {events}"
    assert min(facts.percent_beside_defects, events.percent_beside_defects) >= BESIDE, f"{world}: {facts}, {events}"


@pytest.mark.timeout(PATIENCE_S + 20)
@pytest.mark.parametrize(("world", "scenario"), list(plays("routed-")))
def test_what_leads_requests_is_written_once_for_each_change(stages: Stages, world: str, scenario: str) -> None:
    """No loop and no second try: a step, an abort's weight and routes, what comes behind the last step, and the repair of
    what a client has written are one write each.
    """
    writes = stages(world).outcome(scenario, PATIENCE_S).writes

    assert writes
    assert [each for each in writes if each.count - each.client > 2 + each.steps + each.client] == []


def test_every_wanted_difference_belongs_to_a_recording_and_has_a_reason() -> None:
    reasons = {row.why for rows in WANTED.values() for row in rows}

    assert {*WANTED, *STAGING} <= set(SCENARIOS)
    assert reasons == set(REASONS)
