"""The unit of work: copies out, edits remembered, and the patch that makes exactly the edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import NotFound, PluginError
from tidegate.hooks import Event, Kind, Objects, controller_of
from tidegate.hooks.objects import clone, merge_patch
from tidegate_testkit.memory import MemoryCluster, merge

MakeRoute = Callable[..., dict[str, Any]]


@pytest.fixture
def objects(cluster: MemoryCluster) -> Objects:
    return Objects(cluster, "shop")


def test_editing_a_copy_that_was_only_read_changes_nothing(objects: Objects, route_kind: Kind) -> None:
    found = objects.get(route_kind, "web")
    assert found is not None
    found["spec"]["canary"] = 99
    assert objects.changes() == ()
    assert objects.get(route_kind, "web") != found


def test_an_edit_is_seen_by_later_reads_and_becomes_one_patch(objects: Objects, route_kind: Kind) -> None:
    objects.edit(route_kind, "web")["spec"]["canary"] = 5
    objects.edit(route_kind, "web")["spec"]["team"] = "a"
    web = objects.get(route_kind, "web")
    assert web is not None
    assert web["spec"] == {"canary": 5, "team": "a"}
    (change,) = objects.changes()
    assert (change.verb, change.patch) == ("patch", {"spec": {"canary": 5, "team": "a"}})


def test_an_edit_that_changes_nothing_is_dropped_with_its_event(objects: Objects, route_kind: Kind) -> None:
    objects.edit(route_kind, "web", Event("Shifted", "to 0"))["spec"]["canary"] = 0
    assert objects.changes() == ()


def test_editing_what_does_not_exist_is_not_found(objects: Objects, route_kind: Kind) -> None:
    with pytest.raises(NotFound, match=r'routes\.example\.com "gone" not found'):
        objects.edit(route_kind, "gone")


def test_a_created_object_gets_its_place_and_may_be_edited(objects: Objects, route_kind: Kind) -> None:
    objects.create(route_kind, {"metadata": {"name": "new"}, "spec": {"canary": 0}}, Event("Made", "new"))
    objects.edit(route_kind, "new")["spec"]["canary"] = 5
    (change,) = objects.changes()
    assert change.patch == {
        "apiVersion": "example.com/v1",
        "kind": "Route",
        "metadata": {"name": "new", "namespace": "shop"},
        "spec": {"canary": 5},
    }
    assert change.events == (Event("Made", "new"),)


def test_an_object_that_exists_or_has_no_name_cannot_be_created(objects: Objects, route_kind: Kind) -> None:
    with pytest.raises(PluginError, match="exists; edit it instead"):
        objects.create(route_kind, {"metadata": {"name": "web"}})
    with pytest.raises(PluginError, match=r"needs metadata\.name"):
        objects.create(route_kind, {"spec": {}})


def test_a_created_object_that_is_deleted_again_was_never_there(objects: Objects, route_kind: Kind) -> None:
    objects.create(route_kind, {"metadata": {"name": "new"}})
    objects.delete(route_kind, "new")
    assert objects.changes() == ()


def test_a_deleted_object_is_gone_for_later_reads(objects: Objects, route_kind: Kind) -> None:
    objects.delete(route_kind, "web")
    objects.delete(route_kind, "gone")
    assert objects.get(route_kind, "web") is None
    (change,) = objects.changes()
    assert (change.verb, change.name, change.place) == ("delete", "web", 'routes.example.com "web"')


def test_what_was_asked_for_is_remembered(objects: Objects, route_kind: Kind) -> None:
    objects.get(route_kind, "gone")
    objects.edit(route_kind, "web")
    assert objects.asked == ((route_kind, "shop", "gone"), (route_kind, "shop", "web"))


def test_the_controller_is_the_owner_that_is_marked(make_route: MakeRoute) -> None:
    owners = [{"name": "a", "uid": "1"}, {"name": "b", "uid": "2", "controller": True}]
    assert controller_of(make_route("web", ownerReferences=owners))["name"] == "b"
    assert controller_of(make_route("web", ownerReferences=None)) == {}


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 1.0}, {"a": 1.0}),
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": {"b": 1}}, {}, {"a": None}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({}, {"a": None}, {}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({"a": {"b": 1}}, {"a": 3}, {"a": 3}),
        ({"a": 3}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_a_merge_patch_says_only_what_differs(
    before: Mapping[str, Any], after: Mapping[str, Any], patch: Mapping[str, Any]
) -> None:
    assert merge_patch(before, after) == patch


scalars = st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner)
)
manifests = st.dictionaries(st.sampled_from("abcd"), values)


@given(before=manifests, after=manifests)
def test_a_merge_patch_applied_gives_the_edited_object(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert merge(before, merge_patch(before, after)) == after


@given(value=values)
def test_a_clone_is_equal_and_shares_nothing(value: Any) -> None:
    copied = clone(value)
    assert copied == value
    assert not isinstance(value, (dict, list)) or copied is not value
