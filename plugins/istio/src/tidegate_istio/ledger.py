"""What a Rollout has put into an object that others write too, remembered in an annotation of that object.

The value is compact JSON, Rollout (`<namespace>/<name>`) to names, sorted; an empty map has no annotation. A map that
somebody broke counts as empty and is written anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate.hooks import Manifest

MANAGED_ROUTES = "tidegate.io/managed-routes"  # on a VirtualService: header and mirror routes that were inserted
LABELLED_SUBSETS = "tidegate.io/labelled-subsets"  # on a DestinationRule that bears another Rollout's mark
OWNED_SUBSETS = "tidegate.io/owned-subsets"  # on a DestinationRule: subsets that were added for experiments

Ledger = dict[str, tuple[str, ...]]


def read_ledger(manifest: Mapping[str, Any], annotation: str) -> Ledger:
    """Names by Rollout."""
    text = (manifest["metadata"].get("annotations") or {}).get(annotation, "{}")
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        who: tuple(name for name in names if isinstance(name, str))
        for who, names in found.items()
        if isinstance(names, list)
    }


def note(manifest: Manifest, annotation: str, who: str, names: tuple[str, ...]) -> None:
    """Write down in place that these names are `who`'s now; leaves no trace where nobody has any."""
    ledger = {**read_ledger(manifest, annotation), who: names}
    kept = {key: list(value) for key, value in ledger.items() if value}
    annotations = manifest["metadata"].get("annotations") or {}
    if kept:
        text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
        manifest["metadata"]["annotations"] = {**annotations, annotation: text}
    elif annotation in annotations:
        del annotations[annotation]
