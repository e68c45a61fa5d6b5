"""POST, PUT, PATCH and DELETE of objects."""

from __future__ import annotations

import json
from typing import Any

from tidegate_sandbox.api.answers import Answer, answer, item_answer, success
from tidegate_sandbox.api.call import PROTOBUF, Call, check_media_type, read_body
from tidegate_sandbox.api.reads import selector_of
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.conversion import as_served, as_stored
from tidegate_sandbox.deletion import Deletion, bad_option, read_deletion
from tidegate_sandbox.errors import BadRequest, Cause, Conflict, Invalid, NotFound, UnsupportedMediaType
from tidegate_sandbox.ledger import encode
from tidegate_sandbox.preparation import FieldValidation, WriteOptions, invalid_object, schema_of
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.store import copied
from tidegate_sandbox.wire.apply import Write, manager_from_user_agent, server_side_apply
from tidegate_sandbox.wire.patches import apply_json_patch, apply_merge_patch, apply_strategic_patch

OBJECT_TYPES = ("application/json", "application/yaml", PROTOBUF)
JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC_PATCH, APPLY_PATCH = "application/strategic-merge-patch+json", "application/apply-patch+yaml"
# A patch without a resourceVersion is tried again on a conflict, as often as a real server does
# (apiserver endpoints/handlers/patch.go).
_PATCH_TRIES = 5


def write_options(call: Call) -> WriteOptions:
    """Who writes and how, from query and User-Agent."""
    manager = call.query.get("fieldManager") or manager_from_user_agent(call.headers.get("user-agent", ""))
    return WriteOptions(manager, call.subresource, dry_run=call.dry_run, field_validation=_validation(call))


def _validation(call: Call) -> FieldValidation:
    match call.query.get("fieldValidation", ""):
        case "" | "Warn":
            return "Warn"
        case "Ignore":
            return "Ignore"
        case "Strict":
            return "Strict"
        case other:
            raise Invalid(
                f'fieldValidation: Unsupported value: "{other}": supported values: "Ignore", "Strict", "Warn"'
            )


def create(registry: Registry, call: Call) -> Answer:
    check_media_type(call, OBJECT_TYPES)
    item = call.manifest()
    _check_identity(call, item)
    if item["metadata"].get("resourceVersion"):
        raise BadRequest("resourceVersion should not be set on objects to be created")
    options = write_options(call)
    made = registry.create(registry.kinds.written(call.resource), as_stored(call.resource, item), options)
    return item_answer(call, as_served(call.resource, made), registry.clock.now(), 201, options.warnings)


def update(registry: Registry, call: Call) -> Answer:
    check_media_type(call, OBJECT_TYPES)
    item = call.manifest()
    _check_identity(call, item)
    if call.resource.custom and not item["metadata"].get("resourceVersion"):
        cause = Cause("metadata.resourceVersion", "Invalid value: 0: must be specified for an update")
        raise invalid_object(call.resource, item, [cause])
    options = write_options(call)
    made = registry.update(registry.kinds.written(call.resource), as_stored(call.resource, item), options)
    return item_answer(call, as_served(call.resource, made), registry.clock.now(), 200, options.warnings)


def _check_identity(call: Call, item: Manifest) -> None:
    """The body is of the kind, namespace and name that the path says; what it leaves out is filled in."""
    resource, meta = call.resource, item.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise BadRequest(f"metadata: found {type(meta).__name__}; send an object")
    found = f"{item.get('apiVersion') or resource.group_version}, Kind={item.get('kind') or resource.kind}"
    expected = f"{resource.group_version}, Kind={resource.kind}"
    if found != expected:
        raise BadRequest(
            f"{resource.kind} in version {resource.version!r} cannot be handled as a {resource.kind}: the object "
            f"provided is {found}, the path serves {expected}"
        )
    if resource.namespaced:
        if (meta.get("namespace") or call.namespace) != call.namespace:
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
        meta["namespace"] = call.namespace
    if call.name and (meta.get("name") or call.name) != call.name:
        raise BadRequest(f"the name of the object ({meta['name']}) does not match the name on the URL ({call.name})")
    if call.name:
        meta["name"] = call.name


def patch(registry: Registry, call: Call) -> Answer:
    if call.media_type == APPLY_PATCH:
        return _apply(registry, call)
    changes = _read_patch(call)
    for attempt in range(_PATCH_TRIES):
        live = as_served(call.resource, registry.get(call.resource, call.namespace, call.name))
        patched = _patched(call, live, changes)
        _check_uid(call, patched, live)
        options = write_options(call)
        sent = encode(patched).decode()
        try:
            made = registry.update(registry.kinds.written(call.resource), as_stored(call.resource, patched), options)
        except BadRequest as error:
            # The patch itself was fine, its outcome is not: a real server says so with the whole outcome.
            detail = error.message.partition("cannot be handled as a ")[2].partition(": ")[2] or error.message
            raise Invalid(f' "" is invalid: patch: Invalid value: {json.dumps(sent)}: {detail}') from error
        except Conflict:
            # Somebody wrote between the read and the write; a patch that names a version means that one alone.
            if (
                attempt == _PATCH_TRIES - 1
                or patched["metadata"].get("resourceVersion") != (live["metadata"]["resourceVersion"])
            ):
                raise
            continue
        return item_answer(call, as_served(call.resource, made), registry.clock.now(), 200, options.warnings)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _read_patch(call: Call) -> Any:
    accepted = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]
    if not call.resource.custom:
        accepted.insert(2, STRATEGIC_PATCH)
    if call.media_type not in accepted:
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
        )
    return read_body(call.body, "application/json")


