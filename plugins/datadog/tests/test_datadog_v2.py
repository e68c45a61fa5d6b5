"""API v2: the first column of numbers, with or without groups."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tidegate.hooks import PluginError, Unreachable
from tidegate.machine.expr.values import Floats
from tidegate_datadog import Datadog

URL = "https://api.datadoghq.com/api/v2/query/scalar"
NOW_MS = 1767268800_000


def numbers(*values: Any, name: str = "query") -> dict[str, Any]:
    return {"name": name, "type": "number", "values": list(values), "meta": {"unit": None}}


def groups(*values: list[str], name: str = "env") -> dict[str, Any]:
    return {"name": name, "type": "group", "values": list(values)}


def an_answer(*columns: Any) -> dict[str, Any]:
    return {"data": {"id": "0", "type": "scalar_response", "attributes": {"columns": list(columns)}}}


def asked(desk: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(desk.server.calls[-1].request.body)
    return found


def test_a_query_is_a_scalar_request(desk: Any) -> None:
    desk.server.post(URL, json=an_answer(numbers(1)))
    desk.measure()
    request = desk.server.calls[0].request
    assert asked(desk) == {
        "data": {
            "type": "scalar_request",
            "attributes": {
                "from": NOW_MS - 300_000,
                "to": NOW_MS,
                "queries": [
                    {"aggregator": "last", "data_source": "metrics", "name": "query", "query": "avg:cpu{*}"},
                ],
            },
        }
    }
    assert request.headers["DD-API-KEY"] == "k-api"
    assert request.headers["Content-Type"] == "application/json"


def test_queries_go_out_by_name_with_formula_and_aggregator(desk: Any) -> None:
    desk.given = {"apiVersion": "v2", "queries": {"b": "x", "a": "y"}, "formula": "a / b", "aggregator": "sum"}
    desk.server.post(URL, json=an_answer(numbers(0.5)))
    desk.measure()
    attributes = asked(desk)["data"]["attributes"]
    assert attributes["formulas"] == [{"formula": "a / b"}]
    assert [(each["name"], each["query"], each["aggregator"]) for each in attributes["queries"]] == [
        ("a", "y", "sum"),
        ("b", "x", "sum"),
    ]


def test_asked_again_it_asks_the_same(desk: Any) -> None:
    desk.given = {"apiVersion": "v2", "queries": {"b": "x", "a": "y"}, "formula": "a / b"}
    desk.server.post(URL, json=an_answer(numbers(0.5)))
    assert desk.measure() == desk.measure()
    first, second = (call.request.body for call in desk.server.calls)
    assert first == second


@pytest.mark.parametrize(
    "columns",
    [[numbers(0.25)], [{"values": [0.25]}], [numbers(0.25), numbers(9)]],
    ids=["as it is", "without type", "first of two"],
)
def test_one_value_is_a_number(desk: Any, columns: Any) -> None:
    desk.server.post(URL, json=an_answer(*columns))
    reading = desk.measure()
    assert (reading.result, reading.value, dict(reading.metadata)) == (0.25, "0.25", {})
    assert desk.judge("result < 0.5", "result >= 0.5")[0] == "Successful"


@pytest.mark.parametrize(
    "body",
    [
        an_answer(),
        an_answer(numbers()),
        an_answer(numbers(None)),
        an_answer({"type": "number", "values": None}),
        an_answer(groups(), numbers()),
        {"data": {}},
        {},
    ],
    ids=["no columns", "no values", "null", "null column", "no groups", "no attributes", "nothing"],
)
def test_row_14_no_data_is_nil(desk: Any, body: Any) -> None:
    desk.server.post(URL, json=body)
    reading = desk.measure()
    assert (reading.result, reading.value) == (None, "[]")
    assert desk.judge("default(result, 0) < 0.05")[0] == "Successful"
    assert desk.judge("result < 0.05")[0] == "Error"


def test_groups_are_a_list_of_numbers_named_in_the_metadata(desk: Any) -> None:
    columns = [groups(["prod"], ["test"]), groups(["eu"], ["us"], name="region"), numbers(0.5, 2)]
    desk.server.post(URL, json=an_answer(*columns))
    reading = desk.measure()
    assert reading.result == [0.5, 2.0]
    assert isinstance(reading.result, Floats)
    assert reading.value == "[0.5,2]"
    assert json.loads(reading.metadata["groups"]) == [
        {"name": "prod,eu", "value": 0.5},
        {"name": "test,us", "value": 2.0},
    ]
    assert set(reading.metadata) <= Datadog.shows


def test_one_group_is_a_list_too(desk: Any) -> None:
    desk.server.post(URL, json=an_answer(groups(["prod"]), numbers(0.5)))
    assert desk.measure().result == [0.5]


def test_a_group_without_data_is_nil_in_the_list(desk: Any) -> None:
    desk.server.post(URL, json=an_answer(groups(["a"], ["b"]), numbers(0.5, None)))
    reading = desk.measure()
    assert (reading.result, reading.value) == ([0.5, None], "[0.5,null]")
    assert desk.judge("all(result, (# ?? 0) < 1)")[0] == "Successful"


@pytest.mark.parametrize(("size", "shown", "cut"), [(100, 100, False), (101, 100, True)])
def test_row_14_of_more_than_100_groups_the_ends_are_shown_and_all_are_judged(
    desk: Any, size: int, shown: int, cut: bool
) -> None:
    values = [float((index * 7) % size) for index in range(size)]  # every number once, out of order
    desk.server.post(URL, json=an_answer(groups(*([f"g{value:.0f}"] for value in values)), numbers(*values)))
    reading = desk.measure()
    listed = json.loads(reading.metadata["groups"])
    assert reading.result == values
    assert len(listed) == shown
    assert reading.metadata.get("groups_truncated") == ("true" if cut else None)
    assert len(json.loads(reading.value)) == shown
    if cut:
        assert [each["value"] for each in listed] == [*map(float, range(50)), *map(float, range(51, 101))]
        assert listed[0]["name"] == "g0"


def test_of_very_many_groups_those_without_data_are_not_shown(desk: Any) -> None:
    values = [None] * 60 + [float("nan")] + [float(index) for index in range(70)]
    body = an_answer(groups(*([f"g{index}"] for index in range(131))), numbers(*values))
    desk.server.post(URL, body=json.dumps(body))
    reading = desk.measure()
    assert len(reading.result) == 131
    assert [each["value"] for each in json.loads(reading.metadata["groups"])][:-1] == [float(n) for n in range(70)]


@pytest.mark.parametrize("where", ["data", "top"])
@pytest.mark.parametrize(
    ("errors", "said"), [("bad query", "bad query"), (["bad query", "no such metric"], "bad query; no such metric")]
)
def test_an_error_in_the_body_is_an_error(desk: Any, errors: Any, said: str, where: str) -> None:
    desk.server.post(URL, json={"data": {"errors": errors}} if where == "data" else {"errors": errors})
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value) == f"There were errors in your query: {said}"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([{"values": "invalid"}], "Could not parse JSON body: data.attributes.columns.0.values: "),
        ([numbers("0.5")], "Could not parse JSON body: data.attributes.columns.0.values.0"),
        ([numbers(["a"])], "Datadog's answer has texts in a column of numbers"),
    ],
)
def test_a_table_of_another_shape_is_an_error(desk: Any, columns: Any, said: str) -> None:
    desk.server.post(URL, json=an_answer(*columns))
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value).startswith(said)


def test_a_timeout_is_an_error_that_says_where(desk: Any) -> None:
    desk.server.post(URL, body=requests.exceptions.ReadTimeout("read timed out"))
    with pytest.raises(Unreachable, match=r"api\.datadoghq\.com:443: no whole answer within 10 s"):
        desk.measure()


def test_an_answer_without_end_is_an_error(desk: Any) -> None:
    desk.server.post(URL, body=b"[" * 2_000_000)
    with pytest.raises(Unreachable, match="the answer is longer than"):
        desk.measure()
