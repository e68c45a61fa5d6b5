"""The store as the sandbox's own controllers use it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from tidegate_sandbox.store import Store

ConfigMaps = Callable[..., Manifest]
Deployments = Callable[..., Manifest]


def test_a_new_object_has_identity_and_version(store: Store, a_config_map: ConfigMaps) -> None:
    meta = store.create("configmaps", a_config_map())["metadata"]
    assert meta["uid"]
    assert meta["creationTimestamp"] == "2030-01-01T00:00:00Z"
    assert int(meta["resourceVersion"]) == store.version
    assert "generation" not in meta


def test_objects_handed_out_are_copies(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("configmaps", a_config_map())["data"]["a"] = "changed outside"
    store.get("configmaps", "default", "settings")["data"]["a"] = "changed outside"
    assert store.get("configmaps", "default", "settings")["data"] == {"a": "1"}


def test_a_second_object_of_one_name_is_refused(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("configmaps", a_config_map())
    with pytest.raises(AlreadyExists, match='configmaps "settings" already exists'):
        store.create("configmaps", a_config_map())


def test_a_missing_object_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match=r'deployments\.apps "web" not found'):
        store.get("deployments.apps", "default", "web")


def test_an_unknown_kind_names_what_is_missing(store: Store) -> None:
    with pytest.raises(NotFound, match="install its CustomResourceDefinition"):
        store.list("gates.example.com")


def test_creating_in_a_missing_namespace_is_not_found(store: Store, a_config_map: ConfigMaps) -> None:
    with pytest.raises(NotFound, match='namespaces "nowhere" not found'):
        store.create("configmaps", a_config_map(namespace="nowhere"))


def test_creating_in_a_namespace_that_goes_away_is_forbidden(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("namespaces", {"metadata": {"name": "team"}})
    store.delete("namespaces", "", "team")
    with pytest.raises(Forbidden, match="it is being terminated"):
        store.create("configmaps", a_config_map(namespace="team"))


def test_a_namespace_goes_once_its_finalizer_does(store: Store) -> None:
    store.create("namespaces", {"metadata": {"name": "team"}})
    store.delete("namespaces", "", "team")
    going = store.get("namespaces", "", "team")
    assert going["status"]["phase"] == "Terminating"
    store.update("namespaces", going | {"spec": {"finalizers": []}})
    with pytest.raises(NotFound):
        store.get("namespaces", "", "team")


def test_generate_name_adds_five_characters(store: Store, a_config_map: ConfigMaps) -> None:
    manifest = a_config_map(name="", generateName="run-")
    names = {store.create("configmaps", manifest)["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


def test_a_stale_update_conflicts(store: Store, a_config_map: ConfigMaps) -> None:
    seen = store.create("configmaps", a_config_map())
    store.update("configmaps", seen | {"data": {"a": "2"}})
    with pytest.raises(Conflict, match="the object has been modified"):
        store.update("configmaps", seen | {"data": {"a": "3"}})
    assert store.get("configmaps", "default", "settings")["data"] == {"a": "2"}


def test_an_update_without_a_version_wins(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("configmaps", a_config_map())
    store.update("configmaps", a_config_map(data={"a": "2"}))
    assert store.get("configmaps", "default", "settings")["data"] == {"a": "2"}


def test_an_update_of_another_object_of_the_same_name_conflicts(store: Store, a_config_map: ConfigMaps) -> None:
    first = store.create("configmaps", a_config_map())
    store.delete("configmaps", "default", "settings")
    store.create("configmaps", a_config_map())
    del first["metadata"]["resourceVersion"]
    with pytest.raises(Conflict, match="UID in the precondition"):
        store.update("configmaps", first)


def test_an_update_that_changes_nothing_writes_nothing(store: Store, a_deployment: Deployments) -> None:
    store.create("deployments.apps", a_deployment())
    before = store.version
    store.update("deployments.apps", a_deployment())
    assert store.version == before


def test_system_metadata_of_an_update_is_ignored(store: Store, a_config_map: ConfigMaps) -> None:
    made = store.create("configmaps", a_config_map())
    forged = a_config_map(creationTimestamp="1999-01-01T00:00:00Z", deletionTimestamp="1999-01-01T00:00:00Z")
    meta = store.update("configmaps", forged | {"data": {"b": "2"}})["metadata"]
    assert meta["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    assert "deletionTimestamp" not in meta


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        ({"spec": {"replicas": 5}}, True),
        ({"metadata": {"labels": {"x": "y"}}}, False),
        ({"metadata": {"annotations": {"x": "y"}}}, True),
        ({"status": {"replicas": 5}}, False),
    ],
    ids=["spec", "labels", "annotations of a Deployment", "status"],
)
def test_generation_counts_what_the_controller_must_look_at(
    store: Store, a_deployment: Deployments, change: Manifest, counted: bool
) -> None:
    made = store.create("deployments.apps", a_deployment())
    for section, fields in change.items():
        made[section] = made.get(section, {}) | fields
    assert store.update("deployments.apps", made)["metadata"]["generation"] == (2 if counted else 1)


def test_the_status_subresource_writes_the_status_alone(store: Store, a_deployment: Deployments) -> None:
    made = store.create("deployments.apps", a_deployment(replicas=1))
    made["status"], made["spec"]["replicas"] = {"replicas": 7}, 9
    store.update("deployments.apps", made, subresource="status")
    stored = store.get("deployments.apps", "default", "web")
    assert (stored["status"], stored["spec"]["replicas"], stored["metadata"]["generation"]) == ({"replicas": 7}, 1, 1)


def test_an_update_leaves_the_status_alone(store: Store, a_deployment: Deployments) -> None:
    made = store.create("deployments.apps", a_deployment())
    made["status"] = {"replicas": 7}
    store.update("deployments.apps", made, subresource="status")
    store.update("deployments.apps", a_deployment(replicas=3))
    assert store.get("deployments.apps", "default", "web")["status"] == {"replicas": 7}


def test_a_kind_without_status_has_no_status_subresource(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("configmaps", a_config_map())
    with pytest.raises(NotFound, match="no status subresource"):
        store.update("configmaps", a_config_map(), subresource="status")


def test_delete_removes_what_has_no_finalizer(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("configmaps", a_config_map())
    store.delete("configmaps", "default", "settings")
    assert store.list("configmaps") == []


def test_delete_with_finalizer_keeps_the_object(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("configmaps", a_config_map(finalizers=["x.io/hold"]))
    store.delete("configmaps", "default", "settings")
    held = store.get("configmaps", "default", "settings")
    assert held["metadata"]["deletionTimestamp"] == "2030-01-01T00:00:00Z"
    del held["metadata"]["finalizers"]
    store.update("configmaps", held)
    assert store.list("configmaps") == []


def test_no_finalizer_joins_an_object_that_is_going(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("configmaps", a_config_map(finalizers=["x.io/hold"]))
    store.delete("configmaps", "default", "settings")
    with pytest.raises(Invalid, match="no new finalizers can be added"):
        store.update("configmaps", a_config_map(finalizers=["x.io/hold", "x.io/late"]))


def test_delete_of_a_replaced_object_conflicts(store: Store, a_config_map: ConfigMaps) -> None:
    store.create("configmaps", a_config_map())
    with pytest.raises(Conflict, match="recreated"):
        store.delete("configmaps", "default", "settings", uid="another")
    assert len(store.list("configmaps")) == 1


@pytest.mark.parametrize(
    ("propagation", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")], ids=str.lower
)
def test_propagation_is_passed_on_as_a_finalizer(
    store: Store, a_deployment: Deployments, propagation: str, finalizer: str
) -> None:
    store.create("deployments.apps", a_deployment())
    store.delete("deployments.apps", "default", "web", propagation=propagation)  # type: ignore[arg-type]
    assert store.get("deployments.apps", "default", "web")["metadata"]["finalizers"] == [finalizer]


def test_list_is_in_order_of_namespace_and_name(store: Store, a_config_map: ConfigMaps) -> None:
    for namespace, name in (("kube-system", "a"), ("default", "b"), ("default", "a")):
        store.create("configmaps", a_config_map(name=name, namespace=namespace))
    found = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in store.list("configmaps")]
    assert found == [("default", "a"), ("default", "b"), ("kube-system", "a")]
    assert len(store.list("configmaps", "kube-system")) == 1


def test_subscribers_see_every_change_in_commit_order(store: Store, a_config_map: ConfigMaps) -> None:
    seen: list[Change] = []
    cancel = store.subscribe(seen.append)
    store.create("configmaps", a_config_map())
    store.update("configmaps", a_config_map(data={"a": "2"}))
    store.delete("configmaps", "default", "settings")
    cancel()
    store.create("configmaps", a_config_map())
    assert [change.type for change in seen] == ["ADDED", "MODIFIED", "DELETED"]
    assert seen[1].old is not None
    assert seen[1].old["data"] == {"a": "1"}
    assert [change.resource_version for change in seen] == sorted(change.resource_version for change in seen)


def test_a_subscriber_may_write(store: Store, a_config_map: ConfigMaps) -> None:
    seen: list[str] = []

    def follow(change: Change) -> None:
        seen.append(change.object["metadata"]["name"])
        if change.object["metadata"]["name"] == "first":
            store.create("configmaps", a_config_map(name="second"))

    store.subscribe(follow)
    store.create("configmaps", a_config_map(name="first"))
    assert seen == ["first", "second"]


def test_a_failing_subscriber_hides_nothing_from_the_others(
    store: Store, a_config_map: ConfigMaps, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_change: Change) -> None:
        raise RuntimeError("a defect")

    seen: list[Change] = []
    store.subscribe(fail)
    store.subscribe(seen.append)
    store.create("configmaps", a_config_map())
    assert len(seen) == 1
    assert "a listener failed" in caplog.text


def test_writers_on_many_threads_lose_no_change(store: Store, a_config_map: ConfigMaps) -> None:
    seen: list[int] = []
    store.subscribe(lambda change: seen.append(change.resource_version))

    def write(number: int) -> None:
        for index in range(50):
            store.create("configmaps", a_config_map(name=f"c-{number}-{index}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.list("configmaps")) == 200
    assert seen == sorted(seen)
    assert len(seen) == 200
