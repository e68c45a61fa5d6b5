"""Hazards of the reference controller that concern sizes and steps. Numbers are those of the specification's table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.api import names

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def desired(world: Any, tag: str) -> str:
    """The annotation desired-replicas of an image's ReplicaSet."""
    return str(world.of(tag)["metadata"]["annotations"][names.DESIRED_REPLICAS])


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
def test_h03_a_paused_rollout_notes_its_new_size_and_follows_it_later(a_rollout: Build, routed: bool) -> None:
    world = a_rollout([weight(50), PAUSE], routed=routed, replicas=4).image("v2").run().edit(paused=True).run()
    before = world.pair()
    world.edit(replicas=8).run()
    assert (world.pair(), desired(world, "v1"), desired(world, "v2")) == (before, "8", "8")
    world.edit(paused=False).run()
    assert world.pair() == ((4, 8) if routed else (4, 4))
    assert world.client(**RESUME).run().phase == ("Healthy", "")


def test_h03_an_aborted_version_notes_the_new_size_and_stable_follows(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, replicas=4).image("v2").run().client(abort=True).run()
    for replicas in (6, 3):
        world.edit(replicas=replicas).run()
        assert (world.pair(), desired(world, "v1"), desired(world, "v2")) == (
            (2, replicas),
            str(replicas),
            str(replicas),
        )
        assert world.weights[-1][0] == 0


def test_h04_a_lost_stable_set_is_replaced_only_by_pods_that_work(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], replicas=4).image("v2").run()
    lost = world.status["stableRS"]
    del world.sets[world.of("v1")["metadata"]["name"]]
    world.pods_up["v2"] = 3
    world.run()
    assert world.status["stableRS"] == lost
    assert "RolloutCompleted" not in world.reasons()[-1:]
    del world.pods_up["v2"]
    world.run()
    assert world.status["stableRS"] == world.hash("v2")
    assert world.phase == ("Healthy", "")


def test_h08_an_abort_delay_beyond_the_resync_is_kept_to_its_end(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, abortScaleDownDelaySeconds=3600).image("v2").run()
    world.client(abort=True).run()
    for seconds in (600, 1200, 1790):
        assert world.after(seconds).pair() == (5, 10)
    assert world.wait == 10
    assert world.after(10).pair() == (0, 10)


def test_h17_an_abort_delay_of_zero_keeps_a_canary_of_any_step(a_rollout: Build) -> None:
    for steps in (
        [weight(50), PAUSE],
        [weight(10), {"setCanaryScale": {"replicas": 5}}, PAUSE],
    ):
        world = a_rollout(steps, routed=True, abortScaleDownDelaySeconds=0).image("v2").run()
        world.forget().client(abort=True).run().after(3600)
        assert (world.pair(), world.deadline("v2"), world.weights[-1][0]) == ((5, 10), None, 0)


def test_h19_a_delay_of_zero_takes_the_old_version_at_once(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], routed=True, scaleDownDelaySeconds=0).image("v2").run()
    assert [world.spec_size(tag) for tag in ("v1", "v2")] == [0, 10]
    assert world.deadline("v1") is None
    assert world.condition("Healthy") == ("True", "RolloutHealthy")


def test_h20_injected_metadata_that_a_person_wrote_into_the_template_is_wanted(a_rollout: Build) -> None:
    metadata = {"canaryMetadata": {"labels": {"role": "next"}}, "stableMetadata": {"labels": {"role": "current"}}}
    world = a_rollout([weight(20), PAUSE], routed=True, **metadata).image("v2").run()
    copied = world.of("v2")["spec"]["template"]
    assert copied["metadata"]["labels"]["role"] == "next"
    template = {**copied, "metadata": {**copied["metadata"], "labels": {"app": "demo", "role": "next"}}}
    world.rollout["spec"]["template"] = template
    world.edited().run()
    assert len(world.sets) == 3, "a template of its own, not the one that it was copied from"
    latest = world.by_hash(world.status["currentPodHash"])
    assert latest["metadata"]["annotations"][names.REVISION] == "3"
    assert latest["spec"]["template"]["metadata"]["labels"]["role"] == "next"


