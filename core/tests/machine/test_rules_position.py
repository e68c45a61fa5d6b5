"""Where an update stands: sizes and shares at the edges, and what is written of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from machine_world import PAUSE, World, weight
from tidegate.api.status import RolloutStatus
from tidegate.machine.actions import PatchReplicaSet
from tidegate.machine.checking import DeleteExperiment
from tidegate.machine.observed import WorkloadView
from tidegate.machine.replicas import Basic, Bounds, Count, Sizes, next_sizes
from tidegate.machine.rollout.decide import decide
from tidegate.machine.rollout.outcome.serial import only_counts

Build = Callable[..., World]
PAIR = {"pingService": "demo-ping", "pongService": "demo-pong"}
ROUTED: dict[str, Any] = {"routed": True}
TEMPLATES = [{"name": "next", "specRef": "canary", "weight": 1}]


def scale(**fields: Any) -> dict[str, Any]:
    return {"setCanaryScale": fields}


def recorded(world: World, side: str) -> dict[str, Any]:
    """What the status says of a side of the traffic."""
    return dict(world.status["canary"]["weights"][side])


# --- sizes ---


def test_a_version_that_shrinks_to_the_size_it_has_is_left_alone() -> None:
    bounds, here = Bounds(10, 1, 2), Basic(Count(4, 4), Count(7, 7))
    assert next_sizes(bounds, Sizes(4, 6), here) == Sizes(4, 6)


def test_a_scale_step_by_share_lets_stable_shrink_and_one_by_number_does_not(a_rollout: Build) -> None:
    more = {"dynamicStableScale": True, **ROUTED}
    by_share = a_rollout([weight(10), scale(weight=50), PAUSE], **more).image("v2").run()
    by_number = a_rollout([weight(10), scale(replicas=5), PAUSE], **more).image("v2").run()
    assert by_number.pair() == (5, 10)
    assert by_share.pair()[0] == 5
    assert by_share.pair()[1] < 10


@pytest.mark.parametrize("kind", ["Pods", "Percent"])
def test_a_threshold_of_zero_passes_a_step_without_available_pods(a_rollout: Build, kind: str) -> None:
    world = a_rollout([scale(replicas=3), PAUSE], replicaProgressThreshold={"type": kind, "value": 0}, **ROUTED)
    world.image("bad").run()
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a_patch_that_only_notes_something_says_so_and_a_resize_says_what(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    patches = [call for call in world.calls if isinstance(call, PatchReplicaSet)]
    assert any("new 0 -> 2" in patch.why for patch in patches)
    assert all(patch.why for patch in patches)


# --- checks and pauses ---


def test_a_live_experiment_is_never_deleted(a_rollout: Build) -> None:
    plain = [{"name": "next", "specRef": "canary"}]
    world = a_rollout([weight(10), {"experiment": {"templates": plain}}, PAUSE]).image("v2").run()
    name, live = next(iter(world.experiments.items()))
    world.experiments["other"] = replace(live, name="other", uid="o", pod_hash="gone", phase="Running", ending=True)
    world.lingering = True
    world.run()
    assert "other" in world.experiments
    assert name in world.experiments
    assert not any(isinstance(call, DeleteExperiment) for call in world.calls)


def test_an_inconclusive_pause_does_not_stand_in_for_the_steps_own(a_rollout: Build) -> None:
    analysis = {"templates": [{"templateName": "t"}]}
    world = a_rollout([weight(10), PAUSE, weight(20), PAUSE], analysis=analysis).image("v2").run()
    world.judge("Background", "Inconclusive").run()
    assert {p["reason"] for p in world.status["pauseConditions"]} == {"CanaryPauseStep", "InconclusiveAnalysisRun"}
    started = [p["startTime"] for p in world.status["pauseConditions"] if p["reason"] == "CanaryPauseStep"]
    world.after(30)
    assert [p["startTime"] for p in world.status["pauseConditions"] if p["reason"] == "CanaryPauseStep"] == started


def test_an_abort_of_the_way_back_to_an_older_version_is_called_an_abort(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE]).image("v2").run().client(promoteFull=True).run()
    world.image("v3").run().image("v1").run()
    assert world.status["duration"]["completionStatus"] == "RolledBack"
    world.client(abort=True).run()
    assert world.status["duration"]["completionStatus"] == "Aborted"


def test_a_blue_green_knows_when_a_promotion_time_of_one_second_is_over(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=1).image("v2")
    while not world.status.get("pauseConditions"):
        assert world.step()
    assert world.wait is not None
    assert 1 <= world.wait < 2


def test_a_pause_step_waits_beside_an_inconclusive_run(a_rollout: Build) -> None:
    analysis = {"templates": [{"templateName": "t"}]}
    world = a_rollout([weight(20), PAUSE], analysis=analysis)
    world.pods_up["v2"] = 1
    world.image("v2").run().judge("Background", "Inconclusive").run()
    del world.pods_up["v2"]
    world.run()
    assert world.status["currentStepIndex"] == 1
    assert {p["reason"] for p in world.status["pauseConditions"]} == {"CanaryPauseStep", "InconclusiveAnalysisRun"}


# --- what is asked and what is said ---


def test_a_plan_expects_what_comes_when_everything_succeeds(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(60)], **ROUTED)
    world.verdict = True
    world.image("v2")
    moved = True
    while moved:
        world.cluster()
        expected = decide(world.seen()).expected.status
        moved = world.step()
        assert expected is not None
        assert {k: v for k, v in expected.items() if v != {}} == {k: v for k, v in world.status.items() if v != {}}


@pytest.mark.parametrize(
    ("patch", "alone"),
    [
        ({"replicas": 3, "availableReplicas": 2}, True),
        ({"replicas": 3, "phase": "Healthy"}, False),
        (
            {
                "conditions": [
                    {"type": "Healthy", "status": "True", "reason": "R", "message": "m", "lastUpdateTime": "x"}
                ]
            },
            True,
        ),
        ({"conditions": [{"type": "Healthy", "status": "False", "reason": "R", "message": "m"}]}, False),
        ({"conditions": None}, False),
    ],
    ids=["counts", "a phase", "a condition's time", "a condition's status", "no conditions"],
)
def test_only_counts_may_wait_and_the_times_of_conditions(patch: dict[str, Any], alone: bool) -> None:
    moment = "2026-01-01T00:00:00Z"
    condition = {"type": "Healthy", "status": "True", "reason": "R", "message": "m"}
    before = RolloutStatus.model_validate(
        {"conditions": [{**condition, "lastUpdateTime": moment, "lastTransitionTime": moment}]}
    )
    assert only_counts(before, patch) == alone


def lent(world: World) -> World:
    """A Rollout that is deployed with the template of a Deployment whose pods it has taken over, and paused."""
    spec = world.rollout["spec"]
    template, selector = spec.pop("template"), spec.pop("selector")
    spec["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": "progressively"}
    world.workload = WorkloadView("Deployment", "web", "w-1", 1, template, selector, 5)
    return world.run().edit(paused=True).run()


@pytest.mark.parametrize("size", [5, 1])
def test_a_workload_that_grows_again_goes_to_nothing_beside_a_paused_rollout(a_rollout: Build, size: int) -> None:
    world = lent(a_rollout([weight(20)], deployed=False))
    assert world.workload is not None
    world.workload = replace(world.workload, replicas=size)
    world.run()
    assert (world.phase[0], world.workload.replicas) == ("Paused", 0)


def test_a_workload_that_has_given_way_stays_so_when_the_rollout_grows(a_rollout: Build) -> None:
    world = lent(a_rollout([weight(20)], deployed=False)).edit(replicas=12).run()
    assert world.workload is not None
    assert world.workload.replicas == 0
