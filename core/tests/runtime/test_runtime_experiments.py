"""Experiments in a whole controller. Rows are those of the experiments' test list.

A person judges the runs here: their only metric waits for a day before it is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from tidegate.api import names
from tidegate.hooks import Capability, Destination, Objects, Ref, Target, TrafficRouter, Weights

EXPERIMENTS, RUNS, SETS = "experiments.argoproj.io", "analysisruns.argoproj.io", "replicasets.apps"
ROLLOUTS = "rollouts.argoproj.io"
CHECK = {"name": "check", "templateName": "errors"}
REQUIRED = {**CHECK, "requiredForCompletion": True}


def template() -> dict[str, Any]:
    metric = {"name": "errors", "initialDelay": "24h", "provider": {"plugin": {"example.com/tide": {}}}}
    metadata = {"name": "errors", "namespace": "default"}
    spec = {"metrics": [metric], "args": [{"name": "hash", "value": ""}, {"name": "end", "value": ""}]}
    return {"apiVersion": names.API_VERSION, "kind": "AnalysisTemplate", "metadata": metadata, "spec": spec}


def part(name: str = "base", port: int | None = 80, **fields: Any) -> dict[str, Any]:
    labels = {"app": f"try-{name}"}
    container = {"name": "main", "image": "app:v1", **({"ports": [{"containerPort": port}]} if port else {})}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"name": name, "selector": {"matchLabels": labels}, "template": pods, **fields}


def experiment(*parts: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metadata = {"name": "try", "namespace": "default"}
    spec = {"templates": list(parts) or [part()], "scaleDownDelaySeconds": 0, **spec}
    return {"apiVersion": names.API_VERSION, "kind": "Experiment", "metadata": metadata, "spec": spec}


def status(cluster: Any, name: str = "try") -> dict[str, Any]:
    return dict((cluster.get(EXPERIMENTS, name) or {}).get("status") or {})


def phase(cluster: Any, name: str = "try") -> str:
    return str(status(cluster, name).get("phase", ""))


def of_template(cluster: Any, name: str = "base") -> dict[str, Any]:
    (found,) = [t for t in status(cluster)["templateStatuses"] if t["name"] == name]
    return dict(found)


def sized(cluster: Any, name: str = "try-base") -> int:
    return int(cluster.get(SETS, name)["spec"]["replicas"])


def judge(cluster: Any, name: str, phase: str, message: str = "") -> None:
    def say(manifest: dict[str, Any]) -> None:
        manifest["status"] = {**(manifest.get("status") or {}), "phase": phase, "message": message}

    cluster.edit(RUNS, name, say)


def running(cluster: Any, *manifests: dict[str, Any]) -> None:
    cluster.engine()
    cluster.sandbox.apply([template(), *manifests])
    cluster.until(lambda: phase(cluster) == "Running", tick_s=0.5)


def ended(cluster: Any, *phases: str) -> None:
    cluster.until(lambda: phase(cluster) in phases, tick_s=0.5)


def experiments(cluster: Any) -> list[dict[str, Any]]:
    return [dict(each) for each in cluster.sandbox.objects.list(EXPERIMENTS, "default")]


def test_pods_come_run_for_the_duration_and_go(cluster: Any) -> None:
    running(cluster, experiment(duration="20s"))
    assert sized(cluster) == 1
    assert of_template(cluster)["status"] == "Running"
    ended(cluster, "Successful")
    cluster.until(lambda: sized(cluster) == 0)
    cluster.until(lambda: "ExperimentSuccessful" in [reason for reason, _, _ in cluster.events("try")])
    told = [(reason, count) for reason, _, count in cluster.events("try")]
    assert [count for reason, count in told if reason.startswith("Experiment")] == [1, 1, 1]


def test_row_3_the_hash_labels_the_set_its_selector_and_its_pods(cluster: Any) -> None:
    running(cluster, experiment())
    made = cluster.get(SETS, "try-base")
    labelled = made["metadata"]["labels"][names.POD_HASH]
    assert made["spec"]["selector"]["matchLabels"][names.POD_HASH] == labelled
    assert made["spec"]["template"]["metadata"]["labels"][names.POD_HASH] == labelled
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Experiment", "try", True)


@pytest.mark.parametrize(("asked", "called"), [({}, "try-base"), ({"name": "mine"}, "mine")], ids=["default", "named"])
def test_row_4_a_service_selects_the_pods_and_goes_after_them(cluster: Any, asked: dict[str, str], called: str) -> None:
    running(cluster, experiment(part(service=asked), duration="20s"))
    cluster.until(lambda: of_template(cluster).get("serviceName") == called)
    service = cluster.get("services", called)
    assert service["spec"]["selector"] == cluster.get(SETS, "try-base")["metadata"]["labels"]
    assert of_template(cluster)["podTemplateHash"] == service["spec"]["selector"][names.POD_HASH]
    ended(cluster, "Successful")
    cluster.until(lambda: cluster.get("services", called) is None, tick_s=0.5)
    cluster.until(lambda: "serviceName" not in of_template(cluster))


def test_row_4_a_template_without_ports_gets_no_service(cluster: Any) -> None:
    running(cluster, experiment(part(port=None, service={})))
    assert cluster.get("services", "try-base") is None


def test_row_4_a_service_of_somebody_else_is_left_alone(cluster: Any, build: Any) -> None:
    cluster.engine()
    cluster.sandbox.apply([build.service("mine"), experiment(part(service={"name": "mine"}))])
    ended(cluster, "Error")
    assert "service mine already exists and is not owned by experiment template base" in of_template(cluster)["message"]
    assert cluster.get("services", "mine")["spec"]["selector"] == {"app": "app"}


def test_row_5_pods_stay_for_the_scale_down_delay(cluster: Any) -> None:
    running(cluster, experiment(duration="5s", scaleDownDelaySeconds=30))
    ended(cluster, "Successful")
    cluster.until(lambda: names.SCALE_DOWN_DEADLINE in cluster.get(SETS, "try-base")["metadata"]["annotations"])
    cluster.sandbox.advance(20)
    assert sized(cluster) == 1
    cluster.until(lambda: sized(cluster) == 0, tick_s=1)


def test_row_6_arguments_name_the_template_and_the_times(cluster: Any) -> None:
    args = [
        {"name": "hash", "value": "{{templates.base.podTemplateHash}}"},
        {"name": "end", "value": "{{experiment.finishedAt}}"},
    ]
    running(cluster, experiment(duration="1h", analyses=[{**CHECK, "args": args}]))
    cluster.until(lambda: cluster.get(RUNS, "try-check"))
    given = {arg["name"]: arg["value"] for arg in cluster.get(RUNS, "try-check")["spec"]["args"]}
    assert given["hash"] == cluster.get(SETS, "try-base")["metadata"]["labels"][names.POD_HASH]
    assert given["end"].endswith("Z")


def test_row_6_the_end_of_an_experiment_without_duration_is_an_error(cluster: Any) -> None:
    cluster.engine()
    args = [{"name": "end", "value": "{{experiment.finishedAt}}"}]
    cluster.sandbox.apply([template(), experiment(analyses=[{**CHECK, "args": args}])])
    ended(cluster, "Error")
    (check,) = status(cluster)["analysisRuns"]
    assert check["message"].startswith("Failed to create AnalysisRun for analysis 'check': failed to resolve")
    assert cluster.sandbox.objects.list(RUNS, "default") == []


def test_a_missing_template_of_an_analysis_ends_it_in_error(cluster: Any) -> None:
    cluster.engine()
    cluster.sandbox.apply(experiment(analyses=[CHECK]))
    ended(cluster, "Error")
    assert "AnalysisTemplate verification failed for analysis 'check'" in status(cluster)["analysisRuns"][0]["message"]


def test_row_8_a_cleared_status_begins_everything_anew(cluster: Any) -> None:
    running(cluster, experiment(analyses=[REQUIRED]))
    cluster.until(lambda: cluster.get(RUNS, "try-check"))
    judge(cluster, "try-check", "Failed", "m")
    ended(cluster, "Failed")
    cluster.edit(EXPERIMENTS, "try", lambda manifest: manifest.pop("status"))
    cluster.until(lambda: cluster.get(RUNS, "try-check.1"), tick_s=0.5)
    judge(cluster, "try-check.1", "Successful")
    ended(cluster, "Successful")


def test_row_10_a_required_success_ends_it_and_an_optional_run_is_told_to_end(cluster: Any) -> None:
    running(cluster, experiment(analyses=[{**REQUIRED, "name": "must"}, {**CHECK, "name": "may"}]))
    cluster.until(lambda: cluster.get(RUNS, "try-must") and cluster.get(RUNS, "try-may"))
    judge(cluster, "try-must", "Successful")
    ended(cluster, "Successful")
    assert status(cluster)["message"] == "Required AnalysisRuns completed"
    cluster.until(lambda: cluster.get(RUNS, "try-may")["spec"].get("terminate") is True)
    judge(cluster, "try-may", "Successful", "Run Terminated")
    cluster.until(lambda: {r["name"]: r["phase"] for r in status(cluster)["analysisRuns"]}["may"] == "Successful")


def test_row_11_told_to_end_it_waits_for_its_required_run(cluster: Any) -> None:
    running(cluster, experiment(analyses=[REQUIRED]))
    cluster.until(lambda: cluster.get(RUNS, "try-check"))

    def terminate(manifest: dict[str, Any]) -> None:
        manifest["spec"]["terminate"] = True

    cluster.edit(EXPERIMENTS, "try", terminate)
    cluster.until(lambda: cluster.get(RUNS, "try-check")["spec"].get("terminate") is True, tick_s=0.5)
    judge(cluster, "try-check", "Successful", "Run Terminated")
    ended(cluster, "Successful")
    cluster.until(lambda: sized(cluster) == 0, tick_s=0.5)


def test_row_15_a_foreign_replica_set_of_its_name_is_an_error_at_once(cluster: Any) -> None:
    foreign: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "try-base", "namespace": "default"},
        "spec": {"replicas": 0, "selector": part()["selector"], "template": part()["template"]},
    }
    cluster.engine()
    cluster.sandbox.apply([foreign, experiment()])
    cluster.until(lambda: phase(cluster) == "Error", tick_s=0.1)
    (found,) = status(cluster)["templateStatuses"]
    said = "ReplicaSet try-base already exists and is not owned by experiment template base"
    assert (found["status"], found["message"]) == ("Error", said)
    before = cluster.get(EXPERIMENTS, "try")["metadata"]["resourceVersion"]
    cluster.sandbox.advance(10)
    assert cluster.get(EXPERIMENTS, "try")["metadata"]["resourceVersion"] == before
    assert "ownerReferences" not in cluster.get(SETS, "try-base")["metadata"]


@pytest.mark.parametrize(
    ("broken", "said"),
    [({"duration": "a while"}, "invalid duration 'a while'"), ({"templates": []}, "has no templates")],
    ids=["duration", "templates"],
)
def test_row_19_what_cannot_work_makes_nothing_until_it_is_mended(
    cluster: Any, broken: dict[str, Any], said: str
) -> None:
    cluster.engine()
    cluster.sandbox.apply({**experiment(), "spec": {**experiment()["spec"], **broken}})
    cluster.until(lambda: status(cluster).get("conditions"))
    (condition,) = status(cluster)["conditions"]
    assert (condition["type"], condition["status"]) == ("InvalidSpec", "True")
    assert said in condition["message"]
    assert phase(cluster) == ""
    assert cluster.replica_sets() == []
    good = experiment(duration="1h")["spec"]
    cluster.edit(EXPERIMENTS, "try", lambda manifest: manifest.update(spec=good))
    ended(cluster, "Running")
    assert "InvalidSpec" not in {c["type"] for c in status(cluster)["conditions"]}


def test_row_20_a_set_that_the_server_refuses_is_told_once(cluster: Any) -> None:
    broken = part()
    broken["selector"] = {"matchLabels": {"app": "other"}}
    cluster.engine()
    cluster.sandbox.apply(experiment(broken))
    ended(cluster, "Error")
    for _ in range(5):
        cluster.edit(EXPERIMENTS, "try", lambda manifest: manifest["metadata"].setdefault("labels", {}).update(n="1"))
        cluster.sandbox.advance(2)
    cluster.until(lambda: [n for reason, _, n in cluster.events("try") if reason == "ReplicaSetCreateError"] == [1])
    assert cluster.requests("Create", "replicasets") <= 1


def test_row_21_another_size_while_running_keeps_run_and_time(cluster: Any) -> None:
    running(cluster, experiment(analyses=[CHECK]))
    cluster.until(lambda: cluster.get(RUNS, "try-check"))
    since, run = status(cluster)["availableAt"], cluster.get(RUNS, "try-check")["metadata"]["uid"]
    for size in (2, 0, 1):
        cluster.edit(
            EXPERIMENTS, "try", lambda manifest, size=size: manifest["spec"]["templates"][0].update(replicas=size)
        )
        cluster.until(lambda size=size: sized(cluster) == size and phase(cluster) == "Running", tick_s=0.5)
    assert status(cluster)["availableAt"] == since
    assert cluster.get(RUNS, "try-check")["metadata"]["uid"] == run
    assert not cluster.get(RUNS, "try-check")["spec"].get("terminate")


def test_its_sets_services_and_runs_go_with_it(cluster: Any) -> None:
    running(cluster, experiment(part(service={}), analyses=[CHECK]))
    cluster.until(lambda: cluster.get(RUNS, "try-check"))
    cluster.sandbox.objects.delete(EXPERIMENTS, "default", "try")
    for resource, name in ((SETS, "try-base"), ("services", "try-base"), (RUNS, "try-check")):
        cluster.until(lambda resource=resource, name=name: cluster.get(resource, name) is None, tick_s=0.5)


# --- as a step of a canary ---


def step(**fields: Any) -> dict[str, Any]:
    parts = [{"name": "old", "specRef": "stable"}, {"name": "new", "specRef": "canary"}]
    return {"experiment": {"templates": parts, "scaleDownDelaySeconds": 0, **fields}}


def stepping(cluster: Any, build: Any, **fields: Any) -> dict[str, Any]:
    """A canary that stands on an experiment step; the Experiment is running."""
    cluster.engine()
    cluster.sandbox.apply([template(), build.rollout(steps=[step(**fields)])])
    cluster.until(cluster.healthy, tick_s=0.5)
    cluster.ship("app:v2")
    cluster.until(lambda: experiments(cluster), tick_s=0.5)
    (made,) = experiments(cluster)
    cluster.until(lambda: phase(cluster, made["metadata"]["name"]) == "Running", tick_s=0.5)
    return made


def test_row_7_a_step_makes_an_experiment_of_both_versions_and_goes_on_after_it(cluster: Any, build: Any) -> None:
    made = stepping(cluster, build, duration="20s")
    name = made["metadata"]["name"]
    assert name == f"app-{cluster.status()['currentPodHash']}-2-0"
    assert cluster.status()["canary"]["currentExperiment"] == name
    images = {
        r["metadata"]["name"]: r["spec"]["template"]["spec"]["containers"][0]["image"] for r in cluster.replica_sets()
    }
    assert (images[f"{name}-old"], images[f"{name}-new"]) == ("app:v1", "app:v2")
    cluster.until(cluster.healthy, tick_s=0.5)
    assert len(experiments(cluster)) == 1
    assert "currentExperiment" not in cluster.status()["canary"]
    cluster.until(lambda: ("ExperimentCreated", f"Created Experiment '{name}'", 1) in cluster.events())


def test_row_7_a_bad_run_of_the_experiment_aborts_the_update_and_is_told_of_the_rollout(
    cluster: Any, build: Any
) -> None:
    made = stepping(cluster, build, analyses=[REQUIRED])
    run = f"{made['metadata']['name']}-check"
    cluster.until(lambda: cluster.get(RUNS, run))
    judge(cluster, run, "Failed", "m")
    cluster.until(lambda: cluster.status().get("abort"), tick_s=0.5)
    assert "Experiment analysis phase is error/failed" in cluster.phase()[1]
    cluster.until(lambda: "AnalysisRunFailed" in [reason for reason, _, _ in cluster.events()])


def test_row_13_an_abort_ends_the_experiment_and_the_retry_makes_another(cluster: Any, build: Any) -> None:
    made = stepping(cluster, build, analyses=[REQUIRED])
    name = made["metadata"]["name"]
    cluster.until(lambda: cluster.get(RUNS, f"{name}-check"))

    def set_abort(value: bool) -> None:
        rollout = cluster.get(ROLLOUTS, "app")
        rollout["status"]["abort"] = value
        cluster.sandbox.objects.update(ROLLOUTS, rollout, subresource="status")

    set_abort(True)
    cluster.until(lambda: cluster.get(EXPERIMENTS, name)["spec"].get("terminate") is True, tick_s=0.5)
    judge(cluster, f"{name}-check", "Successful", "Run Terminated")
    cluster.until(lambda: phase(cluster, name) == "Successful", tick_s=0.5)
    set_abort(False)
    cluster.until(lambda: cluster.get(EXPERIMENTS, f"{name}-1"), tick_s=0.5)
    cluster.until(lambda: cluster.get(RUNS, f"{name}-1-check"), tick_s=0.5)
    judge(cluster, f"{name}-1-check", "Successful")
    cluster.until(cluster.healthy, tick_s=0.5)


def test_row_14_an_inconclusive_experiment_waits_for_a_person_and_one_more_follows(cluster: Any, build: Any) -> None:
    made = stepping(cluster, build, analyses=[REQUIRED])
    name = made["metadata"]["name"]
    cluster.until(lambda: cluster.get(RUNS, f"{name}-check"))
    judge(cluster, f"{name}-check", "Inconclusive")
    cluster.until(lambda: cluster.status().get("pauseConditions"), tick_s=0.5)
    assert [p["reason"] for p in cluster.status()["pauseConditions"]] == ["InconclusiveExperiment"]
    for _ in range(20):
        cluster.sandbox.advance(0.5)
    assert len(experiments(cluster)) == 1
    rollout = cluster.get(ROLLOUTS, "app")
    rollout["status"]["pauseConditions"] = None
    cluster.sandbox.objects.update(ROLLOUTS, rollout, subresource="status")
    cluster.until(lambda: cluster.get(RUNS, f"{name}-1-check"), tick_s=0.5)
    judge(cluster, f"{name}-1-check", "Successful")
    cluster.until(cluster.healthy, tick_s=0.5)
    assert len(experiments(cluster)) == 2


class Config(BaseModel):
    """Nothing to say."""


class Shares(TrafficRouter[Config]):
    """Remembers the shares of an Experiment's Services that it was told."""

    name = "example.com/shares"
    config = Config
    can = frozenset({Capability.WEIGHTS, Capability.EXPERIMENT})

    def __init__(self) -> None:
        self.told: list[tuple[Destination, ...]] = []

    def reads(self, target: Target[Config]) -> Sequence[Ref]:
        return ()

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        assert weights.canary + weights.stable + sum(each.weight for each in weights.additional) == weights.total
        self.told.append(tuple(weights.additional))

    def clean_up(self, target: Target[Config], objects: Objects) -> None:
        """Nothing was written."""


