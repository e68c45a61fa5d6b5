"""Basic canary: abort, retry, pauses, edits and deadlines. Ids are those of the specification's scenarios."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tidegate.api import names

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def aborted(a_rollout: Build) -> Any:
    """A9: R=4, paused at weight 25 with (1, 3), then aborted."""
    world = a_rollout([weight(25), PAUSE], replicas=4, services=True).image("v2").run()
    assert world.pair() == (1, 3)
    return world.forget().client(abort=True).run()


def test_a9_abort_drains_the_canary_and_says_so(a_rollout: Build) -> None:
    world = aborted(a_rollout)
    assert world.pair() == (0, 4)
    assert world.status["currentStepIndex"] == 0
    assert world.status["abort"] is True
    assert world.status["abortedAt"] == "2026-01-01T00:00:00Z"
    assert "pauseConditions" not in world.status
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
    assert world.condition("Paused") == ("False", "RolloutPaused")
    assert world.selected("demo-canary") == world.selected("demo-stable") == world.status["stableRS"]
    assert world.reasons().count("RolloutAborted") == 1
    sizes = [e.message for e in world.events if e.reason == "ScalingReplicaSet"]
    assert [(text.split()[1], text[-1]) for text in sizes] == [("up", "4"), ("down", "0")]


def test_a10_retry_starts_over_at_the_first_step(a_rollout: Build) -> None:
    world = aborted(a_rollout).forget().client(abort=False)
    world.step()
    assert world.condition("Progressing") == ("Unknown", "RolloutRetry")
    world.run()
    assert world.pair() == (1, 3)
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert "abortedAt" not in world.status
    assert world.reasons()[-2:] == ["RolloutStepCompleted", "RolloutPaused"]


def test_a10_events_of_abort_and_retry_keep_the_order_that_clients_know(a_rollout: Build) -> None:
    world = a_rollout([weight(50), {"pause": {"duration": 3}}], replicas=1, deployed=False).run()
    parts = [world.reasons()]
    parts.append(world.forget().image("v2").run().reasons())
    parts.append(world.forget().client(abort=True).run().reasons())
    parts.append(world.forget().client(abort=False).run().reasons())
    parts.append(world.forget().after(4).reasons())
    assert parts == [
        ["RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet", "RolloutCompleted"],
        [
            "RolloutUpdated",
            "NewReplicaSetCreated",
            "RolloutNotCompleted",
            "ScalingReplicaSet",
            "RolloutStepCompleted",
            "RolloutPaused",
        ],
        ["ScalingReplicaSet", "RolloutAborted"],
        ["ScalingReplicaSet", "RolloutStepCompleted", "RolloutPaused"],
        ["RolloutStepCompleted", "RolloutResumed", "ScalingReplicaSet", "RolloutCompleted"],
    ]


def test_a11_the_stable_template_again_ends_an_abort_without_a_deployment(a_rollout: Build) -> None:
    world = aborted(a_rollout).forget().image("v1").run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 2
    assert [e.message for e in world.events if e.reason == "SkipSteps"] == ["Rollback to stable ReplicaSets"]
    assert "RolloutCompleted" not in world.reasons()
    assert "ScalingReplicaSet" not in world.reasons()
    annotations = world.by_hash(world.status["stableRS"])["metadata"]["annotations"]
    assert annotations[names.REVISION] == "3"
    assert annotations[names.REVISION_HISTORY] == "1"


def test_a12_a_timed_pause_is_never_shorter_than_written(a_rollout: Build) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 3}}])
    world.after(0.4).image("v2").run()
    assert world.status["pauseConditions"] == [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:01Z"}]
    world.forget().after(3.6)  # 4.0, which is not after 1 + 3
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert 0 < (world.wake_at - world.now).total_seconds() < 0.01
    world.after(0.001)
    assert world.phase == ("Healthy", "")
    assert world.reasons()[:2] == ["RolloutStepCompleted", "RolloutResumed"]


def test_a13_a_pause_that_ran_out_waits_while_a_person_has_paused(a_rollout: Build) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 3}}]).image("v2").run()
    world.edit(paused=True).after(60)
    assert world.phase == ("Paused", "manually paused")
    assert world.status["currentStepIndex"] == 1
    world.edit(paused=False).run()
    assert world.phase == ("Healthy", "")


def test_a15_edited_steps_start_the_update_over(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    before = world.status["currentStepHash"]
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [weight(50), PAUSE]
    world.edited().step()
    assert world.status["currentStepIndex"] == 0
    assert "pauseConditions" not in world.status
    assert "controllerPause" not in world.status
    assert world.status["currentStepHash"] not in ("", before)
    assert len(world.sets) == 2
    assert world.run().pair() == (5, 5)


def test_a16_edited_steps_of_a_finished_rollout_change_nothing(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [weight(50), PAUSE]
    world.edited().run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 2
    assert len(world.sets) == 1
    assert not world.calls
    assert not world.events


def test_a19_a_version_that_never_comes_up_is_degraded_at_its_deadline(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], spec={"progressDeadlineSeconds": 10}).image("bad").run()
    assert world.phase[0] == "Progressing"
    world.after(10)
    assert world.phase[0] == "Progressing", "ten seconds are not over yet"
    world.after(1)
    assert world.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    name = next(n for n, s in world.sets.items() if "bad" in str(s["spec"]))
    text = f'ReplicaSet "{name}" has timed out progressing.'
    assert world.phase == ("Degraded", f"ProgressDeadlineExceeded: {text}")


def test_a19_a_repaired_image_recovers_and_completes_its_step_with_its_own_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], spec={"progressDeadlineSeconds": 10}).image("bad").run().after(12)
    world.pods_up["v3"] = 0
    world.image("v3").run()
    assert (world.phase[0], world.status["currentStepIndex"]) == ("Progressing", 0)
    del world.pods_up["v3"]
    world.run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.pair() == (5, 5)


def test_a20_progress_deadline_abort_is_one_event_and_one_write(a_rollout: Build) -> None:
    spec = {"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}
    world = a_rollout([weight(20), weight(50), PAUSE], spec=spec)
    world.pods_up["v2"] = 2
    world.image("v2").run()
    assert world.status["currentStepIndex"] == 1
    world.forget()
    world.now += timedelta(seconds=12)
    world.step()
    name = next(n for n, s in world.sets.items() if "v2" in str(s["spec"]))
    text = f'Rollout aborted update to revision 2: ReplicaSet "{name}" has timed out progressing.'
    assert world.status["abort"] is True
    assert world.status["currentStepIndex"] == 1, "the next pass moves it"
    assert world.phase == ("Degraded", f"RolloutAborted: {text}")
    assert world.writes == 1
    world.run()
    assert world.status["currentStepIndex"] == 0
    assert [e.message for e in world.events if e.reason == "RolloutAborted"] == [text]
    assert world.pair() == (0, 10)


def test_a21_the_deadline_does_not_run_in_a_pause(a_rollout: Build) -> None:
    steps = [weight(20), {"pause": {"duration": 60}}]
    world = a_rollout(steps, spec={"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}).image("v2").run()
    world.after(50)
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.condition("Progressing") == ("Unknown", "RolloutPaused")
    assert world.after(11).phase == ("Healthy", "")
