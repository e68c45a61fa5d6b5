"""What is left of a pause once a client has ended it (specification 2.10, 4.3, 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}


def test_a_resume_is_used_up_by_the_switch(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL, postPromotionAnalysis=OK).image("v2").run().client(**RESUME).run()
    assert world.selected("demo-active") == world.hash("v2")
    assert "controllerPause" not in world.status
    assert world.phase == ("Progressing", "waiting for analysis to complete")


def test_a_resume_is_used_up_by_the_checkpoint(a_blue_green: Build) -> None:
    world = a_blue_green(previewReplicaCount=1, **MANUAL).image("v2").run()
    world.pods_up["v2"] = 1
    world.client(**RESUME).run()
    assert world.status["blueGreen"]["scaleUpPreviewCheckPoint"] is True
    assert "controllerPause" not in world.status


def test_a_resume_is_not_used_for_a_later_update(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run()
    world.pods_up["v2"] = 2
    world.run().client(**RESUME).run().image("v3").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.selected("demo-active") == world.hash("v1")


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_a_full_promotion_ends_the_pause_before_it_is_promoted(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    steps = [weight(20), PAUSE]
    world = a_rollout(steps, routed=True) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run()
    world.pods_up["v2"] = 1
    world.client(promoteFull=True).run()
    assert "pauseConditions" not in world.status
    assert world.phase[0] == "Progressing"
    assert world.status["stableRS"] == world.hash("v1")
    assert world.messages("RolloutResumed") == ["Rollout is resumed"]


def test_an_experiment_that_a_person_terminates_counts_by_its_phase(a_rollout: Build) -> None:
    steps = [{"experiment": {"templates": [{"name": "base", "specRef": "stable"}]}}, PAUSE]
    world = a_rollout(steps).image("v2").run().judge("Experiment", "Running").run()
    world.lingering = True
    world.experiments = {name: replace(each, ending=True) for name, each in world.experiments.items()}
    world.run()
    assert len(world.experiments) == 1, "it has not ended yet, so nothing follows it"
    assert world.status["currentStepIndex"] == 0
    world.lingering = False
    world.run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert len(world.experiments) == 1
