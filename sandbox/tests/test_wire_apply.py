"""Server-side apply and field ownership, against the behaviour Kubernetes documents for them."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.wire.apply import (
    ApplyConflict,
    Write,
    manager_from_user_agent,
    server_side_apply,
    track_update,
)
from tidegate_sandbox.wire.field_sets import from_fields_v1, to_fields_v1
from tidegate_sandbox.wire.merging import merged_order
from tidegate_sandbox.wire.schemas import Schema, builtin_schema, crd_schema

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def schema_of(api_version: str, kind: str) -> Schema:
    found = builtin_schema(api_version, kind)
    assert found is not None
    return found


DEPLOYMENT = schema_of("apps/v1", "Deployment")
CONFIG_MAP = schema_of("v1", "ConfigMap")
SERVICE = schema_of("v1", "Service")


def applying(manager: str = "ann", now: datetime = NOW, subresource: str = "") -> Write:
    return Write(manager, "Apply", now, subresource)


def updating(manager: str = "kubectl-edit", now: datetime = NOW, subresource: str = "") -> Write:
    return Write(manager, "Update", now, subresource)


def a_deployment(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def a_config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": data}


def with_containers(*containers: dict[str, Any]) -> dict[str, Any]:
    return a_deployment(template={"spec": {"containers": list(containers)}})


def containers_of(obj: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = obj["spec"]["template"]["spec"]["containers"]
    return found


def fields_of(obj: dict[str, Any], manager: str) -> dict[str, Any]:
    """The fieldsV1 of a manager's only entry."""
    found = [entry["fieldsV1"] for entry in obj["metadata"]["managedFields"] if entry["manager"] == manager]
    assert len(found) == 1, f"{manager} has {len(found)} entries in {obj['metadata']['managedFields']}"
    fields: dict[str, Any] = found[0]
    return fields


def managers_of(obj: dict[str, Any]) -> list[str]:
    return [entry["manager"] for entry in obj["metadata"].get("managedFields", [])]


def test_first_apply_creates_the_object_and_owns_what_it_says() -> None:
    made = server_side_apply(None, a_deployment(replicas=2), applying(), DEPLOYMENT)
    assert made["spec"] == {"replicas": 2}
    assert made["metadata"]["managedFields"] == [
        {
            "manager": "ann",
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "time": "2030-01-01T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }
    ]


def test_a_container_is_owned_by_its_name_key() -> None:
    made = server_side_apply(None, with_containers({"name": "web", "image": "web:1"}), applying(), DEPLOYMENT)
    items = fields_of(made, "ann")["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert items == {'k:{"name":"web"}': {".": {}, "f:image": {}, "f:name": {}}}


def test_a_missing_list_key_is_filled_with_its_default() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    made = server_side_apply(None, service, applying(), SERVICE)
    assert fields_of(made, "ann")["f:spec"]["f:ports"] == {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}


def test_finalizers_are_owned_value_by_value() -> None:
    config = a_config_map() | {"metadata": {"name": "conf", "finalizers": ["a/b"]}}
    made = server_side_apply(None, config, applying(), CONFIG_MAP)
    assert fields_of(made, "ann")["f:metadata"] == {"f:finalizers": {'v:"a/b"': {}}}


def test_an_atomic_map_is_owned_as_a_whole() -> None:
    made = server_side_apply(None, a_deployment(selector={"matchLabels": {"a": "b"}}), applying(), DEPLOYMENT)
    assert fields_of(made, "ann") == {"f:spec": {"f:selector": {}}}


def test_changing_a_field_of_another_manager_is_a_conflict_in_kubernetes_words() -> None:
    live = track_update(None, a_deployment(replicas=1), updating("kubectl-client-side-apply"), DEPLOYMENT)
    with pytest.raises(ApplyConflict) as caught:
        server_side_apply(live, a_deployment(replicas=2), applying(), DEPLOYMENT)
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas'
    )
    [cause] = caught.value.causes
    assert (cause.reason, cause.field) == ("FieldManagerConflict", ".spec.replicas")
    assert cause.message == 'conflict with "kubectl-client-side-apply" using apps/v1'


def test_several_conflicts_are_listed_by_manager() -> None:
    config = with_containers({"name": "web", "image": "web:1"})
    config["spec"]["replicas"] = 1
    live = server_side_apply(None, config, applying("ann"), DEPLOYMENT)
    changed = with_containers({"name": "web", "image": "web:2"})
    changed["spec"]["replicas"] = 2
    with pytest.raises(ApplyConflict) as caught:
        server_side_apply(live, changed, applying("bob"), DEPLOYMENT)
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "ann":\n'
        "- .spec.replicas\n"
        '- .spec.template.spec.containers[name="web"].image'
    )


