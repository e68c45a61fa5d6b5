"""Real requests through an HTTPRoute and a TrafficSplit: the split, the header rule and the copies, with both proxies."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import Counts, DataPlane, Load, Stream
from tidegate_sandbox.dataplane.envoy import Envoy
from tidegate_sandbox.dataplane.envoy_process import envoy_path
from tidegate_sandbox.dataplane.gateway import GatewayTranslator
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, pod, service
from tidegate_sandbox.dataplane.proxies import Proxy
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.smi import SmiTranslator

HOST, ROOT = "shop.example", "root.shop"
SAMPLE = 1500


def new_envoy() -> Proxy:
    try:
        envoy_path()
    except ImportError as error:
        pytest.skip(f"no Envoy for this platform: {error}")
    return Envoy()


def new_python_proxy() -> Proxy:
    return PythonProxy(seed=1)


PROXIES = [
    pytest.param(new_envoy, id="envoy", marks=pytest.mark.envoy),
    pytest.param(new_python_proxy, id="python"),
]


def ref(name: str, weight: int) -> Manifest:
    return {"name": name, "port": 80, "weight": weight}


def http_route(canary: int, *special: Manifest) -> Manifest:
    split = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}
    split["backendRefs"] = [ref("stable", 100 - canary), ref("canary", canary)]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hostnames": [HOST], "rules": [*special, split]},
    }


def traffic_split(canary: int) -> Manifest:
    backends = [{"service": "canary", "weight": str(canary)}, {"service": "stable", "weight": str(100 - canary)}]
    return {
        "apiVersion": "split.smi-spec.io/v1alpha1",
        "kind": "TrafficSplit",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"service": "root", "backends": backends},
    }


@dataclass
class Shop:
    """Two pods behind a stable, a canary and a root Service, and the data plane that carries requests to them."""

    source: MemorySource
    plane: DataPlane

    def put(self, manifest: Manifest) -> None:
        self.source.put(manifest)
        assert self.plane.wait_current()
        assert not self.plane.in_force.problems

    def send(self, host: str, total: int = SAMPLE) -> Counts:
        with Load(self.plane.url_for(host), Stream(rate=3000.0, concurrency=16, total=total)) as load:
            assert load.wait(30)
            return load.snapshot().counts

    def get(self, path: str = "/", **headers: str) -> str:
        """The version that answers one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.plane.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": HOST, **headers})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        return str(json.loads(body)["version"]) if response.status == 200 else str(response.status)


@pytest.fixture(params=PROXIES)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    new: Callable[[], Proxy] = request.param
    old, fresh = pod("old", "v1"), pod("new", "v2")
    behind: dict[str, list[Any]] = {"stable": [old], "canary": [fresh], "root": [old, fresh]}
    workload = [old, fresh, *(service(name) for name in behind), *(endpoint_slice(n, *p) for n, p in behind.items())]
    source = MemorySource(*workload)
    with DataPlane(source, proxy=new(), translators=[GatewayTranslator(), SmiTranslator()]) as plane:
        yield Shop(source, plane)


@pytest.mark.parametrize("weight", [0, 25, 100])
def test_requests_through_an_http_route_are_split(shop: Shop, weight: int) -> None:
    shop.put(http_route(weight))
    counts = shop.send(HOST)
    assert counts.failures == 0, counts.errors
    assert counts.agrees("v2", weight / 100), counts.versions


@pytest.mark.parametrize("weight", [0, 25, 100])
def test_requests_to_the_root_of_a_traffic_split_are_split(shop: Shop, weight: int) -> None:
    shop.put(traffic_split(weight))
    counts = shop.send(ROOT)
    assert counts.failures == 0, counts.errors
    assert counts.agrees("v2", weight / 100), counts.versions


def test_requests_with_the_header_go_to_the_canary(shop: Shop) -> None:
    headers = [{"name": "X-Canary", "type": "Exact", "value": "yes"}]
    match = {"path": {"type": "PathPrefix", "value": "/"}, "headers": headers}
    shop.put(http_route(0, {"name": "h", "matches": [match], "backendRefs": [ref("canary", 1)]}))
    assert {shop.get(**{"X-Canary": "yes"}) for _ in range(10)} == {"v2"}
    assert {shop.get(**{"X-Canary": "no"}) for _ in range(10)} == {"v1"}
    assert {shop.get() for _ in range(10)} == {"v1"}


def test_copies_reach_the_canary_and_answers_come_from_stable(shop: Shop) -> None:
    copying = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "canary", "port": 80}}}
    match = {"path": {"type": "PathPrefix", "value": "/copied"}}
    shop.put(http_route(0, {"matches": [match], "backendRefs": [ref("stable", 1)], "filters": [copying]}))
    assert {shop.get("/copied") for _ in range(10)} == {"v1"}
    assert {shop.get("/other") for _ in range(10)} == {"v1"}
    assert shop.plane.served("shop", "old") == 20
    while shop.plane.served("shop", "new") < 10:  # copies are on their way when the answers are back
        threading.Event().wait(0.005)
    assert shop.plane.served("shop", "new") == 10
