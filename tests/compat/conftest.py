"""The recordings, and the stages on which they are played again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cluster"))  # the package `realcluster`
sys.path.insert(0, str(Path(__file__).parent))  # the package `playback`

from playback.houses import house, skipped
from playback.reading import SCENARIOS, read
from playback.stage import Stage

Stages = Callable[[str], Stage]


@pytest.fixture(scope="session")
def stages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    """The stage of a world; it plays every scenario of this run, from the first test that asks on."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "recordings"
    opened: dict[str, Stage] = {}

    def stage(world: str) -> Stage:
        if world not in opened:
            opened[world] = Stage(house(world), shared / world, read, played(request.session.items, world))
        return opened[world]

    try:
        yield stage
    finally:
        for each in opened.values():
            each.close()


def played(items: list[pytest.Item], world: str) -> list[str]:
    """The scenarios that tests of this run judge on a world; a test of the world without one judges them all."""
    found: dict[str, None] = {}
    for item in items:
        asked = getattr(getattr(item, "callspec", None), "params", {})
        if asked.get("world") == world:
            found |= dict.fromkeys([asked["scenario"]] if "scenario" in asked else SCENARIOS)
    return [scenario for scenario in found if not skipped(world, scenario)]
