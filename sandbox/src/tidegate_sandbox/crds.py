"""CustomResourceDefinitions: judged, completed, and turned into served kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause
from tidegate_sandbox.kinds import Resource, ScalePaths
from tidegate_sandbox.rules.fields import fill, immutable, invalid, required, section, unsupported
from tidegate_sandbox.structural import Structural

KEY = "customresourcedefinitions.apiextensions.k8s.io"
# Kept on a definition until its objects are gone, as the apiextensions finalizer controller does.
FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


def default_definition(crd: Manifest) -> None:
    """Complete a definition in place as a real server does."""
    spec = section(crd, "spec")
    fill(spec, {"conversion": {"strategy": "None"}})
    names = section(spec, "names")
    kind = str(names.get("kind") or "")
    fill(names, {"singular": kind.lower(), "listKind": f"{kind}List"})


def definition_breaches(new: Manifest, old: Manifest | None) -> list[Cause]:
    """What is wrong with a definition; call after `default_definition`."""
    return list(_breaches(new, old))


def _breaches(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec, names = new["spec"], new["spec"]["names"]
    for field in ("group", "scope"):
        if not spec.get(field):
            yield required(f"spec.{field}")
    for field in ("plural", "kind"):
        if not names.get(field):
            yield required(f"spec.names.{field}")
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        yield unsupported("spec.scope", spec.get("scope"), ("Cluster", "Namespaced"))
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if new["metadata"]["name"] != wanted:
        yield invalid("metadata.name", new["metadata"]["name"], 'must be spec.names.plural+"."+spec.group')
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield invalid(
            "spec.versions",
            [v.get("name") for v in versions],
            "must have exactly one version marked as storage version",
        )
    for index, version in enumerate(versions):
        yield from _version_breaches(version, f"spec.versions[{index}]")
    if old is not None:
        for field in ("group", "scope"):
            yield from immutable(f"spec.{field}", spec.get(field), old["spec"].get(field))


def _version_breaches(version: Manifest, path: str) -> Iterator[Cause]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        yield required(f"{path}.schema.openAPIV3Schema", "schemas are required")
        return
    where = f"{path}.schema.openAPIV3Schema"
    if schema.get("type") != "object":
        yield unsupported(f"{where}.type", schema.get("type", ""), ("object",))
    yield from _untyped(schema, where)
    try:
        _compiled(json.dumps(schema))
    except ValueError as error:
        yield invalid(where, version.get("name"), f"cannot be compiled: {error}")


def _untyped(schema: Manifest, path: str) -> Iterator[Cause]:
    """Properties without a type, which a structural schema must not have."""
    loose = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and not loose:
        yield required(f"{path}.type", "must not be empty for specified object fields")
    for name, part in (schema.get("properties") or {}).items():
        yield from _untyped(part, f"{path}.properties[{name}]")
    if isinstance(schema.get("items"), dict):
        yield from _untyped(schema["items"], f"{path}.items")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _untyped(schema["additionalProperties"], f"{path}.additionalProperties")


# Tests install the same definitions over and over; a compiled schema never changes.
@lru_cache(maxsize=64)
def _compiled(schema: str) -> Structural:
    return Structural(json.loads(schema))


def definition_status(crd: Manifest, old: Manifest | None, now: str) -> Manifest:
    """The status of an accepted definition: names taken, established at once."""
    before = (old or {}).get("status") or {}
    stored = list(before.get("storedVersions") or [])
    storage = next(version["name"] for version in crd["spec"]["versions"] if version.get("storage"))
    conditions = before.get("conditions") or [
        _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
        _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
    ]
    return {
        "acceptedNames": crd["spec"]["names"],
        "conditions": conditions,
        "storedVersions": stored if storage in stored else [*stored, storage],
    }


def _condition(kind: str, reason: str, message: str, now: str) -> Manifest:
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}


def served_resources(crd: Manifest) -> list[Resource]:
    """The kinds a definition adds, one for each served version and the stored one."""
    versions = crd["spec"]["versions"]
    return [_resource(crd["spec"], version) for version in versions if version.get("served") or version.get("storage")]


def _resource(spec: Manifest, version: Manifest) -> Resource:
    names, parts = spec["names"], version.get("subresources") or {}
    scale = parts.get("scale")
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(parts) & {"status", "scale"},
        scale=None
        if scale is None
        else ScalePaths(scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath") or ""),
        singular=names["singular"],
        list_kind=names["listKind"],
        counts_generation=True,
        storage=bool(version.get("storage")),
        storage_version=next(str(one["name"]) for one in spec["versions"] if one.get("storage")),
        custom=True,
        schema=_compiled(json.dumps(version["schema"]["openAPIV3Schema"])),
        columns=tuple(version.get("additionalPrinterColumns") or ()),
    )
