"""Hazards of the reference that are no scenario of their own (specification 6.3: 37, 41, 42, 43)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from machine_world import PAUSE, RESUME, World, pause, weight

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}


@pytest.mark.parametrize("small", [False, True], ids=["full preview", "small preview"])
def test_h37_a_resume_never_starts_the_seconds_anew(a_blue_green: Build, small: bool) -> None:
    more = {"previewReplicaCount": 1} if small else {}
    world = a_blue_green(autoPromotionSeconds=12, **more).image("v2").run().after(5).client(**RESUME)
    world.run()
    assert world.phase == ("Healthy", "")
    assert world.reasons().count("RolloutPaused") == 1


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_h41_an_abort_out_of_a_pause_leaves_no_condition_paused(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().client(abort=True)
    world.step()
    assert world.status["abort"] is True
    assert world.condition("Paused") == ("False", "RolloutPaused")
    world.edit(paused=True).run()
    assert world.condition("Paused") == ("True", "RolloutPaused")


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_h41_an_invalid_spec_is_not_healthy(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20)]) if strategy == "canary" else a_blue_green()
    assert world.condition("Healthy") == ("True", "RolloutHealthy")
    world.edit(progressDeadlineSeconds=-1)
    world.step()
    assert world.condition("InvalidSpec") == ("True", "InvalidSpec")
    assert world.condition("Healthy") == ("False", "RolloutHealthy")
    world.edit(progressDeadlineSeconds=600).run()
    assert world.condition("Healthy") == ("True", "RolloutHealthy")


def test_h42_edited_steps_of_a_finished_rollout_are_no_rollback(a_rollout: Build) -> None:
    world = a_rollout([weight(20)]).strategy(steps=[weight(30), PAUSE]).run()
    assert not world.events
    assert world.status["currentStepIndex"] == 2


def test_h43_a_timed_pause_of_a_canary_is_never_shorter(a_rollout: Build) -> None:
    world = a_rollout([weight(20), pause(1), PAUSE])
    world.after(0.95).image("v2").run()
    began = world.now
    assert world.status["pauseConditions"][0]["startTime"] == "2026-01-01T00:00:01Z"
    while world.status["currentStepIndex"] == 1:
        assert world.now - began < timedelta(seconds=3)
        world.after(0.05)
    assert world.now - began >= timedelta(seconds=1)


def test_h43_the_seconds_of_a_blue_green_are_never_fewer(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=5).after(0.66).image("v2").run()
    assert world.after(5).phase == ("Paused", "BlueGreenPause")
    assert world.after(0.4).phase == ("Healthy", "")


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_h43_a_scale_down_delay_is_never_shorter(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    if strategy == "canary":
        world = a_rollout([weight(20)], routed=True, scaleDownDelaySeconds=1)
    else:
        world = a_blue_green(scaleDownDelaySeconds=1)
    world.after(0.94).image("v2").run()
    assert world.deadline("v1") == "2026-01-01T00:00:02Z"
    assert world.after(1).spec_size("v1") > 0
    assert world.after(0.1).spec_size("v1") == 0


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_h43_an_abort_delay_is_never_shorter(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    if strategy == "canary":
        world = a_rollout([weight(20), PAUSE], routed=True, abortScaleDownDelaySeconds=2)
    else:
        world = a_blue_green(abortScaleDownDelaySeconds=2, **MANUAL)
    world.after(0.5).image("v2").run().client(abort=True).run()
    assert world.deadline("v2") == "2026-01-01T00:00:03Z"
    assert world.after(2.4).spec_size("v2") > 0
    assert world.after(0.2).spec_size("v2") == 0


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_a_scale_down_delay_of_zero_is_at_once(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = (
        a_rollout([weight(20)], routed=True, scaleDownDelaySeconds=0)
        if strategy == "canary"
        else a_blue_green(scaleDownDelaySeconds=0)
    )
    world.image("v2").run()
    assert (world.spec_size("v1"), world.spec_size("v2")) == (0, 10 if strategy == "canary" else 3)
    assert world.phase == ("Healthy", "")
