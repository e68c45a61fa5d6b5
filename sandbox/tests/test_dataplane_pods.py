"""Pods as servers, without a proxy in between."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.backends import Backends
from tidegate_sandbox.dataplane.memory import pod
from tidegate_sandbox.dataplane.pods import ERROR_RATE, behaviour, image_tag
from tidegate_sandbox.dataplane.routes import Address, PodRef


@pytest.fixture
def backends() -> Iterator[Backends]:
    started = Backends()
    yield started
    started.stop()


def get(address: Address, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
    try:
        connection.request(method, "/any/path", body=b"hello" if method == "POST" else None)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def opened(backends: Backends, *pods: Manifest) -> dict[str, Address]:
    addresses, _ = backends.open(pods)
    return {ref.name: address for ref, address in addresses.items()}


def test_ready_pod_answers_with_version_and_name(backends: Backends) -> None:
    address = opened(backends, pod("demo-1", "v7"))["demo-1"]
    status, headers, body = get(address)
    assert (status, headers["x-version"], headers["x-pod"]) == (200, "v7", "demo-1")
    assert json.loads(body) == {"version": "v7", "pod": "demo-1"}
    assert backends.served(PodRef("shop", "demo-1")) == 1


def test_body_of_a_request_is_taken_and_head_gets_none(backends: Backends) -> None:
    address = opened(backends, pod("demo-1", "v7"))["demo-1"]
    assert get(address, "POST")[0] == 200
    status, headers, body = get(address, "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_all_listen_on_the_loopback_and_no_two_on_one_address(backends: Backends) -> None:
    addresses = opened(backends, *(pod(f"demo-{number}", "v1") for number in range(20)))
    assert all(address.host.startswith("127.") for address in addresses.values())
    assert len(set(addresses.values())) == 20


def test_pod_that_is_not_ready_has_no_listener(backends: Backends) -> None:
    assert opened(backends, pod("demo-1", "v1", ready=False)) == {}


def test_pod_that_is_gone_or_no_longer_ready_refuses(backends: Backends) -> None:
    addresses = opened(backends, pod("gone", "v1"), pod("sick", "v1"), pod("well", "v1"))
    backends.close_others([pod("sick", "v1", ready=False), pod("well", "v1")])
    for name in ("gone", "sick"):
        with pytest.raises(ConnectionRefusedError):
            get(addresses[name])
    assert get(addresses["well"])[0] == 200


def test_terminating_pod_serves_until_its_object_is_gone(backends: Backends) -> None:
    leaving = pod("demo-1", "v1")
    address = opened(backends, leaving)["demo-1"]
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert opened(backends, leaving) == {"demo-1": address}
    backends.close_others([leaving])
    assert get(address)[0] == 200
    backends.close_others([])
    with pytest.raises(ConnectionRefusedError):
        get(address)


def test_terminating_pod_does_not_begin_to_listen(backends: Backends) -> None:
    leaving = pod("demo-1", "v1")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert opened(backends, leaving) == {}


def test_pod_of_the_same_name_with_another_uid_is_another_server(backends: Backends) -> None:
    first = opened(backends, pod("demo-1", "v1"))["demo-1"]
    successor = pod("demo-1", "v2")
    successor["metadata"]["uid"] = "another"
    second = opened(backends, successor)["demo-1"]
    assert second != first
    assert get(second)[1]["x-version"] == "v2"
    with pytest.raises(ConnectionRefusedError):
        get(first)


def test_last_answer_of_a_pod_that_is_gone_closes_the_connection(backends: Backends) -> None:
    address = opened(backends, pod("demo-1", "v1"))["demo-1"]
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
    try:
        connection.request("GET", "/")
        first = connection.getresponse()
        first.read()
        backends.close_others([])
        connection.request("GET", "/")
        last = connection.getresponse()
        assert (first.status, first.getheader("connection")) == (200, None)
        assert (last.status, last.getheader("connection")) == (200, "close")
        last.read()
    finally:
        connection.close()


def test_what_is_not_http_is_answered_400(backends: Backends) -> None:
    address = opened(backends, pod("demo-1", "v1"))["demo-1"]
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
    try:
        connection.connect()
        connection.sock.sendall(b"\x16\x03\x01 no http\r\n\r\n")
        assert connection.sock.recv(100).startswith(b"HTTP/1.1 400 ")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("demo:v1", "v1"),
        ("registry.example:5000/shop/demo:2.1", "2.1"),
        ("registry.example:5000/shop/demo", "latest"),
        ("demo:v3@sha256:0123", "v3"),
        ("demo@sha256:0123", "latest"),
        ("", "latest"),
    ],
)
def test_version_is_the_tag_of_the_image(image: str, tag: str) -> None:
    assert image_tag(image) == tag


def test_annotations_set_errors_and_latency_and_nonsense_is_named() -> None:
    prefix = "sandbox.tidegate.io"
    does, notes = behaviour(
        pod("demo-1", "v1", annotations={f"{prefix}/error-rate": "0.05", f"{prefix}/latency-ms": "20"})
    )
    assert (does.error_rate, does.latency_s, notes) == (0.05, 0.02, ())
    does, notes = behaviour(pod("demo-1", "v1", annotations={f"{prefix}/error-rate": "some"}))
    assert does.error_rate == 0.0
    assert notes == ("pod shop/demo-1: annotation sandbox.tidegate.io/error-rate is 'some', no number; taken for 0",)


@pytest.mark.parametrize(
    ("tag", "share"),
    [
        ("errors-5-v4", 0.05),
        ("v4-errors-50", 0.5),
        ("errors-400", 1.0),
        ("v4", 0.0),
        ("errors-v4", 0.0),
        ("terrors-5", 0.0),
    ],
)
def test_a_tag_may_name_the_share_of_errors(tag: str, share: float) -> None:
    assert behaviour(pod("demo-1", tag))[0].error_rate == share


def test_the_annotation_counts_before_the_tag() -> None:
    assert behaviour(pod("demo-1", "errors-5-v4", annotations={ERROR_RATE: "0"}))[0].error_rate == 0.0
