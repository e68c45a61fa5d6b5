"""Row 13 and 23 of the list of acceptance tests for analysis: Jobs as measurements, run by a simulated kubelet."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.builtin.job import JobProvider
from tidegate_sandbox.faults import Fault, FaultKind

RUNS, JOBS = "analysisruns.argoproj.io", "jobs.batch"


@pytest.fixture
def lab(cluster: Any) -> Any:
    cluster.plugins["job"] = JobProvider()
    return cluster


def a_job(name: str = "m", *, image: str = "busybox", command: Any = ("true",), **metric: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": list(command)}
    job = {
        "metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}, "name": "ignored"},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
    return {"name": name, "provider": {"job": job}, **metric}


def jobs(lab: Any) -> list[Any]:
    return sorted(lab.sandbox.objects.list(JOBS), key=lambda job: str(job["metadata"]["name"]))


def the_measurements(lab: Any) -> list[Any]:
    results = lab.run_status().get("metricResults") or [{}]
    return list(results[0].get("measurements") or [])


def test_row_13_a_job_has_name_labels_annotations_and_owner(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[a_job("a" * 80)]))
    lab.until(lambda: jobs(lab))
    (job,) = jobs(lab)
    run, metadata = lab.get(RUNS, "run"), job["metadata"]
    uid = run["metadata"]["uid"]
    assert metadata["name"] == f"{uid}.{'a' * (63 - len(uid) - 3)}.1"
    assert metadata["labels"] == {"team": "a", "analysisrun.argoproj.io/uid": uid}
    assert metadata["annotations"] == {
        "note": "b",
        "analysisrun.argoproj.io/name": "run",
        "analysisrun.argoproj.io/namespace": "default",
        "analysisrun.argoproj.io/metric-name": "a" * 80,
    }
    assert job["spec"]["template"]["metadata"]["labels"]["analysisrun.argoproj.io/uid"] == uid
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("AnalysisRun", uid, True)


def test_row_13_the_first_measurement_names_its_job(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[a_job(command=["sleep", "60"])]))
    lab.until(lambda: lab.run_phase() == "Running")
    name = jobs(lab)[0]["metadata"]["name"]
    assert the_measurements(lab)[0]["metadata"] == {"job-name": name, "job-namespace": "default"}


@pytest.mark.parametrize(
    ("command", "phase"), [(["true"], "Successful"), (["false"], "Failed")], ids=["complete", "failed"]
)
def test_row_13_a_measurement_ends_as_its_job_does(lab: Any, build: Any, command: list[str], phase: str) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[a_job(command=command)]))
    lab.until(lambda: lab.run_phase() == phase, tick_s=0.5)
    (measurement,) = the_measurements(lab)
    assert measurement["phase"] == phase
    assert {"resumeAt", "metadata", "finishedAt"} <= measurement.keys()


def test_row_13_an_image_that_cannot_be_pulled_is_inconclusive(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[a_job(image="registry/does-not-exist")]))
    lab.until(lambda: lab.run_phase() == "Inconclusive", tick_s=0.5)
    (measurement,) = the_measurements(lab)
    assert measurement["message"].startswith("Pod ")
    assert ", container main has terminal error (" in measurement["message"]
    assert measurement["message"].endswith("\n")


def test_row_13_a_run_that_is_told_to_end_deletes_its_job(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[a_job(command=["sleep", "600"])]))
    lab.until(lambda: lab.run_phase() == "Running")
    lab.edit(RUNS, "run", lambda run: run["spec"].update(terminate=True))
    lab.until(lambda: lab.run_phase() == "Inconclusive", tick_s=0.5)
    assert the_measurements(lab)[0]["message"] == "Metric Terminated"
    lab.until(lambda: jobs(lab) == [], tick_s=0.5)


def test_row_13_a_job_that_is_gone_is_an_error(lab: Any, build: Any) -> None:
    lab.engine()
    lab.sandbox.apply(build.run(metrics=[a_job(command=["sleep", "600"], consecutiveErrorLimit=0)]))
    lab.until(lambda: lab.run_phase() == "Running")
    lab.sandbox.objects.delete(JOBS, "default", jobs(lab)[0]["metadata"]["name"])
    lab.until(lambda: lab.run_phase() == "Error", tick_s=0.5)
    assert the_measurements(lab)[0]["message"].endswith("not found")


def test_row_23_as_many_jobs_are_left_as_measurements_are_kept(lab: Any, build: Any) -> None:
    lab.engine()
    retention = {"measurementRetention": [{"metricName": "m", "limit": 1}]}
    lab.sandbox.apply(build.run(metrics=[a_job(command=["true"], count=3, interval="1s")], spec=retention))
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    (left,) = jobs(lab)
    assert left["metadata"]["name"].endswith(".m.3")


def test_a_job_that_a_process_made_before_it_died_is_taken_up(lab: Any, build: Any) -> None:
    engine = lab.engine()
    lab.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("patch",), RUNS, count=None))
    lab.sandbox.apply(build.run(metrics=[a_job(command=["true"])]))
    lab.until(lambda: jobs(lab))
    engine.stop(2.0)
    lab.sandbox.faults.clear()
    lab.engine()
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    assert len(jobs(lab)) == 1


def test_a_job_of_somebody_else_is_left_alone(lab: Any, build: Any) -> None:
    lab.sandbox.apply(build.run(metrics=[a_job(command=["true"])], spec={"terminate": False}))
    uid = lab.get(RUNS, "run")["metadata"]["uid"]
    spec = a_job(command=["sleep", "600"])["provider"]["job"]["spec"]
    where = {"name": f"{uid}.m.1", "namespace": "default"}
    lab.sandbox.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": where, "spec": spec})
    lab.engine()
    lab.until(lambda: the_measurements(lab), tick_s=0.1)
    assert "already exists and belongs to somebody else" in the_measurements(lab)[0]["message"]
    assert len(jobs(lab)) == 1


def test_jobs_may_have_a_namespace_of_their_own(lab: Any, build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE", "kube-system")
    lab.engine()
    retention = {"measurementRetention": [{"metricName": "m", "limit": 1}]}
    lab.sandbox.apply(build.run(metrics=[a_job(command=["true"], count=2, interval="1s")], spec=retention))
    lab.until(lambda: lab.run_phase() == "Successful", tick_s=0.5)
    (left,) = jobs(lab)
    assert left["metadata"]["namespace"] == "kube-system"
    assert "ownerReferences" not in left["metadata"]
    assert left["metadata"]["name"].endswith(".m.2")
