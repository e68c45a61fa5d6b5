"""AnalysisRuns in a whole controller: what is measured, judged, written, told and deleted. Rows are those of the list of
acceptance tests for analysis."""

from __future__ import annotations

import base64
import threading
from datetime import timedelta
from typing import Any

import pytest

from tidegate.hooks import PluginError, Reading
from tidegate_sandbox.faults import Fault, FaultKind

RUNS = "analysisruns.argoproj.io"


def ok(text: str = "1") -> Reading:
    return Reading(result=float(text), value=text)


@pytest.fixture
def lab(cluster: Any, tide: Any) -> Any:
    """A cluster whose engines have the provider `tide`."""
    cluster.plugins["tide"] = tide
    return cluster


def measurements(lab: Any, metric: str = "m", run: str = "run") -> list[Any]:
    results = lab.run_status(run).get("metricResults") or []
    return next((result.get("measurements", []) for result in results if result["name"] == metric), [])


def secret(name: str, **data: str) -> dict[str, Any]:
    coded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"}, "data": coded}


def from_secret(name: str = "token", key: str = "value") -> list[dict[str, Any]]:
    return [{"name": "secret", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}]


@pytest.mark.parametrize(
    ("condition", "phase"), [("result > 2", "Successful"), ("result > 5", "Failed")], ids=["holds", "fails"]
)
def test_row_1_a_run_is_measured_judged_and_ended(lab: Any, build: Any, tide: Any, condition: str, phase: str) -> None:
    tide.answers["m"] = [ok("3")]
    lab.engine()
    lab.sandbox.apply(build.run(successCondition=condition))
    lab.until(lambda: lab.run_phase() == phase, tick_s=0.2)
    status = lab.run_status()
    (result,) = status["metricResults"]
    assert (result["name"], result["phase"], result["count"]) == ("m", phase, 1)
    assert result["measurements"][0]["value"] == "3"
    assert status["runSummary"] == {"count": 1, phase.lower(): 1}
    assert status["dryRunSummary"] == {}
    assert {"startedAt", "completedAt"} <= status.keys()


def test_row_1_an_error_is_tried_again_after_10_s_whatever_the_interval(lab: Any, build: Any, tide: Any) -> None:
    tide.answers["m"] = [RuntimeError("no route"), ok()]
    lab.engine()
    lab.sandbox.apply(build.run(interval="5m", count=1))
    lab.until(lambda: len(measurements(lab)) == 1)
    assert (measurements(lab)[0]["phase"], measurements(lab)[0]["message"]) == ("Error", "no route")
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    first, second = (measurement["startedAt"] for measurement in measurements(lab))
    assert int(second[-3:-1]) - int(first[-3:-1]) == 10


def test_row_5_a_metric_with_a_delay_is_not_measured_in_the_first_pass(lab: Any, build: Any, tide: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(initialDelay="30s"))
    lab.until(lambda: lab.run_phase() == "Running")
    assert tide.asked == []
    lab.sandbox.advance(29.5)
    assert tide.asked == []
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)


def test_row_6_what_is_under_way_is_told_to_end_before_a_run_fails(lab: Any, build: Any, tide: Any) -> None:
    def lasting(query: Any, _: Any) -> Reading:
        return Reading(phase="Running", metadata={"job": "j"}, resume_at=query.now + timedelta(seconds=60))

    tide.answers = {"long": [lasting], "bad": [Reading(phase="Failed")]}
    phases: list[str] = []
    lab.sandbox.objects.subscribe(
        lambda change: (
            phases.append((change.object.get("status") or {}).get("phase", "")) if change.resource == RUNS else None
        )
    )
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[build.metric("long"), build.metric("bad")]))
    lab.until(lambda: lab.run_phase() == "Failed", tick_s=0.2)
    assert [verb for verb, metric, _, _ in tide.asked if metric == "long"] == ["measure", "terminate"]
    assert [phase for phase in dict.fromkeys(phases) if phase] == ["Running", "Failed"]
    (long,) = measurements(lab, "long")
    assert (long["phase"], long["message"], long["metadata"]) == ("Inconclusive", "Metric Terminated", {"job": "j"})


