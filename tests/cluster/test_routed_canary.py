"""The canary behind ingress-nginx on both worlds: weights, Services, delays. Names begin with the scenario's number."""

from __future__ import annotations

from typing import Any

from worlds.manifests import PAUSE, canary, ingress, rollout, routed, service, template, weight
from worlds.scene import Scene

SLOW: dict[str, Any] = {"readinessProbe": {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 1}}
# The two exclude each other.
DYNAMIC: dict[str, Any] = {"dynamicStableScale": True, "scaleDownDelaySeconds": None}
ABORTED = "RolloutAborted: Rollout aborted update to revision 2"


def a_shop(scene: Scene, replicas: int, *steps: dict[str, Any], pods: dict[str, Any] | None = None, **of: Any) -> None:
    """The Rollout with its Services and its Ingress, at V1."""
    scene.create(service("canary"), service("stable"), ingress())
    scene.create(rollout(routed(*steps, **of), replicas, pods))
    scene.until_phase("Healthy", "", v1=replicas)
    scene.until("weight 0 is recorded", lambda: recorded(scene) == (0, 100))


def recorded(scene: Scene) -> tuple[int, int] | None:
    """The weights in the status: canary, stable."""
    weights = (scene.see.status().get("canary") or {}).get("weights")
    return (weights["canary"]["weight"], weights["stable"]["weight"]) if weights else None


def test_b1_a_canary_without_available_pods_gets_no_traffic(scene: Scene) -> None:
    a_shop(scene, 10, weight(10), PAUSE)
    start = scene.see.version()
    scene.ship("fail")
    scene.settles("Progressing", "more replicas need to be updated", 0, v1=10, fail=1)
    assert scene.see.weights(start) == []
    assert scene.see.weight() == 0
    assert (scene.see.selected("canary"), scene.see.selected("stable")) == ("v1", "v1")


def test_b2_an_available_canary_gets_its_weight(scene: Scene) -> None:
    a_shop(scene, 10, weight(10), PAUSE)
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=10, v2=1)
    assert scene.see.weights(start) == [10]
    assert recorded(scene) == (10, 90)
    assert (scene.see.selected("canary"), scene.see.selected("stable")) == ("v2", "v1")
    said = ("TrafficWeightUpdated", "Traffic weight updated from 0 to 10")
    scene.until("the event", lambda: said in scene.see.events())


def test_b3_the_former_weight_stays_until_the_pods_of_the_next_are_there(scene: Scene) -> None:
    a_shop(scene, 10, weight(10), weight(20), PAUSE, pods=template(**SLOW))
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 2, v1=10, v2=2)
    assert scene.see.weights(start) == [10, 20]
    assert scene.see.available_when(20, "v2") == 2
    assert scene.see.available_when(10, "v2") == 1


def test_b8_b9_promotion_moves_the_stable_service_and_old_pods_go_after_the_delay(scene: Scene) -> None:
    a_shop(scene, 4, weight(50), PAUSE, scaleDownDelaySeconds=3)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=4, v2=2)
    start = scene.see.version()
    scene.promote()
    scene.until_phase("Healthy", "", 2, v1=4, v2=4)
    scene.until("the deadline", lambda: scene.see.notes("v1").get("scale-down-deadline"))
    scene.settles("Healthy", "", 2, v2=4)
    assert "scale-down-deadline" not in scene.see.notes("v1")
    assert scene.see.weights(start) == [100, 0]
    assert recorded(scene) == (0, 100)
    assert (scene.see.selected("canary"), scene.see.selected("stable")) == ("v2", "v2")
    assert scene.see.condition("Healthy")[0] == "True"


def test_b10_only_so_many_old_versions_wait_for_their_delay(scene: Scene) -> None:
    a_shop(scene, 2, weight(50), scaleDownDelaySeconds=60, scaleDownDelayRevisionLimit=1)
    for image in ("v2", "v3"):
        scene.ship(image)
        scene.until_promoted(image)
    scene.settles("Healthy", "", 1, v2=2, v3=2)


