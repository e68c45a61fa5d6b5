"""Basic canary, whose pods are its traffic: first deployment and sizes. Ids are those of the specification's scenarios."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tidegate.api import names

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def walked(world: Any) -> list[tuple[int, int]]:
    """The sizes of (new, stable), pass by pass, repetitions left out."""
    pairs: list[tuple[int, int]] = world.history
    return [pair for before, pair in pairwise([(-1, -1), *pairs]) if pair != before]


def test_a1_first_deployment_is_promoted_at_once_and_walks_no_steps(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], replicas=1, deployed=False)
    world.step()
    ((name, created),) = world.sets.items()
    assert name == f"demo-{created['metadata']['labels'][names.POD_HASH]}"
    assert created["spec"]["replicas"] == 0
    assert created["metadata"]["annotations"][names.REVISION] == "1"
    assert created["metadata"]["annotations"][names.DESIRED_REPLICAS] == "1"
    assert world.status["currentStepIndex"] == 0
    assert world.condition("Completed") == ("False", "RolloutCompleted")
    world.step()
    assert created["spec"]["replicas"] == 1
    assert world.status["stableRS"] == world.status["currentPodHash"]
    assert world.status["currentStepIndex"] == 1
    assert world.phase == ("Progressing", "more replicas need to be updated")
    world.run()
    assert world.phase == ("Healthy", "")
    assert world.condition("Healthy") == ("True", "RolloutHealthy")
    assert world.reasons() == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutCompleted",
    ]
    assert world.events[-1].message.endswith(": Initial deploy")


def test_a2_absent_replicas_are_written_first_and_alone(a_rollout: Build) -> None:
    world = a_rollout([], deployed=False)
    del world.rollout["spec"]["replicas"]
    world.step()
    assert world.rollout["spec"]["replicas"] == 1
    assert not world.sets
    assert not world.status
    assert world.writes == 1


def test_a3_update_to_weight_20_of_ten_pods_drains_stable_first(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    assert world.pair() == (2, 8)
    assert world.phase == ("Paused", "CanaryPauseStep")
    stable, new = world.of("v1")["metadata"]["name"], world.of("v2")["metadata"]["name"]
    assert [e.message for e in world.events if e.reason == "ScalingReplicaSet"] == [
        f"Scaled down ReplicaSet {stable} (revision 1) from 10 to 8",
        f"Scaled up ReplicaSet {new} (revision 2) from 0 to 2",
    ]


def test_a4_surge_of_one_alternates_and_never_leaves_its_bounds(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], maxSurge=1, maxUnavailable=0).image("v2").run()
    steps = [(new, stable) for new in range(1, 6) for stable in (11 - new, 10 - new)]
    assert walked(world) == [(0, 10), *steps]
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a5_scaling_beside_a_bad_version_uses_the_surge_of_the_new_size(a_rollout: Build) -> None:
    world = a_rollout([], replicas=4, maxSurge=2, maxUnavailable=0).image("bad").run()
    assert world.pair() == (2, 4)
    assert world.edit(replicas=8).run().pair() == (6, 4)
    assert world.edit(replicas=4).run().pair() == (2, 4)


def test_a6_scaling_beside_a_bad_version_with_a_surge_of_everything(a_rollout: Build) -> None:
    world = a_rollout([], replicas=4, maxSurge="100%").image("bad").run()
    assert world.pair() == (4, 3)
    assert world.edit(replicas=8).run().pair() == (8, 3)
    assert world.edit(replicas=4).run().pair() == (4, 3)


def test_a7_scaling_while_paused_keeps_the_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=1).image("v2").run()
    assert world.pair() == (1, 1)
    assert world.phase == ("Paused", "CanaryPauseStep")
    for replicas, pair in ((8, (2, 6)), (4, (1, 3))):
        assert world.edit(replicas=replicas).run().pair() == pair
        assert world.phase == ("Paused", "CanaryPauseStep")


def test_a8_a_lowered_weight_is_reached_once_its_pods_are(a_rollout: Build) -> None:
    world = a_rollout([weight(100), PAUSE, weight(0), PAUSE], replicas=3, maxSurge=2, maxUnavailable=0)
    world.image("v2").run()
    assert world.pair() == (3, 0)
    assert world.phase == ("Paused", "CanaryPauseStep")
    world.pods_up["v1"] = 0
    world.client(**RESUME).run()
    assert (world.pair(), world.status["currentStepIndex"]) == ((3, 2), 2)
    del world.pods_up["v1"]
    world.run()
    assert (world.pair(), world.status["currentStepIndex"]) == ((0, 3), 3)


def test_a14_a_third_version_drains_the_second_and_pauses_at_its_own_step(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], replicas=3).image("v2").run()
    assert world.pair() == (1, 3)
    world.image("v3").run()
    assert [world.spec_size(tag) for tag in ("v1", "v2", "v3")] == [3, 0, 1]
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a17_zero_replicas_walk_their_steps_and_pause(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(60), PAUSE], replicas=4).edit(replicas=0).run()
    assert [s["spec"]["replicas"] for s in world.sets.values()] == [0]
    assert world.phase == ("Healthy", "")
    world.image("v2").run()
    assert [s["spec"]["replicas"] for s in world.sets.values()] == [0, 0]
    for index in (1, 3):
        assert world.status["currentStepIndex"] == index
        assert world.phase == ("Paused", "CanaryPauseStep")
        world.client(**RESUME).run()
    assert world.phase == ("Healthy", "")


def test_a18_full_promotion_skips_steps_and_keeps_the_floor(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=4, maxSurge=3, maxUnavailable=0).image("v2")
    world.step()
    world.forget().client(promoteFull=True)
    least = 4
    while world.step():
        least = min(least, sum(s["status"]["available"] for s in world.sets.values()))
    assert walked(world)[0] == (3, 4)
    assert least == 4
    assert world.phase == ("Healthy", "")
    assert "promoteFull" not in world.status
    assert [e.message.rpartition(": ")[2] for e in world.events if e.reason == "RolloutCompleted"] == [
        "Full promotion requested"
    ]
    assert [world.spec_size(tag) for tag in ("v1", "v2")] == [0, 4]


def test_a22_neither_new_nor_stable_is_drained_before_the_others(a_rollout: Build) -> None:
    world = a_rollout([weight(30), PAUSE]).image("v2").run().image("v3")
    world.step()
    for tag, size in (("v1", 8), ("v2", 4), ("v3", 0)):
        world.of(tag)["spec"]["replicas"] = size
    seen_others = 0
    for _ in range(20):
        others = world.spec_size("v2")
        moved = world.step()
        if others:
            seen_others += 1
            assert world.of("v1")["spec"]["replicas"] == 8
        if not moved:
            break
    assert seen_others > 1
    assert [world.spec_size(tag) for tag in ("v1", "v2", "v3")] == [7, 0, 3]