def weighted(build: Any, weight: int, canary: int = 20) -> dict[str, Any]:
    parts = [{"name": "new", "specRef": "canary", "weight": weight}]
    manifest: dict[str, Any] = build.rollout(
        steps=[{"setWeight": canary}, step(templates=parts, duration="20s")],
        canaryService="app-canary",
        stableService="app-stable",
        trafficRouting={"plugins": {"example.com/shares": {}}},
    )
    manifest["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 80}]
    return manifest


def test_rows_9_and_16_weights_are_asked_for_while_it_runs_and_the_service_keeps_its_name(
    cluster: Any, build: Any
) -> None:
    cluster.router = Shares()
    cluster.engine()
    cluster.sandbox.apply([build.service("app-canary"), build.service("app-stable"), weighted(build, 10)])
    cluster.until(cluster.healthy, tick_s=0.5)
    assert not any(cluster.router.told)
    cluster.ship("app:v2")
    cluster.until(lambda: any(cluster.router.told), tick_s=0.5)
    (made,) = experiments(cluster)
    name = f"{made['metadata']['name']}-new"
    pod_hash = cluster.get(SETS, name)["metadata"]["labels"][names.POD_HASH]
    (found,) = next(told for told in cluster.router.told if told)
    assert (found.service, found.weight, found.pod_template_hash) == (name, 10, pod_hash)
    asked = {"serviceName": name, "weight": 10, "podTemplateHash": pod_hash}
    cluster.until(lambda: cluster.status()["canary"]["weights"].get("additional") == [asked])
    cluster.until(cluster.healthy, tick_s=0.5)
    assert cluster.router.told[-1] == ()


def test_row_17_weights_that_exceed_the_total_are_refused(cluster: Any, build: Any) -> None:
    cluster.router = Shares()
    cluster.engine()
    cluster.sandbox.apply([build.service("app-canary"), build.service("app-stable"), weighted(build, 50, canary=60)])
    cluster.until(lambda: "weights of the experiment exceed 100" in cluster.phase()[1], tick_s=0.1)
    assert experiments(cluster) == []


def test_a_service_that_a_finished_experiment_of_the_rollout_still_has_is_waited_for(cluster: Any, build: Any) -> None:
    """Both steps want a Service of one name; the first gives it back when its pods have gone."""
    cluster.engine()
    named = [{"name": "new", "specRef": "canary", "service": {"name": "mine"}}]
    steps = [step(templates=named, duration="5s", scaleDownDelaySeconds=30), step(templates=named, duration="10m")]
    manifest = build.rollout(steps=steps)
    manifest["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 80}]
    cluster.sandbox.apply(manifest)
    cluster.until(cluster.healthy, tick_s=0.5)
    cluster.ship("app:v2")
    cluster.until(lambda: len(experiments(cluster)) == 2, tick_s=0.5)
    second = next(e["metadata"]["name"] for e in experiments(cluster) if e["metadata"]["name"].endswith("-2-1"))
    cluster.until(lambda: cluster.get("services", "mine") is None, tick_s=0.5)
    cluster.until(lambda: cluster.get("services", "mine"))  # at once: no tick of the clock
    assert cluster.get("services", "mine")["metadata"]["ownerReferences"][0]["name"] == second
