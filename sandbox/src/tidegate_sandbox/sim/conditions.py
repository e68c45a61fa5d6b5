"""Status conditions: set by type, keeping the time of the last transition while the status stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.sim.moments import stamp


def condition(kind: str, holds: bool, reason: str = "", message: str = "") -> Manifest:
    """A condition without times; empty reason and message are left out as the API leaves them out."""
    entry = {"type": kind, "status": "True" if holds else "False"}
    return entry | {key: text for key, text in (("reason", reason), ("message", message)) if text}


def with_conditions(known: Iterable[Manifest], wanted: Iterable[Manifest], now: datetime) -> list[Manifest]:
    """`known` with those of `wanted` set; types not wanted stay as they are."""
    merged = {entry["type"]: entry for entry in known}
    for entry in wanted:
        before = merged.get(entry["type"])
        same = before is not None and before["status"] == entry["status"]
        changed = before["lastTransitionTime"] if same and before is not None else stamp(now)
        merged[entry["type"]] = {**entry, "lastTransitionTime": changed}
    return [*merged.values()]


def find(conditions: Sequence[Manifest], kind: str) -> Manifest | None:
    return next((entry for entry in conditions if entry["type"] == kind), None)


def holds(manifest: Manifest, kind: str) -> bool:
    """Whether the status of an object has a condition of this type that is True."""
    entry = find(manifest.get("status", {}).get("conditions") or (), kind)
    return entry is not None and entry["status"] == "True"
