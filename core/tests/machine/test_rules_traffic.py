"""Shares and Services at the edges of what the pods can take, and what routers are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.api import names
from tidegate.machine.observed import RouterView, ServiceView
from tidegate.machine.plan import Outcome
from tidegate.machine.routing import SetMirrorRoute, SetWeights, VerifyWeights
from tidegate.machine.traffic import Capability, Destination, Verdict

Build = Callable[..., World]
PAIR = {"pingService": "demo-ping", "pongService": "demo-pong"}
ROUTED: dict[str, Any] = {"routed": True}
TEMPLATES = [{"name": "next", "specRef": "canary", "weight": 1}]


def scale(**fields: Any) -> dict[str, Any]:
    return {"setCanaryScale": fields}


def recorded(world: World, side: str) -> dict[str, Any]:
    """What the status says of a side of the traffic."""
    return dict(world.status["canary"]["weights"][side])


def test_a_service_moves_back_to_stable_only_with_a_pod_there(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], **ROUTED)
    world.pods_up["v1"] = 0
    world.cluster()
    world.services["demo-stable"] = ServiceView("demo-stable", {"app": "demo"}, "demo", "1")
    world.run()
    assert world.selected("demo-stable") == ""
    del world.pods_up["v1"]
    assert world.run().selected("demo-stable") == world.hash("v1")


def test_a_ping_pong_service_is_repaired_only_with_a_stable_pod(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], services=False, pingPong=PAIR, **ROUTED)
    stable = next(name for name in PAIR.values() if world.selected(name) == world.hash("v1"))
    world.pods_up["v1"] = 0
    world.cluster()
    world.services[stable] = ServiceView(stable, {"app": "demo"}, "demo", "1")
    assert world.run().selected(stable) == ""
    del world.pods_up["v1"]
    assert world.run().selected(stable) == world.hash("v1")


def test_the_recorded_weights_name_the_services(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], **ROUTED).image("v2").run()
    assert recorded(world, "stable")["serviceName"] == "demo-stable"
    assert recorded(world, "canary")["serviceName"] == "demo-canary"


def test_the_weights_of_ping_pong_name_no_service(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], services=False, pingPong=PAIR, **ROUTED).image("v2").run()
    assert not {"serviceName"} & (recorded(world, "stable").keys() | recorded(world, "canary").keys())


def test_an_experiment_gets_its_least_share(a_rollout: Build) -> None:
    world = a_rollout([weight(10), {"experiment": {"templates": TEMPLATES}}], **ROUTED)
    world.verdicts["Experiment"], world.destinations = "Running", (Destination("demo-next", 1, "h"),)
    world.image("v2").run()
    assert [(side["serviceName"], side["weight"]) for side in world.status["canary"]["weights"]["additional"]] == [
        ("demo-next", 1)
    ]


def test_a_router_that_cannot_read_back_is_not_asked(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], **ROUTED)
    world.routers = (RouterView("mesh", "Mesh", frozenset({Capability.WEIGHTS, Capability.HASH})),)
    world.image("v2").run()
    assert any(isinstance(call, SetWeights) for call in world.calls)
    assert not any(isinstance(call, VerifyWeights) for call in world.calls)


def test_a_weight_step_needs_exactly_the_pods_of_stables_share(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE, weight(20), PAUSE], **ROUTED).image("v2").run()
    world.pods_up["v1"] = 8
    world.client(**RESUME).run()
    assert recorded(world, "canary")["weight"] == 20


def test_the_longest_of_two_routers_waits_counts(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], **ROUTED)
    can = world.routers[0].can
    world.routers = (RouterView("mesh", "Mesh", can), RouterView("lb", "LB", can))

    def slow(action: Any) -> Outcome | None:
        if not isinstance(action, VerifyWeights):
            return None
        return Outcome(action, verdict=Verdict(False, retry_after_s=40.0 if action.router == "lb" else 20.0))

    world.refuse = slow
    assert world.image("v2").run().wait == 40


def test_a_stable_that_has_lost_pods_holds_back_no_weight_that_relieves_it(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE, weight(60), PAUSE], **ROUTED).image("v2").run()
    world.pods_up["v1"] = 3
    world.client(**RESUME).run()
    assert recorded(world, "canary")["weight"] == 60


@pytest.mark.parametrize("role", ["behind stable", "not there"])
def test_no_canary_pod_is_kept_for_a_service_that_does_not_need_it(a_rollout: Build, role: str) -> None:
    named = {"stableService": "demo-stable", "maxUnavailable": "100%"}
    world = a_rollout([weight(20), PAUSE], services=False, **named).image("bad").run()
    if role == "not there":
        world.client(abort=True).run()
        selector = {"app": "demo", names.POD_HASH: world.hash("bad")}
        world.services["demo-stable"] = ServiceView("demo-stable", selector, "demo", "1")
    world.pods_up["v1"] = 0
    world.client(abort=True).run()
    assert world.pair() == (0, 10)


def test_routers_keep_being_asked_for_a_weight_that_stays_while_stable_lacks_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], **ROUTED).image("v2").run().forget()
    world.pods_up["v1"] = 3
    world.run()
    assert [call.weights.canary for call in world.calls if isinstance(call, SetWeights)][-1:] == [50]


def test_a_step_that_a_client_skipped_to_raises_no_share_before_its_pods_are_there(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE, weight(50), PAUSE], **ROUTED)
    world.pods_up["v2"] = 1
    world.image("v2").run().client(currentStepIndex=3, controllerPause=False, **RESUME).run()
    assert recorded(world, "canary")["weight"] == 10
    world.pods_up["v2"] = 5
    assert recorded(world.run(), "canary")["weight"] == 50


def test_a_step_that_was_skipped_to_keeps_the_share_that_its_pods_can_take(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE, weight(60)], **ROUTED).image("v2").run()
    world.pods_up["v2"] = 5
    world.client(**RESUME).run()
    assert (world.status["currentStepIndex"], recorded(world, "canary")["weight"]) == (2, 50)


def with_experiment(build: Build, share: int, *destinations: Destination) -> list[tuple[str, int]]:
    """What a running Experiment's Services get beside a canary with a share."""
    world = build([weight(share), {"experiment": {"templates": TEMPLATES}}], **ROUTED)
    world.verdicts["Experiment"], world.destinations = "Running", destinations
    world.image("v2").run()
    sides = world.status["canary"]["weights"].get("additional", [])
    return [(side["serviceName"], side.get("weight", 0)) for side in sides]


