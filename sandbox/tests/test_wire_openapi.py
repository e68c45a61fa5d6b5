"""The OpenAPI documents hold what kubectl looks for before it applies or explains."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

from tidegate_sandbox.wire.openapi import openapi_v2, openapi_v3_document, openapi_v3_index, references
from tidegate_sandbox.wire.schemas import builtin_schema, builtins, crd_schema


@dataclass(frozen=True)
class Served:
    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    subresources: Collection[str] = ()


DEPLOYMENTS = Served("apps", "v1", "deployments", "Deployment", True, ("status", "scale"))
NODES = Served("", "v1", "nodes", "Node", False)
THINGS = Served("example.com", "v1", "things", "Thing")
THING_CRD: dict[str, Any] = {
    "kind": "CustomResourceDefinition",
    "spec": {
        "group": "example.com",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [
            {
                "name": "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "description": "A thing.",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "size": {"type": "integer", "description": "How big it is.", "nullable": True},
                                    "not": {"type": "string"},
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}


def of_kind(served: Served) -> dict[str, str]:
    return {"group": served.group, "version": served.version, "kind": served.kind}


def document(served: Served, *crds: dict[str, Any]) -> dict[str, Any]:
    return openapi_v3_document(served.group, served.version, [served], crds)


def test_the_index_names_one_document_for_each_group_and_version() -> None:
    assert openapi_v3_index([("", "v1"), ("apps", "v1")]) == {
        "paths": {
            "api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"},
            "apis/apps/v1": {"serverRelativeURL": "/openapi/v3/apis/apps/v1"},
        }
    }


@pytest.mark.parametrize(
    ("served", "path"),
    [
        pytest.param(DEPLOYMENTS, "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", id="namespaced"),
        pytest.param(NODES, "/api/v1/nodes/{name}", id="cluster-core"),
        pytest.param(THINGS, "/apis/example.com/v1/namespaces/{namespace}/things/{name}", id="custom"),
    ],
)
def test_patch_says_its_kind_and_takes_field_validation(served: Served, path: str) -> None:
    patch = document(served, THING_CRD)["paths"][path]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == of_kind(served)
    assert {"fieldValidation", "dryRun", "fieldManager", "force"} <= {p["name"] for p in patch["parameters"]}
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]


def test_only_the_declared_subresources_have_paths() -> None:
    paths = document(DEPLOYMENTS)["paths"]
    assert {path.rpartition("/")[2] for path in paths} == {"deployments", "{name}", "status", "scale"}
    assert not any(path.endswith(("status", "scale")) for path in document(NODES)["paths"])


def test_kinds_of_other_groups_are_left_out() -> None:
    found = openapi_v3_document("apps", "v1", [DEPLOYMENTS, NODES], [])
    assert not any("nodes" in path for path in found["paths"])


@pytest.mark.parametrize("served", [pytest.param(DEPLOYMENTS, id="apps"), pytest.param(THINGS, id="custom")])
def test_every_reference_leads_to_a_schema(served: Served) -> None:
    found = document(served, THING_CRD)
    names = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert set(references(found)) <= names


def test_the_schema_of_a_builtin_kind_carries_descriptions_and_list_keys() -> None:
    schemas = document(DEPLOYMENTS)["components"]["schemas"]
    assert schemas["io.k8s.api.apps.v1.Deployment"]["x-kubernetes-group-version-kind"] == [of_kind(DEPLOYMENTS)]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["description"].startswith("List of containers")
    assert containers["items"]["allOf"] == [{"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}]


def test_the_schema_of_a_custom_kind_comes_from_its_definition() -> None:
    schema = document(THINGS, THING_CRD)["components"]["schemas"]["com.example.v1.Thing"]
    assert schema["properties"]["spec"]["properties"]["size"]["description"] == "How big it is."
    assert set(schema["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    assert schema["x-kubernetes-group-version-kind"] == [of_kind(THINGS)]


def test_a_kind_without_a_schema_allows_any_field() -> None:
    schema = document(THINGS)["components"]["schemas"]["com.example.v1.Thing"]
    assert schema["x-kubernetes-preserve-unknown-fields"] is True


def test_version_two_has_no_words_of_version_three() -> None:
    found = openapi_v2([DEPLOYMENTS, THINGS], [THING_CRD])
    names = {f"#/definitions/{name}" for name in found["definitions"]}
    assert set(references(found)) <= names
    fields = found["definitions"]["com.example.v1.Thing"]["properties"]["spec"]["properties"]
    assert fields == {"size": {"type": "integer", "description": "How big it is."}, "not": {"type": "string"}}


def test_every_builtin_schema_is_complete() -> None:
    data = builtins()
    assert {target for schema in data.definitions.values() for target in references(schema)} <= set(data.definitions)
    assert set(data.kinds.values()) <= set(data.definitions)


@pytest.mark.parametrize(
    ("api_version", "kind", "path", "keys", "merge_key"),
    [
        pytest.param("v1", "Service", "spec.ports", ("port", "protocol"), "port", id="service-ports"),
        pytest.param("v1", "Pod", "spec.containers", ("name",), "name", id="containers"),
        pytest.param("v1", "Pod", "spec.hostAliases", ("ip",), "ip", id="host-aliases"),
        pytest.param("v1", "Pod", "metadata.ownerReferences", ("uid",), "uid", id="owner-references"),
        pytest.param("apps/v1", "Deployment", "status.conditions", ("type",), "type", id="conditions"),
    ],
)
def test_list_keys_of_builtin_kinds(
    api_version: str, kind: str, path: str, keys: tuple[str, ...], merge_key: str
) -> None:
    schema = builtin_schema(api_version, kind)
    assert schema is not None
    for name in path.split("."):
        schema = schema.field(name)
    assert (schema.keys, schema.merge_key) == (keys, merge_key)


def test_an_unknown_kind_has_no_builtin_schema() -> None:
    assert builtin_schema("example.com/v1", "Thing") is None


def test_metadata_of_a_custom_kind_follows_object_meta() -> None:
    schema = crd_schema(THING_CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    assert schema.field("metadata").field("ownerReferences").keys == ("uid",)
