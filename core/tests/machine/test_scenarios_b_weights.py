"""Canary behind a router: weights, verification, routes. Ids are those of the specification's scenarios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.machine.actions import PointService
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.routing import RemoveManagedRoutes, SetHeaderRoute, SetWeights, UpdateHash, VerifyWeights
from tidegate.machine.traffic import Hashes

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}
HEADER = {
    "setHeaderRoute": {"name": "h", "match": [{"headerName": "X-Test", "headerValue": {"exact": "yes"}}]},
}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def asked(world: Any) -> list[str]:
    """What Services and routers were asked for, in order."""
    said: list[str] = []
    for call in world.calls:
        match call:
            case PointService(service, pod_hash):
                said.append(f"{service} -> {'stable' if pod_hash == world.status['stableRS'] else 'new'}")
            case RemoveManagedRoutes():
                said.append("routes")
            case UpdateHash(_, Hashes(canary, stable)):
                assert (canary, stable) == (world.status["currentPodHash"], world.status["stableRS"])
                said.append("hashes")
            case SetWeights():
                said.append(f"weight {call.weights.canary}")
            case _:
                pass
    return said


def recorded(world: Any) -> tuple[int, int]:
    """The recorded weights of canary and stable."""
    weights = world.status["canary"]["weights"]
    return weights["canary"]["weight"], weights["stable"]["weight"]


def test_b1_a_new_version_gets_no_traffic_before_it_has_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True)
    world.pods_up["v2"] = 0
    world.image("v2").step()
    world.forget().step()
    assert asked(world) == ["routes", "hashes", "weight 0"]
    world.run()
    assert world.pair() == (1, 10)
    assert recorded(world) == (0, 100)
    assert world.selected("demo-canary") == world.status["stableRS"]
    assert world.status["currentStepIndex"] == 0


def test_b2_the_first_pod_brings_service_hashes_and_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True)
    world.pods_up["v2"] = 0
    world.image("v2").run().forget()
    world.pods_up["v2"] = 1
    world.step()
    assert asked(world) == ["demo-canary -> new", "routes", "hashes", "weight 10"]
    assert recorded(world) == (10, 90)
    assert world.status["currentStepIndex"] == 1
    assert world.phase == ("Paused", "CanaryPauseStep")
    sides = world.status["canary"]["weights"]
    assert sides["canary"]["serviceName"] == "demo-canary"
    assert sides["canary"]["podTemplateHash"] == world.status["currentPodHash"]
    assert sides["stable"]["podTemplateHash"] == world.status["stableRS"]


def test_b3_the_weight_waits_for_the_pods_of_its_step(a_rollout: Build) -> None:
    world = a_rollout([weight(10), weight(20), PAUSE], routed=True)
    world.pods_up["v2"] = 1
    world.image("v2").run()
    assert (world.status["currentStepIndex"], world.weights[-1][0], world.pair()) == (1, 10, (2, 10))
    world.pods_up["v2"] = 2
    world.run()
    assert (world.status["currentStepIndex"], world.weights[-1][0]) == (2, 20)
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_b4_an_unverified_weight_does_not_complete_its_step(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True)
    world.verdict = False
    world.image("v2").run()
    assert world.status["currentStepIndex"] == 0
    assert world.status["canary"]["weights"]["verified"] is False
    assert recorded(world) == (10, 90)
    assert (world.wake_at - world.now).total_seconds() == 10
    world.verdict = True
    assert world.run().status["currentStepIndex"] == 1


def test_b5_an_error_of_the_read_back_is_told_and_the_pass_goes_on(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True)
    world.verdict = False
    world.image("v2").run().forget()
    world.refuse = lambda action: Outcome(action, message="boom") if isinstance(action, VerifyWeights) else None
    world.of("v1")["spec"]["replicas"] = 12
    world.edited().step()
    told = [e for e in world.events if e.reason == "WeightVerifyError"]
    assert [(e.message, e.type) for e in told] == [("Failed to verify weight: boom", "Warning")]
    assert world.pair() == (1, 10), "ReplicaSets are sized all the same"
    assert world.status["observedGeneration"] == str(world.rollout["metadata"]["generation"])


def test_b6_a_router_that_fails_stops_the_pass_before_the_status(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True).image("v2").run()
    sizes = world.pair()
    world.refuse = lambda action: (
        Outcome(action, Result.FAILED, message="boom") if isinstance(action, SetWeights) else None
    )
    world.client(**RESUME)
    before = dict(world.status)
    world.step()
    assert world.status == before
    assert world.pair() == sizes
    world.refuse = lambda _: None
    assert world.run().phase == ("Healthy", "")


def test_b7_an_unverified_last_weight_keeps_the_old_version_and_the_promotion_waits(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True)
    world.verdict = True
    world.image("v2")
    while world.status.get("currentStepIndex") != 1 or len(world.sets) < 2:
        world.step()
    world.verdict = False
    world.run()
    assert world.weights[-1][0] == 100
    assert world.status["stableRS"] != world.status["currentPodHash"]
    assert world.size(1) == 10
    assert (world.wake_at - world.now).total_seconds() == 10
    world.verdict = True
    assert world.run().phase == ("Healthy", "")


def test_b19_without_steps_services_switch_at_the_promotion(a_rollout: Build) -> None:
    world = a_rollout([], routed=True)
    world.pods_up["v2"] = 9
    world.image("v2").run()
    assert world.selected("demo-stable") == world.status["stableRS"] != world.status["currentPodHash"]
    assert recorded(world) == (0, 100)
    del world.pods_up["v2"]
    world.run()
    assert {w for w, _ in world.weights} == {0}
    assert world.phase == ("Healthy", "")
    assert world.selected("demo-stable") == world.selected("demo-canary") == world.status["currentPodHash"]


def test_b20_the_first_revision_has_no_routes(a_rollout: Build) -> None:
    world = a_rollout(
        [HEADER, PAUSE], routed=True, deployed=False, trafficRouting={"managedRoutes": [{"name": "h"}]}
    ).run()
    assert not [call for call in world.calls if isinstance(call, SetHeaderRoute)]
    assert world.phase == ("Healthy", "")


def test_b20_a_route_is_asked_for_in_every_pass_while_it_is_in_force(a_rollout: Build) -> None:
    steps = [weight(10), HEADER, PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting={"managedRoutes": [{"name": "h"}]}).image("v2").run()
    for _ in range(2):
        world.forget().step()
        assert [call.route.name for call in world.calls if isinstance(call, SetHeaderRoute)] == ["h"]
        assert all(call.keep == {"h"} for call in world.calls if isinstance(call, RemoveManagedRoutes))


def test_b20_routes_end_with_an_abort_and_with_the_promotion(a_rollout: Build) -> None:
    steps = [weight(10), HEADER, PAUSE]
    for client in ({"abort": True}, RESUME):
        world = a_rollout(steps, routed=True, trafficRouting={"managedRoutes": [{"name": "h"}]}).image("v2").run()
        world.client(**client).run().forget().step()
        removals = [call for call in world.calls if isinstance(call, RemoveManagedRoutes)]
        assert removals
        assert not any(call.keep for call in removals)
        assert not [call for call in world.calls if isinstance(call, SetHeaderRoute)]


def test_b21_a_larger_total_divides_the_traffic_finer(a_rollout: Build) -> None:
    world = a_rollout([weight(200), PAUSE], routed=True, trafficRouting={"maxTrafficWeight": 1000}).image("v2").run()
    assert world.pair() == (2, 10)
    assert recorded(world) == (200, 800)
    last = [call for call in world.calls if isinstance(call, SetWeights)][-1]
    assert (last.weights.canary, last.weights.stable, last.weights.total) == (200, 800, 1000)


def test_weights_name_both_revisions(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run()
    last = [c for c in world.calls if isinstance(c, SetWeights)][-1]
    assert last.hashes == Hashes(world.status["currentPodHash"], world.status["stableRS"])


def test_traffic_routing_without_a_router_records_no_weights(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True)
    world.routers = ()
    world.image("v2").run()
    assert "weights" not in world.status["canary"]


def test_texts_of_weight_events_are_those_that_clients_know(a_rollout: Build) -> None:
    world = a_rollout([weight(10), weight(50)], routed=True).image("v2").run()
    assert [e.message for e in world.events if e.reason == "TrafficWeightUpdated"] == [
        "Traffic weight updated ",
        "Traffic weight updated from 0 to 10",
        "Traffic weight updated from 10 to 50",
        "Traffic weight updated from 50 to 100",
        "Traffic weight updated from 100 to 0",
    ]