def test_a_conflict_names_the_subresource_it_was_written_through() -> None:
    live = track_update(None, a_deployment(replicas=1), updating("hpa", subresource="scale"), DEPLOYMENT)
    with pytest.raises(ApplyConflict, match='conflict with "hpa" with subresource "scale" using apps/v1'):
        server_side_apply(live, a_deployment(replicas=2), applying(), DEPLOYMENT)


def test_force_takes_the_field_from_its_owner() -> None:
    live = server_side_apply(None, a_config_map(a="1", b="1"), applying("ann"), CONFIG_MAP)
    forced = server_side_apply(live, a_config_map(a="2"), applying("bob"), CONFIG_MAP, force=True)
    assert forced["data"] == {"a": "2", "b": "1"}
    assert fields_of(forced, "ann") == {"f:data": {"f:b": {}}}
    assert fields_of(forced, "bob") == {"f:data": {"f:a": {}}}


def test_two_managers_may_own_the_same_value() -> None:
    live = server_side_apply(None, a_config_map(a="1"), applying("ann"), CONFIG_MAP)
    shared = server_side_apply(live, a_config_map(a="1"), applying("bob"), CONFIG_MAP)
    assert fields_of(shared, "ann") == fields_of(shared, "bob") == {"f:data": {"f:a": {}}}


def test_a_field_no_longer_applied_is_removed_when_nobody_else_owns_it() -> None:
    live = server_side_apply(None, a_config_map(a="1", b="1"), applying("ann"), CONFIG_MAP)
    assert server_side_apply(live, a_config_map(a="1"), applying("ann"), CONFIG_MAP)["data"] == {"a": "1"}


def test_a_field_no_longer_applied_stays_when_another_manager_owns_it() -> None:
    live = server_side_apply(None, a_config_map(a="1", b="1"), applying("ann"), CONFIG_MAP)
    live = server_side_apply(live, a_config_map(b="1"), applying("bob"), CONFIG_MAP)
    left = server_side_apply(live, a_config_map(a="1"), applying("ann"), CONFIG_MAP)
    assert left["data"] == {"a": "1", "b": "1"}
    assert fields_of(left, "ann") == {"f:data": {"f:a": {}}}


def test_a_field_nobody_owns_stays() -> None:
    live = server_side_apply(None, a_deployment(replicas=1), applying("ann"), DEPLOYMENT)
    live["spec"]["revisionHistoryLimit"] = 10  # a default the server filled in
    left = server_side_apply(live, a_deployment(paused=True), applying("ann"), DEPLOYMENT)
    assert left["spec"] == {"paused": True, "revisionHistoryLimit": 10}


def test_a_container_no_longer_applied_is_removed_with_its_defaults() -> None:
    live = server_side_apply(
        None, with_containers({"name": "web", "image": "w"}, {"name": "log", "image": "l"}), applying(), DEPLOYMENT
    )
    containers_of(live)[1]["imagePullPolicy"] = "Always"
    left = server_side_apply(live, with_containers({"name": "web", "image": "w"}), applying(), DEPLOYMENT)
    assert containers_of(left) == [{"name": "web", "image": "w"}]


def test_containers_of_several_managers_live_in_one_list() -> None:
    live = server_side_apply(None, with_containers({"name": "web", "image": "w"}), applying("ann"), DEPLOYMENT)
    both = server_side_apply(live, with_containers({"name": "mesh", "image": "m"}), applying("mesh"), DEPLOYMENT)
    assert [c["name"] for c in containers_of(both)] == ["web", "mesh"]
    again = server_side_apply(both, with_containers({"name": "web", "image": "w"}), applying("ann"), DEPLOYMENT)
    assert again == both


