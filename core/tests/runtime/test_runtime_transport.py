from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate import errors
from tidegate.runtime.collecting import collection_paused
from tidegate.runtime.kinds import REPLICA_SETS, ROLLOUTS, SERVICES, address, path_of
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.transport import MERGE_PATCH, Access, Connection, Transport


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def transport(api: Any, tmp_path: Path, metrics: Metrics) -> Iterator[Transport]:
    transport = Transport(Connection(Access(str(api.kubeconfig(tmp_path)))), metrics=metrics)
    yield transport
    transport.close()


def test_a_merge_patch_goes_out_as_written(transport: Transport, api: Any, answer: Any) -> None:
    api.script = lambda request: answer(200, {"echo": request.body})
    body = {"metadata": {"annotations": {"a": None}}, "spec": {"replicas": 3}}
    reply = transport.request("PATCH", path_of(ROLLOUTS, "ns", "app", "status"), body, MERGE_PATCH, {"dryRun": "All"})
    assert reply == {"echo": body}
    request = api.requests[0]
    assert request.path == "/apis/argoproj.io/v1alpha1/namespaces/ns/rollouts/app/status"
    assert request.query == {"dryRun": "All"}
    assert request.headers["content-type"] == "application/merge-patch+json"
    assert request.headers["authorization"] == "Bearer secret"
    assert request.headers["user-agent"].startswith("tidegate/")


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (400, "BadRequest", errors.Rejected),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Gone),
        (415, "UnsupportedMediaType", errors.Rejected),
        (422, "Invalid", errors.Rejected),
        (500, "InternalError", errors.Transient),
        (503, "ServiceUnavailable", errors.Transient),
        (504, "Timeout", errors.Transient),
    ],
)
def test_each_refusal_has_its_type(
    transport: Transport, api: Any, refusal: Any, code: int, reason: str, expected: type[errors.ApiError]
) -> None:
    api.script = lambda _: refusal(code, reason, "the server's words")
    with pytest.raises(expected) as caught:
        transport.request("PATCH", path_of(SERVICES, "ns", "web"), {}, MERGE_PATCH)
    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert str(caught.value) == f"PATCH services ns/web: {code} {reason}: the server's words"


def test_a_429_carries_what_the_server_asked_for(transport: Transport, api: Any, refusal: Any) -> None:
    api.script = lambda _: refusal(429, "TooManyRequests", headers={"Retry-After": "7"})
    with pytest.raises(errors.TooManyRequests) as caught:
        transport.request("GET", path_of(SERVICES))
    assert caught.value.after_s == 7.0
    assert len(api.requests) == 1  # nobody below us repeats


def test_a_body_that_is_no_status_is_quoted(transport: Transport, api: Any, answer: Any) -> None:
    api.script = lambda _: answer(502, b"<html>bad gateway</html>")
    with pytest.raises(errors.Transient, match="bad gateway"):
        transport.request("GET", path_of(SERVICES))


def test_an_answer_that_is_not_json_is_an_error(transport: Transport, api: Any, answer: Any) -> None:
    api.script = lambda _: answer(200, b"<html>login</html>")
    with pytest.raises(errors.Transient, match="not JSON"):
        transport.request("GET", path_of(SERVICES))


def test_a_silent_server_is_given_up_after_the_timeout(transport: Transport, api: Any, answer: Any) -> None:
    release = threading.Event()

    def slow(_: Any) -> Any:
        release.wait(5)
        return answer(200, {})

    api.script = slow
    with pytest.raises(errors.Transient, match="no answer from http://127"):
        transport.request("GET", path_of(SERVICES), timeout=0.05)
    release.set()


def test_a_401_reads_the_credentials_again(api: Any, answer: Any, refusal: Any, tmp_path: Path) -> None:
    transport = Transport(Connection(Access(str(api.kubeconfig(tmp_path, token="old")))))
    api.script = lambda request: (
        answer(200, {"ok": True})
        if request.headers["authorization"] == "Bearer new"
        else refusal(401, "Unauthorized", "Unauthorized")
    )
    with pytest.raises(errors.Forbidden, match="credentials are not accepted"):
        transport.request("GET", path_of(SERVICES))
    api.kubeconfig(tmp_path, token="new")
    assert transport.request("GET", path_of(SERVICES)) == {"ok": True}
    transport.close()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "missing.yaml: does not exist"),
        ("not: a kubeconfig", "missing.yaml: Invalid kube-config file"),
        (": : :", "missing.yaml: "),
    ],
    ids=["no file", "no cluster in it", "no YAML"],
)
def test_an_unusable_kubeconfig_says_what_to_do(tmp_path: Path, content: str | None, found: str) -> None:
    file = tmp_path / "missing.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(errors.ConnectionFailed) as caught:
        Connection(Access(str(file)))
    assert found in str(caught.value)
    assert "--kubeconfig" in str(caught.value)


