"""The patch formats, against the behaviour Kubernetes documents for them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_sandbox.errors import BadRequest, Invalid
from tidegate_sandbox.wire.patches import apply_json_patch, apply_merge_patch, apply_strategic_patch
from tidegate_sandbox.wire.schemas import builtin_schema

DEPLOYMENT = builtin_schema("apps/v1", "Deployment")
SERVICE = builtin_schema("v1", "Service")
POD = builtin_schema("v1", "Pod")

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
manifests = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def without_nulls(value: Any) -> Any:
    """A merge patch cannot write a null, so the objects of the property have none."""
    if isinstance(value, dict):
        return {key: without_nulls(child) for key, child in value.items() if child is not None}
    return value


def merge_diff(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The merge patch from `before` to `after`."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            patch[name] = merge_diff(old, value)
        elif name not in before or old != value or type(old) is not type(value):
            patch[name] = value
    return patch


@given(manifests.map(without_nulls), manifests.map(without_nulls))
def test_a_merge_patch_made_from_two_objects_turns_one_into_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert apply_merge_patch(before, merge_diff(before, after)) == after


@given(manifests, manifests)
def test_a_merge_patch_leaves_its_arguments_alone(obj: dict[str, Any], patch: dict[str, Any]) -> None:
    kept = deepcopy((obj, patch))
    apply_merge_patch(obj, patch)
    assert (obj, patch) == kept


@pytest.mark.parametrize(
    ("obj", "patch", "wanted"),
    [
        pytest.param({"a": "b"}, {"a": "c"}, {"a": "c"}, id="replaces-a-scalar"),
        pytest.param({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}, id="adds"),
        pytest.param({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}, id="null-removes"),
        pytest.param({"a": ["b"]}, {"a": ["c"]}, {"a": ["c"]}, id="lists-are-replaced"),
        pytest.param({"a": "c"}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}, id="null-in-a-new-object"),
        pytest.param({"e": None}, {"a": 1}, {"e": None, "a": 1}, id="null-of-the-object-stays"),
    ],
)
def test_merge_patch_follows_the_examples_of_rfc_7386(
    obj: dict[str, Any], patch: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert apply_merge_patch(obj, patch) == wanted


def test_json_patch_applies_all_operations_in_order() -> None:
    ops: list[dict[str, Any]] = [
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
        {"op": "add", "path": "/metadata/labels/a~1b", "value": "c"},
    ]
    result = apply_json_patch({"metadata": {"labels": {}}, "spec": {"replicas": 1}}, ops)
    assert result == {"metadata": {"labels": {"a/b": "c"}}, "spec": {"replicas": 2}}


@pytest.mark.parametrize(
    "ops",
    [
        pytest.param([{"op": "test", "path": "/spec/replicas", "value": 9}], id="failed-test"),
        pytest.param([{"op": "remove", "path": "/spec/nothing"}], id="missing-path"),
        pytest.param([{"op": "jump", "path": "/a"}], id="unknown-operation"),
        pytest.param([{"path": "/a"}], id="no-operation"),
        pytest.param([{"op": "replace", "path": "", "value": 3}], id="not-an-object-any-more"),
    ],
)
def test_json_patch_that_cannot_be_done_is_invalid(ops: list[dict[str, Any]]) -> None:
    with pytest.raises(Invalid):
        apply_json_patch({"spec": {"replicas": 1}}, ops)


@pytest.mark.parametrize(
    "ops",
    [
        pytest.param({"op": "add"}, id="not-a-list"),
        pytest.param(["add"], id="operation-is-a-text"),
        pytest.param([{"op": "add", "path": "/a", "value": 1}] * 10_001, id="too-many"),
    ],
)
def test_malformed_json_patch_is_a_bad_request(ops: Any) -> None:
    with pytest.raises(BadRequest):
        apply_json_patch({}, ops)


def test_json_patch_leaves_the_object_alone_when_a_later_operation_fails() -> None:
    obj = {"spec": {"replicas": 1}}
    ops: list[dict[str, Any]] = [
        {"op": "replace", "path": "/spec/replicas", "value": 5},
        {"op": "remove", "path": "/gone"},
    ]
    with pytest.raises(Invalid):
        apply_json_patch(obj, ops)
    assert obj == {"spec": {"replicas": 1}}


def a_deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(containers), **spec}}}}


WEB = {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
LOG = {"name": "log", "image": "log:1"}


@pytest.mark.parametrize(
    ("obj", "patch", "wanted"),
    [
        pytest.param(
            a_deployment(WEB, LOG),
            a_deployment({"name": "web", "image": "web:2"}),
            a_deployment({**WEB, "image": "web:2"}, LOG),
            id="containers-merge-by-name",
        ),
        pytest.param(
            a_deployment(WEB),
            a_deployment({"name": "web", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}),
            a_deployment({**WEB, "env": [WEB["env"][0], {"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}),
            id="env-merges-by-name",
        ),
        pytest.param(
            a_deployment(WEB, LOG),
            a_deployment({"$patch": "delete", "name": "web"}),
            a_deployment(LOG),
            id="delete-an-item",
        ),
        pytest.param(
            a_deployment(WEB, LOG),
            a_deployment({"$patch": "replace"}, {"name": "new", "image": "n"}),
            a_deployment({"name": "new", "image": "n"}),
            id="replace-the-list",
        ),
        pytest.param(
            a_deployment(WEB, LOG),
            {
                "spec": {
                    "template": {
                        "spec": {
                            "$setElementOrder/containers": [{"name": "log"}, {"name": "web"}],
                            "containers": [{"name": "log", "image": "log:2"}],
                        }
                    }
                }
            },
            a_deployment({"name": "log", "image": "log:2"}, WEB),
            id="set-element-order",
        ),
        pytest.param(
            a_deployment({**WEB, "command": ["a", "b"]}),
            a_deployment({"name": "web", "command": ["c"]}),
            a_deployment({**WEB, "command": ["c"]}),
            id="lists-without-a-key-are-replaced",
        ),
        pytest.param(
            a_deployment(WEB, volumes=[{"name": "v", "emptyDir": {}}]),
            {"spec": {"template": {"spec": {"volumes": [
                {"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}
            ]}}}},
            a_deployment(WEB, volumes=[{"name": "v", "hostPath": {"path": "/x"}}]),
            id="retain-keys-of-a-volume",
        ),
        pytest.param(
            {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}},
            {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
            {"spec": {"strategy": {"type": "Recreate"}}},
            id="retain-keys-of-the-strategy",
        ),
        pytest.param(
            {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}},
            {"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}},
            {"spec": {"strategy": {"type": "Recreate"}}},
            id="replace-a-map",
        ),
        pytest.param(
            {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1}}}},
            {"spec": {"strategy": {"rollingUpdate": {"$patch": "delete"}}}},
            {"spec": {"strategy": {"rollingUpdate": {}}}},
            id="delete-empties-a-map",
        ),
        pytest.param(
            {"metadata": {"labels": {"a": "b", "c": "d"}}},
            {"metadata": {"labels": {"a": None, "e": "f"}}},
            {"metadata": {"labels": {"c": "d", "e": "f"}}},
            id="null-removes-a-label",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"finalizers": ["b", "c"]}},
            {"metadata": {"finalizers": ["a", "b", "c"]}},
            id="finalizers-merge-as-a-set",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b", "c"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}},
            {"metadata": {"finalizers": ["a", "c"]}},
            id="delete-from-a-primitive-list",
        ),
        pytest.param({"metadata": {"name": "a"}}, {"metadata": {"annotations": {"b": None}}},
                     {"metadata": {"name": "a", "annotations": {}}}, id="null-of-nothing"),
    ],
)  # fmt: skip
def test_strategic_patch_of_a_deployment(obj: dict[str, Any], patch: dict[str, Any], wanted: dict[str, Any]) -> None:
    kept = deepcopy((obj, patch))
    assert DEPLOYMENT is not None
    assert apply_strategic_patch(obj, patch, DEPLOYMENT) == wanted
    assert (obj, patch) == kept


def test_strategic_patch_tells_service_ports_apart_by_port() -> None:
    assert SERVICE is not None
    obj = {"spec": {"ports": [{"port": 80, "targetPort": 1}, {"port": 443, "targetPort": 2}]}}
    patch = {"spec": {"ports": [{"port": 443, "targetPort": 3}, {"port": 81, "targetPort": 4}]}}
    ports = apply_strategic_patch(obj, patch, SERVICE)["spec"]["ports"]
    assert ports == [{"port": 80, "targetPort": 1}, {"port": 443, "targetPort": 3}, {"port": 81, "targetPort": 4}]


def test_strategic_patch_of_conditions_keeps_the_others() -> None:
    assert POD is not None
    obj = {"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Initialized", "status": "True"}]}}
    patch = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    conditions = apply_strategic_patch(obj, patch, POD)["status"]["conditions"]
    assert conditions == [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}]


@pytest.mark.parametrize(
    ("patch", "named"),
    [
        pytest.param(a_deployment({"image": "x"}), "merge key: name", id="item-without-its-key"),
        pytest.param({"spec": {"$patch": "explode"}}, "explode", id="unknown-directive"),
        pytest.param({"spec": {"strategy": {"$retainKeys": ["a"], "type": "b"}}}, "type", id="retain-keys-lacks-a-key"),
        pytest.param([], "list", id="not-an-object"),
    ],
)
def test_malformed_strategic_patch_is_a_bad_request(patch: Any, named: str) -> None:
    assert DEPLOYMENT is not None
    with pytest.raises(BadRequest, match=named):
        apply_strategic_patch(a_deployment(WEB), patch, DEPLOYMENT)
