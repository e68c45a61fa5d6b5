"""AnalysisRuns of a Rollout in a whole controller: who makes them, what their outcomes do, and how they go.

A person judges the runs here: their only metric waits for a day before it is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.api import names

ROLLOUTS, RUNS = "rollouts.argoproj.io", "analysisruns.argoproj.io"
TEMPLATES, CLUSTER_TEMPLATES = "analysistemplates.argoproj.io", "clusteranalysistemplates.argoproj.io"
STEP = {"analysis": {"templates": [{"templateName": "errors"}]}}


def template(name: str = "errors", kind: str = "AnalysisTemplate", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name} if kind.startswith("Cluster") else {"name": name, "namespace": "default"}
    metric = {"name": name, "initialDelay": "24h", "provider": {"plugin": {"example.com/tide": {}}}}
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": metadata, "spec": {"metrics": [metric], **spec}}


def runs(cluster: Any, **labels: str) -> list[dict[str, Any]]:
    found = cluster.sandbox.objects.list(RUNS, "default")
    fits = [dict(r) for r in found if labels.items() <= (r["metadata"].get("labels") or {}).items()]
    return sorted(fits, key=lambda run: (run["metadata"]["creationTimestamp"], run["metadata"]["name"]))


def of_type(cluster: Any, type_: str) -> list[dict[str, Any]]:
    return runs(cluster, **{"rollout-type": type_})


def judge(cluster: Any, run: dict[str, Any], phase: str, message: str = "") -> None:
    def say(manifest: dict[str, Any]) -> None:
        manifest["status"] = {**(manifest.get("status") or {}), "phase": phase, "message": message}

    cluster.edit(RUNS, run["metadata"]["name"], say)


def begun(cluster: Any, build: Any, *, templates: list[dict[str, Any]] | None = None, **canary: Any) -> None:
    """A healthy Rollout `app` whose second version has been shipped."""
    cluster.sandbox.apply([*(templates or [template()]), build.rollout(**canary)])
    cluster.until(cluster.healthy, tick_s=0.5)
    cluster.ship("app:v2")


def one_run(cluster: Any, type_: str = "Step") -> dict[str, Any]:
    cluster.until(lambda: of_type(cluster, type_), tick_s=0.5)
    (run,) = of_type(cluster, type_)
    return run


def resume(cluster: Any) -> None:
    rollout = cluster.get(ROLLOUTS, "app")
    rollout["status"]["pauseConditions"] = None
    cluster.sandbox.objects.update(ROLLOUTS, rollout, subresource="status")


def test_a_step_makes_a_run_that_bears_what_clients_look_for(cluster: Any, build: Any) -> None:
    cluster.engine()
    extra = {"labels": {"team": "sea"}, "annotations": {"note": "n"}}
    begun(cluster, build, steps=[{"setWeight": 50}, {"analysis": {**STEP["analysis"], "analysisRunMetadata": extra}}])
    run = one_run(cluster)
    new = cluster.status()["currentPodHash"]
    metadata = run["metadata"]
    assert metadata["name"] == f"app-{new}-2-1"
    assert metadata["labels"] == {
        "rollout-type": "Step",
        "step-index": "1",
        names.POD_HASH: new,
        "team": "sea",
        "app": "app",
    }
    assert metadata["annotations"] == {names.REVISION: "2", "note": "n"}
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Rollout", "app", True)
    cluster.until(lambda: "currentStepAnalysisRunStatus" in cluster.status().get("canary", {}))
    assert cluster.status()["canary"]["currentStepAnalysisRunStatus"]["name"] == metadata["name"]


def test_the_step_is_completed_once_its_run_has_succeeded_and_never_before(cluster: Any, build: Any) -> None:
    cluster.engine()
    begun(cluster, build, steps=[STEP])
    run = one_run(cluster)
    cluster.sandbox.advance(60)
    assert cluster.status()["currentStepIndex"] == 0
    judge(cluster, run, "Successful")
    cluster.until(cluster.healthy, tick_s=0.5)
    assert len(runs(cluster)) == 1
    text = f"Step Analysis Run '{run['metadata']['name']}' Status New: 'Successful' Previous: "
    cluster.until(lambda: [m for r, m, _ in cluster.events() if r == "AnalysisRunSuccessful" and m.startswith(text)])


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_bad_run_of_a_step_aborts_with_its_message(cluster: Any, build: Any, phase: str) -> None:
    cluster.engine()
    begun(cluster, build, steps=[STEP])
    judge(cluster, one_run(cluster), phase, "too many errors")
    cluster.until(lambda: cluster.status().get("abort"))
    text = "Step-based analysis phase error/failed: too many errors"
    assert cluster.phase() == ("Degraded", f"RolloutAborted: Rollout aborted update to revision 2: {text}")


def test_an_inconclusive_run_pauses_and_the_one_after_the_resumption_is_a_new_one(cluster: Any, build: Any) -> None:
    cluster.engine()
    begun(cluster, build, steps=[STEP])
    first = one_run(cluster)
    judge(cluster, first, "Inconclusive")
    cluster.until(lambda: cluster.status().get("pauseConditions"))
    assert [p["reason"] for p in cluster.status()["pauseConditions"]] == ["InconclusiveAnalysisRun"]
    cluster.sandbox.advance(60)
    assert len(runs(cluster)) == 1
    resume(cluster)
    cluster.until(lambda: len(runs(cluster)) == 2)
    second = next(run for run in runs(cluster) if run["metadata"]["uid"] != first["metadata"]["uid"])
    assert second["metadata"]["name"] == f"{first['metadata']['name']}.1"
    judge(cluster, second, "Successful")
    cluster.until(cluster.healthy, tick_s=0.5)
    assert len(runs(cluster)) == 2


def test_a_background_run_goes_along_and_is_ended_with_the_update(cluster: Any, build: Any) -> None:
    cluster.engine()
    analysis = {"templates": [{"templateName": "errors"}]}
    begun(cluster, build, analysis=analysis, steps=[{"setWeight": 50}, {"pause": {"duration": 5}}])
    run = one_run(cluster, "Background")
    assert run["metadata"]["name"].endswith("-2")
    cluster.until(cluster.healthy, tick_s=0.5)
    cluster.until(lambda: of_type(cluster, "Background")[0]["spec"].get("terminate") is True)
    assert len(runs(cluster)) == 1


def test_a_bad_background_run_aborts_in_the_middle_of_a_pause(cluster: Any, build: Any) -> None:
    cluster.engine()
    begun(cluster, build, analysis={"templates": [{"templateName": "errors"}]}, steps=[{"pause": {}}])
    judge(cluster, one_run(cluster, "Background"), "Failed", "m")
    cluster.until(lambda: cluster.status().get("abort"))
    assert cluster.phase()[1].endswith("Background analysis phase error/failed: m")


def test_an_abort_ends_the_run_and_a_retry_makes_another(cluster: Any, build: Any) -> None:
    cluster.engine()
    begun(cluster, build, steps=[STEP])
    first = one_run(cluster)

    def set_abort(value: bool) -> None:
        rollout = cluster.get(ROLLOUTS, "app")
        rollout["status"]["abort"] = value
        cluster.sandbox.objects.update(ROLLOUTS, rollout, subresource="status")

    set_abort(True)
    cluster.until(lambda: runs(cluster)[0]["spec"].get("terminate") is True)
    judge(cluster, first, "Successful", "Run Terminated")
    cluster.until(lambda: cluster.status().get("abortedAt"))
    set_abort(False)
    cluster.until(lambda: len(runs(cluster)) == 2, tick_s=0.5)
    assert {run["metadata"]["name"] for run in runs(cluster)} == {
        first["metadata"]["name"],
        f"{first['metadata']['name']}.1",
    }


def test_arguments_come_from_the_rollout(cluster: Any, build: Any) -> None:
    cluster.engine()
    declared = [{"name": name} for name in ("stable", "latest", "image", "plain")]
    given = [
        {"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}},
        {"name": "latest", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "image", "valueFrom": {"fieldRef": {"fieldPath": "spec.template.spec.containers[0].image"}}},
        {"name": "plain", "value": "p"},
        {"name": "unasked", "value": "u"},
    ]
    step = {"analysis": {**STEP["analysis"], "args": given}}
    begun(cluster, build, templates=[template(args=declared)], steps=[step])
    run = one_run(cluster)
    status = cluster.status()
    assert {arg["name"]: arg["value"] for arg in run["spec"]["args"]} == {
        "stable": status["stableRS"],
        "latest": status["currentPodHash"],
        "image": "app:v2",
        "plain": "p",
    }


def test_a_missing_template_is_told_and_its_coming_is_noticed_at_once(cluster: Any, build: Any) -> None:
    cluster.engine()
    cluster.sandbox.apply(build.rollout(steps=[STEP]))
    cluster.until(lambda: "InvalidSpec" in cluster.phase()[1], tick_s=0.1)
    at = "spec.strategy.canary.steps[0].analysis.templates"
    assert f"{at}: Invalid value: \"errors\": AnalysisTemplate 'errors' not found" in cluster.phase()[1]
    cluster.sandbox.apply(template())
    cluster.until(lambda: "InvalidSpec" not in cluster.phase()[1])  # at once: no tick of the clock
    cluster.until(cluster.healthy, tick_s=0.5)


def test_a_template_that_another_leads_to_is_missed_and_noticed_too(cluster: Any, build: Any) -> None:
    cluster.engine()
    inner = {"templateName": "inner", "clusterScope": True}
    cluster.sandbox.apply([template(templates=[inner]), build.rollout(steps=[STEP])])
    cluster.until(lambda: "ClusterAnalysisTemplate 'inner' not found" in cluster.phase()[1], tick_s=0.1)
    assert "spec.templates: Invalid value:" in cluster.phase()[1]
    cluster.sandbox.apply(template("inner", "ClusterAnalysisTemplate"))
    cluster.until(lambda: "InvalidSpec" not in cluster.phase()[1])
    cluster.until(cluster.healthy, tick_s=0.5)
    cluster.ship("app:v2")
    assert [metric["name"] for metric in one_run(cluster)["spec"]["metrics"]] == ["errors", "inner"]


def test_templates_in_a_circle_are_refused(cluster: Any, build: Any) -> None:
    cluster.engine()
    ring = [
        template("errors", templates=[{"templateName": "b"}]),
        template("b", templates=[{"templateName": "errors"}]),
    ]
    cluster.sandbox.apply([*ring, build.rollout(steps=[STEP])])
    cluster.until(lambda: "name one another in a circle: errors -> b -> errors" in cluster.phase()[1], tick_s=0.1)


def test_an_edited_template_changes_no_run_that_is_under_way(cluster: Any, build: Any) -> None:
    cluster.engine()
    begun(cluster, build, steps=[STEP])
    run = one_run(cluster)

    def edit(manifest: dict[str, Any]) -> None:
        manifest["spec"]["metrics"][0]["count"] = 1

    cluster.edit(TEMPLATES, "errors", edit)
    cluster.sandbox.advance(30)
    assert [each["metadata"]["uid"] for each in runs(cluster)] == [run["metadata"]["uid"]]
    assert "count" not in runs(cluster)[0]["spec"]["metrics"][0]
    judge(cluster, run, "Successful")
    cluster.until(cluster.healthy, tick_s=0.5)


def test_a_run_that_a_user_deletes_is_made_again(cluster: Any, build: Any) -> None:
    cluster.engine()
    begun(cluster, build, steps=[STEP])
    first = one_run(cluster)
    cluster.sandbox.objects.delete(RUNS, "default", first["metadata"]["name"])
    cluster.until(lambda: [r for r in runs(cluster) if r["metadata"]["uid"] != first["metadata"]["uid"]], tick_s=0.5)
    (second,) = runs(cluster)
    assert second["metadata"]["name"] == first["metadata"]["name"]
    judge(cluster, second, "Successful")
    cluster.until(cluster.healthy, tick_s=0.5)


def test_a_run_whose_name_was_never_noted_is_adopted(cluster: Any, build: Any) -> None:
    """A pass that made it and died before it wrote the status."""
    cluster.engine()
    begun(cluster, build, steps=[STEP])
    run = one_run(cluster)
    cluster.until(lambda: "currentStepAnalysisRunStatus" in cluster.status()["canary"])
    rollout = cluster.get(ROLLOUTS, "app")
    del rollout["status"]["canary"]["currentStepAnalysisRunStatus"]
    cluster.sandbox.objects.update(ROLLOUTS, rollout, subresource="status")
    cluster.until(lambda: "currentStepAnalysisRunStatus" in cluster.status()["canary"])
    assert cluster.status()["canary"]["currentStepAnalysisRunStatus"]["name"] == run["metadata"]["name"]
    assert [each["metadata"]["uid"] for each in runs(cluster)] == [run["metadata"]["uid"]]
    assert not runs(cluster)[0]["spec"].get("terminate")


def test_finished_runs_beyond_the_limit_are_deleted(cluster: Any, build: Any) -> None:
    cluster.engine()
    manifest = build.rollout(steps=[STEP])
    manifest["spec"]["analysis"] = {"successfulRunHistoryLimit": 1, "unsuccessfulRunHistoryLimit": 0}
    cluster.sandbox.apply([template(), manifest])
    cluster.until(cluster.healthy, tick_s=0.5)
    for n in range(2, 5):
        cluster.ship(f"app:v{n}")
        cluster.until(lambda n=n: [r for r in runs(cluster) if f"-{n}-0" in r["metadata"]["name"]], tick_s=0.5)
        judge(cluster, next(r for r in runs(cluster) if f"-{n}-0" in r["metadata"]["name"]), "Successful")
        cluster.until(cluster.healthy, tick_s=0.5)
    cluster.until(lambda: len(runs(cluster)) == 1, tick_s=0.5)
    assert "-4-0" in runs(cluster)[0]["metadata"]["name"]


def blue_green(build: Any, **strategy: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = build.rollout()
    manifest["spec"]["strategy"] = {"blueGreen": {"activeService": "active", "scaleDownDelaySeconds": 1, **strategy}}
    return manifest


def active(cluster: Any) -> str:
    return str(cluster.get("services", "active")["spec"]["selector"].get(names.POD_HASH, ""))


@pytest.fixture
def switch(cluster: Any, build: Any) -> Callable[..., str]:
    """Ship a second version of a blue-green Rollout; gives the hash of the first."""

    def ship(**strategy: Any) -> str:
        cluster.engine()
        cluster.sandbox.apply([template(), build.service("active"), blue_green(build, **strategy)])
        cluster.until(cluster.healthy, tick_s=0.5)
        before = active(cluster)
        cluster.ship("app:v2")
        return before

    return ship


def test_the_active_service_moves_once_the_run_before_promotion_has_succeeded(
    cluster: Any, switch: Callable[..., str]
) -> None:
    before = switch(prePromotionAnalysis={"templates": [{"templateName": "errors"}]})
    run = one_run(cluster, "PrePromotion")
    assert run["metadata"]["name"].endswith("-2-pre")
    cluster.sandbox.advance(60)
    assert active(cluster) == before
    judge(cluster, run, "Successful")
    cluster.until(cluster.healthy, tick_s=0.5)
    assert active(cluster) != before


def test_a_bad_run_before_promotion_never_moves_the_active_service(cluster: Any, switch: Callable[..., str]) -> None:
    before = switch(prePromotionAnalysis={"templates": [{"templateName": "errors"}]})
    judge(cluster, one_run(cluster, "PrePromotion"), "Failed", "m")
    cluster.until(lambda: cluster.status().get("abort"))
    assert active(cluster) == before
    assert cluster.phase()[1].endswith("Blue/green pre-promotion analysis phase error/failed: m")


def test_a_bad_run_after_promotion_gives_the_traffic_back(cluster: Any, switch: Callable[..., str]) -> None:
    before = switch(postPromotionAnalysis={"templates": [{"templateName": "errors"}]}, scaleDownDelaySeconds=600)
    run = one_run(cluster, "PostPromotion")
    assert active(cluster) != before
    assert cluster.status()["stableRS"] == before
    judge(cluster, run, "Failed")
    cluster.until(lambda: active(cluster) == before, tick_s=0.5)
    assert cluster.phase()[1].endswith("Blue/green post-promotion analysis phase error/failed")


def test_a_rollout_at_rest_with_finished_runs_writes_nothing(cluster: Any, build: Any) -> None:
    engine = cluster.engine()
    begun(cluster, build, steps=[STEP])
    judge(cluster, one_run(cluster), "Successful")
    cluster.until(cluster.healthy, tick_s=0.5)
    cluster.sandbox.advance(60)
    assert engine.queue.wait_idle(5)
    before = cluster.get(ROLLOUTS, "app")["metadata"]["resourceVersion"]
    cluster.edit(
        RUNS, runs(cluster)[0]["metadata"]["name"], lambda run: run["metadata"]["annotations"].update(note="n")
    )
    cluster.sandbox.advance(30)
    assert engine.queue.wait_idle(5)
    assert len(runs(cluster)) == 1
    assert cluster.get(ROLLOUTS, "app")["metadata"]["resourceVersion"] == before
