"""NRQL through NerdGraph: what is asked, for whom, and what its rows mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tidegate.hooks import NotFound, PluginError, Unreachable

US = "https://api.newrelic.com/graphql"
EU = "https://api.eu.newrelic.com/graphql"
PATH = "spec.metrics[0].provider.newRelic"
SECRET = (False, "newrelic")


def an_answer(*rows: Any, **more: Any) -> dict[str, Any]:
    return {"data": {"actor": {"account": {"nrql": {"results": list(rows)}}}}, **more}


def test_the_query_goes_to_nerdgraph_as_a_variable(desk: Any) -> None:
    desk.given["query"] = "SELECT count(*) FROM Transaction WHERE name = 'a\"b'"
    desk.server.post(US, json=an_answer({"count": 1}))
    desk.measure()
    request = desk.server.calls[0].request
    asked = json.loads(request.body)
    assert asked["variables"] == {"query": desk.given["query"], "accountId": 42, "timeout": 5}
    assert "Transaction" not in asked["query"]
    assert request.headers["Api-Key"] == "k-1"
    assert request.headers["Content-Type"] == "application/json"
    assert request.req_kwargs["timeout"] == (3.0, 10)


def test_new_relic_may_take_as_long_as_the_metric_says(desk: Any) -> None:
    desk.given["timeout"] = 30
    desk.server.post(US, json=an_answer({"count": 1}))
    desk.measure()
    assert json.loads(desk.server.calls[0].request.body)["variables"]["timeout"] == 30
    assert desk.server.calls[0].request.req_kwargs["timeout"] == (3.0, 35)


def test_one_row_is_a_map(desk: Any) -> None:
    desk.server.post(US, json=an_answer({"errorRate": 0.25, "count": 1000}))
    reading = desk.measure()
    assert reading.result == {"errorRate": 0.25, "count": 1000.0}
    assert reading.value == '{"count":1000,"errorRate":0.25}'
    assert desk.judge("result.count == 1000 && result.errorRate < 0.5") == ("Successful", "")


def test_a_number_is_a_float_as_in_the_reference(desk: Any) -> None:
    desk.server.post(US, json=an_answer({"count": 1000}))
    assert type(desk.measure().result["count"]) is float


def test_several_rows_are_a_list_of_maps(desk: Any) -> None:
    desk.server.post(US, json=an_answer({"facet": "a", "count": 1}, {"facet": "b", "count": 2}))
    reading = desk.measure()
    assert reading.result == [{"facet": "a", "count": 1.0}, {"facet": "b", "count": 2.0}]
    assert reading.value == '[{"count":1,"facet":"a"},{"count":2,"facet":"b"}]'
    assert desk.judge("all(result, #.count < 2)")[0] == "Failed"


@pytest.mark.parametrize(
    ("success", "phase"), [("(result.average ?? 0) < 1", "Successful"), ("result.average < 1", "Error")]
)
def test_a_null_in_a_row_is_nil(desk: Any, success: str, phase: str) -> None:
    desk.server.post(US, json=an_answer({"average": None}))
    assert desk.measure().value == '{"average":null}'
    assert desk.judge(success)[0] == phase


@pytest.mark.parametrize("spelled", ["NaN", "Infinity"])
def test_what_is_no_finite_number_is_kept(desk: Any, spelled: str) -> None:
    desk.server.post(US, body=json.dumps(an_answer({"rate": "?"})).replace('"?"', spelled))
    assert desk.judge("isNaN(result.rate) || isInf(result.rate)")[0] == "Successful"


@pytest.mark.parametrize(
    "body",
    [
        an_answer(),
        an_answer({}),
        {"data": {"actor": {"account": {"nrql": {"results": None}}}}},
        {"data": {"actor": {"account": {"nrql": None}}}},
        {"data": {"actor": {"account": None}}},
        {"data": None},
        {},
    ],
    ids=["no rows", "a row of nothing", "null rows", "null nrql", "null account", "null data", "nothing"],
)
def test_no_rows_are_an_error(desk: Any, body: Any) -> None:
    desk.server.post(US, json=body)
    with pytest.raises(PluginError, match=r"^no results returned from NRQL query$"):
        desk.measure()


@pytest.mark.parametrize("partial", [{"data": None}, an_answer({"count": 3})], ids=["alone", "beside rows"])
def test_errors_are_told_and_the_rows_beside_them_are_not_judged(desk: Any, partial: dict[str, Any]) -> None:
    errors = [{"message": "NRQL Syntax Error: unexpected 'X'", "path": ["actor"]}, {"extensions": {}}]
    desk.server.post(US, json={**partial, "errors": errors})
    with pytest.raises(PluginError, match=r"^NRQL Syntax Error: unexpected 'X'; no reason given$"):
        desk.measure()


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "check personal-api-key and region of the profile"),
        (403, "check personal-api-key and region of the profile"),
        (429, "the measurement is taken again"),
        (503, "the measurement is taken again"),
    ],
)
def test_a_refusal_is_an_error_with_its_status(desk: Any, status: int, advice: str) -> None:
    desk.server.post(US, body="denied" + "x" * 10_000, status=status)
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value).startswith(f"New Relic answered {status}: deniedxxx")
    assert str(caught.value).endswith(advice)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>maintenance</html>", "the answer is no JSON"),
        ("null", "New Relic's answer has an unknown shape: it: "),
        (
            '{"data": {"actor": {"account": {"nrql": {"results": "many"}}}}}',
            "New Relic's answer has an unknown shape: data.actor.account.nrql.results: ",
        ),
    ],
)
def test_an_answer_of_another_shape_is_an_error_that_shows_it(desk: Any, body: str, said: str) -> None:
    desk.server.post(US, body=body, content_type="text/html")
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value).startswith(said)


def test_a_timeout_is_an_error_that_says_where(desk: Any) -> None:
    desk.server.post(US, body=requests.exceptions.ReadTimeout("read timed out"))
    with pytest.raises(Unreachable, match=r"api\.newrelic\.com:443: no whole answer within 10 s"):
        desk.measure()


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({}, US),
        ({"region": "us"}, US),
        ({"region": "eu"}, EU),
        ({"region": "EU"}, EU),
        ({"region": ""}, US),
        ({"region": "eu", "base-url-nerdgraph": "https://nr.test/graphql"}, "https://nr.test/graphql"),
        ({"base-url-rest": "https://rest.test"}, US),
    ],
)
def test_the_secret_says_where_new_relic_is(desk: Any, more: dict[str, str], url: str) -> None:
    desk.vault.held[SECRET] |= more
    desk.server.post(url, json=an_answer({"count": 1}))
    desk.measure()
    assert [call.request.url for call in desk.server.calls] == [url]


def test_another_profile_is_another_secret(desk: Any) -> None:
    desk.given["profile"] = "team"
    desk.vault.held[False, "team"] = {"personal-api-key": "k-2", "account-id": "7"}
    desk.server.post(US, json=an_answer({"count": 1}))
    desk.measure()
    request = desk.server.calls[0].request
    assert (request.headers["Api-Key"], json.loads(request.body)["variables"]["accountId"]) == ("k-2", 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"personal-api-key": ""}, "account ID or personal API key not found: Secret 'newrelic' needs "),
        ({"account-id": ""}, "account ID or personal API key not found: Secret 'newrelic' needs "),
        ({"account-id": "k-secret"}, "could not parse account ID: account-id of Secret 'newrelic' has to be "),
        ({"region": "mars"}, "Secret 'newrelic': region is 'mars'; it has to be us or eu"),
    ],
)
def test_a_secret_that_cannot_work_is_an_error_without_its_values(desk: Any, change: Any, said: str) -> None:
    desk.vault.held[SECRET] |= change
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value).startswith(said)
    assert "k-" not in str(caught.value)


def test_a_profile_that_is_missing_is_an_error(desk: Any) -> None:
    desk.vault.held.clear()
    with pytest.raises(NotFound, match=r'secrets "newrelic" not found'):
        desk.measure()


def test_the_query_is_shown_with_its_arguments_filled_in(desk: Any) -> None:
    assert desk.meters.describe_metric("newRelic", desk.query) == {"ResolvedNewRelicQuery": desk.given["query"]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "q", "timeout": -1}, "timeout"),
        ({"query": "q", "timeout": 121}, "timeout"),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_its_field(desk: Any, given: Any, field: str) -> None:
    desk.given = given
    (fault,) = desk.faults()
    assert fault.startswith(f"{PATH}.{field}: ")


@pytest.mark.parametrize("given", [{"profile": "", "timeout": 0}, {"profile": None, "timeout": None}])
def test_empty_fields_are_the_defaults(desk: Any, given: Any) -> None:
    desk.given |= given
    assert (desk.query.config.profile, desk.query.config.timeout) == ("newrelic", 5)


def test_the_example_of_the_page_has_no_faults(desk: Any) -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text()
    template = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    (metric,) = template["spec"]["metrics"]
    desk.given = metric["provider"]["newRelic"]
    assert desk.faults() == []


def test_an_answer_without_end_is_an_error(desk: Any) -> None:
    desk.server.post(US, body=b"[" * 2_000_000)
    with pytest.raises(Unreachable, match="the answer is longer than"):
        desk.measure()


@pytest.mark.parametrize("depth", [250, 700])
def test_a_row_that_is_nested_too_deep_is_an_error(desk: Any, depth: int) -> None:
    row = '{"a": ' + "[" * depth + "]" * depth + "}"
    desk.server.post(US, body=json.dumps(an_answer("?")).replace('"?"', row))
    with pytest.raises((PluginError, ValueError), match=r"nested deeper|Recursion") as caught:
        desk.measure()
    assert len(str(caught.value)) < 400
