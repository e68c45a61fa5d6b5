"""The measurement loop of a run (specification of analysis, sections 6 to 8 and 15)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from tidegate.api.analysis import Measurement
from tidegate.machine.analysis.acts import Collect, Cut, Measure, Measured
from tidegate.machine.plan import Result

Build = Callable[..., Any]

WORKED: list[tuple[str, dict[str, Any], str, str, int]] = [
    ("one shot, good", {}, "S", "Successful", 1),
    ("one shot, bad", {}, "F", "Failed", 1),
    ("an error does not count", {"count": 3, "interval": "20s"}, "SESS", "Successful", 4),
    ("two of five tolerated", {"count": 5, "interval": "20s", "failureLimit": 2}, "FFSSS", "Successful", 5),
    ("three of five", {"count": 5, "interval": "20s", "failureLimit": 2}, "FFF", "Failed", 3),
    ("five errors", {"count": 10, "interval": "20s"}, "EEEEE", "Error", 5),
    ("four errors and a success", {"count": 10, "interval": "20s"}, "EEEESSSSSSSSSS", "Successful", 14),
    (
        "a streak ends an endless metric",
        {"interval": "20s", "consecutiveSuccessLimit": 3, "failureLimit": -1},
        "FSSFSSS",
        "Successful",
        7,
    ),
    (
        "a streak missed, failures disabled",
        {"count": 5, "interval": "20s", "consecutiveSuccessLimit": 3, "failureLimit": -1},
        "SSFSS",
        "Failed",
        5,
    ),
    (
        "a streak missed",
        {"count": 5, "interval": "20s", "consecutiveSuccessLimit": 3, "failureLimit": 2},
        "SSFSS",
        "Inconclusive",
        5,
    ),
    ("unclear twice", {"count": 5, "interval": "20s", "inconclusiveLimit": 1}, "II", "Inconclusive", 2),
]


@pytest.mark.parametrize(("fields", "script", "phase", "number"), [w[1:] for w in WORKED], ids=[w[0] for w in WORKED])
def test_row_1_the_worked_examples(course: Build, fields: dict[str, Any], script: str, phase: str, number: int) -> None:
    run = course(fields, script).play()
    result = run.result("m")
    assert (run.phase, result["phase"]) == (phase, phase)
    assert result.get("count", 0) + result.get("error", 0) == number == len(script[:number])


def test_row_1_an_endless_metric_that_is_terminated_is_successful(course: Build) -> None:
    run = course({"interval": "20s"}, "SSS").play(until=timedelta(seconds=50))
    assert run.phase == "Running"
    run.spec["terminate"] = True
    run.step()
    assert (run.phase, run.status["message"], run.result("m")["count"]) == ("Successful", "Run Terminated", 3)


def test_row_1_a_job_that_is_cut_off_makes_its_metric_inconclusive(course: Build) -> None:
    run = course({}, "R", {"m": "I"}).step()
    assert (run.phase, run.result("m")["phase"]) == ("Running", "Running")
    run.spec["terminate"] = True
    run.step()
    assert run.phase == run.result("m")["phase"] == "Inconclusive"
    assert run.result("m")["measurements"][0]["message"] == "Metric Terminated"


def test_a_cut_off_job_below_the_inconclusive_limit_is_a_success(course: Build) -> None:
    run = course({"inconclusiveLimit": 1}, "R", {"m": "I"}).step()
    run.spec["terminate"] = True
    assert run.step().phase == "Successful"


def test_row_5_an_initial_delay_is_never_over_in_the_first_pass(course: Build) -> None:
    run = course({"initialDelay": "1ms"}).step()
    assert not run.calls
    assert run.phase == "Running"
    assert "metricResults" not in run.status
    run.now = run.wake_at
    assert run.step().phase == "Successful"


def test_an_initial_delay_counts_from_the_start_of_the_run_and_is_not_shortened(course: Build) -> None:
    run = course({"initialDelay": "30s"}).play()
    assert run.taken_at["m"][0] - run.taken_at["m"][0].replace(hour=12, minute=0, second=0) == timedelta(
        seconds=31, microseconds=run.taken_at["m"][0].microsecond
    )
    assert run.phase == "Successful"


def test_row_5_an_error_is_tried_again_after_ten_seconds_whatever_the_interval(course: Build) -> None:
    run = course({"count": 2, "interval": "5m"}, "ESS").play()
    first, second, third = run.taken_at["m"]
    assert second - first == timedelta(seconds=10) + run.takes
    assert third - second == timedelta(minutes=5) + run.takes


def test_measurements_are_an_interval_apart_from_end_to_start(course: Build) -> None:
    run = course({"count": 20, "interval": "10s"}, "S").play()
    assert {b - a for a, b in pairwise(run.taken_at["m"])} == {timedelta(seconds=10) + run.takes}


def test_row_6_a_failed_metric_ends_the_run_in_the_pass_after_it(course: Build, metric: Build) -> None:
    metrics = [metric("good", interval="1m"), metric("bad"), metric("long")]
    run = course(metrics, {"bad": "F", "long": "R"}).step()
    assert (run.phase, run.status.get("message")) == ("Running", None)
    assert run.wake_at <= run.now
    run.step()
    assert [type(call) for call in run.calls[3:]] == [Cut]
    assert run.phase == "Failed"
    assert run.status["message"] == 'Metric "bad" assessed Failed due to failed (1) > failureLimit (0)'
    assert [run.result(name)["phase"] for name in ("good", "bad", "long")] == ["Successful", "Failed", "Successful"]


def test_an_error_message_is_part_of_the_runs_message(course: Build) -> None:
    run = course({}, "E").play()
    expected = (
        'Metric "m" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "Error Message: it broke"'
    )
    assert run.status["message"] == expected


def test_a_failure_outweighs_an_error(course: Build, metric: Build) -> None:
    metrics = [metric("e", consecutiveErrorLimit=0), metric("i"), metric("f")]
    run = course(metrics, {"e": "E", "i": "I", "f": "F"}).play()
    assert run.phase == "Failed"
    assert run.status["runSummary"] == {"count": 3, "error": 1, "inconclusive": 1, "failed": 1}


def test_row_7_a_run_of_dry_metrics_alone_is_successful(course: Build, metric: Build) -> None:
    rules = [{"metricName": "^b"}]
    run = course([metric("bad"), metric("broken")], {"bad": "F", "broken": "E"}, dryRun=rules).play()
    assert (run.phase, run.status.get("message")) == ("Successful", None)
    assert run.status["dryRunSummary"] == {"count": 2, "failed": 1, "error": 1}
    assert "runSummary" not in run.status
    assert run.result("bad")["dryRun"] is True
    assert run.result("bad")["message"] == "Metric assessed Failed due to failed (1) > failureLimit (0)"


def test_a_dry_metric_does_not_end_the_others(course: Build, metric: Build) -> None:
    metrics = [metric("dry"), metric("m", count=3, interval="10s")]
    run = course(metrics, {"dry": "F"}, dryRun=[{"metricName": "dry"}]).play()
    assert (run.phase, run.result("m")["count"]) == ("Successful", 3)


def test_row_8_ten_measurements_are_kept_and_all_are_counted(course: Build) -> None:
    run = course({"count": 25, "interval": "10s"}).play()
    assert (len(run.result("m")["measurements"]), run.result("m")["successful"]) == (10, 25)


@pytest.mark.parametrize(
    ("rules", "kept"), [([("m", 3)], 3), ([(".*", 15)], 15), ([("m", 0)], 10), ([("m", 3), (".", 4)], 4)]
)
def test_row_8_a_rule_says_how_many_measurements_are_kept(course: Build, rules: list[Any], kept: int) -> None:
    retention = [{"metricName": name, "limit": limit} for name, limit in rules]
    run = course({"count": 25, "interval": "10s"}, measurementRetention=retention).play()
    assert len(run.result("m")["measurements"]) == kept


def test_row_22_terminated_before_the_first_measurement(course: Build) -> None:
    run = course({}, terminate=True).step()
    assert (run.phase, run.status["message"]) == ("Successful", "Run Terminated")
    assert "metricResults" not in run.status
    assert run.status["runSummary"] == {"count": 1}
    assert not run.calls


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_row_25_results_stand_in_the_order_of_the_spec(course: Build, metric: Build, order: tuple[int, ...]) -> None:
    run = course([metric(name) for name in "abc"])
    plan = run.plan()
    outcomes = [run._performed(action) for action in plan.actions]
    status = plan.conclude([outcomes[place] for place in order]).status
    assert [result["name"] for result in status["metricResults"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("fields", "phase", "tally"),
    [({"failureLimit": 1}, "Inconclusive", "inconclusive"), ({"failureLimit": -1}, "Failed", "failed")],
)
def test_row_18_a_missed_streak_is_named_and_counted(
    course: Build, fields: dict[str, Any], phase: str, tally: str
) -> None:
    run = course({"count": 4, "interval": "10s", "consecutiveSuccessLimit": 3, **fields}, "SFSS").play()
    reason = "consecutiveSuccess (2) < consecutiveSuccessLimit (3)"
    assert run.status["message"] == f'Metric "m" assessed {phase} due to {reason}'
    assert run.status["runSummary"] == {"count": 1, tally: 1}


def test_events_tell_the_end_of_each_metric_and_of_the_run_once(course: Build, metric: Build) -> None:
    run = course([metric("a"), metric("b", count=2, interval="10s")], {"b": "SF"}).play()
    run.step()
    assert run.events == [
        "Normal MetricSuccessful Metric 'a' Completed. Result: Successful",
        "Warning MetricFailed Metric 'b' Completed. Result: Failed",
        "Warning AnalysisRunFailed Analysis Completed. Result: Failed",
    ]


def test_a_pass_in_which_nothing_is_due_writes_nothing(course: Build) -> None:
    run = course({"interval": "1m"}).step()
    writes = run.writes
    for _ in range(5):
        run.wait(3).step()
    assert run.writes == writes


def test_a_lost_status_write_counts_a_measurement_once(course: Build) -> None:
    run = course({"count": 2, "interval": "10s"}, "SSS").step(lose=True)
    run.play()
    numbers = [call.number for call in run.calls if isinstance(call, Measure)]
    assert numbers == [1, 1, 2]
    assert run.result("m")["count"] == 2


def test_an_outcome_that_is_told_twice_is_counted_once(course: Build) -> None:
    run = course({"count": 5, "interval": "10s"})
    plan = run.plan()
    outcome = run._performed(plan.actions[0])
    run.status = plan.conclude([outcome, outcome]).status
    assert run.result("m")["count"] == 1
    assert len(run.result("m")["measurements"]) == 1


def test_a_lasting_measurement_is_resumed_in_place_when_it_asks_for_it(course: Build) -> None:
    run = course({}, "RRS").step()
    run.wait(2).step()
    assert len(run.calls) == 1
    run.play()
    assert [type(call).__name__ for call in run.calls] == ["Measure", "Resume", "Resume"]
    assert len(run.result("m")["measurements"]) == 1
    assert run.phase == "Successful"


def test_a_measurement_without_an_end_gets_one(course: Build) -> None:
    run = course({}, [Measurement(phase="Successful", value="1")]).play()
    assert run.result("m")["measurements"][0]["finishedAt"] == "2026-01-01T12:00:00Z"


def test_leftovers_are_collected_behind_the_measurement(course: Build) -> None:
    run = course({"count": 3, "interval": "10s"}, measurementRetention=[{"metricName": "m", "limit": 1}])
    run.collecting = frozenset({0})
    run.step()
    assert [(type(c).__name__, getattr(c, "keep", None)) for c in run.calls] == [("Measure", None), ("Collect", 1)]
    assert isinstance(run.calls[1], Collect)


def test_a_secret_that_vanishes_ends_the_run(course: Build) -> None:
    run = course({"interval": "10s"})
    run.step().wait(11)
    run.unresolved = "key 'k' does not exist in secret 's'"
    run.step()
    assert run.phase == "Error"
    assert run.status["message"] == "Unable to resolve metric arguments: key 'k' does not exist in secret 's'"
    assert run.result("m")["count"] == 1
    assert run.events[-1] == "Warning AnalysisRunError Analysis Completed. Result: Error"


def test_a_clock_that_is_set_back_a_day_does_not_stop_a_run(course: Build) -> None:
    run = course({"count": 3, "interval": "10s"}).step()
    run.now -= timedelta(days=1)
    run.play()
    assert run.phase == "Successful"


def test_a_clock_that_jumps_ahead_brings_one_measurement_not_many(course: Build) -> None:
    run = course({"interval": "10s"}).step()
    run.wait(86_400).step().step()
    assert run.result("m")["count"] == 2


def test_a_metric_that_is_taken_out_of_the_spec_leaves_its_result(course: Build, metric: Build) -> None:
    run = course([metric("a"), metric("b", interval="10s")]).step()
    run.spec["metrics"] = [metric("a")]
    run.play()
    assert run.phase == "Successful"
    assert run.result("b")["count"] == 1


def test_a_run_that_is_over_is_never_measured_again(course: Build) -> None:
    run = course({}, "F").play()
    before = dict(run.status)
    run.spec["metrics"][0]["count"] = 5
    run.wait(1000).step()
    assert (run.status, len(run.calls)) == (before, 1)


def test_a_measurement_that_is_held_up_is_tried_again_a_second_later_and_counts_nothing(course: Build) -> None:
    run = course({})
    (action,) = run.plan().actions
    settled = run.plan().conclude([Measured(action, Result.PENDING, message="10 a second are allowed")])
    assert (settled.wake_at - run.now, settled.error) == (timedelta(seconds=1), "")
    assert "metricResults" not in settled.status


def test_what_was_measured_is_kept_although_another_measurement_failed_to_be_taken(
    course: Build, metric: Build
) -> None:
    run = course([metric("a"), metric("b")])
    good, bad = run.plan().actions
    outcomes = [run._performed(good), Measured(bad, Result.FAILED, message="no answer from the API server")]
    settled = run.plan().conclude(outcomes)
    assert settled.error == "no answer from the API server"
    assert [result["name"] for result in settled.status["metricResults"]] == ["a"]
    assert settled.status["phase"] == "Running"