def test_an_applied_null_takes_the_field_away() -> None:
    live = server_side_apply(None, a_config_map(a="1", b="2"), applying(), CONFIG_MAP)
    config = a_config_map(a="1") | {"data": {"a": "1", "b": None}}
    assert server_side_apply(live, config, applying(), CONFIG_MAP)["data"] == {"a": "1"}


def test_duplicate_keys_in_the_applied_list_are_refused() -> None:
    config = with_containers({"name": "web", "image": "1"}, {"name": "web", "image": "2"})
    with pytest.raises(BadRequest, match=r'duplicate entries for key \[name="web"\]'):
        server_side_apply(None, config, applying(), DEPLOYMENT)


def test_an_applied_item_without_any_key_is_refused() -> None:
    with pytest.raises(BadRequest, match="omits all key fields"):
        server_side_apply(None, a_custom(routes=[{"path": "/"}]), applying(), CUSTOM)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"apiVersion": "apps/v2"}, "Specified patch version: apps/v2, expected: apps/v1", id="version"),
        pytest.param({"metadata": {"name": "web", "managedFields": [{}]}}, "managedFields must be nil", id="ownership"),
    ],
)
def test_a_patch_that_is_no_apply_configuration_is_a_bad_request(change: dict[str, Any], named: str) -> None:
    live = server_side_apply(None, a_deployment(replicas=1), applying(), DEPLOYMENT)
    with pytest.raises(BadRequest, match=named):
        server_side_apply(live, a_deployment(replicas=1) | change, applying(), DEPLOYMENT)


def test_what_was_there_before_the_first_apply_is_protected() -> None:
    untracked = a_config_map(a="1")
    with pytest.raises(ApplyConflict, match=r'"before-first-apply" using v1: \.data\.a'):
        server_side_apply(untracked, a_config_map(a="2"), applying(), CONFIG_MAP)


def test_kubectl_takes_over_what_client_side_kubectl_applied() -> None:
    client_side = a_config_map(a="1")
    annotation = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(client_side)}
    client_side["metadata"]["annotations"] = annotation
    live = track_update(None, client_side, updating("kubectl-client-side-apply"), CONFIG_MAP)
    applied = server_side_apply(live, a_config_map(a="2"), applying("kubectl"), CONFIG_MAP)
    assert applied["data"] == {"a": "2"}
    last = json.loads(applied["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    assert last == a_config_map(a="2")
    with pytest.raises(ApplyConflict):
        server_side_apply(live, a_config_map(a="2"), applying("someone-else"), CONFIG_MAP)


names = st.sampled_from(["a", "b", "c"])
containers = st.lists(
    st.fixed_dictionaries({"name": names}, optional={"image": names, "command": st.lists(names, max_size=2)}),
    max_size=3,
    unique_by=lambda container: container["name"],
)
configs = st.builds(
    lambda items, labels, spec: {
        **a_deployment(**spec, template={"spec": {"containers": items}}),
        "metadata": {"name": "web", "labels": labels},
    },
    containers,
    st.dictionaries(names, names, max_size=3),
    st.fixed_dictionaries({}, optional={"replicas": st.integers(0, 3), "paused": st.booleans()}),
)


@given(configs, configs)
def test_applying_twice_changes_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = server_side_apply(None, first, applying("ann"), DEPLOYMENT)
    live = server_side_apply(live, second, applying("bob"), DEPLOYMENT, force=True)
    kept = deepcopy(live)
    assert server_side_apply(live, second, applying("bob", LATER), DEPLOYMENT) == kept
    assert live == kept


@given(configs, configs)
def test_what_a_manager_applies_last_is_what_the_object_says(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = server_side_apply(None, first, applying(), DEPLOYMENT)
    left = server_side_apply(live, second, applying(), DEPLOYMENT)
    for name in ("replicas", "paused"):
        assert left["spec"].get(name) == second["spec"].get(name)
    wanted = {item["name"]: item for item in containers_of(second)}
    assert {
        item["name"]: item for item in left["spec"].get("template", {}).get("spec", {}).get("containers", [])
    } == wanted


@given(configs, configs)
def test_a_managers_own_fields_survive_another_managers_forced_apply_or_change_hands(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    live = server_side_apply(None, first, applying("ann"), DEPLOYMENT)
    left = server_side_apply(live, second, applying("bob"), DEPLOYMENT, force=True)
    if "replicas" in first["spec"] and "replicas" not in second["spec"]:
        assert left["spec"]["replicas"] == first["spec"]["replicas"]
        assert "f:replicas" in fields_of(left, "ann")["f:spec"]


def test_create_marks_maps_and_items_but_not_what_the_kind_always_has() -> None:
    config = with_containers({"name": "web", "image": "w"}) | {"metadata": {"name": "web", "labels": {"a": "b"}}}
    made = track_update(None, config, updating("kubectl-create"), DEPLOYMENT)
    assert fields_of(made, "kubectl-create") == {
        "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
        "f:spec": {
            "f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:image": {}, "f:name": {}}}}}
        },
    }


