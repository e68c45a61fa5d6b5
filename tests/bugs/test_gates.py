"""Classes I and J: promotion without its gates, verdicts that nobody measured, runs without a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.checking import EndRun, StartRun

Build = Callable[..., World]
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}
STEP: dict[str, Any] = {"analysis": OK}


def started(world: World) -> int:
    return sum(isinstance(call, StartRun) for call in world.calls)


@pytest.mark.parametrize("gate", ["prePromotionAnalysis", "postPromotionAnalysis"])
def test_ar4604_a_pod_that_goes_missing_ends_no_gate(a_blue_green: Build, gate: str) -> None:
    """I; I12: the new version loses a pod while it is judged; the run goes on, and only its end promotes."""
    type_ = "PrePromotion" if gate.startswith("pre") else "PostPromotion"
    world = a_blue_green(**{gate: OK}).image("v2").run()
    world.pods_up["v2"] = 2
    world.run()
    assert not [call for call in world.calls if isinstance(call, EndRun)]
    assert world.status["stableRS"] == world.hash("v1")
    world.pods_up.clear()
    world.run()
    assert (started(world), world.status["stableRS"]) == (1, world.hash("v1"))
    assert world.judge(type_, "Failed").run().phase[0] == "Degraded"
    assert world.selected("demo-active") == world.hash("v1")


@pytest.mark.parametrize("number", ["ar693", "ar1181"])
def test_old_runs_go(a_rollout: Build, number: str) -> None:
    """J; I13: sixteen releases with step (693) and background (1181) analysis leave what the limits allow."""
    limits = {"successfulRunHistoryLimit": 3, "unsuccessfulRunHistoryLimit": 2}
    more = {"analysis": OK} if number == "ar1181" else {}
    world = a_rollout([weight(20), STEP], spec={"analysis": limits, "revisionHistoryLimit": 5}, **more)
    world.verdicts.update(Step="Successful", Background="Successful")
    for number_ in range(16):
        world.after(60).image(f"v{number_ + 2}").run()
    assert world.phase == ("Healthy", "")
    assert len(world.runs) <= 5
    assert len(world.sets) <= 7


@pytest.mark.parametrize("phase", ["Successful", "Failed", "Inconclusive"])
def test_ar1107_an_ended_run_is_not_followed_by_another_and_another(a_rollout: Build, phase: str) -> None:
    """J; I13: one run, however long the Rollout stands where it ended."""
    world = a_rollout([weight(20), STEP, PAUSE]).image("v2").run().judge("Step", phase).run()
    for _ in range(20):
        world.after(60)
    assert started(world) == 1


@pytest.mark.parametrize("phase", ["", "Pending", "Running"])
@pytest.mark.parametrize("number", ["ar1411", "ar3562"])
def test_a_run_without_an_end_promotes_nobody(a_rollout: Build, number: str, phase: str) -> None:
    """J; I14: no phase (1411) and no progress (3562) are no success; an hour later neither."""
    world = a_rollout([weight(20), STEP, weight(60)]).image("v2").run().judge("Step", phase).run().after(3_600)
    assert world.status["currentStepIndex"] == 1
    assert world.status["stableRS"] == world.hash("v1")


def test_ar1329_a_run_that_was_ended_for_an_abort_is_no_success_of_the_release(a_rollout: Build) -> None:
    """J; I14: runs that an abort ends come to Successful; the next attempt starts its own."""
    world = a_rollout([weight(20), STEP, PAUSE]).image("v2").run().client(abort=True).run().after(60)
    assert [run.phase for run in world.runs.values()] == ["Successful"]
    assert world.status["currentStepIndex"] == 0
    world.client(abort=False).run()
    assert (started(world), world.status["currentStepIndex"]) == (2, 1)
    assert world.client(**RESUME).run().status["currentStepIndex"] == 1
