"""Scenarios of the basic canary, whose pods are its traffic. Ids are those of the behavioural specification's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def test_a1_first_deployment_is_promoted_at_once_and_walks_no_steps(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], replicas=1, deployed=False)
    world.step()
    assert [s["spec"]["replicas"] for s in world.sets.values()] == [0]
    assert world.condition("Completed") == ("False", "RolloutCompleted")
    world.run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 1
    assert world.reasons() == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutCompleted",
    ]
    assert world.events[-1].message.endswith(": Initial deploy")


def test_a2_absent_replicas_are_written_first_and_alone(a_rollout: Build) -> None:
    world = a_rollout([], deployed=False)
    del world.rollout["spec"]["replicas"]
    world.step()
    assert world.rollout["spec"]["replicas"] == 1
    assert not world.sets
    assert world.writes == 1


def test_a3_update_to_weight_20_of_ten_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    assert world.pair() == (2, 8)
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a4_surge_of_one_alternates_and_never_leaves_its_bounds(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], maxSurge=1, maxUnavailable=0).image("v2").run()
    assert world.pair() == (5, 5)
    assert all(10 <= new + stable <= 11 for new, stable in world.history)


def test_a7_scaling_while_paused_keeps_the_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=1).image("v2").run()
    assert world.pair() == (1, 1)
    assert world.edit(replicas=8).run().pair() == (2, 6)
    assert world.edit(replicas=4).run().pair() == (1, 3)
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a9_abort_drains_the_canary_and_a10_retry_starts_over(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=4, services=True).image("v2").run()
    assert world.pair() == (1, 3)
    world.forget().client(abort=True).run()
    assert world.pair() == (0, 4)
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
    assert world.condition("Paused") == ("False", "RolloutPaused")
    assert world.services["demo-canary"].selector["rollouts-pod-template-hash"] == world.status["stableRS"]
    assert world.reasons().count("RolloutAborted") == 1
    world.forget().client(abort=False).run()
    assert world.pair() == (1, 3)
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.reasons()[-2:] == ["RolloutStepCompleted", "RolloutPaused"]


def test_a11_the_stable_template_again_ends_an_abort_without_a_deployment(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=4).image("v2").run().client(abort=True).run()
    world.forget().image("v1").run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 2
    assert "SkipSteps" in world.reasons()
    assert "RolloutCompleted" not in world.reasons()
    stable = world.by_hash(world.status["stableRS"])
    annotations = stable["metadata"]["annotations"]
    assert annotations["rollout.argoproj.io/revision"] == "3"
    assert annotations["rollout.argoproj.io/revision-history"] == "1"


def test_a12_a_timed_pause_is_never_shorter_than_written(a_rollout: Build) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 3}}], deployed=True)
    world.after(0.4).image("v2").run()
    assert world.status["pauseConditions"][0]["startTime"] == "2026-01-01T00:00:01Z"
    world.forget().after(3.5)
    assert world.phase[0] == "Paused"
    world.after(0.2)
    assert world.phase == ("Healthy", "")
    assert world.reasons()[:2] == ["RolloutStepCompleted", "RolloutResumed"]


def test_a13_a_pause_that_ran_out_waits_while_a_person_has_paused(a_rollout: Build) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 3}}]).image("v2").run()
    world.edit(paused=True).after(60)
    assert world.phase == ("Paused", "manually paused")
    assert world.status["currentStepIndex"] == 1
    world.edit(paused=False).run()
    assert world.phase == ("Healthy", "")


def test_a_resume_while_a_person_has_paused_is_kept(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE]).image("v2").run()
    world.edit(paused=True).run().client(**RESUME).run()
    assert world.phase == ("Paused", "manually paused")
    world.edit(paused=False).run()
    assert world.status["currentStepIndex"] == 3


def test_a15_edited_steps_start_the_update_over(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    before = world.status["currentStepHash"]
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [weight(50), PAUSE]
    world.edited().step()
    assert world.status["currentStepIndex"] == 0
    assert "pauseConditions" not in world.status
    assert world.status["currentStepHash"] != before
    assert world.run().pair() == (5, 5)


def test_a16_edited_steps_of_a_finished_rollout_change_nothing(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [weight(50), PAUSE]
    world.edited().run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 2
    assert not world.events


def test_a17_zero_replicas_walk_their_steps_and_pause(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).edit(replicas=0).run()
    assert world.phase == ("Healthy", "")
    world.image("v2").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.client(**RESUME).run().phase == ("Healthy", "")


def test_a18_full_promotion_skips_steps_and_keeps_the_floor(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=4, maxSurge=3, maxUnavailable=0).image("v2")
    world.step()
    world.client(promoteFull=True).run()
    assert world.phase == ("Healthy", "")
    assert "promoteFull" not in world.status
    assert any(e.message.endswith("Full promotion requested") for e in world.events)
    assert world.pair() == (4, 0)


def test_a19_a_version_that_never_comes_up_is_degraded_at_its_deadline_and_recovers(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], spec={"progressDeadlineSeconds": 10}).image("bad").run()
    assert world.phase[0] == "Progressing"
    world.after(12)
    assert world.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    assert world.phase[0] == "Degraded"
    world.image("v3").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.pair() == (5, 5)


def test_a20_progress_deadline_abort_is_one_event_and_one_write(a_rollout: Build) -> None:
    spec = {"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}
    world = a_rollout([weight(50), PAUSE], spec=spec).image("bad").run()
    world.forget().after(12)
    aborted = [e for e in world.events if e.reason == "RolloutAborted"]
    name = next(n for n, s in world.sets.items() if "bad" in str(s["spec"]))
    assert [e.message for e in aborted] == [
        f'Rollout aborted update to revision 2: ReplicaSet "{name}" has timed out progressing.'
    ]
    assert world.pair() == (0, 10)


def test_a21_the_deadline_does_not_run_in_a_pause(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], spec={"progressDeadlineSeconds": 10}).image("v2").run()
    assert world.after(100).phase == ("Paused", "CanaryPauseStep")
    assert world.condition("Progressing") == ("Unknown", "RolloutPaused")


def test_a23_history_is_trimmed_to_its_limit(a_rollout: Build) -> None:
    world = a_rollout([], spec={"revisionHistoryLimit": 2})
    for tag in ("v2", "v3", "v4", "v5"):
        world.image(tag).run()
    assert len(world.sets) == 3
    assert world.size(5) == 10


def test_x13_a_third_revision_does_not_pass_its_step_without_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), {"pause": {"duration": 5}}], replicas=4, maxSurge=1, maxUnavailable=0)
    world.image("bad").run()
    world.pods_up["v3"] = 0
    world.image("v3").run()
    assert world.status["currentStepIndex"] == 0
