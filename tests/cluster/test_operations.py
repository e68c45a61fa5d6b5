"""What clients do to Rollouts of both worlds: restarts, references, scales, deletions, mistakes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from realcluster.rest import ApiError
from worlds.manifests import PAUSE, blue_green, budget, canary, deployment, ingress, rollout, routed, service, weight
from worlds.scene import Scene


def test_e1_an_abort_of_a_healthy_rollout_is_taken_back(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), PAUSE), 2))
    scene.until_phase("Healthy", "", 2, v1=2)
    start = scene.see.version()
    scene.abort()
    scene.until("no abort", lambda: scene.see.version() > start and not scene.see.status().get("abort"))
    scene.settles("Healthy", "", 2, v1=2)
    assert scene.see.sizes_seen(start) == []


def test_e2_all_steps_skipped_at_once(scene: Scene) -> None:
    scene.create(service("canary"), service("stable"), ingress())
    scene.create(rollout(routed(weight(20), PAUSE, weight(40), PAUSE), 5))
    scene.until_phase("Healthy", "", 4, v1=5)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=5, v2=1)
    start = scene.see.version()
    scene.skip_all_steps()
    scene.settles("Healthy", "", 4, v2=5)
    assert scene.see.weights(start) == [100, 0]
    assert scene.see.available_when(100, "v2", start) == 5


def restart(scene: Scene) -> str:
    """`restart`: now, in whole seconds; pods of this second are not older, so it waits until they are."""
    scene.until("pods are a second old", lambda: min(scene.see.pod_ages()) > 1.1)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    scene.patch({"spec": {"restartAt": at}})
    return at


def test_e3_a_restart_evicts_a_few_at_a_time(scene: Scene) -> None:
    scene.create(rollout(canary(maxUnavailable="75%"), 4))
    scene.settles("Healthy", "", v1=4)
    old, start = scene.see.pod_names(), scene.see.version()
    at = restart(scene)
    scene.settles("Healthy", "", v1=4)
    assert scene.see.status()["restartedAt"] == at
    assert not old & scene.see.pod_names()
    assert ("Progressing", "rollout is restarting") in scene.see.phases(start)
    assert min(scene.see.available_seen(start)) >= 1


def test_e4_a_restart_waits_for_a_disruption_budget(scene: Scene) -> None:
    scene.create(rollout(canary(maxUnavailable="75%"), 2), budget(minAvailable=2))
    scene.settles("Healthy", "", v1=2)
    scene.until("the budget is counted", lambda: scene.budget_counts(2))
    old = scene.see.pod_names()
    restart(scene)
    scene.settles("Progressing", "rollout is restarting", v1=2)
    assert scene.see.pod_names() == old
    scene.patch({"spec": {"minAvailable": 0}}, "PodDisruptionBudget")
    scene.until("some may go", lambda: scene.budget_allows())
    # Nothing tells of it; unasked it would be tried again after 30 s.
    scene.touch()
    scene.settles("Healthy", "", v1=2)
    assert not old & scene.see.pod_names()


def referring(strategy: dict[str, Any], replicas: int, scale_down: str, kind: str = "Deployment") -> dict[str, Any]:
    """A Rollout whose pods are those of a Deployment."""
    made = rollout(strategy, replicas)
    del made["spec"]["template"], made["spec"]["selector"]
    made["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": kind, "name": "web", "scaleDown": scale_down}
    return made


def test_e6_a_deployment_hands_over_pod_by_pod(scene: Scene) -> None:
    scene.create(deployment(5))
    scene.until("the Deployment is up", lambda: scene.see.deployment().get("status", {}).get("readyReplicas") == 5)
    scene.create(referring(canary(weight(50), PAUSE), 5, "progressively"))
    scene.until_phase("Healthy", "", 2)
    scene.until("the Deployment has gone down", lambda: scene.see.deployment()["spec"]["replicas"] == 0)
    scene.settles("Healthy", "", 2)
    scene.ship("v2", "Deployment")
    scene.settles("Paused", "CanaryPauseStep", 1)
    # The Deployment makes a ReplicaSet of its own for V2, of no pods.
    assert scene.see.available() == {"v1": 3, "v2": 3}
    generation = scene.see.rollout()["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"]
    assert scene.see.status()["workloadObservedGeneration"] == generation
    assert scene.see.deployment()["spec"]["replicas"] == 0


def test_e7_a_reference_to_a_kind_that_has_no_pods_of_ours(scene: Scene) -> None:
    scene.create(referring(canary(weight(50)), 1, "never", "StatefulSet"))
    scene.until_phase("Degraded")
    assert scene.see.status()["message"].endswith("workload of type apps/StatefulSet is not supported")
    scene.settles("Degraded")


def test_e9_one_condition_says_what_is_invalid_now(scene: Scene) -> None:
    scene.create(rollout(blue_green(), 1))
    scene.until_phase("Degraded")
    first = scene.see.condition("InvalidSpec")[2]
    assert "web-active" in first
    scene.patch({"spec": {"strategy": {"blueGreen": {"activeService": "web-other"}}}})
    scene.until("another message", lambda: "web-other" in scene.see.condition("InvalidSpec")[2])
    scene.settles("Degraded")
    kinds = [one["type"] for one in scene.see.status()["conditions"]]
    assert kinds.count("InvalidSpec") == 1


def test_e8_what_was_missing_comes_and_the_rollout_recovers(scene: Scene) -> None:
    scene.create(rollout(blue_green(), 1))
    scene.until_phase("Degraded")
    scene.create(service("active"))
    scene.settles("Healthy", "", v1=1)
    assert scene.see.condition("InvalidSpec") == ("", "", "")


def test_e10_an_edited_selector_is_refused_by_the_server(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), PAUSE)))
    scene.until_phase("Healthy", "", 2, v1=1)
    with pytest.raises(ApiError) as refused:
        scene.patch({"spec": {"selector": {"matchLabels": {"app": "other"}}}})
    assert refused.value.code == 422
    scene.settles("Healthy", "", 2, v1=1)


def test_e12_a_resume_during_a_user_pause_is_not_lost(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), PAUSE), 2))
    scene.until_phase("Healthy", "", 2, v1=2)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=1, v2=1)
    scene.pause()
    scene.until_phase("Paused", "manually paused", 1)
    scene.promote()
    scene.settles("Paused", "manually paused", 1, v1=1, v2=1)
    scene.pause(paused=False)
    scene.settles("Healthy", "", 2, v2=2)


def test_e14_the_scale_of_a_canary_is_that_of_all_versions(scene: Scene) -> None:
    scene.create(rollout(canary(weight(50), PAUSE), 2))
    scene.until_phase("Healthy", "", 2, v1=2)
    scene.ship("v2")
    scene.until_phase("Paused", "CanaryPauseStep", 1, v1=1, v2=1)
    scene.scale(6)
    scene.settles("Paused", "CanaryPauseStep", 1, v1=3, v2=3)
    scale = scene.world.api.call("GET", scene.path("Rollout", "web") + "/scale")
    assert scale["status"] == {"replicas": 6, "selector": "app=web"}


def test_e15_a_new_size_and_a_new_version_in_one_write(scene: Scene) -> None:
    scene.create(service("canary"), service("stable"), ingress())
    scene.create(rollout(routed(weight(10), PAUSE), 4))
    scene.until_phase("Healthy", "", 2, v1=4)
    start = scene.see.version()

    def change(found: dict[str, Any]) -> None:
        found["spec"]["replicas"] = 8
        found["spec"]["template"]["spec"]["containers"][0]["image"] = "app:v2"

    scene.edit(change)
    scene.settles("Paused", "CanaryPauseStep", 1, v1=8, v2=1)
    assert max(sizes.get("v2", 0) for sizes in scene.see.sizes_seen(start)) == 1


def test_e16_what_a_rollout_owned_goes_with_it(scene: Scene) -> None:
    scene.create(service("canary"), service("stable"), ingress())
    scene.create(rollout(routed(weight(50), PAUSE), 2))
    scene.until_phase("Healthy", "", 2, v1=2)
    scene.until("the Services select it", lambda: scene.see.selected("canary") == scene.see.selected("stable") == "v1")
    scene.delete("Rollout")
    scene.until("no ReplicaSets", lambda: not scene.see.replica_sets())
    scene.until("no pods", lambda: not scene.see.pod_names())
    scene.until("no selectors", lambda: scene.see.selected("canary") == scene.see.selected("stable") == "")
    scene.until("no canary Ingress", lambda: scene.see.weight() is None)
    assert scene.see.managed("canary") == scene.see.managed("stable") == ""


def test_e19_pods_are_marked_in_place(scene: Scene) -> None:
    marks: dict[str, Any] = {
        "canaryMetadata": {"labels": {"role": "next"}},
        "stableMetadata": {"labels": {"role": "now"}},
    }
    scene.create(rollout(canary(weight(20), PAUSE, **marks), 5))
    scene.until_phase("Healthy", "", 2, v1=5)
    scene.until("V1 is marked", lambda: scene.see.pod_labels("role") == {"v1": ["now"] * 5})
    scene.ship("v2")
    scene.settles("Paused", "CanaryPauseStep", 1, v1=4, v2=1)
    scene.until("V2 is marked", lambda: scene.see.pod_labels("role") == {"v1": ["now"] * 4, "v2": ["next"]})
    marked = scene.see.pod_names("v2")
    scene.promote()
    scene.settles("Healthy", "", 2, v2=5)
    scene.until("V2 is stable", lambda: scene.see.pod_labels("role") == {"v2": ["now"] * 5})
    assert marked <= scene.see.pod_names("v2")
    assert scene.see.restarts() == 0


def test_writes_of_the_reference_canary_stay_within_their_bound(scene: Scene) -> None:
    """Five pods, four weights, four pauses that a client ends; Events are not counted.

    The lesser of two updates: pods that a busy machine brings up seconds late cost the other one a write of counts.
    """
    scene.create(service("canary"), service("stable"), ingress())
    steps = [step for share in (20, 40, 60, 80) for step in (weight(share), PAUSE)]
    scene.create(rollout(routed(*steps), 5))
    scene.settles("Healthy", "", 8, v1=5)
    counts = []
    for version in ("v2", "v3"):
        before = scene.world.writes(scene.namespace)
        scene.ship(version)
        for index in (1, 3, 5, 7):
            scene.until_phase("Paused", "CanaryPauseStep", index)
            scene.promote()
        scene.until_phase("Healthy", "", 8, **{version: 5})
        scene.settles("Healthy", "", 8, **{version: 5})
        counts.append(scene.world.writes(scene.namespace) - before)
    # 26 are those that no controller can do without.
    assert 26 <= min(counts) <= 32, f"{counts}: {scene.world.written(scene.namespace)}"
