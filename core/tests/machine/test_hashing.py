"""The two hashes: one that must equal the reference's, one that must only be stable."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.steps import Step
from tidegate.machine.hashing import go_json, pod_hash, template_digest
from tidegate.machine.step_hash import step_hash

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "demo"}},
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "example.com/app:v1",
                "ports": [{"containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
            }
        ],
        "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "settings", "configMap": {"name": "c"}}],
    },
}


def served(template: dict[str, Any]) -> dict[str, Any]:
    """A template as an API server hands it back: hash label and defaults filled in."""
    full = copy.deepcopy(template)
    full["metadata"] = {
        "creationTimestamp": None,
        "labels": {**full["metadata"]["labels"], "rollouts-pod-template-hash": "x"},
    }
    spec = full["spec"]
    spec |= {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }
    for container in spec["containers"]:
        container |= {
            "imagePullPolicy": "IfNotPresent",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }
        container["ports"] = [{**port, "protocol": "TCP"} for port in container["ports"]]
        probe = container["readinessProbe"]
        probe |= {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
        probe["httpGet"]["scheme"] = "HTTP"
    spec["volumes"][1]["configMap"]["defaultMode"] = 420
    return full


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ([], "5ffbfbbd64"),
        ([{"pause": {}}], "6b9b86fbd5"),
        ([{"pause": {}}, {"pause": {}}], "79c9b9f6bf"),
        ([{"setWeight": 10}, {"pause": {}}], "849b756fd4"),
    ],
    ids=["none", "pause", "two pauses", "weight and pause"],
)
def test_step_hashes_are_the_reference_controllers(steps: list[dict[str, Any]], wanted: str) -> None:
    assert step_hash([Step.read(step) for step in steps]) == wanted


def test_what_a_server_fills_in_makes_no_new_template() -> None:
    assert template_digest(served(TEMPLATE)) == template_digest(TEMPLATE)


@pytest.mark.parametrize(
    "path_and_value",
    [
        (("spec", "containers", 0, "image"), "example.com/app:v2"),
        (("spec", "containers", 0, "securityContext"), {"readOnlyRootFilesystem": False}),
        (("spec", "automountServiceAccountToken"), False),
        (("spec", "volumes", 0), {"name": "scratch", "hostPath": {"path": "/x"}}),
        (("metadata", "annotations"), {"note": "new"}),
        (("spec", "terminationGracePeriodSeconds"), 31),
    ],
    ids=lambda pair: ".".join(str(part) for part in pair[0]),
)
def test_what_changes_the_pods_makes_a_new_template(path_and_value: tuple[tuple[Any, ...], Any]) -> None:
    path, value = path_and_value
    changed = copy.deepcopy(TEMPLATE)
    inner: Any = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    assert template_digest(changed) != template_digest(TEMPLATE)


def test_injected_metadata_is_left_out() -> None:
    marked = copy.deepcopy(TEMPLATE)
    marked["metadata"]["labels"]["role"] = "next"
    assert template_digest(marked, '{"labels":{"role":"next"}}') == template_digest(TEMPLATE)


@given(st.text(max_size=20), st.none() | st.integers(0, 5))
def test_a_pod_hash_is_a_valid_label_and_differs_after_a_collision(digest: str, collisions: int | None) -> None:
    label = pod_hash(digest, collisions)
    assert 1 <= len(label) <= 10
    assert set(label) <= set("bcdfghjklmnpqrstvwxz2456789")
    assert label == pod_hash(digest, collisions)
    assert pod_hash(digest, (collisions or 0) + 1) != label


def test_json_is_escaped_as_go_does() -> None:
    assert go_json({"b": "<&>", "a": [1, None]}) == '{"b":"\\u003c\\u0026\\u003e","a":[1,null]}'


@pytest.mark.parametrize("note", ["{bad", "[]", "null", '{"labels":5}', "[" * 100_000], ids=lambda text: text[:12])
def test_a_garbled_note_of_injected_metadata_counts_as_none(note: str) -> None:
    assert template_digest(TEMPLATE, note) == template_digest(TEMPLATE)


@pytest.mark.parametrize(
    "extra",
    [
        {"affinity": "x"},
        {"affinity": {"podAntiAffinity": "x"}},
        {"ephemeralContainers": [1]},
        {"containers": [{"name": "app", "livenessProbe": "http"}]},
        {"containers": [{"name": "app", "livenessProbe": {"httpGet": "x"}, "ports": "x", "imagePullPolicy": {}}]},
        {"volumes": "x"},
    ],
    ids=lambda extra: str(extra)[:50],
)
def test_a_template_of_an_unheard_of_form_has_a_digest_of_its_own(extra: dict[str, Any]) -> None:
    odd = {**TEMPLATE, "spec": {**TEMPLATE["spec"], **extra}}
    assert template_digest(odd) != template_digest(TEMPLATE)
