"""Labels and annotations of objects, which the API leaves out, or null, when there are none."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate_sandbox.contracts import Manifest


def labels_of(manifest: Manifest) -> Mapping[str, str]:
    return manifest.get("metadata", {}).get("labels") or {}


def annotations_of(manifest: Manifest) -> Mapping[str, str]:
    return manifest.get("metadata", {}).get("annotations") or {}


def includes(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether every wanted label is there with its value; an empty `wanted` is always there."""
    return all(labels.get(key) == value for key, value in wanted.items())
