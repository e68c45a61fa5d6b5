"""Scenarios of the canary: basic and behind a router. Ids are those of the behavioural specification's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.machine.plan import Outcome, PointService, Result, SetWeights
from tidegate.machine.traffic import Hashes

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def test_a1_first_deployment_is_promoted_at_once_and_walks_no_steps(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], replicas=1, deployed=False)
    world.step()
    assert [s["spec"]["replicas"] for s in world.sets.values()] == [0]
    assert world.condition("Completed") == ("False", "RolloutCompleted")
    world.run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 1
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
    assert world.writes == 1


def test_a3_update_to_weight_20_of_ten_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    assert world.pair() == (2, 8)
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a4_surge_of_one_alternates_and_never_leaves_its_bounds(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], maxSurge=1, maxUnavailable=0).image("v2").run()
    assert world.pair() == (5, 5)
    assert all(10 <= new + stable <= 11 for new, stable in world.history)


def test_a7_scaling_while_paused_keeps_the_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=1).image("v2").run()
    assert world.pair() == (1, 1)
    assert world.edit(replicas=8).run().pair() == (2, 6)
    assert world.edit(replicas=4).run().pair() == (1, 3)
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a9_abort_drains_the_canary_and_a10_retry_starts_over(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=4, services=True).image("v2").run()
    assert world.pair() == (1, 3)
    world.forget().client(abort=True).run()
    assert world.pair() == (0, 4)
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
    assert world.condition("Paused") == ("False", "RolloutPaused")
    assert world.services["demo-canary"].selector["rollouts-pod-template-hash"] == world.status["stableRS"]
    assert world.reasons().count("RolloutAborted") == 1
    world.forget().client(abort=False).run()
    assert world.pair() == (1, 3)
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.reasons()[-2:] == ["RolloutStepCompleted", "RolloutPaused"]


def test_a11_the_stable_template_again_ends_an_abort_without_a_deployment(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=4).image("v2").run().client(abort=True).run()
    world.forget().image("v1").run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 2
    assert "SkipSteps" in world.reasons()
    assert "RolloutCompleted" not in world.reasons()
    stable = world.by_hash(world.status["stableRS"])
    annotations = stable["metadata"]["annotations"]
    assert annotations["rollout.argoproj.io/revision"] == "3"
    assert annotations["rollout.argoproj.io/revision-history"] == "1"


def test_a12_a_timed_pause_is_never_shorter_than_written(a_rollout: Build) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 3}}], deployed=True)
    world.after(0.4).image("v2").run()
    assert world.status["pauseConditions"][0]["startTime"] == "2026-01-01T00:00:01Z"
    world.forget().after(3.5)
    assert world.phase[0] == "Paused"
    world.after(0.2)
    assert world.phase == ("Healthy", "")
    assert world.reasons()[:2] == ["RolloutStepCompleted", "RolloutResumed"]


def test_a13_a_pause_that_ran_out_waits_while_a_person_has_paused(a_rollout: Build) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 3}}]).image("v2").run()
    world.edit(paused=True).after(60)
    assert world.phase == ("Paused", "manually paused")
    assert world.status["currentStepIndex"] == 1
    world.edit(paused=False).run()
    assert world.phase == ("Healthy", "")


def test_a_resume_while_a_person_has_paused_is_kept(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE]).image("v2").run()
    world.edit(paused=True).run().client(**RESUME).run()
    assert world.phase == ("Paused", "manually paused")
    world.edit(paused=False).run()
    assert world.status["currentStepIndex"] == 3


def test_a15_edited_steps_start_the_update_over(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    before = world.status["currentStepHash"]
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [weight(50), PAUSE]
    world.edited().step()
    assert world.status["currentStepIndex"] == 0
    assert "pauseConditions" not in world.status
    assert world.status["currentStepHash"] != before
    assert world.run().pair() == (5, 5)


def test_a16_edited_steps_of_a_finished_rollout_change_nothing(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [weight(50), PAUSE]
    world.edited().run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 2
    assert not world.events


def test_a17_zero_replicas_walk_their_steps_and_pause(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).edit(replicas=0).run()
    assert world.phase == ("Healthy", "")
    world.image("v2").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.client(**RESUME).run().phase == ("Healthy", "")


def test_a18_full_promotion_skips_steps_and_keeps_the_floor(a_rollout: Build) -> None:
    world = a_rollout([weight(25), PAUSE], replicas=4, maxSurge=3, maxUnavailable=0).image("v2")
    world.step()
    world.client(promoteFull=True).run()
    assert world.phase == ("Healthy", "")
    assert "promoteFull" not in world.status
    assert any(e.message.endswith("Full promotion requested") for e in world.events)
    assert world.pair() == (4, 0)


def test_a19_a_version_that_never_comes_up_is_degraded_at_its_deadline_and_recovers(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], spec={"progressDeadlineSeconds": 10}).image("bad").run()
    assert world.phase[0] == "Progressing"
    world.after(12)
    assert world.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    assert world.phase[0] == "Degraded"
    world.image("v3").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.pair() == (5, 5)


def test_a20_progress_deadline_abort_is_one_event_and_one_write(a_rollout: Build) -> None:
    spec = {"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}
    world = a_rollout([weight(50), PAUSE], spec=spec).image("bad").run()
    world.forget().after(12)
    aborted = [e for e in world.events if e.reason == "RolloutAborted"]
    name = next(n for n, s in world.sets.items() if "bad" in str(s["spec"]))
    assert [e.message for e in aborted] == [
        f'Rollout aborted update to revision 2: ReplicaSet "{name}" has timed out progressing.'
    ]
    assert world.pair() == (0, 10)


def test_a21_the_deadline_does_not_run_in_a_pause(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], spec={"progressDeadlineSeconds": 10}).image("v2").run()
    assert world.after(100).phase == ("Paused", "CanaryPauseStep")
    assert world.condition("Progressing") == ("Unknown", "RolloutPaused")


def test_a23_history_is_trimmed_to_its_limit(a_rollout: Build) -> None:
    world = a_rollout([], spec={"revisionHistoryLimit": 2})
    for tag in ("v2", "v3", "v4", "v5"):
        world.image(tag).run()
    assert len(world.sets) == 3
    assert world.size(5) == 10


def test_x13_a_third_revision_does_not_pass_its_step_without_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), {"pause": {"duration": 5}}], replicas=4, maxSurge=1, maxUnavailable=0)
    world.image("bad").run()
    world.pods_up["v3"] = 0
    world.image("v3").run()
    assert world.status["currentStepIndex"] == 0


def test_b1_to_b8_a_routed_canary_walks_and_is_promoted(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE, weight(50), PAUSE], routed=True)
    assert world.services["demo-stable"].selector["rollouts-pod-template-hash"] == world.status["stableRS"]
    assert world.status["canary"]["weights"]["canary"]["weight"] == 0
    world.image("v2").run()
    assert world.pair() == (1, 10)
    assert world.status["canary"]["weights"]["canary"]["weight"] == 10
    assert world.services["demo-canary"].selector["rollouts-pod-template-hash"] == world.status["currentPodHash"]
    world.client(**RESUME).run()
    assert (world.pair(), world.weights[-1][0]) == ((5, 10), 50)
    world.client(**RESUME).run()
    assert world.phase == ("Healthy", "")
    # The second 0 tells the router about the new revision before it has pods.
    assert [w for w, _ in world.weights] == [0, 0, 10, 50, 100, 0]
    assert world.size(1) == 10
    world.after(31)
    assert world.size(1) == 0
    assert world.condition("Healthy") == ("True", "RolloutHealthy")
    texts = [e.message for e in world.events if e.reason == "TrafficWeightUpdated"]
    assert texts == [
        "Traffic weight updated ",
        "Traffic weight updated from 0 to 10",
        "Traffic weight updated from 10 to 50",
        "Traffic weight updated from 50 to 100",
        "Traffic weight updated from 100 to 0",
    ]


def test_b3_the_weight_waits_for_the_pods_of_its_step(a_rollout: Build) -> None:
    world = a_rollout([weight(10), weight(20), PAUSE], routed=True)
    world.pods_up["v2"] = 1
    world.image("v2").run()
    assert (world.status["currentStepIndex"], world.weights[-1][0]) == (1, 10)
    world.pods_up["v2"] = 2
    assert world.run().weights[-1][0] == 20


def test_b4_an_unverified_weight_does_not_complete_its_step(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True)
    world.verdict = False
    world.image("v2").run()
    assert world.status["currentStepIndex"] == 0
    assert world.status["canary"]["weights"]["verified"] is False
    assert (world.wake_at - world.now).total_seconds() == 10
    world.verdict = True
    assert world.run().status["currentStepIndex"] == 1


def test_b6_a_router_that_fails_stops_the_pass_before_the_status(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True).image("v2")
    world.run()
    world.client(**RESUME)
    before = dict(world.status)
    world.refuse = lambda action: (
        Outcome(action, Result.FAILED, message="boom") if isinstance(action, SetWeights) else None
    )
    world.step()
    assert world.status == before
    world.refuse = lambda _: None
    assert world.run().phase == ("Healthy", "")


def test_b7_an_unverified_last_weight_keeps_the_old_version_and_the_promotion_waits(a_rollout: Build) -> None:
    world = a_rollout([weight(10)], routed=True)
    world.verdict = True
    world.image("v2")
    for _ in range(4):
        world.step()
    world.verdict = False
    world.run()
    assert world.status["stableRS"] != world.status["currentPodHash"]
    assert world.size(1) == 10
    world.verdict = True
    assert world.run().phase == ("Healthy", "")


def test_b11_a_third_revision_resets_the_weight_before_the_hashes(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.forget().image("bad-v3").step()
    world.step()
    kinds = [type(c).__name__ + (" early" if getattr(c, "early", False) else "") for c in world.calls]
    wanted = ["RemoveManagedRoutes", "SetWeights early", "UpdateHash", "SetWeights"]
    assert [k for k in kinds if k in wanted][:4] == wanted
    assert world.status["canary"]["weights"]["canary"]["weight"] == 0


def test_b12_weights_stay_where_stable_cannot_take_them(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 3
    world.forget().image("bad-v3").run()
    assert [w for w, _ in world.weights] == [50]
    assert world.status["canary"]["weights"]["canary"]["weight"] == 50
    assert "waiting for stable ReplicaSet to have 10 available replicas (has 3)" in world.plan.notes


def test_b13_abort_returns_all_traffic_and_keeps_the_pods_for_the_delay(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.forget().client(abort=True).run()
    assert world.weights[-1][0] == 0
    points = [c for c in world.calls if isinstance(c, PointService)]
    assert [(p.service, p.pod_hash) for p in points] == [("demo-canary", world.status["stableRS"])]
    assert world.status["abort"] is True
    assert world.pair() == (5, 10)
    world.after(29)
    assert world.pair() == (5, 10)
    assert world.after(2).pair() == (0, 10)
    assert world.phase[0] == "Degraded"


def test_b15_an_abort_delay_of_zero_keeps_the_canary(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, abortScaleDownDelaySeconds=0).image("v2").run()
    world.forget().client(abort=True).run().after(3600)
    assert world.pair() == (5, 10)
    assert sum(isinstance(c, PointService) for c in world.calls) == 1


def test_b16_set_canary_scale_sizes_apart_from_the_weight(a_rollout: Build) -> None:
    steps = [
        PAUSE,
        {"setCanaryScale": {"weight": 25}},
        PAUSE,
        weight(50),
        PAUSE,
        {"setCanaryScale": {"replicas": 3}},
        PAUSE,
        {"setCanaryScale": {"matchTrafficWeight": True}},
        PAUSE,
    ]
    world = a_rollout(steps, routed=True, replicas=4).image("v2").run()
    pairs = [world.pair()]
    for _ in range(4):
        pairs.append(world.client(**RESUME).run().pair())
    assert pairs == [(0, 4), (1, 4), (1, 4), (3, 4), (2, 4)]
    world.client(**RESUME).run()
    assert (world.size(2), world.size(1)) == (4, 4)


def test_b18_full_promotion_behind_a_router_never_raises_the_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run()
    world.forget().client(promoteFull=True).run()
    assert world.phase == ("Healthy", "")
    assert [w for w, _ in world.weights] == [20, 0]
    assert world.services["demo-stable"].selector["rollouts-pod-template-hash"] == world.status["currentPodHash"]


def test_b19_without_steps_services_switch_at_the_promotion(a_rollout: Build) -> None:
    world = a_rollout([], routed=True).forget().image("v2").run()
    assert {w for w, _ in world.weights} == {0}
    assert world.phase == ("Healthy", "")


def test_b20_header_routes_are_a_fold_that_ends_with_the_update(a_rollout: Build) -> None:
    match = [{"headerName": "X-Test", "headerValue": {"exact": "yes"}}]
    steps = [weight(10), {"setHeaderRoute": {"name": "h", "match": match}}, PAUSE]
    world = a_rollout(steps, routed=True, trafficRouting={"managedRoutes": [{"name": "h"}]}).image("v2").run()
    assert "SetHeaderRoute" in {type(c).__name__ for c in world.calls}
    world.forget().client(abort=True).run()
    removals = [c for c in world.calls if type(c).__name__ == "RemoveManagedRoutes"]
    assert removals
    assert all(not c.keep for c in removals)
    assert "SetHeaderRoute" not in {type(c).__name__ for c in world.calls}


def test_b21_a_larger_total_divides_the_traffic_finer(a_rollout: Build) -> None:
    world = a_rollout([weight(200), PAUSE], routed=True, trafficRouting={"maxTrafficWeight": 1000}).image("v2").run()
    assert world.pair() == (2, 10)
    assert world.status["canary"]["weights"]["stable"]["weight"] == 800


def test_b22_an_adopted_service_waits_for_every_pod(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True)
    service = world.services["demo-canary"]
    world.services["demo-canary"] = type(service)(service.name, {"app": "demo"}, "", "1")
    world.pods_up["v2"] = 1
    world.image("v2").run()
    assert "rollouts-pod-template-hash" not in world.services["demo-canary"].selector
    world.pods_up["v2"] = 2
    world.run()
    assert world.services["demo-canary"].selector["rollouts-pod-template-hash"] == world.status["currentPodHash"]


def test_e1_a_finished_rollout_ignores_an_abort(a_rollout: Build) -> None:
    world = a_rollout([weight(20)]).client(abort=True).run()
    assert world.phase == ("Healthy", "")
    assert "abort" not in world.status


def test_e2_an_index_behind_the_end_promotes_under_the_usual_gates(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE], routed=True).image("v2").run()
    world.client(currentStepIndex=99).run()
    assert world.phase == ("Healthy", "")
    assert world.status["currentStepIndex"] == 4


def test_e9_an_invalid_spec_freezes_and_says_where(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    world.rollout["spec"]["strategy"]["canary"]["steps"][0] = weight(120)
    world.edited().forget().run()
    text = (
        'The Rollout "demo" is invalid: spec.strategy.steps[0].setWeight: Invalid value: 120: '
        "SetWeight needs to be between 0 and 100"
    )
    assert world.phase == ("Degraded", f"InvalidSpec: {text}")
    assert world.pair() == (2, 8)
    assert (world.wake_at - world.now).total_seconds() == 20
    assert not world.events


def test_e20_two_passes_over_an_unchanged_world_write_nothing(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run()
    world.forget().step()
    world.step()
    assert world.writes == 0
    assert not world.events


def test_collision_with_a_foreign_name_takes_another(a_rollout: Build) -> None:
    world = a_rollout([], deployed=False)
    refused: list[str] = []

    def taken(action: Any) -> Outcome | None:
        if type(action).__name__ == "CreateReplicaSet" and not refused:
            refused.append(action.name)
            return Outcome(action, Result.COLLIDED)
        return None

    world.refuse = taken
    world.run()
    assert world.status["collisionCount"] == 1
    assert refused[0] not in world.sets
    assert world.phase == ("Healthy", "")


def test_weights_name_both_revisions(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run()
    last = [c for c in world.calls if isinstance(c, SetWeights)][-1]
    assert last.hashes == Hashes(world.status["currentPodHash"], world.status["stableRS"])


def test_a_set_that_the_selector_no_longer_matches_is_released_and_its_name_left_alone(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    former = next(iter(world.sets))
    world.sets[former]["metadata"]["labels"]["app"] = "stray"
    world.step()
    assert world.status["collisionCount"] == 1
    world.run()
    assert former in world.sets
    assert world.sets[former]["metadata"]["ownerReferences"] == []
    assert len(world.sets) == 2


def test_a_lower_weight_goes_before_the_pods_that_carried_it(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE, weight(0), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 9  # stable cannot take everything back yet
    world.client(**RESUME).run()
    assert (world.weights[-1][0], world.pair()) == (50, (5, 10))
    del world.pods_up["v1"]
    world.run()
    assert (world.weights[-1][0], world.pair()) == (0, (0, 10))
    assert world.status["currentStepIndex"] == 3


def test_a_router_that_is_not_there_yet_loses_no_resume(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE], routed=True).image("v2").run()
    world.refuse = lambda action: Outcome(action, Result.PENDING) if isinstance(action, SetWeights) else None
    world.client(**RESUME).run()
    world.refuse = lambda _: None
    assert world.run().status["currentStepIndex"] == 3


def test_a_former_version_whose_pods_died_in_its_delay_goes_all_the_same(a_rollout: Build) -> None:
    world = a_rollout([weight(50)], routed=True, replicas=1).image("v2").run()
    world.pods_up["v1"] = 0
    world.run().after(31)
    assert world.size(1) == 0
    assert world.phase == ("Healthy", "")


def test_steps_edited_while_the_spec_is_invalid_start_over(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(30), PAUSE], routed=True).image("v2").run()
    service, world.services["demo-canary"] = world.services["demo-canary"], None
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [PAUSE, weight(90), PAUSE]
    world.edited().run()
    assert world.phase[0] == "Degraded"
    world.services["demo-canary"] = service
    world.run()
    assert (world.status["currentStepIndex"], world.weights[-1][0]) == (0, 0)


def test_an_abort_reaches_every_router_even_when_the_first_is_down(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True)
    world.routers = (*world.routers, type(world.routers[0])("two", "Two", world.routers[0].can))
    world.image("v2").run()
    world.refuse = lambda action: (
        Outcome(action, Result.FAILED, message="down")
        if isinstance(action, SetWeights) and action.router == "mesh"
        else None
    )
    world.forget().client(abort=True).step()
    assert [c.weights.canary for c in world.calls if isinstance(c, SetWeights) and c.router == "two"] == [0]
    assert world.status["canary"]["weights"]["canary"]["weight"] == 50, "status claims nothing that was not done"


def test_the_abort_delay_begins_once_weight_0_is_in_force(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True)
    world.verdict = True
    world.image("v2").run()
    world.verdict = False
    world.client(abort=True).run().after(600)
    assert world.pair() == (5, 10)
    world.verdict = True
    assert world.run().after(31).pair() == (0, 10)


def test_a_version_that_carries_weight_is_not_shrunk_to_its_ready_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up |= {"v1": 9, "v2": 0}
    world.image("bad-v3").run()
    assert world.size(2) == 5


def test_traffic_routing_without_a_router_records_no_weights(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True)
    world.routers = ()
    world.image("v2").run()
    assert "weights" not in world.status["canary"]


@pytest.mark.parametrize(
    "spec",
    [
        {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["other"]}]}},
        {"selector": {"matchExpressions": [{"key": "app", "operator": "Near", "values": ["demo"]}]}},
        {"strategy": {"canary": {"maxSurge": -5}}},
        {"strategy": {"canary": {"maxUnavailable": "abc"}}},
        {"strategy": {"canary": {"maxSurge": "9" * 5000}}},
        {"strategy": {"canary": {"trafficRouting": {"maxTrafficWeight": -1}}}},
        {"strategy": {"canary": {"steps": [{"setCanaryScale": {"replicas": -1}}]}}},
        {"strategy": {"canary": {"steps": [{"pause": {"duration": "9" * 5000}}]}}},
        {"strategy": {"canary": {"steps": [{"pause": {"duration": 10**14}}]}}},
    ],
    ids=lambda spec: str(spec)[:60],
)
def test_values_that_cannot_work_are_refused_and_change_nothing(a_rollout: Build, spec: dict[str, Any]) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True)
    before = dict(world.sets)
    world.edit(**spec).run()
    assert world.phase[0] == "Degraded"
    assert world.sets == before


@pytest.mark.parametrize(
    "status",
    [
        {"canary": {"weights": {"canary": {"weight": 500}, "stable": {"weight": -400}}}, "promoteFull": True},
        {"currentStepIndex": 10**12},
        {"pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "9999-12-31T23:59:59Z"}]},
        {"conditions": [{"type": "Progressing", "status": "True", "lastUpdateTime": "9999-12-31T23:59:59Z"}]},
    ],
    ids=lambda status: str(status)[:60],
)
def test_whatever_clients_write_into_the_status_is_judged(a_rollout: Build, status: dict[str, Any]) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 5}}], routed=True).image("v2").run()
    world.client(**status).run()
    assert world.phase[0] in ("Healthy", "Paused", "Progressing")


def test_a_scale_step_of_no_pods_takes_the_weight_first(a_rollout: Build) -> None:
    steps = [weight(10), {"setCanaryScale": {"replicas": 0}}, PAUSE]
    world = a_rollout(steps, routed=True).image("v2").run()
    assert (world.status["currentStepIndex"], world.weights[-1][0], world.pair()) == (2, 0, (0, 10))
