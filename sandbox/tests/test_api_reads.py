"""GET: objects, lists, pages, versions, forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.server import Sandbox

Api = Any
ConfigMaps = Callable[..., Manifest]
MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
def five(cluster: Sandbox, a_config_map: ConfigMaps) -> Sandbox:
    for number in range(5):
        cluster.objects.create("configmaps", a_config_map(f"c{number}", labels={"odd": str(number % 2)}))
    return cluster


def names(reply: Any) -> list[str]:
    return [item["metadata"]["name"] for item in reply.json["items"]]


def test_a_list_names_its_kind_and_version(five: Sandbox, api: Api) -> None:
    body = api("GET", MAPS).json
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert body["metadata"] == {"resourceVersion": str(five.objects.version)}


def test_a_list_of_all_namespaces(five: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    five.objects.create("configmaps", a_config_map("other", namespace="kube-system"))
    assert len(names(api("GET", MAPS))) == 5
    assert len(names(api("GET", "/api/v1/configmaps"))) == 6


def test_selectors_choose(five: Sandbox, api: Api) -> None:
    assert names(api("GET", f"{MAPS}?labelSelector=odd%3D1")) == ["c1", "c3"]
    assert names(api("GET", f"{MAPS}?fieldSelector=metadata.name%21%3Dc0&labelSelector=odd%3D0")) == ["c2", "c4"]


def test_a_missing_object_answers_404_with_its_kind_and_name(api: Api) -> None:
    reply = api("GET", f"{MAPS}/none")
    assert reply.code == 404
    assert reply.json["reason"] == "NotFound"
    assert reply.json["details"] == {"name": "none", "kind": "configmaps"}


def test_a_path_of_no_kind_answers_404_in_plain_text(api: Api) -> None:
    reply = api("GET", "/apis/nope/v1/things")
    assert (reply.code, reply.body) == (404, b"404 page not found\n")


def test_pages_show_one_snapshot(five: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    first = api("GET", f"{MAPS}?limit=2")
    assert names(first) == ["c0", "c1"]
    assert first.json["metadata"]["remainingItemCount"] == 3
    five.objects.delete("configmaps", "default", "c2")
    five.objects.create("configmaps", a_config_map("c9"))
    second = api("GET", f"{MAPS}?limit=2&continue={first.json['metadata']['continue']}")
    assert names(second) == ["c2", "c3"]
    third = api("GET", f"{MAPS}?limit=2&continue={second.json['metadata']['continue']}")
    assert names(third) == ["c4"]
    assert "continue" not in third.json["metadata"]
    assert third.json["metadata"]["resourceVersion"] == first.json["metadata"]["resourceVersion"]


def test_a_page_after_compaction_is_gone(five: Sandbox, api: Api, a_config_map: ConfigMaps) -> None:
    token = api("GET", f"{MAPS}?limit=2").json["metadata"]["continue"]
    five.objects.create("configmaps", a_config_map("c9"))
    five.objects.compact()
    reply = api("GET", f"{MAPS}?limit=2&continue={token}")
    assert (reply.code, reply.json["reason"]) == (410, "Expired")


def test_an_exact_version_shows_the_past(five: Sandbox, api: Api) -> None:
    version = five.objects.version
    five.objects.delete("configmaps", "default", "c0")
    past = api("GET", f"{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact")
    assert len(names(past)) == 5
    five.objects.compact()
    assert api("GET", f"{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact").code == 410


def test_version_zero_and_not_older_than_answer_the_present(five: Sandbox, api: Api) -> None:
    version = five.objects.version
    five.objects.delete("configmaps", "default", "c0")
    assert len(names(api("GET", f"{MAPS}?resourceVersion=0"))) == 4
    assert len(names(api("GET", f"{MAPS}?resourceVersion={version}&resourceVersionMatch=NotOlderThan"))) == 4


def test_a_version_of_the_future_is_a_timeout_that_clients_know(api: Api) -> None:
    reply = api("GET", f"{MAPS}?resourceVersion=999999")
    assert (reply.code, reply.json["reason"]) == (504, "Timeout")
    assert reply.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("resourceVersion=abc", 400),
        ("limit=x", 400),
        ("continue=abc", 400),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=1&resourceVersionMatch=Sometimes", 422),
        ("fieldSelector=data.a%3D1", 400),
        ("labelSelector=a+in+(b", 400),
    ],
)
def test_a_bad_query_is_refused(api: Api, query: str, code: int) -> None:
    assert api("GET", f"{MAPS}?{query}").code == code


def test_a_table_for_kubectl(five: Sandbox, api: Api) -> None:
    body = api("GET", MAPS, accept=TABLE).json
    assert (body["kind"], body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in body["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert body["rows"][0]["cells"][:2] == ["c0", 1]
    assert body["metadata"]["resourceVersion"] == str(five.objects.version)


def test_metadata_alone_for_metadata_informers(five: Sandbox, api: Api) -> None:
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    body = api("GET", MAPS, accept=accept).json
    assert body["kind"] == "PartialObjectMetadataList"
    assert set(body["items"][0]) == {"kind", "apiVersion", "metadata"}


def test_a_media_type_that_nobody_gives_is_not_acceptable(api: Api) -> None:
    assert api("GET", MAPS, accept="text/html").code == 406


def test_columns_of_a_definition(
    cluster: Sandbox, api: Api, gate_definition: Manifest, a_gate: Callable[..., Manifest]
) -> None:
    cluster.apply([gate_definition, a_gate(replicas=3)])
    body = api("GET", "/apis/example.com/v1/namespaces/default/gates", accept=TABLE).json
    assert [column["name"] for column in body["columnDefinitions"]] == ["Name", "Replicas"]
    assert body["rows"][0]["cells"] == ["g", 3]


def test_events_of_both_groups_are_the_same_objects(cluster: Sandbox, api: Api) -> None:
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "message": "pulled",
        "source": {"component": "kubelet"},
        "count": 2,
    }
    assert api("POST", "/api/v1/namespaces/default/events", event).code == 201
    newer = api("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e").json
    assert (newer["apiVersion"], newer["note"], newer["regarding"]["name"]) == ("events.k8s.io/v1", "pulled", "p")
    assert newer["deprecatedCount"] == 2
    sent = {"metadata": {"name": "f"}, "regarding": {"kind": "Pod", "name": "p", "namespace": "default"}, "note": "new"}
    assert api("POST", "/apis/events.k8s.io/v1/namespaces/default/events", sent).code == 201
    older = api("GET", "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp").json["items"]
    assert [item["message"] for item in older] == ["pulled", "new"]


def test_autoscalers_of_both_versions_are_the_same_objects(api: Api) -> None:
    path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
    target = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
    spec = {"maxReplicas": 3, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 50}
    assert api("POST", path.format("v1"), {"metadata": {"name": "h"}, "spec": spec}).code == 201
    newer = api("GET", path.format("v2") + "/h").json
    assert newer["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}
    assert api("GET", path.format("v1") + "/h").json["spec"]["targetCPUUtilizationPercentage"] == 50
