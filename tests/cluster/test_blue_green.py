"""Blue-green on both worlds: previews, pauses, switches, delays. Names begin with the scenario's number."""

from __future__ import annotations

from typing import Any

from worlds.manifests import PAUSE, blue_green, canary, rollout, service, template, weight
from worlds.scene import Scene

ABORTED = "RolloutAborted: Rollout aborted update to revision 2"
MANUAL: dict[str, Any] = {"autoPromotionEnabled": False}
SLOW: dict[str, Any] = {"readinessProbe": {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 2}}


def a_shop(scene: Scene, replicas: int, pods: dict[str, Any] | None = None, **options: Any) -> None:
    """The Rollout with both Services, at V1."""
    scene.create(service("active"), service("preview"))
    scene.create(rollout(blue_green(previewService="web-preview", **options), replicas, pods))
    scene.until_phase("Healthy", "", v1=replicas)


def counts(scene: Scene) -> tuple[int, ...]:
    """Desired, current, updated, ready, available."""
    status = scene.see.status()
    named = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return (scene.see.rollout()["spec"]["replicas"], *(int(status.get(name, 0)) for name in named))


def test_d1_the_first_version_becomes_active_when_all_its_pods_are_there(scene: Scene) -> None:
    scene.create(service("active"), rollout(blue_green(), 3))
    scene.settles("Healthy", "", v1=3)
    assert scene.see.selected("active") == "v1"
    scene.until("the last event", lambda: scene.see.reasons()[-1:] == ["SwitchService"])
    assert scene.see.reasons() == [
        *("RolloutAddedToInformer", "RolloutUpdated", "NewReplicaSetCreated"),
        *("ScalingReplicaSet", "RolloutCompleted", "SwitchService"),
    ]
    scene.until_said("RolloutCompleted", ": Initial deploy")


def test_d2_an_update_switches_when_saturated_and_the_old_pods_go_later(scene: Scene) -> None:
    a_shop(scene, 3, scaleDownDelaySeconds=4)
    start = scene.see.version()
    scene.ship("v2")
    scene.until_phase("Healthy", "", v1=3, v2=3)
    assert scene.see.selected("active") == scene.see.selected("preview") == "v2"
    scene.until("the counts", lambda: counts(scene) == (3, 6, 3, 3, 3))
    scene.settles("Healthy", "", v2=3)
    assert scene.see.selections("active", start) == scene.see.selections("preview", start) == ["v2"]
    scene.until_said("RolloutCompleted", ": Completed blue-green update")
    assert ("Progressing", "active service cutover pending") in scene.see.phases(start)


def test_d3_no_pause_before_all_pods_are_there(scene: Scene) -> None:
    a_shop(scene, 2, **MANUAL)
    scene.ship("fail")
    scene.settles("Progressing", "active service cutover pending", v1=2, fail=2)
    assert "pauseConditions" not in scene.see.status()
    assert (scene.see.selected("active"), scene.see.selected("preview")) == ("v1", "fail")


def test_d4_d5_a_pause_that_a_client_ends(scene: Scene) -> None:
    a_shop(scene, 2, **MANUAL)
    scene.ship("v2")
    scene.settles("Paused", "BlueGreenPause", v1=2, v2=2)
    assert scene.see.status()["controllerPause"] is True
    assert scene.see.condition("Paused")[0] == "True"
    assert (scene.see.selected("active"), scene.see.selected("preview")) == ("v1", "v2")
    scene.promote()
    scene.settles("Healthy", "", v2=2)
    assert scene.see.selected("active") == "v2"


def test_d5_a_client_ends_a_timed_pause_too(scene: Scene) -> None:
    a_shop(scene, 2, autoPromotionSeconds=300)
    scene.ship("v2")
    scene.until_phase("Paused", "BlueGreenPause", v1=2, v2=2)
    scene.promote()
    scene.settles("Healthy", "", v2=2)
    scene.until_said("RolloutCompleted", ": Completed blue-green update")
    assert scene.see.reasons().count("RolloutPaused") == 1


def test_d6_a_timed_pause_ends_by_itself(scene: Scene) -> None:
    a_shop(scene, 2, autoPromotionSeconds=2)
    scene.ship("v2")
    scene.until_phase("Paused", "BlueGreenPause", v1=2, v2=2)
    assert scene.see.selected("active") == "v1"
    scene.settles("Healthy", "", v2=2)
    assert scene.see.selected("active") == "v2"
    scene.until("the event", lambda: "RolloutResumed" in scene.see.reasons())


def test_d7_a_small_preview_grows_before_the_switch(scene: Scene) -> None:
    a_shop(scene, 2, previewReplicaCount=1, scaleDownDelaySeconds=60, **MANUAL)
    scene.ship("v2")
    scene.settles("Paused", "BlueGreenPause", v1=2, v2=1)
    assert counts(scene) == (2, 3, 1, 2, 2)
    start = scene.see.version()
    scene.promote()
    scene.settles("Healthy", "", v1=2, v2=2)
    assert counts(scene) == (2, 4, 2, 2, 2)
    assert scene.see.selections("active", start) == ["v2"]