def test_h21_a_deadline_of_a_set_without_pods_is_dropped_and_wakes_nobody(a_rollout: Build) -> None:
    world = a_rollout([]).image("v2").run()
    world.of("v1")["metadata"]["annotations"][names.SCALE_DOWN_DEADLINE] = "2025-12-31T23:00:00Z"
    world.forget().run()
    assert world.deadline("v1") is None
    assert world.writes == 1
    assert world.wake_at is None


@pytest.mark.parametrize("index", [-3, 4, 99, 10**12])
def test_h25_an_index_outside_the_steps_is_brought_back(a_rollout: Build, index: int) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE]).image("v2").run()
    world.client(pauseConditions=None, controllerPause=None, currentStepIndex=index).run()
    if index < 0:
        assert (world.status["currentStepIndex"], world.phase[0]) == (1, "Paused")
    else:
        assert (world.status["currentStepIndex"], world.phase) == (4, ("Healthy", ""))


def test_h25_full_promotion_in_the_pass_that_completes_a_step_ends_at_the_last_one(a_rollout: Build) -> None:
    header = {"setHeaderRoute": {"name": "h", "match": [{"headerName": "X", "headerValue": {"exact": "1"}}]}}
    routing = {"managedRoutes": [{"name": "h"}]}
    world = a_rollout([weight(20), PAUSE, header, PAUSE], routed=True, trafficRouting=routing).image("v2").run()
    world.client(pauseConditions=None, controllerPause=None, currentStepIndex=2, promoteFull=True).step()
    assert world.status["currentStepIndex"] == 4
    assert world.run().phase == ("Healthy", "")


def test_h26_a_version_that_replaces_a_bad_one_does_not_pass_its_step_without_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), {"pause": {"duration": 5}}], replicas=4, maxSurge=1, maxUnavailable=0)
    world.image("bad").run()
    world.pods_up["v3"] = 0
    world.image("v3").run()
    assert world.status["currentStepIndex"] == 0
    world.after(60)
    assert world.status["currentStepIndex"] == 0
    world.pods_up["v3"] = 1
    world.run()
    assert world.status["currentStepIndex"] == 0, "one of two"
    del world.pods_up["v3"]
    world.run()
    assert (world.status["currentStepIndex"], world.pair()) == (1, (2, 2))


def test_h29_a_new_template_comes_before_the_new_size(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], replicas=4)
    world.edit(replicas=8).image("v2")
    largest = 0
    while world.step():
        largest = max(largest, world.spec_size("v2"))
    assert largest == 1
    assert world.pair() == (1, 8)
    assert world.reasons()[:3] == ["RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted"]


def test_h29_a_size_that_changed_during_a_pause_waits_for_a_new_template_too(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], replicas=4).edit(paused=True).run().edit(replicas=8).run()
    world.image("v2").run()
    world.forget().edit(paused=False)
    while world.step():
        assert world.spec_size("v2") <= 1
    assert world.pair() == (1, 8)


def test_h47_a_threshold_is_not_met_by_the_pods_of_the_step_before(a_rollout: Build) -> None:
    threshold = {"type": "Percent", "value": 50}
    steps = [weight(50), PAUSE, weight(100), PAUSE]
    world = a_rollout(steps, routed=True, replicas=4, replicaProgressThreshold=threshold).image("v2").run()
    assert world.pair() == (2, 4)
    world.pods_up["v2"] = 2
    world.client(**RESUME).step()  # the pause ends
    world.step()  # the size is asked for, and only this
    assert (world.weights[-1][0], world.status["currentStepIndex"], world.spec_size("v2")) == (50, 2, 4)
    world.run()
    assert (world.weights[-1][0], world.status["currentStepIndex"]) == (100, 3)


def test_i8_a_surplus_of_unready_pods_stays_while_the_floor_forbids_any_drain(a_rollout: Build) -> None:
    world = a_rollout([], replicas=4, maxSurge=3, maxUnavailable=0).image("bad").run()
    assert world.pair() == (3, 4)
    world.strategy(maxSurge=1).run()
    assert world.pair() == (3, 4)
    assert world.image("v3").run().phase == ("Healthy", "")