def test_an_update_owns_only_what_it_changed() -> None:
    before = server_side_apply(None, a_config_map(a="1", b="1"), applying("ann"), CONFIG_MAP)
    after = deepcopy(before)
    after["data"] |= {"b": "2", "c": "3"}
    tracked = track_update(before, after, updating("editor", LATER), CONFIG_MAP)
    assert fields_of(tracked, "editor") == {"f:data": {"f:b": {}, "f:c": {}}}
    assert fields_of(tracked, "ann") == {"f:data": {"f:a": {}}}


def test_an_update_that_changes_nothing_keeps_times_and_owners() -> None:
    before = track_update(None, a_config_map(a="1"), updating("creator"), CONFIG_MAP)
    assert track_update(before, deepcopy(before), updating("editor", LATER), CONFIG_MAP) == before


def test_a_client_that_drops_the_ownership_record_does_not_erase_it() -> None:
    before = server_side_apply(None, a_config_map(a="1"), applying("ann"), CONFIG_MAP)
    after = a_config_map(a="1", b="2")
    tracked = track_update(before, after, updating("editor"), CONFIG_MAP)
    assert managers_of(tracked) == ["ann", "editor"]


@pytest.mark.parametrize("reset", [pytest.param([], id="empty-list"), pytest.param([{}], id="one-empty-entry")])
def test_an_explicit_reset_forgets_all_owners(reset: list[dict[str, Any]]) -> None:
    before = server_side_apply(None, a_config_map(a="1"), applying("ann"), CONFIG_MAP)
    after = a_config_map(a="1")
    after["metadata"]["managedFields"] = reset
    assert managers_of(track_update(before, after, updating(), CONFIG_MAP)) == []


def test_a_removed_field_has_no_owner_any_more() -> None:
    before = track_update(None, a_config_map(a="1", b="1"), updating("creator"), CONFIG_MAP)
    after = track_update(before, a_config_map(a="1"), updating("editor"), CONFIG_MAP)
    assert fields_of(after, "creator") == {"f:data": {".": {}, "f:a": {}}}
    assert managers_of(after) == ["creator"]


def test_a_subresource_write_is_an_entry_of_its_own() -> None:
    before = track_update(None, a_deployment(replicas=1), updating("creator"), DEPLOYMENT)
    after = {**deepcopy(before), "status": {"replicas": 1}}
    tracked = track_update(before, after, updating("controller", subresource="status"), DEPLOYMENT)
    [entry] = [e for e in tracked["metadata"]["managedFields"] if e["manager"] == "controller"]
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:replicas": {}}}


def test_the_oldest_updaters_beyond_ten_become_one_entry() -> None:
    obj = track_update(None, a_config_map(), updating("creator"), CONFIG_MAP)
    for index in range(12):
        after = deepcopy(obj)
        after.setdefault("data", {})[f"k{index}"] = "v"
        obj = track_update(obj, after, updating(f"m{index:02}", NOW + timedelta(minutes=index + 1)), CONFIG_MAP)
    assert len(managers_of(obj)) == 10
    assert managers_of(obj)[0] == "ancient-changes"
    owned = {path for e in obj["metadata"]["managedFields"] for path in from_fields_v1(e["fieldsV1"])}
    assert {("f:data", f"f:k{index}") for index in range(12)} <= owned


