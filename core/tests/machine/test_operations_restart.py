"""`spec.restartAt` (specification 5.6, hazards 22, 38 and 39)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from machine_world import PAUSE, World, weight
from tidegate.api.wire import write_time
from tidegate.machine.actions import EvictPod
from tidegate.machine.plan import Outcome, Result

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}


def restart(world: World, ahead: float = 0) -> World:
    """A person asks for a restart `ahead` seconds from now; a second passes."""
    world.now += timedelta(seconds=60)
    world.forget().edit(restartAt=write_time(world.now + timedelta(seconds=ahead)))
    world.now += timedelta(seconds=1)
    return world


def evicted(world: World) -> list[str]:
    return [call.name for call in world.calls if isinstance(call, EvictPod)]


def made(build: Build, other: Build, strategy: str) -> World:
    return (
        build([weight(20)], replicas=4, maxUnavailable="50%")
        if strategy == "canary"
        else other(replicas=4, maxUnavailable="50%")
    )


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_only_as_many_go_at_once_as_may_be_unavailable(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = restart(made(a_rollout, a_blue_green, strategy))
    world.step()
    assert len(evicted(world)) == 2
    assert len(evicted(world.run())) == 4


@pytest.mark.parametrize("written", [0, "0%", "1%"])
def test_a_max_unavailable_of_nothing_still_restarts_one_at_a_time(a_blue_green: Build, written: int | str) -> None:
    world = restart(a_blue_green(maxUnavailable=written))
    world.step()
    assert len(evicted(world)) == 1
    assert world.run().status["restartedAt"] == world.rollout["spec"]["restartAt"]


def test_pods_that_are_missing_already_count_against_the_budget(a_rollout: Build) -> None:
    world = a_rollout([], replicas=4, maxUnavailable=2)
    world.pods_up["v1"] = 3
    restart(world.run()).step()
    assert len(evicted(world)) == 1
    world.pods_up["v1"] = 2
    world.run()
    assert len(evicted(world)) == 1
    assert world.phase == ("Progressing", "rollout is restarting")


def test_younger_pods_stay(a_rollout: Build) -> None:
    world = a_rollout([], replicas=2).after(120).edit(replicas=4).run()
    young = {pod.name for pod in world.pods_in("v1") if pod.created > world.now - timedelta(seconds=1)}
    assert len(young) == 2
    world.edit(restartAt=write_time(world.now - timedelta(seconds=60))).run()
    assert len(evicted(world)) == 2
    assert young <= {pod.name for pod in world.pods_in("v1")}
    assert world.phase == ("Healthy", "")


def test_a_restart_ahead_is_waited_for(a_rollout: Build) -> None:
    world = restart(a_rollout([], replicas=4), ahead=600)
    world.run()
    assert (evicted(world), world.wait) == ([], 599)
    assert world.phase == ("Progressing", "rollout is restarting")
    assert world.after(600).phase == ("Healthy", "")
    assert len(evicted(world)) == 4


def test_a_restart_ahead_is_waited_for_without_a_pod_too(a_rollout: Build) -> None:
    world = restart(a_rollout([], replicas=0), ahead=600).run()
    assert "restartedAt" not in world.status
    assert world.after(600).phase == ("Healthy", "")
    assert "restartedAt" in world.status


def test_a_restart_that_is_taken_back_ends_the_message(a_rollout: Build) -> None:
    world = restart(a_rollout([], replicas=4), ahead=600).run().edit(restartAt=None).run()
    assert world.phase == ("Healthy", "")


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_h39_it_is_over_when_the_last_old_pod_has_ended(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = made(a_rollout, a_blue_green, strategy)
    world.lingering = True
    restart(world).run()
    assert len(evicted(world)) == 4, "each terminating pod is asked for once"
    assert world.phase == ("Progressing", "rollout is restarting")
    assert "restartedAt" not in world.status
    world.gone()
    world.run()
    assert world.status["restartedAt"] == world.rollout["spec"]["restartAt"]
    assert world.phases == [("Progressing", "rollout is restarting"), ("Healthy", "")]


def test_h22_stable_pods_go_first_then_the_new_ones_then_older_versions(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], replicas=2, routed=True, maxUnavailable=1).image("v2").run()
    stable = {pod.name for pod in world.pods_in("v1")}
    new = {pod.name for pod in world.pods_in("v2")}
    restart(world).run()
    order = evicted(world)
    assert set(order[:2]) == stable
    assert set(order[2:]) == new


def test_h22_older_versions_go_last(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=1, scaleDownDelaySeconds=3600).image("v2").run().image("v3").run()
    wanted = [pod.name for tag in ("v3", "v1", "v2") for pod in world.pods_in(tag)]
    restart(world).run()
    assert evicted(world) == wanted


def test_h38_a_new_template_cancels_a_pending_restart(a_blue_green: Build) -> None:
    world = restart(a_blue_green(), ahead=600).run().image("v2")
    world.step()
    assert world.status["restartedAt"] == world.rollout["spec"]["restartAt"]
    world.run()
    assert world.phase == ("Healthy", "")
    assert not evicted(world.after(700))


def test_an_error_of_the_eviction_ends_the_pass_without_a_status(a_rollout: Build) -> None:
    world = restart(a_rollout([], replicas=4))
    world.refuse = lambda a: Outcome(a, Result.FAILED, message="500") if isinstance(a, EvictPod) else None
    before = dict(world.status)
    world.step()
    assert world.status == before
    world.refuse = lambda _: None
    assert world.run().phase == ("Healthy", "")


def test_an_update_in_a_pause_is_restarted_in_both_versions(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run()
    restart(world).run()
    assert len(evicted(world)) == 6
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.status["restartedAt"] == world.rollout["spec"]["restartAt"]