def test_b11_a_third_version_takes_the_weight_back_first(scene: Scene) -> None:
    a_shop(scene, 4, weight(50), PAUSE, pods=template(**SLOW))
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=4, v2=2)
    start = scene.see.version()
    scene.ship("v3")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=4, v3=2)
    assert scene.see.weights(start) == [0, 50]
    assert scene.see.selections("canary", start) == ["v3"]


def test_b11_a_third_version_that_never_starts_leaves_the_second_up_without_traffic(scene: Scene) -> None:
    a_shop(scene, 4, weight(50), PAUSE)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=4, v2=2)
    scene.ship("fail")
    scene.settles("Progressing", step=0, v1=4, v2=2, fail=2)
    assert scene.see.weight() == 0
    assert scene.see.selected("canary") == "v2"


def test_b13_an_abort_takes_the_traffic_at_once_and_the_pods_after_the_delay(scene: Scene) -> None:
    a_shop(scene, 4, weight(50), PAUSE, abortScaleDownDelaySeconds=3)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=4, v2=2)
    start = scene.see.version()
    scene.abort()
    scene.until_phase("Degraded", ABORTED, 0, v1=4, v2=2)
    scene.until("the deadline", lambda: scene.see.notes("v2").get("scale-down-deadline"))
    assert recorded(scene) == (0, 100)
    scene.settles("Degraded", ABORTED, 0, v1=4)
    assert scene.see.weights(start) == [0]
    # The reference goes to and fro between the two, dozens of times a second.
    assert scene.see.selections("canary", start) == ["v1"]
    assert "pauseConditions" not in scene.see.status()


def test_b14_a_new_scale_during_the_abort_delay_leaves_the_canary_its_size(scene: Scene) -> None:
    a_shop(scene, 5, weight(100), PAUSE, abortScaleDownDelaySeconds=60)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=5, v2=5)
    start = scene.see.version()
    scene.abort()
    scene.until_phase("Degraded", ABORTED, 0, v1=5, v2=5)
    scene.scale(4)
    scene.settles("Degraded", ABORTED, 0, v1=4, v2=5)
    assert scene.see.notes("v2")["rollout.argoproj.io/desired-replicas"] == "4"
    assert scene.see.selections("canary", start) == ["v1"]


def test_b15_without_an_abort_delay_a_fixed_canary_scale_stays(scene: Scene) -> None:
    a_shop(scene, 2, {"setCanaryScale": {"replicas": 1}}, PAUSE, abortScaleDownDelaySeconds=0)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=2, v2=1)
    start = scene.see.version()
    scene.abort()
    scene.settles("Degraded", ABORTED, 0, v1=2, v2=1)
    assert "scale-down-deadline" not in scene.see.notes("v2")
    assert scene.see.selections("canary", start) == ["v1"]


def test_b16_the_canary_scale_goes_its_own_way(scene: Scene) -> None:
    steps = [
        *(PAUSE, {"setCanaryScale": {"weight": 25}}, PAUSE, weight(50), PAUSE),
        *({"setCanaryScale": {"replicas": 3}}, PAUSE, {"setCanaryScale": {"matchTrafficWeight": True}}, PAUSE),
    ]
    a_shop(scene, 4, *steps, scaleDownDelaySeconds=60)
    scene.ship("v2")
    for step, canary_pods in ((0, 0), (2, 1), (4, 1), (6, 3), (8, 2)):
        scene.until_phase("Paused", "CanaryPauseStep", step, v1=4, v2=canary_pods)
        scene.promote()
    scene.settles("Healthy", "", 9, v1=4, v2=4)


def test_b18_full_promotion_holds_the_weight_until_all_pods_are_there(scene: Scene) -> None:
    a_shop(scene, 5, weight(20), PAUSE, weight(40), PAUSE)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=5, v2=1)
    start = scene.see.version()
    scene.promote_full()
    scene.settles("Healthy", "", 4, v2=5)
    assert scene.see.weights(start) == [0]
    assert scene.see.selected("stable") == "v2"
    scene.until_said("RolloutCompleted", ": Full promotion requested")


def test_b19_without_steps_traffic_moves_with_the_promotion(scene: Scene) -> None:
    a_shop(scene, 3)
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Healthy", "", v2=3)
    assert scene.see.weights(start) == []
    assert scene.see.selections("stable", start) == ["v2"]


