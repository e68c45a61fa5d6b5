"""Revisions of a Deployment: the hash of a template, which ReplicaSet stands for which template, and their numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.sim.labels import annotations_of, labels_of

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"

# Annotations of a Deployment that say something about itself and do not go on to its ReplicaSets.
OWN_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        MAX_REPLICAS,
        "deprecated.deployment.rollback.to",
    }
)

# Kubernetes' alphabet for hashes in names; ten characters are what its own hashes have.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
HASH_LENGTH = 10


def template_hash(template: Manifest, collisions: int = 0) -> str:
    """A name-safe hash of a pod template, another one after each collision."""
    # differs: Kubernetes hashes a dump of its Go structs, which only Go reproduces; nobody may rely on the value.
    text = json.dumps(plain_template(template), sort_keys=True) + (f"#{collisions}" if collisions else "")
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:HASH_LENGTH])


def plain_template(template: Manifest) -> Manifest:
    """A template without the hash label and without empty parts of its metadata."""
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {key: value for key, value in metadata.items() if value}}


def find_new(deployment: Manifest, replicasets: Sequence[Manifest]) -> Manifest | None:
    """The oldest ReplicaSet with the Deployment's template; None before it is made."""
    wanted = plain_template(deployment["spec"]["template"])
    same = [one for one in replicasets if plain_template(one["spec"]["template"]) == wanted]
    return min(
        same, key=lambda one: (one["metadata"].get("creationTimestamp", ""), one["metadata"]["name"]), default=None
    )


def revision_of(manifest: Manifest) -> int:
    """The revision number in the annotations, 0 where there is none or no number."""
    text = annotations_of(manifest).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def replicaset_annotations(
    deployment: Manifest, replicaset: Manifest | None, others: Sequence[Manifest]
) -> dict[str, str]:
    """The annotations of the new ReplicaSet: the Deployment's, and a revision above those of all others.

    A revision it had before a rollback is kept in the history annotation.
    """
    known = dict(annotations_of(replicaset)) if replicaset is not None else {}
    passed_on = {key: value for key, value in annotations_of(deployment).items() if key not in OWN_ANNOTATIONS}
    own, highest = int(known.get(REVISION) or 0), max([0, *(revision_of(other) for other in others)])
    annotations = {**known, **passed_on}
    if own <= highest:
        annotations[REVISION] = str(highest + 1)
        if own:
            history = [*filter(None, known.get(REVISION_HISTORY, "").split(",")), str(own)]
            annotations[REVISION_HISTORY] = ",".join(history)
    return annotations


def hash_of(replicaset: Manifest) -> str:
    return labels_of(replicaset).get(HASH_LABEL, "")
