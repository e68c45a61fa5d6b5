"""Events: every row of table 1.12 of the behavioural specification that the machine sends, and their order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from machine_world import PAUSE, RESUME, World, pause, weight
from tidegate.machine.actions import Event
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.routing import SetWeights, VerifyWeights

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}


def name(world: World, tag: str) -> str:
    return str(world.of(tag)["metadata"]["name"])


def sent(world: World, reason: str) -> list[Event]:
    return [event for event in world.events if event.reason == reason]


# --- order ---


def test_order_of_a_canary_that_is_aborted_retried_and_promoted_by_time(a_rollout: Build) -> None:
    world = a_rollout([weight(50), pause("3s")], replicas=1, deployed=False).run()
    first = ["RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet", "RolloutCompleted"]
    assert world.reasons() == first
    world.forget().image("v2").run()
    assert world.reasons() == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutStepCompleted",
        "RolloutPaused",
    ]
    world.forget().client(abort=True).run()
    assert sorted(world.reasons()) == ["RolloutAborted", "ScalingReplicaSet"]
    world.forget().client(abort=False).run()
    assert world.reasons() == ["ScalingReplicaSet", "RolloutStepCompleted", "RolloutPaused"]
    world.forget().after(4)
    assert world.reasons() == ["RolloutStepCompleted", "RolloutResumed", "ScalingReplicaSet", "RolloutCompleted"]


@pytest.mark.parametrize("preview", [False, True], ids=["without preview", "with preview"])
def test_order_of_a_blue_green(a_blue_green: Build, preview: bool) -> None:
    previewed = ["SwitchService"] if preview else []
    world = a_blue_green(preview=preview, deployed=False).run()
    first = ["RolloutUpdated", "NewReplicaSetCreated", *previewed, "ScalingReplicaSet", "RolloutCompleted"]
    assert world.reasons() == [*first, "SwitchService"]
    world.forget().image("v2").run()
    assert world.reasons() == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        *previewed,
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "SwitchService",
        "RolloutCompleted",
    ]


def test_order_of_a_blue_green_that_is_promoted_by_time(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=5).image("v2").run().forget().after(6.5)
    assert world.reasons() == ["SwitchService", "RolloutCompleted", "RolloutResumed"]


# --- texts ---


def test_texts_of_a_revision(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    rs, new = name(world, "v2"), world.hash("v2")
    assert world.messages("RolloutUpdated") == ["Rollout updated to revision 2"]
    assert world.messages("NewReplicaSetCreated") == [f"Created ReplicaSet {rs} (revision 2)"]
    assert world.messages("RolloutNotCompleted") == [f"Rollout not completed, started update to revision 2 ({new})"]
    scaled = f"Scaled up ReplicaSet {rs} (revision 2) from 0 to 2"
    assert scaled in world.messages("ScalingReplicaSet")
    assert world.messages("RolloutStepCompleted") == ["Rollout step 1/2 completed (setWeight: 20)"]
    assert world.messages("RolloutPaused") == ["Rollout is paused (CanaryPauseStep)"]
    assert {e.type for e in world.events} == {"Normal"}
    world.client(**RESUME).run()
    assert world.messages("RolloutCompleted") == [
        f"Rollout completed update to revision 2 ({new}): Completed all 2 canary steps"
    ]


def test_texts_of_a_blue_green_pause_and_promotion(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run()
    assert world.messages("RolloutPaused") == ["Rollout is paused (BlueGreenPause)"]
    world.client(**RESUME).run()
    old, new = world.hash("v1"), world.hash("v2")
    switched = f"Switched selector for service 'demo-active' from '{old}' to '{new}'"
    assert switched in world.messages("SwitchService")
    assert world.messages("RolloutCompleted") == [
        f"Rollout completed update to revision 2 ({new}): Completed blue-green update"
    ]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (weight(20), "setWeight: 20"),
        (pause(0), "pause: 0"),
        (pause("0s"), "pause: 0s"),
        ({"setCanaryScale": {"weight": 20}}, "setCanaryScale{weight: 20}"),
        ({"setCanaryScale": {"replicas": 5}}, "setCanaryScale{replicas: 5}"),
        ({"setCanaryScale": {"matchTrafficWeight": True}}, "setCanaryScale{matchTrafficWeight: true}"),
        ({"setHeaderRoute": {"name": "vip"}}, "setHeaderRoute: vip"),
        ({"setMirrorRoute": {"name": "copy"}}, "setMirrorRoute: copy"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_texts_of_steps(a_rollout: Build, step: dict[str, object], text: str) -> None:
    routes = {"managedRoutes": [{"name": "vip"}, {"name": "copy"}]}
    world = a_rollout([step, PAUSE], routed=True, trafficRouting=routes).image("v2").run().after(2)
    assert world.messages("RolloutStepCompleted")[0] == f"Rollout step 1/2 completed ({text})"


def test_text_of_a_rollback(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().forget().image("v1").run()
    assert world.messages("SkipSteps") == ["Rollback to stable ReplicaSets"]
    assert "RolloutCompleted" not in world.reasons()


def test_text_of_a_rollback_within_the_window(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True, spec={"rollbackWindow": {"revisions": 2}})
    world.image("v2").run().client(**RESUME).run()
    assert world.spec_size("v1") == 10
    world.forget().image("v1").run()
    assert world.messages("SkipSteps") == ["Rollback to active ReplicaSets within RollbackWindow"]
    assert world.messages("RolloutCompleted")[0].endswith(": Rollback within window")


def test_without_pods_a_rollback_within_the_window_skips_silently(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], spec={"rollbackWindow": {"revisions": 2}})
    world.image("v2").run().client(**RESUME).run().forget().image("v1").run()
    assert "SkipSteps" not in world.reasons()
    assert world.reasons()[:2] == ["RolloutUpdated", "RolloutNotCompleted"]
    assert world.messages("RolloutCompleted")[0].endswith(": Rollback within window")


def test_text_of_a_full_promotion(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout([weight(20), PAUSE]), a_blue_green(**MANUAL)):
        world.image("v2").run().client(promoteFull=True).run()
        assert world.messages("RolloutCompleted")[0].endswith(": Full promotion requested")


# --- when they are sent, and when not ---


def test_not_completed_is_sent_once_for_an_update_whatever_becomes_of_it(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    world.image("v3").run().client(abort=True).run().client(abort=False).run().image("v4").run()
    world.strategy(steps=[weight(30), PAUSE]).run()
    assert world.reasons().count("RolloutNotCompleted") == 1


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_a_clients_resume_sends_no_resumed(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().forget().client(**RESUME).run()
    assert "RolloutResumed" not in world.reasons()


def test_the_controllers_own_end_of_a_pause_sends_resumed(a_rollout: Build) -> None:
    timed = a_rollout([weight(20), pause(5)]).image("v2").run().forget().after(7)
    full = a_rollout([weight(20), PAUSE]).image("v2").run().forget().client(promoteFull=True).run()
    third = a_rollout([weight(20), PAUSE]).image("v2").run().forget().image("v3")
    third.step()
    steps = a_rollout([weight(20), PAUSE]).image("v2").run().forget().strategy(steps=[weight(30), PAUSE])
    steps.step()
    skipped = a_rollout([weight(20), PAUSE, weight(50)]).image("v2").run().forget().client(currentStepIndex=2).run()
    for world in (timed, full, third, steps, skipped):
        assert world.messages("RolloutResumed") == ["Rollout is resumed"]


def test_neither_an_abort_nor_a_persons_pause_sends_paused_or_resumed(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().forget()
    world.edit(paused=True).run().edit(paused=False).run().client(abort=True).run()
    assert not {"RolloutPaused", "RolloutResumed"} & set(world.reasons())


def test_a_stale_pause_is_dropped_by_the_promotion_after_its_event(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().forget().client(currentStepIndex=2).run()
    assert [r for r in world.reasons() if r in ("RolloutCompleted", "RolloutResumed")] == [
        "RolloutCompleted",
        "RolloutResumed",
    ]


def test_an_abort_is_one_warning(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().client(abort=True).run()
    assert sent(world, "RolloutAborted") == [Event("RolloutAborted", "Rollout aborted update to revision 2", "Warning")]


def test_an_invalid_spec_sends_nothing(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).strategy(maxSurge=0, maxUnavailable=0).run()
    assert world.phase[0] == "Degraded"
    world.strategy(maxSurge=1).run()
    assert not world.events


# --- routers ---


def test_texts_of_weights(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE, weight(50), PAUSE], routed=True, deployed=False).run()
    assert world.messages("TrafficWeightUpdated") == ["Traffic weight updated to 0"]
    world.forget().image("v2").run().client(**RESUME).run()
    assert world.messages("TrafficWeightUpdated") == [
        "Traffic weight updated ",
        "Traffic weight updated from 0 to 10",
        "Traffic weight updated from 10 to 50",
    ]


def test_a_weight_that_cannot_be_verified_is_a_warning(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True).image("v2")
    world.refuse = lambda a: Outcome(a, message="timed out") if isinstance(a, VerifyWeights) else None
    world.run()
    assert world.messages("WeightVerifyError")[0] == "Failed to verify weight: timed out"
    assert {e.type for e in sent(world, "WeightVerifyError")} == {"Warning"}
    assert world.spec_size("v2") == 1


def test_a_router_that_fails_is_a_warning(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True).image("v2").run().client(**RESUME)
    world.refuse = lambda a: Outcome(a, Result.FAILED, message="boom") if isinstance(a, SetWeights) else None
    world.step()
    assert world.plan is not None
    assert "boom" in world.plan.conclude([Outcome(world.plan.actions[-1], Result.FAILED, message="boom")]).error
