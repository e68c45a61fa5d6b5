"""OpenAPI documents: what kubectl reads to validate, diff, patch and explain.

kubectl 1.30 to 1.34 asks for the v3 index and one document for each group and version; it looks for a PATCH operation
of the kind with a `fieldValidation` parameter before it applies, and for a list path and a schema that both carry the
kind's group, version and kind before it explains. Nothing else of the operations is described.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Protocol

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.wire.schemas import OBJECT_META, builtins

V3_REFS = "#/components/schemas/"
V2_REFS = "#/definitions/"
GVK = "x-kubernetes-group-version-kind"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
COMMON = (META + "DeleteOptions", META + "Status", OBJECT_META)

# OpenAPI v2 has no words for these; Kubernetes drops them from its v2 document as well.
V3_ONLY = frozenset({"oneOf", "anyOf", "not", "nullable"})

PATCH_TYPES = ("json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml")
QUERY: dict[str, tuple[str, ...]] = {
    "get": ("pretty",),
    "put": ("dryRun", "fieldManager", "fieldValidation"),
    "patch": ("dryRun", "fieldManager", "fieldValidation", "force"),
    "post": ("dryRun", "fieldManager", "fieldValidation"),
    "delete": ("dryRun", "gracePeriodSeconds", "propagationPolicy"),
}


class ServedKind(Protocol):
    """What a document has to know of a kind the server serves."""

    @property
    def group(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def plural(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def namespaced(self) -> bool: ...
    @property
    def subresources(self) -> Collection[str]: ...


def root_of(group: str, version: str) -> str:
    """The API root of a group and version without its slash: `api/v1`, `apis/apps/v1`."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


def openapi_v3_index(group_versions: Iterable[tuple[str, str]]) -> Manifest:
    """The document at /openapi/v3: where each group and version is described."""
    roots = [root_of(group, version) for group, version in group_versions]
    return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in roots}}


def openapi_v3_document(group: str, version: str, kinds: Sequence[ServedKind], crds: Sequence[Manifest]) -> Manifest:
    """The OpenAPI v3 document of one group and version.

    `kinds` may hold kinds of other groups, which are left out; `crds` are whole CustomResourceDefinition objects, from
    which the schemas of custom kinds are taken. A kind without a known schema gets one that allows any field.
    """
    served = [kind for kind in kinds if (kind.group, kind.version) == (group, version)]
    schemas = _schemas(served, crds)
    paths: Manifest = {}
    for kind in served:
        paths.update(_paths(kind, _operation_v3))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1"},
        "paths": paths,
        "components": {"schemas": {name: referring(schema, V3_REFS) for name, schema in schemas.items()}},
    }


def openapi_v2(kinds: Sequence[ServedKind], crds: Sequence[Manifest]) -> Manifest:
    """The one OpenAPI v2 document of all kinds, as JSON; kubectl wants it as protobuf and does without."""
    schemas = _schemas(kinds, crds)
    paths: Manifest = {}
    for kind in kinds:
        paths.update(_paths(kind, _operation_v2))
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1"},
        "paths": paths,
        "definitions": {name: _without_v3(referring(schema, V2_REFS)) for name, schema in schemas.items()},
    }


def _schemas(kinds: Iterable[ServedKind], crds: Sequence[Manifest]) -> dict[str, Manifest]:
    """The schemas of the kinds and everything they refer to, by name, still with bare references."""
    tops = {name: schema for kind in kinds for name, schema in [_top_schema(kind, crds)]}
    found: dict[str, Manifest] = {}
    waiting = [*COMMON, *tops]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = tops.get(name) or builtins().definitions[name]
            waiting.extend(references(found[name]))
    return dict(sorted(found.items()))


def _top_schema(kind: ServedKind, crds: Sequence[Manifest]) -> tuple[str, Manifest]:
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    api_version = f"{kind.group}/{kind.version}" if kind.group else kind.version
    builtin = builtins().kinds.get(f"{api_version}/{kind.kind}")
    if builtin is not None:
        return builtin, {**builtins().definitions[builtin], GVK: [gvk]}
    name = ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])
    return name, {**_custom_schema(kind, crds), GVK: [gvk]}


