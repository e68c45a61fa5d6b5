"""Shares that come back to stable: at the edges of what stable and the canary have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.routing import VerifyWeights

Build = Callable[..., World]


def dynamic(a_rollout: Build, *shares: int) -> World:
    """R=10 with dynamicStableScale, paused at the last of the shares."""
    steps = [step for share in shares for step in (weight(share), PAUSE)]
    world = a_rollout(steps, routed=True, dynamicStableScale=True).image("v2").run()
    for _ in shares[1:]:
        world.client(**RESUME).run()
    return world.forget()


def share_of_canary(world: World) -> int:
    """The canary's recorded share."""
    return int(world.status["canary"]["weights"]["canary"].get("weight", 0))


@pytest.mark.parametrize(("share", "left"), [(1, 5), (50, 1)], ids=["the least share", "the last stable pod"])
def test_a_dead_canary_gives_its_share_to_whatever_stable_has(a_rollout: Build, share: int, left: int) -> None:
    world = dynamic(a_rollout, share)
    assert share_of_canary(world) == share
    world.pods_up |= {"v1": left, "v2": 0}
    assert share_of_canary(world.run()) == 0


def test_a_dead_canary_keeps_its_share_while_stable_has_no_pod_either(a_rollout: Build) -> None:
    world = dynamic(a_rollout, 50)
    world.pods_up |= {"v1": 0, "v2": 0}
    assert share_of_canary(world.run()) == 50


def test_a_finished_rollout_that_loses_a_pod_asks_no_router_to_read_back(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], routed=True, dynamicStableScale=True).image("v2").run()
    assert world.phase == ("Healthy", "")
    world.forget().pods_up["v2"] = 9
    world.run()
    assert not any(isinstance(call, VerifyWeights) for call in world.calls)


def test_the_canarys_service_stays_with_the_least_share_until_stable_is_complete(a_rollout: Build) -> None:
    world = dynamic(a_rollout, 1)
    former = world.hash("v2")
    world.pods_up["v1"] = 9
    world.image("v1").run()
    assert (share_of_canary(world), world.selected("demo-canary")) == (1, former)
    del world.pods_up["v1"]
    world.run()
    assert (share_of_canary(world), world.selected("demo-canary")) == (0, world.hash("v1"))


def test_an_abort_goes_down_to_the_least_share_only_when_stable_can_take_the_rest(a_rollout: Build) -> None:
    world = dynamic(a_rollout, 1, 50)
    world.pods_up["v1"] = 7
    assert share_of_canary(world.client(abort=True).run()) == 50
