"""Blue-green scenarios D1 to D8 and D11 to D14 of the behavioural specification: those that need no analysis."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from machine_world import RESUME, World

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}


def test_d1_the_first_deployment_is_stable_at_once_and_gets_its_traffic_when_complete(a_blue_green: Build) -> None:
    world = a_blue_green(deployed=False)
    world.pods_up["v1"] = 2
    world.run()
    assert world.status["stableRS"] == world.hash("v1")
    assert world.spec_size("v1") == 3
    assert world.selected("demo-active") == ""
    assert world.selected("demo-preview") == world.hash("v1")
    world.pods_up["v1"] = 3
    world.run()
    assert world.selected("demo-active") == world.hash("v1")
    assert world.phase == ("Healthy", "")
    assert world.reasons() == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "SwitchService",
        "ScalingReplicaSet",
        "RolloutCompleted",
        "SwitchService",
    ]
    assert world.messages("RolloutCompleted")[0].endswith(": Initial deploy")
    assert world.condition("Completed") == ("True", "RolloutCompleted")


def test_d2_an_update_is_previewed_at_once_and_switched_when_complete(a_blue_green: Build) -> None:
    world = a_blue_green().image("v2")
    world.pods_up["v2"] = 2
    world.run()
    assert world.selected("demo-preview") == world.hash("v2")
    assert world.selected("demo-active") == world.hash("v1")
    assert world.pair() == (3, 3)
    world.pods_up["v2"] = 3
    world.run()
    assert world.selected("demo-active") == world.hash("v2")
    assert world.phase == ("Healthy", "")
    assert world.counts == (3, 6, 3, 3, 3)
    assert world.after(29).spec_size("v1") == 3
    assert world.after(2).spec_size("v1") == 0
    assert world.deadline("v1") is None
    assert world.counts == (3, 3, 3, 3, 3)


def test_d2_the_preview_selects_the_new_version_before_it_has_a_pod(a_blue_green: Build) -> None:
    world = a_blue_green().image("bad").run()
    assert world.selected("demo-preview") == world.hash("bad")
    assert world.selected("demo-active") == world.hash("v1")


def test_d3_no_pause_before_the_new_version_is_ready(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=2, **MANUAL).image("v2")
    world.pods_up["v2"] = 1
    world.run()
    assert "pauseConditions" not in world.status
    assert world.phase == ("Progressing", "active service cutover pending")


def test_d4_a_ready_version_waits_for_a_person(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run()
    assert [p["reason"] for p in world.status["pauseConditions"]] == ["BlueGreenPause"]
    assert world.status["controllerPause"] is True
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.condition("Paused") == ("True", "RolloutPaused")
    assert world.selected("demo-active") == world.hash("v1")


def test_d5_a_resume_switches_and_promotes(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run().client(**RESUME).run()
    assert world.selected("demo-active") == world.hash("v2")
    assert world.status["stableRS"] == world.hash("v2")
    assert world.phase == ("Healthy", "")
    assert "controllerPause" not in world.status


def test_d5_a_resume_counts_while_the_automatic_promotion_still_waits(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=60).image("v2").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    world.after(5).client(**RESUME).run()
    assert world.phase == ("Healthy", "")
    assert world.reasons().count("RolloutPaused") == 1


def test_d5_a_resume_is_remembered_while_a_pod_is_missing(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run()
    world.pods_up["v2"] = 2
    world.run().client(**RESUME).run()
    assert world.selected("demo-active") == world.hash("v1")
    world.pods_up.clear()
    assert world.run().phase == ("Healthy", "")


def test_d6_the_automatic_promotion_comes_after_its_seconds_and_in_one_pass(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=10).image("v2").run()
    assert world.wait is not None
    assert 10 <= world.wait < 11
    assert world.after(9).phase == ("Paused", "BlueGreenPause")
    world.now += timedelta(seconds=1.5)
    world.step()
    assert world.selected("demo-active") == world.hash("v2")
    assert "pauseConditions" not in world.status


def test_d7_a_small_preview_grows_only_after_the_resume(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=2, previewReplicaCount=1, **MANUAL).image("v2").run()
    assert world.counts == (2, 3, 1, 2, 2)
    assert world.phase == ("Paused", "BlueGreenPause")
    world.pods_up["v2"] = 1
    world.client(**RESUME).run()
    assert world.status["blueGreen"]["scaleUpPreviewCheckPoint"] is True
    assert world.spec_size("v2") == 2
    assert world.selected("demo-active") == world.hash("v1"), "the switch waits for the full size"
    world.pods_up["v2"] = 2
    world.run()
    assert world.selected("demo-active") == world.hash("v2")
    assert world.counts == (2, 4, 2, 2, 2)
    assert "scaleUpPreviewCheckPoint" not in world.status["blueGreen"]


def test_d8_without_a_pause_the_preview_grows_as_soon_as_it_is_available(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=5, previewReplicaCount=3).image("v2")
    world.pods_up["v2"] = 2
    world.run()
    assert world.spec_size("v2") == 3
    assert not world.status.get("blueGreen", {}).get("scaleUpPreviewCheckPoint")
    world.pods_up["v2"] = 3
    world.run()
    assert world.status["blueGreen"]["scaleUpPreviewCheckPoint"] is True
    assert world.spec_size("v2") == 5


def test_d11_a_version_within_its_delay_comes_back_at_once(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run().client(**RESUME).run()
    assert world.deadline("v1") is not None
    world.forget().image("v1").run()
    assert world.selected("demo-active") == world.hash("v1")
    assert world.phase == ("Healthy", "")
    assert world.deadline("v1") is None
    assert world.messages("RolloutCompleted")[0].endswith(": Fast rollback")
    assert "RolloutPaused" not in world.reasons()


def test_d11_without_its_delay_a_former_version_is_an_ordinary_update(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run().client(**RESUME).run().after(31)
    world.forget().image("v1").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.selected("demo-active") == world.hash("v2")


def test_d12_the_revision_limit_lets_only_so_many_former_versions_linger(a_blue_green: Build) -> None:
    world = a_blue_green(scaleDownDelayRevisionLimit=2)
    for tag in ("v2", "v3", "v4"):
        world.image(tag).run()
    assert [world.size(revision) for revision in (1, 2, 3, 4)] == [0, 3, 3, 3]
    world.strategy(scaleDownDelayRevisionLimit=1).run()
    assert [world.size(revision) for revision in (1, 2, 3, 4)] == [0, 0, 3, 3]


def test_d13_an_aborted_preview_goes_after_its_delay(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=2, previewReplicaCount=1, abortScaleDownDelaySeconds=1, **MANUAL).image("v2").run()
    world.client(abort=True).run()
    assert world.spec_size("v2") == 1
    assert world.deadline("v2") == "2026-01-01T00:00:01Z"
    world.after(1.5)
    assert (world.spec_size("v2"), world.spec_size("v1")) == (0, 2)
    assert world.selected("demo-active") == world.hash("v1")
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")


def test_d13_without_a_delay_an_aborted_preview_is_kept(a_blue_green: Build) -> None:
    world = a_blue_green(abortScaleDownDelaySeconds=0, **MANUAL).image("v2").run().client(abort=True).run()
    assert world.after(3600).spec_size("v2") == 3
    assert world.deadline("v2") is None


def test_d14_a_persons_pause_holds_the_services_and_not_the_pods(a_blue_green: Build) -> None:
    world = a_blue_green().edit(paused=True).run().image("v2").run()
    assert world.spec_size("v2") == 3
    assert world.selected("demo-active") == world.selected("demo-preview") == world.hash("v1")
    assert world.phase == ("Paused", "manually paused")
    world.edit(paused=False).run()
    assert world.selected("demo-active") == world.selected("demo-preview") == world.hash("v2")
    assert world.phase == ("Healthy", "")


def test_d15_a_healthy_blue_green_becomes_a_canary_without_a_deployment(a_blue_green: Build) -> None:
    world = a_blue_green()
    world.edit(strategy={"blueGreen": None, "canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}).run()
    assert len(world.sets) == 1
    assert world.status["currentStepIndex"] == 2
    assert world.status["blueGreen"] == {}
    assert world.status["selector"] == "app=demo"
    assert world.phase == ("Healthy", "")
    assert not world.events


def test_d16_a_recent_version_comes_back_without_a_pause(a_blue_green: Build) -> None:
    world = a_blue_green(spec={"rollbackWindow": {"revisions": 1}}, **MANUAL)
    world.image("v2").run().client(**RESUME).run().after(31)
    world.forget().image("v1").run()
    assert world.selected("demo-active") == world.hash("v1")
    assert world.phase == ("Healthy", "")
    assert world.messages("RolloutCompleted")[0].endswith(": Rollback within window")
    assert "RolloutPaused" not in world.reasons()
