"""What the provider asks, and what an answer comes to; the cases are rows of the reference's recorded behaviour."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tidegate.hooks import PluginError, Reading, Unreachable
from tidegate.machine.expr.conditions import holds

URL = "http://health/q"


@pytest.mark.parametrize("text", ["hello", "", '{"a"', "NaN", "<html>"])
def test_i12_what_is_no_json_is_the_text_whatever_the_path(desk: Any, text: str) -> None:
    desk.server.get(URL, body=text, content_type="application/json")
    assert desk.measure(jsonPath="{$.a}") == Reading(result=text, value=text)


def test_json_counts_whatever_its_content_type(desk: Any) -> None:
    desk.server.get(URL, body='{"a":1}', content_type="text/plain")
    reading = desk.measure()
    assert (reading.result, reading.value) == ({"a": 1.0}, '{"a":1}')
    assert holds("result.a == 1", reading.result)


def test_204_is_the_empty_text(desk: Any) -> None:
    desk.server.get(URL, status=204)
    assert desk.measure() == Reading(result="", value="")


def test_i16_a_null_is_no_data_and_shown_as_null(desk: Any) -> None:
    desk.server.get(URL, body="null")
    reading = desk.measure()
    assert (reading.result, reading.value) == (None, "null")
    assert holds("default(result, 0) < 1", reading.result)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{$[0]}", "result of web metric produced no value"),
        ("{$[*]}", "result of web metric produced no value"),
        ("{$..a}", "result of web metric produced no value"),
        ("{$.a}", "Could not find JSONPath in body: a is not found"),
    ],
)
def test_i16_a_path_into_a_null_is_an_error(desk: Any, path: str, said: str) -> None:
    desk.server.get(URL, body="null")
    with pytest.raises(PluginError, match=said):
        desk.measure(jsonPath=path)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 503])
def test_a_status_that_is_no_success_is_an_error_without_the_body(desk: Any, status: int) -> None:
    desk.server.get(URL, status=status, body='{"secret": "s3cret"}')
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value) == f"received non 2xx response code: {status}"


def test_299_is_a_success(desk: Any) -> None:
    desk.server.get(URL, status=299, body='{"code": 299}')
    assert desk.measure().value == '{"code":299}'


def test_i12_a_json_body_has_the_type_of_json_whatever_the_headers(desk: Any) -> None:
    desk.server.post(URL, body="1")
    headers = [{"key": "Content-Type", "value": "text/x"}, {"key": "X-Probe", "value": "1"}]
    desk.measure(
        method="POST", headers=[*headers, {"key": "x-probe", "value": "2"}], jsonBody={"b": 1, "a": [1, {"c": None}]}
    )
    assert desk.asked.headers["content-type"] == "application/json"
    assert desk.asked.headers["x-probe"] == "2"
    assert desk.asked.body == b'{"a":[1,{"c":null}],"b":1}'


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_text_body_goes_out_as_it_is(desk: Any, method: str) -> None:
    desk.server.add(method, URL, body="1")
    desk.measure(method=method, body="abc {")
    assert (desk.asked.method, desk.asked.body) == (method, b"abc {")
    assert "content-type" not in desk.asked.headers


def test_any_method_is_sent(desk: Any) -> None:
    desk.server.delete(URL, body="1")
    assert desk.measure(method="DELETE").result == 1.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"body": "a"}, "Body/JSONBody can only be used with POST or PUT WebMetric Method types"),
        ({"jsonBody": {}}, "Body/JSONBody can only be used with POST or PUT WebMetric Method types"),
        (
            {"method": "POST", "body": "a", "jsonBody": {"a": 1}},
            "use either Body or JSONBody; both cannot exists for WebMetric payload",
        ),
    ],
    ids=["body", "json body", "both"],
)
def test_a_body_that_cannot_go_is_an_error_and_a_finding(desk: Any, given: dict[str, Any], said: str) -> None:
    desk.given |= given
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value) == said
    assert ("spec.metrics[0].provider.web.body", said) in desk.faults()
    assert len(desk.server.calls) == 0


def test_i12_oauth2_sends_the_token(desk: Any) -> None:
    desk.server.post("http://idp/token", json={"access_token": "t-1", "expires_in": 60})
    desk.server.get(URL, body="1")
    grant = {"tokenUrl": "http://idp/token", "clientId": "me", "clientSecret": "s3cret", "scopes": ["a", "b"]}
    desk.measure(authentication={"oauth2": grant})
    assert desk.asked.headers["Authorization"] == "Bearer t-1"
    assert desk.server.calls[0].request.body == "grant_type=client_credentials&scope=a+b"


def test_half_a_grant_is_refused_at_its_field_and_shows_no_secret(desk: Any) -> None:
    desk.given["authentication"] = {"oauth2": {"tokenUrl": "http://idp/token"}}
    ((path, said),) = desk.faults()
    assert path.endswith("authentication.oauth2")
    assert said.startswith("missing mandatory parameter in metric for OAuth2 setup")


def test_a_get_is_repeated_and_a_post_is_not(desk: Any) -> None:
    for add in (desk.server.get, desk.server.post):
        add(URL, status=503)
    for method, times in (("GET", 3), ("POST", 1)):
        desk.server.calls.reset()
        with pytest.raises(PluginError, match="503"):
            desk.measure(method=method)
        assert len(desk.server.calls) == times


def test_an_endpoint_that_is_down_says_where(desk: Any) -> None:
    desk.server.get(URL, body=requests.ConnectionError("refused"))
    with pytest.raises(Unreachable, match=r"http://health:80: .*refused; check the address"):
        desk.measure()


@pytest.mark.parametrize("url", ["://x", "127.0.0.1:18477/t/x", "file:///etc/passwd", "http://169.254.169.254/"])
def test_a_url_that_may_not_be_asked_is_an_error(desk: Any, url: str) -> None:
    with pytest.raises(Unreachable):
        desk.measure(url=url)


@pytest.mark.parametrize(("given", "timeout_s"), [(0, 10.0), (-5, 10.0), (25, 25.0)])
def test_i15_the_timeout_is_10_seconds_unless_given(desk: Any, given: int, timeout_s: float) -> None:
    desk.given["timeoutSeconds"] = given
    assert desk.config().timeout_s == timeout_s


def test_an_answer_nested_without_sense_is_an_error(desk: Any) -> None:
    desk.server.get(URL, body="[" * 100_000 + "]" * 100_000)
    with pytest.raises(PluginError, match="nested"):
        desk.measure()


def test_lint_points_at_a_path_that_cannot_be_read(desk: Any) -> None:
    desk.given["jsonPath"] = "{$.s"
    assert desk.faults() == [("spec.metrics[0].provider.web.jsonPath", "unclosed action")]
    desk.given["jsonPath"] = "{{args.path}}"
    assert desk.faults() == []
    desk.given["jsonPath"] = "$.s"
    assert "write it as {$.a}" in desk.faults()[0][1]


def test_the_value_is_json_as_go_writes_it(desk: Any) -> None:
    document = {"b": 1e21, "a": "<\u00fc&>", "c": 1e-7, "d": 123456789.5, "e": 100000000000000000000, "f": -0.5}
    desk.server.get(URL, body=json.dumps(document))
    shown = '{"a":"\\u003cü\\u0026\\u003e","b":1e+21,"c":1e-7,"d":123456789.5,"e":100000000000000000000,"f":-0.5}'
    assert desk.measure().value == shown
