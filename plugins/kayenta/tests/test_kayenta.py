"""An analysis that is begun, followed, and judged by its score."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tidegate.hooks import PluginError, Reading, Unreachable
from tidegate_kayenta import Kayenta

PATH = "spec.metrics[0].provider.kayenta"
BASE = "https://kayenta.test"
CONFIGS = [
    {"id": "c-0", "name": "other", "updatedTimestamp": 1, "applications": ["shop"]},
    {"id": "c-1", "name": "latency", "updatedTimestamp": 2, "applications": ["shop"]},
]


@pytest.fixture
def begun(desk: Any) -> Any:
    """Kayenta knows the config and begins the execution `e-1`."""
    desk.server.get(f"{BASE}/canaryConfig", json=CONFIGS)
    desk.server.post(f"{BASE}/canary/c-1", json={"canaryExecutionId": "e-1"})
    return desk


def looked(desk: Any, body: Any, metadata: Any = None, status: int = 200) -> Reading:
    """What resuming comes to when Kayenta answers with `body`."""
    desk.server.get(f"{BASE}/canary/e-1", json=body, status=status)
    kept = {"canaryExecutionId": "e-1"} if metadata is None else metadata
    reading: Reading = desk.resume(kept)
    return reading


def a_score(score: Any, **more: Any) -> dict[str, Any]:
    """The shape of a real answer, with some fields that are not used."""
    judged = {"judgeName": "NetflixACAJudge-v1.0", "results": [], "score": {"score": score, "classification": "Pass"}}
    result = {"application": "shop", "judgeResult": judged, "canaryDuration": "PT10M"}
    return {"status": "succeeded", "complete": True, "executionStatus": "SUCCEEDED", "result": result, **more}


def test_a_measurement_begins_an_analysis_and_lasts(begun: Any) -> None:
    reading = begun.measure()
    assert (reading.phase, reading.value, dict(reading.metadata)) == ("Running", "", {"canaryExecutionId": "e-1"})
    assert reading.resume_at == begun.now + timedelta(seconds=15)
    assert set(reading.metadata) == Kayenta.shows


def test_the_config_is_looked_up_in_the_storage_account_as_in_the_reference(begun: Any) -> None:
    begun.measure()
    request = begun.server.calls[0].request
    assert request.params == {"application": "shop", "configurationAccountName": "store"}
    assert request.req_kwargs["timeout"] == (3.0, 15)


def test_the_analysis_is_asked_for_with_its_accounts_scopes_and_thresholds(begun: Any) -> None:
    begun.measure()
    request = begun.server.calls[1].request
    side = {"location": "eu-1", "step": 60, "start": "2026-01-01T11:59:00Z", "end": "2026-01-01T12:00:00Z"}
    assert request.params == {
        "application": "shop",
        "metricsAccountName": "prometheus",
        "configurationAccountName": "configurations",
        "storageAccountName": "store",
    }
    assert json.loads(request.body) == {
        "scopes": {
            "default": {
                "controlScope": {"scope": "app=a", **side},
                "experimentScope": {"scope": "app=b", **side},
            }
        },
        "thresholds": {"pass": 90, "marginal": 75},
    }
    assert request.headers["Content-Type"] == "application/json"


def test_a_quote_in_a_scope_stays_text(begun: Any) -> None:
    begun.given["scopes"][0]["controlScope"]["scope"] = '"}, "thresholds": {"pass": 0'
    begun.measure()
    asked = json.loads(begun.server.calls[1].request.body)
    assert asked["thresholds"]["pass"] == 90
    assert asked["scopes"]["default"]["controlScope"]["scope"].startswith('"}')


def times(desk: Any) -> tuple[str, str]:
    desk.measure()
    control = json.loads(desk.server.calls[1].request.body)["scopes"]["default"]["controlScope"]
    return control["start"], control["end"]


def test_with_lookback_the_comparison_starts_with_the_run(begun: Any) -> None:
    begun.given["lookback"] = True
    begun.started = datetime(2026, 1, 1, 11, 30, tzinfo=UTC)
    assert times(begun) == ("2026-01-01T11:30:00Z", "2026-01-01T12:00:00Z")


def test_with_lookback_a_run_that_begins_has_nothing_behind_it(begun: Any) -> None:
    begun.given["lookback"] = True
    assert times(begun) == ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z")


def test_times_that_are_given_are_kept(begun: Any) -> None:
    begun.given["scopes"][0]["controlScope"] |= {"start": "2025-12-24T00:00:00Z", "end": "2025-12-25T00:00:00Z"}
    assert times(begun) == ("2025-12-24T00:00:00Z", "2025-12-25T00:00:00Z")


def test_without_interval_lookback_or_start_nothing_is_begun(begun: Any) -> None:
    begun.interval_s = 0.0
    with pytest.raises(
        PluginError, match=r"kayenta\.scopes: nothing tells where the comparison starts; give the metric"
    ):
        begun.measure()
    assert [call.request.method for call in begun.server.calls] == ["GET"]


def test_a_start_of_its_own_needs_no_interval(begun: Any) -> None:
    begun.interval_s = 0.0
    for side in ("controlScope", "experimentScope"):
        begun.given["scopes"][0][side]["start"] = "2025-12-24T00:00:00Z"
    assert times(begun)[0] == "2025-12-24T00:00:00Z"


def test_an_analysis_that_goes_on_is_looked_at_again_and_stays_known(desk: Any) -> None:
    reading = looked(desk, {"complete": False, "status": "running"})
    assert (reading.phase, dict(reading.metadata)) == ("Running", {"canaryExecutionId": "e-1"})
    assert reading.resume_at == desk.now + timedelta(seconds=15)


@pytest.mark.parametrize(
    ("score", "value", "phase"),
    [
        (100, "100", "Successful"),
        (90, "90", "Successful"),
        (89.99, "89", "Inconclusive"),
        (75.0, "75", "Inconclusive"),
        (74.9, "74", "Failed"),
        (0, "0", "Failed"),
    ],
)
def test_the_integer_part_of_the_score_decides(desk: Any, score: float, value: str, phase: str) -> None:
    reading = looked(desk, a_score(score))
    assert (reading.value, reading.phase, reading.resume_at) == (value, phase, None)
    assert dict(reading.metadata) == {"canaryExecutionId": "e-1"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Missing Complete Status: Kayenta answered '{}'"),
        ({"complete": None}, "Missing Complete Status"),
        ({"complete": True, "status": "terminal"}, "Missing Score: the analysis ended as 'terminal'; look at it in"),
        ({"complete": True, "result": {}}, "Missing Score: the analysis ended as 'unknown'"),
        ({"complete": True, "result": {"judgeResult": {"score": None}}}, "Missing Score"),
        (a_score(None), "Missing Score"),
        (a_score(float("nan")), "Missing Score"),
        ({"complete": "yes"}, "Invalid Response: complete: "),
        (a_score("90"), "Invalid Response: result.judgeResult.score.score: "),
        ([], "Invalid Response: it: "),
    ],
)
def test_an_execution_that_says_too_little_is_an_error(desk: Any, body: Any, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        looked(desk, body)
    assert str(caught.value).startswith(said)


def test_a_measurement_without_its_execution_is_an_error_and_asks_nothing(desk: Any) -> None:
    with pytest.raises(PluginError, match="has lost canaryExecutionId"):
        looked(desk, a_score(90), metadata={})
    assert len(desk.server.calls) == 0


@pytest.mark.parametrize("status", [201, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("which", ["config", "start", "result"])
def test_any_answer_but_200_is_an_invalid_response(desk: Any, status: int, which: str) -> None:
    codes = {"config": 200, "start": 200, "result": 200, which: status}
    desk.server.get(f"{BASE}/canaryConfig", json=CONFIGS, status=codes["config"])
    desk.server.post(f"{BASE}/canary/c-1", json={"canaryExecutionId": "e-1"}, status=codes["start"])
    desk.server.get(f"{BASE}/canary/e-1", json=a_score(90), status=codes["result"])
    with pytest.raises(PluginError, match=rf"^Invalid Response: Kayenta answered {status}: "):
        _ = desk.measure() if which != "result" else desk.resume({"canaryExecutionId": "e-1"})


def test_a_config_that_is_missing_is_told_with_those_that_are_there(desk: Any) -> None:
    desk.given["canaryConfigName"] = "latancy"
    desk.server.get(f"{BASE}/canaryConfig", json=CONFIGS)
    with pytest.raises(PluginError, match=r"^Canary config not found: Kayenta has latency, other, not 'latancy'$"):
        desk.measure()


def test_an_application_without_configs_is_told(desk: Any) -> None:
    desk.server.get(f"{BASE}/canaryConfig", json=[])
    with pytest.raises(PluginError, match=r"^Canary config not found: Kayenta has none, "):
        desk.measure()


@pytest.mark.parametrize("body", [{}, {"canaryExecutionId": ""}, {"canaryExecutionId": None}, {"canaryExecutionId": 7}])
def test_an_analysis_without_an_id_is_an_error(desk: Any, body: Any) -> None:
    desk.server.get(f"{BASE}/canaryConfig", json=CONFIGS)
    desk.server.post(f"{BASE}/canary/c-1", json=body)
    with pytest.raises(PluginError, match=r"^Invalid Response: .*canaryExecutionId"):
        desk.measure()


def test_what_is_no_json_is_an_error_that_shows_it(desk: Any) -> None:
    desk.server.get(f"{BASE}/canaryConfig", body="<html>gateway</html>", content_type="text/html")
    with pytest.raises(PluginError, match=r"no JSON .* '<html>gateway"):
        desk.measure()


def test_a_timeout_is_an_error_that_says_where(desk: Any) -> None:
    desk.server.get(f"{BASE}/canaryConfig", body=requests.exceptions.ReadTimeout("read timed out"))
    with pytest.raises(Unreachable, match=r"kayenta\.test:443: no whole answer within 15 s"):
        desk.measure()


def test_an_id_cannot_leave_its_place_in_the_url(desk: Any) -> None:
    desk.server.get(f"{BASE}/canaryConfig", json=[{"id": "../admin?x=", "name": "latency"}])
    desk.server.post(f"{BASE}/canary/..%2Fadmin%3Fx%3D", json={"canaryExecutionId": "e-1"})
    assert desk.measure().phase == "Running"


def test_beginning_is_not_repeated_where_looking_is(desk: Any) -> None:
    desk.server.get(f"{BASE}/canaryConfig", json=CONFIGS, status=200)
    desk.server.post(f"{BASE}/canary/c-1", status=503)
    with pytest.raises(PluginError, match="Kayenta answered 503"):
        desk.measure()
    assert [call.request.method for call in desk.server.calls] == ["GET", "POST"]
    with pytest.raises(PluginError, match="Kayenta answered 503"):
        looked(desk, {}, status=503)
    assert [call.request.method for call in desk.server.calls][2:] == ["GET", "GET", "GET"]


def test_a_run_that_is_terminated_leaves_the_measurement_as_it_is() -> None:
    assert "terminate" not in Kayenta.__dict__


@pytest.mark.parametrize(
    "lacks",
    [
        "address",
        "application",
        "canaryConfigName",
        "metricsAccountName",
        "configurationAccountName",
        "storageAccountName",
        "threshold",
        "scopes",
    ],
)
def test_every_field_is_needed(desk: Any, lacks: str) -> None:
    del desk.given[lacks]
    (fault,) = desk.faults()
    assert fault.startswith(f"{PATH}.{lacks}: ")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"threshold": {"pass": 90}}, "threshold.marginal"),
        ({"threshold": {"pass": "high", "marginal": 1}}, "threshold.pass"),
        ({"scopes": []}, "scopes"),
        ({"scopes": [{"name": "a", "controlScope": {}}]}, "scopes[0].experimentScope"),
        ({"address": ""}, "address"),
    ],
)
def test_a_fault_is_told_at_its_field(desk: Any, change: Any, field: str) -> None:
    desk.given |= change
    (fault,) = desk.faults()
    assert fault.startswith(f"{PATH}.{field}: ")


def test_the_example_of_the_page_has_no_faults(desk: Any) -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text()
    template = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    (metric,) = template["spec"]["metrics"]
    desk.given = metric["provider"]["kayenta"]
    assert desk.faults() == []


def test_an_answer_without_end_is_an_error(desk: Any) -> None:
    desk.server.get(f"{BASE}/canaryConfig", body=b"[" * 2_000_000)
    with pytest.raises(Unreachable, match="the answer is longer than"):
        desk.measure()
