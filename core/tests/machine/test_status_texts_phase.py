"""The phase and its message, row by row of table 1.10 of the behavioural specification. Clients parse both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.api.status import BlueGreenStatus, RolloutStatus
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.outcome.phase import phase_of

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}
BROKEN = (
    'InvalidSpec: The Rollout "demo" is invalid: spec.strategy.maxSurge: Invalid value: 0: '
    "MaxSurge and MaxUnavailable both can not be zero"
)
ABORTED = ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")


def test_row_1_an_invalid_spec_comes_before_pauses_and_an_abort_written_meanwhile(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    world.edit(paused=True, strategy={"canary": {"maxSurge": 0, "maxUnavailable": 0}}).run()
    assert world.phase == ("Degraded", BROKEN)
    assert world.client(abort=True).run().phase == ("Degraded", BROKEN)


def test_rows_1_and_2_the_condition_that_stands_first_in_the_list_is_told(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().client(abort=True).run()
    world.strategy(maxSurge=0, maxUnavailable=0).run()
    assert world.phase == ABORTED
    assert world.condition("InvalidSpec") == ("True", "InvalidSpec")


def test_row_2_an_abort_comes_before_a_persons_pause(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().client(abort=True).run()
    assert world.phase == ABORTED
    assert world.edit(paused=True).run().phase == ABORTED
    assert world.edit(replicas=5).run().phase == ABORTED


def test_row_2_a_passed_deadline(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], spec={"progressDeadlineSeconds": 10}).image("bad").run().after(12)
    name = world.of("bad")["metadata"]["name"]
    text = f'ProgressDeadlineExceeded: ReplicaSet "{name}" has timed out progressing.'
    assert world.phase == ("Degraded", text)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_row_3_a_persons_pause_comes_before_the_controllers(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().edit(paused=True).run()
    assert world.status["pauseConditions"]
    assert world.phase == ("Paused", "manually paused")


def test_row_3_a_finished_rollout_may_be_paused_too(a_blue_green: Build) -> None:
    assert a_blue_green().edit(paused=True).run().phase == ("Paused", "manually paused")


def test_row_4_the_first_pause_condition_is_named(a_rollout: Build, a_blue_green: Build) -> None:
    assert a_rollout([weight(20), PAUSE]).image("v2").run().phase == ("Paused", "CanaryPauseStep")
    assert a_blue_green(**MANUAL).image("v2").run().phase == ("Paused", "BlueGreenPause")


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_row_5_a_restart_is_announced_also_while_it_lies_ahead(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout([weight(20)]) if strategy == "canary" else a_blue_green()
    world.edit(restartAt="2026-01-02T00:00:00Z").run()
    assert world.phase == ("Progressing", "rollout is restarting")
    world.edit(restartAt=None).run()
    assert world.phase == ("Healthy", "")


def test_row_6_a_canary_that_is_held_at_a_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("bad").run()
    assert world.phase == ("Progressing", "more replicas need to be updated")


def test_row_7_the_first_deployment_waits_for_its_pods(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout([], deployed=False), a_blue_green(deployed=False)):
        world.pods_up["v1"] = 1
        assert world.run().phase == ("Progressing", "updated replicas are still becoming available")


def test_row_7_a_routed_canary_counts_its_own_pods_once_promoted(a_rollout: Build) -> None:
    threshold = {"type": "Percent", "value": 50}
    world = a_rollout([weight(100)], routed=True, replicas=4, replicaProgressThreshold=threshold).image("v2")
    world.pods_up["v2"] = 2
    world.run()
    assert world.status["stableRS"] == world.hash("v2")
    assert world.phase == ("Progressing", "updated replicas are still becoming available")


def test_row_8_a_blue_green_update_never_shows_row_7_while_its_pods_start(a_blue_green: Build) -> None:
    world = a_blue_green().image("bad").run()
    assert world.phases == [
        ("Progressing", "more replicas need to be updated"),
        ("Progressing", "active service cutover pending"),
    ]


def of(world: World, **status: Any) -> tuple[str, str]:
    """The phase of a written status over a world."""
    counts = {
        "updated_replicas": 3,
        "available_replicas": 3,
        "replicas": 6,
        "stable_rs": "old",
        "current_pod_hash": "new",
    }
    phase = phase_of(Case.of(world.seen()), RolloutStatus(**{**counts, **status}))
    return phase.phase, phase.message


@pytest.mark.parametrize(
    ("active", "stable", "expected"),
    [
        ("", "old", ("Progressing", "active service cutover pending")),
        ("old", "old", ("Progressing", "active service cutover pending")),
        ("new", "old", ("Progressing", "waiting for post-promotion verification to complete")),
        ("new", "new", ("Healthy", "")),
    ],
    ids=["row 8 nobody", "row 8 old", "row 10", "row 13"],
)
def test_rows_8_10_and_13_of_a_blue_green(
    a_blue_green: Build, active: str, stable: str, expected: tuple[str, str]
) -> None:
    found = of(a_blue_green(), stable_rs=stable, blue_green=BlueGreenStatus(active_selector=active))
    assert found == expected


def test_row_9_a_blue_green_waits_for_its_post_promotion_analysis(a_blue_green: Build) -> None:
    world = a_blue_green(postPromotionAnalysis={"templates": [{"templateName": "ok"}]})
    found = of(world, blue_green=BlueGreenStatus(active_selector="new"))
    assert found == ("Progressing", "waiting for analysis to complete")


def test_row_11_a_basic_canary_waits_for_old_pods_to_go(a_rollout: Build) -> None:
    world = a_rollout([], maxSurge="100%", maxUnavailable=0).image("v2").run()
    assert ("Progressing", "old replicas are pending termination") in world.phases
    assert world.phase == ("Healthy", "")


def test_row_11_is_not_for_routed_canaries(a_rollout: Build) -> None:
    world = a_rollout([weight(20)], routed=True).image("v2").run()
    assert world.counts == (10, 20, 10, 20, 20)
    assert world.phase == ("Healthy", "")


def test_row_12_a_canary_whose_counts_are_met_still_walks_its_steps(a_rollout: Build) -> None:
    world = a_rollout([weight(20), weight(40)], replicas=1).edit(replicas=0).run().forget().image("v2").run()
    assert ("Progressing", "waiting for all steps to complete") in world.phases
    assert world.phase == ("Healthy", "")


def test_row_12_a_promoted_canary_waits_until_its_router_has_left_the_old_version(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run().forget().client(promoteFull=True).run()
    assert world.phases[-2:] == [("Progressing", "waiting for all steps to complete"), ("Healthy", "")]


def test_row_13_nothing_is_left_to_do(a_rollout: Build, a_blue_green: Build) -> None:
    assert a_rollout([weight(20)]).image("v2").run().phase == ("Healthy", "")
    assert a_blue_green().image("v2").run().phase == ("Healthy", "")
    assert "message" not in a_blue_green().status


def test_the_sequence_of_a_blue_green_with_a_manual_promotion(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=2, **MANUAL).image("v2")
    world.pods_up["v2"] = 0
    world.run()
    world.pods_up.clear()
    world.run().client(**RESUME).run()
    assert world.phases == [
        ("Progressing", "more replicas need to be updated"),
        ("Progressing", "active service cutover pending"),
        ("Paused", "BlueGreenPause"),
        ("Healthy", ""),
    ]


def test_a_small_preview_keeps_the_first_message_until_its_pause(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=2, previewReplicaCount=1, **MANUAL).image("v2").run()
    assert world.phases == [("Progressing", "more replicas need to be updated"), ("Paused", "BlueGreenPause")]