def test_an_unknown_context_says_what_to_do(api: Any, tmp_path: Path) -> None:
    with pytest.raises(errors.ConnectionFailed, match=r"nowhere.*--context"):
        Connection(Access(str(api.kubeconfig(tmp_path)), context="nowhere"))


def test_a_kubeconfig_that_leads_nowhere_is_one_clear_message(api: Any, tmp_path: Path) -> None:
    kubeconfig = api.kubeconfig(tmp_path)
    api.stop()
    with pytest.raises(errors.ConnectionFailed) as caught:
        Transport(Connection(Access(str(kubeconfig)))).check()
    assert f"no answer from {api.url}" in str(caught.value)
    assert "--kubeconfig" in str(caught.value)
    assert "object at 0x" not in str(caught.value)
    assert ": Connection refused; check" in str(caught.value)


def test_check_tells_the_version(transport: Transport, api: Any, answer: Any) -> None:
    api.script = lambda request: answer(200, {"gitVersion": "v1.34.0"}) if request.path == "/version" else answer(404)
    assert transport.check() == "v1.34.0"


def test_requests_are_counted_by_verb_resource_and_code(
    transport: Transport, api: Any, answer: Any, refusal: Any, metrics: Metrics
) -> None:
    api.script = lambda request: answer(200, {}) if request.method == "GET" else refusal(409, "Conflict")
    transport.request("GET", path_of(SERVICES, "ns", "web"))
    with pytest.raises(errors.Conflict):
        transport.request("PUT", path_of(SERVICES, "ns", "web"), {})

    def count(verb: str, code: str) -> float | None:
        labels = {"kind": "services", "namespace": "ns", "name": "N/A", "verb": verb, "status_code": code}
        return metrics.registry.get_sample_value("controller_clientset_k8s_request_total", labels)

    assert (count("GET", "200"), count("PUT", "409")) == (1.0, 1.0)


def test_a_watch_yields_events_as_they_come(transport: Transport, api: Any, stream: Any) -> None:
    feed = stream()
    api.script = lambda _: feed
    with transport.watch(path_of(SERVICES), {"resourceVersion": "5"}, 5) as watch:
        events = iter(watch)
        feed.send("ADDED", metadata={"name": "a"})
        assert next(events) == {"type": "ADDED", "object": {"metadata": {"name": "a"}}}
        feed.send("MODIFIED", metadata={"name": "b", "big": "x" * 200_000})
        assert next(events)["object"]["metadata"]["name"] == "b"
        feed.end()
        assert list(events) == []
    assert api.requests[0].query == {"resourceVersion": "5", "watch": "true"}


def test_a_watch_that_is_cut_off_is_an_error(transport: Transport, api: Any, stream: Any) -> None:
    feed = stream()
    api.script = lambda _: feed
    with transport.watch(path_of(SERVICES), {}, 5) as watch:
        feed.cut()
        with pytest.raises(errors.Transient, match="broke off"):
            list(watch)


def test_a_half_open_watch_ends_with_the_read_timeout(transport: Transport, api: Any, stream: Any) -> None:
    feed = stream()
    api.script = lambda _: feed
    with (
        transport.watch(path_of(SERVICES), {}, 0.05) as watch,
        pytest.raises(errors.Transient, match="timed out"),
    ):
        list(watch)


def test_an_error_event_is_raised_as_its_type(transport: Transport, api: Any, stream: Any) -> None:
    feed = stream()
    api.script = lambda _: feed
    with transport.watch(path_of(SERVICES), {}, 5) as watch:
        feed.send("ERROR", kind="Status", code=410, reason="Expired", message="too old")
        with pytest.raises(errors.Gone, match="too old"):
            list(watch)


def test_another_thread_can_end_a_silent_watch(transport: Transport, api: Any, stream: Any) -> None:
    feed = stream()
    api.script = lambda _: feed
    watch = transport.watch(path_of(SERVICES), {}, 30)
    ended = threading.Event()

    def read() -> None:
        try:
            list(watch)
        except errors.Transient:
            pass
        finally:
            ended.set()

    thread = threading.Thread(target=read)
    thread.start()
    watch.interrupt()
    assert ended.wait(5)
    thread.join()
    with watch:
        pass


def test_the_collector_is_off_while_any_pause_lasts() -> None:
    assert gc.isenabled()
    with collection_paused():
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (path_of(REPLICA_SETS, "ns", "rs"), "replicasets.apps ns/rs"),
        (path_of(ROLLOUTS, "ns", "app", "status"), "rollouts.argoproj.io/status ns/app"),
        (path_of(SERVICES), "services"),
        ("/api/v1/namespaces/ns", "namespaces ns"),
        ("/version", "version"),
    ],
    ids=["object", "subresource", "all namespaces", "a namespace itself", "outside"],
)
def test_paths_are_named_in_messages(path: str, expected: str) -> None:
    assert str(address(path)) == expected


def test_the_fixture_server_is_really_gone_after_stop(api: Any) -> None:
    api.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", api.port), timeout=1)
