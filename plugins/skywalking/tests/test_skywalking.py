"""What SkyWalking is asked, and what its answers come to. The answers have the shape of the OAP server 10's GraphQL API."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from tidegate.hooks import PluginError, SpecError, Unreachable
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import Status
from tidegate_skywalking import SkyWalking

URL = "http://oap.test:12800/graphql"
DATA = {"result": {"label": None, "values": {"values": [{"value": 9900}, {"value": 98.5}]}}}
BROKEN = {"message": "Exception while fetching data (/result) : no such metric", "path": ["result"]}


def answered(desk: Any, document: object, status: int = 200) -> None:
    desk.server.post(URL, body=json.dumps(document), status=status)


def test_the_data_is_the_result(desk: Any) -> None:
    answered(desk, {"data": DATA})
    reading = desk.measure()
    assert reading.value == '{"result":{"label":null,"values":{"values":[{"value":9900},{"value":98.5}]}}}'
    assert desk.judge("all(result.result.values.values, {asFloat(.value) >= 98.5})") == ("Successful", "")
    assert desk.judge("result.result.values.values[1].value > 99") == ("Failed", "")


def test_numbers_of_the_answer_are_floats_as_in_the_reference(desk: Any) -> None:
    answered(desk, {"data": {"b": 7, "a": 2.0, "c": 1e21}})
    reading = desk.measure()
    assert [type(value) for value in reading.result.values()] == [float] * 3
    assert reading.value == '{"a":2,"b":7,"c":1e+21}'


def test_the_query_is_asked_over_the_minutes_up_to_now(desk: Any) -> None:
    answered(desk, {"data": DATA})
    desk.measure()
    (sent,) = desk.server.calls
    assert sent.request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(sent.request.body) == {
        "query": desk.given["query"],
        "variables": {"duration": {"start": "2025-12-31 2357", "end": "2026-01-01 0002", "step": "MINUTE"}},
    }


def test_the_span_is_told_in_utc_wherever_the_controller_runs(desk: Any) -> None:
    desk.now = datetime(2026, 1, 1, 9, 30, tzinfo=timezone(timedelta(hours=9)))
    desk.given["interval"] = "1h30m"
    answered(desk, {"data": DATA})
    desk.measure()
    duration = json.loads(desk.server.calls[0].request.body)["variables"]["duration"]
    assert (duration["start"], duration["end"]) == ("2025-12-31 2300", "2026-01-01 0030")
    assert desk.now.astimezone(UTC).hour == 0


def test_r15_a_request_may_take_thirty_seconds(desk: Any) -> None:
    answered(desk, {"data": DATA})
    desk.measure()
    assert [call.timeout_s for call in desk.wire.calls] == [30.0]


@pytest.mark.parametrize("data", [DATA, None], ids=["partial", "nothing"])
def test_the_first_error_of_an_answer_is_an_error_though_there_is_data(desk: Any, data: object) -> None:
    answered(desk, {"data": data, "errors": [BROKEN, {"message": "second"}]})
    with pytest.raises(PluginError) as raised:
        desk.measure()
    assert str(raised.value) == "graphql: Exception while fetching data (/result) : no such metric"


@pytest.mark.parametrize("document", [{}, {"data": None}, {"data": None, "errors": []}], ids=str)
def test_no_data_is_an_error(desk: Any, document: object) -> None:
    answered(desk, document)
    with pytest.raises(PluginError, match=r"^no results returned from SkyWalking query$"):
        desk.measure()


def test_nulls_in_the_data_are_judged_by_the_conditions(desk: Any) -> None:
    answered(desk, {"data": {"result": None}})
    assert desk.judge("result.result == nil") == ("Successful", "")
    assert desk.judge("result.result.value > 1")[0] == "Error"


def test_what_is_no_number_in_the_answer_is_nan(desk: Any) -> None:
    desk.server.post(URL, body='{"data": {"rate": NaN}}')
    reading = desk.measure()
    assert reading.value == '{"rate":NaN}'
    assert desk.judge("isNaN(result.rate)") == ("Successful", "")


@pytest.mark.parametrize("document", [[1], "text", 3, None, {"data": [1]}, {"data": "x"}], ids=str)
def test_a_document_of_another_shape_is_an_error(desk: Any, document: object) -> None:
    answered(desk, document)
    with pytest.raises(PluginError, match="is the address the OAP server's"):
        desk.measure()


@pytest.mark.parametrize("error", ["plain text", {"other": 1}], ids=str)
def test_an_error_of_another_shape_is_an_error_all_the_same(desk: Any, error: object) -> None:
    answered(desk, {"data": DATA, "errors": [error]})
    with pytest.raises(PluginError, match=r"^graphql: "):
        desk.measure()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_another_status_is_an_error(desk: Any, status: int) -> None:
    desk.server.post(URL, body="upstream connect error" + "x" * 5000, status=status)
    with pytest.raises(PluginError) as raised:
        desk.measure()
    assert str(raised.value).startswith(
        f"graphql: server returned a non-200 status code: {status}: upstream connect error"
    )
    assert len(str(raised.value)) < 1100


@pytest.mark.parametrize(
    "body", ["<html>Please sign in</html>", '{"data": {"result"', ""], ids=["page", "cut", "empty"]
)
def test_what_is_no_json_is_an_error(desk: Any, body: str) -> None:
    desk.server.post(URL, body=body, content_type="text/html")
    with pytest.raises(PluginError, match="no JSON"):
        desk.measure()


def test_data_that_is_nested_without_end_is_an_error(desk: Any) -> None:
    desk.server.post(URL, body='{"data": {"a": ' + "[" * 300 + "]" * 300 + "}}")
    with pytest.raises(ValueError, match="nested deeper than 200 levels"):
        desk.measure()


def test_no_answer_in_time_is_an_error(desk: Any) -> None:
    desk.server.post(URL, body=requests.ReadTimeout("read timed out"))
    with pytest.raises(Unreachable, match="read timed out"):
        desk.measure()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("address", "", "address: Required value: must be a URL like http://oap.skywalking:12800"),
        ("address", "oap:12800", 'address: Invalid value: "oap:12800": must be a URL'),
        ("query", " ", "query: Required value: write a GraphQL query"),
        ("interval", "", "interval: Required value: say over which span of time is asked"),
        ("interval", "5", 'interval: Invalid value: "5": time: missing unit in duration "5"; write it as in 5m'),
        ("interval", "0s", 'interval: Invalid value: "0s": must be above 0'),
        ("interval", "-5m", 'interval: Invalid value: "-5m": must be above 0'),
    ],
)
def test_a_field_that_cannot_work_is_found_before_and_when_it_is_asked(
    desk: Any, field: str, value: str, said: str
) -> None:
    desk.given[field] = value
    (found,) = desk.faults()
    assert found.startswith(f"spec.metrics[0].provider.skywalking.{said}")
    with pytest.raises(SpecError):
        desk.measure()
    assert desk.wire.calls == []


def test_what_arguments_fill_in_is_not_judged_before_it_is_known(desk: Any) -> None:
    desk.given |= {"address": "dummy-value", "query": "placeholder", "interval": "dummy-valuem"}
    assert desk.faults() == []


def test_it_loads_under_the_key_that_templates_use() -> None:
    (record,) = load_objects({"skywalking": SkyWalking}).plugins
    found = (record.status, record.error, record.meter, record.title)
    assert found == (Status.LOADED, "", "skywalking", "skywalking")