def test_an_experiment_may_leave_stable_nothing_and_not_less(a_rollout: Build) -> None:
    assert with_experiment(a_rollout, 90, Destination("next", 10, "h")) == [("next", 10)]
    assert with_experiment(a_rollout, 90, Destination("next", 11, "h")) == []


def test_an_experiments_service_without_a_weight_is_no_destination(a_rollout: Build) -> None:
    assert with_experiment(a_rollout, 10, Destination("base", 0, "g"), Destination("next", 5, "h")) == [("next", 5)]


@pytest.mark.parametrize(("written", "copied"), [(None, 100), (30, 30)])
def test_a_mirror_route_copies_everything_unless_told_otherwise(
    a_rollout: Build, written: int | None, copied: int
) -> None:
    step = {"name": "mirror", "match": [{"path": {"prefix": "/"}}], **({"percentage": written} if written else {})}
    steps = [weight(10), {"setMirrorRoute": step}, PAUSE]
    world = a_rollout(steps, trafficRouting={"managedRoutes": [{"name": "mirror"}]}, **ROUTED).image("v2").run()
    assert [call.route.percentage for call in world.calls if isinstance(call, SetMirrorRoute)][-1] == copied


def test_a_pause_asks_no_router_to_read_back(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], **ROUTED).image("v2").run().forget().after(5)
    assert any(isinstance(call, SetWeights) for call in world.calls)
    assert not any(isinstance(call, VerifyWeights) for call in world.calls)


def test_the_idle_ping_pong_service_keeps_no_former_version_alive(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], services=False, pingPong=PAIR, **ROUTED).image("v2").run()
    assert world.hash("v1") in {world.selected(name) for name in PAIR.values()}
    world.after(31).after(31)
    assert world.spec_size("v1") == 0
