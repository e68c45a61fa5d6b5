"""Canary behind a router: promotion, former versions, Services. Ids are those of the specification's scenarios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.machine.actions import PointService
from tidegate.machine.observed import ServiceView
from tidegate.machine.routing import RemoveManagedRoutes, RouterAction, SetWeights, UpdateHash

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}
PAIR = {"pingService": "demo-ping", "pongService": "demo-pong"}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def test_b8_the_promotion_is_followed_by_service_weight_and_delay(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True).image("v2")
    while world.status["stableRS"] != world.status["currentPodHash"] or len(world.sets) < 2:
        world.step()
    assert world.phase == ("Healthy", "")
    assert world.condition("Healthy") == ("False", "RolloutHealthy")
    assert (world.weights[-1][0], world.selected("demo-stable")) == (100, world.hash("v1"))
    assert world.events[-1].message.endswith(": Completed all 1 canary steps")
    world.forget().step()
    assert world.selected("demo-stable") == world.hash("v2")
    assert world.weights[-1][0] == 0
    world.run()
    assert (world.spec_size("v1"), world.deadline("v1")) == (10, "2026-01-01T00:00:30Z")
    assert world.phase == ("Healthy", "")
    assert world.condition("Healthy") == ("False", "RolloutHealthy")


def test_b9_the_old_version_goes_when_its_delay_is_over(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True).image("v2").run()
    assert (world.wake_at - world.now).total_seconds() == 30
    world.after(29.9)
    assert world.spec_size("v1") == 10
    world.after(0.2)
    assert (world.spec_size("v1"), world.deadline("v1")) == (0, None)
    assert world.condition("Healthy") == ("True", "RolloutHealthy")


def test_b10_only_so_many_old_versions_may_linger(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True, scaleDownDelayRevisionLimit=1).image("v2").run()
    assert [world.spec_size(tag) for tag in ("v1", "v2")] == [10, 10]
    world.image("v3").run()
    assert [world.spec_size(tag) for tag in ("v1", "v2", "v3")] == [0, 10, 10]
    assert (world.deadline("v1"), world.deadline("v2")) == (None, "2026-01-01T00:00:30Z")


def test_b10_without_a_limit_all_of_them_linger(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True).image("v2").run().image("v3").run()
    assert [world.spec_size(tag) for tag in ("v1", "v2", "v3")] == [10, 10, 10]


def test_b11_a_third_revision_resets_the_weight_before_the_hashes(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.image("bad-v3").step()
    world.forget().step()
    calls: list[Any] = [call for call in world.calls if isinstance(call, SetWeights | UpdateHash)]
    assert [type(call) for call in calls] == [SetWeights, UpdateHash, SetWeights]
    assert (calls[0].weights.canary, calls[2].weights.canary) == (0, 0)
    assert (calls[1].hashes.canary, calls[1].hashes.stable) == (world.hash("bad-v3"), world.hash("v1"))
    assert world.status["canary"]["weights"]["canary"]["weight"] == 0


def test_b11_the_second_version_goes_once_nothing_refers_to_it(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up["v3"] = 0
    world.image("v3").run()
    assert (world.spec_size("v2"), world.selected("demo-canary")) == (5, world.hash("v2"))
    world.pods_up["v3"] = 1
    world.run()
    assert (world.spec_size("v2"), world.selected("demo-canary")) == (0, world.hash("v3"))


def test_b12_weights_stay_where_stable_cannot_take_them(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 3
    before = dict(world.status["canary"]["weights"])
    world.forget().image("bad-v3").run()
    assert {type(call) for call in world.calls if isinstance(call, RouterAction)} == {RemoveManagedRoutes}
    assert world.status["canary"]["weights"] == before
    assert "waiting for stable ReplicaSet to have 10 available replicas (has 3)" in world.plan.notes


def test_b22_an_adopted_service_waits_for_every_pod(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True)
    world.services["demo-canary"] = ServiceView("demo-canary", {"app": "demo"}, "", "1")
    world.pods_up["v2"] = 1
    world.image("v2").run()
    assert (world.selected("demo-canary"), world.services["demo-canary"].managed_by) == ("", "")
    world.pods_up["v2"] = 2
    world.run()
    assert world.selected("demo-canary") == world.status["currentPodHash"]
    assert world.services["demo-canary"].managed_by == "demo"


def test_b22_a_managed_service_needs_one_available_pod(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True)
    world.pods_up["v2"] = 0
    world.image("v2").run()
    assert (world.pair(), world.selected("demo-canary")) == ((2, 10), world.status["stableRS"])
    world.pods_up["v2"] = 1
    assert world.run().selected("demo-canary") == world.status["currentPodHash"]


def test_b23_ping_serves_the_first_version_from_its_first_pass(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, services=False, deployed=False, pingPong=PAIR)
    world.pods_up["v1"] = 0
    world.step()
    world.step()
    assert world.selected("demo-ping") == world.hash("v1")
    del world.pods_up["v1"]
    world.run()
    assert world.status["canary"]["stablePingPong"] == "ping"
    assert (world.selected("demo-ping"), world.selected("demo-pong")) == (world.hash("v1"), "")
    assert world.phase == ("Healthy", "")


def test_b23_the_services_change_roles_and_nothing_switches_at_the_promotion(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, services=False, pingPong=PAIR).image("v2").run()
    assert (world.selected("demo-ping"), world.selected("demo-pong")) == (world.hash("v1"), world.hash("v2"))
    weights = world.status["canary"]["weights"]
    assert weights["canary"]["weight"] == 50
    assert "serviceName" not in weights["canary"]
    world.forget().client(**RESUME).run()
    assert world.status["canary"]["stablePingPong"] == "pong"
    assert world.weights[-1][0] == 0
    assert not [call for call in world.calls if isinstance(call, PointService)]
    assert (world.selected("demo-ping"), world.selected("demo-pong")) == (world.hash("v1"), world.hash("v2"))
    world.image("v3").run()
    assert (world.selected("demo-ping"), world.selected("demo-pong")) == (world.hash("v3"), world.hash("v2"))


def test_b24_a_threshold_lets_step_and_promotion_go_on_with_fewer_pods(a_rollout: Build) -> None:
    threshold = {"type": "Percent", "value": 80}
    world = a_rollout([weight(100)], routed=True, replicaProgressThreshold=threshold, maxUnavailable=1)
    world.pods_up["v2"] = 7
    world.image("v2").run()
    assert (world.status["currentStepIndex"], world.spec_size("v2")) == (0, 10)
    world.pods_up["v2"] = 8
    world.run()
    assert world.status["currentStepIndex"] == 1
    assert world.status["stableRS"] == world.status["currentPodHash"]
    assert world.phase == ("Progressing", "updated replicas are still becoming available")
    world.after(31)
    assert world.spec_size("v1") == 1, "8 of the new and 1 of the old are R - U"
    assert world.phase == ("Progressing", "updated replicas are still becoming available")
    del world.pods_up["v2"]
    world.run()
    assert (world.spec_size("v1"), world.phase) == (0, ("Healthy", ""))