def _patched(call: Call, live: Manifest, changes: Any) -> Manifest:
    """`live` after the patch; a fresh object that still has its kind and name."""
    if call.media_type == JSON_PATCH:
        new = apply_json_patch(live, changes)
    elif not isinstance(changes, dict):
        raise BadRequest(f"the patch is {type(changes).__name__}; send an object")
    elif call.media_type == MERGE_PATCH:
        new = apply_merge_patch(live, changes)
    else:
        new = apply_strategic_patch(live, changes, schema_of(call.resource))
    # The registry completes what it is given in place, and a patch may have left parts of the live object in it.
    new = copied(new)
    _check_identity(call, new)
    return new


def _check_uid(call: Call, patched: Manifest, live: Manifest) -> None:
    """A patch that names the uid of another object is 422, unless it names another version too: then that is the Conflict."""
    new, old = patched["metadata"], live["metadata"]
    if new.get("uid", old["uid"]) != old["uid"] and new.get("resourceVersion") == old["resourceVersion"]:
        cause = Cause("metadata.uid", f"Invalid value: {json.dumps(new['uid'])}: field is immutable")
        raise invalid_object(call.resource, patched, [cause])


def _apply(registry: Registry, call: Call) -> Answer:
    applied = read_body(call.body, APPLY_PATCH)
    if not call.query.get("fieldManager"):
        cause = Cause("fieldManager", "Required value: is required for apply patch", "FieldValueRequired")
        raise bad_option("PatchOptions", cause)
    if not isinstance(applied, dict) or not applied.get("kind"):
        raise BadRequest("an apply patch is a whole object with apiVersion and kind")
    _check_identity(call, applied)
    options = write_options(call)
    options = WriteOptions(
        options.manager, call.subresource, True, options.dry_run, options.field_validation, options.warnings
    )
    live = _live_or_none(registry, call)
    write = Write(options.manager, "Apply", registry.clock.now(), call.subresource)
    served = None if live is None else as_served(call.resource, live)
    merged = server_side_apply(served, applied, write, schema_of(call.resource), call.flag("force"))
    if live is None:
        made = registry.create(registry.kinds.written(call.resource), as_stored(call.resource, copied(merged)), options)
        return item_answer(call, as_served(call.resource, made), registry.clock.now(), 201, options.warnings)
    made = registry.update(registry.kinds.written(call.resource), as_stored(call.resource, copied(merged)), options)
    return item_answer(call, as_served(call.resource, made), registry.clock.now(), 200, options.warnings)


def _live_or_none(registry: Registry, call: Call) -> Manifest | None:
    """The object an apply changes, None when it creates one; subresources and preconditions need a live one."""
    try:
        live = registry.get(call.resource, call.namespace, call.name)
    except NotFound:
        if call.subresource:
            raise
        return None
    return live


def delete(registry: Registry, call: Call) -> Answer:
    item, gone = registry.delete(call.resource, call.namespace, call.name, _deletion(call))
    # A pod on its way out is shown, as everything that finalizers hold; what is gone is confirmed by a Status.
    if gone and call.resource.key != "pods":
        return answer(success(call.resource, item))
    return item_answer(call, as_served(call.resource, item), registry.clock.now())


def delete_collection(registry: Registry, call: Call) -> Answer:
    """Delete everything the selectors choose; the answer lists the objects as they were."""
    chosen, deletion = selector_of(call), _deletion(call)
    rows = [row.object for _, row in registry.ledger.rows(call.resource.key, call.namespace)]
    items = [item for item in rows if chosen.matches(item)]
    for item in items:
        meta = item["metadata"]
        try:
            registry.delete(call.resource, meta.get("namespace", ""), meta["name"], deletion)
        except NotFound:
            # A dependent may have gone with its owner a moment ago: that is what was asked for.
            continue
    served = [as_served(call.resource, item) for item in items]
    head = {"kind": call.resource.collection_kind, "apiVersion": call.resource.group_version}
    return answer(head | {"metadata": {"resourceVersion": str(registry.ledger.version)}, "items": served})


def _deletion(call: Call) -> Deletion:
    options = dict(read_body(call.body, call.media_type)) if call.body else {}
    for name in ("propagationPolicy", "orphanDependents", "dryRun"):
        if name in call.query and name not in options:
            options[name] = call.query[name]
    if "gracePeriodSeconds" in call.query and "gracePeriodSeconds" not in options:
        options["gracePeriodSeconds"] = call.number("gracePeriodSeconds")
    return read_deletion(options)
