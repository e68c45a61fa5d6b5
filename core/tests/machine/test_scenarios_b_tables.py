"""The worked examples of the specification about a canary behind a router: sizes, guard, promotion, rollback window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.api import names

Build = Callable[..., Any]
Steps = list[dict[str, Any]]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}
MATCH: dict[str, Any] = {"setCanaryScale": {"matchTrafficWeight": True}}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def scale(**value: int) -> dict[str, Any]:
    return {"setCanaryScale": value}


# (R, steps, fields of the strategy) -> (canary, stable)
SIZES: list[tuple[str, tuple[int, Steps, dict[str, Any]], tuple[int, int]]] = [
    ("more pods than replicas", (1, [scale(replicas=9), PAUSE], {}), (9, 1)),
    ("a scale weight above all", (4, [scale(weight=200), PAUSE], {}), (8, 4)),
    ("six of four", (4, [scale(replicas=6), PAUSE], {}), (6, 4)),
    ("the weight again", (10, [scale(replicas=5), weight(20), MATCH, PAUSE], {}), (2, 10)),
    ("at least two", (10, [weight(5), PAUSE], {"minPodsPerReplicaSet": 2}), (2, 10)),
    ("at least two of one", (1, [weight(5), PAUSE], {"minPodsPerReplicaSet": 2}), (1, 1)),
    ("a total of 1000", (10, [weight(200), PAUSE], {"trafficRouting": {"maxTrafficWeight": 1000}}), (2, 10)),
]


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
def test_sizes_behind_a_router(
    a_rollout: Build, given: tuple[int, Steps, dict[str, Any]], expected: tuple[int, int]
) -> None:
    replicas, steps, canary = given
    world = a_rollout(steps, routed=True, replicas=replicas, **canary).image("v2").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.pair() == expected


def test_a_matched_weight_before_the_first_set_weight_is_none(a_rollout: Build) -> None:
    steps = [scale(replicas=1), PAUSE, MATCH, PAUSE, weight(100), PAUSE]
    world = a_rollout(steps, routed=True, replicas=2).image("v2").run()
    pairs = [world.pair()]
    for _ in range(2):
        pairs.append(world.client(**RESUME).run().pair())
    assert pairs == [(1, 2), (0, 2), (2, 2)]


def test_a_minimum_is_no_obstacle_to_a_full_promotion(a_rollout: Build) -> None:
    world = a_rollout([weight(5), PAUSE], routed=True, replicas=1, minPodsPerReplicaSet=2).image("v2").run()
    world.client(promoteFull=True).run()
    assert (world.phase, world.spec_size("v2")) == (("Healthy", ""), 1)


@pytest.mark.parametrize(("delay", "after"), [(0, (1, 1)), (30, (0, 1))], ids=["kept", "held for 30 s"])
def test_an_aborted_scale_step_keeps_its_pod_for_its_delay(
    a_rollout: Build, delay: int, after: tuple[int, int]
) -> None:
    steps = [scale(replicas=1), PAUSE]
    world = a_rollout(steps, routed=True, replicas=1, abortScaleDownDelaySeconds=delay).image("v2").run()
    world.client(abort=True).run()
    assert world.pair() == (1, 1)
    assert world.after(31).pair() == after


# --- the guard: can stable take its share? ---


@pytest.mark.parametrize(
    ("available", "share"), [(4, 50), (3, 80)], ids=["four of five are 80 percent", "three are not"]
)
def test_the_guard_takes_the_threshold_into_account(a_rollout: Build, available: int, share: int) -> None:
    threshold = {"type": "Percent", "value": 80}
    world = a_rollout([weight(80), PAUSE, weight(50), PAUSE], routed=True, replicaProgressThreshold=threshold)
    world.image("v2").run()
    world.pods_up["v1"] = available
    world.client(**RESUME).run()
    assert world.weights[-1][0] == share


# --- promotion ---

PROMOTIONS = [
    ("nine of ten at 90 percent", {"type": "Percent", "value": 90}, 9, True),
    ("eight of ten at 90 percent", {"type": "Percent", "value": 90}, 8, False),
    ("nine of ten without a threshold", None, 9, False),
    ("three pods wanted", {"type": "Pods", "value": 3}, 3, True),
    ("two of three pods", {"type": "Pods", "value": 3}, 2, False),
    ("more pods wanted than there are replicas", {"type": "Pods", "value": 50}, 10, True),
    ("a negative threshold is none", {"type": "Percent", "value": -1}, 9, False),
]


@pytest.mark.parametrize(
    ("threshold", "available", "promoted"), [row[1:] for row in PROMOTIONS], ids=[row[0] for row in PROMOTIONS]
)
def test_promotion_waits_for_the_threshold(
    a_rollout: Build, threshold: dict[str, Any] | None, available: int, promoted: bool
) -> None:
    canary = {"replicaProgressThreshold": threshold} if threshold else {}
    world = a_rollout([weight(100)], routed=True, **canary)
    world.pods_up["v2"] = available
    world.image("v2").run()
    assert (world.status["stableRS"] == world.status["currentPodHash"]) is promoted


def test_more_pods_than_replicas_are_enough_for_the_promotion(a_rollout: Build) -> None:
    world = a_rollout([weight(100), PAUSE], routed=True, replicas=2).image("v2").run()
    assert world.pair() == (2, 2)
    world.edit(replicas=1).client(pauseConditions=None, controllerPause=None, currentStepIndex=2).step()
    assert world.status["stableRS"] == world.hash("v2")


# --- rollback window ---


def versions(a_rollout: Build, window: int, count: int, **spec: Any) -> Any:
    """A Rollout that was promoted to v1 … v<count>, each walked by hand."""
    world = a_rollout([weight(20), PAUSE], replicas=4, spec={"rollbackWindow": {"revisions": window}, **spec})
    for number in range(2, count + 1):
        world.image(f"v{number}").run().client(**RESUME).run()
        assert world.phase == ("Healthy", "")
    return world.forget()


WINDOWS = [
    ("the version before", 1, "v3", True),
    ("one between, window 1", 1, "v2", False),
    ("one between, window 2", 2, "v2", True),
    ("two between, window 2", 2, "v1", False),
    ("a window of 0 is none", 0, "v3", False),
    ("younger than stable", 5, "v5", False),
]


@pytest.mark.parametrize(("window", "back", "within"), [row[1:] for row in WINDOWS], ids=[row[0] for row in WINDOWS])
def test_only_a_recent_ancestor_skips_the_steps(a_rollout: Build, window: int, back: str, within: bool) -> None:
    world = versions(a_rollout, window, 4).image(back).run()
    if within:
        assert world.phase == ("Healthy", "")
        assert [text.rpartition(": ")[2] for text in world.messages("RolloutCompleted")] == ["Rollback within window"]
        assert "RolloutPaused" not in world.reasons()
        assert "RolloutStepCompleted" not in world.reasons()
    else:
        assert world.phase == ("Paused", "CanaryPauseStep")


def test_a_set_of_an_experiment_counts_for_no_window(a_rollout: Build) -> None:
    world = versions(a_rollout, 1, 3)
    world.of("v2")["metadata"]["annotations"][names.EXPERIMENT_NAME] = "trial"
    assert world.image("v1").run().phase == ("Healthy", "")


def test_a_rollback_to_a_version_that_still_has_pods_skips_at_once(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True, replicas=4, spec={"rollbackWindow": {"revisions": 1}})
    world.image("v2").run().client(**RESUME).run()
    assert world.spec_size("v1") == 4
    world.forget().image("v1").step()
    assert world.messages("SkipSteps") == ["Rollback to active ReplicaSets within RollbackWindow"]
    assert world.status["currentStepIndex"] == 2
    assert world.run().phase == ("Healthy", "")


# --- former revisions of a basic canary ---


def test_the_newest_former_revision_is_drained_first_within_the_floor(a_rollout: Build) -> None:
    world = a_rollout([], replicas=4, maxSurge=1, maxUnavailable=0).image("v2").run().image("v3").run()
    world.pods_up["v3"] = 0
    for tag, size in (("v1", 5), ("v2", 5), ("v3", 4)):
        world.of(tag)["spec"]["replicas"] = size
    world.run()
    assert [world.spec_size(tag) for tag in ("v1", "v2", "v3")] == [4, 0, 4]
