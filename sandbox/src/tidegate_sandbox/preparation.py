"""From what a client sent to what is stored: fields pruned, system metadata, subresource boundaries, defaults, checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from tidegate_sandbox import crds
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.decoding import decode_builtin
from tidegate_sandbox.errors import BadRequest, Cause, Invalid
from tidegate_sandbox.kinds import Resource
from tidegate_sandbox.metadata import carry_over, drop_system_fields, metadata_breaches, tidy
from tidegate_sandbox.rules.fields import go_strings
from tidegate_sandbox.rules.strategy import apply_defaults, breaches, first_status
from tidegate_sandbox.wire.apply import Write, track_update
from tidegate_sandbox.wire.schemas import UNTYPED, Schema, builtin_schema, crd_schema

FieldValidation = Literal["Ignore", "Warn", "Strict"]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write. An empty `manager` keeps no field ownership; `applied` says that an apply has kept it already.

    What `field_validation` Warn finds is added to `warnings`.
    """

    manager: str = ""
    subresource: str = ""
    applied: bool = False
    dry_run: bool = False
    field_validation: FieldValidation = "Ignore"
    warnings: list[str] = field(default_factory=list)


@lru_cache(maxsize=512)
def schema_of(resource: Resource) -> Schema:
    """What is known of a kind's fields, for patches and ownership."""
    if resource.schema is not None:
        return crd_schema(resource.schema.schema)
    return builtin_schema(resource.group_version, resource.kind) or UNTYPED


def accept_fields(resource: Resource, item: Manifest, options: WriteOptions) -> None:
    """Drop unknown fields in place; BadRequest when `field_validation` is Strict and there were any."""
    if not isinstance(item.get("metadata"), dict):
        item["metadata"] = {}
    if resource.schema is not None:
        unknown = resource.schema.prune(item)
    else:
        unknown = decode_builtin(item, resource.group_version, resource.kind)
    problems = [f'unknown field "{path}"' for path in unknown]
    if problems and options.field_validation == "Strict":
        kind, version = resource.kind, resource.version
        raise BadRequest(
            f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error: {", ".join(problems)}'
        )
    if options.field_validation == "Warn":
        options.warnings.extend(problems)


def complete_new(resource: Resource, item: Manifest, now: str) -> None:
    """Make a new object what a real server would store, in place; Invalid with every cause found.

    Call with uid, name and creationTimestamp already in the metadata.
    """
    meta = item["metadata"]
    made = {name: meta[name] for name in ("uid", "creationTimestamp")}
    drop_system_fields(meta)
    meta |= made
    tidy(meta)
    if resource.counts_generation:
        meta["generation"] = 1
    if "status" in resource.subresources:
        item.pop("status", None)
        status = None if resource.custom else first_status(resource.key, item)
        if status is not None:
            item["status"] = status
    _complete(resource, item, None, now)


def complete_update(resource: Resource, item: Manifest, live: Manifest, options: WriteOptions, now: str) -> Manifest:
    """The replacement of `live` that `item` means, through `options.subresource`; Invalid with every cause found."""
    if options.subresource == "status":
        item = _status_only(resource, item, live)
    elif options.subresource == "finalize":
        item = live | {"spec": item.get("spec") or {}}
    elif "status" in resource.subresources:
        item.pop("status", None)
        if "status" in live:
            item["status"] = live["status"]
    item["metadata"] = meta = dict(item["metadata"])
    carry_over(meta, live["metadata"])
    tidy(meta)
    _complete(resource, item, live, now)
    if options.subresource != "status" and resource.counts_generation and _spec_differs(resource, item, live):
        meta["generation"] = int(live["metadata"].get("generation", 0)) + 1
    meta["resourceVersion"] = live["metadata"]["resourceVersion"]
    return item


def _status_only(resource: Resource, item: Manifest, live: Manifest) -> Manifest:
    """`live` with the status of `item`; built-in kinds let labels and annotations through, custom resources do not."""
    new = dict(live)
    new.pop("status", None)
    if item.get("status") is not None:
        new["status"] = item["status"]
    meta = live["metadata"] if resource.custom else item["metadata"]
    new["metadata"] = dict(meta)
    if "managedFields" in item["metadata"]:
        new["metadata"]["managedFields"] = item["metadata"]["managedFields"]
    return new


def _complete(resource: Resource, item: Manifest, live: Manifest | None, now: str) -> None:
    item |= {"apiVersion": resource.stored_api_version, "kind": resource.kind}
    causes = metadata_breaches(resource, item["metadata"]) + _new_finalizers(item, live)
    if resource.schema is not None:
        resource.schema.default(item)
        causes += resource.schema.validate(item)
        if live is not None:
            causes += resource.schema.forbidden_changes(item, live)
    elif resource.key == crds.KEY:
        crds.default_definition(item)
        causes += crds.definition_breaches(item, live)
    else:
        apply_defaults(resource.key, item)
        causes += breaches(resource.key, item, live)
    if causes:
        raise invalid_object(resource, item, causes)
    if resource.key == crds.KEY:
        item["status"] = crds.definition_status(item, live, now)


def _new_finalizers(item: Manifest, live: Manifest | None) -> list[Cause]:
    if live is None or "deletionTimestamp" not in live["metadata"]:
        return []
    added = set(item["metadata"].get("finalizers") or []) - set(live["metadata"].get("finalizers") or [])
    if not added:
        return []
    detail = f"no new finalizers can be added if the object is being deleted, found new finalizers {go_strings(added)}"
    return [Cause("metadata.finalizers", f"Forbidden: {detail}", "FieldValueForbidden")]


def invalid_object(resource: Resource, item: Manifest, causes: list[Cause]) -> Invalid:
    """The 422 answer with Kubernetes' message: one cause plainly, several in brackets."""
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    name = str(item["metadata"].get("name") or "")
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return Invalid(f'{kind} "{name}" is invalid: {text}', name=name, kind=kind, causes=tuple(causes))


def _spec_differs(resource: Resource, new: Manifest, old: Manifest) -> bool:
    apart = {"metadata", "apiVersion", "kind"}
    if "status" in resource.subresources or not resource.custom:
        apart.add("status")
    if {k: v for k, v in new.items() if k not in apart} != {k: v for k, v in old.items() if k not in apart}:
        return True
    # Deployments alone also count changes of annotations (pkg/registry/apps/deployment/strategy.go).
    annotated = resource.key == "deployments.apps"
    return annotated and new["metadata"].get("annotations") != old["metadata"].get("annotations")


def owned(resource: Resource, live: Manifest | None, item: Manifest, options: WriteOptions, now: datetime) -> Manifest:
    """`item` with the managedFields this write leaves."""
    if options.applied or not options.manager:
        return item
    write = Write(options.manager, "Update", now, options.subresource)
    if live is not None or "status" not in resource.subresources or "status" not in item:
        return track_update(live, item, write, schema_of(resource))
    # The first status is the server's own: nobody who creates an object owns it.
    status = item.pop("status")
    return track_update(None, item, write, schema_of(resource)) | {"status": status}


def unchanged(new: Manifest, live: Manifest) -> bool:
    """True when writing `new` would change nothing but the times in managedFields."""
    if new == live:
        return True
    return _timeless(new) == _timeless(live)


def _timeless(item: Manifest) -> Manifest:
    meta = dict(item["metadata"])
    entries = meta.pop("managedFields", None) or []
    bare = [{name: value for name, value in entry.items() if name != "time"} for entry in entries]
    return item | {"metadata": meta | {"managedFields": bare}}
