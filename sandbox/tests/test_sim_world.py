from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

import pytest

from tidegate_sandbox.clock import RealClock, VirtualClock
from tidegate_sandbox.contracts import Cancel, Change, Manifest
from tidegate_sandbox.deletion import Propagation
from tidegate_sandbox.errors import Conflict, Forbidden, NotFound, SandboxError
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.store import Store

RS = "replicasets.apps"


class Rough:
    """A store that refuses writes as often as told, and delivers its changes only when told to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.refusals: list[type[Conflict] | type[Forbidden]] = []
        self.refused = 0
        self.held: list[Change] | None = None
        self._listeners: list[Callable[[Change], None]] = []
        store.subscribe(self._take)

    def get(self, resource: str, namespace: str, name: str) -> Manifest:
        return self.store.get(resource, namespace, name)

    def list(self, resource: str, namespace: str | None = None) -> Any:
        return self.store.list(resource, namespace)

    def create(self, resource: str, manifest: Manifest) -> Manifest:
        self._maybe_refuse()
        return self.store.create(resource, manifest)

    def update(self, resource: str, manifest: Manifest, subresource: Literal["", "status"] = "") -> Manifest:
        self._maybe_refuse()
        return self.store.update(resource, manifest, subresource)

    def delete(
        self, resource: str, namespace: str, name: str, uid: str = "", propagation: Propagation = "Background"
    ) -> None:
        self.store.delete(resource, namespace, name, uid, propagation)

    def subscribe(self, listener: Callable[[Change], None]) -> Cancel:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def deliver(self) -> None:
        held, self.held = self.held or [], None
        for change in held:
            self._take(change)

    def _take(self, change: Change) -> None:
        if self.held is not None:
            self.held.append(change)
            return
        for listener in [*self._listeners]:
            listener(change)

    def _maybe_refuse(self) -> None:
        if self.refusals:
            self.refused += 1
            raise self.refusals.pop()("refused by the test")


def replicaset(replicas: int, name: str = "web") -> Manifest:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def rough(clock: VirtualClock) -> Rough:
    return Rough(Store(Registry(clock)))


def test_objects_that_were_there_before_the_start_are_taken_up(rough: Rough, clock: VirtualClock) -> None:
    rough.store.create(RS, replicaset(2))
    world = World(rough, clock)
    world.start()
    world.advance(1)
    assert rough.get(RS, "default", "web")["status"]["availableReplicas"] == 2


def test_second_world_goes_on_where_the_first_was_stopped(rough: Rough, clock: VirtualClock) -> None:
    first = World(rough, clock)
    first.start()
    rough.store.create(RS, replicaset(2))
    first.advance(1)
    addresses = {pod["status"]["podIP"] for pod in rough.list("pods")}
    first.stop()
    second = World(rough, clock)
    second.start()
    version = rough.store.version
    second.advance(5)
    assert rough.store.version == version, "nothing to do"
    live = rough.get(RS, "default", "web")
    live["spec"]["replicas"] = 4
    rough.update(RS, live)
    second.advance(1)
    assert len({pod["status"]["podIP"] for pod in rough.list("pods")} | addresses) == 4


def test_stopped_world_does_nothing_more(rough: Rough, clock: VirtualClock) -> None:
    world = World(rough, clock)
    world.start()
    world.settle()
    world.stop()
    rough.store.create(RS, replicaset(2))
    world.advance(10)
    assert rough.list("pods") == []
    assert clock.next_due() is None


@pytest.mark.parametrize("refusal", [Conflict, Forbidden])
def test_refused_writes_are_tried_again(
    rough: Rough, clock: VirtualClock, refusal: type[Conflict] | type[Forbidden]
) -> None:
    world = World(rough, clock)
    world.start()
    world.settle()
    rough.refusals = [refusal] * 12
    rough.store.create(RS, replicaset(3))
    world.advance(300)
    assert rough.refused == 12
    assert len(rough.list("pods")) == 3
    assert rough.get(RS, "default", "web")["status"]["availableReplicas"] == 3


def test_changes_delivered_late_cause_no_second_set_of_pods(rough: Rough, clock: VirtualClock) -> None:
    world = World(rough, clock)
    world.start()
    world.settle()
    rough.store.create(RS, replicaset(3))
    rough.held = []
    world.settle()
    assert len(rough.list("pods")) == 3
    live = rough.get(RS, "default", "web")
    live["metadata"]["annotations"] = {"touched": "yes"}
    changed = rough.store.update(RS, live)
    for listener in [*rough._listeners]:  # this one change overtakes those held back
        listener(Change("MODIFIED", RS, changed, None, 0))
    world.settle()
    assert len(rough.list("pods")) == 3
    rough.deliver()
    world.advance(1)
    assert len(rough.list("pods")) == 3
    assert rough.get(RS, "default", "web")["status"]["availableReplicas"] == 3


def test_endless_fight_over_one_object_is_reported_by_name(rough: Rough, clock: VirtualClock) -> None:
    world = World(rough, clock)
    world.start()
    world.settle()

    def undo(change: Change) -> None:
        if change.resource == RS and change.object.get("status", {}).get("replicas"):
            rough.store.update(RS, rough.store.get(RS, "default", "web") | {"status": {"replicas": 0}}, "status")

    rough.store.subscribe(undo)
    rough.store.create(RS, replicaset(1))
    with pytest.raises(SandboxError, match=r"replicaset: replicasets\.apps default/web"):
        world.settle()


def test_nodes_are_created_ready_and_as_many_as_asked_for(rough: Rough, clock: VirtualClock) -> None:
    world = World(rough, clock, nodes=2)
    world.start()
    world.settle()
    nodes = {node["metadata"]["name"]: node["status"]["conditions"][0] for node in rough.list("nodes")}
    assert set(nodes) == {"sandbox-1", "sandbox-2"}
    assert {condition["status"] for condition in nodes.values()} == {"True"}


def test_unknown_node_cannot_be_lost(rough: Rough, clock: VirtualClock) -> None:
    world = World(rough, clock)
    world.start()
    with pytest.raises(NotFound, match="sandbox-9"):
        world.lose_node("sandbox-9")


def test_time_to_ready_is_the_worlds_parameter(rough: Rough, clock: VirtualClock) -> None:
    world = World(rough, clock, ready_after_s=2.5)
    world.start()
    rough.store.create(RS, replicaset(1))
    world.advance(2.4)
    assert "readyReplicas" not in rough.get(RS, "default", "web")["status"]
    world.advance(0.1)
    assert rough.get(RS, "default", "web")["status"]["readyReplicas"] == 1


def test_an_hour_of_many_workloads_passes_without_a_write(rough: Rough, clock: VirtualClock) -> None:
    world = World(rough, clock)
    world.start()
    for number in range(10):
        rough.store.create(RS, replicaset(3, f"web-{number}"))
    world.advance(5)
    version = rough.store.version
    world.advance(3600)
    assert rough.store.version == version


def test_real_clock_works_without_anyone_settling() -> None:
    clock = RealClock()
    store = Store(Registry(clock))
    available = threading.Event()

    def watch(change: Change) -> None:
        if change.resource == RS and change.object.get("status", {}).get("availableReplicas") == 3:
            available.set()

    store.subscribe(watch)
    world = World(store, clock, ready_after_s=0.01)
    world.start()
    try:
        store.create(RS, replicaset(3))
        assert available.wait(20)
    finally:
        world.stop()
        clock.close()


def test_real_clock_cannot_be_advanced() -> None:
    clock = RealClock()
    world = World(Store(Registry(clock)), clock)
    with pytest.raises(SandboxError, match="VirtualClock"):
        world.advance(1)