def test_row_7_a_dry_run_ends_successful(lab: Any, build: Any, tide: Any) -> None:
    tide.answers["m"] = [Reading(phase="Failed")]
    lab.engine()
    lab.sandbox.apply(build.run(spec={"dryRun": [{"metricName": ".*"}]}))
    lab.until(lambda: lab.run_phase() == "Successful")
    assert lab.run_status()["dryRunSummary"] == {"count": 1, "failed": 1}


def test_row_8_ten_measurements_are_kept_and_leftovers_collected(lab: Any, build: Any, tide: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(interval="1s", count=12))
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    assert len(measurements(lab)) == 10
    assert lab.run_status()["metricResults"][0]["count"] == 12
    assert set(tide.kept) == {("m", 10)}


def test_row_10_a_status_is_a_merge_patch_of_the_object_and_skipped_when_unchanged(lab: Any, build: Any) -> None:
    engine = lab.engine()
    lab.sandbox.apply(build.run(initialDelay="1h"))
    lab.until(lambda: lab.run_phase() == "Running")
    lab.until(lambda: lab.requests("PATCH", "analysisruns") == 1)
    assert lab.get(RUNS, "run")["spec"]["metrics"][0]["initialDelay"] == "1h"
    engine.runs.add(("default", "run"))
    lab.sandbox.apply(build.run("other", initialDelay="1h"))
    lab.until(lambda: lab.run_phase("other") == "Running")
    lab.until(lambda: lab.requests("PATCH", "analysisruns") == 2)
    assert lab.run_status()["phase"] == "Running"


@pytest.mark.parametrize("raised", [ExceptionGroup("many", [ValueError("x")]), SystemExit(1), KeyboardInterrupt()])
def test_row_16_a_provider_that_raises_hurts_no_other_metric_and_no_other_run(
    lab: Any, build: Any, tide: Any, raised: BaseException
) -> None:
    tide.answers["m"] = [raised]
    lab.engine()
    lab.sandbox.apply(
        [build.run(metrics=[build.metric("m"), build.metric("n")]), build.run("other", metrics=[build.metric("n")])]
    )
    lab.until(lambda: lab.run_phase("other") == "Successful")
    lab.until(lambda: len(measurements(lab)) == 1)
    assert measurements(lab)[0]["phase"] == "Error"
    assert measurements(lab, "n")[0]["phase"] == "Successful"


@pytest.mark.parametrize("ttl_s", [0, 3, 6])
def test_row_17_a_finished_run_goes_at_most_2_s_after_its_lifetime(lab: Any, build: Any, ttl_s: int) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(spec={"ttlStrategy": {"secondsAfterCompletion": ttl_s}}))
    started = lab.sandbox.clock.now()
    lab.until(lambda: lab.get(RUNS, "run") is None, tick_s=0.25)
    assert ttl_s <= (lab.sandbox.clock.now() - started).total_seconds() <= ttl_s + 3


def test_row_17_a_run_with_a_spec_error_has_an_end_and_goes(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(count=2, spec={"ttlStrategy": {"secondsAfterCompletion": 30}}))
    lab.until(lambda: lab.run_phase() == "Error")
    status = lab.run_status()
    assert status["message"] == "Analysis spec invalid: metrics[0]: interval must be specified when count > 1"
    assert "completedAt" in status
    lab.until(lambda: lab.get(RUNS, "run") is None, tick_s=1.0)


def test_row_17_a_lifetime_that_ends_between_two_controllers_is_kept(lab: Any, build: Any) -> None:
    engine = lab.engine()
    lab.sandbox.apply(build.run(spec={"ttlStrategy": {"secondsAfterSuccess": 5}}))
    lab.until(lambda: lab.run_phase() == "Successful")
    engine.stop(2.0)
    lab.sandbox.advance(60)
    assert lab.get(RUNS, "run") is not None
    lab.engine()
    lab.until(lambda: lab.get(RUNS, "run") is None, tick_s=0.1)


