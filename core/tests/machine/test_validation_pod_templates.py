"""Rule V5 held against Kubernetes itself: the answers of its own validation to odd pod templates.

`data/pod_templates.json` was written by a Go program around ValidatePodTemplateSpecForReplicaSet of Kubernetes 1.34.2, with
the defaults applied before it: selector, template, and the errors in their order.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidegate.machine.rollout.validation.quantities import quantity
from validation_rollouts import Json, canary, looked_at, texts

ANSWERS: list[Json] = json.loads((Path(__file__).parent / "data" / "pod_templates.json").read_text())


@pytest.mark.parametrize("answer", ANSWERS, ids=[str(number) for number in range(len(ANSWERS))])
def test_v5_a_template_is_judged_as_kubernetes_judges_it(answer: Json) -> None:
    own = {"selector": {"matchLabels": {"app": "a"}}, "template": None}
    seen = looked_at({"canary": {}}, own)
    spec = seen.rollout.spec.model_copy(update={"selector": answer["selector"], "template": answer["template"]})
    rollout = seen.rollout.model_copy(update={"spec": spec})
    assert texts(type(seen)(seen.now, rollout)) == answer["problems"]


def container(**fields: object) -> list[str]:
    return canary(spec={"template": {"spec": {"containers": [{"name": "web", "image": "web:1", **fields}]}}})


def test_v5_a_port_of_the_node_is_that_of_the_container_on_the_nodes_network() -> None:
    ports = [{"containerPort": 80, "hostPort": 81}]
    containers = [{"name": "web", "image": "web:1", "ports": ports}]
    assert canary(spec={"template": {"spec": {"hostNetwork": True, "containers": containers}}}) == [
        "spec.template.spec.containers[0].ports[0].hostPort: Invalid value: 81: "
        "must match `containerPort` when `hostNetwork` is true"
    ]


FORM = r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@pytest.mark.parametrize(
    ("value", "text"), [("lots", FORM), ("", FORM), ("1 Gi", FORM), ("1kk", "unable to parse quantity's suffix")]
)
def test_v5_quantities_can_be_read(value: str, text: str) -> None:
    path = "spec.template.spec.containers[0].resources.limits[cpu]"
    assert container(resources={"limits": {"cpu": value}}) == [f"{path}: Invalid value: {json.dumps(value)}: {text}"]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1000000", "1M"),
        ("1E3", "1e3"),
        ("0", "0"),
        ("-2", "-2"),
    ],
)
def test_quantities_are_printed_in_their_canonical_form(written: str, canonical: str) -> None:
    assert str(quantity(written)) == canonical


def test_v5_a_negative_grace_period_is_accepted_as_the_server_does() -> None:
    assert canary(spec={"template": {"spec": {"terminationGracePeriodSeconds": -5}}}) == []