def test_b21_a_total_of_a_thousand_counts_in_thousandths(scene: Scene) -> None:
    routing = {"nginx": {"stableIngress": "web"}, "maxTrafficWeight": 1000}
    scene.create(service("canary"), service("stable"), ingress())
    scene.create(rollout(routed(weight(200), PAUSE, trafficRouting=routing), 10))
    scene.until_phase("Healthy", "", 2, v1=10)
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=10, v2=2)
    assert scene.see.weight() == 200
    assert recorded(scene) == (200, 800)


def test_b24_a_threshold_completes_the_step_with_a_part_of_the_pods(scene: Scene) -> None:
    threshold = {"type": "Percent", "value": 50}
    a_shop(scene, 4, weight(50), PAUSE, weight(100), PAUSE, replicaProgressThreshold=threshold, pods=template(**SLOW))
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=4, v2=2)
    scene.promote()
    scene.settles("Paused", "CanaryPauseStep", 3, v1=4, v2=4)
    scene.promote()
    scene.settles("Healthy", "", 4, v2=4)


def test_c1_stable_shrinks_as_the_canary_grows(scene: Scene) -> None:
    a_shop(scene, 4, weight(25), PAUSE, weight(75), PAUSE, **DYNAMIC)
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=3, v2=1)
    scene.promote()
    scene.settles("Paused", "CanaryPauseStep", 3, v1=1, v2=3)
    assert scene.see.weights(start) == [25, 75]
    scene.promote()
    scene.settles("Healthy", "", 4, v2=4)


def test_c2_c3_an_abort_grows_stable_before_the_weight_falls(scene: Scene) -> None:
    a_shop(scene, 4, weight(25), PAUSE, weight(75), PAUSE, **DYNAMIC)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=3, v2=1)
    scene.promote()
    scene.settles("Paused", "CanaryPauseStep", 3, v1=1, v2=3)
    start = scene.see.version()
    scene.abort()
    scene.settles("Degraded", ABORTED, 0, v1=4)
    assert scene.see.weights(start) == [25, 0]
    assert scene.see.selections("canary", start) == ["v1"]
    assert scene.see.available_when(25, "v1", start) >= 3
    assert scene.see.available_when(0, "v1", start) == 4


def test_c5_back_to_stable_while_it_is_small(scene: Scene) -> None:
    a_shop(scene, 4, weight(25), PAUSE, weight(75), PAUSE, **DYNAMIC)
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=3, v2=1)
    start = scene.see.version()
    scene.undo("v1")
    scene.settles("Healthy", "", 4, v1=4)
    assert scene.see.revision("v1") == "3"
    assert scene.see.weights(start) == [0]
    assert scene.see.available_when(0, "v1", start) == 4
    assert (scene.see.selected("canary"), scene.see.selected("stable")) == ("v1", "v1")


def test_c8_an_abort_without_pods(scene: Scene) -> None:
    a_shop(scene, 2, weight(50), PAUSE, **DYNAMIC)
    scene.scale(0)
    scene.until_phase("Healthy", "", 2)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1)
    scene.abort()
    scene.settles("Degraded", ABORTED, 0)
    scene.retry()
    scene.settles("Paused", "CanaryPauseStep", 1)
    assert scene.see.sizes() == {}


def test_services_of_a_basic_canary_lose_their_selector_with_the_rollout(scene: Scene) -> None:
    """E16 for a canary without a router."""
    services: dict[str, Any] = {"canaryService": "web-canary", "stableService": "web-stable"}
    scene.create(service("canary"), service("stable"), rollout(canary(weight(50), PAUSE, **services), 2))
    scene.until_phase("Healthy", "", 2, v1=2)
    scene.until("both Services select it", lambda: scene.see.selected("canary") == scene.see.selected("stable") == "v1")
    scene.delete("Rollout")
    scene.until("no ReplicaSets", lambda: not scene.see.replica_sets())
    scene.until("no selectors", lambda: scene.see.selected("canary") == scene.see.selected("stable") == "")
    assert scene.see.managed("canary") == scene.see.managed("stable") == ""
