"""What the provider asks of Prometheus, and what its answers come to."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tidegate.hooks import PluginError, Query, Reading, Unreachable
from tidegate.machine.expr.conditions import holds
from tidegate.machine.expr.values import Floats
from tidegate_prometheus import Prometheus

URL = "http://prom:9090/api/v1/query"
RANGE = "http://prom:9090/api/v1/query_range"


def success(kind: str, result: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}


def vector(*values: str) -> dict[str, object]:
    return success("vector", [{"metric": {"pod": "a"}, "value": [1767268800.25, value]} for value in values])


def test_i11_a_query_is_posted_with_its_time(desk: Any) -> None:
    desk.server.post(URL, json=vector("1"))
    desk.measure(query='up{a="b&c"}')
    assert dict(parse_qsl(desk.asked.body.decode())) == {"query": 'up{a="b&c"}', "time": "1767268800.25"}
    assert desk.asked.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_range_query_gives_start_end_and_step(desk: Any) -> None:
    desk.server.post(RANGE, json=success("matrix", []))
    window = {"start": 'now() - duration("5m")', "end": "now()", "step": "1m30s"}
    desk.measure(rangeQuery=window)
    asked = dict(parse_qsl(desk.asked.body.decode()))
    assert asked == {"query": "up", "start": "1767268500.25", "end": "1767268800.25", "step": "90"}


@pytest.mark.parametrize("status", [403, 405, 501])
def test_i11_a_server_that_takes_no_post_is_asked_with_get(desk: Any, status: int) -> None:
    desk.server.post(URL, status=status)
    desk.server.get(URL, json=vector("1"))
    assert desk.measure(query="a+b", headers=[{"key": "X-Scope-OrgID", "value": "t"}]).value == "[1]"
    assert dict(parse_qsl(urlsplit(desk.asked.url).query)) == {"query": "a+b", "time": "1767268800.25"}
    assert desk.asked.headers["X-Scope-OrgID"] == "t"
    assert not desk.asked.body


@pytest.mark.parametrize(
    ("answer", "reading"),
    [
        (success("scalar", [1.0, "0.25"]), Reading(0.25, "0.25")),
        (vector("1", "0.5"), Reading(Floats([1.0, 0.5]), "[1,0.5]")),
        (vector(), Reading(Floats(), "[]")),
        (vector("+Inf", "-Inf", "1e+21"), Reading(Floats([math.inf, -math.inf, 1e21]), f"[+Inf,-Inf,1{'0' * 21}]")),
        (
            success("matrix", [{"values": [[1, "1"], [2, "2"]]}, {"values": [[1, "3"]]}]),
            Reading(Floats([1.0, 2.0, 3.0]), "[1,2,3]"),
        ),
        (success("matrix", []), Reading(Floats(), "[]")),
    ],
    ids=["scalar", "vector", "empty", "infinite", "matrix", "empty matrix"],
)
def test_i11_a_shape_comes_to_numbers(desk: Any, answer: dict[str, object], reading: Reading) -> None:
    desk.server.post(URL, json=answer)
    found = desk.measure()
    assert found == reading
    assert type(found.result) is type(reading.result)


def test_i11_nan_stays_nan(desk: Any) -> None:
    desk.server.post(URL, json=vector("NaN"))
    reading = desk.measure()
    assert reading.value == "[NaN]"
    assert holds("isNaN(result[0])", reading.result)


def test_i11_warnings_are_kept_with_the_measurement(desk: Any) -> None:
    desk.server.post(URL, json={**vector("1"), "warnings": ["partial answer", 'store "a" is down']})
    assert desk.measure().metadata == {"warnings": '"partial answer", "store \\"a\\" is down"'}


@pytest.mark.parametrize("kind", ["string", "streams", "None"])
def test_another_type_is_an_error(desk: Any, kind: str) -> None:
    desk.server.post(URL, json=success(kind, [1, "text"]))
    with pytest.raises(PluginError, match="Prometheus metric type not supported"):
        desk.measure()


def test_a_native_histogram_is_an_error_that_says_what_to_do(desk: Any) -> None:
    desk.server.post(URL, json=success("vector", [{"metric": {}, "histogram": [1, {"count": "3"}]}]))
    with pytest.raises(PluginError, match="histogram; take a number from it"):
        desk.measure()


@pytest.mark.parametrize("status", [200, 400, 422])
def test_an_error_of_the_api_is_told_in_its_words(desk: Any, status: int) -> None:
    desk.server.post(URL, status=status, json={"status": "error", "errorType": "bad_data", "error": "parse error at 3"})
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value) == "bad_data: parse error at 3"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "client_error: client error: 401; check authentication"),
        (404, "client_error: client error: 404; check the address"),
        (429, "client_error: client error: 429"),
        (500, "server_error: server error: 500"),
        (503, "server_error: server error: 503"),
        (302, "bad_response: status 302"),
    ],
)
def test_a_status_that_is_no_answer_is_an_error_without_the_body(desk: Any, status: int, said: str) -> None:
    desk.server.post(URL, status=status, body="<html>s3cret")
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "answer",
    [
        [],
        "text",
        {},
        {"status": "success"},
        success("vector", None),
        success("vector", {"a": 1}),
        success("vector", [1]),
        success("vector", [{}]),
        success("vector", [{"value": [1, 2]}]),
        success("vector", [{"value": [1, "one"]}]),
        success("scalar", None),
        success("matrix", [{"values": [[1]]}]),
    ],
)
def test_a_partial_answer_is_an_error_and_no_number(desk: Any, answer: object) -> None:
    desk.server.post(URL, json=answer)
    with pytest.raises(PluginError, match="bad_response"):
        desk.measure()


def test_a_page_instead_of_json_is_an_error_that_shows_its_beginning(desk: Any) -> None:
    desk.server.post(URL, body="<html>Sign in", content_type="text/html")
    with pytest.raises(PluginError, match="it begins with '<html>Sign in'"):
        desk.measure()


def test_a_server_that_is_down_says_where(desk: Any) -> None:
    desk.server.post(URL, body=requests.ConnectionError("refused"))
    with pytest.raises(Unreachable, match=r"http://prom:9090: .*refused; check the address"):
        desk.measure()


def test_a_path_of_the_address_stays(desk: Any) -> None:
    desk.server.post("http://prom:9090/tenant/a/api/v1/query?dedup=true", json=vector("1"))
    desk.measure(address="http://prom:9090/tenant/a/?dedup=true")
    assert urlsplit(desk.asked.url).path == "/tenant/a/api/v1/query"


def test_the_address_may_be_the_controllers(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS", "http://prom:9090")
    desk.server.post(URL, json=vector("1"))
    assert desk.measure(address="").value == "[1]"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "prometheus address is not configured"),
        ("prom:9090", "prometheus address is not is url format"),
        ("/prom", "prometheus address is not is url format"),
        ("http://[::1", "prometheus address is not is url format"),
    ],
)
def test_an_address_that_is_none_is_an_error(
    desk: Any, monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.delenv("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS", raising=False)
    with pytest.raises(PluginError, match=said):
        desk.measure(address=address)


def test_basic_auth_goes_into_the_header(desk: Any) -> None:
    desk.server.post(URL, json=vector("1"))
    desk.measure(authentication={"basicAuth": {"username": "me", "password": "s3cret"}})
    assert desk.asked.headers["Authorization"] == "Basic bWU6czNjcmV0"


def test_oauth2_sends_the_token(desk: Any) -> None:
    desk.server.post("http://idp/token", json={"access_token": "t-1", "expires_in": 60})
    desk.server.post(URL, json=vector("1"))
    desk.measure(authentication={"oauth2": {"tokenUrl": "http://idp/token", "clientId": "a", "clientSecret": "b"}})
    assert desk.asked.headers["Authorization"] == "Bearer t-1"


def test_sigv4_signs_for_amazons_service(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    address = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1"
    desk.server.post(f"{address}/api/v1/query", json=vector("1"))
    desk.measure(address=address, authentication={"sigv4": {"region": "eu-west-1"}})
    signed = desk.asked.headers["Authorization"]
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/aps/aws4_request" in signed
    assert "SignedHeaders=host;x-amz-date" in signed
    assert "s3cret" not in str(desk.asked.headers)


def test_sigv4_is_for_amazons_addresses_alone(desk: Any) -> None:
    desk.server.post(URL, json=vector("1"))
    desk.measure(authentication={"sigv4": {"region": "eu-west-1"}})
    assert "Authorization" not in desk.asked.headers


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"timeout": -1}, "timeout", "greater than or equal to 0"),
        ({"authentication": {"oauth2": {"clientId": "a"}}}, "authentication.oauth2", "missing mandatory parameter"),
        ({"authentication": {"basicAuth": {"username": "a"}}}, "authentication", "basicAuth needs username and"),
        ({"headers": [{"key": "a"}]}, "headers[0].value", "Field required"),
        ({"query": ""}, "query", "write a PromQL query"),
        ({"rangeQuery": {"start": "now(", "end": "now()", "step": "1m"}}, "rangeQuery.start", ""),
        (
            {"rangeQuery": {"start": "1", "end": "now()", "step": "1m"}},
            "rangeQuery.start",
            "expected time.Time, but got",
        ),
        ({"rangeQuery": {"start": "now()", "end": "now()", "step": "1"}}, "rangeQuery.step", "write it as 30s"),
    ],
)
def test_a_config_that_cannot_work_points_at_its_field(desk: Any, given: dict[str, Any], field: str, said: str) -> None:
    desk.given |= given
    ((path, detail),) = desk.faults()
    assert path == f"spec.metrics[0].provider.prometheus.{field}"
    assert said in detail


def test_arguments_in_a_window_are_no_finding(desk: Any) -> None:
    desk.given["rangeQuery"] = {"start": "{{args.start}}", "end": "now()", "step": "{{args.step}}"}
    assert desk.faults() == []


def test_the_query_is_described_as_it_was_asked(desk: Any) -> None:
    query: Query[Any] = Query("shop", "demo", "u", "m", 1, desk.config(), desk.now)
    assert Prometheus().describe_metric(query) == {"ResolvedPrometheusQuery": "up"}


@pytest.mark.parametrize(("given", "timeout_s"), [(0, 30.0), (5, 5.0)])
def test_i15_the_timeout_is_30_seconds_unless_given(desk: Any, given: int, timeout_s: float) -> None:
    desk.given["timeout"] = given
    assert desk.config().timeout_s == timeout_s
