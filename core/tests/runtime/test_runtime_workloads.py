from __future__ import annotations

from typing import Any

import pytest

from tidegate.api import names
from tidegate.runtime.kinds import DEPLOYMENTS

ROLLOUTS, DEPLOYMENT, SETS = "rollouts.argoproj.io", "deployments.apps", "replicasets.apps"
RESOURCES = {"Deployment": DEPLOYMENT, "ReplicaSet": SETS, "PodTemplate": "podtemplates"}


def template(image: str = "app:v1") -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": [{"name": "main", "image": image}]}}


def workload(kind: str = "Deployment", replicas: int = 0) -> dict[str, Any]:
    metadata = {"name": "source", "namespace": "default"}
    if kind == "PodTemplate":
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "template": template()}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "app"}}, "template": template()}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def borrower(
    build: Any, kind: str = "Deployment", *, scale_down: str = "never", selector: bool = False
) -> dict[str, Any]:
    manifest: dict[str, Any] = build.rollout()
    spec = manifest["spec"]
    spec.pop("template")
    if not selector:
        spec.pop("selector")
    version = "v1" if kind == "PodTemplate" else "apps/v1"
    spec["workloadRef"] = {"apiVersion": version, "kind": kind, "name": "source", "scaleDown": scale_down}
    return manifest


def ours(cluster: Any) -> list[dict[str, Any]]:
    return [each for each in cluster.replica_sets() if names.POD_HASH in each["metadata"].get("labels", {})]


def images(cluster: Any) -> set[str]:
    found = cluster.sandbox.objects.list("pods", "default")
    return {pod["spec"]["containers"][0]["image"] for pod in found}


def idle(cluster: Any, engine: Any) -> None:
    cluster.until(lambda: not len(engine.queue))
    assert engine.queue.wait_idle(5)


@pytest.mark.parametrize("kind", sorted(RESOURCES))
def test_a_rollout_borrows_and_follows_its_workload(cluster: Any, build: Any, kind: str) -> None:
    cluster.engine()
    cluster.sandbox.apply([workload(kind), borrower(build, kind, selector=kind == "PodTemplate")])
    cluster.until(cluster.healthy, tick_s=0.5)
    assert images(cluster) == {"app:v1"}

    def ship(manifest: dict[str, Any]) -> None:
        part = manifest if kind == "PodTemplate" else manifest["spec"]
        part["template"] = template("app:v2")

    cluster.edit(RESOURCES[kind], "source", ship)
    cluster.until(lambda: len(ours(cluster)) == 2)  # at once: no tick of the clock
    cluster.until(lambda: images(cluster) == {"app:v2"} and cluster.healthy(), tick_s=0.5)
    source = cluster.get(RESOURCES[kind], "source")
    assert cluster.status()["workloadObservedGeneration"] == str(source["metadata"]["generation"])
    rollout = cluster.get(ROLLOUTS, "app")
    assert "template" not in rollout["spec"]


def test_workloads_are_watched_once_a_rollout_names_one(cluster: Any, build: Any) -> None:
    engine = cluster.engine()
    assert engine.watches.heard(DEPLOYMENTS, "default") == ""
    cluster.sandbox.apply([workload(), borrower(build)])
    cluster.until(cluster.healthy, tick_s=0.5)
    assert engine.watches.heard(DEPLOYMENTS, "default")


def test_a_referenced_replica_set_is_never_taken_for_one_of_the_rollouts_own(cluster: Any, build: Any) -> None:
    cluster.engine()
    cluster.sandbox.apply([workload("ReplicaSet", replicas=1), borrower(build, "ReplicaSet")])
    cluster.until(cluster.healthy, tick_s=0.5)
    source = cluster.get(SETS, "source")
    assert "ownerReferences" not in source["metadata"]
    assert source["spec"]["replicas"] == 1
    assert len(ours(cluster)) == 1


