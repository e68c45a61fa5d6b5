"""For which Rollouts pods have to be looked at at all: looking costs memory, so it is asked before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import World, weight
from tidegate.machine.rollout.pods import pods_needed

Build = Callable[..., World]
MARKS: dict[str, Any] = {"labels": {"role": "live"}}


def needed(world: World) -> bool:
    seen = world.seen()
    return pods_needed(seen.rollout, seen.replica_sets)


def test_not_for_a_plain_rollout(a_rollout: Build, a_blue_green: Build) -> None:
    assert not needed(a_rollout([weight(20)]))
    assert not needed(a_blue_green())


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_for_a_restart_until_it_is_over(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20)]) if strategy == "canary" else a_blue_green()
    world.after(60).edit(restartAt="2026-01-01T00:00:30Z")
    assert needed(world)
    assert not needed(world.run())


@pytest.mark.parametrize("field", ["canaryMetadata", "stableMetadata"])
def test_for_metadata_of_a_canary(a_rollout: Build, field: str) -> None:
    assert needed(a_rollout([weight(20)], **{field: MARKS}))


@pytest.mark.parametrize("field", ["previewMetadata", "activeMetadata"])
def test_for_metadata_of_a_blue_green(a_blue_green: Build, field: str) -> None:
    assert needed(a_blue_green(**{field: MARKS}))


def test_until_metadata_that_is_no_longer_asked_for_is_gone(a_rollout: Build) -> None:
    world = a_rollout([weight(20)], stableMetadata=MARKS).strategy(stableMetadata=None)
    assert needed(world)
    assert not needed(world.run())
    assert {pod.labels.get("role") for pod in world.pods_in("v1")} == {None}
