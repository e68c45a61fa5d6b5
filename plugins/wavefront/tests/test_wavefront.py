"""Chart queries: what is asked, with whose token, and which points count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tidegate.hooks import NotFound, PluginError, Unreachable
from tidegate.machine.expr.values import Floats
from tidegate_wavefront import Wavefront

HOST = "example.wavefront.com"
URL = f"https://{HOST}/api/v2/chart/api"
PATH = "spec.metrics[0].provider.wavefront"
NOW = 1767268800
SECRET = (False, "wavefront-api-tokens")


def a_series(*points: tuple[float, float]) -> dict[str, Any]:
    return {"label": "ts(ok)", "host": "web-1", "tags": {"env": "prod"}, "data": [list(point) for point in points]}


def an_answer(*series: Any, **more: Any) -> dict[str, Any]:
    """The shape of a real answer, with the fields that are not used."""
    stats = {"keys": 1, "points": 1, "latency": 3}
    return {"query": "ts(ok)", "name": "ts(ok)", "granularity": 1, "timeseries": list(series), "stats": stats, **more}


def test_the_query_is_asked_for_the_present_moment_with_the_token_of_its_host(desk: Any) -> None:
    desk.server.get(URL, json=an_answer(a_series((NOW, 1))))
    desk.measure()
    request = desk.server.calls[0].request
    moment = str(NOW * 1000)
    assert request.params == {"q": "ts(ok)", "s": moment, "e": moment, "p": "1", "g": "s", "i": "true"}
    assert request.headers["Authorization"] == "Bearer k-1"
    assert request.req_kwargs["timeout"] == (3.0, 10)


@pytest.mark.parametrize(
    ("points", "result", "value", "at", "drift"),
    [
        ([(NOW, 0.954)], 0.954, "0.95", NOW, 0),
        ([(NOW - 90, 1), (NOW - 30, 2), (NOW + 40, 3)], 2.0, "2.00", NOW - 30, -30),
        ([(NOW - 30, 1), (NOW + 30, 2)], 1.0, "1.00", NOW - 30, -30),
        ([(NOW + 5, 7), (NOW - 60, 1)], 7.0, "7.00", NOW + 5, 5),
    ],
    ids=["one", "closest", "first of equals", "later"],
)
def test_the_point_closest_to_the_moment_counts(
    desk: Any, points: Any, result: float, value: str, at: int, drift: int
) -> None:
    desk.server.get(URL, json=an_answer(a_series(*points)))
    reading = desk.measure()
    assert (reading.result, reading.value) == (result, value)
    assert isinstance(reading.result, float)
    assert dict(reading.metadata) == {"timestamps": str(at), "drift": str(drift)}


def test_several_series_are_a_list(desk: Any) -> None:
    desk.server.get(URL, json=an_answer(a_series((NOW, 0.5)), a_series((NOW - 60, 0.257))))
    reading = desk.measure()
    assert reading.result == [0.5, 0.257]
    assert isinstance(reading.result, Floats)
    assert reading.value == "[0.50,0.26]"
    assert dict(reading.metadata) == {"timestamps": f"[{NOW},{NOW - 60}]", "drift": "[0,-60]"}
    assert desk.judge("all(result, # < 1)")[0] == "Successful"


def test_a_series_without_points_is_nil_among_others(desk: Any) -> None:
    desk.server.get(URL, json=an_answer(a_series((NOW, 0.5)), a_series(), {"label": "x", "data": None}))
    reading = desk.measure()
    assert (reading.result, reading.value) == ([0.5, None, None], "[0.50,null,null]")
    assert desk.judge("all(result, # < 1)")[0] == "Error"


@pytest.mark.parametrize(("spelled", "value"), [("NaN", "NaN"), ("Infinity", "Inf"), ("-Infinity", "-Inf")])
def test_what_is_no_finite_number_is_kept(desk: Any, spelled: str, value: str) -> None:
    desk.server.get(URL, body=f'{{"timeseries":[{{"data":[[{NOW},{spelled}]]}}]}}')
    assert desk.measure().value == value
    assert desk.judge("isNaN(result) || isInf(result)")[0] == "Successful"


def test_warnings_are_kept_with_the_measurement(desk: Any) -> None:
    desk.server.get(URL, json=an_answer(a_series((NOW, 1)), warnings="the query was sampled"))
    metadata = desk.measure().metadata
    assert metadata["warnings"] == "the query was sampled"
    assert set(metadata) == Wavefront.shows


@pytest.mark.parametrize(
    "body",
    [an_answer(), {"query": "ts(ok)"}, {"timeseries": None}, an_answer(a_series()), an_answer(a_series(), a_series())],
    ids=["no series", "no field", "null", "no points", "no points twice"],
)
def test_no_data_is_an_error(desk: Any, body: Any) -> None:
    desk.server.get(URL, json=body)
    with pytest.raises(PluginError, match=r"^No TimeSeries found in response from Wavefront$"):
        desk.measure()


def test_the_warning_beside_no_data_is_told(desk: Any) -> None:
    desk.server.get(URL, json={"warnings": "No metrics matching - [ok]"})
    with pytest.raises(PluginError, match=r"from Wavefront; it warns: No metrics matching - \[ok\]$"):
        desk.measure()


def test_an_error_in_the_body_is_an_error(desk: Any) -> None:
    desk.server.get(URL, json={"errorType": "QuerySyntaxError", "errorMessage": "unmatched ("})
    with pytest.raises(PluginError, match=r"^QuerySyntaxError: unmatched \($"):
        desk.measure()


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "check the token of wavefront-api-tokens"),
        (403, "check the token of wavefront-api-tokens"),
        (406, "the measurement is taken again"),
        (429, "the measurement is taken again"),
        (502, "the measurement is taken again"),
    ],
)
def test_a_refusal_is_an_error_with_its_status(desk: Any, status: int, advice: str) -> None:
    desk.server.get(URL, body="denied" + "x" * 10_000, status=status)
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value).startswith(f"Wavefront answered {status}: deniedxxx")
    assert str(caught.value).endswith(advice)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>login</html>", "the answer is no JSON"),
        ("[]", "Wavefront's answer has an unknown shape: it: "),
        ('{"timeseries":[{"data":[[1,"2"]]}]}', "Wavefront's answer has an unknown shape: timeseries.0.data.0.1: "),
        ('{"timeseries":[{"data":[[1]]}]}', "a point of Wavefront's answer is not a time and a value"),
    ],
)
def test_an_answer_of_another_shape_is_an_error_that_shows_it(desk: Any, body: str, said: str) -> None:
    desk.server.get(URL, body=body, content_type="text/html")
    with pytest.raises(PluginError) as caught:
        desk.measure()
    assert str(caught.value).startswith(said)


def test_a_timeout_is_an_error_that_says_where(desk: Any) -> None:
    desk.server.get(URL, body=requests.exceptions.ConnectTimeout("connect timed out"))
    with pytest.raises(Unreachable, match=r"example\.wavefront\.com:443: .*check the address"):
        desk.measure()


@pytest.mark.parametrize("held", [{}, {HOST: ""}, {"other.wavefront.com": "k-2"}], ids=["none", "empty", "another"])
def test_a_host_without_a_token_is_an_error(desk: Any, held: dict[str, str]) -> None:
    desk.vault.held[SECRET] = held
    with pytest.raises(PluginError, match=r"^API token not found: Secret 'wavefront-api-tokens' .* needs key 'example"):
        desk.measure()


def test_a_secret_that_is_missing_is_an_error(desk: Any) -> None:
    desk.vault.held.clear()
    with pytest.raises(NotFound, match=r'secrets "wavefront-api-tokens" not found'):
        desk.measure()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"query": ""}, "query"),
        ({"address": ""}, "address"),
        ({"address": f"https://{HOST}"}, "address"),
        ({"address": f"evil@{HOST}"}, "address"),
        ({"address": f"evil.test?{HOST}"}, "address"),
        ({"address": f"evil.test#{HOST}"}, "address"),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_its_field(desk: Any, change: Any, field: str) -> None:
    desk.given |= change
    (fault,) = desk.faults()
    assert fault.startswith(f"{PATH}.{field}: ")


def test_the_example_of_the_page_has_no_faults(desk: Any) -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text()
    template = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    (metric,) = template["spec"]["metrics"]
    desk.given = metric["provider"]["wavefront"]
    assert desk.faults() == []


def test_a_link_local_address_is_not_asked(desk: Any) -> None:
    desk.given["address"] = "169.254.169.254"
    desk.vault.held[SECRET] = {"169.254.169.254": "k-1"}
    desk.server.get("https://169.254.169.254/api/v2/chart/api", json=an_answer(a_series((NOW, 1))))
    with pytest.raises(Unreachable, match=r"169\.254\.169\.254"):
        desk.measure()
    assert len(desk.server.calls) == 0


def test_an_answer_without_end_is_an_error(desk: Any) -> None:
    desk.server.get(URL, body=b'{"timeseries": [' + b" " * 2_000_000)
    with pytest.raises(Unreachable, match="the answer is longer than"):
        desk.measure()
