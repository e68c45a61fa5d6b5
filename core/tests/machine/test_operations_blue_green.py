"""Blue-green rules that are no scenario of their own (specification 4.2 to 4.5, 5.5, 5.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import RESUME, World
from tidegate.machine.observed import ServiceView

Build = Callable[..., World]
MANUAL: dict[str, Any] = {"autoPromotionEnabled": False}
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}
POST: dict[str, Any] = {"postPromotionAnalysis": OK}


def both(world: World) -> tuple[str, str]:
    return world.selected("demo-preview"), world.selected("demo-active")


# --- 4.2 the size of the new version ---


def test_a_full_promotion_grows_a_small_preview_and_switches_when_it_is_complete(a_blue_green: Build) -> None:
    world = a_blue_green(previewReplicaCount=1, **MANUAL).image("v2").run()
    world.pods_up["v2"] = 2
    world.client(promoteFull=True).run()
    assert (world.spec_size("v2"), world.selected("demo-active")) == (3, world.hash("v1"))
    world.pods_up.clear()
    world.run()
    assert world.selected("demo-active") == world.hash("v2")
    assert world.messages("RolloutCompleted")[0].endswith(": Full promotion requested")


def test_the_checkpoint_does_not_outlive_its_update(a_blue_green: Build) -> None:
    world = a_blue_green(previewReplicaCount=1, **MANUAL).image("v2").run()
    world.pods_up["v2"] = 1
    world.client(**RESUME).run()
    assert world.spec_size("v2") == 3
    world.image("v3").run()
    assert not world.status["blueGreen"].get("scaleUpPreviewCheckPoint")
    assert (world.spec_size("v3"), world.phase) == (1, ("Paused", "BlueGreenPause"))


def test_the_first_deployment_is_not_made_small(a_blue_green: Build) -> None:
    assert a_blue_green(previewReplicaCount=1).spec_size("v1") == 3


# --- 4.3 and 4.4 ---


def test_without_a_preview_service_only_the_active_one_moves(a_blue_green: Build) -> None:
    world = a_blue_green(preview=False, **MANUAL).image("v2").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.client(**RESUME).run().selected("demo-active") == world.hash("v2")


def test_seconds_mean_nothing_where_a_person_promotes(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=5, **MANUAL).image("v2").run()
    assert world.wait is None
    assert world.after(60).phase == ("Paused", "BlueGreenPause")


def test_seconds_that_are_taken_away_promote_at_once(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=600).image("v2").run()
    assert world.strategy(autoPromotionSeconds=None).run().phase == ("Healthy", "")


def test_the_active_service_moves_only_to_a_complete_version(a_blue_green: Build) -> None:
    world = a_blue_green().image("v2")
    world.pods_up["v2"] = 2
    world.run()
    assert world.selected("demo-active") == world.hash("v1")
    world.client(promoteFull=True).run()
    assert world.selected("demo-active") == world.hash("v1")


# --- 4.5 others ---


def test_a_superseded_preview_waits_out_its_delay(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run().image("v3").run()
    assert world.selected("demo-preview") == world.hash("v3")
    assert (world.spec_size("v2"), world.deadline("v2")) == (3, "2026-01-01T00:00:30Z")
    world.after(31)
    assert (world.spec_size("v1"), world.spec_size("v2"), world.spec_size("v3")) == (3, 0, 3)


def test_a_version_that_a_service_still_selects_is_kept(a_blue_green: Build) -> None:
    world = a_blue_green(scaleDownDelaySeconds=1, **MANUAL).image("v2").run().edit(paused=True).image("v3").run()
    assert world.selected("demo-preview") == world.hash("v2")
    assert world.after(60).spec_size("v2") == 3
    world.edit(paused=False).run().after(2)
    assert world.spec_size("v2") == 0


def test_a_delay_that_is_written_down_counts_during_the_analysis_behind_the_switch(a_blue_green: Build) -> None:
    world = a_blue_green(scaleDownDelaySeconds=10, **POST).image("v2").run().judge("PostPromotion", "Successful").run()
    world.image("v3").run()
    assert world.phase == ("Progressing", "waiting for analysis to complete")
    assert world.after(11).spec_size("v1") == 0
    assert world.spec_size("v2") == 3, "it is stable until v3 has proved itself"


def test_nothing_is_scaled_down_while_an_inconclusive_verdict_waits(a_blue_green: Build) -> None:
    world = a_blue_green(scaleDownDelaySeconds=10, **POST).image("v2").run().judge("PostPromotion", "Successful").run()
    world.image("v3").run().judge("PostPromotion", "Inconclusive").run()
    assert world.after(60).spec_size("v1") == 3


# --- abort ---


def test_an_aborted_version_is_kept_until_stable_is_complete(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run()
    world.pods_up["v1"] = 2
    world.run().client(abort=True).run()
    assert world.deadline("v2") is None
    world.pods_up.clear()
    assert world.run().deadline("v2") is not None


def test_an_aborted_version_follows_the_wanted_size_in_its_annotation_only(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run().client(abort=True).run().edit(replicas=5).run()
    assert (world.spec_size("v1"), world.spec_size("v2")) == (5, 3)
    assert world.of("v2")["metadata"]["annotations"]["rollout.argoproj.io/desired-replicas"] == "5"


def test_an_abort_behind_the_switch_waits_for_a_stable_pod(a_blue_green: Build) -> None:
    world = a_blue_green(**POST).image("v2").run()
    world.pods_up["v1"] = 0
    world.run().client(abort=True).run()
    assert world.selected("demo-active") == world.hash("v2"), "never to a version without a pod"
    world.pods_up["v1"] = 1
    assert world.run().selected("demo-active") == world.hash("v1")


# --- 5.5 and 5.7 ---


def test_unpausing_switches_both_services_in_one_pass(a_blue_green: Build) -> None:
    world = a_blue_green().edit(paused=True).run().image("v2").run().edit(paused=False)
    world.step()
    assert both(world) == (world.hash("v2"), world.hash("v2"))


@pytest.mark.parametrize("available", [0, 3], ids=["not available", "available"])
def test_back_to_the_stable_template_in_mid_update(a_blue_green: Build, available: int) -> None:
    world = a_blue_green(**MANUAL).image("v2")
    world.pods_up["v2"] = available
    world.run().forget().image("v1").run()
    assert both(world) == (world.hash("v1"), world.hash("v1"))
    assert world.phase == ("Healthy", "")
    assert "RolloutCompleted" not in world.reasons()
    assert "SkipSteps" not in world.reasons()
    assert world.after(31).spec_size("v2") == 0


def test_a_third_version_starts_over(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=20).image("v2").run().after(15).image("v3").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.after(15).phase == ("Paused", "BlueGreenPause")
    world.after(6)
    assert world.selected("demo-active") == world.hash("v3")


def test_size_and_template_in_one_write_send_their_events_in_order(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).edit(replicas=4).image("v2").run()
    assert world.reasons() == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "SwitchService",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "ScalingReplicaSet",
        "RolloutPaused",
    ]


def test_a_finished_rollouts_active_service_comes_back_with_one_pod(a_blue_green: Build) -> None:
    world = a_blue_green()
    world.services["demo-active"] = ServiceView("demo-active", {"app": "demo"}, "demo", "2")
    world.pods_up["v1"] = 1
    assert world.run().selected("demo-active") == world.hash("v1")
