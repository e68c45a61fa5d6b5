"""What is served here: /version, /api, /apis in the aggregated and the older form, and the OpenAPI documents."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tidegate_sandbox import crds
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import NoSuchPath
from tidegate_sandbox.kinds import Resource
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.wire.openapi import openapi_v2, openapi_v3_document, openapi_v3_index

VERSION = {
    "major": "1",
    "minor": "34",
    "emulationMajor": "1",
    "emulationMinor": "34",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "33",
    "gitVersion": "v1.34.2",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none: tidegate-sandbox",
    "compiler": "cpython",
    "platform": "linux/amd64",
}
_CORE_ORDER = ("", "apps", "events.k8s.io", "autoscaling", "batch", "networking.k8s.io", "policy")
# What a subresource is about, where it is not the kind itself: group, version, kind.
_PART_KINDS = {
    "scale": ("autoscaling", "v1", "Scale"),
    "eviction": ("policy", "v1", "Eviction"),
    "binding": ("", "v1", "Binding"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
}
_PART_VERBS = {
    "eviction": ("create",),
    "binding": ("create",),
    "token": ("create",),
    "log": ("get",),
    "finalize": ("update",),
}


def _grouped(registry: Registry) -> dict[str, dict[str, list[Resource]]]:
    """Served kinds by group and version; core groups first, as their order settles which kind a bare name means."""
    served = sorted(registry.kinds.all(), key=lambda r: _rank(r.group))
    groups: dict[str, dict[str, list[Resource]]] = {}
    for resource in served:
        groups.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)
    return {group: dict(sorted(versions.items(), key=_newest_first)) for group, versions in groups.items()}


def _rank(group: str) -> tuple[int, str]:
    return (_CORE_ORDER.index(group), "") if group in _CORE_ORDER else (len(_CORE_ORDER), group)


def _newest_first(entry: tuple[str, list[Resource]]) -> tuple[int, int, int, str]:
    """Stable versions before beta before alpha, higher numbers first, as Kubernetes prefers them; odd names last."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", entry[0])
    if match is None:
        return (3, 0, 0, entry[0])
    stage = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return (stage, -int(match[1]), -int(match[3] or 0), entry[0])


def aggregated(registry: Registry, core: bool) -> Manifest:
    """`APIGroupDiscoveryList` for /api (`core`) or /apis."""
    items: list[Manifest] = []
    for group, versions in _grouped(registry).items():
        if (group == "") is not core:
            continue
        shown = [
            {"version": version, "resources": [_described(r) for r in kinds], "freshness": "Current"}
            for version, kinds in versions.items()
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": shown})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _described(resource: Resource) -> Manifest:
    entry: Manifest = {
        "resource": resource.plural,
        "responseKind": _gvk(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": _singular(resource),
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {"subresource": part, "responseKind": _gvk(*_part_kind(resource, part)), "verbs": list(_part_verbs(part))}
            for part in sorted(resource.subresources)
        ]
    return entry


def _gvk(group: str, version: str, kind: str) -> Manifest:
    return {"group": group, "version": version, "kind": kind}


def _singular(resource: Resource) -> str:
    return resource.singular or resource.kind.lower()


def _part_kind(resource: Resource, part: str) -> tuple[str, str, str]:
    return _PART_KINDS.get(part, (resource.group, resource.version, resource.kind))


def _part_verbs(part: str) -> tuple[str, ...]:
    return _PART_VERBS.get(part, ("get", "patch", "update"))


def versions() -> Manifest:
    """The older answer of /api."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def groups(registry: Registry) -> Manifest:
    """The older answer of /apis."""
    found = [_group(name, list(versions)) for name, versions in _grouped(registry).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def _group(name: str, found: list[str]) -> Manifest:
    shown = [{"groupVersion": f"{name}/{version}", "version": version} for version in found]
    return {"name": name, "versions": shown, "preferredVersion": shown[0]}


def group(registry: Registry, name: str) -> Manifest:
    versions = _grouped(registry).get(name)
    if not name or versions is None:
        raise NoSuchPath("404 page not found")
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, list(versions))


def resources(registry: Registry, group: str, version: str) -> Manifest:
    """The older answer of /api/v1 and /apis/<group>/<version>."""
    kinds = _grouped(registry).get(group, {}).get(version)
    if kinds is None:
        raise NoSuchPath("404 page not found")
    entries = [entry for resource in kinds for entry in _listed(resource)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": entries}


def _listed(resource: Resource) -> Iterable[Manifest]:
    entry: Manifest = {
        "name": resource.plural,
        "singularName": _singular(resource),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    yield entry
    for part in sorted(resource.subresources):
        group, version, kind = _part_kind(resource, part)
        listed: Manifest = {"name": f"{resource.plural}/{part}", "singularName": "", "namespaced": resource.namespaced}
        if part in _PART_KINDS:
            listed |= {"group": group, "version": version}
        yield listed | {"kind": kind, "verbs": list(_part_verbs(part))}


def openapi_index(registry: Registry) -> Manifest:
    return openapi_v3_index([(g, v) for g, versions in _grouped(registry).items() for v in versions])


def openapi_document(registry: Registry, group: str, version: str) -> Manifest:
    kinds = _grouped(registry).get(group, {}).get(version)
    if kinds is None:
        raise NoSuchPath("404 page not found")
    document = openapi_v3_document(group, version, kinds, _definitions(registry))
    _forbid_strategic_patches(document, {resource.kind for resource in kinds if resource.custom})
    return document


def _forbid_strategic_patches(document: Manifest, custom: set[str]) -> None:
    """kubectl chooses its patch type by this document, and custom resources refuse strategic merge patches."""
    for path in document["paths"].values():
        patch = path.get("patch") or {}
        if (patch.get("x-kubernetes-group-version-kind") or {}).get("kind") in custom:
            patch["requestBody"]["content"].pop("application/strategic-merge-patch+json", None)


def openapi_whole(registry: Registry) -> Manifest:
    return openapi_v2(registry.kinds.all(), _definitions(registry))


def _definitions(registry: Registry) -> list[Manifest]:
    return [row.object for _, row in registry.ledger.rows(crds.KEY)]
