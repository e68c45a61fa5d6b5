"""What is kept of each object: as little as the rules look at. No pydantic on the way from the watch to the store."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.machine.hashing import template_digest
from tidegate.machine.observed import ReplicaSetView, ServiceView

Manifest = dict[str, Any]

# About 100 bytes each. Beyond it the oldest is forgotten; computing it anew takes a tenth of a millisecond.
REMEMBERED_DIGESTS = 20_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RolloutText:
    """A Rollout as compact JSON: 3 KB where the dict takes 24 KB, and a pass reads it into its model anyway."""

    text: str
    generation: int

    def read(self) -> Rollout:
        """The model. Raises pydantic's ValidationError for an object that no schema should have let through."""
        return Rollout.read(json.loads(self.text))


def rollout_text(manifest: Manifest) -> RolloutText:
    """What is kept of a Rollout."""
    generation = manifest["metadata"].get("generation", 0)
    return RolloutText(json.dumps(manifest, separators=(",", ":")), generation)


def as_is(manifest: Manifest) -> Manifest:
    """The whole object; for the few that routers name."""
    return manifest


def service_view(manifest: Manifest) -> ServiceView:
    """Whom a Service selects and who manages it."""
    metadata = manifest["metadata"]
    return ServiceView(
        name=metadata["name"],
        selector=dict((manifest.get("spec") or {}).get("selector") or {}),
        managed_by=(metadata.get("annotations") or {}).get(names.MANAGED_BY, ""),
        resource_version=metadata.get("resourceVersion", ""),
    )


class ReplicaSetProjection:
    """Makes views of ReplicaSets. The digest of a template is computed once for each generation of a set."""

    def __init__(self) -> None:
        self._digests: OrderedDict[tuple[str, int, str], str] = OrderedDict()

    def __call__(self, manifest: Manifest) -> ReplicaSetView:
        metadata, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        return ReplicaSetView(
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            created=_moment(metadata.get("creationTimestamp")),
            resource_version=metadata.get("resourceVersion", ""),
            pod_hash=labels.get(names.POD_HASH, ""),
            digest=self._digest(metadata, spec.get("template") or {}, annotations.get(names.EPHEMERAL_METADATA, "")),
            owner_uid=controller_uid(manifest),
            labels=labels,
            annotations=annotations,
            spec_replicas=_count(spec, "replicas", 1),
            replicas=_count(status, "replicas"),
            ready=_count(status, "readyReplicas"),
            available=_count(status, "availableReplicas"),
            min_ready_seconds=_count(spec, "minReadySeconds"),
            generation=metadata.get("generation", 1),
            observed_generation=_count(status, "observedGeneration"),
            deleting="deletionTimestamp" in metadata,
            failure=_failure(status),
        )

    def _digest(self, metadata: Mapping[str, Any], template: Mapping[str, Any], injected: str) -> str:
        key = (metadata.get("uid", ""), metadata.get("generation", 0), injected)
        digest = self._digests.get(key)
        if digest is None:
            digest = self._digests[key] = template_digest(template, injected)
            if len(self._digests) > REMEMBERED_DIGESTS:
                self._digests.popitem(last=False)
        return digest


def controller_uid(manifest: Mapping[str, Any]) -> str:
    """The uid of the owner that is marked as controller, "" for an orphan."""
    for owner in (manifest.get("metadata") or {}).get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("uid", ""))
    return ""


def _count(part: Mapping[str, Any], key: str, absent: int = 0) -> int:
    value = part.get(key)
    return absent if value is None else int(value)


def _failure(status: Mapping[str, Any]) -> tuple[str, str, str] | None:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "ReplicaFailure":
            return condition.get("status", ""), condition.get("reason", ""), condition.get("message", "")
    return None


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else EPOCH
