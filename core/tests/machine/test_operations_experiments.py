"""Experiments as steps of a canary (specification 3.18; experiments 9 and 9.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.checking import DeleteExperiment, EndExperiment, StartExperiment
from tidegate.machine.routing import SetWeights
from tidegate.machine.traffic import Destination

Build = Callable[..., World]
TEMPLATES: list[dict[str, Any]] = [
    {"name": "base", "specRef": "stable"},
    {"name": "next", "specRef": "canary", "weight": 5},
]
PLAIN: dict[str, Any] = {"experiment": {"duration": "5m", "templates": [{"name": "base", "specRef": "stable"}]}}
WEIGHTED: dict[str, Any] = {"experiment": {"duration": "5m", "templates": TEMPLATES}}
STEPS = [weight(10), PLAIN, PAUSE]


def started(world: World) -> list[str]:
    return [call.name for call in world.calls if isinstance(call, StartExperiment)]


def ended(world: World) -> list[str]:
    return [call.name for call in world.calls if isinstance(call, EndExperiment)]


def at_step(build: Build, *steps: dict[str, Any], **more: Any) -> World:
    """A canary whose update stands at its experiment."""
    return build(list(steps) or STEPS, **more).image("v2").run()


def name_of(world: World) -> str:
    return f"demo-{world.hash('v2')}-2-1"


def test_it_is_named_by_revision_and_step_and_referred_to(a_rollout: Build) -> None:
    world = at_step(a_rollout)
    assert started(world) == [name_of(world)]
    assert world.status["canary"]["currentExperiment"] == name_of(world)
    assert world.messages("ExperimentCreated") == [f"Created Experiment '{name_of(world)}'"]
    call = next(call for call in world.calls if isinstance(call, StartExperiment))
    assert (call.pod_hash, call.stable_hash, call.step) == (world.hash("v2"), world.hash("v1"), 1)
    assert call.experiment["templates"][0]["specRef"] == "stable"


def test_the_first_deployment_starts_none(a_rollout: Build) -> None:
    assert not a_rollout(STEPS).experiments


@pytest.mark.parametrize("phase", ["", "Pending", "Running"])
def test_a_live_one_keeps_the_step_and_the_weight(a_rollout: Build, phase: str) -> None:
    world = at_step(a_rollout).judge("Experiment", phase).run().after(3600)
    assert world.status["currentStepIndex"] == 1
    assert world.phase == ("Progressing", "more replicas need to be updated")
    assert world.pair() == (1, 9)
    assert len(world.experiments) == 1


def test_success_completes_the_step_and_clears_the_reference(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Experiment", "Successful").run()
    assert world.messages("RolloutStepCompleted")[-1] == "Rollout step 2/3 completed (experiment)"
    assert "currentExperiment" not in world.status["canary"]
    assert world.phase == ("Paused", "CanaryPauseStep")


@pytest.mark.parametrize("phase", ["Failed", "Error"])
@pytest.mark.parametrize("message", ["pods never ready", ""])
def test_failure_aborts(a_rollout: Build, phase: str, message: str) -> None:
    world = at_step(a_rollout).judge("Experiment", phase, message).run()
    text = "RolloutAborted: Rollout aborted update to revision 2: Experiment analysis phase is error/failed"
    assert world.phase == ("Degraded", text + (f": {message}" if message else ""))


def test_an_inconclusive_one_pauses_keeps_its_reference_and_is_followed_by_none(a_rollout: Build) -> None:
    world = at_step(a_rollout)
    world.verdicts["Experiment"] = "Inconclusive"
    world.run()
    assert world.phase == ("Paused", "InconclusiveExperiment")
    assert world.status["canary"]["currentExperiment"] == name_of(world)
    for _ in range(20):
        world.after(1)
    assert len(world.experiments) == 1


def test_sizes_follow_while_an_inconclusive_one_waits(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Experiment", "Inconclusive").run()
    assert world.edit(replicas=20).run().pair() == (2, 18)


def test_a_resume_after_an_inconclusive_one_starts_exactly_one_more(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Experiment", "Inconclusive").run().client(**RESUME).run()
    assert list(world.experiments) == [name_of(world), f"{name_of(world)}-1"]
    assert world.status["canary"]["currentExperiment"] == f"{name_of(world)}-1"
    assert world.phase[0] == "Progressing"
    world.judge("Experiment", "Successful").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert len(world.experiments) == 2


def test_skipping_gets_past_an_inconclusive_one(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Experiment", "Inconclusive").run()
    world.client(pauseConditions=None, currentStepIndex=2).run()
    assert world.status["currentStepIndex"] in (2, 3)
    assert len(world.experiments) == 1


@pytest.mark.parametrize("how", ["abort", "promoteFull", "skip", "template", "stable template"])
def test_one_that_nobody_waits_for_is_told_to_end(a_rollout: Build, how: str) -> None:
    world = at_step(a_rollout).judge("Experiment", "Running").run()
    first = name_of(world)
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
    assert ended(world) == [first]
    assert world.status["canary"].get("currentExperiment") != first


def test_one_that_was_told_to_end_is_never_taken_over(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Experiment", "Running")
    world.run().client(abort=True)
    world.step()
    assert world.experiments[name_of(world)].ending
    world.client(abort=False).run()
    assert world.status["canary"]["currentExperiment"] == f"{name_of(world)}-1"
    world.judge("Experiment", "Successful").run()
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a_retry_after_a_failure_starts_another(a_rollout: Build) -> None:
    world = at_step(a_rollout).judge("Experiment", "Failed").run().client(abort=False).run()
    assert list(world.experiments) == [name_of(world), f"{name_of(world)}-1"]
    assert world.phase[0] == "Progressing"


def test_the_deadline_does_not_run_beside_an_experiment(a_rollout: Build) -> None:
    world = at_step(a_rollout, spec={"progressDeadlineSeconds": 10, "progressDeadlineAbort": True})
    assert world.after(600).phase[0] == "Progressing"


def test_history_keeps_so_many(a_rollout: Build) -> None:
    limits = {"successfulRunHistoryLimit": 1, "unsuccessfulRunHistoryLimit": 1}
    world = a_rollout([PLAIN], spec={"analysis": limits}).image("v2").run()
    for _ in range(3):
        world.after(10).judge("Experiment", "Failed").run().client(abort=False).run()
    world.judge("Experiment", "Successful").run()
    assert sorted(e.phase for e in world.experiments.values()) == ["Failed", "Successful"]
    assert sum(isinstance(call, DeleteExperiment) for call in world.calls) == 2


# --- shares of the traffic (scenario B17) ---


def shares(world: World) -> list[tuple[int, int, int]]:
    """(canary, stable, additional) of every change that the router was asked for."""
    asked = [call.weights for call in world.calls if isinstance(call, SetWeights)]
    return [(w.canary, w.stable, sum(d.weight for d in w.additional)) for w in asked]


def weighted(build: Build) -> World:
    world = build([weight(10), WEIGHTED, PAUSE], routed=True).image("v2").run()
    world.destinations = (Destination("next", 5, "x5"),)
    return world


def test_b17_an_experiment_has_its_share_only_while_it_runs(a_rollout: Build) -> None:
    world = weighted(a_rollout)
    assert shares(world)[-1] == (10, 90, 0)
    world.judge("Experiment", "Running").run()
    assert shares(world)[-1] == (10, 85, 5)
    weights = world.status["canary"]["weights"]
    assert weights["additional"] == [{"weight": 5, "serviceName": "next", "podTemplateHash": "x5"}]
    assert weights["stable"]["weight"] == 85
    world.judge("Experiment", "Successful").run()
    assert shares(world)[-1] == (10, 90, 0)
    assert "additional" not in world.status["canary"]["weights"]


def test_b17_the_event_lists_them_as_clients_know_it(a_rollout: Build) -> None:
    world = weighted(a_rollout).forget().judge("Experiment", "Running").run().judge("Experiment", "Successful").run()
    assert world.messages("TrafficWeightUpdated") == [
        "Traffic weight updated additional: [{5 next x5}]",
        "Traffic weight updated additional: []",
    ]


def test_an_abort_drops_the_share(a_rollout: Build) -> None:
    world = weighted(a_rollout).judge("Experiment", "Running").run().client(abort=True).run()
    assert shares(world)[-1] == (0, 100, 0)


def test_the_event_joins_both_changes(a_rollout: Build) -> None:
    world = weighted(a_rollout).judge("Experiment", "Running").run().forget().client(abort=True).run()
    assert world.messages("TrafficWeightUpdated")[0] == "Traffic weight updated from 10 to 0, additional: []"


def test_shares_that_exceed_the_total_are_refused(a_rollout: Build) -> None:
    heavy = {"experiment": {"templates": [{"name": "next", "specRef": "canary", "weight": 50}]}}
    world = a_rollout([weight(60), heavy], routed=True, deployed=False).run()
    assert world.phase[0] == "Degraded"
    assert "spec.strategy.canary.steps[1].experiment" in world.phase[1]
    assert "weights of the experiment exceed 100" in world.phase[1]
    assert not world.sets


def test_a_share_that_no_longer_fits_is_not_written_as_a_negative_weight(a_rollout: Build) -> None:
    world = weighted(a_rollout)
    world.destinations = (Destination("next", 95, "x5"),)
    world.judge("Experiment", "Running").run()
    assert min(stable for _, stable, _ in shares(world)) >= 0
    assert world.status["canary"]["weights"]["stable"]["weight"] >= 0
    assert world.plan is not None
    assert any("gets no traffic" in note for note in world.plan.notes)


def test_a_destination_without_a_name_is_left_out(a_rollout: Build) -> None:
    world = weighted(a_rollout)
    world.destinations = (Destination("", 5, "x5"),)
    world.judge("Experiment", "Running").run()
    assert shares(world)[-1] == (10, 90, 0)
