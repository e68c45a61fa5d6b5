"""What InfluxDB is asked, and what its answers come to. The answers have the shape of InfluxDB 2.7's query API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tidegate.hooks import NotFound, PluginError, SpecError, Unreachable
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import Status
from tidegate.machine.expr.values import Duration
from tidegate_influxdb import InfluxDb

URL = "http://influx.test:8086/api/v2/query"
TOKEN = "t0ken-of-influx"
BREAK = "\r\n"


def a_table(kind: str, *values: str, default: str = "") -> str:
    """A table with a `_value` column, as the server writes it."""
    rows = [
        f"#datatype,string,long,dateTime:RFC3339,{kind},string",
        "#group,false,false,false,false,true",
        f"#default,_result,,,{default},",
        ",result,table,_time,_value,host",
        *(f",,0,2026-01-01T00:0{index}:00Z,{value},web" for index, value in enumerate(values)),
    ]
    return BREAK.join(rows) + BREAK


FAILED = BREAK.join(["#datatype,string,string", "#group,true,true", "#default,,", ",error,reference", ""])


def answered(desk: Any, text: str) -> None:
    desk.server.post(URL, body=text, content_type="text/csv; charset=utf-8")


def test_the_values_of_every_table_are_the_result(desk: Any) -> None:
    answered(desk, a_table("double", "0.5", "1000000") + BREAK + a_table("long", "3") + BREAK)
    reading = desk.measure()
    assert (reading.result, reading.value) == ([0.5, 1_000_000.0, 3], "[0.5 1e+06 3]")
    assert [type(value) for value in reading.result] == [float, float, int]


def test_the_request_is_the_one_of_the_query_api(desk: Any) -> None:
    answered(desk, a_table("long", "3"))
    desk.measure()
    (sent,) = desk.server.calls
    assert sent.request.url == f"{URL}?org=acme+%26+co"
    assert sent.request.headers["Authorization"] == f"Token {TOKEN}"
    assert sent.request.headers["Content-Type"] == "application/json"
    assert json.loads(sent.request.body) == {
        "query": desk.given["query"],
        "type": "flux",
        "dialect": {"annotations": ["datatype", "group", "default"], "delimiter": ",", "header": True},
    }


def test_r15_a_request_may_take_thirty_seconds(desk: Any) -> None:
    answered(desk, a_table("long", "3"))
    desk.measure()
    assert [call.timeout_s for call in desk.wire.calls] == [30.0]


@pytest.mark.parametrize(
    ("kind", "text", "value", "shown"),
    [
        ("string", "slow", "slow", "slow"),
        ("double", "NaN", None, "NaN"),
        ("double", "+Inf", float("inf"), "+Inf"),
        ("unsignedLong", "18446744073709551615", 18446744073709551615, "18446744073709551615"),
        ("boolean", "true", True, "true"),
        ("duration", "1m30s", Duration(90 * 10**9), "1m30s"),
        ("base64Binary", "b2s=", "ok", "ok"),
        ("dateTime:RFC3339", "2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (
            "dateTime:RFC3339Nano",
            "2026-01-01T00:00:00.123456789Z",
            datetime(2026, 1, 1, 0, 0, 0, 123_456, UTC),
            "2026-01-01T00:00:00.123456Z",
        ),
    ],
)
def test_a_value_has_the_type_of_its_column(desk: Any, kind: str, text: str, value: object, shown: str) -> None:
    answered(desk, a_table(kind, text))
    reading = desk.measure()
    assert reading.value == f"[{shown}]"
    assert value is None or reading.result == [value]


def test_a_null_is_nil_and_a_default_stands_for_what_is_left_out(desk: Any) -> None:
    answered(desk, a_table("double", "", "2") + BREAK + a_table("long", "", default="7"))
    reading = desk.measure()
    assert (reading.result, reading.value) == ([None, 2.0, 7], "[<nil> 2 7]")
    assert desk.judge("result[0] == nil && result[1] == 2") == ("Successful", "")


def test_tables_of_one_schema_share_their_annotations(desk: Any) -> None:
    answered(desk, a_table("long", "1") + BREAK + ",result,table,_time,_value,host" + BREAK + ",,1,,2,db" + BREAK)
    assert desk.measure().result == [1, 2]


def test_quoted_fields_may_hold_commas_and_lines(desk: Any) -> None:
    answered(desk, a_table("string", '"a, ""b""\nc"'))
    assert desk.measure().result == ['a, "b"\nc']


def test_a_table_without_a_value_column_counts_with_nil(desk: Any) -> None:
    answered(desk, BREAK.join(["#datatype,string,long,double", "#default,,,", ",result,table,errors", ",,0,3", ""]))
    assert desk.measure().result == [None]


@pytest.mark.parametrize(
    "text", ["", BREAK, BREAK + BREAK, a_table("double")], ids=["empty", "line", "lines", "no-rows"]
)
def test_no_rows_are_an_error(desk: Any, text: str) -> None:
    answered(desk, text)
    with pytest.raises(PluginError, match=r"^no results returned from flux query$"):
        desk.measure()


def test_an_error_in_mid_answer_is_an_error_though_rows_came_before(desk: Any) -> None:
    answered(desk, a_table("double", "1") + BREAK + FAILED + ",memory limit exceeded,897" + BREAK)
    with pytest.raises(PluginError, match=r"^the query failed: memory limit exceeded$"):
        desk.measure()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (a_table("double", "1") + ",,0,2026", "breaks off: a row has 4 columns of 6"),
        (a_table("double", '"1'), "is no CSV"),
        (a_table("double", "many"), "column _value holds 'many', which is no double"),
        (a_table("boolean", "yes"), "column _value holds 'yes', which is no boolean"),
        (a_table("duration", "long"), "column _value holds 'long', which is no duration"),
        (a_table("complex", "1"), "has the type 'complex'; have string, double"),
        ("<html>Please sign in</html>", "no annotated CSV; it begins with '<html>"),
        ('{"code": "x"}', "no annotated CSV"),
        ("a,b\r\n1,2\r\n", "no annotated CSV"),
        ("#datatype,string,long\r\n,result,table,_value\r\n,,0,5\r\n", "no annotated CSV"),
    ],
    ids=["cut-row", "cut-quote", "double", "boolean", "duration", "type", "html", "json", "plain-csv", "types"],
)
def test_what_is_no_whole_annotated_csv_is_an_error(desk: Any, text: str, said: str) -> None:
    answered(desk, text)
    with pytest.raises(PluginError) as raised:
        desk.measure()
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (400, "invalid", ""),
        (401, "unauthorized", '; check authToken and org in Secret "influxdb"'),
        (403, "forbidden", '; check authToken and org in Secret "influxdb"'),
        (404, "not found", ""),
        (429, "too many requests", ""),
        (503, "unavailable", ""),
    ],
)
def test_a_refusal_is_an_error_with_its_words(desk: Any, status: int, code: str, advice: str) -> None:
    desk.server.post(URL, status=status, json={"code": code, "message": "said so"})
    with pytest.raises(PluginError) as raised:
        desk.measure()
    assert str(raised.value) == f"influxdb answered {status}: {code}: said so{advice}"
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("body", ["Bad Gateway" * 500, "[1]", '{"detail": "x"}'], ids=["page", "list", "other"])
def test_a_proxys_refusal_is_an_error_with_how_it_begins(desk: Any, body: str) -> None:
    desk.server.post(URL, status=502, body=body)
    with pytest.raises(PluginError) as raised:
        desk.measure()
    assert str(raised.value) == f"influxdb answered 502: {body[:1000]}"


def test_no_answer_in_time_is_an_error(desk: Any) -> None:
    desk.server.post(URL, body=requests.ReadTimeout("read timed out"))
    with pytest.raises(Unreachable, match="read timed out"):
        desk.measure()


def test_a_profile_names_another_secret(desk: Any) -> None:
    desk.vault.held["eu"] = {"address": "http://eu.test", "authToken": "other", "org": "acme"}
    desk.given["profile"] = "eu"
    desk.server.post("http://eu.test/api/v2/query", body=a_table("long", "1"))
    assert desk.measure().result == [1]


@pytest.mark.parametrize("key", ["address", "authToken", "org"])
def test_a_secret_that_lacks_a_key_is_an_error(desk: Any, key: str) -> None:
    desk.vault.held["influxdb"] = {**desk.vault.held["influxdb"], key: " "}
    with pytest.raises(PluginError) as raised:
        desk.measure()
    assert str(raised.value) == 'authToken, org, or address not found; Secret "influxdb" has to hold all three'
    assert desk.wire.calls == []


def test_a_secret_that_is_not_there_is_an_error(desk: Any) -> None:
    desk.vault.held.clear()
    with pytest.raises(NotFound, match='secrets "influxdb" not found'):
        desk.measure()


def test_a_rotated_token_is_used_at_once(desk: Any) -> None:
    answered(desk, a_table("long", "1"))
    desk.measure()
    desk.vault.held["influxdb"] = {**desk.vault.held["influxdb"], "authToken": "newer"}
    desk.measure()
    assert desk.server.calls[1].request.headers["Authorization"] == "Token newer"


def test_an_empty_query_is_found_before_and_when_it_is_asked(desk: Any) -> None:
    desk.given["query"] = " "
    (said,) = desk.faults()
    assert said.startswith("spec.metrics[0].provider.influxdb.query: Required value: ")
    with pytest.raises(SpecError):
        desk.measure()


def test_more_values_than_an_expression_may_print_are_shown(desk: Any) -> None:
    answered(desk, a_table("double", *(["1"] * 9)) * 400)
    assert desk.measure().value == f"[{' '.join(['1'] * 3600)}]"


def test_it_loads_under_the_key_that_templates_use() -> None:
    (record,) = load_objects({"influxdb": InfluxDb}).plugins
    assert (record.status, record.error, record.meter, record.title) == (Status.LOADED, "", "influxdb", "Influxdb")