def test_a_workload_that_goes_costs_no_pod_and_its_return_is_noticed(cluster: Any, build: Any) -> None:
    cluster.engine()
    cluster.sandbox.apply([workload(), borrower(build)])
    cluster.until(cluster.healthy, tick_s=0.5)
    before = ours(cluster)
    cluster.sandbox.objects.delete(DEPLOYMENT, "default", "source")
    # An absence is reported once it was seen twice, half a second apart.
    cluster.until(lambda: 'deployments.apps "default/source" not found' in cluster.phase()[1], tick_s=0.1)
    cluster.sandbox.advance(60)
    after = ours(cluster)
    assert [each["metadata"]["ownerReferences"] for each in after] == [b["metadata"]["ownerReferences"] for b in before]
    assert [each["spec"]["replicas"] for each in after] == [2]
    cluster.sandbox.apply(workload())
    cluster.until(cluster.healthy)  # at once: no tick of the clock
    assert [each["metadata"]["uid"] for each in ours(cluster)] == [each["metadata"]["uid"] for each in before]


def test_a_workload_that_comes_after_its_rollout_is_noticed_at_once(cluster: Any, build: Any) -> None:
    cluster.engine()
    cluster.sandbox.apply(borrower(build))
    cluster.until(lambda: "not found" in cluster.phase()[1], tick_s=0.1)
    assert ours(cluster) == []
    cluster.sandbox.apply(workload())
    cluster.until(lambda: len(ours(cluster)) == 1)
    cluster.until(cluster.healthy, tick_s=0.5)


def test_a_change_of_the_workloads_status_wakes_nobody(
    cluster: Any, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = cluster.engine()
    cluster.sandbox.apply([workload(), borrower(build)])
    cluster.until(cluster.healthy, tick_s=0.5)
    idle(cluster, engine)
    woken: list[tuple[str, str]] = []
    add = engine.queue.add

    def noted(key: tuple[str, str]) -> None:
        woken.append(key)
        add(key)

    monkeypatch.setattr(engine.queue, "add", noted)
    source = cluster.get(DEPLOYMENT, "source")
    source["status"]["observedGeneration"] = 77
    version = cluster.sandbox.objects.update(DEPLOYMENT, source, subresource="status")["metadata"]["resourceVersion"]
    cluster.until(lambda: int(engine.watches.heard(DEPLOYMENTS, "default")) >= int(version))
    assert woken == []


def test_an_orphan_that_the_workloads_selector_matches_is_adopted(cluster: Any, build: Any) -> None:
    engine = cluster.engine()
    cluster.sandbox.apply([workload(), borrower(build)])
    cluster.until(cluster.healthy, tick_s=0.5)
    (own,) = ours(cluster)
    cluster.edit(SETS, own["metadata"]["name"], lambda each: each["metadata"].pop("ownerReferences"))
    cluster.until(lambda: ours(cluster)[0]["metadata"].get("ownerReferences"))
    assert engine.queue.failures(("default", "app")) == 0


@pytest.mark.parametrize("scale_down", ["onsuccess", "progressively"])
def test_the_workload_is_scaled_down_as_asked(cluster: Any, build: Any, scale_down: str) -> None:
    cluster.engine()
    cluster.sandbox.apply(workload(replicas=2))
    cluster.sandbox.advance(1)
    cluster.sandbox.apply(borrower(build, scale_down=scale_down))

    def size() -> int:
        return int(cluster.get(DEPLOYMENT, "source")["spec"]["replicas"])

    cluster.until(lambda: cluster.healthy() and size() == 0, tick_s=0.5)
    assert cluster.status()["availableReplicas"] == 2


def test_a_kind_that_cannot_be_borrowed_from_is_an_invalid_spec(cluster: Any, build: Any) -> None:
    cluster.engine()
    manifest = borrower(build)
    manifest["spec"]["workloadRef"]["kind"] = "StatefulSet"
    cluster.sandbox.apply(manifest)
    cluster.until(lambda: "workload of type apps/StatefulSet is not supported" in cluster.phase()[1], tick_s=0.5)
