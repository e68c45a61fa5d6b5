from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.store import Store

SLICES = "endpointslices.discovery.k8s.io"


class Bench:
    """The Service `web` and pods it selects, under virtual time."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.store = Store(Registry(clock))
        self.world = World(self.store, clock)
        self.world.start()
        self.world.settle()

    def service(self, target: int | str = 8080, **spec: Any) -> None:
        body = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": target}], **spec}
        self.store.create("services", {"metadata": {"name": "web", "namespace": "default"}, "spec": body})
        self.world.settle()

    def pod(self, name: str, image: str = "web:1", port: int = 8080, app: str = "web", **container: Any) -> None:
        metadata = {"name": name, "namespace": "default", "labels": {"app": app}}
        ports = [{"name": "web-port", "containerPort": port}]
        containers = [{"name": "c", "image": image, "ports": ports, **container}]
        self.store.create("pods", {"metadata": metadata, "spec": {"containers": containers}})
        self.world.settle()

    def slices(self) -> list[Manifest]:
        return self.store.list(SLICES, "default")

    def endpoints(self) -> dict[str, tuple[bool, bool, bool]]:
        """ready, serving, terminating of each endpoint by its pod's name."""
        return {
            endpoint["targetRef"]["name"]: (
                endpoint["conditions"]["ready"],
                endpoint["conditions"]["serving"],
                endpoint["conditions"]["terminating"],
            )
            for one in self.slices()
            for endpoint in one["endpoints"]
        }

    def ports(self) -> dict[str, list[int]]:
        """The target ports of each endpoint by its pod's name."""
        return {
            endpoint["targetRef"]["name"]: [port["port"] for port in one["ports"]]
            for one in self.slices()
            for endpoint in one["endpoints"]
        }

    def legacy(self) -> list[Manifest]:
        return list(self.store.get("endpoints", "default", "web").get("subsets") or [])


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.world.stop()


def test_endpoint_follows_its_pod_from_start_to_end(bench: Bench) -> None:
    bench.service()
    bench.pod("a", lifecycle={"preStop": {"exec": {"command": ["sleep", "3"]}}})
    assert bench.endpoints() == {"a": (False, False, False)}
    bench.world.advance(1)
    assert bench.endpoints() == {"a": (True, True, False)}
    bench.store.delete("pods", "default", "a")
    bench.world.settle()
    assert bench.endpoints() == {"a": (False, True, True)}
    bench.world.advance(3)
    assert bench.endpoints() == {}


