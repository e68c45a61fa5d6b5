"""Rules V1 to V9: the object apart from its strategy, and the workload that it borrows from."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.machine.rollout.validation.rollout import problems
from validation_rollouts import LABELS, TEMPLATE, borrowed, canary, legacy, looked_at, texts

NOT_NEGATIVE = "must be greater than or equal to 0"
MISMATCH = "`selector` does not match template `labels`"


def test_a_valid_rollout_has_no_problems() -> None:
    assert canary({"setWeight": 20}, {"pause": {}}) == []


def test_v1_replicas_are_not_negative() -> None:
    assert canary(spec={"replicas": -1}) == [f"spec.replicas: Invalid value: -1: {NOT_NEGATIVE}"]


def test_v2_a_selector_is_required() -> None:
    assert canary(spec={"selector": None}) == [
        "spec.selector: Required value: Rollout has missing field '.spec.selector'"
    ]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        (
            {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["web"]}]},
            ['spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator'],
        ),
        (
            {"matchExpressions": [{"key": "app", "operator": "In"}]},
            [
                "spec.selector.matchExpressions[0].values: Required value: "
                "must be specified when `operator` is 'In' or 'NotIn'"
            ],
        ),
        (
            {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["web"]}]},
            [
                "spec.selector.matchExpressions[0].values: Forbidden: "
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            ],
        ),
    ],
    ids=["empty", "operator", "no values", "values"],
)
def test_v3_a_selector_can_be_read(selector: dict[str, Any], expected: list[str]) -> None:
    seen = looked_at({"canary": {}})
    spec = seen.rollout.spec.model_copy(update={"selector": selector})
    rollout = seen.rollout.model_copy(update={"spec": spec})
    assert texts(type(seen)(seen.now, rollout, doors=seen.doors)) == expected


def test_v4_a_borrowed_template_stands_alone() -> None:
    assert borrowed(workload=legacy(), spec={"template": TEMPLATE}) == [
        "spec.template: Internal error: template must be empty for workload reference rollout"
    ]


def test_v4_a_template_without_labels_counts_as_none() -> None:
    assert borrowed(workload=legacy(), spec={"template": {"metadata": {}, "spec": {"containers": []}}}) == []


def test_v5_labels_satisfy_the_selector() -> None:
    spec = {"template": {"metadata": {"labels": {"app": "api", "tier": "a&b"}}}}
    assert canary(spec=spec)[0] == (
        r'spec.template.metadata.labels: Invalid value: {"app":"api","tier":"a\u0026b"}: ' + MISMATCH
    )


def test_v5_an_absent_template_has_neither_labels_nor_containers() -> None:
    assert canary(spec={"template": None}) == [
        f"spec.template.metadata.labels: Invalid value: null: {MISMATCH}",
        "spec.template.spec.containers: Required value",
    ]


def test_v5_privileged_is_left_to_the_cluster() -> None:
    container = {"name": "web", "image": "web:1", "securityContext": {"privileged": True}}
    assert canary(spec={"template": {"spec": {"containers": [container]}}}) == []


def test_v5_a_borrowed_template_is_judged_too() -> None:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web"}]}}
    assert borrowed(workload=legacy(template)) == ["spec.template.spec.containers[0].image: Required value"]


def test_v5_a_borrowed_template_without_a_selector_matches_nothing() -> None:
    workload = legacy()
    unselected = type(workload)("PodTemplate", "legacy", "u-9", 1, TEMPLATE)
    assert borrowed({"apiVersion": "v1", "kind": "PodTemplate"}, unselected) == [
        f'spec.template.metadata.labels: Invalid value: {{"app":"web"}}: {MISMATCH}'
    ]


def test_v5_an_own_selector_beside_a_workload_must_be_readable() -> None:
    selector = {"matchExpressions": [{"operator": "Like", "key": "app"}]}
    assert borrowed(workload=legacy(), spec={"selector": selector}) == [
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Like"}]}: invalid label selector'
    ]


@pytest.mark.parametrize("name", ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"])
def test_v6_periods_and_limits_are_not_negative(name: str) -> None:
    assert canary(spec={name: -1})[0] == f"spec.{name}: Invalid value: -1: {NOT_NEGATIVE}"


@pytest.mark.parametrize(("ready", "ok"), [(599, True), (600, False), (700, False)])
def test_v7_the_deadline_is_longer_than_the_wait_for_readiness(ready: int, ok: bool) -> None:
    expected = "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"
    assert canary(spec={"minReadySeconds": ready}) == ([] if ok else [expected])


def test_v8_a_strategy_is_required() -> None:
    assert texts(looked_at({})) == [
        "spec.strategy.strategy: Required value: "
        "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'"
    ]


def test_v9_one_strategy_only() -> None:
    assert texts(looked_at({"canary": {}, "blueGreen": {"activeService": "active"}})) == [
        'spec.strategy.strategy: Invalid value: "blueGreen: true canary: true": Multiple Strategies can not be listed'
    ]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({}, 'deployments.apps "shop/legacy" not found'),
        ({"kind": "ReplicaSet"}, 'replicasets.apps "shop/legacy" not found'),
        ({"apiVersion": "v1", "kind": "PodTemplate"}, 'podtemplates "shop/legacy" not found'),
        ({"kind": "StatefulSet"}, "workload of type apps/StatefulSet is not supported"),
        ({"apiVersion": "v1", "kind": "Pod"}, "workload of type /Pod is not supported"),
    ],
    ids=["deployment", "replica set", "pod template", "other kind", "core kind"],
)
def test_an_unresolved_workload_is_named_and_its_template_not_judged(reference: dict[str, Any], expected: str) -> None:
    assert borrowed(reference) == [expected]


def test_a_missing_workload_is_an_absence_and_an_unsupported_kind_is_not() -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "legacy"}
    missing = looked_at({"canary": {}}, {"workloadRef": reference})
    unsupported = looked_at({"canary": {}}, {"workloadRef": reference | {"kind": "DaemonSet"}})
    assert [problem.missing for problem in (*problems(missing), *problems(unsupported))] == [True, False]


def test_a_missing_workload_is_reported_before_everything_else() -> None:
    assert borrowed(spec={"replicas": -1}) == [
        'deployments.apps "shop/legacy" not found',
        f"spec.replicas: Invalid value: -1: {NOT_NEGATIVE}",
    ]


def test_problems_come_in_the_reported_order() -> None:
    spec = {"replicas": -1, "minReadySeconds": -2, "template": {"metadata": {"labels": {"app": "x"}}}}
    found = canary({}, spec=spec, maxSurge=0, maxUnavailable=0)
    assert [text.partition(":")[0] for text in found] == [
        "spec.replicas",
        "spec.template.metadata.labels",
        "spec.minReadySeconds",
        "spec.strategy.maxSurge",
        "spec.strategy.steps[0]",
    ]
