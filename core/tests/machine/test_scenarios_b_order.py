"""Behind a router weights and pods move in an order in which nobody is sent to pods that are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def test_a_lower_weight_goes_before_the_pods_that_carried_it(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE, weight(0), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 9  # stable cannot take everything back yet
    world.client(**RESUME).run()
    assert (world.weights[-1][0], world.pair()) == (50, (5, 10))
    del world.pods_up["v1"]
    world.run()
    assert (world.weights[-1][0], world.pair()) == (0, (0, 10))
    assert world.status["currentStepIndex"] == 3


def test_a_former_version_whose_pods_died_in_its_delay_goes_all_the_same(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], routed=True, replicas=1).image("v2").run()
    world.pods_up["v1"] = 0
    world.run().after(31)
    assert world.size(1) == 0
    assert world.phase == ("Healthy", "")


def test_a_version_that_carries_weight_is_not_shrunk_to_its_ready_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up |= {"v1": 9, "v2": 1}
    world.image("bad-v3").run()
    assert world.size(2) == 5


def test_a_scale_step_of_no_pods_takes_the_weight_first(a_rollout: Build) -> None:
    steps = [weight(10), {"setCanaryScale": {"replicas": 0}}, PAUSE]
    world = a_rollout(steps, routed=True).image("v2").run()
    assert (world.status["currentStepIndex"], world.weights[-1][0], world.pair()) == (2, 0, (0, 10))


def test_pods_stay_until_a_lowered_weight_is_verified(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE, weight(10), PAUSE], routed=True)
    world.verdict = True
    world.image("v2").run()
    world.verdict = False
    world.client(**RESUME).run()
    assert (world.weights[-1][0], world.pair()) == (10, (5, 10))
    world.verdict = True
    assert world.run().pair() == (1, 10)


def test_header_routes_are_kept_while_stable_cannot_take_its_share(a_rollout: Build) -> None:
    match = [{"headerName": "X-Test", "headerValue": {"exact": "yes"}}]
    steps = [weight(50), {"setHeaderRoute": {"name": "h", "match": match}}, weight(10), PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting={"managedRoutes": [{"name": "h"}]})
    world.pods_up["v1"] = 10
    world.image("v2")
    while world.weights[-1][0] != 50:
        world.step()
    world.pods_up["v1"] = 6  # enough for 50, too few for 90
    world.run()
    world.forget().step()
    assert "waiting for stable" in world.plan.notes[0]
    assert [w for w, _ in world.weights] == [50]
    assert "SetHeaderRoute" in {type(call).__name__ for call in world.calls}


def test_a_version_without_any_pod_loses_its_share_even_to_a_stable_that_is_short(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up |= {"v1": 9, "v2": 0}
    world.forget().image("bad-v3").run()
    assert world.weights[-1][0] == 0
    assert world.size(2) == 0
