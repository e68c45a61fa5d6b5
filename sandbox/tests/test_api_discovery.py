"""What clients ask before anything else."""

from __future__ import annotations

from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.server import Sandbox

Api = Any
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def test_the_version_is_a_kubernetes_version(api: Api) -> None:
    assert api("GET", "/version").json["gitVersion"] == "v1.34.2"


def test_health(api: Api) -> None:
    assert [api("GET", path).body for path in ("/healthz", "/livez", "/readyz")] == [b"ok"] * 3


def test_aggregated_discovery_names_its_media_type(api: Api) -> None:
    reply = api("GET", "/apis", accept=AGGREGATED)
    assert reply.headers["content-type"] == AGGREGATED.partition(",")[0]
    groups = {item["metadata"]["name"]: item for item in reply.json["items"]}
    deployments = next(r for r in groups["apps"]["versions"][0]["resources"] if r["resource"] == "deployments")
    assert deployments["responseKind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert [part["subresource"] for part in deployments["subresources"]] == ["scale", "status"]
    assert [version["version"] for version in groups["autoscaling"]["versions"]] == ["v2", "v1"]


def test_core_discovery(api: Api) -> None:
    body = api("GET", "/api", accept=AGGREGATED).json
    assert body["kind"] == "APIGroupDiscoveryList"
    assert body["items"][0]["metadata"] == {}
    assert api("GET", "/api").json["versions"] == ["v1"]


def test_older_discovery_lists_the_same_kinds(api: Api) -> None:
    names = {entry["name"] for entry in api("GET", "/api/v1").json["resources"]}
    assert {"pods", "pods/eviction", "configmaps", "namespaces/status"} <= names
    group = next(group for group in api("GET", "/apis").json["groups"] if group["name"] == "apps")
    assert group["preferredVersion"]["groupVersion"] == "apps/v1"
    assert api("GET", "/apis/apps").json["name"] == "apps"
    assert api("GET", "/apis/nope").code == 404


def test_a_definition_adds_its_kind_and_takes_it_away(cluster: Sandbox, api: Api, gate_definition: Manifest) -> None:
    assert api("GET", "/apis/example.com/v1").code == 404
    cluster.apply(gate_definition)
    entries = {entry["name"]: entry for entry in api("GET", "/apis/example.com/v1").json["resources"]}
    assert set(entries) == {"gates", "gates/scale", "gates/status"}
    assert entries["gates"]["shortNames"] == ["gt"]
    assert "/openapi/v3/apis/example.com/v1" in str(api("GET", "/openapi/v3").json)
    cluster.objects.delete("customresourcedefinitions.apiextensions.k8s.io", "", "gates.example.com")
    assert api("GET", "/apis/example.com/v1").code == 404


def test_openapi_tells_kubectl_how_a_custom_resource_is_patched(
    cluster: Sandbox, api: Api, gate_definition: Manifest
) -> None:
    cluster.apply(gate_definition)
    paths = api("GET", "/openapi/v3/apis/example.com/v1").json["paths"]
    patches = [entry["patch"]["requestBody"]["content"] for entry in paths.values() if "patch" in entry]
    assert patches
    assert all("application/merge-patch+json" in content for content in patches)
    assert not any("application/strategic-merge-patch+json" in content for content in patches)
