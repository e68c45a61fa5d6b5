"""Classes D, E and K: caches that are late, writes that conflict, objects that exist already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.actions import CreateReplicaSet
from tidegate.machine.plan import Outcome, Result
from tidegate.simulation import Cluster, Fault
from tidegate.simulation.invariants import Judge
from tidegate_sandbox.faults import Fault as Trouble
from tidegate_sandbox.faults import FaultKind

Build = Callable[..., World]
Sim = Callable[..., tuple[Cluster, Judge]]
MESH = (("mesh", "mesh", 0),)
STEPS = [weight(25), PAUSE, weight(50), PAUSE]
WRITES = ("create", "update", "patch")


def pauses_begun(cluster: Cluster) -> int:
    """How often a status that begins a pause was written."""
    return sum(bool(moment.made.patch.get("pauseConditions")) for moment in cluster.history)


@pytest.mark.parametrize("number", ["ar726", "ar4786", "ar4073"])
@pytest.mark.parametrize("lag_ms", [0, 200, 3_000])
def test_a_resume_that_a_late_cache_has_not_seen_is_not_undone(a_cluster: Sim, number: str, lag_ms: int) -> None:
    """D; I7: resumed at once (726), in the middle of a pass (4786), beside a write of somebody else (4073)."""
    cluster, judge = a_cluster({"canary": {"steps": STEPS}}, routers=MESH)
    cluster.controller.caches.lag_ms["rollout"] = lag_ms
    cluster.set_image("v2")
    while not cluster.status.get("pauseConditions"):
        cluster.advance(0.01)
    if number == "ar4786":
        cluster.gate.meanwhile(1, lambda: cluster.patch_status(RESUME))
        cluster.patch_spec({"replicas": 5})
    elif number == "ar4073":
        cluster.store.patch("rollout", "demo", {"metadata": {"annotations": {"example.com/x": "1"}}})
        cluster.patch_status(RESUME)
    else:
        cluster.patch_status(RESUME)
    cluster.run_until_quiet()
    assert cluster.status["currentStepIndex"] == 3
    assert cluster.phase == ("Paused", "CanaryPauseStep")
    assert pauses_begun(cluster) == 2
    assert not judge.violations


def test_ar1698_a_size_that_was_filled_in_is_not_filled_in_again_from_a_late_cache(a_cluster: Sim) -> None:
    """D; I7: what the controller wrote into spec.replicas survives its own late watch and a change by a person."""
    cluster, _ = a_cluster({"canary": {"steps": STEPS}}, replicas=1)
    cluster.controller.caches.lag_ms["rollout"] = 2_000
    cluster.patch_spec({"replicas": None})
    cluster.advance(2.1)
    cluster.patch_spec({"replicas": 3})
    cluster.run_until_quiet()
    assert cluster.manifest["spec"]["replicas"] == 3
    assert cluster.sizes()["v1"] == (3, 3)


@pytest.mark.parametrize("number", ["ar3091", "ar3200", "ar3237", "ar4044"])
@pytest.mark.parametrize("lag_ms", [500, 5_000])
def test_replica_sets_are_never_judged_by_what_they_were_before_our_write(
    a_cluster: Sim, number: str, lag_ms: int
) -> None:
    """D; I7: a scaling (3091), one that was refused (3200), a deadline (3237), counts that overtake (4044)."""
    cluster, judge = a_cluster({"canary": {"steps": STEPS}}, routers=MESH)
    cluster.controller.caches.lag_ms["replicaset"] = lag_ms
    if number == "ar3200":
        cluster.gate.plant(2, Fault.CONFLICT)
    cluster.set_image("v2")
    if number == "ar4044":
        cluster.pods.behaviour = type(cluster.pods.behaviour)(ready_s=0.1, sync_s=0.001)
    cluster.run_until_quiet()
    if number == "ar3237":
        cluster.patch_status({"abort": True})
        cluster.run_until_quiet()
        assert cluster.sizes() == {"v1": (4, 4), "v2": (0, 0)}
    else:
        assert cluster.sizes() == {"v1": (4, 4), "v2": (1, 1)}
    named = [what for what in cluster.gate.log if what.startswith("create")]
    assert len(named) == len(set(named)) == 2
    assert not judge.violations


@pytest.mark.parametrize("number", ["ar4804", "ar4842"])
def test_what_exists_already_and_is_ours_is_taken_over(a_cluster: Sim, number: str) -> None:
    """D, K; I7: created, the answer lost, the cache late: neither a second object nor an abort. Runs, ReplicaSets."""
    steps = [weight(25), {"analysis": {"templates": [{"templateName": "ok"}]}}, PAUSE]
    cluster, judge = a_cluster({"canary": {"steps": steps}}, routers=MESH)
    kind = "analysisrun" if number == "ar4804" else "replicaset"
    cluster.controller.caches.lag_ms[kind] = 2_000
    place = 1
    if kind == "analysisrun":
        cluster.set_image("v2")
        cluster.checks.takes_s = 60
        while cluster.status.get("currentStepIndex") != 1:
            cluster.advance(0.001)
        cluster.gate.plant(1, Fault.LOST)
    else:
        cluster.gate.plant(place, Fault.LOST)
        cluster.set_image("v2")
    cluster.run_until_quiet()
    assert "lost" in cluster.gate.met
    assert len(cluster.store.all("analysisrun")) == 1
    assert len(cluster.store.all("replicaset")) == 2
    assert not cluster.status.get("abort")
    assert not judge.violations


# --- E ---


@pytest.mark.parametrize("number", ["ar1904", "ar2870", "ar3080", "ar3559"])
def test_conflicts_on_writes_delay_a_release_and_end_nothing(runtime: Any, number: str) -> None:
    """E; I10: Rollouts (1904), every kind (2870, 3080), ReplicaSets alone (3559): half of the writes conflict."""
    runtime.apply(steps=[{"setWeight": 50}])
    runtime.start()
    runtime.until(lambda: runtime.phase() == "Healthy")
    kinds = {"ar1904": ["rollouts.argoproj.io", "rollouts.argoproj.io/status"], "ar3559": ["replicasets.apps"]}
    for resource in kinds.get(number, ["rollouts.argoproj.io", "rollouts.argoproj.io/status", "replicasets.apps"]):
        runtime.sandbox.faults.add(Trouble(FaultKind.CONFLICT, WRITES, resource, count=40, probability=0.5))
    runtime.ship("v2")
    runtime.until(lambda: runtime.phase() == "Healthy")
    assert len(runtime.sandbox.objects.list("replicasets.apps")) == 2
    events = [event["reason"] for event in runtime.sandbox.objects.list("events")]
    assert "RolloutAborted" not in events


def test_ar5052_an_autoscaler_that_writes_all_the_time_does_not_stop_a_release(runtime: Any) -> None:
    """E; I10: somebody else changes the Rollout in every round; patches of our own fields do not race with that."""
    runtime.apply(steps=[{"setWeight": 50}])
    runtime.start()
    runtime.until(lambda: runtime.phase() == "Healthy")
    rounds: list[int] = []

    def foreign() -> None:
        rounds.append(len(rounds))
        where = "annotations"
        runtime.edit(lambda r: r["metadata"].setdefault(where, {}).update({"keda/round": str(len(rounds))}))

    runtime.ship("v2")
    runtime.until(lambda: runtime.phase() == "Healthy" and rounds, foreign)
    status = runtime.rollout()["status"]
    assert status["stableRS"] == status["currentPodHash"]


@pytest.mark.parametrize("number", ["ar1775", "ar1778"])
def test_a_conflict_of_one_write_is_no_verdict_over_the_release(a_rollout: Build, number: str) -> None:
    """E, K; I7 and I10: whichever action meets it, an Experiment's among them, the next pass does it; no abort."""
    step = {"experiment": {"duration": "5m", "templates": [{"name": "base", "specRef": "stable"}]}}
    world = a_rollout([step, PAUSE])
    refused: set[str] = set()

    def refuse(action: Any) -> Outcome | None:
        kind = type(action).__name__
        if kind in refused or (number == "ar1775" and not isinstance(action, CreateReplicaSet)):
            return None
        refused.add(kind)
        return Outcome(action, Result.FAILED, message="the object has been modified")

    world.refuse = refuse
    world.image("v2")
    for _ in range(20):
        world.step()
    assert refused
    assert not world.status.get("abort")
    assert len(world.experiments) == 1
    assert world.judge("Experiment", "Successful").run().phase == ("Paused", "CanaryPauseStep")
