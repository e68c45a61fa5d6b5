"""What each action on Kubernetes' own objects sends, and what the API server's refusals mean for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.errors import NotFound, Pending, PluginError, TidegateError, TooManyRequests, Transient
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.machine.actions import Action, EvictPod, PatchPod, PatchReplicaSet, ScaleWorkload
from tidegate.machine.observed import Observed
from tidegate.machine.plan import Outcome, Plan, Result, Settled
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.edits import Edits
from tidegate.runtime.kinds import DEPLOYMENTS, PODS, REPLICA_SETS
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.observe import Sight
from tidegate.runtime.perform import Performed, Performer
from tidegate.runtime.remotes import Remotes
from tidegate.runtime.routers import Memory, Routers
from tidegate.runtime.transport import Access, Connection, Transport
from tidegate.runtime.watches import Watches
from tidegate.runtime.writes import OwnWrites
from tidegate_sandbox.faults import Fault, FaultKind

KEY = ("default", "app")
BUDGETS, SETS, DEPLOYMENT = "poddisruptionbudgets.policy", "replicasets.apps", "deployments.apps"


class Bench:
    """One Deployment of two ready pods, and the edits of a pass over Rollout `app`."""

    def __init__(self, sandbox: Any, kubeconfig: Path, clock: Any) -> None:
        self.now = clock.now
        self.sandbox, self.own = sandbox, OwnWrites[tuple[str, str]]()
        self.transport = Transport(Connection(Access(str(kubeconfig))))
        self.cluster = PassCluster(self.transport, Watches(self.transport, (), Metrics()), self.own, KEY)
        rollout = Rollout.read({"metadata": {"name": "app", "namespace": "default", "uid": "r"}})
        self.sight = Sight(Observed(clock.now(), rollout), {}, {})
        labels = {"app": "app"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "app:v1"}]}}
        spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
        metadata = {"name": "app", "namespace": "default"}
        sandbox.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
        sandbox.advance(1)

    def perform(self, action: Action) -> Outcome:
        outcome = Edits(self.sight, self.cluster).perform(action)
        assert outcome is not None
        return outcome

    def pods(self) -> list[Any]:
        return list(self.sandbox.objects.list("pods", "default"))

    def place(self) -> tuple[str, str]:
        """Name and uid of the first pod."""
        metadata = self.pods()[0]["metadata"]
        return metadata["name"], metadata["uid"]

    def protect(self, name: str, **spec: Any) -> None:
        whole = {"selector": {"matchLabels": {"app": "app"}}, **spec}
        self.sandbox.objects.create(BUDGETS, {"metadata": {"name": name, "namespace": "default"}, "spec": whole})
        self.sandbox.settle()

    def waits_for(self, kind: object, version: str) -> bool:
        """Whether the next pass waits until the watch of `kind` has brought `version`."""
        older = str(int(version) - 1)
        return kind in self.own.unseen(KEY, lambda asked, _: older if asked == kind else "")


@pytest.fixture
def bench(sandbox: Any, sandbox_kubeconfig: Path) -> Iterator[Bench]:
    bench = Bench(sandbox, sandbox_kubeconfig, sandbox.clock)
    yield bench
    bench.transport.close()


def test_a_pod_gets_and_loses_labels_and_annotations(bench: Bench) -> None:
    name, uid = bench.place()
    done = bench.perform(PatchPod(name, uid, labels={"role": "canary"}, annotations={"note": "x"}))
    assert (done.result, done.wrote) == (Result.DONE, True)
    metadata = bench.sandbox.objects.get("pods", "default", name)["metadata"]
    assert (metadata["labels"]["role"], metadata["labels"]["app"]) == ("canary", "app")
    assert metadata["annotations"]["note"] == "x"
    assert bench.waits_for(PODS, metadata["resourceVersion"])
    bench.perform(PatchPod(name, uid, labels={"role": None}, annotations={"note": None}))
    metadata = bench.sandbox.objects.get("pods", "default", name)["metadata"]
    assert "role" not in metadata["labels"]
    assert "note" not in metadata.get("annotations", {})


def _patch(name: str, uid: str) -> Action:
    return PatchPod(name, uid, labels={"role": "canary"})


@pytest.mark.parametrize("action", [_patch, EvictPod], ids=["patch", "evict"])
def test_a_pod_that_is_gone_is_no_error(bench: Bench, action: Callable[[str, str], Action]) -> None:
    done = bench.perform(action("absent", "u"))
    assert (done.result, done.wrote) == (Result.DONE, False)


@pytest.mark.parametrize("action", [_patch, EvictPod], ids=["patch", "evict"])
def test_a_namesake_of_a_pod_is_left_alone(bench: Bench, action: Callable[[str, str], Action]) -> None:
    name, _ = bench.place()
    done = bench.perform(action(name, "another"))
    assert (done.result, done.wrote) == (Result.DONE, False)
    metadata = bench.sandbox.objects.get("pods", "default", name)["metadata"]
    assert "deletionTimestamp" not in metadata
    assert "role" not in metadata["labels"]


def test_an_evicted_pod_goes_and_the_next_pass_knows_it(bench: Bench) -> None:
    name, uid = bench.place()
    assert bench.perform(EvictPod(name, uid)).wrote
    metadata = bench.sandbox.objects.get("pods", "default", name)["metadata"]
    assert "deletionTimestamp" in metadata
    assert bench.waits_for(PODS, metadata["resourceVersion"])


def test_a_budget_that_refuses_is_no_error_and_is_named(bench: Bench) -> None:
    bench.protect("calm", maxUnavailable=0)
    name, uid = bench.place()
    done = bench.perform(EvictPod(name, uid))
    assert (done.result, done.wrote) == (Result.DONE, False)
    assert "The disruption budget calm needs 2 healthy pods and has 2 currently" in done.message
    assert "deletionTimestamp" not in bench.sandbox.objects.get("pods", "default", name)["metadata"]


def test_an_overloaded_server_is_not_taken_for_a_budget(bench: Bench) -> None:
    bench.sandbox.faults.add(Fault(FaultKind.TOO_MANY_REQUESTS, ("create",), "pods/eviction", seconds=7))
    name, uid = bench.place()
    with pytest.raises(TooManyRequests) as caught:
        bench.perform(EvictPod(name, uid))
    assert caught.value.after_s == 7


def test_two_budgets_over_a_pod_are_an_error(bench: Bench) -> None:
    bench.protect("one", maxUnavailable=1)
    bench.protect("two", maxUnavailable=1)
    with pytest.raises(Transient, match="more than one PodDisruptionBudget"):
        bench.perform(EvictPod(*bench.place()))


def test_a_replica_sets_template_is_patched_in_part(bench: Bench) -> None:
    (live,) = bench.sandbox.objects.list(SETS, "default")
    metadata = live["metadata"]
    term = {
        "labelSelector": {"matchExpressions": [{"key": names.POD_HASH, "operator": "In", "values": ["abc"]}]},
        "topologyKey": "kubernetes.io/hostname",
    }
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    part = {"metadata": {"labels": {"role": "stable"}}, "spec": {"affinity": affinity}}
    bench.perform(PatchReplicaSet(metadata["name"], metadata["uid"], metadata["resourceVersion"], template=part))
    after = bench.sandbox.objects.get(SETS, "default", metadata["name"])
    template = after["spec"]["template"]
    assert template["metadata"]["labels"]["role"] == "stable"
    assert template["metadata"]["labels"]["app"] == "app"
    assert template["spec"]["affinity"] == affinity
    assert [each["image"] for each in template["spec"]["containers"]] == ["app:v1"]
    assert after["spec"]["replicas"] == 2
    assert bench.waits_for(REPLICA_SETS, after["metadata"]["resourceVersion"])


def test_a_workload_gets_its_size_through_the_scale_subresource(bench: Bench) -> None:
    bench.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("patch",), DEPLOYMENT, count=None))  # not this way
    assert bench.perform(ScaleWorkload("Deployment", "app", 1)).wrote
    live = bench.sandbox.objects.get(DEPLOYMENT, "default", "app")
    assert live["spec"]["replicas"] == 1
    assert bench.waits_for(DEPLOYMENTS, live["metadata"]["resourceVersion"])
    (owned,) = bench.sandbox.objects.list(SETS, "default")
    bench.perform(ScaleWorkload("ReplicaSet", owned["metadata"]["name"], 0))
    assert bench.sandbox.objects.get(SETS, "default", owned["metadata"]["name"])["spec"]["replicas"] == 0


@pytest.mark.parametrize(("kind", "name"), [("Deployment", "absent"), ("PodTemplate", "app")], ids=["gone", "sizeless"])
def test_a_workload_that_cannot_be_scaled_is_an_error(bench: Bench, kind: str, name: str) -> None:
    with pytest.raises(NotFound):
        bench.perform(ScaleWorkload(kind, name, 1))


def test_an_action_that_nobody_carries_out_ends_the_pass(bench: Bench) -> None:
    class Unheard(Action):
        """Nothing that this version knows."""

    plan = Plan("updating", (Unheard(why="test"),), lambda _: Settled(None))
    facade = Facade(load_objects({}))
    remotes = Remotes(bench.transport, facade, Watches(bench.transport, (), Metrics()), Metrics())
    routers = Routers(bench.sight, bench.cluster, facade, remotes, Memory(bench.now))
    performed = Performer(bench.sight, Edits(bench.sight, bench.cluster), routers).perform(plan)
    assert isinstance(performed.error, PluginError)
    assert "no way to perform Unheard" in str(performed.error)


@pytest.mark.parametrize(
    ("errors", "counts", "text"),
    [
        ([], None, ""),
        ([Pending("wait")], 0, "wait"),
        ([Pending("wait"), NotFound("gone"), Transient("down")], 1, "gone; down"),
        ([NotFound("gone"), NotFound("gone")], 0, "gone"),
    ],
    ids=["none", "only to wait", "failures first", "the same twice"],
)
def test_of_several_errors_a_failure_counts_before_something_to_wait_for(
    errors: list[TidegateError], counts: int | None, text: str
) -> None:
    performed = Performed(errors=errors)
    assert performed.error is (None if counts is None else errors[counts])
    assert performed.text == text


def test_an_owned_object_is_not_made_in_another_cluster(bench: Bench) -> None:
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "app", "uid": "r", "controller": True}
    manifest = {"metadata": {"name": "new", "ownerReferences": [owner]}}
    with pytest.raises(PluginError, match="in another cluster an owner of this one is unknown"):
        bench.cluster.at("far").create(PODS, "default", manifest)