def test_row_22_a_run_that_is_told_to_end_before_it_began_is_successful(lab: Any, build: Any, tide: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(spec={"terminate": True}))
    lab.until(lambda: lab.run_phase() == "Successful")
    status = lab.run_status()
    assert (status["message"], status["runSummary"]) == ("Run Terminated", {"count": 1})
    assert "metricResults" not in status
    assert tide.asked == []


def test_row_25_results_stand_in_the_order_of_the_spec(lab: Any, build: Any, tide: Any) -> None:
    last_has_ended = threading.Event()

    def slow(*_: Any) -> Reading:
        assert last_has_ended.wait(5)
        return ok()

    def quick(*_: Any) -> Reading:
        last_has_ended.set()
        return ok()

    tide.answers = {"a": [slow], "b": [slow], "c": [quick]}
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[build.metric(name) for name in "abc"]))
    lab.until(lambda: lab.run_phase() == "Successful")
    assert [result["name"] for result in lab.run_status()["metricResults"]] == ["a", "b", "c"]


def test_a_slow_endpoint_holds_no_worker(lab: Any, build: Any, tide: Any) -> None:
    released = threading.Event()

    def hanging(*_: Any) -> Reading:
        released.wait(10)
        return ok()

    tide.answers["slow"] = [hanging]
    lab.engine()
    lab.sandbox.apply([build.run(f"slow{n}", metrics=[build.metric("slow")]) for n in range(12)])
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Successful")
    released.set()
    lab.until(lambda: all(lab.run_phase(f"slow{n}") == "Successful" for n in range(12)))


def test_a_call_that_never_comes_back_is_an_error_after_the_providers_time(lab: Any, build: Any, tide: Any) -> None:
    released = threading.Event()
    tide.timeout_s = 0.1
    tide.answers["m"] = [lambda *_: (released.wait(10), ok())[1]]
    lab.engine()
    lab.sandbox.apply(build.run())
    lab.until(lambda: len(measurements(lab)) == 1)
    (measurement,) = measurements(lab)
    assert measurement["phase"] == "Error"
    assert measurement["message"] == "the provider did not answer within 0.1 s; it is not waited for any longer"
    released.set()


def test_a_measurement_that_lasts_is_resumed_when_it_is_due(lab: Any, build: Any, tide: Any) -> None:
    def begun(query: Any, _: Any) -> Reading:
        return Reading(phase="Running", metadata={"job": "j"}, resume_at=query.now + timedelta(seconds=15))

    tide.answers["m"] = [begun, Reading(phase="Successful", value="done")]
    lab.engine()
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Running")
    assert measurements(lab)[0]["metadata"] == {"job": "j"}
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    (measurement,) = measurements(lab)
    assert (measurement["value"], measurement["metadata"]) == ("done", {"job": "j"})
    assert [verb for verb, *_ in tide.asked] == ["measure", "resume"]


def test_events_tell_the_end_of_each_metric_and_of_the_run(lab: Any, build: Any, tide: Any) -> None:
    tide.answers["m"] = [Reading(phase="Failed")]
    lab.engine()
    lab.sandbox.apply(build.run())
    expected = {
        ("MetricFailed", "Metric 'm' Completed. Result: Failed", 1),
        ("AnalysisRunFailed", "Analysis Completed. Result: Failed", 1),
    }
    lab.until(lambda: set(lab.events("run")) == expected, tick_s=0.2)


def test_a_config_that_cannot_work_is_an_error_that_names_the_field(lab: Any, build: Any) -> None:
    provider = {"plugin": {"example.com/tide": {"port": "many"}}}
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[{"name": "m", "provider": provider}]))
    lab.until(lambda: len(measurements(lab)) == 1)
    assert measurements(lab)[0]["message"].startswith("provider.plugin[example.com/tide].port: ")


def test_a_provider_that_is_not_installed_is_named_with_its_package(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[{"name": "m", "provider": {"prometheus": {"query": "up"}}}]))
    lab.until(lambda: len(measurements(lab)) == 1)
    said = measurements(lab)[0]["message"]
    assert "pip install tidegate-prometheus" in said
    assert measurements(lab)[0]["phase"] == "Error"


