"""Abort, retry, promote, pause, and changes while an update runs (specification 5.2 to 5.5, 5.7, 5.9; hazard 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from machine_world import PAUSE, World, pause, weight
from tidegate.api import names
from tidegate.machine.routing import RemoveManagedRoutes

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}
STEPS = [weight(20), PAUSE, weight(50), PAUSE]
DEADLINE: dict[str, Any] = {"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}


def paused(build: Build, *steps: dict[str, Any], **more: Any) -> World:
    """A canary whose update stands at its first pause."""
    return build(list(steps) or STEPS, **more).image("v2").run().forget()


# --- 5.2 abort ---


def test_an_abort_within_the_rollback_window_is_cleared(a_rollout: Build) -> None:
    world = a_rollout(STEPS, spec={"rollbackWindow": {"revisions": 1}}).image("v2").run().client(promoteFull=True).run()
    world.image("v1")
    world.step()
    world.client(abort=True).run()
    assert "abort" not in world.status
    assert world.phase == ("Healthy", "")


def test_the_status_of_an_abort(a_rollout: Build) -> None:
    world = paused(a_rollout).after(10).client(abort=True)
    world.step()
    assert world.status["abort"] is True
    assert world.status["abortedAt"] == "2026-01-01T00:00:10Z"
    assert "pauseConditions" not in world.status
    assert "controllerPause" not in world.status
    assert world.status["currentStepIndex"] == 0
    assert world.condition("Paused") == ("False", "RolloutPaused")
    assert world.after(60).status["abortedAt"] == "2026-01-01T00:00:10Z"


def test_a_routed_abort_goes_back_in_order_and_writes_the_service_once(a_rollout: Build) -> None:
    world = paused(a_rollout, routed=True).client(abort=True)
    world.step()
    kinds = [type(call).__name__ for call in world.calls]
    wanted = ["PointService", "RemoveManagedRoutes", "UpdateHash", "SetWeights"]
    assert [kind for kind in kinds if kind in wanted] == wanted
    assert any(isinstance(call, RemoveManagedRoutes) and not call.keep for call in world.calls)
    world.run().after(29)
    assert (world.spec_size("v2"), world.switches("demo-canary")) == (2, 1)
    world.after(5)
    assert (world.spec_size("v2"), world.switches("demo-canary")) == (0, 1)


def test_an_abort_before_the_switch_leaves_preview_on_the_new_version(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run().client(abort=True).run()
    assert world.selected("demo-preview") == world.hash("v2")
    assert world.selected("demo-active") == world.hash("v1")
    assert world.spec_size("v2") == 3
    assert world.after(31).spec_size("v2") == 0


def test_an_abort_ends_with_the_stable_template(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout(STEPS), a_blue_green(**MANUAL)):
        world.image("v2").run().client(abort=True).run().image("v1").run()
        assert world.phase == ("Healthy", "")
        assert "abort" not in world.status
        assert "abortedAt" not in world.status


def test_an_abort_ends_with_a_new_template(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout(STEPS), a_blue_green(**MANUAL)):
        world.image("v2").run().client(abort=True).run().image("v3").run()
        assert world.phase[0] == "Paused"
        assert "abort" not in world.status


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_no_deadline_stays_on_a_version_whose_abort_has_ended(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout(STEPS, routed=True) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().client(abort=True).run()
    assert world.deadline("v2") is not None
    world.client(abort=False).run()
    assert world.deadline("v2") is None
    assert world.spec_size("v2") > 0


# --- 5.3 retry ---


def test_a_retry_of_a_blue_green_pauses_anew(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=20).image("v2").run().after(15).client(abort=True).run().after(31)
    assert world.spec_size("v2") == 0
    world.client(abort=False).run()
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.after(19).phase == ("Paused", "BlueGreenPause")
    assert world.after(2).phase == ("Healthy", "")


def test_a_retry_of_a_small_preview_starts_small(a_blue_green: Build) -> None:
    world = a_blue_green(previewReplicaCount=1, **MANUAL).image("v2").run().client(abort=True).run().after(31)
    world.client(abort=False).run()
    assert (world.spec_size("v2"), world.phase) == (1, ("Paused", "BlueGreenPause"))


def test_a_retry_restarts_the_clock_of_the_deadline(a_rollout: Build) -> None:
    world = a_rollout(STEPS, spec=DEADLINE).image("bad").run().after(12)
    assert world.phase[0] == "Degraded"
    world.client(abort=False).run()
    assert world.phase[0] == "Progressing"
    assert world.after(8).phase[0] == "Progressing"
    assert world.after(4).phase[0] == "Degraded"


# --- 5.4 promote ---


def test_a_full_promotion_of_a_basic_canary_keeps_the_floor(a_rollout: Build) -> None:
    world = paused(a_rollout, maxSurge=2, maxUnavailable=0).client(promoteFull=True)
    while world.step():
        assert 10 <= sum(world.history[-1]) <= 12
    assert world.phase == ("Healthy", "")


def test_a_full_promotion_behind_a_router_holds_the_weight_until_every_pod_is_there(a_rollout: Build) -> None:
    world = paused(a_rollout, routed=True)
    world.pods_up["v2"] = 9
    world.client(promoteFull=True).run()
    assert (world.weights[-1][0], world.spec_size("v2")) == (20, 10)
    assert world.status["promoteFull"] is True
    world.pods_up.clear()
    world.run()
    assert [share for share, _ in world.weights][-2:] == [20, 0], "never 100"
    assert world.phase == ("Healthy", "")


def test_a_full_promotion_ends_with_another_template(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout(STEPS), a_blue_green(**MANUAL)):
        world.pods_up["v2"] = 1
        world.image("v2").run().client(promoteFull=True).run().image("v3").run()
        assert world.phase[0] == "Paused"
        assert "promoteFull" not in world.status


# --- 5.5 pause by a person ---


def test_canary_sizes_stand_still_in_a_persons_pause_and_follow_in_the_controllers(a_rollout: Build) -> None:
    world = paused(a_rollout).edit(paused=True).run().edit(replicas=20).run()
    assert world.pair() == (2, 8)
    assert world.edit(paused=False).run().pair() == (4, 16)
    assert world.edit(replicas=10).run().pair() == (2, 8)


def test_services_and_weights_are_kept_right_in_a_persons_pause(a_rollout: Build) -> None:
    world = paused(a_rollout, routed=True).edit(paused=True).run().forget()
    view = world.services["demo-canary"]
    assert view is not None
    world.services["demo-canary"] = type(view)(view.name, {"app": "demo"}, "demo", "2")
    world.run()
    assert world.selected("demo-canary") == world.hash("v2")


# --- 5.7 a change while an update runs ---


def test_a_third_version_of_a_basic_canary_drains_the_second_first(a_rollout: Build) -> None:
    world = paused(a_rollout).image("v3")
    world.step()
    assert world.status["currentStepIndex"] == 0
    world.run()
    assert (world.size(1), world.size(2), world.size(3)) == (8, 0, 2)
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a_third_version_behind_a_router_keeps_the_second_until_it_has_a_pod(a_rollout: Build) -> None:
    world = paused(a_rollout, routed=True).image("bad-v3").run()
    assert world.weights[-1][0] == 0
    assert world.spec_size("v2") == 2, "the canary Service still selects it"
    assert world.selected("demo-canary") == world.hash("v2")
    world.image("v4").run()
    assert world.spec_size("v2") == 0
    assert world.selected("demo-canary") == world.hash("v4")


def test_a_superseded_version_without_pods_goes_at_once(a_rollout: Build) -> None:
    world = a_rollout(STEPS, routed=True).image("bad-v2").run().image("bad-v3").run()
    assert (world.spec_size("bad-v2"), world.spec_size("bad-v3")) == (0, 2)


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
def test_back_to_the_stable_template(a_rollout: Build, routed: bool) -> None:
    world = paused(a_rollout, routed=routed).image("v1").run()
    assert world.status["currentStepIndex"] == 4
    assert world.messages("SkipSteps") == ["Rollback to stable ReplicaSets"]
    assert "RolloutCompleted" not in world.reasons()
    assert world.of("v1")["metadata"]["annotations"][names.REVISION] == "3"
    assert world.phase == ("Healthy", "")


def test_an_older_version_outside_the_window_walks_every_step(a_rollout: Build) -> None:
    world = a_rollout(STEPS, spec={"rollbackWindow": {"revisions": 1}})
    for tag in ("v2", "v3"):
        world.image(tag).run().client(promoteFull=True).run()
    assert world.image("v1").run().phase == ("Paused", "CanaryPauseStep")
    assert world.image("v3").run().image("v2").run().phase == ("Healthy", "")


def test_steps_edited_in_mid_update_start_over_with_the_same_pods(a_rollout: Build) -> None:
    world = paused(a_rollout, weight(20), pause(600)).strategy(steps=[weight(20), pause(700)])
    world.step()
    assert world.status["currentStepIndex"] == 0
    world.run()
    assert (len(world.sets), world.phase) == (2, ("Paused", "CanaryPauseStep"))


def test_neither_labels_of_the_rollout_nor_other_options_start_anything_over(a_rollout: Build) -> None:
    world = paused(a_rollout, routed=True)
    world.rollout["metadata"]["labels"] = {"team": "blue"}
    world.rollout["metadata"]["annotations"]["note"] = "hello"
    world.run()
    world.strategy(scaleDownDelaySeconds=90, abortScaleDownDelaySeconds=7).run()
    assert (world.status["currentStepIndex"], len(world.sets)) == (1, 2)
    assert not world.events
    assert world.of("v2")["metadata"]["annotations"]["note"] == "hello"
    world.client(abort=True).run()
    assert world.deadline("v2") == "2026-01-01T00:00:07Z"


# --- 5.9 deadline ---


def test_a_deadline_abort_is_one_write_and_the_index_follows(a_rollout: Build) -> None:
    world = a_rollout([weight(20), weight(50), PAUSE], spec=DEADLINE).image("v2")
    world.pods_up["v2"] = 2
    world.run().forget()
    world.now += timedelta(seconds=12)
    world.step()
    assert (world.status["abort"], world.status["currentStepIndex"]) == (True, 1)
    world.run()
    assert world.status["currentStepIndex"] == 0
    assert world.reasons().count("RolloutAborted") == 1


def test_a_deadline_abort_of_a_blue_green(a_blue_green: Build) -> None:
    world = a_blue_green(spec=DEADLINE).image("bad").run().after(12)
    assert world.phase[0] == "Degraded"
    assert world.phase[1].endswith("has timed out progressing.")
    assert world.reasons().count("RolloutAborted") == 1
    assert world.selected("demo-active") == world.hash("v1")


def test_a_deadline_abort_that_is_asked_for_afterwards_acts_at_once(a_rollout: Build) -> None:
    world = a_rollout(STEPS, spec={"progressDeadlineSeconds": 10}).image("bad").run().after(12)
    assert "abort" not in world.status
    world.edit(progressDeadlineAbort=True).run()
    assert world.status["abort"] is True
    assert world.pair() == (0, 10)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_a_finished_rollout_never_aborts(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout(STEPS, spec=DEADLINE) if strategy == "canary" else a_blue_green(spec=DEADLINE)
    world.pods_up["v1"] = 0
    world.run().after(600)
    assert "abort" not in world.status
    assert world.phase[0] in ("Degraded", "Progressing")
