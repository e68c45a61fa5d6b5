"""Hazards of the reference controller that concern status, events and time. Numbers are those of the specification's table."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.machine.actions import PatchRollout

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
def test_h27_a_resume_while_a_person_has_paused_is_kept(a_rollout: Build, routed: bool) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE], routed=routed).image("v2").run()
    world.edit(paused=True).run().client(**RESUME).run()
    assert world.phase == ("Paused", "manually paused")
    assert world.status["currentStepIndex"] == 1
    world.edit(paused=False).run()
    assert world.status["currentStepIndex"] == 3


def test_h33_the_first_pass_leaves_the_spec_alone(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], deployed=False)
    world.rollout["spec"]["somethingNew"] = {"nobody": ["knows"]}
    before = copy.deepcopy(world.rollout["spec"])
    world.run()
    assert world.rollout["spec"] == before
    assert world.rollout["metadata"]["generation"] == 1
    assert world.status["observedGeneration"] == "1"
    assert [call.replicas for call in world.calls if isinstance(call, PatchRollout)] == [None]


def test_h33_absent_replicas_are_the_only_thing_that_is_ever_written(a_rollout: Build) -> None:
    world = a_rollout([], deployed=False)
    del world.rollout["spec"]["replicas"]
    before = copy.deepcopy(world.rollout["spec"])
    world.run()
    assert world.rollout["spec"] == {**before, "replicas": 1}
    assert world.status["observedGeneration"] == "2"


def test_h35_an_abort_by_the_deadline_is_one_event(a_rollout: Build) -> None:
    spec = {"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}
    world = a_rollout([weight(50), PAUSE], spec=spec).image("bad").run()
    world.forget().after(12).after(60)
    name = world.of("bad")["metadata"]["name"]
    assert world.messages("RolloutAborted") == [
        f'Rollout aborted update to revision 2: ReplicaSet "{name}" has timed out progressing.'
    ]


def test_h35_applying_the_flag_later_aborts_what_has_timed_out(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], spec={"progressDeadlineSeconds": 10}).image("bad").run().after(12)
    assert world.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    world.forget().edit(progressDeadlineAbort=True).run()
    assert world.status["abort"] is True
    assert world.reasons().count("RolloutAborted") == 1


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
def test_h41_nobody_waits_for_paused_on_an_aborted_rollout(a_rollout: Build, routed: bool) -> None:
    world = a_rollout([weight(20), PAUSE], routed=routed).image("v2").run()
    assert world.condition("Paused") == ("True", "RolloutPaused")
    world.client(abort=True).step()
    assert world.status["abort"] is True
    assert world.condition("Paused") == ("False", "RolloutPaused")
    assert world.run().condition("Paused") == ("False", "RolloutPaused")


def test_h41_a_person_who_has_paused_stays_paused_in_an_abort(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().edit(paused=True).run().client(abort=True).run()
    assert world.condition("Paused") == ("True", "RolloutPaused")
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")


def test_h41_an_invalid_spec_is_not_healthy(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE])
    assert world.condition("Healthy") == ("True", "RolloutHealthy")
    world.rollout["spec"]["strategy"]["canary"]["steps"][0] = weight(120)
    world.edited().run()
    assert world.condition("Healthy") == ("False", "RolloutHealthy")
    assert world.condition("InvalidSpec") == ("True", "InvalidSpec")
    world.rollout["spec"]["strategy"]["canary"]["steps"][0] = weight(20)
    world.edited().run()
    assert (world.condition("Healthy"), world.condition("InvalidSpec")) == (("True", "RolloutHealthy"), None)


def test_h42_only_a_new_template_skips_steps(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE])
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [weight(50), PAUSE, weight(70)]
    world.forget().edited().run()
    assert "SkipSteps" not in world.reasons()
    assert world.status["currentStepIndex"] == 3
    world.image("v2").run().image("v1").run()
    assert world.messages("SkipSteps") == ["Rollback to stable ReplicaSets"]


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.5, 0.999])
def test_h43_a_pause_never_ends_early(a_rollout: Build, fraction: float) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 1}}, PAUSE]).after(fraction).image("v2").run()
    began = world.now
    while world.status["currentStepIndex"] == 1:
        world.now = world.wake_at
        world.run()
    assert 1 < (world.now - began).total_seconds() <= 2.01


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.5, 0.999])
def test_h43_delays_of_old_and_of_aborted_versions_never_end_early(a_rollout: Build, fraction: float) -> None:
    for abort in (False, True):
        delays = {"scaleDownDelaySeconds": 2, "abortScaleDownDelaySeconds": 2}
        world = a_rollout([weight(50), PAUSE], routed=True, **delays).after(fraction).image("v2").run()
        world.client(**({"abort": True} if abort else RESUME)).run()
        began, going = world.now, "v2" if abort else "v1"
        while world.spec_size(going):
            world.now = world.wake_at
            world.run()
        assert 2 <= (world.now - began).total_seconds() <= 3


def test_h48_missing_pods_of_a_promoted_version_are_not_healthy(a_rollout: Build) -> None:
    threshold = {"type": "Percent", "value": 50}
    world = a_rollout([weight(100)], routed=True, replicas=4, replicaProgressThreshold=threshold)
    world.pods_up["v2"] = 2
    world.forget().image("v2").run()
    assert world.status["stableRS"] == world.hash("v2")
    assert ("Healthy", "") not in world.phases
    assert world.phase == ("Progressing", "updated replicas are still becoming available")
    del world.pods_up["v2"]
    assert world.run().phase == ("Healthy", "")


def test_h48_a_rejected_version_with_a_share_is_not_healthy(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run().forget().image("v1")
    while world.phase[0] != "Healthy":
        assert world.step()
    assert world.status["canary"]["weights"]["canary"]["weight"] == 0
    assert world.weights[-1][0] == 0


def test_a_version_that_was_promoted_never_aborts_by_its_deadline(a_rollout: Build) -> None:
    spec = {"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}
    world = a_rollout([weight(50)], spec=spec).image("v2").run()
    world.pods_up["v2"] = 3
    world.run().after(100).after(100)
    assert "abort" not in world.status
    assert world.status["stableRS"] == world.hash("v2")


def test_a_step_completes_once_a_pass_and_never_while_a_person_has_paused(a_rollout: Build) -> None:
    steps = [weight(10), weight(20), weight(30), weight(40), PAUSE]
    world = a_rollout(steps, routed=True, replicas=10).image("v2")
    world.step()
    world.edit(paused=True)
    index = world.status["currentStepIndex"]
    world.run()
    assert world.status["currentStepIndex"] == index
    world.edit(paused=False)
    while world.phase[0] != "Paused":
        before = world.reasons().count("RolloutStepCompleted")
        assert world.step()
        assert world.reasons().count("RolloutStepCompleted") - before <= 1
