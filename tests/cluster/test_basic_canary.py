"""The basic canary on both worlds: sizes, pauses, aborts, deadlines, revisions. Names begin with the scenario's number."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from worlds.manifests import NAME, PAUSE, canary, pause, rollout, service, template, weight
from worlds.scene import Scene

SURGE_ONLY: dict[str, Any] = {"maxSurge": 1, "maxUnavailable": 0}
SLOW: dict[str, Any] = {"readinessProbe": {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 2}}
ABORTED = "RolloutAborted: Rollout aborted update to revision 2"


def at_a_quarter(scene: Scene, **spec: Any) -> None:
    """Four pods with both Services, V2 at (1, 3) and paused."""
    services: dict[str, Any] = {"canaryService": "web-canary", "stableService": "web-stable"}
    scene.create(service("canary"), service("stable"))
    scene.create(rollout(canary(weight(25), PAUSE, **services), 4, **spec))
    scene.until_phase("Healthy", step=2, v1=4)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=3, v2=1)


def test_a1_the_first_version_is_rolled_out_at_once(scene: Scene) -> None:
    scene.create(rollout(canary(weight(10))))
    scene.settles("Healthy", "", 1, v1=1)
    assert scene.see.sizes_seen() == [{}, {"v1": 1}]
    made = scene.see.replica_set("v1")
    assert made["metadata"]["name"] == f"{NAME}-{scene.see.status()['stableRS']}"
    assert made["metadata"]["annotations"]["rollout.argoproj.io/desired-replicas"] == "1"
    assert scene.see.revision("v1") == "1"
    assert ("Progressing", "more replicas need to be updated") in scene.see.phases()
    pod_hash = scene.see.status()["stableRS"]
    said = ("RolloutCompleted", f"Rollout completed update to revision 1 ({pod_hash}): Initial deploy")
    scene.until("the last event", lambda: scene.see.events()[-1:] == [said])


def test_a2_a_rollout_without_replicas_gets_one(scene: Scene) -> None:
    scene.create(rollout(canary(weight(10)), replicas=None))
    scene.settles("Healthy", "", 1, v1=1)
    assert scene.rollout()["spec"]["replicas"] == 1


def test_a3_a_fifth_of_ten_pods(scene: Scene) -> None:
    scene.create(rollout(canary(weight(20), PAUSE), 10))
    scene.until_phase("Healthy", v1=10)
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=8, v2=2)
    assert max(sum(sizes.values()) for sizes in scene.see.sizes_seen(start)) <= 13
    assert min(scene.see.available_seen(start)) >= 8


def test_a4_one_pod_of_surge_and_none_unavailable_move_one_by_one(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), PAUSE, **SURGE_ONLY), 10))
    scene.until_phase("Healthy", v1=10)
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=5, v2=5)
    walked = [(sizes.get("v2", 0), sizes["v1"]) for sizes in scene.see.sizes_seen(start) if "v1" in sizes]
    assert [pair for pair in walked if pair != (0, 10)] == [
        *((1, 10), (1, 9), (2, 9), (2, 8), (3, 8), (3, 7), (4, 7), (4, 6), (5, 6), (5, 5))
    ]


def test_a5_a_version_that_never_starts_takes_only_the_surge_while_scaling(scene: Scene) -> None:
    scene.create(rollout(canary(maxSurge=2, maxUnavailable=0), 4))
    scene.until_phase("Healthy", v1=4)
    scene.ship("fail")
    scene.settles("Progressing", v1=4, fail=2)
    scene.scale(8)
    scene.settles("Progressing", v1=4, fail=6)
    scene.scale(4)
    scene.settles("Progressing", v1=4, fail=2)


def test_a6_a_surge_of_all_while_scaling(scene: Scene) -> None:
    scene.create(rollout(canary(maxSurge="100%"), 4))
    scene.until_phase("Healthy", v1=4)
    scene.ship("fail")
    scene.settles("Progressing", v1=3, fail=4)
    scene.scale(8)
    scene.settles("Progressing", v1=3, fail=8)
    scene.scale(4)
    scene.settles("Progressing", v1=3, fail=4)


def test_a7_both_versions_follow_the_scale_during_a_pause(scene: Scene) -> None:
    scene.create(rollout(canary(weight(25), PAUSE)))
    scene.until_phase("Healthy", v1=1)
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=1, v2=1)
    start = scene.see.version()
    scene.scale(8)
    scene.settles("Paused", "CanaryPauseStep", 1, v1=6, v2=2)
    scene.scale(4)
    scene.settles("Paused", "CanaryPauseStep", 1, v1=3, v2=1)
    assert scene.see.phases(start) == []


def test_a8_a_lower_weight_waits_for_slow_stable_pods(scene: Scene) -> None:
    steps = (weight(100), PAUSE, weight(0), PAUSE)
    scene.create(rollout(canary(*steps, maxSurge=2, maxUnavailable=0), 3, template(**SLOW)))
    scene.until_phase("Healthy", v1=3)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v2=3)
    start = scene.see.version()
    scene.promote()
    scene.settles("Paused", "CanaryPauseStep", 3, v1=3)
    assert {"v1": 2, "v2": 3} in scene.see.sizes_seen(start)
    assert min(scene.see.available_seen(start)) >= 3


def test_a9_an_abort_gives_everything_back_to_stable(scene: Scene) -> None:
    at_a_quarter(scene)
    assert scene.see.selected("canary") == "v2"
    scene.abort()
    scene.settles("Degraded", ABORTED, 0, v1=4)
    status = scene.see.status()
    assert status["abort"] is True
    assert "pauseConditions" not in status
    assert "controllerPause" not in status
    assert (scene.see.selected("canary"), scene.see.selected("stable")) == ("v1", "v1")
    assert scene.see.condition("Paused")[0] == "False"


def test_a10_a_retry_starts_the_update_over(scene: Scene) -> None:
    at_a_quarter(scene)
    scene.abort()
    scene.until_phase("Degraded", ABORTED, 0, v1=4)
    start = scene.see.version()
    scene.retry()
    scene.settles("Paused", "CanaryPauseStep", 1, v1=3, v2=1)
    assert scene.see.phases(start)[0][0] == "Progressing"
    assert scene.see.revision("v2") == "2"


def test_a10_events_of_update_abort_retry_and_promotion(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), pause(2))))
    scene.until_phase("Healthy", v1=1)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=1, v2=1)
    scene.abort()
    scene.until_phase("Degraded", ABORTED, 0, v1=1)
    scene.retry()
    scene.settles("Healthy", "", 2, v2=1)
    begun = ["RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet"]
    paused = ["RolloutStepCompleted", "RolloutPaused"]
    wanted = [
        *("RolloutAddedToInformer", *begun, "RolloutCompleted"),
        *(*begun, *paused),
        *("ScalingReplicaSet", "RolloutAborted"),
        *("ScalingReplicaSet", *paused),
        *("RolloutStepCompleted", "RolloutResumed", "ScalingReplicaSet", "RolloutCompleted"),
    ]
    # Not their order: one that comes twice before it was sent is sent once, with its count.
    scene.until("all events", lambda: Counter(scene.see.reasons()) == Counter(wanted))


def test_a11_the_stable_template_after_an_abort_is_healthy_at_once(scene: Scene) -> None:
    at_a_quarter(scene)
    scene.abort()
    scene.until_phase("Degraded", ABORTED, 0, v1=4)
    scene.ship("v1")
    scene.settles("Healthy", "", 2, v1=4)
    scene.until_said("SkipSteps", "Rollback to stable ReplicaSets")
    assert scene.see.revision("v1") == "3"
    history = scene.see.replica_set("v1")["metadata"]["annotations"]["rollout.argoproj.io/revision-history"]
    assert history == "1"


def test_a12_a_timed_pause_ends_after_its_time_and_not_before(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), pause(3)), 2))
    scene.until_phase("Healthy", v1=2)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=1, v2=1)
    started = datetime.fromisoformat(scene.see.status()["pauseConditions"][0]["startTime"])
    start = scene.see.version()
    scene.settles("Healthy", "", 2, v2=2)
    assert scene.see.came_to_step(2, start).at > started + timedelta(seconds=3)
    scene.until("the event", lambda: "RolloutResumed" in scene.see.reasons())


def test_a13_a_user_pause_outlasts_the_timed_one(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), pause(1)), 2))
    scene.until_phase("Healthy", v1=2)
    scene.pause()
    scene.until_phase("Paused", "manually paused")
    scene.pause(paused=False)
    scene.until_phase("Healthy")
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=1, v2=1)
    scene.pause()
    scene.settles("Paused", "manually paused", 1, v1=1, v2=1)
    scene.pause(paused=False)
    scene.settles("Healthy", "", 2, v2=2)


def test_a14_a_third_version_takes_the_place_of_the_second(scene: Scene) -> None:
    scene.create(rollout(canary(weight(25), PAUSE), 3))
    scene.until_phase("Healthy", v1=3)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=3, v2=1)
    scene.ship("v3")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=3, v3=1)


def test_a15_edited_steps_start_the_update_over(scene: Scene) -> None:
    scene.create(rollout(canary(weight(20), PAUSE), 5))
    scene.until_phase("Healthy", v1=5)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=4, v2=1)
    before, start = scene.see.status()["currentStepHash"], scene.see.version()
    scene.patch({"spec": {"strategy": {"canary": {"steps": [weight(40), PAUSE, weight(60)]}}}})
    scene.settles("Paused", "CanaryPauseStep", 1, v1=3, v2=2)
    assert scene.see.status()["currentStepHash"] != before
    assert scene.see.phases(start)[0] == ("Progressing", "more replicas need to be updated")
    assert scene.see.revision("v2") == "2"


def test_a16_edited_steps_of_a_finished_rollout_change_nothing(scene: Scene) -> None:
    scene.create(rollout(canary(weight(20), PAUSE), 2))
    scene.settles("Healthy", "", 2, v1=2)
    said, start = scene.see.events(), scene.see.version()
    scene.patch({"spec": {"strategy": {"canary": {"steps": [weight(40), PAUSE, weight(60)]}}}})
    scene.settles("Healthy", "", 3, v1=2)
    assert scene.see.phases(start) == []
    assert scene.see.sizes_seen(start) == []
    assert scene.see.events() == said


def test_a17_no_replicas_walk_the_weights_and_pause_at_the_pauses(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), PAUSE), 4))
    scene.until_phase("Healthy", v1=4)
    scene.scale(0)
    scene.settles("Healthy", "", 2)
    assert scene.see.sizes() == {}
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1)
    assert scene.see.sizes() == {}
    assert scene.see.replica_set("v2")


def test_a18_full_promotion_keeps_to_the_surge(scene: Scene) -> None:
    scene.create(rollout(canary(PAUSE, weight(25), PAUSE, maxSurge=3, maxUnavailable=0), 4))
    scene.until_phase("Healthy", v1=4)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 0, v1=4)
    start = scene.see.version()
    scene.promote_full()
    scene.settles("Healthy", "", 3, v2=4)
    assert {"v1": 4, "v2": 3} in scene.see.sizes_seen(start)
    assert min(scene.see.available_seen(start)) >= 4
    assert "promoteFull" not in scene.see.status()
    scene.until_said("RolloutCompleted", ": Full promotion requested")


def test_a19_a_timed_out_update_recovers_with_a_good_version(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), PAUSE), 2, progressDeadlineSeconds=3))
    scene.until_phase("Healthy", v1=2)
    scene.ship("fail")
    scene.until_phase("Degraded")
    name = scene.see.replica_set("fail")["metadata"]["name"]
    late = f'ReplicaSet "{name}" has timed out progressing.'
    scene.settles("Degraded", f"ProgressDeadlineExceeded: {late}", 0)
    assert scene.see.condition("Progressing") == ("False", "ProgressDeadlineExceeded", late)
    scene.ship("v3")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=1, v3=1)
    assert scene.see.available() == {"v1": 1, "v3": 1}


def test_a20_a_timed_out_update_is_aborted_where_that_was_asked_for(scene: Scene) -> None:
    deadline: dict[str, Any] = {"progressDeadlineSeconds": 3, "progressDeadlineAbort": True}
    scene.create(rollout(canary(weight(50), PAUSE), 2, **deadline))
    scene.until_phase("Healthy", v1=2)
    scene.ship("fail")
    scene.until_phase("Degraded")
    name = scene.see.replica_set("fail")["metadata"]["name"]
    message = f'Rollout aborted update to revision 2: ReplicaSet "{name}" has timed out progressing.'
    scene.settles("Degraded", f"RolloutAborted: {message}", 0, v1=2)
    assert scene.see.status()["abort"] is True
    scene.until_said("RolloutAborted", message)
    assert scene.see.events_of("RolloutAborted") == [message]


def test_a21_a_pause_longer_than_the_deadline_is_no_timeout(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), pause(4)), 2, progressDeadlineSeconds=2))
    scene.until_phase("Healthy", v1=2)
    start = scene.see.version()
    scene.ship("v2")
    scene.settles("Healthy", "", 2, v2=2)
    assert "Degraded" not in {phase for phase, _ in scene.see.phases(start)}


def test_a23_old_replica_sets_are_kept_up_to_the_limit(scene: Scene) -> None:
    scene.create(rollout(canary(), 1, revisionHistoryLimit=2))
    for number in range(1, 6):
        if number > 1:
            # The oldest go first, and whole seconds tell which they are.
            scene.until_another_second(f"v{number - 1}")
            scene.ship(f"v{number}")
        scene.until_phase("Healthy", "", **{f"v{number}": 1})
    scene.settles("Healthy", "", v5=1)
    assert [one["metadata"]["name"] for one in scene.see.replica_sets()] == [
        scene.see.replica_set(image)["metadata"]["name"] for image in ("v3", "v4", "v5")
    ]


def test_a24_an_orphan_with_an_equal_template_is_adopted_under_its_own_hash(scene: Scene) -> None:
    scene.create(orphan("foreign"))
    scene.until("the orphan is up", lambda: scene.see.available() == {"v1": 1})
    scene.create(rollout(canary(weight(50), PAUSE), 1))
    scene.settles("Healthy", "", 2, v1=1)
    (found,) = scene.see.replica_sets()
    assert found["metadata"]["name"] == "web-foreign"
    assert [one["kind"] for one in found["metadata"]["ownerReferences"]] == ["Rollout"]
    # A26: the hash is none that we would give, yet the template is the same.
    assert scene.see.status()["currentPodHash"] == scene.see.status()["stableRS"] == "foreign"


def test_a24_a_replica_set_of_another_controller_is_left_alone(scene: Scene) -> None:
    other = orphan("other")
    owner = {"apiVersion": "example.com/v1", "kind": "Keeper", "name": "keeper", "uid": "1", "controller": True}
    other["metadata"]["ownerReferences"] = [owner]
    scene.create(other)
    scene.until("the other one is up", lambda: scene.see.available() == {"v1": 1})
    scene.create(rollout(canary(weight(50), PAUSE), 2))
    scene.until_phase("Healthy", "", 2)
    kept = next(one for one in scene.see.replica_sets() if one["metadata"]["name"] == "web-other")
    assert [one["kind"] for one in kept["metadata"]["ownerReferences"]] == ["Keeper"]
    assert kept["spec"]["replicas"] == 1
    assert scene.see.status()["replicas"] == 2


def test_a25_a_name_that_is_taken_is_gone_around(scene: Scene) -> None:
    scene.create(rollout(canary(), 0))
    scene.until_phase("Healthy")
    scene.ship("v2")
    scene.until_promoted("v2")
    taken = scene.see.replica_set("v2")
    scene.ship("v3")
    scene.until_promoted("v3")
    scene.delete("ReplicaSet", taken["metadata"]["name"])
    scene.until("v2 is gone", lambda: not scene.see.replica_set("v2"))
    foreign = orphan("x")
    foreign["metadata"] = {"name": taken["metadata"]["name"], "labels": {"app": "alien"}}
    foreign["spec"]["selector"] = {"matchLabels": {"app": "alien"}}
    foreign["spec"]["template"] = template("alien")
    foreign["spec"]["template"]["metadata"]["labels"] = {"app": "alien"}
    scene.create(foreign)
    scene.ship("v2")
    scene.settles("Healthy", "")
    assert scene.see.status()["collisionCount"] == 1
    assert scene.see.replica_set("v2")["metadata"]["name"] != taken["metadata"]["name"]


def orphan(pod_hash: str) -> dict[str, Any]:
    """A ReplicaSet of one pod of version 1 that nobody owns."""
    labels = {"app": NAME, "rollouts-pod-template-hash": pod_hash}
    pods = template()
    pods["metadata"]["labels"] = dict(labels)
    spec = {"replicas": 1, "selector": {"matchLabels": dict(labels)}, "template": pods}
    metadata = {"name": f"{NAME}-{pod_hash}", "labels": dict(labels)}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}
