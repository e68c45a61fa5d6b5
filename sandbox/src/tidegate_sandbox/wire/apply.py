"""Server-side apply and the upkeep of field ownership on every other write.

The rules are those of Kubernetes: what a manager applies it owns; what it applied before, applies no longer and nobody
else owns is removed; a change to what another manager owns is a conflict unless forced; other writes take what they
change.
"""

from __future__ import annotations

import json
from dataclasses import replace

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest, Cause, Conflict
from tidegate_sandbox.wire.field_sets import (
    EMPTY,
    FieldSet,
    Path,
    difference,
    fields_of,
    text_of,
    with_parents,
    without,
)
from tidegate_sandbox.wire.merging import merge
from tidegate_sandbox.wire.ownership import (
    UNOWNED,
    Claim,
    Claims,
    Owner,
    Write,
    claims_of,
    owner_of,
    timestamp,
    with_claims,
    without_managed_fields,
)
from tidegate_sandbox.wire.schemas import Schema

__all__ = ["ApplyConflict", "Write", "manager_from_user_agent", "server_side_apply", "track_update"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# Names that Kubernetes itself gives: to what was there before the first apply, and to kubectl's own applies.
BEFORE_FIRST_APPLY = "before-first-apply"
KUBECTL = "kubectl"

Conflicts = dict[Owner, FieldSet]


class ApplyConflict(Conflict):
    """An apply that would change fields of other managers; one cause for each field."""


def manager_from_user_agent(user_agent: str) -> str:
    """The manager of a write without `fieldManager`: the User-Agent up to its first slash; "unknown" for none."""
    return user_agent.partition("/")[0] or "unknown"


def server_side_apply(
    live: Manifest | None, applied: Manifest, write: Write, schema: Schema, force: bool = False
) -> Manifest:
    """The object after `write.manager` applied `applied`; `live` None creates it.

    Raises `ApplyConflict`, and `BadRequest` for a patch that carries managedFields, another apiVersion or lists that
    cannot be merged. Applying the same twice returns an object equal to `live`, times of managedFields included.
    """
    _check(live, applied)
    before = live or {}
    claims = claims_of(before)
    if live is not None and not claims:
        claims = _first_claims(live, schema)
    bare = without_managed_fields(before)
    try:
        merged, after = _applied(bare, applied, claims, write, schema, force)
    except _Clash as clash:
        allowed = _owned_by_client_side_apply(bare, write, schema)
        conflicts = {owner: fields - allowed for owner, fields in clash.conflicts.items() if fields - allowed}
        if conflicts:
            raise _conflict_error(conflicts) from clash
        merged, after = _applied(bare, applied, claims, write, schema, True)
    return with_claims(_with_last_applied(merged, bare, applied, write), after)


class _Clash(Exception):
    """Conflicts found while applying, before it is known whether they are allowed."""

    def __init__(self, conflicts: Conflicts) -> None:
        super().__init__()
        self.conflicts = conflicts


def _check(live: Manifest | None, applied: Manifest) -> None:
    if applied.get("metadata", {}).get("managedFields"):
        raise BadRequest("metadata.managedFields must be nil")
    if live is not None and live.get("apiVersion") != applied.get("apiVersion"):
        raise BadRequest(
            "Incorrect version specified in apply patch. Specified patch version: "
            f"{applied.get('apiVersion')}, expected: {live.get('apiVersion')}"
        )


def _applied(
    live: Manifest, applied: Manifest, claims: Claims, write: Write, schema: Schema, force: bool
) -> tuple[Manifest, Claims]:
    """The merged object and the claims on it; raises `_Clash` unless `force`."""
    me = owner_of(write, applied["apiVersion"])
    last = claims[me] if me in claims else Claim(EMPTY, applied["apiVersion"])
    config = without_managed_fields(applied)
    mine = fields_of(config, schema) - UNOWNED
    # An empty list owns nothing, yet the struct it was applied in has to stay.
    said = difference({}, config, schema).written
    others = {owner: claim for owner, claim in claims.items() if owner != me}
    merged = _pruned(merge(live, config, schema), last.fields, [mine, said, *_sets(others)], schema)
    changes = difference(live, merged, schema)
    conflicts = {o: claim.fields & changes.written for o, claim in others.items() if claim.fields & changes.written}
    if conflicts and not force:
        raise _Clash(conflicts)
    taken = changes.written | changes.removed
    kept: dict[Owner, Claim] = {o: replace(claim, fields=claim.fields - taken) for o, claim in others.items()}
    unchanged = merged == live and mine == last.fields
    kept[me] = Claim(mine, applied["apiVersion"], last.time if unchanged else timestamp(write.now))
    return merged, kept


def _sets(claims: Claims) -> list[FieldSet]:
    return [claim.fields for claim in claims.values()]


def _pruned(merged: Manifest, last: FieldSet, owned: list[FieldSet], schema: Schema) -> Manifest:
    """`merged` without what the manager applied last time and nobody, itself included, owns now."""
    if not last:
        return merged
    present = with_parents(fields_of(merged, schema), schema)
    still_owned = with_parents(frozenset().union(*owned), schema)
    gone = (present & with_parents(last, schema)) - still_owned - UNOWNED
    result: Manifest = without(merged, gone, schema)
    return result


def _first_claims(live: Manifest, schema: Schema) -> dict[Owner, Claim]:
    """What was there before anybody was tracked, as one owner, so that a first apply conflicts with it."""
    written = difference({}, without_managed_fields(live), schema).written - UNOWNED
    owner = Owner("Update", BEFORE_FIRST_APPLY, live["apiVersion"], "")
    return {owner: Claim(written, live["apiVersion"])}


def _owned_by_client_side_apply(live: Manifest, write: Write, schema: Schema) -> FieldSet:
    """Fields that `kubectl apply --server-side` may take over, because client-side kubectl applied them as they are."""
    text = live.get("metadata", {}).get("annotations", {}).get(LAST_APPLIED)
    if write.manager != KUBECTL or not text:
        return EMPTY
    try:
        last = json.loads(text)
    except ValueError:  # anybody may write the annotation; an unreadable one allows nothing
        return EMPTY
    if not isinstance(last, dict) or last.get("apiVersion") != live.get("apiVersion"):
        return EMPTY
    changes = difference(last, live, schema)
    return fields_of(last, schema) - changes.written - changes.removed


def _with_last_applied(merged: Manifest, live: Manifest, applied: Manifest, write: Write) -> Manifest:
    """Keeps kubectl's annotation true when kubectl itself moves from client-side to server-side apply."""
    annotations = merged.get("metadata", {}).get("annotations", {})
    if write.manager != KUBECTL or LAST_APPLIED not in live.get("metadata", {}).get("annotations", {}):
        return merged
    own = {name: text for name, text in applied["metadata"].get("annotations", {}).items() if name != LAST_APPLIED}
    metadata = {name: value for name, value in applied["metadata"].items() if name != "annotations"}
    config = {**applied, "metadata": {**metadata, "annotations": own} if own else metadata}
    text = json.dumps(config, separators=(",", ":"), sort_keys=True) + "\n"
    return {**merged, "metadata": {**merged["metadata"], "annotations": {**annotations, LAST_APPLIED: text}}}


def _conflict_error(conflicts: Conflicts) -> ApplyConflict:
    """The error with Kubernetes' message (apimachinery managedfields conflict.go)."""
    found = [(owner, path) for owner in sorted(conflicts, key=str) for path in sorted(conflicts[owner])]
    causes = tuple(Cause(text_of(path), f"conflict with {owner}", "FieldManagerConflict") for owner, path in found)
    if len(found) == 1:
        owner, path = found[0]
        return ApplyConflict(f"Apply failed with 1 conflict: conflict with {owner}: {text_of(path)}", causes=causes)
    lines = [line for owner in sorted(conflicts, key=str) for line in _conflict_lines(owner, conflicts[owner])]
    return ApplyConflict(f"Apply failed with {len(found)} conflicts: " + "\n".join(lines), causes=causes)


def _conflict_lines(owner: Owner, paths: FieldSet) -> list[str]:
    ordered: list[Path] = sorted(paths)
    return [f"conflicts with {owner}:", *(f"- {text_of(path)}" for path in ordered)]


def track_update(before: Manifest | None, after: Manifest, write: Write, schema: Schema) -> Manifest:
    """`after` with managedFields kept up for a create, update or patch that is not an apply; `before` None creates.

    The writer owns what it changed, others lose it. Fields that `after` says nothing of ownership for keep that of
    `before`; `managedFields: []` or `[{}]` forgets all owners. An object that nobody is tracked on stays untracked.
    """
    claims = _claims_in_force(before, after, write)
    if before is not None and not claims:
        return with_claims(after, {})
    api_version = after["apiVersion"]
    changes = difference(without_managed_fields(before or {}), without_managed_fields(after), schema)
    taken = changes.written | changes.removed
    me = owner_of(write, api_version)
    kept = {owner: replace(claim, fields=claim.fields - taken) for owner, claim in claims.items()}
    mine = changes.written - UNOWNED
    if mine:
        kept[me] = Claim(mine | (kept[me].fields if me in kept else EMPTY), api_version, timestamp(write.now))
    return with_claims(after, kept)


def _claims_in_force(before: Manifest | None, after: Manifest, write: Write) -> dict[Owner, Claim]:
    sent = after.get("metadata", {}).get("managedFields")
    inherited = claims_of(before) if before is not None else {}
    if write.subresource:
        return inherited
    if sent in ([], [{}]):
        return {}
    return claims_of(after) or inherited
