from __future__ import annotations

from typing import Any

import pytest

from tidegate.hooks import Kind
from tidegate.runtime.kinds import REPLICA_SETS, ROLLOUTS
from tidegate.runtime.store import Store, trimmed
from tidegate.runtime.versions import at_least
from tidegate.runtime.writes import OwnWrites


def thing(name: str, version: int, namespace: str = "ns", owner: str = "") -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, "owner": owner}


@pytest.fixture
def store() -> Store[str]:
    return Store(lambda manifest: str(manifest["owner"]), {"owner": lambda manifest: [manifest["owner"]]})


def test_an_index_follows_its_objects(store: Store[str]) -> None:
    store.put(thing("a", 1, owner="x"))
    store.put(thing("b", 2, owner="x"))
    assert [entry.name for entry in store.by("owner", "x")] == ["a", "b"]
    store.put(thing("a", 3, owner="y"))
    assert [entry.name for entry in store.by("owner", "x")] == ["b"]
    assert [entry.name for entry in store.by("owner", "y")] == ["a"]
    store.remove(thing("b", 4, owner="x"))
    assert store.by("owner", "x") == []


def test_a_list_tells_only_what_differs(store: Store[str]) -> None:
    store.replace([thing("same", 1), thing("changed", 2), thing("gone", 3)], "10")
    changes = store.replace([thing("same", 1), thing("changed", 11), thing("new", 12)], "12")
    told = {change.entry.name: (change.old is not None, change.new is not None) for change in changes}
    assert told == {"changed": (True, True), "gone": (True, False), "new": (False, True)}
    assert store.heard("ns") == "12"


def test_a_list_of_one_namespace_leaves_the_others_alone(store: Store[str]) -> None:
    store.replace([thing("a", 1, "one")], "1", scope="one")
    store.replace([thing("b", 2, "two")], "2", scope="two")
    store.replace([], "3", scope="one")
    assert [entry.name for entry in store.all()] == ["b"]
    assert (store.heard("one"), store.heard("two"), store.heard("three")) == ("3", "2", "")


def test_late_and_duplicate_events_change_nothing(store: Store[str]) -> None:
    store.put(thing("a", 5, owner="new"))
    assert store.put(thing("a", 5, owner="new")) is None
    assert store.put(thing("a", 4, owner="old")) is None
    assert store.remove(thing("a", 4)) is None
    entry = store.get("ns", "a")
    assert entry is not None
    assert entry.value == "new"
    assert store.heard("ns") == "5"


def test_a_re_created_object_replaces_the_former(store: Store[str]) -> None:
    store.put(thing("a", 5))
    assert store.remove(thing("a", 6)) is not None
    assert store.put(thing("a", 7)) is not None
    assert store.remove(thing("a", 6)) is None
    assert len(store) == 1


def test_trimming_drops_what_is_large_and_never_read() -> None:
    manifest = {
        "metadata": {
            "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "keep": "1"},
        }
    }
    assert trimmed(manifest) == {"metadata": {"annotations": {"keep": "1"}}}


@pytest.mark.parametrize(
    ("seen", "wanted", "expected"),
    [("10", "9", True), ("9", "10", False), ("9", "9", True), ("", "1", False), ("x", "x", True), ("y", "x", False)],
)
def test_versions_compare_as_numbers(seen: str, wanted: str, expected: bool) -> None:
    assert at_least(seen, wanted) is expected


def test_a_pass_waits_until_its_own_writes_have_come_back() -> None:
    writes: OwnWrites[str] = OwnWrites()
    heard: dict[Kind, str] = {REPLICA_SETS: "10", ROLLOUTS: "10"}
    writes.wrote("app", REPLICA_SETS, "ns", "app-1", "11")
    writes.wrote("app", ROLLOUTS, "ns", "app", "12")
    assert writes.unseen("app", lambda kind, _: heard[kind]) == [REPLICA_SETS, ROLLOUTS]
    heard[REPLICA_SETS] = "30"
    assert writes.unseen("app", lambda kind, _: heard[kind]) == [ROLLOUTS]
    heard[ROLLOUTS] = "12"
    assert writes.unseen("app", lambda kind, _: heard[kind]) == []
    heard[ROLLOUTS] = "5"  # the store went back in time by a list; what was seen once is not waited for again
    assert writes.unseen("app", lambda kind, _: heard[kind]) == []
    assert writes.unseen("another", lambda kind, _: heard[kind]) == []


def test_a_kind_that_is_not_watched_is_not_waited_for() -> None:
    writes: OwnWrites[str] = OwnWrites()
    writes.wrote("app", REPLICA_SETS, "ns", "app-1", "11")
    assert writes.unseen("app", lambda *_: "") == []


def test_of_several_writes_the_newest_is_waited_for() -> None:
    writes: OwnWrites[str] = OwnWrites()
    writes.wrote("app", REPLICA_SETS, "ns", "app-2", "20")
    writes.wrote("app", REPLICA_SETS, "ns", "app-1", "11")
    assert writes.unseen("app", lambda *_: "11") == [REPLICA_SETS]
    writes.forget("app")
    assert writes.unseen("app", lambda *_: "11") == []


def test_an_own_write_is_told_from_somebody_elses() -> None:
    writes: OwnWrites[str] = OwnWrites()
    writes.wrote("app", ROLLOUTS, "ns", "app", "12")
    assert writes.is_echo(ROLLOUTS, "ns", "app", "12")
    assert not writes.is_echo(ROLLOUTS, "ns", "app", "13")
    assert not writes.is_echo(ROLLOUTS, "ns", "other", "12")


def test_one_object_that_cannot_be_read_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def project(manifest: dict[str, Any]) -> str:
        if manifest["metadata"]["name"] == "odd":
            raise ValueError("unheard of")
        return str(manifest["metadata"]["name"])

    store = Store(project)
    made = [{"metadata": {"name": name, "namespace": "ns", "resourceVersion": "1"}} for name in ("a", "odd", "b")]
    assert [change.entry.name for change in store.replace(made, "1")] == ["a", "b"]
    assert store.put({"metadata": {"name": "odd", "namespace": "ns", "resourceVersion": "2"}}) is None
    assert "ns/odd cannot be read" in caplog.text
    assert store.heard("ns") == "2"
