"""What a DELETE does to an object before anything is removed: preconditions, propagation, finalizers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause, Conflict, Invalid
from tidegate_sandbox.kinds import Resource

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
Propagation = Literal["", "Background", "Foreground", "Orphan"]

_POLICIES: tuple[Propagation, ...] = ("", "Background", "Foreground", "Orphan")

# batch/v1 Jobs and ReplicationControllers leave their pods behind unless told otherwise, for old clients' sake.
_ORPHAN_BY_DEFAULT = frozenset({"jobs.batch", "replicationcontrollers"})


@dataclass(frozen=True, slots=True)
class Deletion:
    """A DeleteOptions body: empty fields ask for nothing."""

    propagation: Propagation = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False
    grace_s: int | None = None


def read_deletion(options: Manifest) -> Deletion:
    """`options` is a DeleteOptions manifest, possibly completed from the query; Invalid for an unknown policy."""
    policy = options.get("propagationPolicy") or ""
    if not policy and options.get("orphanDependents") is not None:
        policy = "Orphan" if options["orphanDependents"] else "Background"
    known = next((one for one in _POLICIES if one == policy), None)
    if known is None:
        detail = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        raise bad_option("DeleteOptions", Cause("propagationPolicy", detail, "FieldValueNotSupported"))
    conditions = options.get("preconditions") or {}
    return Deletion(
        known,
        conditions.get("uid") or "",
        conditions.get("resourceVersion") or "",
        bool(options.get("dryRun")),
        options.get("gracePeriodSeconds"),
    )


def bad_option(kind: str, cause: Cause) -> Invalid:
    """The refusal of a request parameter: `kind` is ListOptions, PatchOptions, DeleteOptions ..."""
    text = f'{kind}.meta.k8s.io "" is invalid: {cause.field}: {cause.message}'
    return Invalid(text, kind=f"{kind}.meta.k8s.io", causes=(cause,))


def check_preconditions(resource: Resource, live: Manifest, uid: str, version: str) -> None:
    """Conflict unless the live object is the one the caller means; empty values ask for nothing."""
    meta = live["metadata"]
    for title, wanted, found in (("UID", uid, meta["uid"]), ("ResourceVersion", version, meta["resourceVersion"])):
        if wanted and wanted != found:
            raise Conflict(
                f'Operation cannot be fulfilled on {resource.kind} "{meta["name"]}": the {title} in the precondition '
                f"({wanted}) does not match the {title} in record ({found}). The object might have been deleted and then "
                "recreated",
                name=meta["name"],
                kind=resource.name,
            )


def marked(resource: Resource, live: Manifest, deletion: Deletion, now: str) -> Manifest:
    """A copy of `live` that is being deleted: deletionTimestamp, and the finalizers its propagation policy asks for."""
    meta = dict(live["metadata"])
    finalizers = _finalizers(resource, list(meta.get("finalizers") or []), deletion.propagation)
    meta.pop("finalizers", None)
    if finalizers:
        meta["finalizers"] = finalizers
    grace_s = _grace(resource, live, deletion)
    if "deletionTimestamp" not in meta:
        meta |= {"deletionTimestamp": now, "deletionGracePeriodSeconds": grace_s}
        if meta.get("generation"):
            meta["generation"] += 1
    elif deletion.grace_s is not None and grace_s < meta.get("deletionGracePeriodSeconds", 0):
        # A second, harder deletion shortens what is left; a longer one changes nothing.
        meta |= {"deletionTimestamp": now, "deletionGracePeriodSeconds": grace_s}
    item = live | {"metadata": meta}
    if resource.key == "namespaces":
        item["status"] = (live.get("status") or {}) | {"phase": "Terminating"}
    return item


def _grace(resource: Resource, live: Manifest, deletion: Deletion) -> int:
    """Seconds that the containers of a pod get; other kinds have nothing to wind down."""
    if resource.key != "pods":
        return 0
    if deletion.grace_s is not None:
        return deletion.grace_s
    return int((live.get("spec") or {}).get("terminationGracePeriodSeconds") or 0)


def _finalizers(resource: Resource, present: list[str], policy: str) -> list[str]:
    if not policy and resource.key in _ORPHAN_BY_DEFAULT and FOREGROUND not in present:
        policy = "Orphan"
    if not policy:
        return present
    others = [name for name in present if name not in (FOREGROUND, ORPHAN)]
    return others + {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(policy, [])


def may_go(resource: Resource, item: Manifest) -> bool:
    """True when nothing holds an object that is being deleted."""
    held = bool(item["metadata"].get("finalizers"))
    if resource.key == "namespaces":
        held = held or bool((item.get("spec") or {}).get("finalizers"))
    return not held
