"""Steps that plugins carry out (specification 1.8, 1.11, 1.12, 2.11 and 3.18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.checking import AskStepPlugin, Operation, StepAnswer
from tidegate.machine.plan import Outcome, Result

Build = Callable[..., World]
T0, T10 = "2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z"


def plugin(name: str = "example/gate", **config: Any) -> dict[str, Any]:
    return {"plugin": {"name": name, "config": config}} if config else {"plugin": {"name": name}}


def asked(world: World) -> list[tuple[str, int]]:
    """(operation, step) of every question."""
    return [(call.operation.value, call.step) for call in world.calls if isinstance(call, AskStepPlugin)]


def said(phase: str, **more: Any) -> Callable[[AskStepPlugin], StepAnswer]:
    return lambda _: StepAnswer(phase, **more)


def at_step(build: Build, answer: Callable[[AskStepPlugin], StepAnswer], *steps: dict[str, Any], **more: Any) -> World:
    """A canary whose update has come to its plugin."""
    world = build(list(steps) or [weight(20), plugin(), PAUSE], **more)
    world.answer = answer
    return world.image("v2").run()


def entries(world: World) -> list[dict[str, Any]]:
    return list(world.status["canary"].get("stepPluginStatuses", []))


def test_success_completes_the_step_and_is_noted(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Successful", message="ok", status={"ticket": 7}))
    assert asked(world) == [("Run", 1)]
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.messages("RolloutStepCompleted")[-1] == "Rollout step 2/3 completed (plugin: example/gate)"
    assert entries(world) == [
        {
            "index": 1,
            "name": "example/gate",
            "operation": "Run",
            "phase": "Successful",
            "message": "ok",
            "startedAt": T0,
            "updatedAt": T0,
            "finishedAt": T0,
            "executions": 1,
            "status": {"ticket": 7},
        }
    ]


def test_its_config_and_its_last_status_are_handed_to_it(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Running", status={"ticket": 7}), weight(20), plugin(url="x"))
    first = next(call for call in world.calls if isinstance(call, AskStepPlugin))
    assert (first.config, first.status) == ({"url": "x"}, {})
    world.after(60)
    last = [call for call in world.calls if isinstance(call, AskStepPlugin)][-1]
    assert last.status["status"] == {"ticket": 7}


def test_one_that_is_running_is_asked_again_after_its_time_and_five_seconds(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Running", retry_after_s=10))
    assert world.status["currentStepIndex"] == 1
    assert world.wait is not None
    assert 10 <= world.wait <= 15
    assert entries(world)[0]["backoff"] == "10s"
    assert "finishedAt" not in entries(world)[0]
    assert len(asked(world.after(9))) == 1, "not before its time"
    world.answer = said("Successful")
    world.after(6)
    assert asked(world) == [("Run", 1), ("Run", 1)]
    assert world.phase == ("Paused", "CanaryPauseStep")
    entry = entries(world)[0]
    assert (entry["executions"], entry["startedAt"], entry["finishedAt"]) == (2, T0, "2026-01-01T00:00:15Z")


def test_a_running_one_writes_nothing_between_its_turns(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Running", retry_after_s=60)).forget()
    world.step()
    world.step()
    assert (world.writes, asked(world)) == (0, [])


def test_failure_aborts_with_its_message(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Failed", message="quota exceeded"))
    text = "Rollout aborted update to revision 2: Step Plugin 2 (example/gate) failed: quota exceeded"
    assert world.phase == ("Degraded", f"RolloutAborted: {text}")
    assert world.pair() == (0, 10)


def test_an_error_is_tried_again_after_thirty_seconds(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Error", message="connection refused"))
    assert world.phase[0] == "Progressing"
    assert world.wait is not None
    assert 30 <= world.wait <= 35
    assert len(asked(world.after(29))) == 1
    world.answer = said("Successful")
    assert world.after(6.5).phase == ("Paused", "CanaryPauseStep")


def test_a_call_that_fails_is_no_verdict(a_rollout: Build) -> None:
    world = a_rollout([weight(20), plugin(), PAUSE])
    world.refuse = lambda a: Outcome(a, Result.FAILED, message="boom") if isinstance(a, AskStepPlugin) else None
    world.image("v2").run()
    assert world.status["currentStepIndex"] <= 1
    assert "abort" not in world.status
    world.refuse = lambda _: None
    assert world.run().phase == ("Paused", "CanaryPauseStep")


@pytest.mark.parametrize("stop", ["person", "other pause"])
def test_nothing_runs_while_the_rollout_is_paused(a_rollout: Build, stop: str) -> None:
    world = a_rollout([weight(20), PAUSE, plugin(), PAUSE])
    world.image("v2").run()
    if stop == "person":
        world.client(**RESUME).edit(paused=True).run()
    else:
        world.client(currentStepIndex=2).run()
    assert not asked(world)


def test_an_abort_takes_back_what_was_done_last_first(a_rollout: Build) -> None:
    steps = [plugin("a"), plugin("b"), PAUSE, plugin("c")]
    world = at_step(a_rollout, said("Successful"), *steps)
    assert world.phase == ("Paused", "CanaryPauseStep")
    world.forget().client(abort=True).run()
    assert asked(world) == [("Abort", 1), ("Abort", 0)]
    assert [(e["index"], e["operation"]) for e in entries(world)] == [
        (0, "Run"),
        (1, "Run"),
        (1, "Abort"),
        (0, "Abort"),
    ]


def test_an_abort_reaches_a_plugin_that_is_running(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Running", retry_after_s=600))
    world.answer = said("Successful")
    world.forget().client(abort=True).run()
    assert asked(world) == [("Abort", 1)]


@pytest.mark.parametrize("how", ["promoteFull", "skip"])
def test_one_that_is_running_is_told_to_end_when_it_is_skipped(a_rollout: Build, how: str) -> None:
    world = at_step(a_rollout, said("Running", retry_after_s=600))
    world.answer = said("Successful")
    world.forget().client(**({"promoteFull": True} if how == "promoteFull" else {"currentStepIndex": 2})).run()
    assert asked(world) == [("Terminate", 1)]


def test_one_that_has_finished_is_not_told_to_end(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Successful")).forget().client(promoteFull=True).run()
    assert asked(world) == []
    assert world.phase == ("Healthy", "")


def test_a_retry_begins_with_a_clean_sheet(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Successful")).after(10).client(abort=True).run()
    assert len(entries(world)) == 2
    world.forget().client(abort=False).run()
    assert asked(world) == [("Run", 1)]
    assert [(e["operation"], e["startedAt"]) for e in entries(world)] == [("Run", T10)]
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_another_template_begins_with_a_clean_sheet(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Successful")).after(10).image("v3").run()
    assert [e["startedAt"] for e in entries(world)] == [T10]


def test_a_disabled_plugin_lets_the_step_pass(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Running", retry_after_s=600))
    world.status["canary"]["stepPluginStatuses"][0]["disabled"] = True
    assert world.run().phase == ("Paused", "CanaryPauseStep")


def test_events_tell_each_transition_once(a_rollout: Build) -> None:
    world = at_step(a_rollout, said("Running", retry_after_s=1)).after(7).after(7)
    world.answer = said("Failed", message="no")
    world.after(7)
    found = [(e.type, e.message) for e in world.events if e.reason == "StepPluginTransition"]
    assert found[:2] == [
        ("Normal", "Step plugin example/gate (step 2) transitioned to Running"),
        ("Warning", "Step plugin example/gate (step 2) transitioned to Failed"),
    ]


@pytest.mark.parametrize(("operation", "verb"), [(Operation.ABORT, "aborted"), (Operation.TERMINATE, "terminated")])
def test_events_of_abort_and_termination(a_rollout: Build, operation: Operation, verb: str) -> None:
    world = at_step(a_rollout, said("Running", retry_after_s=600))
    world.answer = said("Successful")
    world.forget().client(**({"abort": True} if operation is Operation.ABORT else {"promoteFull": True})).run()
    assert world.messages("StepPluginTransition") == [f"Step plugin example/gate (step 2) {verb} (Successful)"]


@pytest.mark.parametrize("operation", ["abort", "promoteFull"])
def test_an_error_of_abort_or_termination_is_tried_again_and_not_at_once(a_rollout: Build, operation: str) -> None:
    world = at_step(a_rollout, said("Running", retry_after_s=600))
    world.answer = said("Error", message="connection refused")
    world.forget().client(**{operation: True}).run()
    assert len(asked(world)) == 1
    assert world.wait is not None
    assert 30 <= world.wait <= 35
    world.answer = said("Successful")
    world.after(36)
    assert len(asked(world)) == 2