CUSTOM = crd_schema(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "routes": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["host"],
                        "items": {"type": "object", "properties": {"host": {"type": "string"}}},
                    },
                    "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                    "steps": {"type": "array", "items": {"type": "object"}},
                    "fixed": {"type": "object", "x-kubernetes-map-type": "atomic"},
                },
            }
        },
    }
)


def a_custom(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        pytest.param(
            {"routes": [{"host": "a", "x": 1}]},
            {"routes": [{"host": "b"}]},
            {"routes": [{"host": "a", "x": 1}, {"host": "b"}]},
            id="keyed-list",
        ),
        pytest.param({"tags": ["a"]}, {"tags": ["b"]}, {"tags": ["a", "b"]}, id="set"),
        pytest.param({"steps": [{"a": 1}]}, {"steps": [{"b": 2}]}, {"steps": [{"b": 2}]}, id="list-is-atomic"),
        pytest.param({"fixed": {"a": 1}}, {"fixed": {"b": 2}}, {"fixed": {"b": 2}}, id="atomic-map"),
        pytest.param({"more": {"a": 1}}, {"more": {"b": 2}}, {"more": {"a": 1, "b": 2}}, id="unknown-map-is-granular"),
    ],
)
def test_custom_resources_merge_by_their_schema(
    first: dict[str, Any], second: dict[str, Any], wanted: dict[str, Any]
) -> None:
    live = server_side_apply(None, a_custom(**first), applying("ann"), CUSTOM)
    assert server_side_apply(live, a_custom(**second), applying("bob"), CUSTOM, force=True)["spec"] == wanted


def test_a_custom_resource_marks_its_spec_as_created() -> None:
    made = track_update(None, a_custom(tags=["a"]), updating("creator"), CUSTOM)
    assert fields_of(made, "creator") == {"f:spec": {".": {}, "f:tags": {".": {}, 'v:"a"': {}}}}


paths = st.frozensets(
    st.lists(st.sampled_from(["f:a", "f:b", 'k:{"n":"x"}', "v:1"]), min_size=1, max_size=4).map(tuple), max_size=8
)


@given(paths)
def test_field_sets_survive_their_wire_form(members: frozenset[tuple[str, ...]]) -> None:
    assert from_fields_v1(to_fields_v1(members)) == members


@pytest.mark.parametrize(
    ("live", "applied", "wanted"),
    [
        pytest.param("ab", "ab", "ab", id="same"),
        pytest.param("ab", "c", "abc", id="new-goes-last"),
        pytest.param("axb", "ab", "axb", id="unowned-keeps-its-place"),
        pytest.param("ab", "ba", "ba", id="the-applied-order-wins"),
        pytest.param("xy", "", "xy", id="nothing-applied"),
        pytest.param("ab", "acb", "acb", id="new-between"),
    ],
)
def test_order_of_a_merged_list(live: str, applied: str, wanted: str) -> None:
    assert "".join(merged_order(list(live), list(applied))) == wanted


@given(st.permutations("abcde"), st.lists(st.sampled_from("abcdefg"), unique=True))
def test_a_merged_order_holds_every_element_once(live: list[str], applied: list[str]) -> None:
    result = merged_order(live, applied)
    assert sorted(result) == sorted({*live, *applied})
    assert [e for e in result if e in applied] == applied


@pytest.mark.parametrize(
    ("agent", "manager"),
    [
        pytest.param("kubectl/v1.32.4 (linux/amd64) kubernetes/1", "kubectl", id="kubectl"),
        pytest.param("OpenAPI-Generator/37.0.0/python", "OpenAPI-Generator", id="python-client"),
        pytest.param("", "unknown", id="none"),
    ],
)
def test_manager_of_a_write_without_a_field_manager(agent: str, manager: str) -> None:
    assert manager_from_user_agent(agent) == manager
