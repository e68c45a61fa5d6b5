from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.sim.rolling import Bounds, bounds_of, scale_in_proportion
from tidegate_sandbox.store import Store

DEPLOYMENTS, RS = "deployments.apps", "replicasets.apps"
REVISION = "deployment.kubernetes.io/revision"


class Bench:
    """One Deployment `web`, under virtual time."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.store = Store(Registry(clock))
        self.world = World(self.store, clock)
        self.world.start()
        self.world.settle()

    def create(self, replicas: int = 4, **spec: Any) -> None:
        selector = {"matchLabels": {"app": "web"}}
        body = {"replicas": replicas, "selector": selector, "template": self.template("web:1"), **spec}
        self.store.create(DEPLOYMENTS, {"metadata": {"name": "web", "namespace": "default"}, "spec": body})
        self.world.advance(2)

    def template(self, image: str) -> Manifest:
        return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}

    def change(self, **spec: Any) -> None:
        live = self.get()
        live["spec"].update(spec)
        self.store.update(DEPLOYMENTS, live)
        self.world.settle()

    def ship(self, image: str) -> None:
        self.change(template=self.template(image))

    def get(self) -> Manifest:
        return self.store.get(DEPLOYMENTS, "default", "web")

    def sizes(self) -> dict[str, int]:
        """spec.replicas of each ReplicaSet by its image's tag."""
        return {tag_of(one): one["spec"]["replicas"] for one in self.store.list(RS, "default")}

    def revisions(self) -> dict[str, str]:
        return {tag_of(one): one["metadata"]["annotations"][REVISION] for one in self.store.list(RS, "default")}

    def condition(self, kind: str) -> tuple[str, str]:
        entry = next(entry for entry in self.get()["status"]["conditions"] if entry["type"] == kind)
        return entry["status"], entry["reason"]

    def rolled_out(self) -> bool:
        """What `kubectl rollout status` asks for."""
        live = self.get()
        status, wanted = live["status"], live["spec"]["replicas"]
        seen = status["observedGeneration"] >= live["metadata"]["generation"]
        counts = [status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")]
        return seen and counts == [wanted] * 3


def tag_of(replicaset: Manifest) -> str:
    return str(replicaset["spec"]["template"]["spec"]["containers"][0]["image"].partition(":")[2])


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.world.stop()


def test_first_rollout_makes_one_replicaset_with_hash_and_revision(bench: Bench) -> None:
    bench.create()
    [replicaset] = bench.store.list(RS)
    digest = replicaset["metadata"]["labels"]["pod-template-hash"]
    assert replicaset["metadata"]["name"] == f"web-{digest}"
    assert replicaset["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": digest}
    assert {pod["metadata"]["labels"]["pod-template-hash"] for pod in bench.store.list("pods")} == {digest}
    assert bench.revisions() == {"1": "1"}
    assert bench.get()["metadata"]["annotations"][REVISION] == "1"
    # Kubernetes notes the revision through the status, so what has observed the first generation has seen the newest.
    assert bench.get()["metadata"]["generation"] == 1


def test_finished_rollout_is_what_kubectl_rollout_status_waits_for(bench: Bench) -> None:
    bench.create()
    assert bench.rolled_out()
    assert bench.condition("Progressing") == ("True", "NewReplicaSetAvailable")
    assert bench.condition("Available") == ("True", "MinimumReplicasAvailable")


def test_rolling_update_stays_within_surge_and_unavailable_at_every_commit(bench: Bench) -> None:
    bench.create(8, strategy={"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}})
    totals: list[int] = []
    ready: list[int] = []

    def watch(change: Change) -> None:
        if change.resource == RS:
            totals.append(sum(bench.sizes().values()))
        if change.resource == "pods":
            pods = [pod for pod in bench.store.list("pods") if "deletionTimestamp" not in pod["metadata"]]
            ready.append(sum(is_ready(pod) for pod in pods))

    cancel = bench.store.subscribe(watch)
    bench.ship("web:2")
    bench.world.advance(30)
    cancel()
    assert bench.sizes() == {"1": 0, "2": 8}
    assert bench.rolled_out()
    assert max(totals) == 10
    assert min(ready) == 7


def is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        pytest.param(10, "25%", "25%", Bounds(10, 3, 2), id="up and down"),
        pytest.param(1, "25%", "25%", Bounds(1, 1, 0), id="one replica"),
        pytest.param(3, 0, "25%", Bounds(3, 0, 1), id="both zero leave one unavailable"),
        pytest.param(3, 1, 5, Bounds(3, 1, 3), id="no more unavailable than there are"),
    ],
)
def test_bounds_round_as_kubernetes_does(
    replicas: int, surge: int | str, unavailable: int | str, expected: Bounds
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    assert bounds_of({"spec": {"replicas": replicas, "strategy": {"rollingUpdate": rolling}}}) == expected


def test_update_that_never_becomes_ready_keeps_the_old_pods_and_times_out(bench: Bench) -> None:
    bench.create(4, progressDeadlineSeconds=60)
    bench.ship("web:unready")
    bench.world.advance(59)
    assert bench.sizes() == {"1": 3, "unready": 2}
    assert bench.condition("Progressing")[0] == "True"
    bench.world.advance(2)
    assert bench.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    assert bench.condition("Available") == ("True", "MinimumReplicasAvailable")


def test_rollback_takes_up_the_old_replicaset_with_a_new_revision(bench: Bench) -> None:
    bench.create()
    bench.ship("web:2")
    bench.world.advance(10)
    bench.ship("web:1")
    bench.world.advance(10)
    assert bench.sizes() == {"1": 4, "2": 0}
    assert bench.revisions() == {"1": "3", "2": "2"}
    assert bench.get()["metadata"]["annotations"][REVISION] == "3"
    first = next(one for one in bench.store.list(RS) if tag_of(one) == "1")
    assert first["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    assert bench.rolled_out()


def test_template_changed_in_mid_update_scales_both_older_ones_down(bench: Bench) -> None:
    bench.create()
    bench.ship("web:unready")
    bench.world.advance(5)
    bench.ship("web:3")
    bench.world.advance(10)
    assert bench.sizes() == {"1": 0, "unready": 0, "3": 4}


def test_recreate_has_no_new_pod_before_the_last_old_one_is_gone(bench: Bench) -> None:
    hooked = bench.template("web:1")
    hooked["spec"]["containers"][0]["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    bench.create(3, strategy={"type": "Recreate"}, template=hooked)
    bench.ship("web:2")
    bench.world.advance(4.9)
    assert bench.sizes() == {"1": 0}
    assert len(bench.store.list("pods")) == 3
    bench.world.advance(0.1)
    assert bench.sizes() == {"1": 0, "2": 3}
    bench.world.advance(1)
    assert bench.rolled_out()


def test_paused_deployment_scales_but_does_not_update(bench: Bench) -> None:
    bench.create()
    bench.change(paused=True)
    bench.ship("web:2")
    bench.change(replicas=6)
    bench.world.advance(10)
    assert bench.sizes() == {"1": 6}
    assert bench.condition("Progressing") == ("Unknown", "DeploymentPaused")
    bench.change(paused=False)
    bench.world.advance(10)
    assert bench.sizes() == {"1": 0, "2": 6}


def test_scale_in_mid_update_goes_to_all_in_proportion(bench: Bench) -> None:
    bench.create(10, strategy={"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}})
    bench.ship("web:unready")
    bench.world.advance(5)
    assert bench.sizes() == {"1": 8, "unready": 5}
    bench.change(replicas=15)
    bench.world.advance(5)
    # The example of the Kubernetes documentation: of the five more, three go to the larger one and two to the other.
    assert bench.sizes() == {"1": 11, "unready": 7}


def test_proportional_scaling_gives_the_rest_to_the_largest() -> None:
    sets: list[Manifest] = [
        {"metadata": {"name": name}, "spec": {"replicas": size}} for name, size in (("a", 3), ("b", 3), ("c", 3))
    ]
    sizes = scale_in_proportion(Bounds(10, 0, 0), sets)
    assert sum(sizes.values()) == 10


def test_old_revisions_beyond_the_limit_are_deleted(bench: Bench) -> None:
    bench.create(1, revisionHistoryLimit=2)
    for number in range(2, 7):
        bench.ship(f"web:{number}")
        bench.world.advance(10)
    assert set(bench.sizes()) == {"4", "5", "6"}


def test_collision_with_a_foreign_replicaset_takes_another_name(bench: Bench) -> None:
    bench.create(1)
    [taken] = bench.store.list(RS)
    bench.store.delete(DEPLOYMENTS, "default", "web")
    bench.world.advance(1)
    labels = {"app": "other"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "other:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    bench.store.create(RS, {"metadata": {"name": taken["metadata"]["name"], "namespace": "default"}, "spec": spec})
    bench.create(1)
    assert bench.get()["status"]["collisionCount"] == 1
    assert bench.rolled_out()


def test_orphaned_replicaset_with_the_same_template_is_adopted(bench: Bench) -> None:
    bench.create(2)
    bench.store.delete(DEPLOYMENTS, "default", "web", propagation="Orphan")
    bench.world.advance(1)
    [orphan] = bench.store.list(RS)
    assert "ownerReferences" not in orphan["metadata"]
    pods = {pod["metadata"]["name"] for pod in bench.store.list("pods")}
    bench.create(2)
    [adopted] = bench.store.list(RS)
    assert adopted["metadata"]["uid"] == orphan["metadata"]["uid"]
    assert adopted["metadata"]["ownerReferences"][0]["uid"] == bench.get()["metadata"]["uid"]
    assert {pod["metadata"]["name"] for pod in bench.store.list("pods")} == pods


def test_lost_pods_after_the_rollout_concern_available_and_not_progressing(bench: Bench) -> None:
    bench.create(2, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
    bench.world.unready_pod("default", bench.store.list("pods")[0]["metadata"]["name"])
    bench.world.advance(5000)
    assert bench.condition("Available") == ("False", "MinimumReplicasUnavailable")
    assert bench.condition("Progressing") == ("True", "NewReplicaSetAvailable")
    assert bench.get()["status"]["unavailableReplicas"] == 1


def test_settled_deployment_causes_no_writes(bench: Bench) -> None:
    bench.create()
    bench.ship("web:2")
    bench.world.advance(30)
    before = bench.store.version
    bench.world.advance(86400)
    assert bench.store.version == before