def test_a_secret_reaches_the_provider_and_nothing_that_is_kept(lab: Any, build: Any, tide: Any) -> None:
    tide.answers["m"] = [
        lambda query, _: Reading(result=1.0, value=f"1 of {query.config.query}", metadata={"url": query.config.query})
    ]
    lab.engine()
    lab.sandbox.apply(
        [secret("token", value="hunter22"), build.run(query="{{args.secret}}", spec={"args": from_secret()})]
    )
    lab.until(lambda: lab.run_phase() == "Successful")
    assert tide.asked == [("measure", "m", 1, "hunter22")]
    (measurement,) = measurements(lab)
    assert (measurement["value"], measurement["metadata"]) == ("1 of *****", {"url": "*****"})
    assert lab.run_status()["metricResults"][0]["metadata"] == {"query": "*****"}
    assert "hunter22" not in str(lab.get(RUNS, "run"))


def test_a_secret_that_is_missing_at_the_start_ends_the_run(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(query="{{args.secret}}", spec={"args": from_secret()}))
    lab.until(lambda: lab.run_phase() == "Error")
    assert lab.run_status()["message"] == 'Unable to resolve metric arguments: secrets "token" not found'


def test_a_secret_that_may_not_be_read_ends_the_run_once_that_is_sure(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("get",), "secrets", count=None, code=403))
    lab.sandbox.apply([secret("token", value="x"), build.run(query="{{args.secret}}", spec={"args": from_secret()})])
    lab.until(lambda: lab.requests("GET", "secrets") > 3, tick_s=0.01)
    assert lab.run_status() == {}
    lab.until(lambda: lab.run_phase() == "Error", tick_s=0.5)
    assert lab.run_status()["message"].startswith("Unable to resolve metric arguments: ")


def test_a_secret_that_vanishes_ends_the_run_with_what_was_measured(lab: Any, build: Any) -> None:
    lab.engine()
    run = build.run(query="{{args.secret}}", interval="5s", spec={"args": from_secret()})
    lab.sandbox.apply([secret("token", value="hunter22"), run])
    lab.until(lambda: len(measurements(lab)) == 1)
    lab.sandbox.objects.delete("secrets", "default", "token")
    lab.until(lambda: lab.run_phase() == "Error", tick_s=0.5)
    assert lab.run_status()["message"] == 'Unable to resolve metric arguments: secrets "token" not found'
    assert measurements(lab)


def test_what_a_provider_reads_itself_is_hidden_too(lab: Any, build: Any, tide: Any) -> None:
    class Reader:
        def __init__(self, _: str) -> None:
            self.handed_out: list[str] = []

        def read(self, name: str, *, in_run_namespace: bool = False) -> dict[str, str]:
            self.handed_out.append("s3cr3t-key")
            return {"key": "s3cr3t-key"}

    def leaking(_: Any, access: Any) -> Reading:
        raise PluginError(f"refused with {access.secrets.read('api')['key']}")

    tide.answers["m"] = [leaking]
    lab.services = type(lab.services)(lab.services.http, Reader)
    lab.engine()
    lab.sandbox.apply(build.run())
    lab.until(lambda: len(measurements(lab)) == 1)
    assert measurements(lab)[0]["message"] == "refused with *****"


def test_a_value_of_any_length_fits_the_status(lab: Any, build: Any, tide: Any) -> None:
    tide.answers["m"] = [Reading(result=1.0, value="x" * 1_000_000)]
    lab.engine()
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Successful")
    assert len(measurements(lab)[0]["value"]) < 9_000


def test_a_process_that_dies_behind_a_measurement_loses_it_and_doubles_none(lab: Any, build: Any, tide: Any) -> None:
    engine = lab.engine()
    lab.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("patch",), RUNS, count=None))
    lab.sandbox.apply(build.run(interval="10s", count=2))
    lab.until(lambda: len(tide.asked) == 1)
    engine.stop(2.0)
    lab.sandbox.faults.clear()
    assert lab.run_status() == {}
    lab.engine()
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    assert [number for _, _, number, _ in tide.asked] == [1, 1, 2]
    assert lab.run_status()["metricResults"][0]["count"] == 2


