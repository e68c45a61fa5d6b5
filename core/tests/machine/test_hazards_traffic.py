"""Hazards of the reference controller that concern traffic and Services. Numbers are those of the specification's table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.machine.actions import Action, PointService
from tidegate.machine.observed import ServiceView
from tidegate.machine.plan import Outcome

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}
PAIR = {"pingService": "demo-ping", "pongService": "demo-pong"}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def ping_pong(a_rollout: Build) -> Any:
    """Deployed at v1 (ping), with v2 (pong) at weight 50."""
    return a_rollout([weight(50), PAUSE], routed=True, services=False, pingPong=PAIR).image("v2").run()


def test_h01_a_service_that_carries_weight_moves_only_to_a_version_with_the_pods_for_it(a_rollout: Build) -> None:
    steps = [weight(25), PAUSE, weight(75), PAUSE]
    world = a_rollout(steps, routed=True, replicas=4, dynamicStableScale=True).image("v2").run().client(**RESUME).run()
    assert (world.weights[-1][0], world.pair()) == (75, (3, 1))
    world.pods_up |= {"v1": 1, "v3": 1}
    world.image("v3")
    for available in (1, 2, 3, 4):
        world.pods_up["v1"] = available
        for _ in range(40):
            moved = world.step()
            if world.selected("demo-canary") == world.status["currentPodHash"]:
                assert world.weights[-1][0] <= 25, "one pod of four"
            if not moved:
                break
    assert world.selected("demo-canary") == world.hash("v3")


def test_h02_the_canary_side_of_a_pair_moves_only_at_weight_0(a_rollout: Build) -> None:
    world = ping_pong(a_rollout)
    at: list[int] = []

    def watch(action: Action) -> Outcome | None:
        if isinstance(action, PointService) and action.service == "demo-pong":
            at.append(world.weights[-1][0])
        return None

    world.refuse = watch
    world.image("v3").run()
    assert at == [0]
    assert world.selected("demo-pong") == world.hash("v3")
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_h02_a_pair_keeps_its_weight_on_the_second_version_while_stable_cannot_take_it(a_rollout: Build) -> None:
    world = ping_pong(a_rollout)
    world.pods_up |= {"v1": 5, "v3": 0}
    world.image("v3").run()
    assert (world.selected("demo-pong"), world.weights[-1]) == (world.hash("v2"), (50, world.hash("v2")))
    assert world.spec_size("v2") == 5


def test_h05_a_scale_below_the_weight_raises_it_only_when_its_pods_are_there(a_rollout: Build) -> None:
    steps = [weight(10), PAUSE, {"setCanaryScale": {"replicas": 3}}, weight(50), PAUSE]
    world = a_rollout(steps, routed=True)
    world.image("v2").run()
    world.pods_up["v2"] = 2
    world.client(**RESUME).run()
    assert (world.weights[-1][0], world.pair()) == (10, (3, 10))
    world.pods_up["v2"] = 3
    world.run()
    assert (world.weights[-1][0], world.pair()) == (50, (3, 10))


def test_h09_the_abort_delay_begins_once_weight_0_is_in_force(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True)
    world.verdict = True
    world.image("v2").run()
    world.verdict = False
    world.client(abort=True).run().after(600)
    assert (world.pair(), world.deadline("v2")) == ((5, 10), None)
    world.verdict = True
    assert world.run().after(29).pair() == (5, 10)
    assert world.after(2).pair() == (0, 10)


def test_h10_a_superseded_version_keeps_its_pods_until_traffic_has_another_place(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    former = world.hash("v2")
    world.image("v3")
    for _ in range(40):
        weights = world.status["canary"]["weights"]["canary"]
        in_use = former in (weights["podTemplateHash"], world.selected("demo-canary"))
        moved = world.step()
        assert world.spec_size("v2") == 5 or not in_use
        if not moved:
            break
    assert world.spec_size("v2") == 0


@pytest.mark.parametrize(
    ("canary", "steps", "paused"),
    [
        ({}, [weight(50), PAUSE], False),
        ({"abortScaleDownDelaySeconds": 5}, [weight(50), PAUSE], False),
        ({"abortScaleDownDelaySeconds": 0}, [{"setCanaryScale": {"replicas": 1}}, PAUSE], False),
        ({"dynamicStableScale": True}, [weight(50), PAUSE], False),
        ({"dynamicStableScale": True, "abortScaleDownDelaySeconds": 5}, [weight(50), PAUSE], False),
        ({}, [weight(50), PAUSE], True),
    ],
    ids=[
        "default delay",
        "delay 5",
        "delay 0 and a scale step",
        "dynamic",
        "dynamic with a delay",
        "paused by a person",
    ],
)
def test_h11_an_abort_is_at_most_one_selector_write(
    a_rollout: Build, canary: dict[str, Any], steps: list[dict[str, Any]], paused: bool
) -> None:
    world = a_rollout(steps, routed=True, **canary).image("v2").run()
    if paused:
        world.edit(paused=True).run()
    world.forget().client(abort=True).run()
    for seconds in (1, 5, 30, 600):
        world.after(seconds)
    assert world.switches("demo-canary") == 1
    assert world.switches("demo-stable") == 0
    assert world.selected("demo-canary") == world.status["stableRS"]


def test_h12_large_totals_are_exact(a_rollout: Build) -> None:
    total = 2_000_000_000
    steps = [weight(total // 2 + 1), PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting={"maxTrafficWeight": total}).image("v2").run()
    assert world.pair() == (6, 10)
    assert world.status["canary"]["weights"]["stable"]["weight"] == total // 2 - 1


@pytest.mark.parametrize("replicas", [0, 1, 2, 9])
def test_h13_full_promotion_with_a_dynamic_stable_stays_within_the_total(a_rollout: Build, replicas: int) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, replicas=4, dynamicStableScale=True).image("v2").run()
    world.forget().edit(replicas=replicas).client(promoteFull=True).run()
    assert all(0 <= share <= 100 for share, _ in world.weights)
    assert world.phase == ("Healthy", "")
    assert (world.spec_size("v2"), world.weights[-1][0]) == (replicas, 0)


def test_h14_skipped_steps_send_everything_only_to_all_of_the_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up["v2"] = 2
    world.forget().client(pauseConditions=None, currentStepIndex=4).run()
    assert (world.weights[-1][0], world.pair()) == (20, (10, 10))
    del world.pods_up["v2"]
    world.run()
    assert [share for share, _ in world.weights] == [20, 100, 0]
    assert world.phase == ("Healthy", "")


def test_h14_a_rollback_within_the_window_sends_nothing_to_one_pod(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], routed=True, spec={"rollbackWindow": {"revisions": 1}}).image("v2").run()
    world.after(31)
    world.pods_up["v1"] = 1
    world.forget().image("v1").run()
    assert {share for share, _ in world.weights} == {0}
    assert world.status["stableRS"] == world.hash("v2")
    del world.pods_up["v1"]
    assert world.run().phase == ("Healthy", "")


@pytest.mark.parametrize("lost", ["", "0000000000"], ids=["the hash key was removed", "a foreign hash"])
def test_h15_the_stable_side_of_a_pair_is_repaired(a_rollout: Build, lost: str) -> None:
    world = ping_pong(a_rollout)
    selector = {"app": "demo", **({"rollouts-pod-template-hash": lost} if lost else {})}
    world.services["demo-ping"] = ServiceView("demo-ping", selector, "demo", "2")
    world.run()
    assert world.selected("demo-ping") == world.hash("v1")
    assert world.selected("demo-pong") == world.hash("v2")


def test_h16_a_minimum_of_pods_does_not_hold_the_way_back(a_rollout: Build) -> None:
    steps = [weight(10), PAUSE]
    world = a_rollout(steps, routed=True, dynamicStableScale=True, minPodsPerReplicaSet=2).image("v2").run()
    assert (world.pair(), world.weights[-1][0]) == ((2, 9), 10)
    world.client(abort=True).run()
    assert (world.pair(), world.weights[-1][0]) == ((0, 10), 0)
    assert world.selected("demo-canary") == world.hash("v1")


def test_h28_the_stable_service_of_a_basic_canary_never_selects_nobody(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], replicas=4, services=True, maxSurge=0, maxUnavailable=2).image("v2").run()
    world.pods_up["v2"] = 2
    world.client(**RESUME)
    for available in (2, 3, 4):
        world.pods_up["v2"] = available
        for _ in range(40):
            moved = world.step()
            serving = world.by_hash(world.selected("demo-stable"))
            assert serving["status"]["available"] >= 1
            if not moved:
                break
    assert world.phase == ("Healthy", "")
    assert world.selected("demo-stable") == world.hash("v2")


def test_h28_without_a_new_pod_the_last_stable_one_stays(a_rollout: Build) -> None:
    world = a_rollout([], replicas=2, services=True, maxSurge=0, maxUnavailable=2)
    world.pods_up["v2"] = 0
    world.image("v2").run()
    assert (world.spec_size("v1"), world.selected("demo-stable")) == (1, world.hash("v1"))
    world.pods_up["v2"] = 1
    world.run()
    assert (world.spec_size("v1"), world.selected("demo-stable")) == (0, world.hash("v2"))


def test_h28_a_single_replica_without_surge_accepts_the_gap(a_rollout: Build) -> None:
    world = a_rollout([], replicas=1, services=True, maxSurge=0, maxUnavailable=1).image("v2").run()
    assert world.phase == ("Healthy", "")
    assert [world.spec_size(tag) for tag in ("v1", "v2")] == [0, 1]


def test_h46_former_versions_never_go_below_the_floor(a_rollout: Build) -> None:
    threshold = {"type": "Percent", "value": 50}
    world = a_rollout([weight(100)], routed=True, replicas=4, maxUnavailable=1, replicaProgressThreshold=threshold)
    world.pods_up["v2"] = 2
    world.image("v2").run().after(31)
    assert world.status["stableRS"] == world.hash("v2")
    assert world.spec_size("v1") == 1, "2 of the new and 1 of the old are R - U"


def test_h49_a_step_does_not_complete_while_stable_holds_the_weight_back(a_rollout: Build) -> None:
    world = a_rollout([weight(80), PAUSE, weight(20), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 3
    world.client(**RESUME).run()
    assert (world.weights[-1][0], world.status["currentStepIndex"]) == (80, 2)
    del world.pods_up["v1"]
    world.run()
    assert (world.weights[-1][0], world.status["currentStepIndex"]) == (20, 3)


def test_h49_a_third_version_does_not_pause_behind_the_weight_of_the_second(a_rollout: Build) -> None:
    steps = [weight(25), PAUSE, weight(75), PAUSE]
    world = a_rollout(steps, routed=True, replicas=4, dynamicStableScale=True).image("v2").run().client(**RESUME).run()
    world.pods_up["v1"] = 1
    world.image("v3").run()
    assert world.weights[-1] == (75, world.hash("v2"))
    assert (world.status["currentStepIndex"], world.phase[0]) == (0, "Progressing")
