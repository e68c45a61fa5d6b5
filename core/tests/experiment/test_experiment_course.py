"""Templates, Services, phases and events of an Experiment (specification of experiments, sections 3 to 8 and 12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tidegate.machine.actions import CreateReplicaSet, PatchReplicaSet
from tidegate.machine.experiment.acts import CreateService, ServiceSeen, StartAnalysis
from tidegate.machine.experiment.transitions import of_runs
from tidegate.machine.observed import ReplicaSetView

Build = Callable[..., Any]


# --- templates ---


def test_row_3_a_set_is_created_empty_and_scaled_in_the_next_pass(an_experiment: Build) -> None:
    world = an_experiment().step()
    assert [type(call) for call in world.calls] == [CreateReplicaSet]
    assert world.sets["exp-a"].spec_replicas == 0
    world.step()
    assert world.sets["exp-a"].spec_replicas == 1
    assert world.events[-1] == "Normal ScalingReplicaSet Scaled up ReplicaSet exp-a from 0 to 1"


def test_row_3_the_hash_is_on_the_set_its_selector_and_its_pods(an_experiment: Build, a_template: Build) -> None:
    copied = a_template()
    copied["template"]["metadata"]["labels"]["rollouts-pod-template-hash"] = "old"
    world = an_experiment([copied]).step()
    made = world.manifests["exp-a"]
    hashes = {
        made["metadata"]["labels"]["rollouts-pod-template-hash"],
        made["spec"]["selector"]["matchLabels"]["rollouts-pod-template-hash"],
        made["spec"]["template"]["metadata"]["labels"]["rollouts-pod-template-hash"],
    }
    assert len(hashes) == 1
    assert hashes != {"old"}
    assert made["metadata"]["annotations"] == {
        "experiment.argoproj.io/name": "exp",
        "experiment.argoproj.io/template-name": "a",
    }


def test_two_templates_of_one_content_have_hashes_of_their_own(an_experiment: Build, a_template: Build) -> None:
    same = a_template()
    world = an_experiment([same, {**same, "name": "b"}]).step()
    assert world.sets["exp-a"].pod_hash != world.sets["exp-b"].pod_hash


def test_row_1_a_template_that_loses_a_pod_may_recover_within_its_deadline(an_experiment: Build) -> None:
    world = an_experiment(progressDeadlineSeconds=60).settle()
    assert (world.phase, world.template("a")["status"]) == ("Running", "Running")
    world.stuck = frozenset({"exp-a"})
    world.settle()
    assert (world.phase, world.template("a")["status"]) == ("Pending", "Progressing")
    world.wait(50)
    world.stuck = frozenset()
    world.settle()
    assert (world.phase, world.template("a")["status"]) == ("Running", "Running")


def test_row_1_a_template_without_progress_fails_at_its_deadline(an_experiment: Build) -> None:
    world = an_experiment(progressDeadlineSeconds=60)
    world.stuck = frozenset({"exp-a"})
    world.settle().wait(59)
    assert world.phase == "Pending"
    world.wait(2)
    assert (world.phase, world.template("a")["status"]) == ("Failed", "Failed")
    assert world.status["message"] == "Template 'a' exceeded its progressDeadlineSeconds (60)"
    assert world.sets["exp-a"].spec_replicas == 0


def test_row_1_the_template_beside_a_failed_one_is_successful(an_experiment: Build, a_template: Build) -> None:
    templates = [a_template("b"), a_template("c")]
    world = an_experiment(templates, progressDeadlineSeconds=3, scaleDownDelaySeconds=30)
    world.stuck = frozenset({"exp-c"})
    world.settle().wait(60)
    assert (world.phase, world.template("b")["status"], world.template("c")["status"]) == (
        "Failed",
        "Successful",
        "Failed",
    )
    assert world.sets["exp-b"].spec_replicas == 0


def test_row_1_a_final_status_of_a_template_stays(an_experiment: Build) -> None:
    world = an_experiment(duration="10s").settle().wait(11)
    assert world.template("a")["status"] == "Successful"
    world.sets["exp-a"] = replace(world.sets["exp-a"], available=7)
    assert world.step().template("a")["status"] == "Successful"


def test_row_15_a_foreign_set_of_the_name_is_an_error_at_once(an_experiment: Build, moment: Build) -> None:
    world = an_experiment()
    foreign = ReplicaSetView("exp-a", "u", moment("2026-01-01T00:00:00Z"), "1", "", "", "someone")
    world.sets["exp-a"] = foreign
    world.settle()
    writes = world.writes
    text = "ReplicaSet exp-a already exists and is not owned by experiment template a"
    assert (world.phase, world.status["message"], len(world.status["templateStatuses"])) == ("Error", text, 1)
    world.wait(10)
    assert (world.writes, world.calls, world.sets["exp-a"].spec_replicas) == (writes, [], foreign.spec_replicas)


def test_row_20_a_set_that_the_server_refuses_is_tried_once_and_told_once(an_experiment: Build) -> None:
    world = an_experiment()
    world.refuse = {CreateReplicaSet: "`selector` does not match template `labels`"}
    world.settle()
    for _ in range(5):
        world.wait(2)
    text = "Failed to create ReplicaSet for template 'a': `selector` does not match template `labels`"
    assert (world.phase, world.status["message"]) == ("Error", text)
    assert [type(call) for call in world.calls] == [CreateReplicaSet]
    assert len([event for event in world.events if "ReplicaSetCreateError" in event]) == 1


def test_row_21_a_new_size_keeps_the_run_and_the_moment_of_availability(an_experiment: Build) -> None:
    world = an_experiment(analyses=("look",)).settle()
    since = world.status["availableAt"]
    for size in (2, 0, 1):
        world.spec["templates"][0]["replicas"] = size
        world.wait(5)
        assert (world.phase, world.sets["exp-a"].spec_replicas) == ("Running", size)
    assert world.status["availableAt"] == since
    assert list(world.runs) == ["exp-look"]
    assert not world.runs["exp-look"].ending


# --- scaling down ---


def test_row_5_pods_stay_for_the_delay_which_is_noted_once(an_experiment: Build, moment: Build) -> None:
    world = an_experiment(duration="10s", scaleDownDelaySeconds=30).settle().wait(11)
    ended = world.now
    deadline = moment(world.sets["exp-a"].annotations["scale-down-deadline"])
    assert timedelta(seconds=29) <= deadline - ended <= timedelta(seconds=31)
    patches = len(world.calls)
    world.wait(20)
    assert (len(world.calls), world.sets["exp-a"].spec_replicas) == (patches, 1)
    assert world.wake_at == deadline
    world.wait(15)
    assert world.sets["exp-a"].spec_replicas == 0
    assert world.events[-1] == "Normal ScalingReplicaSet Scaled down ReplicaSet exp-a from 1 to 0"


def test_row_5_without_a_delay_pods_go_at_once_and_nothing_is_noted(an_experiment: Build) -> None:
    world = an_experiment(duration="10s").settle().wait(11)
    assert world.sets["exp-a"].spec_replicas == 0
    assert "scale-down-deadline" not in world.sets["exp-a"].annotations


# --- Services ---


def test_row_4_a_service_has_the_sets_name_its_labels_and_its_ports(an_experiment: Build, a_template: Build) -> None:
    world = an_experiment([a_template(service={})]).settle()
    made = world.manifests["exp-a"]
    assert made["kind"] == "Service"
    assert made["spec"]["ports"] == [{"protocol": "TCP", "port": 80, "targetPort": 80}]
    assert made["spec"]["selector"] == dict(world.sets["exp-a"].labels)
    shown = world.template("a")
    assert (shown["serviceName"], shown["podTemplateHash"]) == ("exp-a", world.sets["exp-a"].pod_hash)


def test_row_4_a_service_may_have_a_name_of_its_own(an_experiment: Build, a_template: Build) -> None:
    world = an_experiment([a_template(service={"name": "mine"})]).settle()
    assert (list(world.services), world.template("a")["serviceName"]) == (["mine"], "mine")


def test_row_4_without_a_port_there_is_no_service_and_no_error(an_experiment: Build, a_template: Build) -> None:
    world = an_experiment([a_template(service={}, ports=False)]).settle()
    assert (world.phase, world.services, world.template("a").get("serviceName")) == ("Running", {}, None)


def test_row_4_a_service_of_somebody_else_is_an_error(an_experiment: Build, a_template: Build) -> None:
    world = an_experiment([a_template(service={"name": "mine"})])
    world.services["mine"] = ServiceSeen("mine", "s", "someone")
    world.settle()
    owned = "service mine already exists and is not owned by experiment template a"
    assert (world.phase, world.status["message"]) == (
        "Error",
        f"Failed to create Service mine for template 'a': {owned}",
    )
    assert world.services["mine"].owner_uid == "someone"


def test_a_service_that_the_last_experiment_leaves_behind_is_waited_for(
    an_experiment: Build, a_template: Build
) -> None:
    world = an_experiment([a_template(service={"name": "mine"})])
    world.services["mine"] = ServiceSeen("mine", "s", "e-0", "a", leaving=True)
    world.settle()
    assert world.phase != "Error"
    assert world.template("a").get("serviceName") is None
    del world.services["mine"]
    assert world.settle().template("a")["serviceName"] == "mine"


def test_row_4_a_service_goes_after_the_pods(an_experiment: Build, a_template: Build) -> None:
    world = an_experiment([a_template(service={})], duration="10s", scaleDownDelaySeconds=30).settle().wait(11)
    assert list(world.services) == ["exp-a"]
    world.wait(35)
    assert (world.services, world.template("a").get("serviceName")) == ({}, None)


def test_a_service_that_is_no_longer_asked_for_goes(an_experiment: Build, a_template: Build) -> None:
    world = an_experiment([a_template(service={})]).settle()
    del world.spec["templates"][0]["service"]
    assert world.settle().services == {}


def test_row_16_the_service_stays_in_the_status_whatever_pass_looks(an_experiment: Build, a_template: Build) -> None:
    world = an_experiment([a_template(service={})]).settle()
    shown = world.template("a")
    for _ in range(20):
        world.wait(1)
        assert world.template("a") == shown
    assert len([call for call in world.calls if isinstance(call, CreateService)]) == 1


# --- phases ---

CASES: list[tuple[str, dict[str, Any], tuple[str, ...], dict[str, str], float, str]] = [
    ("duration, no analyses", {"duration": "5m"}, (), {}, 301, "Successful"),
    ("duration, still running", {"duration": "5m"}, (), {}, 299, "Running"),
    ("no duration, no analyses", {}, (), {}, 9999, "Running"),
    ("no duration, an optional success", {}, ("look",), {"exp-look": "Successful"}, 9999, "Running"),
    ("no duration, a required success", {}, ("look!",), {"exp-look": "Successful"}, 1, "Successful"),
    ("a required success ends it early", {"duration": "5m"}, ("look!",), {"exp-look": "Successful"}, 1, "Successful"),
    ("an optional failure", {"duration": "5m"}, ("look",), {"exp-look": "Failed"}, 60, "Failed"),
    ("an optional error", {"duration": "5m"}, ("look",), {"exp-look": "Error"}, 60, "Error"),
    ("an unclear optional run", {"duration": "5m"}, ("look",), {"exp-look": "Inconclusive"}, 60, "Inconclusive"),
    ("an optional run still live", {"duration": "5m"}, ("look",), {"exp-look": "Running"}, 301, "Successful"),
    ("a required run still live", {"duration": "5m"}, ("look!",), {"exp-look": "Running"}, 301, "Running"),
    ("a required run never measured", {"duration": "5m"}, ("look!",), {}, 301, "Running"),
]


@pytest.mark.parametrize(
    ("spec", "analyses", "runs", "seconds", "phase"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_row_2_the_worked_cases(
    an_experiment: Build,
    spec: dict[str, Any],
    analyses: tuple[str, ...],
    runs: dict[str, str],
    seconds: float,
    phase: str,
) -> None:
    world = an_experiment(analyses=analyses, **spec).settle()
    for name, verdict in runs.items():
        world.judge(name, verdict)
    assert world.settle().wait(seconds).phase == phase


def test_row_2_an_experiment_is_pending_then_running_then_over(an_experiment: Build) -> None:
    world = an_experiment(duration="10s").settle().wait(11)
    assert [event for event in world.events if "Experiment" in event] == [
        "Normal ExperimentPending Experiment transitioned from  -> Pending",
        "Normal ExperimentRunning Experiment transitioned from Pending -> Running",
        "Normal ExperimentSuccessful Experiment transitioned from Running -> Successful",
    ]
    (condition,) = world.status["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "ExperimentCompleted")
    assert condition["message"] == 'Experiment "exp" has successfully ran and completed.'


def test_row_2_the_duration_counts_from_when_all_were_available(an_experiment: Build, a_template: Build) -> None:
    world = an_experiment([a_template("a"), a_template("b")], duration="10s")
    world.stuck = frozenset({"exp-b"})
    world.settle().wait(100)
    assert "availableAt" not in world.status
    world.stuck = frozenset()
    world.settle().wait(9)
    assert world.phase == "Running"
    assert world.wait(2).phase == "Successful"


def test_row_10_an_optional_run_does_not_hold_up_a_required_success(an_experiment: Build) -> None:
    world = an_experiment(analyses=("need!", "nice")).settle()
    world.judge("exp-nice", "Running").judge("exp-need", "Successful").settle()
    assert (world.phase, world.status["message"]) == ("Successful", "Required AnalysisRuns completed")
    assert world.runs["exp-nice"].ending
    world.judge("exp-nice", "Successful", "Run Terminated").settle()
    assert world.analysis("nice")["phase"] == "Successful"
    assert world.phase == "Successful"


def test_row_10_an_optional_run_that_has_failed_by_then_counts(an_experiment: Build) -> None:
    world = an_experiment(analyses=("need!", "nice")).settle()
    world.judge("exp-nice", "Failed").judge("exp-need", "Successful").settle()
    assert world.phase == "Failed"


@pytest.mark.parametrize("verdict", ["Successful", "Inconclusive"])
def test_row_11_a_terminated_required_run_decides(an_experiment: Build, verdict: str) -> None:
    world = an_experiment(analyses=("need!",)).settle()
    world.judge("exp-need", "Running").settle()
    world.spec["terminate"] = True
    world.settle()
    assert (world.phase, world.runs["exp-need"].ending) == ("Running", True)
    assert "Normal AnalysisRunTerminating Terminating need (exp-need)" in world.events
    assert world.judge("exp-need", verdict, "Run Terminated").settle().phase == verdict


def test_row_12_a_required_run_that_is_measured_late_decides(an_experiment: Build) -> None:
    world = an_experiment(analyses=("need!",), duration="2s").settle().wait(3)
    assert (world.phase, world.analysis("need")["phase"]) == ("Running", "Pending")
    assert world.judge("exp-need", "Failed").settle().phase == "Failed"


def test_a_terminated_experiment_that_never_had_its_pods_is_successful(an_experiment: Build) -> None:
    world = an_experiment(analyses=("need!",))
    world.stuck = frozenset({"exp-a"})
    world.settle()
    world.spec["terminate"] = True
    assert world.settle().phase == "Successful"
    assert world.runs == {}


# --- analyses ---


def test_row_6_arguments_may_name_sets_hashes_and_times(an_experiment: Build) -> None:
    sets = "{{templates.a.podTemplateHash}} {{ templates.a.replicaset.name }}"
    value = sets + " {{experiment.availableAt}} {{experiment.finishedAt}}"
    look = {"name": "look", "templateName": "one", "args": [{"name": "x", "value": value}]}
    extra = {"labels": {"who": "me"}, "annotations": {"note": "n"}}
    world = an_experiment(analyses=(look,), duration="60s", analysisRunMetadata=extra).settle()
    made = world.manifests["exp-look"]
    expected = f"{world.sets['exp-a'].pod_hash} exp-a 2026-01-01T12:00:00Z 2026-01-01T12:01:00Z"
    assert made["spec"]["args"] == [{"name": "x", "value": expected}]
    assert (made["metadata"]["labels"], made["metadata"]["annotations"]) == (extra["labels"], extra["annotations"])
    assert made["metadata"]["ownerReferences"][0]["kind"] == "Experiment"


@pytest.mark.parametrize(
    ("arg", "cause"),
    [
        ({"name": "x", "value": "{{experiment.finishedAt}}"}, "failed to resolve {{experiment.finishedAt}}"),
        (
            {"name": "x", "value": "{{templates.z.podTemplateHash}}"},
            "failed to resolve {{templates.z.podTemplateHash}}",
        ),
        ({"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, "args.x was not resolved"),
    ],
)
def test_row_6_an_argument_that_cannot_be_filled_in_is_an_error(an_experiment: Build, arg: Any, cause: str) -> None:
    world = an_experiment(analyses=({"name": "look", "templateName": "one", "args": [arg]},)).settle()
    text = f"Failed to create AnalysisRun for analysis 'look': {cause}"
    assert (world.phase, world.status["message"]) == ("Error", text)
    assert world.analysis("look") == {"name": "look", "analysisRun": "", "phase": "Error", "message": text}


@pytest.mark.parametrize(
    ("wide", "said"),
    [
        (False, "AnalysisTemplate verification failed for analysis 'look': analysistemplate.argoproj.io"),
        (True, "ClusterAnalysisTemplate verification failed for analysis 'look': clusteranalysistemplate.argoproj.io"),
    ],
)
def test_row_6_a_missing_template_is_told_before_any_pod_is_there(an_experiment: Build, wide: bool, said: str) -> None:
    world = an_experiment(analyses=({"name": "look", "templateName": "none", "clusterScope": wide},))
    world.stuck = frozenset({"exp-a"})
    world.settle()
    assert (world.phase, world.status["message"]) == ("Error", f'{said} "none" not found')


def test_row_8_a_retry_names_the_next_run_with_a_number(an_experiment: Build) -> None:
    world = an_experiment(analyses=("look!",)).settle()
    world.judge("exp-look", "Failed").settle()
    world.status = {}
    world.settle()
    assert (world.phase, world.analysis("look")["analysisRun"]) == ("Running", "exp-look.1")
    assert world.sets["exp-a"].spec_replicas == 1


def test_row_18_a_metric_that_ends_at_once_has_one_run_and_each_step_one_event(an_experiment: Build) -> None:
    world = an_experiment(analyses=("look!",))
    while not world.runs:
        world.step()._pods()
    world.judge("exp-look", "Successful").settle()
    assert len([call for call in world.calls if isinstance(call, StartAnalysis)]) == 1
    assert len(world.events) == len(set(world.events))


def test_a_run_that_somebody_deletes_is_an_error(an_experiment: Build) -> None:
    world = an_experiment(analyses=("look",)).settle()
    world.judge("exp-look", "Running").settle()
    del world.runs["exp-look"]
    world.settle()
    assert (world.phase, world.status["message"]) == ("Error", 'analysisrun.argoproj.io "exp-look" not found')


# --- specs that cannot work ---


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"duration": "a while"}, "Experiment exp has invalid duration 'a while'"),
        ({"templates": []}, "Experiment exp has no templates"),
        ({"templates": [{"name": "a", "template": {}}]}, "Rollout has missing field '.Spec.Templates[0].Selector'"),
    ],
)
def test_row_19_a_spec_that_cannot_work_creates_nothing_until_it_is_repaired(
    an_experiment: Build, fields: dict[str, Any], text: str
) -> None:
    world = an_experiment()
    good = dict(world.spec)
    world.spec = {**good, **fields}
    world.settle().wait(30)
    (condition,) = world.status["conditions"]
    assert (condition["type"], condition["message"], world.phase, world.calls) == ("InvalidSpec", text, "", [])
    world.spec = good
    world.settle()
    assert [c["type"] for c in world.status["conditions"]] == ["Progressing"]
    assert world.phase == "Running"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"selector": {}}, "This experiment is selecting all pods at index 0. A non-empty selector is required."),
        (
            {"minReadySeconds": 700},
            "MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Check template index 0",
        ),
        ({"name": ""}, "Experiment exp has empty template name at index 0"),
        (
            {"template": {"spec": {"containers": "x"}}},
            'spec.templates[0].template.spec.containers: Invalid value: "string": '
            'spec.templates[0].template.spec.containers in body must be of type array: "string"',
        ),
    ],
)
def test_the_words_of_a_faulty_template(an_experiment: Build, a_template: Build, fields: Any, text: str) -> None:
    world = an_experiment([{**a_template(), **fields}]).step()
    assert world.status["conditions"][0]["message"] == text


def test_a_quiet_experiment_writes_nothing(an_experiment: Build) -> None:
    world = an_experiment(analyses=("look",), duration="1h").settle()
    before = (world.writes, len(world.calls))
    for _ in range(10):
        world.wait(3)
    assert (world.writes, len(world.calls)) == before
    assert isinstance(world.wake_at, datetime)


def test_what_is_over_is_asked_for_nothing_more(an_experiment: Build) -> None:
    world = an_experiment(duration="1s").settle().wait(2)
    calls = len(world.calls)
    world.spec["templates"][0]["replicas"] = 5
    world.wait(60)
    assert (len(world.calls), world.phase) == (calls, "Successful")
    assert not [call for call in world.calls[calls:] if isinstance(call, PatchReplicaSet)]


def test_the_rollout_is_told_of_its_experiments_analyses(an_experiment: Build) -> None:
    world = an_experiment(analyses=("look",)).settle()
    before = world.seen.experiment.status
    world.judge("exp-look", "Failed", "too slow").settle()
    (event,) = of_runs(before, world.seen.experiment.status)
    assert (event.type, event.reason) == ("Warning", "AnalysisRunFailed")
    assert event.message == "AnalysisRun 'look' transitioned from Pending -> Failed: too slow"
