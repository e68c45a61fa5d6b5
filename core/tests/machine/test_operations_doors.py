"""What a controller may not be able to carry out is refused where a spec asks for it, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, World, weight
from tidegate.machine.observed import Door

Build = Callable[..., World]
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}
EXPERIMENT: dict[str, Any] = {"experiment": {"templates": [{"name": "base", "specRef": "stable"}]}}

CANARY: dict[str, tuple[dict[str, Any], str, Door]] = {
    "background": ({"analysis": OK}, "spec.strategy.canary.analysis", Door.ANALYSIS),
    "step": ({"steps": [{"analysis": OK}]}, "spec.strategy.canary.steps[0].analysis", Door.ANALYSIS),
    "experiment": ({"steps": [PAUSE, EXPERIMENT]}, "spec.strategy.canary.steps[1].experiment", Door.EXPERIMENT),
    "plugin": ({"steps": [{"plugin": {"name": "x"}}]}, "spec.strategy.canary.steps[0].plugin", Door.STEP_PLUGIN),
}


@pytest.mark.parametrize("case", CANARY)
def test_a_canary_that_asks_for_a_closed_door_is_refused(a_rollout: Build, case: str) -> None:
    asked, path, door = CANARY[case]
    world = a_rollout([weight(20), PAUSE])
    world.doors = frozenset(Door) - {door}
    world.strategy(**asked).image("v2").run()
    assert world.phase[0] == "Degraded"
    assert f"{path}: " in world.phase[1]
    assert len(world.sets) == 1
    assert not world.runs
    assert not world.experiments
    world.doors = frozenset(Door)
    assert world.run().phase[0] != "Degraded"


@pytest.mark.parametrize("gate", ["prePromotionAnalysis", "postPromotionAnalysis"])
def test_a_blue_green_that_asks_for_a_closed_door_is_refused(a_blue_green: Build, gate: str) -> None:
    world = a_blue_green()
    world.doors = frozenset()
    world.strategy(**{gate: OK}).image("v2").run()
    assert world.phase[0] == "Degraded"
    assert f"spec.strategy.blueGreen.{gate}: " in world.phase[1]
    assert world.selected("demo-active") == world.hash("v1")
    assert len(world.sets) == 1


def test_closed_doors_hinder_nobody_else(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout([weight(20)]), a_blue_green()):
        world.doors = frozenset()
        assert world.image("v2").run().phase == ("Healthy", "")
