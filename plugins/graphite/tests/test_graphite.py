"""What Graphite is asked, and what its answers come to. The answers have the shape of graphite-web 1.1's render API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tidegate.hooks import PluginError, SpecError, Unreachable
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import Status
from tidegate.machine.expr.values import Floats
from tidegate_graphite import Graphite

RENDER = "http://graphite.test:8080/base/render"


def a_series(*values: object) -> dict[str, Any]:
    points = [[value, 1_767_225_600 + 60 * index] for index, value in enumerate(values)]
    return {"target": "stats.web.errors", "tags": {"name": "stats.web.errors"}, "datapoints": points}


def answered(desk: Any, document: object) -> None:
    desk.server.get(RENDER, body=json.dumps(document))


def test_the_first_series_is_the_result_and_nulls_are_left_out(desk: Any) -> None:
    answered(desk, [a_series(1, None, 2.5, None), a_series(9)])
    reading = desk.measure()
    assert (reading.result, reading.value) == ([1.0, 2.5], "[1.000000,2.500000]")
    assert isinstance(reading.result, Floats)


def test_the_query_is_sent_without_white_space_and_with_its_format(desk: Any) -> None:
    desk.given["query"] = "target=alias(\n  sumSeries(a.b.*),\n  '50%25 up'\n)&target=c&from=-5min&format=csv"
    answered(desk, [a_series(1)])
    desk.measure()
    (sent,) = desk.server.calls
    asked = parse_qsl(urlsplit(sent.request.url).query)
    assert asked == [
        ("target", "alias(sumSeries(a.b.*),'50%up')"),
        ("target", "c"),
        ("from", "-5min"),
        ("format", "json"),
    ]


def test_r15_a_request_may_take_ten_seconds(desk: Any) -> None:
    answered(desk, [a_series(1)])
    desk.measure()
    assert [call.timeout_s for call in desk.wire.calls] == [10.0]


def test_no_series_is_an_error(desk: Any) -> None:
    answered(desk, [])
    with pytest.raises(PluginError, match=r"^no values found$"):
        desk.measure()


@pytest.mark.parametrize("points", [[], [None, None]], ids=["no-points", "only-nulls"])
def test_a_series_without_values_is_judged_by_the_conditions(desk: Any, points: list[object]) -> None:
    answered(desk, [a_series(*points)])
    assert desk.judge("len(result) == 0 || result[0] < 5") == ("Successful", "")
    phase, message = desk.judge("result[0] < 5")
    assert phase == "Error"
    assert "metric result is nil or empty" in message


def test_conditions_know_that_the_list_holds_numbers(desk: Any) -> None:
    answered(desk, [a_series(4, 2)])
    assert desk.judge("all(result, # < 5)") == ("Successful", "")
    phase, message = desk.judge("result < 5")
    assert (phase, "mismatched types []float64" in message) == ("Error", True)


@pytest.mark.parametrize(
    ("written", "said"),
    [("NaN", "[NaN]"), ("1e9999", "[+Inf]"), ("-Infinity", "[-Inf]"), ('"0.25"', "[0.250000]"), ("-3", "[-3.000000]")],
)
def test_whatever_graphite_calls_a_number_is_one(desk: Any, written: str, said: str) -> None:
    desk.server.get(RENDER, body=f'[{{"target": "a", "datapoints": [[{written}, 1]]}}]')
    assert desk.measure().value == said


@pytest.mark.parametrize("point", [[1], [1, 2, 3], 7, None, [True, 1], [{}, 1], ["many", 1], {"a": 1}], ids=str)
def test_a_point_of_another_shape_is_an_error(desk: Any, point: object) -> None:
    answered(desk, [{"target": "a", "datapoints": [[1, 1], point]}])
    with pytest.raises(PluginError, match=r"^error unmarshaling "):
        desk.measure()


@pytest.mark.parametrize("document", [{"error": "x"}, None, "text", 3, [None], [{"target": "a"}], [[1, 2]]], ids=str)
def test_a_document_of_another_shape_is_an_error(desk: Any, document: object) -> None:
    answered(desk, document)
    with pytest.raises(PluginError, match="is the address Graphite's"):
        desk.measure()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_another_status_is_an_error_with_the_body(desk: Any, status: int) -> None:
    desk.server.get(RENDER, status=status, body="Invalid 'from' value" + "x" * 5000)
    with pytest.raises(PluginError) as raised:
        desk.measure()
    assert str(raised.value).startswith(f"error response: {status}: Invalid 'from' value")
    assert len(str(raised.value)) < 1100


def test_a_login_page_is_an_error_that_shows_how_it_begins(desk: Any) -> None:
    desk.server.get(RENDER, body="<html>Please sign in</html>", content_type="text/html")
    with pytest.raises(PluginError, match=r"no JSON .* begins with '<html>Please sign in"):
        desk.measure()


def test_an_answer_that_was_cut_is_an_error(desk: Any) -> None:
    desk.server.get(RENDER, body='[{"target": "a", "datapoints": [[1, 1], [2')
    with pytest.raises(PluginError, match="no JSON"):
        desk.measure()


def test_no_answer_in_time_is_an_error(desk: Any) -> None:
    desk.server.get(RENDER, body=requests.ReadTimeout("read timed out"))
    with pytest.raises(Unreachable, match="read timed out"):
        desk.measure()


def test_a_measurement_leaves_nothing_behind_for_the_next(desk: Any) -> None:
    answered(desk, [a_series(1)])
    answered(desk, [a_series(2)])
    assert [desk.measure().value, desk.measure().value] == ["[1.000000]", "[2.000000]"]


@pytest.mark.parametrize("address", ["", "graphite:8080", "ftp://graphite.test"])
def test_an_address_that_is_no_url_is_found_before_and_when_it_is_asked(desk: Any, address: str) -> None:
    desk.given["address"] = address
    (said,) = desk.faults()
    assert said.startswith("spec.metrics[0].provider.graphite.address: ")
    assert f"Graphite address {address} is not a valid URL" in said
    with pytest.raises(SpecError, match="is not a valid URL"):
        desk.measure()
    assert desk.wire.calls == []


@pytest.mark.parametrize("query", ["", "from=-5min", "target="])
def test_a_query_without_a_target_is_found(desk: Any, query: str) -> None:
    desk.given["query"] = query
    (said,) = desk.faults()
    assert said.startswith("spec.metrics[0].provider.graphite.query: ")


def test_what_arguments_fill_in_is_not_judged_before_it_is_known(desk: Any) -> None:
    desk.given |= {"address": "dummy-value", "query": "placeholder"}
    assert desk.faults() == []


def test_it_loads_under_the_key_that_templates_use() -> None:
    (record,) = load_objects({"graphite": Graphite}).plugins
    assert (record.status, record.error, record.meter, record.title) == (Status.LOADED, "", "graphite", "Graphite")
