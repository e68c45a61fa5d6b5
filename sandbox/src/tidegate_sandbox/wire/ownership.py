"""Who owns which field: reads and writes metadata.managedFields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.wire.field_sets import EMPTY, FieldSet, from_fields_v1, to_fields_v1

Operation = Literal["Apply", "Update"]

# Kubernetes keeps ten updaters an object and merges the oldest beyond that (apimachinery managedfields capmanagers).
UPDATER_LIMIT = 10
OLD_UPDATERS = "ancient-changes"

# Fields that belong to the server or to the object's identity; nobody owns them (apimachinery managedfields stripmeta).
SERVER_METADATA = ["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation"]
SERVER_METADATA += ["managedFields", "resourceVersion"]
UNOWNED: FieldSet = frozenset({(), ("f:apiVersion",), ("f:kind",), ("f:metadata",)}) | {
    ("f:metadata", f"f:{name}") for name in SERVER_METADATA
}


@dataclass(frozen=True, slots=True)
class Write:
    """Who writes, how and when: `operation` is Apply for apply patches, Update for everything else."""

    manager: str
    operation: Operation
    now: datetime
    subresource: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """What tells one managedFields entry from another; appliers are one entry over all API versions."""

    operation: Operation
    manager: str
    api_version: str
    subresource: str

    def __str__(self) -> str:
        """The owner as a conflict message names it."""
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


@dataclass(frozen=True, slots=True)
class Claim:
    """The fields of one owner, as of `time` (RFC 3339, empty when never recorded)."""

    fields: FieldSet
    api_version: str
    time: str = ""


Claims = Mapping[Owner, Claim]


def owner_of(write: Write, api_version: str) -> Owner:
    """The entry that `write` belongs to."""
    return Owner(write.operation, write.manager, "" if write.operation == "Apply" else api_version, write.subresource)


def timestamp(now: datetime) -> str:
    """`now` as managedFields store it: UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def claims_of(obj: Manifest) -> dict[Owner, Claim]:
    """The claims recorded in an object; entries that cannot be read are left out, as a real server drops them."""
    entries = obj.get("metadata", {}).get("managedFields") or []
    return dict(_claim(entry) for entry in entries if _is_readable(entry))


def _is_readable(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("operation") not in ("Apply", "Update"):
        return False
    return bool(entry.get("apiVersion")) and isinstance(entry.get("fieldsV1", {}), dict)


def _claim(entry: Manifest) -> tuple[Owner, Claim]:
    operation, api_version = entry["operation"], entry["apiVersion"]
    owner = Owner(
        operation, entry.get("manager", ""), "" if operation == "Apply" else api_version, entry.get("subresource", "")
    )
    return owner, Claim(from_fields_v1(entry.get("fieldsV1", {})), api_version, entry.get("time", ""))


def with_claims(obj: Manifest, claims: Claims) -> Manifest:
    """`obj` with managedFields set to `claims`, without those that own nothing; no entry at all removes the field."""
    ordered = sorted(_capped(claims).items(), key=lambda pair: (pair[0].operation, pair[1].time, pair[0]))
    entries = [_entry(owner, claim) for owner, claim in ordered if claim.fields]
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name != "managedFields"}
    if entries:
        metadata["managedFields"] = entries
    return {**obj, "metadata": metadata}


def _entry(owner: Owner, claim: Claim) -> Manifest:
    entry: dict[str, Any] = {
        "manager": owner.manager,
        "operation": owner.operation,
        "apiVersion": claim.api_version,
        "time": claim.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_fields_v1(claim.fields),
        "subresource": owner.subresource,
    }
    return {name: value for name, value in entry.items() if value != ""}


def _capped(claims: Claims) -> dict[Owner, Claim]:
    """The claims with the oldest updaters beyond the limit merged into one bucket for each API version."""
    updaters = sorted((o for o in claims if o.operation == "Update"), key=lambda o: (claims[o].time, o))
    result = dict(claims)
    for owner in updaters[: max(0, len(updaters) - UPDATER_LIMIT + 1)] if len(updaters) > UPDATER_LIMIT else []:
        claim = result.pop(owner)
        bucket = Owner("Update", OLD_UPDATERS, owner.api_version, "")
        merged = result[bucket].fields if bucket in result else EMPTY
        result[bucket] = replace(claim, fields=claim.fields | merged)
    return result


def without_managed_fields(obj: Manifest) -> Manifest:
    """`obj` without the record of its owners."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return obj
    return {**obj, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}