def test_endpoint_names_pod_node_and_address(bench: Bench) -> None:
    bench.service()
    bench.pod("a")
    [one] = bench.slices()
    [endpoint] = one["endpoints"]
    pod = bench.store.get("pods", "default", "a")
    assert endpoint["addresses"] == [pod["status"]["podIP"]]
    assert endpoint["nodeName"] == pod["spec"]["nodeName"]
    assert endpoint["targetRef"] == {"kind": "Pod", "namespace": "default", "name": "a", "uid": pod["metadata"]["uid"]}
    assert one["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert one["metadata"]["ownerReferences"][0]["kind"] == "Service"
    assert one["addressType"] == "IPv4"


def test_pod_that_is_not_selected_or_never_ready_is_not_ready_in_the_slice(bench: Bench) -> None:
    bench.service()
    bench.pod("other", app="other")
    bench.pod("broken", image="web:unready")
    bench.pod("missing", image="web:does-not-exist")
    bench.world.advance(60)
    assert bench.endpoints() == {"broken": (False, False, False), "missing": (False, False, False)}


def test_pod_whose_readiness_fails_leaves_the_ready_endpoints(bench: Bench) -> None:
    bench.service()
    bench.pod("a")
    bench.world.advance(1)
    bench.world.unready_pod("default", "a")
    bench.world.settle()
    assert bench.endpoints() == {"a": (False, False, False)}


def test_changed_selector_moves_the_endpoints_in_one_write(bench: Bench) -> None:
    bench.service()
    bench.pod("a")
    bench.pod("b", app="next")
    bench.world.advance(1)
    service = bench.store.get("services", "default", "web")
    service["spec"]["selector"] = {"app": "next"}
    bench.store.update("services", service)
    seen: list[object] = []
    bench.store.subscribe(lambda change: seen.append(change.type) if change.resource == SLICES else None)
    bench.world.settle()
    assert bench.endpoints() == {"b": (True, True, False)}
    assert seen == ["MODIFIED"]


def test_relabelled_pod_comes_and_goes(bench: Bench) -> None:
    bench.service()
    bench.pod("a", app="other")
    assert bench.endpoints() == {}
    for app, expected in (("web", {"a"}), ("other", set())):
        pod = bench.store.get("pods", "default", "a")
        pod["metadata"]["labels"]["app"] = app
        bench.store.update("pods", pod)
        bench.world.settle()
        assert set(bench.endpoints()) == expected


def test_named_port_is_resolved_for_each_pod(bench: Bench) -> None:
    bench.service("web-port")
    bench.pod("a", port=8080)
    bench.pod("b", port=9090)
    assert bench.ports() == {"a": [8080], "b": [9090]}
    assert len(bench.slices()) == 2


def test_numbered_port_is_taken_as_it_is(bench: Bench) -> None:
    bench.service(7070)
    bench.pod("a", port=8080)
    assert bench.ports() == {"a": [7070]}


def test_more_than_a_hundred_endpoints_take_a_second_slice(bench: Bench) -> None:
    bench.service()
    for number in range(101):
        bench.pod(f"p{number:03}")
    assert sorted(len(one["endpoints"]) for one in bench.slices()) == [1, 100]


def test_service_without_pods_has_one_empty_slice(bench: Bench) -> None:
    bench.service()
    [one] = bench.slices()
    assert one["endpoints"] == []
    assert bench.legacy() == []


def test_service_without_selector_is_left_to_its_user(bench: Bench) -> None:
    bench.service(selector=None)
    bench.pod("a")
    assert bench.slices() == []


def test_unready_addresses_are_published_on_demand(bench: Bench) -> None:
    bench.service(publishNotReadyAddresses=True, clusterIP="None")
    bench.pod("a", image="web:unready")
    bench.world.advance(1)
    assert bench.endpoints() == {"a": (True, True, False)}


def test_legacy_endpoints_tell_ready_from_unready(bench: Bench) -> None:
    bench.service()
    bench.pod("a")
    bench.pod("b", image="web:unready")
    bench.world.advance(1)
    [subset] = bench.legacy()
    assert [address["targetRef"]["name"] for address in subset["addresses"]] == ["a"]
    assert [address["targetRef"]["name"] for address in subset["notReadyAddresses"]] == ["b"]
    assert subset["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]


def test_slices_and_endpoints_go_with_their_service(bench: Bench) -> None:
    bench.service()
    bench.pod("a")
    bench.store.delete("services", "default", "web")
    bench.world.settle()
    assert bench.slices() == []
    assert bench.store.list("endpoints") == []


def test_slice_deleted_by_hand_is_made_again(bench: Bench) -> None:
    bench.service()
    bench.pod("a")
    bench.store.delete(SLICES, "default", bench.slices()[0]["metadata"]["name"])
    bench.world.settle()
    assert set(bench.endpoints()) == {"a"}


def test_slice_of_another_manager_is_left_alone(bench: Bench) -> None:
    labels = {"kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "someone"}
    metadata = {"name": "mine", "namespace": "default", "labels": labels}
    bench.store.create(SLICES, {"metadata": metadata, "addressType": "IPv4", "endpoints": [], "ports": []})
    bench.service()
    bench.pod("a")
    assert bench.store.get(SLICES, "default", "mine")["endpoints"] == []
    assert set(bench.endpoints()) == {"a"}


def test_settled_service_causes_no_writes(bench: Bench) -> None:
    bench.service()
    for name in ("c", "a", "b"):
        bench.pod(name)
    bench.world.advance(2)
    before = bench.store.version
    bench.world.advance(86400)
    assert bench.store.version == before
