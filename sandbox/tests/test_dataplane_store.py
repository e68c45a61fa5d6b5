"""The data plane over the sandbox's own store, with simulated workloads moving underneath."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tidegate_sandbox.clock import RealClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import DataPlane, Load, StoreSource, Stream
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.store import Store

HOST = "demo.example"


@pytest.fixture
def store() -> Iterator[Store]:
    clock = RealClock()
    store = Store(Registry(clock))
    world = World(store, clock, ready_after_s=0.05)
    world.start()
    yield store
    world.stop()
    clock.close()


def deployment(image: str) -> Manifest:
    labels = {"app": "demo"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "demo", "namespace": "default"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "demo", "image": image, "ports": [{"containerPort": 8080}]}]},
            },
        },
    }


def demo_service() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "demo", "namespace": "default"},
        "spec": {"selector": {"app": "demo"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def demo_ingress() -> Manifest:
    backend = {"service": {"name": "demo", "port": {"number": 80}}}
    rule = {"host": HOST, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "demo", "namespace": "default"},
        "spec": {"rules": [rule]},
    }


def serves_only(plane: DataPlane, version: str) -> bool:
    """Wait until the host's traffic belongs to one version, as the plane sees it in force."""
    return plane.wait_until(
        lambda seen: (split := seen.splits.of(HOST)) is not None and split.versions == {version: 1.0}, 20
    )


def running_pods(store: Store) -> list[str]:
    return [pod["metadata"]["name"] for pod in store.list("pods") if pod["status"].get("phase") == "Running"]


def test_rolling_update_of_a_deployment_fails_no_request(store: Store) -> None:
    store.create("deployments.apps", deployment("demo:v1"))
    store.create("services", demo_service())
    store.create("ingresses.networking.k8s.io", demo_ingress())
    with DataPlane(StoreSource(store)) as plane:
        assert serves_only(plane, "v1")
        with Load(plane.url_for(HOST), Stream(rate=400)) as load:
            load.wait_for(50)
            changed = store.get("deployments.apps", "default", "demo")
            changed["spec"]["template"]["spec"]["containers"][0]["image"] = "demo:v2"
            store.update("deployments.apps", changed)
            assert serves_only(plane, "v2")
            split = plane.split(HOST)
            assert split is not None
            counts = load.wait_for(100, since=split.since)
            load.stop()
            assert counts.versions == {"v2": counts.total}
            assert load.snapshot().counts.failures == 0, load.snapshot().counts.errors


def test_image_that_never_gets_ready_gets_no_request(store: Store) -> None:
    store.create("deployments.apps", deployment("demo:unready"))
    store.create("services", demo_service())
    store.create("ingresses.networking.k8s.io", demo_ingress())
    with DataPlane(StoreSource(store)) as plane, Load(plane.url_for(HOST), Stream(rate=200)) as load:
        while len(pods := running_pods(store)) < 4:
            threading.Event().wait(0.01)
        counts = load.wait_for(20, since=load.mark())
        assert counts.statuses == {503: counts.total}
        assert [plane.served("default", name) for name in pods] == [0, 0, 0, 0]
