"""Scenarios E1 to E20 of the behavioural specification: what people, autoscalers and other controllers do, and the wire.

E10 (an edited selector) is refused by the API server, E16's Services and E17 are the runtime's; they are tested there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.api import names
from tidegate.api.wire import write_time
from tidegate.machine.actions import EvictPod
from tidegate.machine.observed import Problem
from tidegate.machine.plan import Outcome

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}
TEMPLATES: list[dict[str, Any]] = [{"name": "base", "specRef": "stable"}]
MARKS: dict[str, Any] = {"labels": {"role": "live"}}
APART: dict[str, Any] = {"requiredDuringSchedulingIgnoredDuringExecution": {}}
FOUR: dict[str, Any] = {"replicas": 4, "maxUnavailable": "75%"}


def restarted(world: World, at: float = 0) -> World:
    """A person asks for a restart, `at` seconds from now; the pods are a minute older than now."""
    world.now += timedelta(seconds=60)
    world.forget().edit(restartAt=write_time(world.now + timedelta(seconds=at)))
    world.now += timedelta(seconds=1)
    return world


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_e1_a_finished_rollout_ignores_an_abort(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20)]) if strategy == "canary" else a_blue_green()
    before = world.seen().replica_sets
    world.client(abort=True).run()
    assert "abort" not in world.status
    assert "abortedAt" not in world.status
    assert world.phase == ("Healthy", "")
    assert world.seen().replica_sets == before
    assert not world.events


def test_e2_an_index_at_the_end_promotes_once_the_pods_are_there(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up["v2"] = 6
    world.client(currentStepIndex=4).run()
    assert world.status["stableRS"] == world.hash("v1")
    assert world.spec_size("v2") == 10
    assert world.phase == ("Paused", "CanaryPauseStep"), "the pause stays until the promotion drops it"
    world.pods_up["v2"] = 10
    world.run()
    assert world.phase == ("Healthy", "")
    assert world.status["stableRS"] == world.hash("v2")
    assert max(weight for weight, _ in world.weights) == 100


def test_e3_a_restart_keeps_to_max_unavailable_and_ends_with_the_last_old_pod(a_rollout: Build) -> None:
    world = restarted(a_rollout([], **FOUR))
    old = {pod.name for pod in world.pods_in("v1")}
    world.step()
    assert world.evictions() == 3
    assert world.phase == ("Progressing", "rollout is restarting")
    world.run()
    assert world.evictions() == 4
    assert not old & {pod.name for pod in world.pods_in("v1")}
    assert world.status["restartedAt"] == world.rollout["spec"]["restartAt"]
    assert world.phase == ("Healthy", "")
    assert not world.events, "a restart sends no event"


def test_e3_the_next_pods_go_as_soon_as_the_last_are_available(a_rollout: Build) -> None:
    world = restarted(a_rollout([], replicas=4, maxUnavailable=1))
    for evicted in (1, 1, 2, 2, 3):
        world.pods_up["v1"] = 3 if world.evictions() == evicted else 4
        world.step()
        assert world.evictions() == evicted
    world.pods_up["v1"] = 4
    assert world.run().evictions() == 4


def test_e4_a_budget_that_refuses_is_asked_again(a_rollout: Build) -> None:
    world = restarted(a_rollout([], **FOUR))
    world.refuse = lambda action: Outcome(action) if isinstance(action, EvictPod) else None
    world.step()
    world.step()
    assert world.phase == ("Progressing", "rollout is restarting")
    assert "restartedAt" not in world.status
    assert world.wait is not None
    assert world.wait <= 30
    world.refuse = lambda _: None
    assert world.after(30).phase == ("Healthy", "")
    assert world.status["restartedAt"] == world.rollout["spec"]["restartAt"]


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_e5_a_new_template_ends_a_pending_restart(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20)]) if strategy == "canary" else a_blue_green()
    restarted(world, at=9000).run()
    assert world.phase == ("Progressing", "rollout is restarting")
    world.image("v2").run()
    assert world.status["stableRS"] == world.hash("v2")
    assert world.status["restartedAt"] == world.rollout["spec"]["restartAt"]
    assert world.phase == ("Healthy", "")
    assert world.after(9001).evictions() == 0


def test_e8_a_reference_that_appears_is_noticed_and_healthy_is_false_meanwhile(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True)
    router = world.routers[0]
    missing = Problem("spec.strategy.canary.trafficRouting.mesh.route", 'route "web" not found', '"web"', missing=True)
    world.routers = (replace(router, problems=(missing,)),)
    world.edit(revisionHistoryLimit=5).run()
    assert world.phase == (
        "Degraded",
        'InvalidSpec: The Rollout "demo" is invalid: '
        'spec.strategy.canary.trafficRouting.mesh.route: Invalid value: "web": route "web" not found',
    )
    assert world.condition("Healthy") == ("False", "RolloutHealthy")
    assert not world.events
    world.routers = (router,)
    world.run()
    assert world.condition("InvalidSpec") is None
    assert world.condition("Healthy") == ("True", "RolloutHealthy")
    assert world.phase == ("Healthy", "")


def test_e9_another_problem_replaces_the_message_and_adds_no_second_condition(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE])
    for value in (120, 130):
        world.rollout["spec"]["strategy"]["canary"]["steps"][0] = weight(value)
        world.edited().run()
    found = [c["message"] for c in world.status["conditions"] if c["type"] == "InvalidSpec"]
    assert found == [
        'The Rollout "demo" is invalid: spec.strategy.steps[0].setWeight: Invalid value: 130: '
        "SetWeight needs to be between 0 and 100"
    ]
    assert world.wait == 20


def test_e11_a_generation_is_observed_by_the_pass_that_has_looked_at_it(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2")
    assert world.status["observedGeneration"] == "1"
    world.step()
    assert world.status["observedGeneration"] == "2"


def test_e12_cleared_pauses_resume_in_the_next_pass(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE]).image("v2").run().client(**RESUME)
    assert world.status["controllerPause"] is True
    world.step()
    assert world.status["currentStepIndex"] == 2


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_e12_a_resume_under_a_persons_pause_counts_once_that_ends(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().edit(paused=True).run().client(**RESUME).run()
    assert world.phase == ("Paused", "manually paused")
    assert world.edit(paused=False).run().phase == ("Healthy", "")


def test_e13_an_autoscaler_sees_the_active_version_of_a_blue_green(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run()
    assert world.status["HPAReplicas"] == 3
    assert world.status["selector"] == f"app=demo,{names.POD_HASH}={world.hash('v1')}"
    world.client(**RESUME).run()
    assert world.status["selector"] == f"app=demo,{names.POD_HASH}={world.hash('v2')}"


def test_e13_before_the_first_switch_an_autoscaler_sees_every_pod(a_blue_green: Build) -> None:
    world = a_blue_green(deployed=False)
    world.pods_up["v1"] = 2
    world.run()
    assert (world.status["HPAReplicas"], world.status["selector"]) == (3, "app=demo")


def test_e14_an_autoscaler_sees_every_pod_of_a_canary(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run()
    assert (world.status["HPAReplicas"], world.status["selector"]) == (12, "app=demo")


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
def test_e15_size_and_template_together_never_exceed_the_new_weight(a_rollout: Build, routed: bool) -> None:
    world = a_rollout([weight(10), PAUSE], replicas=4, routed=routed)
    world.edit(replicas=8).image("v2")
    world.step()
    assert (world.spec_size("v2"), world.spec_size("v1")) == (0, 4), "the template first"
    world.run()
    assert max(new for new, _ in world.history) == 1
    assert world.pair() == (1, 8)
    assert world.reasons().index("RolloutNotCompleted") < world.reasons().index("ScalingReplicaSet")


def test_e15_size_and_template_together_of_a_blue_green(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).edit(replicas=5).image("v2")
    world.step()
    assert (world.spec_size("v2"), world.spec_size("v1")) == (0, 3)
    assert world.run().pair() == (5, 5)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_e16_a_rollout_that_is_being_deleted_is_left_alone(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green()
    world.rollout["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.image("v2").run()
    assert world.writes == 0
    assert len(world.sets) == 1
