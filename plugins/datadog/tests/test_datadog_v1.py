"""API v1: the last point of the first series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.hooks import PluginError

URL = "https://api.datadoghq.com/api/v1/query"
NOW = 1767268800
Answers = Callable[..., None]


@pytest.fixture
def v1(desk: Any) -> Any:
    desk.given = {"query": "avg:cpu{*}"}
    return desk


def a_series(*points: Any) -> dict[str, Any]:
    """The shape of a real answer, with the fields that are not used."""
    return {
        "metric": "cpu",
        "display_name": "cpu",
        "unit": None,
        "interval": 20,
        "length": len(points),
        "scope": "*",
        "aggr": "avg",
        "pointlist": [[NOW * 1000.0 + index, value] for index, value in enumerate(points)],
    }


def an_answer(*series: Any, **more: Any) -> dict[str, Any]:
    return {"status": "ok", "res_type": "time_series", "from_date": 0, "to_date": 1, "series": list(series), **more}


def test_the_query_goes_out_with_its_window_and_both_keys(v1: Any) -> None:
    v1.server.get(URL, json=an_answer(a_series(1.0)))
    v1.measure()
    request = v1.server.calls[0].request
    assert request.params == {"query": "avg:cpu{*}", "from": str(NOW - 300), "to": str(NOW)}
    assert request.headers["DD-API-KEY"] == "k-api"
    assert request.headers["DD-APPLICATION-KEY"] == "k-app"
    assert request.headers["Content-Type"] == "application/json"
    assert request.req_kwargs["timeout"] == (3.0, 10)


def test_another_window_and_another_timeout_are_heeded(v1: Any) -> None:
    v1.given |= {"interval": "1h30m", "requestTimeout": "2500ms"}
    v1.server.get(URL, json=an_answer(a_series(1.0)))
    v1.measure()
    request = v1.server.calls[0].request
    assert request.params["from"] == str(NOW - 5400)
    assert request.req_kwargs["timeout"] == (2.5, 2.5)


@pytest.mark.parametrize(
    ("series", "result", "value"),
    [
        ([a_series(1, 0.006121374442186943)], 0.006121374442186943, "0.006121374442186943"),
        ([a_series(3)], 3.0, "3"),
        ([a_series(1e-7)], 1e-7, "0.0000001"),
        ([a_series(1.5), a_series(9)], 1.5, "1.5"),
    ],
    ids=["last point", "integer", "no exponent", "first series"],
)
def test_the_last_point_of_the_first_series_is_the_result(v1: Any, series: Any, result: float, value: str) -> None:
    v1.server.get(URL, json=an_answer(*series))
    reading = v1.measure()
    assert (reading.result, reading.value) == (result, value)
    assert isinstance(reading.result, float)


def test_a_number_that_is_none_is_kept(v1: Any) -> None:
    v1.server.get(URL, body='{"status":"ok","series":[{"pointlist":[[1,NaN]]}]}')
    assert v1.measure().value == "NaN"
    assert v1.judge("isNaN(result)") == ("Successful", "")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (an_answer(), "[]"),
        ({"status": "ok"}, "null"),
        ({"status": "ok", "series": None}, "null"),
        (an_answer({"pointlist": []}), '[{"pointlist":[]}]'),
        (an_answer(a_series(0.5, None)), "null"),
    ],
    ids=["no series", "no field", "null", "no points", "null point"],
)
def test_row_14_no_data_is_nil_and_a_condition_may_handle_it(v1: Any, body: Any, value: str) -> None:
    v1.server.get(URL, json=body)
    reading = v1.measure()
    assert (reading.result, reading.value) == (None, value)
    assert v1.judge("default(result, 0) < 0.05")[0] == "Successful"
    phase, message = v1.judge("result < 0.05")
    assert phase == "Error"
    assert "no data" in message


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "received authentication error response code: 401 {"),
        (403, "received authentication error response code: 403 {"),
        (400, "received non 2xx response code: 400 {"),
        (429, "received non 2xx response code: 429 {"),
        (503, "received non 2xx response code: 503 {"),
        (206, "received non 2xx response code: 206 {"),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_refusal_is_an_error_in_the_words_of_the_reference(v1: Any, status: int, said: str, version: str) -> None:
    v1.given["apiVersion"] = version
    v1.server.get(URL, json={"errors": ["Forbidden"]}, status=status)
    v1.server.post("https://api.datadoghq.com/api/v2/query/scalar", json={"errors": ["Forbidden"]}, status=status)
    with pytest.raises(PluginError) as caught:
        v1.measure()
    assert str(caught.value) == said + '"errors": ["Forbidden"]}'


def test_an_error_in_the_body_is_an_error(v1: Any) -> None:
    v1.server.get(URL, json={"status": "error", "error": "Rule 'scope_expr' didn't match", "series": []})
    with pytest.raises(PluginError, match=r"^There were errors in your query: Rule 'scope_expr'"):
        v1.measure()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>sign in</html>", "the answer is no JSON"),
        ("", "the answer is no JSON"),
        ("[]", "Could not parse JSON body: it: "),
        ('{"series": {}}', "Could not parse JSON body: series: "),
        ('{"series": [{"pointlist": [[1, "2"]]}]}', "Could not parse JSON body: series.0.pointlist.0.1: "),
        ('{"series": [{"pointlist": [[1]]}]}', "Datapoint does not have 2 values"),
    ],
)
def test_an_answer_of_another_shape_is_an_error_that_shows_it(v1: Any, body: str, said: str) -> None:
    v1.server.get(URL, body=body, content_type="text/html")
    with pytest.raises(PluginError) as caught:
        v1.measure()
    assert str(caught.value).startswith(said)
