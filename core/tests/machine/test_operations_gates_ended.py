"""How analyses of a canary end, are retried, reported and forgotten (specification 3.18; analysis 5.2 to 5.4 and 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, World, pause, weight
from tidegate.api import names
from tidegate.machine.checking import EndRun, StartRun

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


# --- ending ---


@pytest.mark.parametrize("how", ["abort", "promoteFull", "skip", "template", "stable template"])
def test_a_run_that_nobody_waits_for_is_ended_and_no_longer_referred_to(a_rollout: Build, how: str) -> None:
    world = at_step(a_rollout).judge("Step", "Running").run().forget()
    name = next(iter(world.runs))
    match how:
        case "abort":
            world.client(abort=True)
        case "promoteFull":
            world.client(promoteFull=True)
        case "skip":
            world.client(currentStepIndex=2)
        case "template":
            world.image("v3")
        case _:
            world.image("v1")
    world.run()
    assert ended(world) == [name]
    assert not world.messages("AnalysisRunSuccessful")
    ref = world.status["canary"].get("currentStepAnalysisRunStatus")
    assert ref is None or ref["name"] != name


def test_a_promotion_ends_the_background_run(a_rollout: Build) -> None:
    world = a_rollout([weight(20)], analysis=OK).image("v2").run()
    assert world.phase == ("Healthy", "")
    assert len(world.runs) == len(ended(world)) == 1


def test_a_rollback_within_the_window_runs_no_analysis(a_rollout: Build) -> None:
    spec = {"rollbackWindow": {"revisions": 1}}
    world = a_rollout([weight(20), STEP], analysis=OK, spec=spec).image("v2").run().client(promoteFull=True).run()
    world.forget().image("v1").run()
    assert world.phase == ("Healthy", "")
    assert not started(world)


# --- retry ---


@pytest.mark.parametrize("type_", ["Step", "Background"])
def test_a_retry_always_starts_fresh_runs(a_rollout: Build, type_: str) -> None:
    world = at_step(a_rollout) if type_ == "Step" else background(a_rollout)
    world.judge(type_, "Failed").run().forget().client(abort=False).run()
    assert len(started(world)) == 1
    assert world.phase[0] != "Degraded"
    assert [run.phase for run in world.runs.values()] == ["Failed", ""]


def test_a_retry_of_an_abort_by_hand_does_not_take_over_the_ended_run(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Step", "Running").client(abort=True).run().client(abort=False).run()
    assert [run.phase for run in world.runs.values()] == ["Successful", ""]
    assert world.status["currentStepIndex"] == 1


# --- events ---


def test_events_name_the_phase_before_and_after(a_rollout: Build) -> None:
    world = at_step(a_rollout)
    name = next(iter(world.runs))
    assert not [reason for reason in world.reasons() if reason.startswith("AnalysisRun")]
    world.judge("Step", "Running").run().judge("Step", "Failed", "bad").run()
    found = [(e.reason, e.type, e.message) for e in world.events if e.reason.startswith("AnalysisRun")]
    assert found == [
        ("AnalysisRunRunning", "Normal", f"Step Analysis Run '{name}' Status New: 'Running' Previous: ''"),
        ("AnalysisRunFailed", "Warning", f"Step Analysis Run '{name}' Status New: 'Failed' Previous: 'Running'"),
    ]


def test_a_fast_run_goes_straight_to_its_last_phase(a_rollout: Build) -> None:
    world = background(a_rollout).judge("Background", "Successful").run()
    name = next(iter(world.runs))
    text = f"Background Analysis Run '{name}' Status New: 'Successful' Previous: ''"
    assert [e.message for e in world.events if e.reason.startswith("AnalysisRun")] == [text]


# --- history ---


def test_history_keeps_so_many_of_each_kind(a_rollout: Build) -> None:
    limits = {"successfulRunHistoryLimit": 1, "unsuccessfulRunHistoryLimit": 2}
    world = a_rollout([STEP], spec={"analysis": limits})
    for phase in ("Failed", "Error", "Failed"):
        world.image("v2").run()
        world.after(10).judge("Step", phase).run().client(abort=False).run()
    world.judge("Step", "Successful").run()
    for tag in ("v3", "v4"):
        world.after(10).image(tag).run().judge("Step", "Successful").run()
    phases = sorted(run.phase for run in world.runs.values())
    assert phases == ["Error", "Failed", "Successful"]


def test_runs_of_a_version_that_is_gone_go_with_it(a_rollout: Build) -> None:
    world = a_rollout([STEP], spec={"revisionHistoryLimit": 0})
    world.verdicts["Step"] = "Successful"
    for tag in ("v2", "v3"):
        world.image(tag).run()
    hashes = {s["metadata"]["labels"][names.POD_HASH] for s in world.sets.values()}
    assert hashes == {run.pod_hash for run in world.runs.values()}


def test_a_timed_pause_runs_beside_a_background_run(a_rollout: Build) -> None:
    world = a_rollout([weight(20), pause(30), weight(50)], analysis=OK).image("v2").run()
    world.judge("Background", "Running").run().after(32)
    assert world.phase == ("Healthy", "")
