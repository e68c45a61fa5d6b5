"""Canary updates that once went wrong: shares without pods, gates that were lost, passes without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.api import names
from tidegate.machine.actions import PatchPod, PatchReplicaSet
from tidegate.machine.checking import Operation, StartRun, StepAnswer
from tidegate.machine.observed import Observed
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.rollout.decide import decide
from tidegate.machine.routing import CleanUpRouter

Build = Callable[..., World]
GATE = {"templates": [{"templateName": "check"}]}
PLUGIN = {"plugin": {"name": "p"}}
PING_PONG = {"pingPong": {"pingService": "ping", "pongService": "pong"}}


def share(world: World) -> int:
    return int(world.status["canary"]["weights"]["canary"]["weight"])


@pytest.mark.parametrize("result", [Result.FAILED, Result.PENDING])
def test_a_router_that_left_the_spec_keeps_no_abort_from_its_weight(a_rollout: Build, result: Result) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, replicas=4).image("v2").run()
    whole = world.seen
    world.seen = lambda: replace(whole(), retired=("old",))  # type: ignore[method-assign]
    world.refuse = lambda a: Outcome(a, result, message="gone") if isinstance(a, CleanUpRouter) else None
    world.client(abort=True)
    for _ in range(5):
        world.step()
    assert world.weights[-1][0] == 0


@pytest.mark.parametrize("label", ["app", names.POD_HASH])
@pytest.mark.parametrize("role", ["canaryMetadata", "stableMetadata"])
def test_metadata_of_a_role_may_not_touch_the_selector(a_rollout: Build, role: str, label: str) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).strategy(**{role: {"labels": {label: "x"}}}).run()
    assert world.condition("InvalidSpec") is not None


@pytest.mark.parametrize("role", ["activeMetadata", "previewMetadata"])
@pytest.mark.parametrize("label", ["app", "tier", names.POD_HASH])
def test_metadata_of_a_role_may_not_touch_any_key_that_selects(a_blue_green: Build, role: str, label: str) -> None:
    world = a_blue_green()
    template = world.rollout["spec"]["template"]["metadata"]["labels"]
    template["tier"] = "web"
    world.rollout["spec"]["selector"]["matchExpressions"] = [{"key": "tier", "operator": "Exists"}]
    world.strategy(**{role: {"labels": {label: "x"}}}).run()
    assert world.condition("InvalidSpec") is not None
    assert label in world.text("InvalidSpec")


@pytest.mark.parametrize("ping_pong", [False, True])
def test_no_service_moves_while_a_former_share_is_in_force(a_rollout: Build, ping_pong: bool) -> None:
    fields: dict[str, Any] = {"services": False, **PING_PONG} if ping_pong else {}
    world = a_rollout([weight(50), PAUSE], routed=True, replicas=4, **fields)
    world.verdict = True
    world.image("v2").run()
    service = "pong" if ping_pong else "demo-canary"
    assert world.selected(service) == world.hash("v2")
    world.verdict = False
    world.image("v3")
    for _ in range(8):
        world.step()
    assert world.selected(service) == world.hash("v2")
    assert world.spec_size("v2") > 0


def test_retry_before_the_next_pass_starts_anew_after_a_failed_plugin(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PLUGIN, weight(60), PAUSE], replicas=5)
    world.answer = lambda a: StepAnswer("Failed" if a.operation is Operation.RUN else "Successful")
    world.image("v2")
    while not world.status.get("abort"):
        world.step()
    world.answer = lambda _: StepAnswer("Running")
    world.client(abort=False).run()
    assert world.status["currentStepIndex"] == 1
    assert world.size(2) == 1


def test_retry_before_the_next_pass_starts_anew_after_a_failed_run(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(60), {"analysis": GATE}], routed=True, replicas=5)
    world.image("v2").run().client(**RESUME).run().judge("Step", "Failed").step()
    world.client(abort=False).run()
    assert (world.status["currentStepIndex"], share(world)) == (1, 20)


def test_retry_before_the_next_pass_starts_anew_after_the_deadline(a_rollout: Build) -> None:
    deadline = {"progressDeadlineSeconds": 20, "progressDeadlineAbort": True}
    world = a_rollout([weight(20), PAUSE, weight(60), PAUSE], routed=True, replicas=5, spec=deadline)
    world.image("v2").run()
    world.pods_up["v2"] = 1
    world.client(**RESUME).run()
    world.now += timedelta(seconds=30)
    world.step()
    assert world.status["abort"] is True
    world.client(abort=False).run()
    assert world.status["currentStepIndex"] == 1


def test_a_pod_that_refuses_its_marks_comes_behind_the_sizes(a_rollout: Build) -> None:
    marks = {"labels": {"role": "s"}}
    world = a_rollout([weight(50), PAUSE], routed=True, replicas=4, stableMetadata=marks).image("v2").run()
    world.refuse = lambda a: Outcome(a, Result.FAILED, message="denied") if isinstance(a, PatchPod) else None
    world.strategy(stableMetadata={"labels": {"role": "s2"}}).edit(replicas=6)
    for _ in range(6):
        world.step()
    assert world.spec_size("v1") == 6


def test_a_deleted_carrier_loses_its_share(a_rollout: Build) -> None:
    steps = [weight(25), PAUSE, weight(75), PAUSE]
    world = a_rollout(steps, routed=True, replicas=4, dynamicStableScale=True)
    world.image("v2").run().client(**RESUME).run()
    world.pods_up["v1"] = 1
    world.image("v1").run()
    del world.sets[world.of("v2")["metadata"]["name"]]
    assert share(world.run()) == 0


@pytest.mark.parametrize("key", [names.SCALE_DOWN_DEADLINE, names.EPHEMERAL_METADATA])
@pytest.mark.parametrize("routed", [False, True])
def test_an_annotation_that_was_copied_makes_no_loop(a_rollout: Build, key: str, routed: bool) -> None:
    world = a_rollout([weight(20), PAUSE], replicas=4, routed=routed)
    world.rollout["metadata"]["annotations"][key] = "{}"
    world.run()
    assert key not in world.of("v1")["metadata"]["annotations"]


@pytest.mark.parametrize("key", [names.SCALE_DOWN_DEADLINE, names.EPHEMERAL_METADATA])
def test_a_copied_annotation_makes_no_loop_in_blue_green(a_blue_green: Build, key: str) -> None:
    world = a_blue_green()
    world.rollout["metadata"]["annotations"][key] = "{}"
    world.run()
    assert key not in world.of("v1")["metadata"]["annotations"]


def test_after_an_outage_the_weight_comes_back_with_its_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, replicas=10).image("v2").run()
    world.pods_up["v2"] = 0
    world.run()
    assert share(world) == 0
    world.pods_up["v2"] = 1
    assert share(world.run()) < 50
    del world.pods_up["v2"]
    assert share(world.run()) == 50


def test_no_pods_wanted_drains_what_services_select(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, replicas=4).edit(paused=True).run()
    world.image("v2").run().edit(replicas=0).run().client(promoteFull=True).run().edit(paused=False).run().after(2000)
    assert [manifest["spec"]["replicas"] for manifest in world.sets.values()] == [0] * len(world.sets)


def test_a_plugin_status_of_the_far_future_is_survived(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, PLUGIN, PAUSE], replicas=4, routed=True)
    world.answer = lambda _: StepAnswer("Running")
    world.image("v2").run().client(**RESUME).run()
    entry = {"index": 2, "name": "p", "operation": "Run", "phase": "Running", "backoff": "1s"}
    world.client(canary={"stepPluginStatuses": [{**entry, "updatedAt": "9999-12-31T23:59:59Z"}]})
    world.after(100)
    assert world.phase[0] == "Progressing"


def test_a_former_stable_of_ping_pong_goes(a_rollout: Build) -> None:
    world = a_rollout([], routed=True, services=False, replicas=1, **PING_PONG)
    world.image("v2").run().after(700)
    assert world.spec_size("v1") == 0
    assert world.phase == ("Healthy", "")


@pytest.mark.parametrize("dynamic", [False, True])
def test_pods_wait_for_the_yes_of_a_router_after_weight_zero(a_rollout: Build, dynamic: bool) -> None:
    steps = [weight(100), PAUSE, weight(0), PAUSE]
    world = a_rollout(steps, routed=True, replicas=4, dynamicStableScale=dynamic)
    world.verdict = True
    world.image("v2").run()
    world.verdict = False
    world.client(**RESUME).run()
    assert world.spec_size("v2") == 4
    world.verdict = True
    world.after(10)
    assert world.spec_size("v2") < 4


@pytest.mark.parametrize("dynamic", [False, True])
def test_the_former_stable_waits_for_the_yes_of_a_router(a_rollout: Build, dynamic: bool) -> None:
    world = a_rollout([], routed=True, replicas=4, dynamicStableScale=dynamic)
    world.verdict = False
    world.image("v2").run().after(600)
    assert world.spec_size("v1") > 0
    world.verdict = True
    world.after(60).after(60)
    assert world.spec_size("v1") == 0


def test_a_superseded_version_waits_for_the_yes_of_a_router(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], routed=True, replicas=10)
    world.verdict = True
    world.image("v2").run()
    world.verdict = False
    world.image("v3").run()
    assert world.spec_size("v2") == 1


def test_an_experiment_of_a_paused_rollout_runs_once(a_rollout: Build) -> None:
    world = a_rollout([{"experiment": {"templates": [{"name": "a", "specRef": "canary"}]}}, PAUSE], replicas=4)
    world.verdicts["Experiment"] = "Running"
    world.image("v2").run().edit(paused=True).run()
    world.verdicts["Experiment"] = "Successful"
    for _ in range(5):
        world.after(10)
    assert len(world.experiments) == 1


def test_a_run_of_a_pass_that_died_is_not_ended(a_rollout: Build) -> None:
    world = a_rollout([weight(20), {"analysis": GATE}, weight(60), PAUSE], routed=True, replicas=5).image("v2")
    for _ in range(20):
        world.cluster()
        plan = decide(world.seen())
        if any(isinstance(action, StartRun) for action in plan.actions):
            world.perform(plan.actions)
            break
        world.step()
    assert len(world.runs) == 1
    world.run()
    assert [run.ending for run in world.runs.values()] == [False]
    assert (world.status["currentStepIndex"], share(world)) == (1, 20)


def test_a_skipped_step_raises_no_share_without_its_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(50), PAUSE], routed=True, replicas=10).image("v2").run()
    world.pods_up["v2"] = 2
    world.client(**RESUME).run().client(currentStepIndex=3).run()
    assert share(world) <= 20


def test_the_deadline_aborts_no_full_promotion(a_rollout: Build) -> None:
    spec = {"progressDeadlineSeconds": 20, "progressDeadlineAbort": True}
    world = a_rollout([weight(20), PAUSE], routed=True, replicas=4, spec=spec)
    world.image("bad").run().client(promoteFull=True).run()
    for _ in range(5):
        world.after(30)
    assert world.reasons().count("RolloutAborted") == 0


def test_the_last_pod_behind_stable_service_stays(a_rollout: Build) -> None:
    world = a_rollout([weight(100), PAUSE], replicas=1, services=True, maxUnavailable="100%").image("v2").run()
    assert world.selected("demo-stable") == world.hash("v2")
    world.image("bad").run()
    behind = world.by_hash(world.selected("demo-stable"))
    assert behind is not None
    assert behind["status"]["available"] == 1


def test_an_aborted_version_waits_at_its_deadline_for_stable(a_rollout: Build) -> None:
    world = a_rollout([weight(100), PAUSE], routed=True, replicas=1).image("v2").run().client(abort=True).run()
    world.pods_up["v1"] = 0
    world.after(60)
    assert world.spec_size("v2") == 1
    del world.pods_up["v1"]
    assert world.after(60).spec_size("v2") == 0


def test_a_router_goes_when_the_canary_becomes_basic_in_a_pause(a_rollout: Build) -> None:
    world = a_rollout([weight(75), PAUSE], routed=True, replicas=4, dynamicStableScale=True).image("v2").run()
    world.strategy(trafficRouting=None, dynamicStableScale=None)
    world.routers, whole = (), world.seen
    world.seen = lambda: replace(whole(), retired=("mesh",))  # type: ignore[method-assign]
    world.run()
    assert any(isinstance(call, CleanUpRouter) for call in world.calls)


def test_weights_that_routers_took_are_recorded_although_the_pass_failed(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run().client(abort=True).edit(replicas=9)
    world.refuse = lambda a: Outcome(a, Result.FAILED, message="409") if isinstance(a, PatchReplicaSet) else None
    world.step()
    assert world.weights[-1][0] == 0
    assert world.status["canary"]["weights"]["canary"]["weight"] == 0
    assert world.phase == ("Paused", "CanaryPauseStep"), "nothing else is claimed"


def test_pods_that_are_on_their_way_out_carry_no_share(a_rollout: Build) -> None:
    world = a_rollout([weight(75), PAUSE], routed=True, replicas=4, dynamicStableScale=True).image("v2").run()
    whole = world.seen
    stable = world.hash("v1")

    def stale() -> Observed:
        seen = whole()
        sets = tuple(replace(s, available=3) if s.pod_hash == stable else s for s in seen.replica_sets)
        return replace(seen, replica_sets=sets)

    world.forget().client(abort=True)
    world.seen = stale  # type: ignore[method-assign]
    world.step()
    assert world.weights[-1][0] == 75, "one pod of stable stays, whatever its status still says"
