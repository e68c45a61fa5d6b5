from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.store import Store

RS = "replicasets.apps"


class Bench:
    """One ReplicaSet `web` and its pods, under virtual time."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.store = Store(Registry(clock))
        self.world = World(self.store, clock)
        self.world.start()
        self.world.settle()

    def create(self, replicas: int, image: str = "web:1", **spec: Any) -> None:
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
        selector = {"matchLabels": {"app": "web"}}
        metadata = {"name": "web", "namespace": "default"}
        body = {"replicas": replicas, "selector": selector, "template": template, **spec}
        self.store.create(RS, {"metadata": metadata, "spec": body})
        self.world.settle()

    def scale(self, replicas: int) -> None:
        live = self.get()
        live["spec"]["replicas"] = replicas
        self.store.update(RS, live)
        self.world.settle()

    def get(self) -> Manifest:
        return self.store.get(RS, "default", "web")

    def counts(self) -> list[int]:
        """replicas, fully labelled, ready and available, as the status has them."""
        status = self.get()["status"]
        return [
            status.get(name, 0) for name in ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas")
        ]

    def pods(self) -> dict[str, Manifest]:
        """The pods that are not being deleted."""
        pods = self.store.list("pods", "default")
        return {pod["metadata"]["name"]: pod for pod in pods if "deletionTimestamp" not in pod["metadata"]}

    def relabel(self, name: str, **labels: str) -> None:
        pod = self.store.get("pods", "default", name)
        pod["metadata"]["labels"] = labels
        self.store.update("pods", pod)
        self.world.settle()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.world.stop()


def test_pods_bear_the_templates_labels_and_name_their_controller(bench: Bench) -> None:
    bench.create(2)
    for name, pod in bench.pods().items():
        assert name.startswith("web-")
        assert pod["metadata"]["labels"] == {"app": "web"}
        [owner] = pod["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("ReplicaSet", "web", True)


def test_status_counts_pods_as_they_come(bench: Bench) -> None:
    bench.create(3)
    assert bench.counts() == [3, 3, 0, 0]
    bench.world.advance(0.3)
    assert bench.counts() == [3, 3, 3, 3]
    assert bench.get()["status"]["observedGeneration"] == bench.get()["metadata"]["generation"]


def test_available_waits_for_min_ready_seconds(bench: Bench) -> None:
    bench.create(2, minReadySeconds=10)
    bench.world.advance(9)
    assert bench.counts() == [2, 2, 2, 0]
    bench.world.advance(1.3)
    assert bench.counts() == [2, 2, 2, 2]


def test_deleted_pod_is_replaced_at_once(bench: Bench) -> None:
    bench.create(2)
    victim, kept = sorted(bench.pods())
    bench.store.delete("pods", "default", victim)
    bench.world.settle()
    assert len(bench.pods()) == 2
    assert kept in bench.pods()
    assert victim not in bench.pods()


def test_failed_pod_that_ended_is_replaced(bench: Bench) -> None:
    bench.create(1)
    pod = next(iter(bench.pods().values()))
    pod["status"]["phase"] = "Failed"
    bench.store.update("pods", pod, subresource="status")
    bench.world.settle()
    assert len(bench.pods()) == 2
    assert bench.counts()[0] == 1


def test_scale_to_zero_deletes_every_pod(bench: Bench) -> None:
    bench.create(3)
    bench.world.advance(1)
    bench.scale(0)
    assert bench.counts() == [0, 0, 0, 0]
    bench.world.advance(1)
    assert bench.store.list("pods") == []


def test_scale_down_takes_pods_that_are_not_ready_first(bench: Bench) -> None:
    bench.create(4)
    bench.world.advance(1)
    oldest, *others = bench.pods()
    bench.world.unready_pod("default", oldest)
    bench.world.settle()
    bench.scale(3)
    assert set(bench.pods()) == set(others)


@pytest.mark.parametrize("gap_s", [60, 0.3], ids=["by their times", "within one second by their arrival"])
def test_scale_down_takes_the_youngest_of_equals(bench: Bench, gap_s: float) -> None:
    bench.create(3)
    bench.world.advance(gap_s)
    old = set(bench.pods())
    bench.scale(6)
    bench.world.advance(gap_s)
    bench.scale(3)
    assert set(bench.pods()) == old


def test_scale_down_takes_cheap_pods_first(bench: Bench) -> None:
    bench.create(3)
    bench.world.advance(1)
    oldest, *others = bench.pods()
    pod = bench.pods()[oldest]
    pod["metadata"]["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
    bench.store.update("pods", pod)
    bench.scale(2)
    assert set(bench.pods()) == set(others)


def test_orphan_pod_that_matches_is_adopted(bench: Bench) -> None:
    spec = {"containers": [{"name": "c", "image": "web:0"}]}
    bench.store.create(
        "pods", {"metadata": {"name": "stray", "namespace": "default", "labels": {"app": "web"}}, "spec": spec}
    )
    bench.create(2)
    assert len(bench.pods()) == 2
    assert bench.pods()["stray"]["metadata"]["ownerReferences"][0]["name"] == "web"


def test_pod_of_another_controller_is_left_alone(bench: Bench) -> None:
    other = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "u", "controller": True}
    metadata = {"name": "taken", "namespace": "default", "labels": {"app": "web"}, "ownerReferences": [other]}
    bench.store.create("pods", {"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "web:0"}]}})
    bench.create(1)
    assert bench.pods()["taken"]["metadata"]["ownerReferences"] == [other]
    assert len(bench.pods()) == 2


def test_pod_relabelled_away_is_released_and_replaced(bench: Bench) -> None:
    bench.create(1)
    [name] = bench.pods()
    bench.relabel(name, app="debug")
    assert "ownerReferences" not in bench.pods()[name]["metadata"]
    assert len(bench.pods()) == 2
    bench.relabel(name, app="web")
    bench.world.settle()
    assert len(bench.pods()) == 1, "adopted again, and then one is too many"


def test_fully_labelled_counts_the_templates_labels(bench: Bench) -> None:
    bench.create(2)
    name = next(iter(bench.pods()))
    live = bench.get()
    live["spec"]["template"]["metadata"]["labels"]["tier"] = "front"
    bench.store.update(RS, live)
    bench.relabel(name, app="web", tier="front")
    assert bench.counts()[:2] == [2, 1]


def test_replicaset_being_deleted_makes_no_new_pods(bench: Bench) -> None:
    bench.create(2)
    live = bench.get()
    live["metadata"]["finalizers"] = ["example.com/hold"]
    bench.store.update(RS, live)
    bench.store.delete(RS, "default", "web")
    bench.world.settle()
    bench.store.delete("pods", "default", next(iter(bench.pods())))
    bench.world.advance(1)
    assert len(bench.pods()) == 1
    assert bench.counts()[0] == 1


def test_hundred_pods_are_up_in_few_writes(bench: Bench) -> None:
    before = bench.store.version
    bench.create(100)
    bench.world.advance(1)
    assert bench.counts() == [100, 100, 100, 100]
    # Created, bound, running, ready: four writes a pod, and a few statuses of the ReplicaSet.
    assert bench.store.version - before <= 410


def test_same_input_gives_the_same_world() -> None:
    worlds = []
    for _ in range(2):
        bench = Bench()
        bench.create(5)
        bench.world.advance(1)
        bench.scale(3)
        bench.world.advance(1)
        worlds.append([(name, pod["spec"]["nodeName"], pod["status"]["podIP"]) for name, pod in bench.pods().items()])
        bench.world.stop()
    assert worlds[0] == worlds[1]
