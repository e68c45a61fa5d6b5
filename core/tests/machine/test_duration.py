"""`status.duration`, row by row of table 1.14 of the behavioural specification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}
T0, T60, T90 = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", "2026-01-01T00:01:30Z"


def duration(world: World) -> dict[str, Any]:
    found = world.status["duration"]
    assert isinstance(found, dict)
    return found


def updating(build: Build, *steps: dict[str, Any], **more: Any) -> World:
    """A canary whose update to v2 began at T60 and stands at its first pause."""
    world = build(list(steps) or [weight(20), PAUSE], **more)
    return world.after(60).image("v2").run()


def test_the_first_deployment_is_tracked_from_its_beginning(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout([weight(20)], deployed=False), a_blue_green(deployed=False)):
        world.step()
        assert duration(world) == {"rolloutStartedAt": T0}
        world.run()
        assert duration(world)["completionStatus"] == "Promoted"
        assert duration(world)["finishedAt"] == T0


def test_the_end_is_the_moment_when_every_pod_is_there(a_rollout: Build) -> None:
    world = a_rollout([weight(20)], deployed=False)
    world.pods_up["v1"] = 4
    world.run()
    assert "finishedAt" not in duration(world)
    world.pods_up["v1"] = 10
    world.after(60)
    assert duration(world)["finishedAt"] == T60


def test_a_new_template_begins_anew(a_rollout: Build) -> None:
    world = updating(a_rollout, weight(20), weight(50), maxSurge="100%")
    assert duration(world)["rolloutStartedAt"] == T60
    assert duration(world)["completionStatus"] == "Promoted"


def test_edited_steps_of_a_finished_rollout_begin_nothing(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    before = duration(world)
    assert duration(world.after(60).strategy(steps=[weight(30)]).run()) == before


def test_a_retry_begins_anew(a_rollout: Build) -> None:
    world = updating(a_rollout).client(abort=True).run().after(30).client(abort=False).run()
    assert duration(world)["rolloutStartedAt"] == T90
    assert "finishedAt" not in duration(world)
    assert "completionStatus" not in duration(world)


def test_back_to_stable_in_mid_update_is_a_fast_rollback(a_rollout: Build) -> None:
    world = updating(a_rollout).after(30).image("v1").run()
    assert duration(world)["rolloutStartedAt"] == T60
    assert duration(world)["completionStatus"] == "FastRolledBack"
    assert duration(world)["finishedAt"] == T90


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_back_to_an_older_version_than_stable_in_mid_update_is_rolled_back(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().client(promoteFull=True).run()
    world.after(60).image("v3").run().after(30).image("v1").run()
    assert duration(world)["rolloutStartedAt"] == T60
    assert duration(world)["completionStatus"] == "RolledBack"
    world.client(**RESUME).run()
    assert duration(world)["completionStatus"] == "RolledBack"
    assert duration(world)["finishedAt"] == T90


def test_a_fast_rollback_of_a_blue_green_in_mid_update_is_called_so(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).after(60).image("v2").run().after(30).image("v1").run()
    assert duration(world)["completionStatus"] == "FastRolledBack"
    assert duration(world)["rolloutStartedAt"] == T60


def test_another_template_in_mid_update_supersedes_and_begins_anew(a_rollout: Build) -> None:
    world = updating(a_rollout).after(30).image("v3").run()
    assert duration(world)["rolloutStartedAt"] == T90
    assert "completionStatus" not in duration(world)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_a_promotion_by_hand_of_everything_is_called_so(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().client(promoteFull=True).run()
    assert duration(world)["completionStatus"] == "FastPromoted"


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_an_abort_ends_it_and_its_manual_pause(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.after(60).image("v2").run().after(30).client(abort=True).run()
    assert duration(world) == {
        "rolloutStartedAt": T60,
        "finishedAt": T90,
        "completionStatus": "Aborted",
        "totalManualPauseDurationSeconds": 30,
    }


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_back_to_stable_after_an_abort_changes_nothing(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().client(abort=True).run()
    before = duration(world)
    assert duration(world.after(60).image("v1").run()) == before


def test_an_indefinite_pause_counts_as_manual(a_rollout: Build) -> None:
    world = updating(a_rollout)
    assert duration(world)["manualPauseStartedAt"] == T60
    world.after(30).client(**RESUME).run()
    assert "manualPauseStartedAt" not in duration(world)
    assert duration(world)["totalManualPauseDurationSeconds"] == 30


def test_a_timed_pause_does_not_count_as_manual(a_rollout: Build) -> None:
    world = updating(a_rollout, weight(20), {"pause": {"duration": 30}})
    assert "manualPauseStartedAt" not in duration(world)
    assert "totalManualPauseDurationSeconds" not in duration(world.after(32))


def test_a_blue_green_pause_counts_only_where_nothing_else_ends_it(a_blue_green: Build) -> None:
    manual = a_blue_green(**MANUAL).image("v2").run()
    assert duration(manual)["manualPauseStartedAt"] == T0
    timed = a_blue_green(autoPromotionSeconds=30).image("v2").run()
    assert "manualPauseStartedAt" not in duration(timed)


def test_a_persons_pause_counts_while_an_update_is_in_progress(a_rollout: Build) -> None:
    world = updating(a_rollout, weight(20), {"pause": {"duration": 600}}).edit(paused=True).run()
    assert duration(world)["manualPauseStartedAt"] == T60
    world.after(30).edit(paused=False).run()
    assert duration(world)["totalManualPauseDurationSeconds"] == 30


def test_a_pause_of_a_finished_rollout_counts_from_the_start_of_the_next_update(a_rollout: Build) -> None:
    world = a_rollout([weight(20)]).edit(paused=True).run()
    assert "manualPauseStartedAt" not in duration(world)
    world.after(60).image("v2").run()
    assert duration(world)["manualPauseStartedAt"] == T60
    world.after(30).edit(paused=False).run()
    assert duration(world)["totalManualPauseDurationSeconds"] == 30


def test_an_invalid_spec_touches_nothing(a_rollout: Build) -> None:
    world = updating(a_rollout)
    before = duration(world)
    world.after(30).strategy(maxSurge=0, maxUnavailable=0).run()
    assert world.phase[0] == "Degraded"
    assert duration(world) == before
