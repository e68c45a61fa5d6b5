"""POST, PUT, PATCH, DELETE and subresources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.server import Sandbox

Api = Any
Build = Callable[..., Manifest]
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
GATES = "/apis/example.com/v1/namespaces/default/gates"
PODS = "/api/v1/namespaces/default/pods"
STRATEGIC, JSON_PATCH = "application/strategic-merge-patch+json", "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@pytest.fixture
def gates(cluster: Sandbox, gate_definition: Manifest) -> Sandbox:
    cluster.apply(gate_definition)
    return cluster


def test_create_answers_201_with_the_object_and_its_owner(api: Api, a_config_map: Build) -> None:
    reply = api("POST", MAPS, a_config_map(), agent="kubectl/v1.34")
    assert reply.code == 201
    owner = reply.json["metadata"]["managedFields"][0]
    assert (owner["manager"], owner["operation"]) == ("kubectl", "Update")
    assert owner["fieldsV1"] == {"f:data": {".": {}, "f:a": {}}}


def test_yaml_is_understood(api: Api) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: b}\n"
    assert api("POST", MAPS, body, "application/yaml").json["data"] == {"a": "b"}


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"metadata": {"name": "c", "namespace": "other"}}, 400, "BadRequest"),
        ({"kind": "Secret"}, 400, "BadRequest"),
        ({"metadata": {"name": "c", "resourceVersion": "1"}}, 400, "BadRequest"),
        ({"metadata": {}}, 422, "Invalid"),
        ({"data": {"a": 1}}, 400, "BadRequest"),
    ],
    ids=["namespace", "kind", "version", "no name", "type"],
)
def test_create_refuses(api: Api, a_config_map: Build, change: Manifest, code: int, reason: str) -> None:
    reply = api("POST", MAPS, a_config_map() | change)
    assert (reply.code, reply.json["reason"]) == (code, reason)


def test_a_body_that_is_no_json_is_a_bad_request(api: Api) -> None:
    assert api("POST", MAPS, b"{bad").code == 400


def test_a_dry_run_writes_nothing(cluster: Sandbox, api: Api, a_config_map: Build) -> None:
    before = cluster.objects.version
    assert api("POST", f"{MAPS}?dryRun=All", a_config_map()).code == 201
    assert (cluster.objects.version, cluster.objects.list("configmaps")) == (before, [])


def test_a_stale_put_conflicts(api: Api, a_config_map: Build) -> None:
    api("POST", MAPS, a_config_map())
    reply = api("PUT", f"{MAPS}/settings", a_config_map(resourceVersion="1"))
    assert (reply.code, reply.json["reason"]) == (409, "Conflict")
    assert "the object has been modified" in reply.json["message"]
    assert reply.json["details"] == {"name": "settings", "kind": "configmaps"}


def test_a_put_of_a_custom_resource_needs_its_version(gates: Sandbox, api: Api, a_gate: Build) -> None:
    api("POST", GATES, a_gate())
    reply = api("PUT", f"{GATES}/g", a_gate(replicas=2))
    assert reply.code == 422
    assert reply.json["details"]["causes"][0]["field"] == "metadata.resourceVersion"


def test_unknown_fields_warn_by_default(gates: Sandbox, api: Api, a_gate: Build) -> None:
    reply = api("POST", GATES, a_gate(nope=1))
    assert reply.code == 201
    assert reply.headers["warning"] == '299 - "unknown field \\"spec.nope\\""'


def test_unknown_fields_are_refused_when_asked(gates: Sandbox, api: Api, a_gate: Build) -> None:
    reply = api("POST", f"{GATES}?fieldValidation=Strict", a_gate(nope=1))
    assert reply.code == 400
    assert reply.json["message"].endswith('strict decoding error: unknown field "spec.nope"')


def test_a_typo_in_a_built_in_kind_is_found(api: Api, a_deployment: Build) -> None:
    reply = api("POST", f"{DEPLOYMENTS}?fieldValidation=Strict", a_deployment(replica=1))
    assert 'unknown field "spec.replica"' in reply.json["message"]


def test_the_three_patch_formats(api: Api, a_deployment: Build) -> None:
    api("POST", DEPLOYMENTS, a_deployment())
    container = {"name": "app", "env": [{"name": "A", "value": "1"}]}
    strategic = {"spec": {"template": {"spec": {"containers": [container]}}}}
    merged = api("PATCH", f"{DEPLOYMENTS}/web", strategic, STRATEGIC).json["spec"]["template"]["spec"]["containers"]
    assert (merged[0]["image"], merged[0]["env"]) == ("app:1", [{"name": "A", "value": "1"}])
    replace = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
    assert api("PATCH", f"{DEPLOYMENTS}/web", replace, JSON_PATCH).json["spec"]["replicas"] == 4
    replaced = api.merge(f"{DEPLOYMENTS}/web", {"spec": {"template": {"spec": {"containers": None}}}})
    assert replaced.code == 422


def test_a_json_patch_whose_test_fails_changes_nothing(cluster: Sandbox, api: Api, a_config_map: Build) -> None:
    api("POST", MAPS, a_config_map())
    patch = [{"op": "replace", "path": "/data/a", "value": "2"}, {"op": "test", "path": "/data/a", "value": "1"}]
    assert api("PATCH", f"{MAPS}/settings", patch, JSON_PATCH).code == 422
    assert cluster.objects.get("configmaps", "default", "settings")["data"] == {"a": "1"}


def test_a_patch_with_a_stale_version_conflicts(api: Api, a_config_map: Build) -> None:
    api("POST", MAPS, a_config_map())
    assert api.merge(f"{MAPS}/settings", {"metadata": {"resourceVersion": "1"}, "data": {"b": "2"}}).code == 409


def test_a_custom_resource_takes_no_strategic_patch(gates: Sandbox, api: Api, a_gate: Build) -> None:
    api("POST", GATES, a_gate())
    reply = api("PATCH", f"{GATES}/g", {"spec": {"replicas": 2}}, STRATEGIC)
    assert (reply.code, reply.json["reason"]) == (415, "UnsupportedMediaType")
    assert "application/merge-patch+json" in reply.json["message"]


def test_a_status_patch_changes_the_status_alone(gates: Sandbox, api: Api, a_gate: Build) -> None:
    api("POST", GATES, a_gate())
    body = api.merge(f"{GATES}/g/status", {"status": {"replicas": 3}, "spec": {"replicas": 9}}).json
    assert (body["status"]["replicas"], body["spec"]["replicas"]) == (3, 1)
    owner = body["metadata"]["managedFields"][-1]
    assert owner["subresource"] == "status"


def test_server_side_apply_owns_what_it_says(api: Api, a_deployment: Build) -> None:
    manifest = a_deployment(replicas=2)
    assert api("PATCH", f"{DEPLOYMENTS}/web?fieldManager=one", manifest, APPLY).code == 201
    assert api("PATCH", f"{DEPLOYMENTS}/web?fieldManager=one", manifest, APPLY).code == 200
    clash = api("PATCH", f"{DEPLOYMENTS}/web?fieldManager=two", a_deployment(replicas=3), APPLY)
    assert clash.code == 409
    assert [cause["field"] for cause in clash.json["details"]["causes"]] == [".spec.replicas"]
    forced = api("PATCH", f"{DEPLOYMENTS}/web?fieldManager=two&force=true", a_deployment(replicas=3), APPLY)
    assert forced.json["spec"]["replicas"] == 3


def test_the_same_apply_twice_writes_once(cluster: Sandbox, api: Api, a_deployment: Build) -> None:
    api("PATCH", f"{DEPLOYMENTS}/web?fieldManager=one", a_deployment(), APPLY)
    before = cluster.objects.version
    api("PATCH", f"{DEPLOYMENTS}/web?fieldManager=one", a_deployment(), APPLY)
    assert cluster.objects.version == before


def test_apply_needs_a_manager(api: Api, a_deployment: Build) -> None:
    assert api("PATCH", f"{DEPLOYMENTS}/web", a_deployment(), APPLY).code == 422


def test_delete_answers_a_status_or_what_is_held(cluster: Sandbox, api: Api, a_config_map: Build) -> None:
    made = cluster.objects.create("configmaps", a_config_map("plain"))
    cluster.objects.create("configmaps", a_config_map("held", finalizers=["x.io/hold"]))
    gone = api("DELETE", f"{MAPS}/plain").json
    assert (gone["kind"], gone["status"], gone["details"]["uid"]) == ("Status", "Success", made["metadata"]["uid"])
    held = api("DELETE", f"{MAPS}/held").json
    assert (held["kind"], "deletionTimestamp" in held["metadata"]) == ("ConfigMap", True)


@pytest.mark.parametrize("where", ["body", "query"])
def test_the_propagation_policy_arrives(cluster: Sandbox, api: Api, a_deployment: Build, where: str) -> None:
    cluster.objects.create("deployments.apps", a_deployment())
    if where == "body":
        api("DELETE", f"{DEPLOYMENTS}/web", {"propagationPolicy": "Foreground"})
    else:
        api("DELETE", f"{DEPLOYMENTS}/web?propagationPolicy=Foreground")
    assert cluster.objects.get("deployments.apps", "default", "web")["metadata"]["finalizers"] == ["foregroundDeletion"]


def test_delete_honours_preconditions(cluster: Sandbox, api: Api, a_config_map: Build) -> None:
    cluster.objects.create("configmaps", a_config_map())
    assert api("DELETE", f"{MAPS}/settings", {"preconditions": {"uid": "another"}}).code == 409
    assert len(cluster.objects.list("configmaps")) == 1


def test_delete_of_a_collection_takes_what_is_chosen(cluster: Sandbox, api: Api, a_config_map: Build) -> None:
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        cluster.objects.create("configmaps", a_config_map(name, labels={"l": label}))
    body = api("DELETE", f"{MAPS}?labelSelector=l%3Dx").json
    assert (body["kind"], len(body["items"])) == ("ConfigMapList", 2)
    assert [item["metadata"]["name"] for item in cluster.objects.list("configmaps")] == ["c"]


def test_scale_reads_and_writes_replicas(gates: Sandbox, api: Api, a_gate: Build) -> None:
    api("POST", GATES, a_gate(replicas=2))
    api.merge(f"{GATES}/g/status", {"status": {"replicas": 1, "selector": "app=g"}})
    scale = api("GET", f"{GATES}/g/scale").json
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 2},
        {"replicas": 1, "selector": "app=g"},
    )
    scale["spec"]["replicas"] = 5
    assert api("PUT", f"{GATES}/g/scale", scale).json["spec"] == {"replicas": 5}
    assert api.merge(f"{GATES}/g/scale", {"spec": {"replicas": -1}}).code == 422
    assert gates.objects.get("gates.example.com", "default", "g")["spec"]["replicas"] == 5


def test_a_stale_scale_conflicts(gates: Sandbox, api: Api, a_gate: Build) -> None:
    api("POST", GATES, a_gate(replicas=2))
    scale = api("GET", f"{GATES}/g/scale").json
    api.merge(f"{GATES}/g", {"spec": {"replicas": 3}})
    assert api("PUT", f"{GATES}/g/scale", scale | {"spec": {"replicas": 5}}).code == 409


def test_the_selector_of_a_scale_is_text(cluster: Sandbox, api: Api, a_deployment: Build) -> None:
    cluster.objects.create("deployments.apps", a_deployment())
    assert api("GET", f"{DEPLOYMENTS}/web/scale").json["status"] == {"replicas": 0, "selector": "app=web"}


@pytest.fixture
def ready_pods(cluster: Sandbox) -> Sandbox:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    owner = cluster.objects.create("replicasets.apps", {"metadata": {"name": "web"}, "spec": spec})
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True}
    reference["uid"] = owner["metadata"]["uid"]
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
    for number in range(3):
        meta = {"name": f"p{number}", "labels": labels, "ownerReferences": [reference]}
        made = cluster.objects.create("pods", {"metadata": meta, "spec": template["spec"]})
        cluster.objects.update("pods", made | {"status": made["status"] | ready}, subresource="status")
    return cluster


def test_a_patch_that_names_another_uid_is_refused(cluster: Sandbox, api: Api, a_config_map: Build) -> None:
    cluster.objects.create("configmaps", a_config_map())
    reply = api.merge(f"{MAPS}/settings", {"metadata": {"uid": "another"}, "data": {"a": "2"}})
    message = 'ConfigMap "settings" is invalid: metadata.uid: Invalid value: "another": field is immutable'
    assert (reply.code, reply.json["message"]) == (422, message)
    assert api.merge(f"{MAPS}/settings", {"metadata": {"uid": "another", "resourceVersion": "1"}}).code == 409


def test_a_binding_puts_a_pod_on_a_node_once(ready_pods: Sandbox, api: Api) -> None:
    body = {"metadata": {"name": "p0"}, "target": {"kind": "Node", "name": "node-1"}}
    assert api("POST", f"{PODS}/p0/binding", body).code == 201
    assert ready_pods.objects.get("pods", "default", "p0")["spec"]["nodeName"] == "node-1"
    assert api("POST", f"{PODS}/p0/binding", body).code == 409


def test_a_log_says_that_there_is_none(ready_pods: Sandbox, api: Api) -> None:
    assert b"runs no program" in api("GET", f"{PODS}/p0/log").body
    assert api("GET", f"{PODS}/p0/log?container=x").code == 400


def test_everybody_may_do_everything(api: Api) -> None:
    review = api("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}})
    assert (review.code, review.json["status"]["allowed"]) == (201, True)
    rules = api("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})
    assert rules.json["status"]["resourceRules"][0]["verbs"] == ["*"]


def test_a_method_that_a_path_does_not_take(api: Api, a_config_map: Build) -> None:
    api("POST", MAPS, a_config_map())
    assert api("POST", f"{MAPS}/settings", a_config_map()).code == 405
    assert api("PUT", MAPS, a_config_map()).code == 405
