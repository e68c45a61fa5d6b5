"""Canary behind a router: abort, scale steps, full promotion. Ids are those of the specification's scenarios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.api import names
from tidegate.machine.actions import PointService
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.routing import RemoveManagedRoutes, SetWeights, UpdateHash
from tidegate.machine.traffic import Destination

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def switches(world: Any) -> list[tuple[str, str]]:
    """Every selector write: Service and revision."""
    return [(call.service, call.pod_hash) for call in world.calls if isinstance(call, PointService)]


def test_b13_abort_returns_all_traffic_in_one_pass_and_one_status_write(a_rollout: Build) -> None:
    world = a_rollout([weight(20), weight(50), PAUSE], routed=True).image("v2").run()
    assert (world.pair(), world.weights[-1][0]) == ((5, 10), 50)
    world.forget().client(abort=True).step()
    kinds = [type(c) for c in world.calls if not type(c).__name__.startswith(("Verify", "PatchR"))]
    assert kinds == [PointService, RemoveManagedRoutes, UpdateHash, SetWeights]
    assert world.calls[3].weights.canary == 0
    assert world.selected("demo-canary") == world.status["stableRS"]
    assert world.status["currentStepIndex"] == 0
    assert world.status["canary"]["weights"]["canary"]["weight"] == 0
    assert world.status["abort"] is True
    assert "pauseConditions" not in world.status
    assert "controllerPause" not in world.status
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")


def test_b13_the_pods_stay_for_the_delay_and_no_selector_is_written_again(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.forget().client(abort=True).run()
    assert (world.pair(), world.deadline("v2")) == ((5, 10), "2026-01-01T00:00:30Z")
    assert world.after(29.9).pair() == (5, 10)
    assert world.after(0.2).pair() == (0, 10)
    assert switches(world) == [("demo-canary", world.status["stableRS"])]
    assert world.phase[0] == "Degraded"


def test_b13_the_service_goes_back_at_once_and_the_delay_waits_for_a_complete_stable(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 9
    world.forget().client(abort=True).run()
    assert world.selected("demo-canary") == world.status["stableRS"]
    assert (world.weights[-1][0], world.deadline("v2")) == (50, None)
    world.after(600)
    assert world.pair() == (5, 10)
    del world.pods_up["v1"]
    world.run()
    assert (world.weights[-1][0], world.deadline("v2")) == (0, "2026-01-01T00:10:30Z")


def test_b14_an_autoscaler_does_not_end_the_delay_and_nothing_flaps(a_rollout: Build) -> None:
    world = a_rollout([weight(100), PAUSE], routed=True, replicas=5).image("v2").run().client(abort=True).run()
    assert world.pair() == (5, 5)
    world.forget().edit(replicas=4).run()
    assert world.pair() == (5, 4)
    assert world.of("v2")["metadata"]["annotations"][names.DESIRED_REPLICAS] == "4"
    assert [c.weights.canary for c in world.calls if isinstance(c, SetWeights)][-1] == 0, "traffic is looked after"
    assert not switches(world)
    assert world.after(31).pair() == (0, 4)


def test_b15_an_abort_delay_of_zero_keeps_the_canary(a_rollout: Build) -> None:
    steps = [{"setCanaryScale": {"replicas": 1}}, PAUSE]
    world = a_rollout(steps, routed=True, replicas=4, abortScaleDownDelaySeconds=0).image("v2").run()
    assert world.pair() == (1, 4)
    world.forget().client(abort=True).run().after(3600)
    assert (world.pair(), world.deadline("v2")) == ((1, 4), None)
    assert switches(world) == [("demo-canary", world.status["stableRS"])]


def test_b16_set_canary_scale_sizes_apart_from_the_weight(a_rollout: Build) -> None:
    steps = [
        PAUSE,
        {"setCanaryScale": {"weight": 25}},
        PAUSE,
        weight(50),
        PAUSE,
        {"setCanaryScale": {"replicas": 3}},
        PAUSE,
        {"setCanaryScale": {"matchTrafficWeight": True}},
        PAUSE,
    ]
    world = a_rollout(steps, routed=True, replicas=4).image("v2").run()
    pairs = [world.pair()]
    for _ in range(4):
        pairs.append(world.client(**RESUME).run().pair())
    assert pairs == [(0, 4), (1, 4), (1, 4), (3, 4), (2, 4)]
    world.client(**RESUME).run()
    assert [world.spec_size(tag) for tag in ("v1", "v2")] == [4, 4]
    assert world.deadline("v1") == "2026-01-01T00:00:30Z"


def test_b17_a_running_experiment_takes_its_share_from_stable(a_rollout: Build) -> None:
    template = {"name": "a", "specRef": "canary", "weight": 5, "service": {"name": "exp-a"}}
    world = a_rollout([weight(10), {"experiment": {"templates": [template]}}, PAUSE], routed=True)
    world.verdicts["Experiment"] = "Running"
    world.destinations = (Destination("exp-a", 5, "e1"),)
    world.image("v2").run()
    last = [call for call in world.calls if isinstance(call, SetWeights)][-1]
    assert last.weights.additional == (Destination("exp-a", 5, "e1"),)
    assert (last.weights.canary, last.weights.stable) == (10, 85)
    weights = world.status["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (10, 85)
    assert weights["additional"] == [{"weight": 5, "serviceName": "exp-a", "podTemplateHash": "e1"}]
    assert world.messages("TrafficWeightUpdated")[-1] == "Traffic weight updated additional: [{5 exp-a e1}]"


def test_b17_the_share_goes_back_when_the_experiment_is_over(a_rollout: Build) -> None:
    template = {"name": "a", "specRef": "canary", "weight": 5, "service": {"name": "exp-a"}}
    world = a_rollout([weight(10), {"experiment": {"templates": [template]}}, PAUSE], routed=True)
    world.verdicts["Experiment"] = "Running"
    world.destinations = (Destination("exp-a", 5, "e1"),)
    world.image("v2").run()
    world.verdicts["Experiment"] = "Successful"
    world.run()
    weights = world.status["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (10, 90)
    assert "additional" not in weights
    assert world.messages("TrafficWeightUpdated")[-1] == "Traffic weight updated additional: []"
    assert (world.status["currentStepIndex"], world.phase) == (2, ("Paused", "CanaryPauseStep"))


def test_b18_full_promotion_behind_a_router_never_raises_the_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(60), PAUSE], routed=True).image("v2").run()
    world.pods_up["v2"] = 9
    world.forget().client(promoteFull=True).run()
    assert (world.weights[-1][0], world.pair()) == (20, (10, 10))
    assert not any(call.keep for call in world.calls if isinstance(call, RemoveManagedRoutes))
    del world.pods_up["v2"]
    while world.status["stableRS"] != world.status["currentPodHash"]:
        world.step()
    assert world.phase == ("Progressing", "waiting for all steps to complete"), "the old version still has its share"
    world.run()
    assert world.phase == ("Healthy", "")
    assert [w for w, _ in world.weights] == [20, 0]
    assert world.selected("demo-stable") == world.status["currentPodHash"]
    assert "promoteFull" not in world.status


@pytest.mark.parametrize("kind", ["Step", "Background", "Experiment"])
def test_b18_full_promotion_ends_what_is_being_tried(a_rollout: Build, kind: str) -> None:
    analysis = {"templates": [{"templateName": "errors"}]}
    step = {"experiment": {"templates": [{"name": "a", "specRef": "canary"}]}} if kind == "Experiment" else PAUSE
    steps = [weight(20), {"analysis": analysis} if kind == "Step" else step]
    world = a_rollout(steps, routed=True, **({"analysis": analysis} if kind == "Background" else {}))
    world.verdicts = {kind: "Running"}
    world.image("v2").run()
    world.verdicts = {}
    live = [*world.runs.values(), *world.experiments.values()]
    assert [(view.phase, view.ending) for view in live] == [("Running", False)]
    world.client(promoteFull=True).run()
    assert [view.ending for view in (*world.runs.values(), *world.experiments.values())] == [True]
    assert world.phase == ("Healthy", "")


def test_an_abort_reaches_every_router_even_when_the_first_is_down(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True)
    world.routers = (*world.routers, type(world.routers[0])("two", "Two", world.routers[0].can))
    world.image("v2").run()
    world.refuse = lambda action: (
        Outcome(action, Result.FAILED, message="down")
        if isinstance(action, SetWeights) and action.router == "mesh"
        else None
    )
    world.forget().client(abort=True).step()
    assert [c.weights.canary for c in world.calls if isinstance(c, SetWeights) and c.router == "two"] == [0]
    assert world.status["canary"]["weights"]["canary"]["weight"] == 50, "status claims nothing that was not done"


def test_a_router_that_is_not_there_yet_loses_no_resume(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE], routed=True).image("v2").run()
    world.refuse = lambda action: Outcome(action, Result.PENDING) if isinstance(action, SetWeights) else None
    world.client(**RESUME).run()
    world.refuse = lambda _: None
    assert world.run().status["currentStepIndex"] == 3
