"""Watch streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate_sandbox.api import watches
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.server import Sandbox

Api = Any
ConfigMaps = Callable[..., Manifest]
MAPS = "/api/v1/namespaces/default/configmaps"


def told(event: Manifest) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


def test_a_watch_from_nowhere_tells_the_state_then_what_happens(
    cluster: Sandbox, api: Api, a_config_map: ConfigMaps
) -> None:
    cluster.objects.create("configmaps", a_config_map("a"))
    stream = api.watch(MAPS)
    assert told(next(stream)) == ("ADDED", "a")
    cluster.objects.create("configmaps", a_config_map("b"))
    cluster.objects.update("configmaps", a_config_map("b", data={"a": "2"}))
    cluster.objects.delete("configmaps", "default", "b")
    assert [told(next(stream)) for _ in range(3)] == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]


def test_a_watch_goes_on_after_its_version(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    version = cluster.objects.create("configmaps", a_config_map("a"))["metadata"]["resourceVersion"]
    cluster.objects.create("configmaps", a_config_map("b"))
    cluster.objects.delete("configmaps", "default", "a")
    stream = api.watch(f"{MAPS}?resourceVersion={version}")
    first, second = next(stream), next(stream)
    assert [told(first), told(second)] == [("ADDED", "b"), ("DELETED", "a")]
    assert int(second["object"]["metadata"]["resourceVersion"]) == cluster.objects.version


def test_other_namespaces_and_kinds_are_not_told(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    stream = api.watch(f"{MAPS}?resourceVersion={cluster.objects.version}")
    cluster.objects.create("configmaps", a_config_map("a", namespace="kube-system"))
    cluster.objects.create("secrets", {"metadata": {"name": "a"}})
    cluster.objects.create("configmaps", a_config_map("b"))
    assert told(next(stream)) == ("ADDED", "b")


def test_an_object_enters_and_leaves_a_selection(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    stream = api.watch(f"{MAPS}?labelSelector=on%3D1")
    for labels in ({}, {"on": "1"}, {"on": "1", "x": "y"}, {}):
        manifest = a_config_map("a", labels=labels)
        if cluster.objects.list("configmaps"):
            cluster.objects.update("configmaps", manifest)
        else:
            cluster.objects.create("configmaps", manifest)
    events = [next(stream) for _ in range(3)]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert events[2]["object"]["metadata"]["labels"] == {"on": "1", "x": "y"}
    assert int(events[2]["object"]["metadata"]["resourceVersion"]) == cluster.objects.version


def test_one_object_is_watched_by_name(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    stream = api.watch(f"{MAPS}?fieldSelector=metadata.name%3Db")
    cluster.objects.create("configmaps", a_config_map("a"))
    cluster.objects.create("configmaps", a_config_map("b"))
    assert told(next(stream)) == ("ADDED", "b")


def test_a_version_that_is_compacted_away_ends_with_an_error_event(
    cluster: Sandbox, api: Api, a_config_map: ConfigMaps
) -> None:
    cluster.objects.create("configmaps", a_config_map("a"))
    cluster.objects.compact()
    events = list(api.watch(f"{MAPS}?resourceVersion=1"))
    assert [event["type"] for event in events] == ["ERROR"]
    assert (events[0]["object"]["code"], events[0]["object"]["reason"]) == (410, "Expired")


def test_a_streamed_list_ends_with_its_bookmark(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    cluster.objects.create("configmaps", a_config_map("a"))
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    stream = api.watch(f"{MAPS}?{query}")
    assert told(next(stream)) == ("ADDED", "a")
    bookmark = next(stream)
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["kind"] == "ConfigMap"
    meta = bookmark["object"]["metadata"]
    assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(meta["resourceVersion"]) == cluster.objects.version


def test_a_streamed_list_must_say_how_old_it_may_be(api: Api) -> None:
    assert api("GET", f"{MAPS}?watch=1&sendInitialEvents=true").code == 422


def test_a_watch_ends_in_time_with_a_bookmark(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    cluster.objects.create("configmaps", a_config_map("a"))
    version = cluster.objects.version
    # Of another kind: it moves the version without an event.
    cluster.objects.create("secrets", {"metadata": {"name": "s"}})
    events = list(api.watch(f"{MAPS}?resourceVersion={version}&timeoutSeconds=1&allowWatchBookmarks=true"))
    assert [event["type"] for event in events] == ["BOOKMARK"]
    assert int(events[0]["object"]["metadata"]["resourceVersion"]) == cluster.objects.version


def test_bookmarks_come_while_nothing_happens(cluster: Sandbox, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "BOOKMARK_S", 0.02)
    stream = api.watch(f"{MAPS}?allowWatchBookmarks=true")
    assert [next(stream)["type"] for _ in range(2)] == ["BOOKMARK", "BOOKMARK"]


def test_rows_for_kubectl(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    stream = api.watch(MAPS, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    cluster.objects.create("configmaps", a_config_map("a"))
    event = next(stream)
    assert (event["type"], event["object"]["kind"]) == ("ADDED", "Table")
    assert event["object"]["rows"][0]["cells"][0] == "a"


def test_a_storm_reaches_every_watcher_in_order(cluster: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    streams = [api.watch(f"{MAPS}?resourceVersion={cluster.objects.version}") for _ in range(10)]
    for number in range(200):
        cluster.objects.create("configmaps", a_config_map(f"c{number}"))
    wanted = [("ADDED", f"c{number}") for number in range(200)]
    assert all([told(next(stream)) for _ in range(200)] == wanted for stream in streams)
