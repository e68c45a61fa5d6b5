"""Specs that cannot work, and how long finished runs stay (specification of analysis, 2, 6.3 and 8.3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

Build = Callable[..., Any]
REFUSED = json.loads((Path(__file__).parent / "refused.json").read_text())["runs"]


@pytest.mark.parametrize("recorded", REFUSED, ids=[r["name"] for r in REFUSED])
def test_a_spec_that_cannot_work_is_refused_in_the_recorded_words(course: Build, recorded: dict[str, Any]) -> None:
    spec = dict(recorded["spec"])
    run = course(spec.pop("metrics", []), **spec).step()
    assert (run.phase, run.status["message"]) == ("Error", recorded["message"])
    assert set(run.status) == {"phase", "message", "completedAt"}
    assert run.events == ["Warning AnalysisRunError Analysis Completed. Result: Error"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"interval": "5"}, 'invalid interval string: time: missing unit in duration "5"'),
        ({"interval": "1d"}, 'invalid interval string: time: unknown unit "d" in duration "1d"'),
        ({"initialDelay": "-"}, 'invalid startDelay string: time: invalid duration "-"'),
        ({"count": "-1", "failureLimit": -2}, "failureLimit must be >= 0, or -1 to be disabled"),
        ({"provider": {"plugin": {"a/b": {}, "c/d": {}}}}, "multiple providers specified"),
        ({"provider": {"plugin": {}}}, "no provider specified"),
    ],
)
def test_a_fault_of_a_metric_is_named(course: Build, fields: dict[str, Any], text: str) -> None:
    assert course(fields).step().status["message"] == f"Analysis spec invalid: metrics[0]: {text}"


def test_an_argument_that_nobody_supplied_ends_the_run_although_no_metric_uses_it(course: Build) -> None:
    run = course({}, args=[{"name": "x"}]).step()
    assert run.status["message"] == 'Unable to resolve metric arguments: argument "x" was not supplied'


def test_row_4_a_count_may_be_an_argument(course: Build) -> None:
    run = course({"count": "{{args.n}}", "interval": "10s"}, args=[{"name": "n", "value": "3"}]).play()
    assert (run.phase, run.result("m")["count"]) == ("Successful", 3)


CASES = [
    ("S", {"secondsAfterSuccess": 3, "secondsAfterCompletion": 60}, 3),
    ("S", {"secondsAfterCompletion": 6}, 6),
    ("S", {"secondsAfterSuccess": 0}, 0),
    ("F", {"secondsAfterFailure": 3, "secondsAfterCompletion": 60}, 3),
    ("I", {"secondsAfterFailure": 1, "secondsAfterSuccess": 1, "secondsAfterCompletion": 6}, 6),
    ("F", {"secondsAfterSuccess": 3}, None),
    ("I", {"secondsAfterFailure": 3}, None),
]


@pytest.mark.parametrize(("letter", "ttl", "seconds"), CASES)
def test_rows_8_and_17_a_finished_run_is_gone_when_its_time_is_over(
    course: Build, letter: str, ttl: dict[str, int], seconds: int | None
) -> None:
    run = course({}, letter, ttlStrategy=ttl).step()
    ended = run.now
    run.play()
    assert run.deleted is (seconds is not None)
    if seconds is not None:
        assert timedelta(seconds=seconds) <= run.now - ended <= timedelta(seconds=seconds + 2)


def test_row_17_a_run_with_a_faulty_spec_expires_too(course: Build) -> None:
    run = course({"count": 2}, ttlStrategy={"secondsAfterCompletion": 1}).play()
    assert run.deleted


def test_row_17_a_controller_that_starts_later_deletes_what_is_due(course: Build) -> None:
    run = course({}, ttlStrategy={"secondsAfterCompletion": 3}).step()
    run.wait(100).step()
    assert run.deleted


def test_a_run_that_is_being_deleted_is_left_alone(course: Build) -> None:
    run = course({})
    run.metadata = {"deletionTimestamp": "2026-01-01T12:00:00Z"}
    assert run.plan().actions == ()


def test_a_rule_that_would_backtrack_for_ever_is_matched_in_linear_time(course: Build, metric: Build) -> None:
    names = [metric("a" * 5000 + "b"), metric("m")]
    run = course(names, dryRun=[{"metricName": "^(a|aa)+$|m"}]).play()
    assert [result.get("dryRun") for result in run.status["metricResults"]] == [None, True]


@pytest.mark.parametrize("text", ["\ud800", "\x00", "a" * 10_000, "{{", "${}", "%s"])
def test_odd_texts_anywhere_in_a_spec_end_in_a_phase(course: Build, metric: Build, text: str) -> None:
    spec = {"args": [{"name": text, "value": text}], "dryRun": [{"metricName": text}]}
    odd = metric(text, interval=text, count=text, failureLimit=text)
    assert course([odd], {text: "S"}, **spec).step().phase == "Error"
