"""Experiments for a canary step, and their weighted Services (specification of experiments, section 9)."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.api.experiment import Experiment, ExperimentStatus, ExperimentStep
from tidegate.api.rollout import Rollout
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.starting import next_name
from tidegate.machine.checking import StartExperiment
from tidegate.machine.experiment.starting import Revisions, adopts, destinations, experiment_for
from tidegate.machine.traffic import Destination


def replica_set(revision: str) -> dict[str, Any]:
    labels = {"app": "demo", "rollouts-pod-template-hash": revision}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": f"app:{revision}"}]}}
    return {"spec": {"minReadySeconds": 5, "selector": {"matchLabels": labels}, "template": pods}}


def made(step: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metadata = {"name": "demo", "namespace": "shop", "uid": "u-1", "labels": {"team": "sea"}}
    rollout = Rollout.read({"metadata": metadata, "spec": {"strategy": {"canary": {}}, **spec}})
    start = StartExperiment("demo-new-2-1", 1, step, "new", "old", 2)
    return experiment_for(start, Revisions(rollout, replica_set("old"), replica_set("new")))


STEP: dict[str, Any] = {"duration": "5m", "templates": [{"name": "base", "specRef": "stable"}]}


def test_row_7_an_experiment_of_a_step_carries_the_rollouts_labels_and_its_revision() -> None:
    metadata = made(STEP)["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("demo-new-2-1", "shop")
    assert metadata["labels"] == {"team": "sea", "rollouts-pod-template-hash": "new"}
    assert metadata["annotations"] == {"rollout.argoproj.io/revision": "2"}
    assert metadata["ownerReferences"][0] | {"kind": "Rollout", "uid": "u-1"} == metadata["ownerReferences"][0]


@pytest.mark.parametrize(("ref", "image"), [("stable", "app:old"), ("canary", "app:new")])
def test_row_7_a_template_copies_the_revision_that_it_names(ref: str, image: str) -> None:
    (template,) = made({"templates": [{"name": "t", "specRef": ref, "replicas": 2}]})["spec"]["templates"]
    assert template["template"]["spec"]["containers"][0]["image"] == image
    assert (template["replicas"], template["minReadySeconds"]) == (2, 5)


def test_row_7_labels_of_a_template_go_to_pods_and_selector() -> None:
    extra = {"labels": {"side": "left"}, "annotations": {"note": "n"}}
    (template,) = made({"templates": [{"name": "t", "specRef": "stable", "metadata": extra}]})["spec"]["templates"]
    assert template["selector"]["matchLabels"]["side"] == "left"
    assert template["template"]["metadata"]["labels"]["side"] == "left"
    assert template["template"]["metadata"]["annotations"] == {"note": "n"}


def test_row_7_a_weight_asks_for_a_service() -> None:
    templates = [
        {"name": "a", "specRef": "stable", "weight": 5},
        {"name": "b", "specRef": "canary", "weight": 5, "service": {"name": "mine"}},
        {"name": "c", "specRef": "canary"},
    ]
    services = [template.get("service") for template in made({"templates": templates})["spec"]["templates"]]
    assert services == [{}, {"name": "mine"}, None]


def test_row_7_arguments_are_resolved_when_the_experiment_is_made() -> None:
    args = [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}, {"name": "v", "value": "1"}]
    step = {**STEP, "analyses": [{"name": "look", "templateName": "ok", "args": args}]}
    spec = made(step, progressDeadlineSeconds=42)["spec"]
    assert spec["analyses"][0]["args"] == [{"name": "hash", "value": "new"}, {"name": "v", "value": "1"}]
    assert (spec["duration"], spec["progressDeadlineSeconds"]) == ("5m", 42)


def test_row_7_another_revision_than_the_two_is_refused() -> None:
    with pytest.raises(Unusable, match="Invalid template step SpecRef: must be canary or stable"):
        made({"templates": [{"name": "t", "specRef": "latest"}]})


def adoption(phase: str = "Running", owner: str = "u-1", **spec: Any) -> bool:
    wanted = Experiment.read(made(STEP))
    existing = Experiment.read({"spec": {**wanted.wire()["spec"], **spec}, "status": {"phase": phase}})
    return adopts(existing, wanted, owner, "u-1")


def test_row_13_a_live_experiment_of_the_same_spec_is_adopted() -> None:
    assert adoption()


@pytest.mark.parametrize("other", [{"terminate": True}, {"phase": "Successful"}, {"owner": "x"}, {"duration": "6m"}])
def test_row_13_one_that_was_told_to_end_is_never_taken_over(other: dict[str, Any]) -> None:
    assert not adoption(**other)


def test_row_13_the_retrys_experiment_has_the_next_suffix() -> None:
    assert next_name("demo-new-2-1", 1, "-") == "demo-new-2-1-1"


WEIGHTED = ExperimentStep.read({"templates": [{"name": "a", "weight": 5}, {"name": "b"}, {"name": "c", "weight": 7}]})


@pytest.mark.parametrize(("phase", "count"), [("", 0), ("Pending", 0), ("Running", 1), ("Successful", 0)])
def test_row_9_weights_are_asked_for_while_the_experiment_runs(phase: str, count: int) -> None:
    statuses = [
        {"name": "a", "serviceName": "exp-a", "podTemplateHash": "h"},
        {"name": "b", "serviceName": "exp-b"},
        {"name": "c"},
    ]
    found = destinations(WEIGHTED, ExperimentStatus.read({"phase": phase, "templateStatuses": statuses}))
    assert found == (Destination("exp-a", 5, "h"),)[:count]
