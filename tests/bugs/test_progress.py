"""Classes C, F, G and O: nothing gets stuck, an abort is obeyed, no loops, a bad stable version is no obstacle."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from machine_world import PAUSE, RESUME, World, pause, weight
from tidegate.machine.checking import StartExperiment
from tidegate.machine.observed import WorkloadView
from tidegate.simulation import Cluster, Fault
from tidegate.simulation.clients import VERBS
from tidegate.simulation.invariants import Judge

Build = Callable[..., World]
Sim = Callable[..., tuple[Cluster, Judge]]
MESH = (("mesh", "mesh", 0),)
EXPERIMENT = {"experiment": {"duration": "5m", "templates": [{"name": "base", "specRef": "stable"}]}}
STRICT = {"progressDeadlineSeconds": 60, "progressDeadlineAbort": True}
HEADER = {"setHeaderRoute": {"name": "beta", "match": [{"headerName": "X", "headerValue": {"exact": "y"}}]}}


@pytest.mark.parametrize("write", range(1, 7))
@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.REFUSED, Fault.CONFLICT])
def test_ar2522_an_error_on_the_way_is_no_end(a_cluster: Sim, write: int, fault: Fault) -> None:
    """C; I8 and I9: whichever of the first writes fails, the new ReplicaSet does not stay at nothing."""
    cluster, judge = a_cluster({"canary": {"steps": [weight(25), PAUSE]}}, routers=MESH)
    cluster.gate.plant(write, fault)
    cluster.set_image("v2")
    cluster.run_until_quiet(3_600)
    assert cluster.phase == ("Paused", "CanaryPauseStep")
    assert cluster.sizes()["v2"] == (1, 1)
    assert not judge.violations


def test_ar3316_a_stale_count_of_an_old_version_heals_itself(a_cluster: Sim) -> None:
    """C; I8: counts of ReplicaSets come a minute late; the release ends all the same, without a restart."""
    cluster, judge = a_cluster({"canary": {"steps": [weight(25)]}}, routers=MESH)
    cluster.controller.caches.lag_ms["replicaset"] = 60_000
    cluster.set_image("v2")
    cluster.run_until_quiet(7_200)
    assert cluster.phase == ("Healthy", "")
    assert not judge.violations


@pytest.mark.parametrize("back_s", [0, 100, 1_000])
def test_ar869_a_pause_ends_when_it_is_over_not_at_a_resync(a_cluster: Sim, back_s: float) -> None:
    """C; I8: the wake-up is derived from the status; a process that died in the pause loses nothing."""
    cluster, _ = a_cluster({"canary": {"steps": [weight(25), pause(1_200)]}}, routers=MESH)
    cluster.set_image("v2")
    cluster.settle()
    cluster.history.clear()
    begun = cluster.seconds
    if back_s:
        cluster.advance(back_s)
        cluster.controller.die()
    cluster.run_until_quiet()
    ended = next(m.ms for m in cluster.history if m.step == 2) / 1000
    assert 1_200 - 2 <= ended - begun <= 1_202


def test_ar4128_pods_that_never_come_end_in_an_abort(a_rollout: Build) -> None:
    """C; I9: a canary without pods holds neither the deadline nor an abort."""
    world = a_rollout([weight(10), PAUSE], routed=True, spec=STRICT).image("bad-v2").run()
    assert world.phase[0] == "Progressing"
    world.after(61)
    assert (world.phase[0], world.status["abort"]) == ("Degraded", True)
    other = a_rollout([weight(10), PAUSE], routed=True).image("bad-v2").run().client(abort=True).run()
    assert other.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
    assert other.after(31).spec_size("bad-v2") == 0


def test_ar942_an_experiment_that_ran_before_does_not_hold_the_same_template(a_rollout: Build) -> None:
    """C, K; I8: a failed one aborts even where one of the same name once succeeded."""
    world = a_rollout([EXPERIMENT, PAUSE]).image("v2").run().judge("Experiment", "Successful").run()
    world.image("v1").run().image("v2").run()
    assert sum(isinstance(call, StartExperiment) for call in world.calls) == 2
    world.judge("Experiment", "Failed").run()
    assert (world.phase[0], world.status["abort"]) == ("Degraded", True)


def test_ar3674_traffic_routing_that_is_added_with_a_release_does_not_hold_it(a_rollout: Build) -> None:
    """C; I9: revision 1 without a router, revision 2 with one: it starts by itself."""
    donor = a_rollout([weight(20), PAUSE], routed=True, deployed=False)
    world = a_rollout([weight(20), PAUSE])
    world.routers, world.services = donor.routers, donor.services
    world.rollout["spec"]["strategy"] = donor.rollout["spec"]["strategy"]
    world.image("v2").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.spec_size("v2") == 2
    assert world.weights[-1][0] == 20


def test_ar3082_a_repaired_spec_is_not_aborted_by_the_time_it_was_broken(a_rollout: Build) -> None:
    """C, F; I3 and I9: the deadline does not run while the spec is invalid."""
    world = a_rollout([weight(20), PAUSE], spec=STRICT)
    world.edit(strategy={"canary": {"steps": [{"setWeight": 300}]}}).image("v2").run().after(600)
    assert world.condition("InvalidSpec") is not None
    world.edit(strategy={"canary": {"steps": [weight(20), PAUSE]}}).image("v3").run().after(5)
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert not world.status.get("abort")


# --- F ---


def test_ar4461_an_abort_behind_a_full_promotion_wins(a_rollout: Build) -> None:
    """F; I3 and I4: the later request wins, so an abort stops a full promotion, and a later one goes on after an abort."""
    world = a_rollout([weight(20), PAUSE], routed=True).image("bad-v2").run().client(promoteFull=True).run()
    world.client(abort=True).run().after(60)
    assert {share for share, _ in world.weights} == {0}
    assert (world.phase[0], world.spec_size("v1"), world.status["stableRS"]) == ("Degraded", 10, world.hash("v1"))
    assert world.spec_size("bad-v2") == 0
    assert world.client(promoteFull=True).run().phase[0] == "Progressing"


def test_ar1152_an_abort_of_a_borrowed_template_ends_its_timed_pause(a_rollout: Build) -> None:
    """F; I3: with a workloadRef an abort in a pause of 300 s stops the release."""
    world = a_rollout([weight(20), pause(300)], deployed=False)
    spec = world.rollout["spec"]
    template, selector = spec.pop("template"), spec.pop("selector")
    spec["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    world.workload = WorkloadView("Deployment", "web", "w-1", 1, template, selector, 0)
    world.run()
    changed = copy.deepcopy(template)
    changed["spec"]["containers"][0]["image"] = "app:v2"
    world.workload = replace(world.workload, template=changed, generation=2)
    world.run().after(30)
    world.client(abort=True).run().after(600)
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
    assert (world.spec_size("v1"), world.spec_size("v2")) == (10, 0)


@pytest.mark.parametrize("after", ["pause", "unpause", "restart", "junk-index", "promote"])
def test_ar2929_no_verb_but_retry_resumes_an_abort(a_cluster: Sim, after: str) -> None:
    """F; I3: an aborted release stays aborted, also across a restart of the controller on old lists."""
    cluster, judge = a_cluster({"canary": {"steps": [weight(5), PAUSE, weight(50), PAUSE]}}, routers=MESH)
    cluster.set_image("v2")
    cluster.settle()
    VERBS["abort"](cluster)
    cluster.settle()
    VERBS[after](cluster)
    cluster.controller.die(back=3)
    cluster.run_until_quiet(7_200)
    assert cluster.status["abort"] is True
    assert cluster.weights() == {"mesh": 0}
    assert not judge.violations


# --- G ---


@pytest.mark.parametrize("dynamic", [False, True])
def test_ar2982_an_abort_of_a_finished_rollout_costs_nothing(a_rollout: Build, dynamic: bool) -> None:
    """G; I10 and I11: no deadline is set and unset; the request is taken back, once."""
    world = a_rollout([weight(5)], routed=True, dynamicStableScale=dynamic).image("v2").run().after(600).forget()
    world.client(abort=True).run()
    assert world.writes <= 2
    assert world.deadline("v2") is None
    assert (world.phase, world.spec_size("v2")) == (("Healthy", ""), 10)


@pytest.mark.parametrize("delay", [None, 0, 5])
def test_ar3078_the_canary_service_does_not_flap_after_an_abort(a_rollout: Build, delay: int | None) -> None:
    """G; I10 and I11: at most one selector write, however long the aborted pods are kept."""
    more = {} if delay is None else {"abortScaleDownDelaySeconds": delay}
    steps = [{"setCanaryScale": {"replicas": 1}}, HEADER, PAUSE]
    routes = {"trafficRouting": {"managedRoutes": [{"name": "beta"}]}}
    world = a_rollout(steps, routed=True, **routes, **more).image("v2").run().forget()
    world.client(abort=True).run().after(10).after(60)
    assert world.switches("demo-canary") <= 1
    assert world.selected("demo-canary") == world.hash("v1")


def test_ar2091_an_invalid_rollout_is_not_judged_over_and_over(a_cluster: Sim) -> None:
    """G; I10 and I11: an hour with an invalid spec is one write and a look now and then."""
    cluster, _ = a_cluster({"canary": {"steps": [weight(20), PAUSE]}})
    cluster.patch_spec({"strategy": {"canary": {"steps": [{"setCanaryScale": {"replicas": 2}}]}}})
    cluster.settle()
    assert cluster.phase[0] == "Degraded"
    passes, version = cluster.passes, cluster.store.version
    cluster.advance(3_600)
    assert cluster.store.version == version
    assert cluster.passes - passes <= 3_600 / 20 + 1


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
def test_ar2576_an_idle_rollout_is_left_alone(a_cluster: Sim, routed: bool) -> None:
    """G; I11: a day at rest is no pass and no write."""
    cluster, _ = a_cluster({"canary": {"steps": [weight(20)]}}, routers=MESH if routed else ())
    cluster.set_image("v2")
    cluster.run_until_quiet()
    passes, version = cluster.passes, cluster.store.version
    cluster.advance(86_400)
    assert (cluster.passes, cluster.store.version) == (passes, version)


# --- O ---


def test_ar1774_a_bad_first_version_can_be_replaced(a_rollout: Build) -> None:
    """O; I9: stable never had a pod; a good release reaches its pause and its end."""
    world = a_rollout([weight(20), pause(20)], deployed=False).image("bad-v1").run()
    world.image("v2").run().after(21).after(600)
    assert world.phase == ("Healthy", "")
    assert world.status["stableRS"] == world.hash("v2")


def test_ar4839_an_unready_stable_does_not_stop_a_weight_that_moves_away_from_it(a_rollout: Build) -> None:
    """O; I9: stable loses a pod in mid-canary; the router goes on, in small shares as in large ones."""
    world = a_rollout([weight(20), PAUSE, weight(60), PAUSE], routed=True).image("v2").run()
    world.pods_up["v1"] = 9
    world.client(**RESUME).run()
    assert world.weights[-1][0] == 60
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_ar1416_a_full_promotion_leaves_a_failed_stable_behind(a_rollout: Build) -> None:
    """O; I9: every stable pod fails; the release can be taken to its end by one verb."""
    world = a_rollout([weight(20), PAUSE], routed=True)
    world.pods_up["v1"] = 0
    world.image("v2").run().client(promoteFull=True).run().after(600)
    assert world.phase == ("Healthy", "")
    assert (world.status["stableRS"], world.spec_size("v1")) == (world.hash("v2"), 0)
