"""What a pod of the sandbox answers, read from its manifest.

A tag with `errors-5` in it answers five per cent of the requests 500, so that `set image` alone ships a bad release.

Annotations:
`sandbox.tidegate.io/error-rate` is the share of requests (0 to 1) answered 500,
`sandbox.tidegate.io/latency-ms` the time before each answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.routes import PodRef

ERROR_RATE = "sandbox.tidegate.io/error-rate"
LATENCY = "sandbox.tidegate.io/latency-ms"
NO_TAG = "latest"
_ERRORS_IN_TAG = re.compile(r"(?:^|-)errors-(\d{1,3})(?:-|$)")
HASHES = ("rollouts-pod-template-hash", "pod-template-hash")
"""The labels that name a pod's ReplicaSet: a Rollout's and a Deployment's."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`version` is the image tag of the first container, `error_rate` is from 0 to 1.

    `template_hash` names the ReplicaSet, "" for a pod that has none.
    """

    version: str
    error_rate: float = 0.0
    latency_s: float = 0.0
    template_hash: str = ""


def pod_ref(pod: Manifest) -> PodRef:
    return PodRef(pod["metadata"].get("namespace", ""), pod["metadata"]["name"])


def ready(pod: Manifest) -> bool:
    """Whether the pod's Ready condition is true."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def behaviour(pod: Manifest) -> tuple[Behaviour, tuple[str, ...]]:
    """The behaviour, and a line for each annotation that is no number and was taken for 0."""
    annotations = pod["metadata"].get("annotations") or {}
    latency_ms, latency_note = _number(annotations, LATENCY)
    containers = (pod.get("spec") or {}).get("containers") or ()
    version = image_tag(containers[0].get("image", "") if containers else "")
    rate, rate_note = _number(annotations, ERROR_RATE) if ERROR_RATE in annotations else (_errors_of(version), "")
    notes = tuple(f"pod {pod_ref(pod)}: {note}" for note in (rate_note, latency_note) if note)
    labels = pod["metadata"].get("labels") or {}
    template_hash = next((labels[key] for key in HASHES if key in labels), "")
    return Behaviour(version, min(rate, 1.0), latency_ms / 1000.0, template_hash), notes


def image_tag(image: str) -> str:
    """The tag of an image reference, `latest` without one; a digest is not a tag, a registry's port neither."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2] or NO_TAG


def _errors_of(tag: str) -> float:
    """The share of errors that a tag names in per cent, 0 without one."""
    found = _ERRORS_IN_TAG.search(tag)
    return int(found[1]) / 100 if found is not None else 0.0


def _number(annotations: Mapping[str, str], key: str) -> tuple[float, str]:
    text = annotations.get(key, "0")
    try:
        return max(0.0, float(text)), ""
    except ValueError:
        return 0.0, f"annotation {key} is {text!r}, no number; taken for 0"
