"""The three patch formats that are not apply: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import jsonpatch
import jsonpointer

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest, Invalid
from tidegate_sandbox.wire.schemas import Schema

# More operations than this in one JSON patch are refused (apiserver handlers/patch.go maxJSONPatchOperations).
OPERATION_LIMIT = 10_000

# How a real server says that a patch of the right form cannot be carried out.
REJECTED = "the server rejected our request due to an error in our request"

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
SET_ORDER = "$setElementOrder/"


def apply_json_patch(obj: Manifest, ops: list[Manifest]) -> Manifest:
    """`obj` after the operations of RFC 6902, all or none.

    An operation that cannot be done, a failed `test` included, raises `Invalid`; what is no list of operations raises
    `BadRequest`.
    """
    if not isinstance(ops, list) or not all(isinstance(op, dict) for op in ops):
        raise BadRequest(f"a JSON patch is a list of operations, each an object; found {str(ops)[:80]}")
    if len(ops) > OPERATION_LIMIT:
        raise BadRequest(f"the JSON patch has {len(ops)} operations, at most {OPERATION_LIMIT} are allowed: split it")
    try:
        result: Any = jsonpatch.JsonPatch(ops).apply(obj)
    except TypeError as error:
        raise BadRequest(f"error decoding patch: {error}") from error
    except jsonpatch.JsonPatchTestFailed as error:
        raise Invalid(f"{REJECTED}: a test operation found another value") from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise Invalid(f"{REJECTED}: {error}") from error
    if not isinstance(result, dict):
        raise Invalid(f"the JSON patch replaces the object by {type(result).__name__}: it has to stay an object")
    return result


def apply_merge_patch(obj: Manifest, patch: Manifest) -> Manifest:
    """`obj` after a merge patch of RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        raise BadRequest(f"a merge patch is an object, found {type(patch).__name__}")
    return _merge_patched(obj, patch)


def _merge_patched(target: object, patch: Manifest) -> Manifest:
    result = deepcopy(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = _merge_patched(result.get(name), value)
        else:
            result[name] = deepcopy(value)
    return result


def apply_strategic_patch(obj: Manifest, patch: Manifest, schema: Schema) -> Manifest:
    """`obj` after a strategic merge patch: as a merge patch, but lists with a merge key are merged by item.

    Understands `$patch: delete|replace|merge`, `$retainKeys`, `$deleteFromPrimitiveList/<field>` and
    `$setElementOrder/<field>`. A list item without its merge key or an unknown directive raises `BadRequest`.
    """
    if not isinstance(patch, dict):
        raise BadRequest(f"a strategic merge patch is an object, found {type(patch).__name__}")
    return _patched_fields(deepcopy(obj), patch, schema)


def _patched_fields(target: Manifest, patch: Manifest, schema: Schema) -> Manifest:
    match patch.get(PATCH, "merge"):
        case "replace":
            return {name: deepcopy(value) for name, value in patch.items() if name != PATCH}
        case "delete":  # empties, as Kubernetes does; null is what takes a field away
            return {}
        case "merge":
            pass
        case other:
            raise BadRequest(f"unknown directive $patch: {other!r}; use merge, replace or delete")
    result = _retained(target, patch)
    for name, value in patch.items():
        if name in (PATCH, RETAIN_KEYS) or name.startswith((DELETE_PRIMITIVES, SET_ORDER)):
            continue
        _patch_field(result, name, value, schema.field(name))
    _patch_lists_by_directive(result, patch, schema)
    return result


def _retained(target: Manifest, patch: Manifest) -> Manifest:
    keys = patch.get(RETAIN_KEYS)
    if keys is None:
        return dict(target)
    if not isinstance(keys, list):
        raise BadRequest(f"$retainKeys is a list of field names, found {type(keys).__name__}")
    missing = [n for n in patch if not n.startswith("$") and patch[n] is not None and n not in keys]
    if missing:
        raise BadRequest(f"$retainKeys does not list {', '.join(missing)}, which the patch sets: add them to the list")
    return {name: value for name, value in target.items() if name in keys}


def _patch_field(result: Manifest, name: str, value: object, schema: Schema) -> None:
    """Writes one field of a patch into `result`, which the caller owns."""
    current = result.get(name)
    if value is None:
        result.pop(name, None)
    elif isinstance(value, dict):
        if "replace" in schema.patch_strategies:
            result[name] = deepcopy(value)
        else:
            result[name] = _patched_fields(current if isinstance(current, dict) else {}, value, schema)
    elif isinstance(value, list) and "merge" in schema.patch_strategies:
        result[name] = _patched_list(current if isinstance(current, list) else [], value, schema)
    else:
        result[name] = deepcopy(value)


def _patched_list(target: list[Any], patch: list[Any], schema: Schema) -> list[Any]:
    key = schema.merge_key
    if not key:
        return target + [
            value for index, value in enumerate(patch) if value not in target and value not in patch[:index]
        ]
    if any(isinstance(item, dict) and item.get(PATCH) == "replace" for item in patch):
        return [deepcopy(item) for item in patch if item.get(PATCH) != "replace"]
    result = list(target)
    for item in patch:
        _patch_item(result, item, key, schema)
    return result


def _patch_item(result: list[Any], item: object, key: str, schema: Schema) -> None:
    """Merges, deletes or appends one item of a keyed list."""
    if not isinstance(item, dict) or key not in item:
        raise BadRequest(f"map: {json.dumps(item)} does not contain declared merge key: {key}")
    at = next((i for i, old in enumerate(result) if isinstance(old, dict) and old.get(key) == item[key]), None)
    if item.get(PATCH) == "delete":
        result[:] = [old for old in result if not isinstance(old, dict) or old.get(key) != item[key]]
    elif at is None:
        result.append(_patched_fields({}, item, schema.item()))
    else:
        result[at] = _patched_fields(result[at], item, schema.item())


def _patch_lists_by_directive(result: Manifest, patch: Manifest, schema: Schema) -> None:
    """Carries out the directives that stand beside a list: first removals, then the order."""
    for name, values in patch.items():
        if name.startswith(DELETE_PRIMITIVES) and isinstance(result.get(name.removeprefix(DELETE_PRIMITIVES)), list):
            target = name.removeprefix(DELETE_PRIMITIVES)
            result[target] = [value for value in result[target] if value not in values]
    for name, order in patch.items():
        target = name.removeprefix(SET_ORDER)
        if name.startswith(SET_ORDER) and isinstance(result.get(target), list):
            result[target] = _ordered(result[target], order, schema.field(target).merge_key)


def _ordered(items: list[Any], order: list[Any], key: str) -> list[Any]:
    """`items` in the given order; those it does not name stay behind the neighbour they had before."""
    names = [entry.get(key) if key and isinstance(entry, dict) else entry for entry in order]
    known: list[Any] = []
    followers: dict[int, list[Any]] = {-1: []}
    place = -1
    for item in items:
        name = item.get(key) if key and isinstance(item, dict) else item
        if name in names:
            place = names.index(name)
            known.append((place, item))
        else:
            followers.setdefault(place, []).append(item)
    result = followers[-1]
    for position, item in sorted(known, key=lambda pair: pair[0]):
        result = [*result, item, *followers.get(position, [])]
    return result
