"""Which templates are refused, whose keys are used, and that they do not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.hooks import PluginError

PATH = "spec.metrics[0].provider.datadog"
URL = "https://api.datadoghq.com/api/v2/query/scalar"
SCALAR = {"data": {"attributes": {"columns": [{"values": [1]}]}}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Must have either a query or queries. Please review the Analysis Template."),
        (
            {"query": "a", "queries": {"a": "b"}},
            "Cannot have both a query and queries. Please review the Analysis Template.",
        ),
        (
            {"query": "a", "aggregator": "sum"},
            "Aggregator is not supported in v1. Please review the Analysis Template.",
        ),
        (
            {"apiVersion": "v2", "query": "a", "formula": "a"},
            "Formula are only valid when queries are set. Please review your Analysis Template.",
        ),
        (
            {"apiVersion": "v2", "queries": {"a": "x", "b": "y"}},
            "When multiple queries are provided you must include a formula.",
        ),
        (
            {"queries": {"a": "x"}},
            "Query is empty. API Version v1 only supports using the query parameter in your Analysis Template.",
        ),
        ({"query": "a", "requestTimeout": "0s"}, "Request timeout must be a positive duration, like 10s"),
        ({"query": "a", "requestTimeout": "-1s"}, "Request timeout must be a positive duration, like 10s"),
        ({"query": "a", "requestTimeout": "soon"}, "Request timeout must be a positive duration, like 10s"),
        ({"query": "a", "interval": "5"}, "the interval must be a positive duration, like 5m"),
        ({"query": "a", "apiVersion": "v3"}, "Input should be 'v1' or 'v2'"),
        ({"query": "a", "apiVersion": "v2", "aggregator": "median"}, "Input should be"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_the_reason(desk: Any, given: Any, said: str) -> None:
    desk.given = given
    (fault,) = desk.faults()
    assert said in fault
    assert fault.startswith(PATH)


@pytest.mark.parametrize(
    "given",
    [
        {"query": "a"},
        {"query": "a", "apiVersion": None, "queries": None, "secretRef": None, "interval": None},
        {"query": "a", "apiVersion": "", "aggregator": "", "formula": ""},
        {"apiVersion": "v2", "queries": {"a": "x"}},
        {"query": "a", "interval": "dummy-value", "requestTimeout": "placeholder"},
        {"query": "a", "unknown": 1},
    ],
    ids=["v1", "nulls", "empty texts", "one query by name", "arguments", "unknown field"],
)
def test_a_template_that_can_work_has_no_faults(desk: Any, given: Any) -> None:
    desk.given = given
    assert desk.faults() == []


def test_a_bad_interval_from_an_argument_is_an_error_of_the_measurement(desk: Any) -> None:
    desk.given["interval"] = "never"
    with pytest.raises(
        PluginError, match=r"^interval: the interval must be a positive duration, like 5m; found 'never'$"
    ):
        desk.measure()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in (("DD_API_KEY", "e-api"), ("DD_APP_KEY", "e-app"), ("DD_ADDRESS", "https://api.datadoghq.eu/")):
        monkeypatch.setenv(name, value)
    return monkeypatch


def keys_sent(desk: Any) -> tuple[str, str, str]:
    desk.server.post(URL, json=SCALAR)
    desk.server.post("https://api.datadoghq.eu/api/v2/query/scalar", json=SCALAR)
    desk.measure()
    request = desk.server.calls[-1].request
    return request.url.split("/api/")[0], request.headers["DD-API-KEY"], request.headers["DD-APPLICATION-KEY"]


def test_row_14_the_environment_wins_over_the_default_secret(desk: Any, environment: pytest.MonkeyPatch) -> None:
    assert keys_sent(desk) == ("https://api.datadoghq.eu", "e-api", "e-app")


def test_row_14_all_three_variables_must_exist(desk: Any, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DD_ADDRESS")
    assert keys_sent(desk) == ("https://api.datadoghq.com", "k-api", "k-app")


def test_row_14_an_empty_address_is_the_default_one(desk: Any, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DD_ADDRESS", "")
    assert keys_sent(desk) == ("https://api.datadoghq.com", "e-api", "e-app")


@pytest.mark.parametrize("namespaced", [False, True])
def test_row_14_a_secret_that_is_named_wins_over_the_environment(
    desk: Any, environment: pytest.MonkeyPatch, namespaced: bool
) -> None:
    desk.given["secretRef"] = {"name": "team", "namespaced": namespaced}
    desk.vault.held[namespaced, "team"] = {"api-key": "t-api", "app-key": "t-app"}
    desk.vault.held[not namespaced, "team"] = {"api-key": "wrong", "app-key": "wrong"}
    assert keys_sent(desk) == ("https://api.datadoghq.com", "t-api", "t-app")


def test_the_address_of_a_secret_is_used(desk: Any) -> None:
    desk.vault.held[False, "datadog"] |= {"address": "https://api.datadoghq.eu"}
    assert keys_sent(desk)[0] == "https://api.datadoghq.eu"


def test_row_14_a_secret_that_is_named_and_missing_is_an_error_whatever_else_there_is(
    desk: Any, environment: pytest.MonkeyPatch
) -> None:
    desk.given["secretRef"] = {"name": "team", "namespaced": True}
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value).startswith(
        "failed to find the credentials for datadog metrics provider: there is no Secret"
    )
    assert "'team' of the run's namespace" in str(caught.value)


@pytest.mark.parametrize("lacks", ["api-key", "app-key"])
def test_a_secret_without_a_key_is_an_error(desk: Any, lacks: str) -> None:
    del desk.vault.held[False, "datadog"][lacks]
    with pytest.raises(PluginError, match=r"^failed to find the credentials .* lacks api-key or app-key"):
        desk.measure()


def test_namespaced_credentials_need_a_name(desk: Any, environment: pytest.MonkeyPatch) -> None:
    desk.given["secretRef"] = {"namespaced": True}
    with pytest.raises(PluginError, match=r"^secret name is required for namespaced credentials$"):
        desk.measure()


def test_keys_of_the_environment_do_not_show_where_datadog_repeats_them(
    desk: Any, environment: pytest.MonkeyPatch
) -> None:
    desk.server.post("https://api.datadoghq.eu/api/v2/query/scalar", body="no user e-api/e-app", status=403)
    with pytest.raises(PluginError, match=r"403 no user \*\*\*\*\*/\*\*\*\*\*$"):
        desk.measure()


def test_a_long_refusal_is_cut(desk: Any) -> None:
    desk.server.post(URL, body="x" * 100_000, status=500)
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert len(str(caught.value)) < 600


def test_the_example_of_the_page_has_no_faults(desk: Any) -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text()
    template = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    (metric,) = template["spec"]["metrics"]
    desk.given = metric["provider"]["datadog"]
    assert desk.faults() == []
