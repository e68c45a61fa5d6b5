"""The contract between machine and routers. Ids are those of the acceptance table of traffic routing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.actions import PointService
from tidegate.machine.observed import Problem, RouterView
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.routing import (
    RemoveManagedRoutes,
    RouterAction,
    SetHeaderRoute,
    SetWeights,
    UpdateHash,
    VerifyWeights,
)
from tidegate.machine.traffic import Capability, Destination, Verdict, Weights

Build = Callable[..., World]
HEADER = {"setHeaderRoute": {"name": "h", "match": [{"headerName": "x", "headerValue": {"exact": "1"}}]}}
MANAGED = {"managedRoutes": [{"name": "h"}]}
ALL = frozenset(Capability)
PAIR = {"pingService": "demo-ping", "pongService": "demo-pong"}


def scale(replicas: int) -> dict[str, Any]:
    return {"setCanaryScale": {"replicas": replicas}}


def asked(world: World, *kinds: type[RouterAction]) -> list[RouterAction]:
    return [call for call in world.calls if isinstance(call, kinds or RouterAction)]


def notes(world: World) -> str:
    assert world.plan is not None
    return "; ".join(world.plan.notes)


def recorded(world: World) -> int:
    return int(world.status["canary"]["weights"]["canary"]["weight"])


def two_routers(world: World, *others: str) -> World:
    world.routers = tuple(RouterView(name, name.title(), ALL) for name in ("one", *others))
    return world


def failing(router: str, *, growing: bool = False) -> Callable[[Any], Outcome | None]:
    """A router that takes no weights, or with `growing` only 0."""

    def refuse(action: Any) -> Outcome | None:
        fits = isinstance(action, SetWeights) and action.router == router
        fits = fits and (action.weights.canary > 0 or not growing)
        return Outcome(action, Result.FAILED, message=f"{router} is down") if fits else None

    return refuse


# --- several routers ---


def test_c01_a_growing_share_stops_at_the_first_router_that_fails(a_rollout: Build) -> None:
    world = two_routers(a_rollout([weight(25), PAUSE], routed=True), "two", "three").run().forget()
    world.refuse = failing("two", growing=True)
    world.image("v2")
    for _ in range(12):
        world.step()
    grown = {call.router for call in asked(world, SetWeights) if isinstance(call, SetWeights) and call.weights.canary}
    assert grown == {"one"}
    assert recorded(world) == 0
    world.refuse = lambda _: None
    world.run()
    assert recorded(world) == 25


def test_c02_a_falling_share_asks_every_router_and_names_all_that_fail(a_rollout: Build) -> None:
    world = two_routers(a_rollout([weight(50), PAUSE], routed=True), "two", "three").run().image("v2").run().forget()
    world.refuse = lambda action: failing("one")(action) or failing("three")(action)
    world.client(abort=True).step()
    assert [c.router for c in asked(world, SetWeights) if isinstance(c, SetWeights) and not c.weights.canary] == ["two"]
    assert world.plan is not None
    tried = [
        Outcome(action, Result.FAILED, message=f"{action.router} is down")
        if isinstance(action, SetWeights) and action.router != "two"
        else Outcome(action)
        for action in world.plan.actions
    ]
    assert world.plan.conclude(tried).error == "one is down; three is down"
    assert recorded(world) == 50


@pytest.mark.parametrize(
    ("answers", "verified"),
    [((False, None), False), ((None, False), False), ((True, None), True), ((None, None), None), ((True, True), True)],
)
def test_c03_one_no_outweighs_every_other_verdict(
    a_rollout: Build, answers: tuple[bool | None, bool | None], verified: bool | None
) -> None:
    world = two_routers(a_rollout([weight(25)], routed=True), "two").run().forget()
    said = dict(zip(("one", "two"), answers, strict=True))

    def answer(action: Any) -> Outcome | None:
        fits = isinstance(action, VerifyWeights)
        return Outcome(action, verdict=Verdict(said[action.router])) if fits else None

    world.refuse = answer
    world.image("v2")
    while recorded(world) != 25:
        world.step()
    assert world.status["canary"]["weights"].get("verified") is verified
    world.step()
    assert (world.status["currentStepIndex"] == 0) is (verified is False)
    if verified is False:
        assert world.wait == 10


def test_c13_a_change_of_the_weights_is_told_once_whatever_the_number_of_routers(a_rollout: Build) -> None:
    world = two_routers(a_rollout([weight(25), PAUSE, weight(50), PAUSE], routed=True, deployed=False), "two", "three")
    world.run().image("v2").run().client(**RESUME).run()
    assert [text for text in world.messages("TrafficWeightUpdated") if not text.endswith(" ")] == [
        "Traffic weight updated to 0",
        "Traffic weight updated from 0 to 25",
        "Traffic weight updated from 25 to 50",
    ]


def test_c06_a_router_that_is_not_there_makes_the_rollout_invalid_and_writes_nothing(a_rollout: Build) -> None:
    problem = Problem("spec.strategy.canary.trafficRouting.mesh", "no installed plugin provides it", '"mesh"')
    world = a_rollout([weight(25)], routed=True, problems=(problem,), deployed=False).run()
    assert world.condition("InvalidSpec") == ("True", "InvalidSpec")
    assert "no installed plugin provides it" in world.text("InvalidSpec")
    assert world.calls == []


def test_c07_a_total_that_one_router_cannot_do_is_an_error(a_rollout: Build) -> None:
    world = a_rollout([weight(25)], routed=True, deployed=False, trafficRouting={"maxTrafficWeight": 1000})
    world.routers = (
        RouterView("one", "Nginx", frozenset({Capability.WEIGHTS, Capability.TOTAL})),
        RouterView("two", "Mesh", frozenset({Capability.WEIGHTS})),
    )
    world.run()
    text = "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins"
    assert text in world.text("InvalidSpec")
    assert world.calls == []


def test_c19_weights_that_leave_stable_less_than_nothing_do_not_exist() -> None:
    with pytest.raises(ValueError, match="do not fit into a total of 100"):
        Weights(97, 100, (Destination("demo-exp", 5),))


# --- the order of a pass ---


def test_c08_nothing_is_written_before_there_is_a_stable_revision(a_rollout: Build) -> None:
    world = a_rollout([weight(25)], routed=True, deployed=False)
    world.pods_up["v1"] = 9
    world.run()
    assert asked(world, SetWeights, UpdateHash, SetHeaderRoute) == []
    assert "weights" not in world.status.get("canary", {})


def test_c09_a_stable_that_is_short_holds_the_weight_and_not_the_removal_of_routes(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True).image("v2")
    while world.status["stableRS"] != world.status["currentPodHash"] or len(world.sets) < 2:
        world.step()
    assert recorded(world) == 100
    world.pods_up["v2"] = 9
    world.cluster()
    world.forget().step()
    assert [type(call) for call in asked(world)] == [RemoveManagedRoutes]
    assert recorded(world) == 100
    assert notes(world) == "waiting for stable ReplicaSet to have 10 available replicas (has 9)"


def test_c12_a_third_revision_takes_the_weight_away_before_the_hash_moves(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, trafficRouting=MANAGED).image("v2").run().forget()
    world.pods_up["v3"] = 0
    world.image("v3")
    while not asked(world, SetWeights) or not world.weights or world.weights[-1][0]:
        world.calls.clear()
        world.step()
    calls = [call for call in asked(world) if not isinstance(call, VerifyWeights)]
    assert [type(call) for call in calls] == [RemoveManagedRoutes, SetWeights, UpdateHash, SetWeights]
    removal, early, moved, late = calls
    assert isinstance(removal, RemoveManagedRoutes)
    assert not removal.keep
    assert isinstance(early, SetWeights)
    assert isinstance(late, SetWeights)
    assert isinstance(moved, UpdateHash)
    assert (early.weights.canary, early.early, late.weights.canary, late.early) == (0, True, 0, False)
    assert moved.hashes.canary == world.hash("v3")


def test_c14_an_unverified_end_of_the_rollout_says_so_and_keeps_the_old_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True)
    world.verdict = True
    world.image("v2")
    while world.status.get("currentStepIndex") != 1 or len(world.sets) < 2:
        world.step()
    world.verdict = False
    world.run()
    required = [c for c in asked(world, VerifyWeights) if isinstance(c, VerifyWeights) and c.required]
    assert {call.weights.canary for call in required} == {100}
    assert (world.spec_size("v1"), recorded(world), world.wait) == (10, 100, 10)


def test_c26_with_a_dynamic_stable_the_pods_follow_the_weight_that_was_verified(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], routed=True, dynamicStableScale=True)
    world.verdict = True
    world.image("v2")
    while world.status.get("currentStepIndex") != 1 or len(world.sets) < 2 or recorded(world) != 50:
        world.step()
    world.verdict = False
    for _ in range(10):
        world.step()
    assert recorded(world) == 100
    assert world.spec_size("v1") == 5


# --- managed routes ---


def test_c10_a_route_of_the_first_step_comes_with_the_first_pod(a_rollout: Build) -> None:
    steps = [HEADER, scale(1), PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting=MANAGED).image("v2")
    seen: list[tuple[int | None, bool]] = []
    for _ in range(20):
        world.calls.clear()
        world.step()
        seen.append((world.status.get("currentStepIndex"), bool(asked(world, SetHeaderRoute))))
    assert (0, True) not in seen
    assert seen[-1] == (2, True)


def test_c11_an_abort_in_a_header_step_removes_the_route_for_good(a_rollout: Build) -> None:
    steps = [HEADER, weight(10), PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting=MANAGED).image("v2").run().forget()
    world.client(abort=True).run()
    assert not asked(world, SetHeaderRoute)
    assert not any(c.keep for c in asked(world, RemoveManagedRoutes) if isinstance(c, RemoveManagedRoutes))
    world.forget().step()
    assert world.writes == 0


def test_c23_every_pass_asks_for_the_routes_of_earlier_steps(a_rollout: Build) -> None:
    steps = [weight(10), HEADER, weight(20), PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting=MANAGED).image("v2").run().forget()
    assert world.status["currentStepIndex"] == 3
    world.step()
    (weights,), (route,) = asked(world, SetWeights), asked(world, SetHeaderRoute)
    assert isinstance(weights, SetWeights)
    assert isinstance(route, SetHeaderRoute)
    assert (weights.weights.canary, route.route.name) == (20, "h")


def test_c25_a_route_goes_with_the_canarys_last_pod_and_comes_back_with_its_first(a_rollout: Build) -> None:
    steps = [scale(1), HEADER, PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting=MANAGED).image("v2").run().forget()
    world.pods_up["v2"] = 0
    world.cluster()
    world.step()
    (removal,) = asked(world, RemoveManagedRoutes)
    assert isinstance(removal, RemoveManagedRoutes)
    assert not removal.keep
    assert not asked(world, SetHeaderRoute)
    del world.pods_up["v2"]
    world.forget().run()
    assert asked(world, SetHeaderRoute)


# --- experiments ---


def test_c15_a_destination_without_a_service_is_left_out_and_waited_for(a_rollout: Build) -> None:
    templates = [{"name": "next", "specRef": "canary", "weight": 5}]
    world = a_rollout([weight(20), {"experiment": {"templates": templates}}], routed=True)
    world.verdicts["Experiment"], world.destinations = "Running", (Destination("", 5, "eee"),)
    world.image("v2").run()
    assert {c.weights.additional for c in asked(world, SetWeights) if isinstance(c, SetWeights)} == {()}
    assert "waiting for the Services of experiment" in notes(world)
    world.destinations = (Destination("demo-exp", 5, "eee"),)
    world.run()
    assert world.status["canary"]["weights"]["additional"][0]["serviceName"] == "demo-exp"


def test_c30_texts_of_weight_events_with_an_experiment(a_rollout: Build) -> None:
    templates = [{"name": "next", "specRef": "canary", "weight": 5}]
    world = a_rollout([{"experiment": {"templates": templates}}, PAUSE], routed=True)
    world.verdicts["Experiment"], world.destinations = "Running", (Destination("demo-exp", 5, "eee"),)
    world.image("v2").run()
    world.judge("Experiment", "Successful").run()
    assert world.messages("TrafficWeightUpdated")[:3] == [
        "Traffic weight updated ",
        "Traffic weight updated additional: [{5 demo-exp eee}]",
        "Traffic weight updated additional: []",
    ]


# --- aborts ---


@pytest.mark.parametrize(
    ("step", "stable", "status", "wanted"),
    [(50, 4, 60, 60), (50, 6, 60, 50), (0, 7, 20, 20)],
    ids=["c16", "c17", "c18"],
)
def test_c16_c17_c18_the_share_on_the_way_back_with_a_dynamic_stable(
    a_rollout: Build, step: int, stable: int, status: int, wanted: int
) -> None:
    steps = [weight(step), weight(status), PAUSE] if step else [weight(status), PAUSE]
    world = a_rollout(steps, routed=True, dynamicStableScale=True).image("v2").run()
    assert recorded(world) == status
    of_v1 = world.of("v1")
    of_v1["spec"]["replicas"] = 10
    world.pods_up["v1"] = stable
    world.cluster()
    world.forget().client(abort=True).step()
    assert recorded(world) == wanted


@pytest.mark.parametrize(
    ("canary", "spec"),
    [({"abortScaleDownDelaySeconds": 0}, {}), ({"abortScaleDownDelaySeconds": 30}, {"paused": True})],
    ids=["c22", "c27"],
)
def test_c22_c27_an_abort_points_the_canary_service_to_stable_exactly_once(
    a_rollout: Build, canary: dict[str, Any], spec: dict[str, Any]
) -> None:
    world = a_rollout([scale(2), weight(20), PAUSE], routed=True, **canary).image("v2").run().forget()
    if spec:
        world.edit(**spec)
    world.client(abort=True)
    for _ in range(5):
        world.step()
    moved = [call for call in world.calls if isinstance(call, PointService) and call.service == "demo-canary"]
    assert [call.pod_hash for call in moved] == [world.status["stableRS"]]


def test_c28_the_canary_service_stays_until_the_abort_weight_is_0(a_rollout: Build) -> None:
    steps = [weight(25), weight(75), PAUSE]
    world = a_rollout(steps, routed=True, replicas=4, dynamicStableScale=True, abortScaleDownDelaySeconds=6)
    world.image("v2").run()
    assert recorded(world) == 75
    world.pods_up["v1"] = 1
    world.forget().client(abort=True).run()
    for up in (2, 3, 4):
        if recorded(world):
            assert world.selected("demo-canary") == world.hash("v2")
        world.pods_up["v1"] = up
        world.run()
    assert recorded(world) == 0
    assert world.selected("demo-canary") == world.status["stableRS"]
    assert world.switches("demo-canary") == 1


def test_c29_a_weight_that_is_held_back_completes_no_step(a_rollout: Build) -> None:
    steps = [weight(25), PAUSE, weight(75), PAUSE]
    world = a_rollout(steps, routed=True, replicas=4, dynamicStableScale=True).image("v2").run()
    world.client(**RESUME).run()
    world.pods_up["v1"] = 1
    world.forget().image("v3").run()
    assert "waiting for stable ReplicaSet to have 3 available replicas (has 1)" in notes(world)
    assert {share for share, _ in world.weights} == {75}
    assert "RolloutPaused" not in world.reasons()
    assert world.status["currentStepIndex"] == 0


# --- references and ping-pong ---


def test_c32_a_missing_object_is_told_before_a_wrong_one(a_rollout: Build) -> None:
    path = "spec.strategy.canary.trafficRouting.mesh.ingress"
    missing = Problem(path, 'ingress.networking.k8s.io "web" not found', '"web"', missing=True)
    world = a_rollout([weight(25)], routed=True, problems=(missing,), deployed=False)
    service = world.services["demo-stable"]
    assert service is not None
    world.services["demo-stable"] = type(service)("demo-stable", {"team": "other"}, "", "1")
    world.run()
    assert "not found" in world.text("InvalidSpec")
    world.routers = (RouterView("mesh", "Mesh", ALL),)
    world.run()
    assert 'Service "demo-stable" has unmatch label "team" in rollout' in world.text("InvalidSpec")


def test_c33_with_ping_pong_the_weight_goes_before_the_service_moves(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, services=False, pingPong=PAIR).image("v2").run().forget()
    canary = next(name for name in PAIR.values() if world.selected(name) == world.hash("v2"))
    world.pods_up["v3"] = 0
    world.image("v3")
    while len(world.sets) < 3:
        world.step()
    order: list[str] = []
    while world.selected(canary) != world.hash("v3"):
        world.calls.clear()
        world.step()
        order += _order(world.calls, canary)
    assert order.index("weight 0") < order.index("service")


def _order(calls: Iterable[Any], service: str) -> list[str]:
    found = []
    for call in calls:
        if isinstance(call, SetWeights):
            found.append(f"weight {call.weights.canary}")
        elif isinstance(call, PointService) and call.service == service:
            found.append("service")
    return found


# --- subsets without Services ---


def subsets(a_rollout: Build, *steps: dict[str, Any]) -> World:
    return a_rollout(list(steps), routed=True, services=False, deployed=False)


def with_no_services(world: World) -> World:
    world.routers = (RouterView("mesh", "Mesh", ALL),)
    return world.run().forget()


def test_i13_a_hash_waits_for_a_complete_stable_without_error_or_back_off(a_rollout: Build) -> None:
    world = with_no_services(subsets(a_rollout, weight(10), PAUSE))
    stable = world.of("v1")["metadata"]["name"]
    world.pods_up["v1"] = 9
    world.image("v2").run()
    assert asked(world, UpdateHash, SetWeights) == []
    assert f"delaying destination rule switch: ReplicaSet {stable} not fully available" in notes(world)
    assert world.plan is not None
    assert world.plan.expected.error == ""
    assert "TrafficRoutingError" not in world.reasons()
    del world.pods_up["v1"]
    world.run()
    assert recorded(world) == 10


def test_i13_a_dead_canary_waits_for_no_complete_stable(a_rollout: Build) -> None:
    world = with_no_services(subsets(a_rollout, weight(50), PAUSE)).image("v2").run()
    world.pods_up |= {"v1": 9, "v2": 0, "v3": 0}
    world.cluster()
    world.forget().image("v3").run()
    assert recorded(world) == 0


def test_i14_labels_that_are_right_wait_for_nobody(a_rollout: Build) -> None:
    world = with_no_services(subsets(a_rollout, weight(10), PAUSE)).image("v2").run()
    world.pods_up["v1"] = 9
    world.cluster()
    world.forget().step()
    assert [type(call) for call in asked(world, UpdateHash, SetWeights)] == [UpdateHash, SetWeights]


def test_i44_after_the_promotion_labels_and_weight_0_come_with_the_next_pass(a_rollout: Build) -> None:
    world = with_no_services(subsets(a_rollout, weight(10))).image("v2")
    while world.status["stableRS"] != world.hash("v2") if len(world.sets) > 1 else True:
        world.step()
    world.forget().step()
    moved, shared = asked(world, UpdateHash, SetWeights)
    assert isinstance(moved, UpdateHash)
    assert isinstance(shared, SetWeights)
    assert (moved.hashes.canary, moved.hashes.stable) == (world.hash("v2"), world.hash("v2"))
    assert (shared.weights.canary, recorded(world)) == (0, 0)


def test_with_services_the_hash_does_not_wait(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True)
    world.pods_up["v1"] = 9
    world.cluster()
    world.forget().image("v2").run()
    assert "delaying destination rule switch" not in notes(world)


def test_after_an_abort_the_canary_subset_gets_stables_label_once_its_share_is_gone(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run().forget()
    world.client(abort=True).step()
    (first,) = asked(world, UpdateHash)
    assert isinstance(first, UpdateHash)
    assert first.hashes.canary == world.hash("v2")
    world.run()
    last = asked(world, UpdateHash)[-1]
    assert isinstance(last, UpdateHash)
    assert last.hashes.canary == last.hashes.stable == world.hash("v1")
    assert world.status["canary"]["weights"]["canary"]["podTemplateHash"] == world.hash("v2")


def test_after_an_abort_with_a_dynamic_stable_the_label_stays_while_there_is_a_share(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, dynamicStableScale=True).image("v2").run()
    world.pods_up["v1"] = 5
    world.forget().client(abort=True).run()
    assert recorded(world) > 0
    labels = {call.hashes.canary for call in asked(world, UpdateHash) if isinstance(call, UpdateHash)}
    assert labels == {world.hash("v2")}


def test_x21_experiment_weights_beside_a_canary_weight_never_exceed_the_total(a_rollout: Build) -> None:
    templates = [{"name": "next", "specRef": "canary", "weight": 50}]
    world = a_rollout([weight(60), {"experiment": {"templates": templates}}], routed=True, deployed=False).run()
    assert world.condition("InvalidSpec") == ("True", "InvalidSpec")
    assert asked(world, SetWeights) == []


def test_x28_a_destination_without_a_service_never_adds_up(a_rollout: Build) -> None:
    templates = [{"name": "next", "specRef": "canary", "weight": 5}]
    world = a_rollout([{"experiment": {"templates": templates}}], routed=True)
    world.verdicts["Experiment"], world.destinations = "Running", (Destination("", 5, "eee"),)
    world.image("v2").run().forget()
    for _ in range(10):
        world.step()
    assert world.writes == 0
