"""The sandbox's Prometheus endpoint: its metrics, its HTTP API, and what it says about real requests."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.dataplane import DataPlane, Load, Stream
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, ingress, path_to, pod, service
from tidegate_sandbox.dataplane.pods import ERROR_RATE
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.requests import Answers, Requests
from tidegate_sandbox.dataplane.routes import (
    Cluster,
    Host,
    Mirror,
    PathKind,
    PathMatch,
    PodRef,
    Route,
    RouteTable,
    Share,
    World,
)
from tidegate_sandbox.errors import StartError
from tidegate_sandbox.monitoring import Monitor
from tidegate_sandbox.monitoring.answers import number_text

OLD = Answers("shop", "stable", "aaa", "v1", "200")
NEW = Answers("shop", "canary", "bbb", "v4", "200")
SUCCESS = (
    'sum(rate(http_requests_total{service="canary",code!~"5.."}[1m]))'
    ' / sum(rate(http_requests_total{service="canary"}[1m]))'
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Asked:
    """A monitor under a virtual clock, and the counters it shows."""

    def __init__(self) -> None:
        self.clock, self.requests = VirtualClock(), Requests()
        self.monitor = Monitor(self.requests, self.clock)

    def call(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.monitor.port, timeout=5)
        try:
            connection.request(method, path, body, FORM if body is not None else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get(self, path: str, **parameters: str | float) -> tuple[int, Any]:
        status, body = self.call("GET", f"{path}?{urlencode(parameters)}")
        return status, json.loads(body)

    def post(self, path: str, **parameters: str | float) -> tuple[int, Any]:
        status, body = self.call("POST", path, urlencode(parameters))
        return status, json.loads(body)

    def minute(self, healthy: int, failed: int) -> None:
        """Sixty seconds in which the canary answers so much a second."""
        for _ in range(60):
            self.requests.add(NEW, 0.02, healthy)
            self.requests.add(NEW._replace(code="500"), 0.02, failed)
            self.clock.advance(1)


@pytest.fixture
def asked() -> Iterator[Asked]:
    found = Asked()
    with found.monitor:
        yield found


def test_the_metrics_are_in_the_text_format_of_prometheus(asked: Asked) -> None:
    asked.requests.add(OLD, 0.02, 3)

    status, body = asked.call("GET", "/metrics")

    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    counted = {sample.labels["code"]: sample.value for sample in families["http_requests"].samples}
    buckets = {
        sample.labels["le"]: sample.value
        for sample in families["http_request_duration_seconds"].samples
        if sample.name.endswith("_bucket") and sample.labels["code"] == "200"
    }
    assert status == 200
    assert counted == {"200": 3, "500": 0}
    assert (buckets["0.01"], buckets["0.025"], buckets["+Inf"]) == (0, 3, 3)


def test_counters_carry_service_and_replica_set(asked: Asked) -> None:
    asked.requests.add(OLD)
    asked.monitor.sample()
    asked.clock.advance(1)

    status, answer = asked.get("/api/v1/query", query='http_requests_total{code="200"}')

    (series,) = answer["data"]["result"]
    assert status == 200
    assert series["metric"] == {
        "__name__": "http_requests_total",
        "job": "sandbox",
        "instance": asked.monitor.address.removeprefix("http://"),
        "namespace": "shop",
        "service": "stable",
        "pod_template_hash": "aaa",
        "version": "v1",
        "code": "200",
    }
    assert series["value"] == [asked.clock.now().timestamp(), "1"]


def test_a_release_with_five_percent_errors_shows_in_virtual_time(asked: Asked) -> None:
    asked.requests.add(NEW, count=1)
    asked.clock.advance(1)
    asked.minute(19, 1)

    _, answer = asked.post("/api/v1/query", query=SUCCESS)

    (result,) = answer["data"]["result"]
    assert float(result["value"][1]) == pytest.approx(0.95)


def test_get_and_post_answer_alike(asked: Asked) -> None:
    asked.minute(5, 5)

    assert asked.get("/api/v1/query", query=SUCCESS) == asked.post("/api/v1/query", query=SUCCESS)


def test_a_range_query_answers_a_matrix(asked: Asked) -> None:
    begun = asked.clock.now().timestamp()
    asked.minute(1, 0)

    status, answer = asked.post(
        "/api/v1/query_range", query="sum(http_requests_total)", start=begun + 10, end=begun + 50, step="20s"
    )

    (series,) = answer["data"]["result"]
    assert (status, answer["data"]["resultType"]) == (200, "matrix")
    assert series == {"metric": {}, "values": [[begun + 10, "10"], [begun + 30, "30"], [begun + 50, "50"]]}


@pytest.mark.parametrize(
    ("path", "parameters", "status", "kind", "text"),
    [
        ("/api/v1/query", {"query": "sum("}, 400, "bad_data", "1:5: parse error"),
        ("/api/v1/query", {}, 400, "bad_data", "no expression"),
        ("/api/v1/query", {"query": "1", "time": "noon"}, 400, "bad_data", 'cannot parse "noon"'),
        ("/api/v1/query", {"query": "1", "time": "1e300"}, 400, "bad_data", "valid timestamp"),
        ("/api/v1/query", {"query": "1", "time": "2030-01-01T00:00:00"}, 400, "bad_data", "valid timestamp"),
        ("/api/v1/query", {"query": "topk(1, up)"}, 400, "bad_data", "topk"),
        ("/api/v1/query_range", {"query": "1", "start": "2", "end": "1", "step": "1"}, 400, "bad_data", "before start"),
        ("/api/v1/query_range", {"query": "1", "start": "1", "end": "2", "step": "0"}, 400, "bad_data", "zero or"),
        ("/api/v1/query_range", {"query": "1", "start": "1", "end": "2", "step": "9999999y"}, 400, "bad_data", "unit"),
        ("/api/v1/query_range", {"query": "1", "start": "1", "end": "2", "step": "x"}, 400, "bad_data", "duration"),
        ("/api/v1/query_range", {"query": "1"}, 400, "bad_data", '"start"'),
        ("/api/v1/rules", {}, 404, "not_found", "/api/v1/query"),
    ],
)
def test_a_refusal_has_the_shape_of_prometheus(
    asked: Asked, path: str, parameters: dict[str, str], status: int, kind: str, text: str
) -> None:
    found, answer = asked.post(path, **parameters)

    assert (found, answer["status"], answer["errorType"]) == (status, "error", kind)
    assert text in answer["error"]


def test_an_execution_error_is_422(asked: Asked) -> None:
    asked.minute(1, 1)

    status, answer = asked.get("/api/v1/query", query="http_requests_total / on(service) http_requests_total")

    assert (status, answer["errorType"]) == (422, "execution")


@pytest.mark.parametrize(
    ("query", "expected"),
    [("1/0", "+Inf"), ("-1/0", "-Inf"), ("0/0", "NaN"), ("0.1+0.2", "0.30000000000000004"), ("1e21", "1" + "0" * 21)],
)
def test_numbers_are_written_as_prometheus_writes_them(asked: Asked, query: str, expected: str) -> None:
    assert asked.get("/api/v1/query", query=query)[1]["data"]["result"][1] == expected


def test_a_tiny_number_has_no_exponent() -> None:
    assert number_text(1.5e-7) == "0.00000015"


def test_other_methods_are_refused(asked: Asked) -> None:
    assert asked.call("DELETE", "/api/v1/query")[0] == 405


def test_a_taken_port_is_told(asked: Asked) -> None:
    with pytest.raises(StartError, match=f"port {asked.monitor.port} on 127.0.0.1"):
        Monitor(asked.requests, asked.clock, port=asked.monitor.port).start()


def test_a_stopped_monitor_samples_no_more(asked: Asked) -> None:
    asked.monitor.stop()
    asked.clock.advance(5)

    assert asked.clock.next_due() is None


@pytest.mark.parametrize("proxy", ["default", "python"])
def test_real_requests_are_counted_by_the_service_they_were_sent_to(proxy: str) -> None:
    old, new = pod("web-old", "v1"), pod("web-new", "v4", annotations={ERROR_RATE: "1"})
    new["metadata"]["labels"] = {"rollouts-pod-template-hash": "bbb"}
    canary = {"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "50"}
    cluster = MemorySource(
        *(old, service("stable"), endpoint_slice("stable", old)),
        *(new, service("canary"), endpoint_slice("canary", new)),
        ingress("web", path_to("stable"), host="demo.example"),
        ingress("web-canary", path_to("canary"), host="demo.example", annotations=canary),
    )
    plane = DataPlane(cluster, proxy=PythonProxy(seed=1) if proxy == "python" else None)
    lying = {"x-sandbox-service": "somebody-else"}
    with plane, Load(plane.url_for("demo.example"), Stream(rate=500, total=100, headers=lying)) as load:
        assert load.wait(20)
        counts = load.snapshot().counts

    counted = {
        (key.service, key.template_hash, key.code): tally.count for key, tally in plane.requests.counted().items()
    }
    assert {key: count for key, count in counted.items() if count} == {
        ("stable", "", "200"): counts.statuses[200],
        ("canary", "bbb", "500"): counts.statuses[500],
    }


class Mirroring:
    """Sends every request to one Service and a copy of it to another."""

    resources = ("pods",)

    def translate(self, world: World) -> RouteTable:
        clusters = tuple(
            Cluster(f"c-{name}", (PodRef("shop", f"web-{name}"),), f"service-{name}") for name in ("one", "two")
        )
        route = Route(PathMatch(PathKind.PREFIX, "/"), (Share("c-one", 1),), mirrors=(Mirror("c-two"),))
        return RouteTable((Host("demo.example", (route,)),), clusters)


@pytest.mark.parametrize("proxy", ["default", "python"])
def test_copies_are_counted_by_the_service_they_were_copied_to(proxy: str) -> None:
    cluster = MemorySource(pod("web-one", "v1"), pod("web-two", "v2"))
    chosen = PythonProxy(seed=1) if proxy == "python" else None
    with DataPlane(cluster, proxy=chosen, translators=[Mirroring()]) as plane:
        with Load(plane.url_for("demo.example"), Stream(rate=500, total=50)) as load:
            assert load.wait(20)
        while (
            sum(tally.count for tally in plane.requests.counted().values()) < 100
        ):  # copies are on their way when the answers are back
            plane.wait_until(lambda _: False, 0.01)

    counted = {
        (key.service, key.version): tally.count for key, tally in plane.requests.counted().items() if tally.count
    }
    assert counted == {("service-one", "v1"): 50, ("service-two", "v2"): 50}
