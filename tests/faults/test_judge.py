"""The judge sees what is wrong: each test breaks one rule by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tidegate.api import names
from tidegate.machine.actions import Event, PatchReplicaSet, PatchRollout, PointService
from tidegate.machine.plan import Outcome
from tidegate.machine.routing import SetWeights
from tidegate.machine.traffic import Hashes, Weights
from tidegate.simulation import Cluster, Pass
from tidegate.simulation.invariants import Judge
from tidegate.simulation.store import REPLICA_SET

Build = Callable[..., tuple[Cluster, Judge]]
PAUSE: dict[str, dict[str, int]] = {"pause": {}}


@pytest.fixture
def halfway(deployed: Build) -> tuple[Cluster, Judge, Pass]:
    """A routed canary that waits at 25 %, and its last pass."""
    cluster, judge = deployed([{"setWeight": 25}, PAUSE], routers=[("mesh", "mesh", 0)])
    cluster.set_image("v2")
    cluster.settle()
    assert not judge.violations
    return cluster, judge, cluster.history[-1].made


def hashes(cluster: Cluster) -> tuple[str, str]:
    """The revisions of stable and canary."""
    return cluster.status["stableRS"], cluster.status["currentPodHash"]


def ids(judge: Judge) -> set[str]:
    """The rules that were broken."""
    return {violation.id for violation in judge.violations}


def resized(cluster: Cluster, pod_hash: str, replicas: int) -> Outcome:
    """The outcome of another size for a revision."""
    found = next(s for s in cluster.sets() if s["metadata"]["labels"][names.POD_HASH] == pod_hash)
    metadata = found["metadata"]
    action = PatchReplicaSet(metadata["name"], metadata["uid"], metadata["resourceVersion"], replicas)
    return Outcome(action, wrote=True)


def test_stable_scaled_to_nothing_breaks_references_and_bounds(halfway: tuple[Cluster, Judge, Pass]) -> None:
    cluster, judge, last = halfway

    judge.after_pass(replace(last, outcomes=[resized(cluster, hashes(cluster)[0], 0)]))

    assert {"I6", "I8", "A2"} <= ids(judge)


def test_a_weight_on_a_revision_without_pods_is_seen(halfway: tuple[Cluster, Judge, Pass]) -> None:
    _, judge, last = halfway
    action = SetWeights("mesh", Weights(50), Hashes("nobody", "nobody"))

    judge.after_pass(replace(last, outcomes=[Outcome(action, wrote=True)]))

    assert ids(judge) == {"I5"}


def test_a_raised_share_needs_its_pods(halfway: tuple[Cluster, Judge, Pass]) -> None:
    cluster, judge, last = halfway
    stable, canary = hashes(cluster)

    judge.after_pass(replace(last, outcomes=[Outcome(SetWeights("mesh", Weights(75), Hashes(canary, stable)))]))

    assert ids(judge) == {"I5"}


def test_a_service_on_a_revision_without_pods_is_seen(halfway: tuple[Cluster, Judge, Pass]) -> None:
    cluster, judge, last = halfway
    cluster.set_image("bad-v3")
    cluster.settle()
    seen = cluster.history[-1].made

    judge.after_pass(replace(seen, outcomes=[Outcome(PointService("stable", hashes(cluster)[1], adopt=False))]))

    assert "I1" in ids(judge)
    assert last.seen is not seen.seen


@pytest.mark.parametrize(
    ("patch", "events", "rule"),
    [
        pytest.param({"stableRS": "other"}, [], "I9", id="stable-without-promotion"),
        pytest.param(
            {"canary": {"weights": {"canary": {"weight": 60}, "stable": {"weight": 60}}}}, [], "I3", id="weights-of-120"
        ),
        pytest.param({"HPAReplicas": 99}, [], "A6", id="invented-pods"),
        pytest.param(
            {}, [Event("RolloutStepCompleted", "1"), Event("RolloutStepCompleted", "2")], "I12", id="two-steps-at-once"
        ),
        pytest.param(
            {"stableRS": "x"},
            [Event("RolloutCompleted", "Rollout completed update to revision 2 (x): Completed all 2 canary steps")],
            "A12",
            id="promotion-at-a-pause",
        ),
    ],
)
def test_a_status_that_claims_too_much_is_seen(
    halfway: tuple[Cluster, Judge, Pass], patch: dict[str, Any], events: list[Event], rule: str
) -> None:
    _, judge, last = halfway

    judge.after_pass(replace(last, patch=patch, events=events))

    assert rule in ids(judge)


def test_overwriting_the_users_size_is_seen(halfway: tuple[Cluster, Judge, Pass]) -> None:
    _, judge, last = halfway

    judge.after_pass(replace(last, outcomes=[Outcome(PatchRollout(replicas=1), wrote=True)]))

    assert ids(judge) == {"I15"}


def test_a_pass_that_wants_itself_again_is_seen(halfway: tuple[Cluster, Judge, Pass]) -> None:
    _, judge, last = halfway

    judge.after_pass(replace(last, wake_at=last.seen.now))

    assert ids(judge) == {"A10"}


def test_a_backend_that_loses_its_last_pod_is_seen(halfway: tuple[Cluster, Judge, Pass]) -> None:
    cluster, judge, _ = halfway
    pod = next(pod for pod in cluster.pods.all.values() if pod.image == "app:v2")

    cluster.pods.end(pod)
    judge.at_instant()

    assert ids(judge) == {"A1"}


def test_pods_that_the_world_takes_are_nobodys_fault(halfway: tuple[Cluster, Judge, Pass]) -> None:
    cluster, judge, _ = halfway

    cluster.pods.flap("v2", 5)
    judge.at_instant()

    assert not judge.violations


def test_a_write_at_rest_is_seen(halfway: tuple[Cluster, Judge, Pass]) -> None:
    cluster, judge, _ = halfway
    name = cluster.sets()[0]["metadata"]["name"]
    cluster.store.patch(REPLICA_SET, name, {"metadata": {"annotations": {names.DESIRED_REPLICAS: "9"}}})
    cluster.controller.caches.list_anew(0)

    judge.at_rest()

    assert "I13" in ids(judge)
