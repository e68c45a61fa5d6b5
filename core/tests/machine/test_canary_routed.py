"""Scenarios of the canary behind a router. Ids are those of the behavioural specification's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.machine.actions import PointService
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.routing import SetWeights
from tidegate.machine.traffic import Hashes

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def test_b1_to_b8_a_routed_canary_walks_and_is_promoted(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE, weight(50), PAUSE], routed=True)
    assert world.services["demo-stable"].selector["rollouts-pod-template-hash"] == world.status["stableRS"]
    assert world.status["canary"]["weights"]["canary"]["weight"] == 0
    world.image("v2").run()
    assert world.pair() == (1, 10)
    assert world.status["canary"]["weights"]["canary"]["weight"] == 10
    assert world.services["demo-canary"].selector["rollouts-pod-template-hash"] == world.status["currentPodHash"]
    world.client(**RESUME).run()
    assert (world.pair(), world.weights[-1][0]) == ((5, 10), 50)
    world.client(**RESUME).run()
    assert world.phase == ("Healthy", "")
    # The second 0 tells the router about the new revision before it has pods.
    assert [w for w, _ in world.weights] == [0, 0, 10, 50, 100, 0]
    assert world.size(1) == 10
    world.after(31)
    assert world.size(1) == 0
    assert world.condition("Healthy") == ("True", "RolloutHealthy")
    texts = [e.message for e in world.events if e.reason == "TrafficWeightUpdated"]
    assert texts == [
        "Traffic weight updated ",
        "Traffic weight updated from 0 to 10",
        "Traffic weight updated from 10 to 50",
        "Traffic weight updated from 50 to 100",
        "Traffic weight updated from 100 to 0",
    ]


def test_b3_the_weight_waits_for_the_pods_of_its_step(a_rollout: Build) -> None:
    world = a_rollout([weight(10), weight(20), PAUSE], routed=True)
    world.pods_up["v2"] = 1
    world.image("v2").run()
    assert (world.status["currentStepIndex"], world.weights[-1][0]) == (1, 10)
    world.pods_up["v2"] = 2
    assert world.run().weights[-1][0] == 20


def test_b4_an_unverified_weight_does_not_complete_its_step(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True)
    world.verdict = False
    world.image("v2").run()
    assert world.status["currentStepIndex"] == 0
    assert world.status["canary"]["weights"]["verified"] is False
    assert (world.wake_at - world.now).total_seconds() == 10
    world.verdict = True
    assert world.run().status["currentStepIndex"] == 1


def test_b6_a_router_that_fails_stops_the_pass_before_the_status(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True).image("v2")
    world.run()
    world.client(**RESUME)
    before = dict(world.status)
    world.refuse = lambda action: (
        Outcome(action, Result.FAILED, message="boom") if isinstance(action, SetWeights) else None
    )
    world.step()
    assert world.status == before
    world.refuse = lambda _: None
    assert world.run().phase == ("Healthy", "")


def test_b7_an_unverified_last_weight_keeps_the_old_version_and_the_promotion_waits(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True)
    world.verdict = True
    world.image("v2")
    for _ in range(4):
        world.step()
    world.verdict = False
    world.run()
    assert world.status["stableRS"] != world.status["currentPodHash"]
    assert world.size(1) == 10
    world.verdict = True
    assert world.run().phase == ("Healthy", "")


def test_b11_a_third_revision_resets_the_weight_before_the_hashes(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.forget().image("bad-v3").step()
    world.step()
    kinds = [type(c).__name__ + (" early" if getattr(c, "early", False) else "") for c in world.calls]
    wanted = ["RemoveManagedRoutes", "SetWeights early", "UpdateHash", "SetWeights"]
    assert [k for k in kinds if k in wanted][:4] == wanted
    assert world.status["canary"]["weights"]["canary"]["weight"] == 0


def test_b12_weights_stay_where_stable_cannot_take_them(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 3
    world.forget().image("bad-v3").run()
    assert [w for w, _ in world.weights] == [50]
    assert world.status["canary"]["weights"]["canary"]["weight"] == 50
    assert "waiting for stable ReplicaSet to have 10 available replicas (has 3)" in world.plan.notes


def test_b13_abort_returns_all_traffic_and_keeps_the_pods_for_the_delay(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.forget().client(abort=True).run()
    assert world.weights[-1][0] == 0
    points = [c for c in world.calls if isinstance(c, PointService)]
    assert [(p.service, p.pod_hash) for p in points] == [("demo-canary", world.status["stableRS"])]
    assert world.status["abort"] is True
    assert world.pair() == (5, 10)
    world.after(29)
    assert world.pair() == (5, 10)
    assert world.after(2).pair() == (0, 10)
    assert world.phase[0] == "Degraded"


def test_b15_an_abort_delay_of_zero_keeps_the_canary(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, abortScaleDownDelaySeconds=0).image("v2").run()
    world.forget().client(abort=True).run().after(3600)
    assert world.pair() == (5, 10)
    assert sum(isinstance(c, PointService) for c in world.calls) == 1


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
    assert (world.size(2), world.size(1)) == (4, 4)


def test_b18_full_promotion_behind_a_router_never_raises_the_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run()
    world.forget().client(promoteFull=True).run()
    assert world.phase == ("Healthy", "")
    assert [w for w, _ in world.weights] == [20, 0]
    assert world.services["demo-stable"].selector["rollouts-pod-template-hash"] == world.status["currentPodHash"]


def test_b19_without_steps_services_switch_at_the_promotion(a_rollout: Build) -> None:
    world = a_rollout([], routed=True).forget().image("v2").run()
    assert {w for w, _ in world.weights} == {0}
    assert world.phase == ("Healthy", "")


def test_b20_header_routes_are_a_fold_that_ends_with_the_update(a_rollout: Build) -> None:
    match = [{"headerName": "X-Test", "headerValue": {"exact": "yes"}}]
    steps = [weight(10), {"setHeaderRoute": {"name": "h", "match": match}}, PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting={"managedRoutes": [{"name": "h"}]}).image("v2").run()
    assert "SetHeaderRoute" in {type(c).__name__ for c in world.calls}
    world.forget().client(abort=True).run()
    removals = [c for c in world.calls if type(c).__name__ == "RemoveManagedRoutes"]
    assert removals
    assert all(not c.keep for c in removals)
    assert "SetHeaderRoute" not in {type(c).__name__ for c in world.calls}


def test_b21_a_larger_total_divides_the_traffic_finer(a_rollout: Build) -> None:
    world = a_rollout([weight(200), PAUSE], routed=True, trafficRouting={"maxTrafficWeight": 1000}).image("v2").run()
    assert world.pair() == (2, 10)
    assert world.status["canary"]["weights"]["stable"]["weight"] == 800


def test_b22_an_adopted_service_waits_for_every_pod(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True)
    service = world.services["demo-canary"]
    world.services["demo-canary"] = type(service)(service.name, {"app": "demo"}, "", "1")
    world.pods_up["v2"] = 1
    world.image("v2").run()
    assert "rollouts-pod-template-hash" not in world.services["demo-canary"].selector
    world.pods_up["v2"] = 2
    world.run()
    assert world.services["demo-canary"].selector["rollouts-pod-template-hash"] == world.status["currentPodHash"]


def test_weights_name_both_revisions(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run()
    last = [c for c in world.calls if isinstance(c, SetWeights)][-1]
    assert last.hashes == Hashes(world.status["currentPodHash"], world.status["stableRS"])


def test_a_lower_weight_goes_before_the_pods_that_carried_it(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE, weight(0), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 9  # stable cannot take everything back yet
    world.client(**RESUME).run()
    assert (world.weights[-1][0], world.pair()) == (50, (5, 10))
    del world.pods_up["v1"]
    world.run()
    assert (world.weights[-1][0], world.pair()) == (0, (0, 10))
    assert world.status["currentStepIndex"] == 3


def test_a_router_that_is_not_there_yet_loses_no_resume(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE], routed=True).image("v2").run()
    world.refuse = lambda action: Outcome(action, Result.PENDING) if isinstance(action, SetWeights) else None
    world.client(**RESUME).run()
    world.refuse = lambda _: None
    assert world.run().status["currentStepIndex"] == 3


def test_a_former_version_whose_pods_died_in_its_delay_goes_all_the_same(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], routed=True, replicas=1).image("v2").run()
    world.pods_up["v1"] = 0
    world.run().after(31)
    assert world.size(1) == 0
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


def test_the_abort_delay_begins_once_weight_0_is_in_force(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True)
    world.verdict = True
    world.image("v2").run()
    world.verdict = False
    world.client(abort=True).run().after(600)
    assert world.pair() == (5, 10)
    world.verdict = True
    assert world.run().after(31).pair() == (0, 10)


def test_a_version_that_carries_weight_is_not_shrunk_to_its_ready_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up |= {"v1": 9, "v2": 1}
    world.image("bad-v3").run()
    assert world.size(2) == 5


def test_a_version_without_any_pod_loses_its_share_even_to_a_stable_that_is_short(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up |= {"v1": 9, "v2": 0}
    world.forget().image("bad-v3").run()
    assert world.weights[-1][0] == 0
    assert world.size(2) == 0


def test_traffic_routing_without_a_router_records_no_weights(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True)
    world.routers = ()
    world.image("v2").run()
    assert "weights" not in world.status["canary"]


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


def test_more_unavailable_than_everything_is_everything(a_rollout: Build) -> None:
    assert a_rollout([weight(20), PAUSE], maxUnavailable="150%").phase == ("Healthy", "")
