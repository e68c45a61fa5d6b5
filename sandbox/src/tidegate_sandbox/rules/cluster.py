"""Namespaces, Secrets, roles, priority and storage classes, Events."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause
from tidegate_sandbox.rules.fields import fill, immutable, invalid, required, section, unsupported

RBAC = "rbac.authorization.k8s.io"


def default_namespace(item: Manifest) -> None:
    spec = section(item, "spec")
    if "deletionTimestamp" not in item["metadata"]:
        fill(spec, {"finalizers": ["kubernetes"]})
    section(item["metadata"], "labels")["kubernetes.io/metadata.name"] = item["metadata"]["name"]


def default_secret(item: Manifest) -> None:
    """`stringData` is write-only: it ends up, encoded, in `data`."""
    fill(item, {"type": "Opaque"})
    for key, text in (item.pop("stringData", None) or {}).items():
        section(item, "data")[key] = base64.b64encode(str(text).encode()).decode()


def default_binding(item: Manifest) -> None:
    fill(section(item, "roleRef"), {"apiGroup": RBAC})
    for subject in item.get("subjects") or []:
        fill(subject, {"apiGroup": "" if subject.get("kind") == "ServiceAccount" else RBAC})
        if not subject["apiGroup"]:
            del subject["apiGroup"]


def default_priority_class(item: Manifest) -> None:
    fill(item, {"preemptionPolicy": "PreemptLowerPriority"})


def default_storage_class(item: Manifest) -> None:
    fill(item, {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"})


def default_event(item: Manifest) -> None:
    """What Go writes for the fields of an Event that are there even when unset."""
    for name in ("eventTime", "firstTimestamp", "lastTimestamp"):
        item.setdefault(name, None)
    fill(item, {"reportingComponent": "", "reportingInstance": "", "source": {}})


def check_binding(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    reference = new["roleRef"]
    if not reference.get("name"):
        yield required("roleRef.name")
    if reference.get("kind") not in ("Role", "ClusterRole"):
        yield unsupported("roleRef.kind", reference.get("kind"), ("Role", "ClusterRole"))
    if old is not None and reference != old["roleRef"]:
        yield invalid("roleRef", reference, "cannot change roleRef")


def check_role(new: Manifest, _old: Manifest | None) -> Iterator[Cause]:
    for index, rule in enumerate(new.get("rules") or []):
        if not rule.get("verbs"):
            yield required(f"rules[{index}].verbs", "verbs must contain at least one value")


def check_event(new: Manifest, _old: Manifest | None) -> Iterator[Cause]:
    involved = (new.get("involvedObject") or {}).get("namespace") or ""
    if involved != new["metadata"].get("namespace") and (
        involved or new["metadata"].get("namespace") not in ("default", "kube-system")
    ):
        yield invalid("involvedObject.namespace", involved, "does not match event.namespace")


def check_priority_class(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    if old is not None:
        yield from immutable("value", new.get("value"), old.get("value"))
