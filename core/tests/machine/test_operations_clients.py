"""What clients write (specification 5.1), every row, and what contradicts itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, pause, weight
from tidegate.api import names

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}
STEPS = [weight(20), PAUSE, weight(50), PAUSE]


def paused(build: Build, *steps: dict[str, Any], **more: Any) -> World:
    """A canary whose update stands at its first pause."""
    return build(list(steps) or STEPS, **more).image("v2").run().forget()


def test_abort_and_retry(a_rollout: Build) -> None:
    world = paused(a_rollout).client(abort=True).run()
    assert world.status.get("abort") is True
    assert world.phase[0] == "Degraded"
    assert (world.status["currentStepIndex"], world.pair()) == (0, (0, 10))
    world.client(abort=False).run()
    assert (world.status["currentStepIndex"], world.phase) == (1, ("Paused", "CanaryPauseStep"))
    assert world.status.get("abort") is False, "a zero that a client wrote stays stored"
    assert "abortedAt" not in world.status


def test_argo_cd_retries_by_taking_the_field_away(a_rollout: Build) -> None:
    world = paused(a_rollout).client(abort=True).run().client(abort=None).run()
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_pause(a_rollout: Build) -> None:
    world = paused(a_rollout).edit(paused=True).run()
    assert world.phase == ("Paused", "manually paused")
    assert world.edit(paused=False).run().phase == ("Paused", "CanaryPauseStep")


@pytest.mark.parametrize("order", ["status first", "spec first"])
def test_promote_of_a_rollout_that_is_paused_both_ways(a_rollout: Build, order: str) -> None:
    world = paused(a_rollout).edit(paused=True).run()
    writes: list[Callable[[], Any]] = [lambda: world.client(**RESUME), lambda: world.edit(paused=False)]
    for write in writes if order == "status first" else reversed(writes):
        write()
        world.run()
    assert world.status["currentStepIndex"] == 3


def test_promote_b_clears_the_pauses(a_rollout: Build) -> None:
    assert paused(a_rollout).client(**RESUME).run().status["currentStepIndex"] == 3


def test_promote_c_of_a_canary_without_a_pause_skips_its_step(a_rollout: Build) -> None:
    world = a_rollout(STEPS, routed=True).image("v2")
    world.pods_up["v2"] = 1
    world.run()
    assert world.status["currentStepIndex"] == 0
    world.client(pauseConditions=None, currentStepIndex=1).run()
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_promote_c_behind_the_last_step_changes_nothing(a_rollout: Build) -> None:
    world = a_rollout(STEPS)
    assert world.client(pauseConditions=None, currentStepIndex=4).run().writes == 0


def test_promote_of_a_blue_green_pause(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run().client(**RESUME).run()
    assert world.phase == ("Healthy", "")


@pytest.mark.parametrize("strategy", ["canary", "routed", "blue-green"])
def test_promote_full_skips_everything_and_ends_with_the_promotion(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_blue_green(**MANUAL) if strategy == "blue-green" else a_rollout(STEPS, routed=strategy == "routed")
    world.image("v2").run().client(promoteFull=True).run()
    assert world.phase == ("Healthy", "")
    assert world.status["stableRS"] == world.hash("v2")
    assert not world.status.get("promoteFull")


def test_promote_full_of_a_finished_rollout_does_not_wait_for_the_next_update(a_rollout: Build) -> None:
    world = a_rollout(STEPS).client(promoteFull=True).run()
    assert world.image("v2").run().phase == ("Paused", "CanaryPauseStep")


def test_promote_full_written_with_a_resume_and_an_unpause(a_rollout: Build) -> None:
    world = paused(a_rollout).edit(paused=True).run().client(promoteFull=True, **RESUME).edit(paused=False).run()
    assert world.phase == ("Healthy", "")


def test_skip_current_step_keeps_the_pause_until_the_next_step_completes(a_rollout: Build) -> None:
    world = paused(a_rollout)
    world.pods_up["v2"] = 2
    world.client(currentStepIndex=2).run()
    assert world.status["currentStepIndex"] == 2
    assert world.phase == ("Paused", "CanaryPauseStep")
    world.pods_up["v2"] = 5
    world.run()
    assert (world.status["currentStepIndex"], world.phase) == (3, ("Paused", "CanaryPauseStep"))


def test_skip_current_step_into_a_timed_pause_counts_from_the_old_start(a_rollout: Build) -> None:
    world = paused(a_rollout, weight(20), PAUSE, pause(30), weight(50), PAUSE).after(31)
    world.client(currentStepIndex=2).run()
    assert world.status["currentStepIndex"] == 4


def test_skip_all_steps_stays_paused_until_the_promotion(a_rollout: Build) -> None:
    world = paused(a_rollout, routed=True)
    world.pods_up["v2"] = 2
    world.client(currentStepIndex=4).run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    world.pods_up.clear()
    world.run()
    assert world.phase == ("Healthy", "")


def test_argo_cds_skip_clears_the_pause_as_well(a_rollout: Build) -> None:
    world = paused(a_rollout).client(pauseConditions=None, currentStepIndex=2).run()
    assert (world.status["currentStepIndex"], world.pair()) == (3, (5, 5))


@pytest.mark.parametrize("order", ["status first", "spec first"])
def test_argo_cds_resume_may_come_in_two_requests_in_any_order(a_rollout: Build, order: str) -> None:
    world = paused(a_rollout)
    writes: list[Callable[[], Any]] = [lambda: world.client(**RESUME), lambda: world.edit(paused=False)]
    for write in writes if order == "status first" else reversed(writes):
        write()
        world.step()
    assert world.run().status["currentStepIndex"] == 3


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_undo_with_the_template_of_a_former_revision(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20)]) if strategy == "canary" else a_blue_green()
    world.image("v2").run().after(60)
    template = copy.deepcopy(world.of("v1")["spec"]["template"])
    del template["metadata"]["labels"][names.POD_HASH]
    world.rollout["spec"]["template"] = template
    world.edited().run()
    assert len(world.sets) == 2
    assert world.status["stableRS"] == world.hash("v1")
    assert world.of("v1")["metadata"]["annotations"][names.REVISION] == "3"


def test_undo_carries_injected_metadata_into_the_template_as_the_persons_own(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], canaryMetadata={"labels": {"role": "next"}}).image("v2").run()
    world.client(**RESUME).run().image("v3").run()
    template = copy.deepcopy(world.of("v3")["spec"]["template"])
    del template["metadata"]["labels"][names.POD_HASH]
    assert template["metadata"]["labels"]["role"] == "next"
    world.rollout["spec"]["template"] = template
    world.edited().run()
    world.client(**RESUME).run()
    assert world.phase == ("Healthy", "")
    stable = world.by_hash(world.status["stableRS"])
    assert stable is not None
    assert {pod.labels.get("role") for pod in world.pods_of(stable)} == {"next"}


# --- what contradicts itself ---


@pytest.mark.parametrize("strategy", ["canary", "routed", "blue-green"])
def test_an_abort_behind_a_full_promotion_wins(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_blue_green(**MANUAL) if strategy == "blue-green" else a_rollout(STEPS, routed=strategy == "routed")
    world.image("v2").run().client(promoteFull=True, abort=True).run()
    assert world.phase[0] == "Degraded"
    assert world.status["stableRS"] == world.hash("v1")
    assert "promoteFull" not in world.status


def test_a_full_promotion_of_an_aborted_update(a_rollout: Build) -> None:
    world = paused(a_rollout).client(abort=True).run().client(promoteFull=True).run()
    assert world.phase == ("Healthy", "")
    assert world.status["stableRS"] == world.hash("v2")


@pytest.mark.parametrize("index", [-1, -(10**9), 5, 99, 10**12])
def test_any_index_is_clamped(a_rollout: Build, index: int) -> None:
    world = paused(a_rollout).client(currentStepIndex=index).run()
    assert 0 <= world.status["currentStepIndex"] <= 4
    if index > 4:
        assert world.phase == ("Healthy", "")
    else:
        assert (world.status["currentStepIndex"], world.phase) == (1, ("Paused", "CanaryPauseStep"))


def test_an_index_without_steps_is_dropped(a_rollout: Build) -> None:
    world = a_rollout([]).client(currentStepIndex=3).run()
    assert "currentStepIndex" not in world.status


def test_a_resume_where_no_step_pauses_only_clears(a_rollout: Build) -> None:
    world = a_rollout(STEPS, routed=True).image("v2")
    world.pods_up["v2"] = 1
    world.run().client(controllerPause=True, **RESUME).run()
    assert world.status["currentStepIndex"] == 0
    assert "controllerPause" not in world.status
    world.pods_up.clear()
    assert world.run().phase == ("Paused", "CanaryPauseStep"), "the resume is not kept for a later pause"


def test_an_abort_and_a_resume_in_one_write_abort(a_rollout: Build) -> None:
    world = paused(a_rollout).client(abort=True, **RESUME).run()
    assert world.phase[0] == "Degraded"
    assert world.client(abort=False).run().phase == ("Paused", "CanaryPauseStep")


def test_an_abort_under_a_persons_pause_is_acted_on(a_rollout: Build) -> None:
    world = paused(a_rollout, routed=True).edit(paused=True).run().client(abort=True).run()
    assert world.weights[-1][0] == 0
    assert world.selected("demo-canary") == world.hash("v1")
    assert world.phase[0] == "Degraded"
    assert world.switches("demo-canary") == 1


def test_a_status_that_was_deleted_is_made_anew(a_rollout: Build) -> None:
    world = paused(a_rollout)
    world.rollout["status"] = None
    world.run()
    assert world.phase[0] in ("Healthy", "Progressing", "Paused")
    assert world.status["currentPodHash"] == world.hash("v2")
