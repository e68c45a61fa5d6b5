"""Manifests from files, and the one-call apply that sets up a sandbox."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from tidegate_sandbox import crds
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.conversion import as_served, as_stored
from tidegate_sandbox.errors import AlreadyExists, BadRequest, Conflict, NotFound, StartError
from tidegate_sandbox.kinds import Resource
from tidegate_sandbox.preparation import WriteOptions, schema_of
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.store import copied
from tidegate_sandbox.wire.apply import Write, server_side_apply

MANAGER = "tidegate-sandbox"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Stamp = tuple[str, int, int]
_read: dict[_Stamp, list[Manifest]] = {}


def read_manifests(path: Path) -> list[Manifest]:
    """Every object in a YAML or JSON file, or in the *.yaml, *.yml and *.json files of a folder, by name.

    Lists are taken apart; kustomizations are left out. StartError when there is nothing there or it is no YAML.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml", ".json"))
        return [item for file in files if not file.stem.startswith("kustomization") for item in read_manifests(file)]
    try:
        stat = path.stat()
        stamp = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
        if stamp not in _read:
            _read[stamp] = _parsed(path)
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}; name a file or folder of manifests") from error
    return copied(_read[stamp])


def _parsed(path: Path) -> list[Manifest]:
    try:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_LOADER))
    except yaml.YAMLError as error:
        raise StartError(f"{path}: no YAML: {error}") from error
    return [item for document in documents if document for item in _flat(document, path)]


def _flat(document: object, path: Path) -> Iterable[Manifest]:
    if not isinstance(document, dict) or "kind" not in document:
        raise StartError(f"{path}: a document without kind; every document is one Kubernetes object")
    if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _flat(item, path)
    else:
        yield document


def apply_manifests(registry: Registry, manifests: Iterable[Manifest]) -> list[Manifest]:
    """Create or server-side apply each, definitions and namespaces first; the objects as they are then."""
    ordered = sorted(manifests, key=lambda item: _ORDER.get(str(item.get("kind")), len(_ORDER)))
    return [copied(_applied(registry, copied(manifest))) for manifest in ordered]


_ORDER = {"CustomResourceDefinition": 0, "Namespace": 1}


def _applied(registry: Registry, manifest: Manifest) -> Manifest:
    api_version, kind = str(manifest.get("apiVersion")), str(manifest.get("kind"))
    resource = registry.kinds.of_kind(api_version, kind)
    if resource is None:
        raise NotFound(
            f"{api_version} {kind}: the sandbox serves no such kind; install its CustomResourceDefinition first"
        )
    meta = manifest.setdefault("metadata", {})
    if not meta.get("name"):
        raise BadRequest(f"{api_version} {kind}: metadata.name is missing; apply needs a name")
    namespace = meta.setdefault("namespace", "default") if resource.namespaced else ""
    while True:
        try:
            return _written(registry, resource, namespace, manifest)
        except (AlreadyExists, Conflict):
            # Somebody wrote in between. An API server merges a patch without a resourceVersion anew.
            if meta.get("resourceVersion"):
                raise


def _written(registry: Registry, resource: Resource, namespace: str, manifest: Manifest) -> Manifest:
    options = WriteOptions(MANAGER, applied=True, field_validation="Strict")
    write = Write(MANAGER, "Apply", registry.clock.now())
    try:
        live: Manifest | None = registry.get(resource, namespace, manifest["metadata"]["name"])
    except NotFound:
        live = None
    if resource.key == crds.KEY and live is None:
        # Ownership of thousands of schema fields is of no use to anybody and costs most of the time.
        return registry.create(resource, manifest)
    # The object is stored in one version and applied in the manifest's own: that is the one the two are compared in.
    served = None if live is None else as_served(resource, live)
    merged = copied(server_side_apply(served, copied(manifest), write, schema_of(resource), force=True))
    stored = as_stored(resource, merged)
    if live is None:
        return registry.create(registry.kinds.written(resource), stored, options)
    return registry.update(registry.kinds.written(resource), stored, options)
