"""Blue-green updates that once went wrong: gates that were lost, pods that went too early, Services that moved too soon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.actions import EvictPod, PointService
from tidegate.machine.observed import ServiceView
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.rollout.decide import decide
from tidegate.machine.routing import CleanUpRouter

Build = Callable[..., World]
GATE = {"templates": [{"templateName": "check"}]}


def becoming_blue_green(build: Build, steps: list[dict[str, Any]], **more: Any) -> World:
    """A canary in the middle of its update whose strategy is then edited; its router has left the spec."""
    world = build(steps, **more)
    world.verdicts["Experiment"] = "Running"
    world.image("v2").run()
    world.services["demo-active"] = ServiceView("demo-active", {"app": "demo"}, "", "1")
    world.rollout["spec"]["strategy"] = {"blueGreen": {"activeService": "demo-active", "autoPromotionEnabled": False}}
    world.routers = ()
    return world.edited()


def test_retry_of_an_aborted_rollback_pauses_again(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionEnabled=False, scaleDownDelaySeconds=5)
    world.image("v2").run().client(**RESUME).run().after(60)
    world.image("v1").run().client(abort=True).run().client(abort=False).run()
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.selected("demo-active") == world.hash("v2")
    assert "Fast rollback" not in "".join(world.messages("RolloutCompleted"))


def test_retry_of_a_rollback_whose_analysis_failed_analyses_again(a_blue_green: Build) -> None:
    world = a_blue_green(prePromotionAnalysis=GATE, scaleDownDelaySeconds=5)
    world.image("v2").run().judge("PrePromotion", "Successful").run().after(60)
    world.image("v1").run().judge("PrePromotion", "Failed", "bad").run().client(abort=False).run()
    assert world.selected("demo-active") == world.hash("v2")
    world.judge("PrePromotion", "Successful").run()
    assert world.selected("demo-active") == world.hash("v1")


@pytest.mark.parametrize("preview", [None, 1])
def test_undo_within_the_delay_is_fast_though_a_pod_is_missing(a_blue_green: Build, preview: int | None) -> None:
    world = a_blue_green(autoPromotionEnabled=False, previewReplicaCount=preview)
    world.image("v2").run().client(**RESUME).run()
    world.pods_up["v1"] = 2
    world.run().image("v1").run()
    assert world.spec_size("v1") == 3
    del world.pods_up["v1"]
    world.run()
    assert world.selected("demo-active") == world.hash("v1")
    assert world.messages("RolloutCompleted")[-1].endswith("Fast rollback")


@pytest.mark.parametrize("preview", [None, 1])
def test_undo_within_the_delay_is_fast_though_the_size_changes(a_blue_green: Build, preview: int | None) -> None:
    world = a_blue_green(autoPromotionEnabled=False, previewReplicaCount=preview)
    world.image("v2").run().client(**RESUME).run()
    world.rollout["spec"]["replicas"] = 4
    world.image("v1").run()
    assert (world.spec_size("v1"), world.selected("demo-active")) == (4, world.hash("v1"))


def test_undo_after_the_switch_goes_back_with_the_first_pod_of_stable(a_blue_green: Build) -> None:
    world = a_blue_green(postPromotionAnalysis=GATE)
    world.image("v2").run()
    world.pods_up["v1"] = 1
    world.run().image("v1").run()
    assert world.selected("demo-active") == world.hash("v1")


def test_an_active_version_that_is_not_promoted_follows_the_size(a_blue_green: Build) -> None:
    world = a_blue_green(postPromotionAnalysis=GATE)
    world.image("v2").run().image("bad").run().edit(replicas=10).run()
    assert world.selected("demo-active") == world.hash("v2")
    assert world.spec_size("v2") == 10


def test_resume_of_an_inconclusive_run_after_the_switch_survives_a_missing_pod(a_blue_green: Build) -> None:
    world = a_blue_green(postPromotionAnalysis=GATE)
    world.image("v2").run().judge("PostPromotion", "Inconclusive").run()
    world.pods_up["v2"] = 2
    world.run().client(**RESUME).run()
    del world.pods_up["v2"]
    world.run().judge("PostPromotion", "Successful")
    assert world.run().phase == ("Healthy", "")


def test_experiments_end_when_a_canary_becomes_blue_green(a_rollout: Build) -> None:
    step = {"experiment": {"templates": [{"name": "a", "specRef": "canary"}]}}
    world = becoming_blue_green(a_rollout, [step, PAUSE], replicas=4)
    assert world.experiments
    world.run()
    assert all(experiment.ending for experiment in world.experiments.values())


def test_a_pass_that_is_pending_before_the_switch_promotes_nothing(a_rollout: Build) -> None:
    world = becoming_blue_green(a_rollout, [weight(50), PAUSE], routed=True, replicas=4)
    world.rollout["spec"]["strategy"]["blueGreen"]["autoPromotionEnabled"] = True
    whole = world.seen
    world.seen = lambda: replace(whole(), retired=("mesh",))  # type: ignore[method-assign]
    world.refuse = lambda a: Outcome(a, Result.PENDING, message="later") if isinstance(a, CleanUpRouter) else None
    for _ in range(10):
        world.step()
        assert world.status["stableRS"] != world.hash("v2") or world.selected("demo-active") == world.hash("v2")
    assert world.status["blueGreen"]["activeSelector"] == world.selected("demo-active") != ""


def test_a_switch_that_is_pending_promotes_nothing(a_blue_green: Build) -> None:
    world = a_blue_green()
    world.refuse = lambda a: (
        Outcome(a, Result.PENDING, message="later")
        if isinstance(a, PointService) and a.service == "demo-active"
        else None
    )
    world.image("v2")
    for _ in range(10):
        world.step()
    assert world.status["stableRS"] == world.hash("v1")


def test_a_router_is_cleaned_up_once_stable_is_complete(a_rollout: Build) -> None:
    steps = [weight(75), PAUSE]
    world = becoming_blue_green(a_rollout, steps, routed=True, replicas=4, dynamicStableScale=True)
    whole = world.seen
    world.seen = lambda: replace(whole(), retired=("mesh",))  # type: ignore[method-assign]
    world.pods_up["v1"] = 1
    for _ in range(4):
        world.step()
    assert not [call for call in world.calls if isinstance(call, CleanUpRouter)]
    del world.pods_up["v1"]
    for _ in range(4):
        world.step()
    assert [call for call in world.calls if isinstance(call, CleanUpRouter)]


def test_a_restart_counts_only_pods_that_stay(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=2, scaleDownDelaySeconds=300)
    world.image("v2").run().edit(restartAt="2026-01-01T00:00:10Z")
    world.of("v1")["spec"]["replicas"] = 0
    world.now += timedelta(seconds=20)
    assert sum(isinstance(action, EvictPod) for action in decide(world.seen()).actions) <= 1


def test_an_overdue_pause_with_pods_missing_wakes_nobody(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=30)
    world.image("v2").run()
    world.pods_up["v2"] = 1
    world.after(40)
    assert world.wait is None or world.wait > 1