def test_an_answer_that_is_lost_counts_the_measurement_once(lab: Any, build: Any, tide: Any) -> None:
    lab.engine()
    lab.sandbox.faults.add(Fault(FaultKind.DROP_AFTER, ("patch",), RUNS, count=1))
    lab.sandbox.apply(build.run(interval="10s", count=3))
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    assert [number for _, _, number, _ in tide.asked] == [1, 2, 3]
    assert lab.run_status()["metricResults"][0]["count"] == 3


def test_a_measurement_outlives_an_outage_of_the_api_server(lab: Any, build: Any, tide: Any) -> None:
    lab.engine()
    lab.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("patch",), RUNS, count=6))
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    assert len(tide.asked) == 1


def test_a_conflict_is_overcome_without_measuring_again(lab: Any, build: Any, tide: Any) -> None:
    def meanwhile(*_: Any) -> Reading:
        lab.edit(RUNS, "run", lambda run: run["metadata"].setdefault("labels", {}).update(who="somebody"))
        return ok()

    tide.answers["m"] = [meanwhile]
    lab.engine()
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.1)
    assert len(tide.asked) == 1
    assert lab.get(RUNS, "run")["metadata"]["labels"] == {"who": "somebody"}


def test_a_run_that_is_told_to_end_while_it_measures_ends_with_what_was_measured(
    lab: Any, build: Any, tide: Any
) -> None:
    def meanwhile(*_: Any) -> Reading:
        lab.edit(RUNS, "run", lambda run: run["spec"].update(terminate=True))
        return ok()

    tide.answers["m"] = [meanwhile]
    lab.engine()
    lab.sandbox.apply(build.run(interval="10s"))
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.2)
    assert lab.run_status()["message"] == "Run Terminated"
    assert len(tide.asked) == 1


def test_a_run_that_is_deleted_while_it_measures_is_forgotten_and_a_namesake_begins_anew(
    lab: Any, build: Any, tide: Any
) -> None:
    released = threading.Event()
    tide.answers["m"] = [lambda *_: (released.wait(5), ok("7"))[1], ok("8")]
    lab.engine()
    lab.sandbox.apply(build.run())
    lab.until(lambda: len(tide.asked) == 1)
    lab.sandbox.objects.delete(RUNS, "default", "run")
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Successful")
    released.set()
    assert [measurement["value"] for measurement in measurements(lab)] == ["8"]


def test_a_run_of_another_instance_is_left_alone(lab: Any, build: Any, tide: Any) -> None:
    lab.engine()
    lab.sandbox.apply(
        build.run("other", metadata={"labels": {"argo-rollouts.argoproj.io/controller-instance-id": "b"}})
    )
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Successful")
    assert lab.run_status("other") == {}


def test_a_finished_run_without_a_lifetime_is_never_looked_at_again(lab: Any, build: Any) -> None:
    first = lab.engine()
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Successful")
    first.stop(2.0)
    engine = lab.engine()  # another process that finds it finished
    lab.sandbox.apply(build.run("other"))
    lab.until(lambda: lab.run_phase("other") == "Successful")
    lab.sandbox.advance(3600)
    lab.until(lambda: len(engine.runs) == 0)
    seen = {tuple(s.labels.values()) for m in lab.metrics.run_passes.seconds.collect() for s in m.samples}
    assert not [labels for labels in seen if "run" in labels]


def test_series_tell_runs_by_phase_and_metrics_by_provider(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run())
    lab.until(lambda: lab.run_phase() == "Successful")
    value = lab.metrics.registry.get_sample_value
    where = {"namespace": "default", "name": "run"}
    lab.until(lambda: value("analysis_run_info", {**where, "phase": "Successful"}) == 1)
    assert value("analysis_run_metric_type", {**where, "metric": "m", "type": "Tide"}) == 1
    phase = {**where, "metric": "m", "type": "Tide", "dry_run": "false"}
    assert value("analysis_run_metric_phase", {**phase, "phase": "Successful"}) == 1
    assert value("analysis_run_metric_phase", {**phase, "phase": "Failed"}) == 0
    assert value("analysis_run_reconcile_count", where) >= 1
