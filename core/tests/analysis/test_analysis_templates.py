"""Templates, arguments, and the runs that a Rollout asks for (specification of analysis, sections 2.3 to 5)."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.api.analysis import AnalysisRun, AnalysisTemplate, Argument, ClusterAnalysisTemplate
from tidegate.api.rollout import Rollout
from tidegate.api.steps import AnalysisTemplateRef, RolloutAnalysis
from tidegate.machine.analysis.arguments import Giver, field_of
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.references import analysis_problems
from tidegate.machine.analysis.starting import Surroundings, adopts, next_name, run_for
from tidegate.machine.analysis.templates import Library, gathered, merged, reachable, supplied
from tidegate.machine.checking import StartRun

FAKE = {"fake": {"query": "up"}}


def template(name: str, *metrics: str, nested: list[dict[str, Any]] | None = None, **spec: Any) -> AnalysisTemplate:
    body = {"metrics": [{"name": metric, "provider": FAKE} for metric in metrics], **spec}
    return AnalysisTemplate.read({"metadata": {"name": name}, "spec": {**body, "templates": nested or []}})


def library(*templates: AnalysisTemplate, cluster: tuple[AnalysisTemplate, ...] = ()) -> Library:
    wide = {t.metadata.name: ClusterAnalysisTemplate.read(t.wire() | {"kind": "x"}) for t in cluster}
    return Library({t.metadata.name: t for t in templates}, wide)


def refs(*names: str) -> list[AnalysisTemplateRef]:
    """`*name` is a cluster template."""
    return [AnalysisTemplateRef(template_name=n.removeprefix("*"), cluster_scope=n.startswith("*")) for n in names]


def metrics_of(names: tuple[str, ...], books: Library) -> list[str]:
    return [m.name for m in merged(gathered(refs(*names), books), [], []).metrics]


# --- merging ---


def test_row_3_the_namespaces_templates_come_before_the_clusters() -> None:
    books = library(template("a", "one"), template("b", "two"), cluster=(template("c", "three"),))
    assert metrics_of(("*c", "b", "a"), books) == ["two", "one", "three"]


def test_row_3_nested_templates_are_followed_depth_first_and_each_is_taken_once() -> None:
    books = library(
        template("a", "one", nested=[{"templateName": "b"}, {"templateName": "c", "clusterScope": True}]),
        template("b", "two"),
        cluster=(template("c", "three", nested=[{"templateName": "b"}]),),
    )
    assert metrics_of(("a", "b"), books) == ["one", "two", "three"]


def test_row_3_a_circle_of_templates_is_named() -> None:
    books = library(
        template("a", nested=[{"templateName": "b"}]),
        template("b", nested=[{"templateName": "c"}]),
        template("c", nested=[{"templateName": "b"}]),
    )
    with pytest.raises(Unusable, match="circle: b -> c -> b"):
        gathered(refs("a"), books)
    assert reachable(refs("a"), books) == {(False, "a"), (False, "b"), (False, "c")}


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (
            {"args": [{"name": "x", "value": "1"}]},
            {"args": [{"name": "x", "value": "2"}]},
            "Argument `x` specified multiple times with different values: '1', '2'",
        ),
        (
            {"metrics": [{"name": "m", "provider": FAKE}]},
            {"metrics": [{"name": "m", "provider": FAKE}]},
            "two metrics have the same name 'm'",
        ),
        (
            {"dryRun": [{"metricName": "m"}]},
            {"dryRun": [{"metricName": "m"}]},
            "two Dry-Run metric rules have the same name 'm'",
        ),
        (
            {"measurementRetention": [{"metricName": "m", "limit": 1}]},
            {"measurementRetention": [{"metricName": "m", "limit": 2}]},
            "two Measurement Retention metric rules have the same name 'm'",
        ),
    ],
)
def test_row_3_contradictions_of_two_templates_are_refused(
    first: dict[str, Any], second: dict[str, Any], text: str
) -> None:
    with pytest.raises(Unusable) as found:
        merged([template("a", **first), template("b", **second)], [], [])
    assert str(found.value) == text


def test_row_3_the_first_value_and_the_first_source_of_an_argument_are_kept() -> None:
    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    args = merged(
        [template("a", args=[{"name": "x"}]), template("b", args=[{"name": "x", "value": "1", "valueFrom": secret}])],
        [],
        [],
    ).args
    assert [arg.wire() for arg in args] == [{"name": "x", "value": "1", "valueFrom": secret}]


def test_a_single_template_is_taken_as_it_is() -> None:
    assert [m.name for m in merged([template("a", "m", "m")], [], []).metrics] == ["m", "m"]


@pytest.mark.parametrize(
    ("name", "text"), [("x", "AnalysisTemplate 'x' not found"), ("*x", "ClusterAnalysisTemplate 'x' not found")]
)
def test_a_missing_template_is_named(name: str, text: str) -> None:
    with pytest.raises(Unusable) as found:
        gathered(refs(name), library())
    assert str(found.value) == text


# --- arguments ---


def test_row_3_a_given_value_stands_beside_the_secret_that_wins() -> None:
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    declared = [Argument.read({"name": "x", "valueFrom": source})]
    (arg,) = supplied(declared, [Argument(name="x", value="given"), Argument(name="other", value="dropped")])
    assert arg.wire() == {"name": "x", "value": "given", "valueFrom": source}


def test_an_argument_that_nobody_supplies_is_named() -> None:
    with pytest.raises(Unusable) as found:
        supplied([Argument(name="x"), Argument(name="y", value="")], [])
    assert str(found.value) == "args.x was not resolved"


ROLLOUT = Rollout.read(
    {
        "metadata": {"name": "demo", "namespace": "shop", "uid": "u-1", "labels": {"team": "sea"}},
        "spec": {
            "selector": {"matchLabels": {"app": "demo"}},
            "replicas": 3,
            "paused": True,
            "template": {"spec": {"containers": [{"name": "app", "image": "app:v2"}]}},
        },
        "status": {"currentStepIndex": 0},
    }
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "demo"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['team']", "sea"),
        ("metadata.annotations['none']", ""),
        ("spec.template.spec.containers[0].image", "app:v2"),
        ("status.currentStepIndex", "0"),
        ("spec.paused", "true"),
    ],
)
def test_an_argument_may_be_a_field_of_the_rollout(path: str, value: str) -> None:
    assert field_of(ROLLOUT, path) == value


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("spec.nothing", "invalid path spec.nothing in rollout"),
        ("spec.replicas.x", "invalid path spec.replicas.x in rollout"),
        ("spec.template.spec.containers[x].image", "invalid index 'x'"),
        ("spec.template.spec.containers[1].image", "index 1 out of range"),
        ("spec.template.spec.containers[-1].image", "index -1 out of range"),
        ("spec.template", "path spec.template in rollout must terminate in a primitive value"),
    ],
)
def test_a_field_that_is_not_there_is_named(path: str, text: str) -> None:
    with pytest.raises(Unusable) as found:
        field_of(ROLLOUT, path)
    assert str(found.value) == text


def test_hashes_and_missing_values_become_plain_arguments() -> None:
    given = Giver(ROLLOUT, "aaa", "bbb").arguments(
        [
            {"name": "s", "valueFrom": {"podTemplateHashValue": "Stable"}},
            {"name": "l", "valueFrom": {"podTemplateHashValue": "Latest"}},
            {"name": "f", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "v", "value": "1"},
            {"name": "n"},
        ]
    )
    assert {arg.name: arg.value for arg in given} == {"s": "aaa", "l": "bbb", "f": "demo", "v": "1", "n": ""}


# --- runs for a Rollout ---


def start(type_: str = "Step", step: int | None = 1, **analysis: Any) -> StartRun:
    body = {"templates": [{"templateName": "a"}], **analysis}
    return StartRun("demo-bbb-2-1", type_, RolloutAnalysis.read(body), "bbb", 2, step)


def around(*templates: AnalysisTemplate) -> Surroundings:
    return Surroundings(ROLLOUT, library(*templates), "aaa")


def test_a_run_of_a_step_carries_the_names_labels_and_owner_that_clients_know() -> None:
    extra = {"labels": {"mine": "1", "app": "lost"}, "annotations": {"note": "x"}}
    made = run_for(start(analysisRunMetadata=extra), around(template("a", "m")))
    assert made["metadata"] == {
        "name": "demo-bbb-2-1",
        "namespace": "shop",
        "labels": {
            "rollout-type": "Step",
            "rollouts-pod-template-hash": "bbb",
            "step-index": "1",
            "mine": "1",
            "app": "demo",
        },
        "annotations": {"rollout.argoproj.io/revision": "2", "note": "x"},
        "ownerReferences": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "name": "demo",
                "uid": "u-1",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    assert made["spec"] == {"metrics": [{"name": "m", "provider": FAKE}]}


@pytest.mark.parametrize("type_", ["Background", "PrePromotion", "PostPromotion"])
def test_runs_beside_the_steps_have_no_step_index(type_: str) -> None:
    labels = run_for(start(type_, None), around(template("a", "m")))["metadata"]["labels"]
    assert (labels["rollout-type"], labels.get("step-index")) == (type_, None)


def test_a_run_holds_values_in_clear_secrets_by_reference_and_the_rollouts_rules_first() -> None:
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    declared = [{"name": "hash"}, {"name": "token", "valueFrom": source}]
    books = template("a", "m", args=declared, dryRun=[{"metricName": "m"}])
    given = [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]
    spec = run_for(start(args=given, dryRun=[{"metricName": "first"}]), around(books))["spec"]
    assert spec["args"] == [{"name": "hash", "value": "bbb"}, {"name": "token", "valueFrom": source}]
    assert spec["dryRun"] == [{"metricName": "first"}, {"metricName": "m"}]


def adoption(phase: str = "Running", owner: str = "u-1", **spec: Any) -> bool:
    wanted = AnalysisRun.read(run_for(start(), around(template("a", "m"))))
    body = {**wanted.wire()["spec"], **spec}
    existing = AnalysisRun.read({"metadata": {"name": "demo-bbb-2-1"}, "spec": body, "status": {"phase": phase}})
    return adopts(existing, wanted, owner, "u-1")


def test_row_9_a_live_run_with_the_same_spec_and_owner_is_adopted() -> None:
    assert adoption()


@pytest.mark.parametrize(
    "other",
    [
        {"phase": "Failed"},
        {"owner": "u-2"},
        {"owner": ""},
        {"metrics": [{"name": "n", "provider": FAKE}]},
        {"args": [{"name": "x", "value": "1"}]},
        {"terminate": True},
    ],
)
def test_row_9_any_other_run_of_that_name_is_not(other: dict[str, Any]) -> None:
    assert not adoption(**other)


def test_row_9_a_taken_name_gets_a_number() -> None:
    assert [next_name("demo-bbb-2", n) for n in range(3)] == ["demo-bbb-2", "demo-bbb-2.1", "demo-bbb-2.2"]


# --- what a Rollout's templates are checked for ---


def problems(*templates: AnalysisTemplate, finite: bool = True, **analysis: Any) -> list[str]:
    body = RolloutAnalysis.read({"templates": [{"templateName": "a"}], **analysis})
    found = analysis_problems("spec.strategy.canary.analysis", body, library(*templates), finite=finite)
    return [problem.text for problem in found]


def with_metric(**fields: Any) -> AnalysisTemplate:
    args = fields.pop("args", [])
    return template("a", metrics=[{"name": "m", "provider": FAKE, **fields}], args=args)


def test_row_20_a_template_that_breaks_the_rules_of_a_run_is_found_before_the_update() -> None:
    (text,) = problems(with_metric(count=2))
    assert text.endswith("metrics[0]: interval must be specified when count > 1")


def test_row_20_what_hangs_on_a_secret_is_left_to_the_run() -> None:
    args = [{"name": "i", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    assert problems(with_metric(count=2, interval="{{args.i}}", args=args)) == []
    assert problems(with_metric(count="{{args.i}}", failureLimit=3, interval="1s", args=args)) == []


def test_an_unknown_tag_is_found_before_the_update() -> None:
    (text,) = problems(with_metric(successCondition="result > {{args.none}}"))
    assert text.endswith("failed to resolve {{args.none}}")


def test_a_metric_without_an_end_is_for_background_analyses_alone() -> None:
    (text,) = problems(with_metric(interval="10s"))
    assert text.endswith("AnalysisTemplate a has metric m which runs indefinitely. Invalid value for count: <nil>")
    assert problems(with_metric(interval="10s"), finite=False) == []
    assert problems(with_metric(interval="10s", consecutiveSuccessLimit=3)) == []


def test_an_argument_with_a_value_and_a_source_is_refused() -> None:
    args = [{"name": "x", "value": "1", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    (text,) = problems(with_metric(args=args))
    assert text.endswith("AnalysisTemplate a: arg 'x' has both Value and ValueFrom fields")


def test_an_argument_that_nobody_supplies_is_told_with_the_templates() -> None:
    books = (template("a", "m", args=[{"name": "x"}], nested=[{"templateName": "b"}]), template("b", "n"))
    path = "spec.strategy.canary.analysis.templates"
    assert problems(*books) == [f'{path}: Invalid value: "templateNames: [a b]": args.x was not resolved']
    assert problems(*books, args=[{"name": "x", "valueFrom": {"podTemplateHashValue": "Latest"}}]) == []


def test_a_template_that_another_names_is_reported_under_that_ones_field() -> None:
    path = "spec.strategy.canary.analysis.templates"
    assert problems() == [f"{path}: Invalid value: \"a\": AnalysisTemplate 'a' not found"]
    nested = template("a", "m", nested=[{"templateName": "b"}])
    assert problems(nested) == ["spec.templates: Invalid value: \"b\": AnalysisTemplate 'b' not found"]