def test_d8_a_small_preview_without_a_pause_grows_by_itself(scene: Scene) -> None:
    a_shop(scene, 5, previewReplicaCount=3)
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Healthy", "", v2=5)
    grown = [sizes["v2"] for sizes in scene.see.sizes_seen(start) if "v2" in sizes]
    assert sorted(set(grown)) == [3, 5]


def test_d11_back_to_a_version_that_is_still_up_is_a_fast_rollback(scene: Scene) -> None:
    a_shop(scene, 2, scaleDownDelaySeconds=60)
    scene.until_another_second("v1")
    scene.ship("v2")
    scene.until_phase("Healthy", "", v1=2, v2=2)
    scene.until("the deadline", lambda: scene.see.notes("v1").get("scale-down-deadline"))
    scene.patch({"spec": {"strategy": {"blueGreen": {"autoPromotionEnabled": False}}}})
    start = scene.see.version()
    scene.undo("v1")
    scene.settles("Healthy", "", v1=2, v2=2)
    assert scene.see.selected("active") == "v1"
    assert "scale-down-deadline" not in scene.see.notes("v1")
    assert "Paused" not in {phase for phase, _ in scene.see.phases(start)}
    assert scene.see.revision("v1") == "3"
    scene.until_said("RolloutCompleted", ": Fast rollback")


def test_d12_only_so_many_old_versions_stay_up(scene: Scene) -> None:
    a_shop(scene, 1, scaleDownDelaySeconds=60, scaleDownDelayRevisionLimit=2)
    for image in ("v2", "v3", "v4"):
        scene.ship(image)
        scene.until_promoted(image)
    scene.settles("Healthy", "", v2=1, v3=1, v4=1)
    scene.patch({"spec": {"strategy": {"blueGreen": {"scaleDownDelayRevisionLimit": 1}}}})
    scene.settles("Healthy", "", v3=1, v4=1)


def test_d13_an_abort_before_the_switch(scene: Scene) -> None:
    a_shop(scene, 2, previewReplicaCount=1, abortScaleDownDelaySeconds=1, **MANUAL)
    scene.ship("v2")
    scene.until_phase("Paused", "BlueGreenPause", v1=2, v2=1)
    start = scene.see.version()
    scene.abort()
    scene.settles("Degraded", ABORTED, v1=2)
    assert scene.see.selections("active", start) == []
    assert scene.see.selected("preview") == "v2"


def test_d14_a_user_pause_holds_the_services_and_not_the_sizes(scene: Scene) -> None:
    a_shop(scene, 2)
    scene.pause()
    scene.until_phase("Paused", "manually paused", v1=2)
    scene.ship("v2")
    scene.settles("Paused", "manually paused", v1=2, v2=2)
    assert scene.see.selected("active") == scene.see.selected("preview") == "v1"
    scene.pause(paused=False)
    scene.settles("Healthy", "", v2=2)
    assert scene.see.selected("active") == scene.see.selected("preview") == "v2"


def test_d15_from_blue_green_to_canary_without_a_new_version(scene: Scene) -> None:
    a_shop(scene, 2)
    scene.until("active", lambda: scene.see.selected("active") == "v1")
    scene.patch({"spec": {"strategy": {"blueGreen": None, **canary(weight(50), PAUSE)}}})
    scene.settles("Healthy", "", 2, v1=2)
    scene.until("no selectors", lambda: scene.see.selected("active") == scene.see.selected("preview") == "")
    assert scene.see.managed("active") == scene.see.managed("preview") == ""
    assert "activeSelector" not in scene.see.status().get("blueGreen", {})
    assert scene.see.revision("v1") == "1"
    assert "SkipSteps" not in scene.see.reasons()


def test_d16_an_older_version_within_the_window_skips_the_pause(scene: Scene) -> None:
    scene.create(service("active"), service("preview"))
    options = {"previewService": "web-preview", **MANUAL}
    scene.create(rollout(blue_green(**options), 2, rollbackWindow={"revisions": 1}))
    scene.until_phase("Healthy", "", v1=2)
    scene.until_another_second("v1")
    scene.ship("v2")
    scene.until_phase("Paused", "BlueGreenPause", v1=2, v2=2)
    scene.promote()
    scene.until_phase("Healthy", "", v2=2)
    start = scene.see.version()
    scene.undo("v1")
    scene.settles("Healthy", "", v1=2)
    assert "Paused" not in {phase for phase, _ in scene.see.phases(start)}
    scene.until_said("RolloutCompleted", ": Rollback within window")


def test_e13_the_scale_of_blue_green_is_that_of_the_active_version(scene: Scene) -> None:
    a_shop(scene, 2, **MANUAL)
    scene.ship("v2")
    scene.until_phase("Paused", "BlueGreenPause", v1=2, v2=2)
    scene.scale(3)
    scene.settles("Paused", "BlueGreenPause", v1=3, v2=3)
    status = scene.see.status()
    assert status["HPAReplicas"] == 3
    assert status["selector"] == f"app=web,rollouts-pod-template-hash={status['stableRS']}"
    scale = scene.world.api.call("GET", scene.path("Rollout", "web") + "/scale")
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (3, 3)


def test_d2_slow_pods_keep_the_old_version_active(scene: Scene) -> None:
    a_shop(scene, 2, template(**SLOW))
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Healthy", "", v2=2)
    assert min(scene.see.available_seen(start)) >= 2
    assert scene.see.selections("active", start) == ["v2"]
