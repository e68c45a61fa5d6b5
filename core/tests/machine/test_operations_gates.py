"""Analyses of a canary and what they do to it (specification 3.18; analysis 5.1 to 5.4 and 9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.checking import EndRun, StartRun
from tidegate.machine.plan import Outcome, Result

Build = Callable[..., World]
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}
STEP: dict[str, Any] = {"analysis": OK}
STEPS = [weight(20), STEP, PAUSE]


def started(world: World) -> list[str]:
    return [call.name for call in world.calls if isinstance(call, StartRun)]


def ended(world: World) -> list[str]:
    return [call.name for call in world.calls if isinstance(call, EndRun)]


def at_step(build: Build, *steps: dict[str, Any], **more: Any) -> World:
    """A canary whose update stands at its analysis step."""
    return build(list(steps) or STEPS, **more).image("v2").run()


def background(build: Build, **more: Any) -> World:
    return build([weight(20), PAUSE, weight(50), PAUSE], analysis={**OK, **more}).image("v2").run()


# --- starting ---


def test_a_step_run_is_named_by_revision_and_step_and_referred_to(a_rollout: Build) -> None:
    world = at_step(a_rollout)
    name = f"demo-{world.hash('v2')}-2-1"
    assert started(world) == [name]
    run = world.runs[name]
    assert (run.type, run.step, run.pod_hash) == ("Step", 1, world.hash("v2"))
    assert world.status["canary"]["currentStepAnalysisRunStatus"]["name"] == name
    assert world.status["currentStepIndex"] == 1


def test_a_background_run_starts_with_the_update_and_not_with_the_first_deployment(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], analysis=OK)
    assert not world.runs
    world.image("v2").run()
    name = f"demo-{world.hash('v2')}-2"
    assert started(world) == [name]
    assert world.runs[name].type == "Background"
    assert world.status["canary"]["currentBackgroundAnalysisRunStatus"]["name"] == name


def test_a_background_run_waits_for_its_starting_step(a_rollout: Build) -> None:
    world = background(a_rollout, startingStep=2)
    assert not started(world)
    world.client(**RESUME).run()
    assert len(started(world)) == 1


def test_background_templates_that_are_emptied_end_the_run(a_rollout: Build) -> None:
    world = background(a_rollout)
    world.strategy(analysis=None).run()
    assert len(ended(world)) == 1


def test_no_step_run_while_something_pauses(a_rollout: Build) -> None:
    world = at_step(a_rollout, weight(20), PAUSE, STEP).client(currentStepIndex=2).run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert not started(world)
    world.client(**RESUME).run()
    assert len(started(world)) == 1


def test_two_passes_start_one_run(a_rollout: Build) -> None:
    world = at_step(a_rollout)
    world.forget().step()
    world.step()
    assert (world.writes, len(world.runs)) == (0, 1)


# --- what each outcome does ---


@pytest.mark.parametrize("phase", ["", "Pending", "Running"])
def test_a_live_run_keeps_the_step(a_rollout: Build, phase: str) -> None:
    world = at_step(a_rollout).judge("Step", phase).run()
    assert world.status["currentStepIndex"] == 1
    assert world.phase == ("Progressing", "more replicas need to be updated")


def test_success_completes_the_step_and_clears_the_reference(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Step", "Successful").run()
    assert world.messages("RolloutStepCompleted")[-1] == "Rollout step 2/3 completed (analysis)"
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert "currentStepAnalysisRunStatus" not in world.status["canary"]


@pytest.mark.parametrize("phase", ["Failed", "Error"])
@pytest.mark.parametrize("message", ["metric over limit", ""])
def test_a_step_run_that_fails_aborts(a_rollout: Build, phase: str, message: str) -> None:
    world = at_step(a_rollout).judge("Step", phase, message).run()
    text = "RolloutAborted: Rollout aborted update to revision 2: Step-based analysis phase error/failed"
    assert world.phase == ("Degraded", text + (f": {message}" if message else ""))
    assert world.status["abort"] is True
    assert world.pair() == (0, 10)


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_background_run_that_fails_aborts_wherever_the_update_stands(a_rollout: Build, phase: str) -> None:
    world = background(a_rollout).judge("Background", phase, "p99").run()
    text = "RolloutAborted: Rollout aborted update to revision 2: Background analysis phase error/failed: p99"
    assert world.phase == ("Degraded", text)


def test_a_background_run_that_fails_behind_the_last_step_still_aborts(a_rollout: Build) -> None:
    world = a_rollout([weight(20)], analysis=OK, routed=True).image("v2")
    world.pods_up["v2"] = 5
    world.run()
    assert world.status["currentStepIndex"] == 1
    world.judge("Background", "Failed").run()
    assert world.phase[0] == "Degraded"
    assert world.weights[-1][0] == 0


def test_a_background_run_that_succeeds_changes_nothing(a_rollout: Build) -> None:
    world = background(a_rollout).forget().judge("Background", "Successful").run()
    assert world.status["currentStepIndex"] == 1
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert not started(world)


@pytest.mark.parametrize("type_", ["Step", "Background"])
def test_an_inconclusive_run_pauses_and_halts_sizes(a_rollout: Build, type_: str) -> None:
    world = at_step(a_rollout) if type_ == "Step" else a_rollout([weight(20), STEP], analysis=OK).image("v2").run()
    world.after(7).judge(type_, "Inconclusive").run()
    assert world.phase == ("Paused", "InconclusiveAnalysisRun")
    pause = {"reason": "InconclusiveAnalysisRun", "startTime": "2026-01-01T00:00:07Z"}
    assert world.status["pauseConditions"] == [pause]
    assert world.status["controllerPause"] is True
    assert world.messages("RolloutPaused") == ["Rollout is paused (InconclusiveAnalysisRun)"]
    before = world.pair()
    world.edit(replicas=20).run()
    assert world.pair() == before


def test_a_resume_after_an_inconclusive_step_run_starts_a_new_one(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Step", "Inconclusive").run()
    assert len(world.runs) == 1, "nothing is started while it waits"
    world.client(**RESUME).run()
    assert started(world) == [f"demo-{world.hash('v2')}-2-1", f"demo-{world.hash('v2')}-2-1"]
    assert sorted(world.runs) == [f"demo-{world.hash('v2')}-2-1", f"demo-{world.hash('v2')}-2-1.1"]
    assert world.status["currentStepIndex"] == 1
    world.judge("Step", "Successful").run()
    assert world.status["currentStepIndex"] == 2


def test_a_resume_after_an_inconclusive_background_run_starts_a_new_one(a_rollout: Build) -> None:
    world = background(a_rollout).judge("Background", "Inconclusive").run().client(**RESUME).run()
    stem = f"demo-{world.hash('v2')}-2"
    assert list(world.runs) == [stem, f"{stem}.1"]
    assert world.phase[1] != "InconclusiveAnalysisRun"
    world.judge("Background", "Failed").run()
    assert world.phase[0] == "Degraded"


def test_a_run_that_could_not_be_created_is_not_claimed_and_tried_again(a_rollout: Build) -> None:
    world = a_rollout(STEPS)
    world.refuse = lambda a: Outcome(a, Result.FAILED, message="quota") if isinstance(a, StartRun) else None
    world.image("v2").run()
    assert "currentStepAnalysisRunStatus" not in world.status["canary"]
    assert "abort" not in world.status
    world.refuse = lambda _: None
    assert len(world.run().runs) == 1


@pytest.mark.parametrize("type_", ["Step", "Background"])
def test_a_run_that_a_person_terminates_counts_by_its_phase(a_rollout: Build, type_: str) -> None:
    world = at_step(a_rollout) if type_ == "Step" else background(a_rollout)
    world.runs = {name: replace(run, ending=True) for name, run in world.runs.items()}
    world.run()
    assert world.status["currentStepIndex"] == (2 if type_ == "Step" else 1)
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert len(world.runs) == 1


def test_promote_a_moves_an_inconclusive_step_forward(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Step", "Inconclusive").run()
    assert world.status["canary"]["currentStepAnalysisRunStatus"]["status"] == "Inconclusive"
    world.client(pauseConditions=None, controllerPause=False, currentStepIndex=2).run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert len(world.runs) == 1


def test_an_inconclusive_background_run_does_not_skip_the_pause_behind_it(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50)], analysis=OK, routed=True).image("v2")
    world.pods_up["v2"] = 1
    world.run().judge("Background", "Inconclusive").run()
    assert world.phase == ("Paused", "InconclusiveAnalysisRun")
    world.pods_up.clear()
    world.run()
    assert world.status["currentStepIndex"] <= 1, "nobody has resumed"