def _custom_schema(kind: ServedKind, crds: Sequence[Manifest]) -> Manifest:
    for crd in crds:
        spec = crd["spec"]
        if (spec["group"], spec["names"]["kind"]) != (kind.group, kind.kind):
            continue
        for version in spec["versions"]:
            if version["name"] == kind.version:
                return _with_type_meta(version.get("schema", {}).get("openAPIV3Schema", {"type": "object"}))
    return _with_type_meta({"type": "object", "x-kubernetes-preserve-unknown-fields": True})


def _with_type_meta(schema: Manifest) -> Manifest:
    meta = builtins().definitions["io.k8s.api.core.v1.Pod"]["properties"]
    described = {name: meta[name] for name in ("apiVersion", "kind", "metadata")}
    return {**schema, "properties": {**schema.get("properties", {}), **described}}


def references(node: Any) -> Iterator[str]:
    """Every schema name a node refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def referring(node: Any, prefix: str) -> Any:
    """The node with full references; beside a description they stand in an `allOf`, as Kubernetes writes them."""
    if isinstance(node, list):
        return [referring(item, prefix) for item in node]
    if not isinstance(node, dict):
        return node
    target = node.get("$ref")
    if not isinstance(target, str):
        return {key: referring(value, prefix) for key, value in node.items()}
    reference, beside = {"$ref": prefix + target}, {key: value for key, value in node.items() if key != "$ref"}
    if not beside:
        return reference
    return {**beside, **reference} if prefix == V2_REFS else {"allOf": [reference], **beside}


def _without_v3(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_v3(item) for item in node]
    if not isinstance(node, dict):
        return node
    # A property may have one of these names; then its value is a schema, not a list or a truth value.
    dropped = {key for key in V3_ONLY & node.keys() if isinstance(node[key], list | bool)}
    return {key: _without_v3(value) for key, value in node.items() if key not in dropped}


class _Operation(Protocol):
    def __call__(self, kind: ServedKind, verb: str, action: str) -> Manifest: ...


def _paths(kind: ServedKind, operation: _Operation) -> Manifest:
    """The list, the object and its status and scale."""
    root = "/" + root_of(kind.group, kind.version)
    collection = f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"
    in_path = ["namespace", "name"] if kind.namespaced else ["name"]
    here = {"parameters": [_path_parameter(name) for name in in_path[:-1]]}
    there = {"parameters": [_path_parameter(name) for name in in_path]}
    paths: Manifest = {
        collection: {"get": operation(kind, "get", "list"), "post": operation(kind, "post", "post"), **here},
        f"{collection}/{{name}}": {verb: operation(kind, verb, verb) for verb in ("get", "put", "patch", "delete")}
        | there,
    }
    if kind.namespaced:
        paths[f"{root}/{kind.plural}"] = {"get": operation(kind, "get", "list")}
    for part in sorted({"status", "scale"} & set(kind.subresources)):
        paths[f"{collection}/{{name}}/{part}"] = {v: operation(kind, v, v) for v in ("get", "put", "patch")} | there
    return paths


def _path_parameter(name: str) -> Manifest:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _operation(kind: ServedKind, action: str) -> Manifest:
    return {
        "operationId": f"{action}{kind.group.replace('.', '')}{kind.version}{kind.kind}",
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": action,
        GVK: {"group": kind.group, "version": kind.version, "kind": kind.kind},
    }


def _operation_v3(kind: ServedKind, verb: str, action: str) -> Manifest:
    query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in QUERY[verb]]
    operation = _operation(kind, action) | {"parameters": query}
    if verb == "patch":
        any_body = {"schema": {"type": "object"}}
        operation["requestBody"] = {"content": {f"application/{patch}": any_body for patch in PATCH_TYPES}}
    return operation


def _operation_v2(kind: ServedKind, verb: str, action: str) -> Manifest:
    query = [{"name": name, "in": "query", "type": "string"} for name in QUERY[verb]]
    operation = _operation(kind, action) | {"parameters": query, "produces": ["application/json"]}
    if verb == "patch":
        operation["consumes"] = [f"application/{patch}" for patch in PATCH_TYPES]
    return operation
