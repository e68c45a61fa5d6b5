"""Sizes changed while an update runs, zero replicas, and the change of strategy (specification 4.9, 5.8; hazards 23, 42)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.api import names

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}
STEPS = [weight(50), PAUSE]
BLUE_GREEN: dict[str, Any] = {
    "canary": None,
    "blueGreen": {"activeService": "demo-active", "previewService": "demo-preview"},
}


# --- 5.8 ---


@pytest.mark.parametrize("strategy", ["basic", "routed", "blue-green"])
def test_an_autoscaler_may_change_the_size_in_a_pause(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_blue_green(**MANUAL) if strategy == "blue-green" else a_rollout([weight(25), PAUSE], replicas=4)
    if strategy == "routed":
        world = a_rollout([weight(25), PAUSE], replicas=4, routed=True)
    world.image("v2").run()
    pause = world.phase
    expected = {"basic": ((2, 6), (1, 3)), "routed": ((2, 8), (1, 4)), "blue-green": ((8, 8), (4, 4))}[strategy]
    for size, pair in zip((8, 4), expected, strict=True):
        world.edit(replicas=size).run()
        assert world.pair() == pair
        assert world.phase == pause
        for tag in ("v1", "v2"):
            assert world.of(tag)["metadata"]["annotations"][names.DESIRED_REPLICAS] == str(size)


def test_a_small_preview_keeps_its_size_while_the_active_version_scales(a_blue_green: Build) -> None:
    world = a_blue_green(previewReplicaCount=1, **MANUAL).image("v2").run().edit(replicas=6).run()
    assert world.pair() == (1, 6)
    assert world.client(**RESUME).run().pair() == (6, 0)


def test_former_versions_of_a_blue_green_follow_the_size_while_they_wait(a_blue_green: Build) -> None:
    world = a_blue_green().image("v2").run().edit(replicas=5).run()
    assert (world.spec_size("v1"), world.spec_size("v2")) == (5, 5)
    world.image("v1").run()
    assert world.phase == ("Healthy", "")


def test_former_versions_of_a_canary_keep_their_own_size_while_they_wait(a_rollout: Build) -> None:
    world = a_rollout([weight(20)], routed=True, replicas=4).image("v2").run().edit(replicas=6).run()
    assert (world.spec_size("v1"), world.spec_size("v2")) == (4, 6)


def test_a_blue_green_at_zero_replicas_is_promoted_without_a_pod(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=0).image("v2")
    world.run()
    assert world.selected("demo-active") == world.selected("demo-preview") == world.hash("v2")
    assert world.phase == ("Healthy", "")
    assert "HPAReplicas" not in world.status


def test_a_blue_green_at_zero_replicas_still_pauses_and_may_grow_in_it(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=0, **MANUAL).image("v2").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.edit(replicas=2).run().pair() == (2, 2)
    assert world.client(**RESUME).run().phase == ("Healthy", "")


def test_a_canary_at_zero_replicas_keeps_weight_0(a_rollout: Build) -> None:
    world = a_rollout([*STEPS, weight(70)], routed=True, replicas=0).image("v2").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.client(**RESUME).run().phase == ("Healthy", "")
    assert {share for share, _ in world.weights} == {0}


def test_zero_replicas_and_a_full_promotion_with_a_dynamic_stable_divide_by_nothing(a_rollout: Build) -> None:
    world = a_rollout(STEPS, routed=True, replicas=4, dynamicStableScale=True).image("v2").run()
    world.client(promoteFull=True).edit(replicas=0).run()
    assert world.phase == ("Healthy", "")


# --- 4.9 ---


def test_a_switch_to_canary_in_mid_update_goes_on_as_a_canary(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=4, **MANUAL).image("v2").run()
    world.edit(strategy={"blueGreen": None, "canary": {"steps": STEPS, "maxSurge": 1, "maxUnavailable": 0}}).run()
    assert world.status["stableRS"] == world.hash("v1")
    assert (world.status["currentStepIndex"], world.phase) == (1, ("Paused", "CanaryPauseStep"))
    assert world.pair() == (2, 2)
    assert world.client(**RESUME).run().phase == ("Healthy", "")


def test_h42_a_switch_to_canary_is_no_rollback(a_blue_green: Build) -> None:
    world = a_blue_green()
    world.edit(strategy={"blueGreen": None, "canary": {"steps": STEPS}}).run()
    assert world.status["currentStepIndex"] == 2
    assert not world.events
    world.strategy(steps=[weight(10)]).run()
    assert not world.events


def with_services(world: World) -> World:
    view = next(iter(world.services.values()))
    assert view is not None
    for name in ("demo-active", "demo-preview"):
        world.services[name] = type(view)(name, {"app": "demo"}, "", "1")
    return world


def test_a_finished_canary_becomes_a_blue_green(a_rollout: Build) -> None:
    world = with_services(a_rollout(STEPS, services=True))
    world.edit(strategy=BLUE_GREEN).run()
    assert world.selected("demo-active") == world.selected("demo-preview") == world.hash("v1")
    assert world.phase == ("Healthy", "")
    assert "RolloutCompleted" not in world.reasons()
    assert "currentStepIndex" not in world.status
    assert "currentStepHash" not in world.status
    assert len(world.sets) == 1


@pytest.mark.parametrize("manual", [False, True], ids=["automatic", "manual"])
def test_h23_a_switch_to_blue_green_in_mid_update_keeps_stable_until_the_promotion(
    a_rollout: Build, manual: bool
) -> None:
    world = with_services(a_rollout(STEPS, services=True, replicas=4).image("v2"))
    world.pods_up["v2"] = 1
    world.run()
    stable = world.hash("v1")
    strategy: dict[str, Any] = {**BLUE_GREEN, "blueGreen": {**BLUE_GREEN["blueGreen"], **(MANUAL if manual else {})}}
    world.forget().edit(strategy=strategy).run()
    assert world.status["stableRS"] == stable
    assert world.selected("demo-active") == stable, "whoever served goes on serving"
    assert (world.spec_size("v1"), world.spec_size("v2")) == (4, 4)
    world.pods_up.clear()
    world.run()
    if manual:
        assert world.phase == ("Paused", "BlueGreenPause")
        world.client(**RESUME).run()
    assert world.selected("demo-active") == world.hash("v2")
    assert world.messages("RolloutCompleted")[0].endswith(": Completed blue-green update")
    assert world.phase == ("Healthy", "")
