"""ObjectMeta: what the server fills in, carries over and refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause
from tidegate_sandbox.kinds import Resource
from tidegate_sandbox.names import label_key_problems, label_value_problems, name_problems
from tidegate_sandbox.rules.fields import invalid, required

# Written by the server alone; a client's values are ignored.
_SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink")
# The sum over all annotations (apimachinery api/validation TotalAnnotationSizeLimitB).
_ANNOTATIONS_LIMIT = 256 * 1024


def timestamp(now: datetime) -> str:
    """`metav1.Time`: UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def drop_system_fields(meta: Manifest) -> None:
    for name in _SYSTEM:
        meta.pop(name, None)


def carry_over(meta: Manifest, old: Mapping[str, object]) -> None:
    """Give an update the system fields of the object it replaces, in place."""
    drop_system_fields(meta)
    meta.update({name: old[name] for name in _SYSTEM if name in old})
    if "generateName" in old:
        meta["generateName"] = old["generateName"]


def tidy(meta: Manifest) -> None:
    """Leave out what a Go server leaves out: null and empty maps and lists."""
    for name in ("labels", "annotations", "finalizers", "ownerReferences", "managedFields"):
        if name in meta and not meta[name]:
            del meta[name]


def metadata_breaches(resource: Resource, meta: Manifest) -> list[Cause]:
    """What is wrong with an object's metadata."""
    return list(_breaches(resource, meta))


def _breaches(resource: Resource, meta: Manifest) -> Iterator[Cause]:
    name = str(meta.get("name") or "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        for problem in name_problems(resource.key, name):
            yield invalid("metadata.name", name, problem)
    for field in ("labels", "annotations"):
        for key, value in (meta.get(field) or {}).items():
            yield from _pair(field, key, value)
    size = sum(len(key) + len(str(value)) for key, value in (meta.get("annotations") or {}).items())
    if size > _ANNOTATIONS_LIMIT:
        text = f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes"
        yield Cause("metadata.annotations", text, "FieldValueTooLong")
    yield from _owners(meta.get("ownerReferences") or [])


def _pair(field: str, key: str, value: object) -> Iterator[Cause]:
    # Annotation keys may be upper case in their prefix; a real server lowers them first.
    for problem in label_key_problems(key.lower() if field == "annotations" else key):
        yield invalid(f"metadata.{field}", key, problem)
    if not isinstance(value, str):
        yield invalid(f"metadata.{field}", value, "must be a string")
    elif field == "labels":
        for problem in label_value_problems(value):
            yield invalid(f"metadata.{field}", value, problem)


def _owners(references: list[Manifest]) -> Iterator[Cause]:
    for index, reference in enumerate(references):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(field):
                yield required(f"metadata.ownerReferences[{index}].{field}", f"{field} must not be empty")
    if sum(bool(reference.get("controller")) for reference in references) > 1:
        detail = "Only one reference can have Controller set to true"
        yield invalid("metadata.ownerReferences", [reference["name"] for reference in references], detail)
