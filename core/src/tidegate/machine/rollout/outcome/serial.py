"""A status as JSON, and what turns the stored one into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.api.status import RolloutStatus
from tidegate.machine.merge import merge_patch
from tidegate.machine.plan import Settled
from tidegate.machine.remembered import Remembered

COUNTS = frozenset({"replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "HPAReplicas"})
# Present with a meaning of their own although zero: pointers in the API's Go types.
_ZERO_COUNTS = frozenset({"currentStepIndex", "collisionCount", "weight", "verified", "index"})

# What refers to a run holds its phase, though it is empty for a run that nobody has looked at: the schema asks for it.
_REFERENCES = (
    ("canary", "currentStepAnalysisRunStatus"),
    ("canary", "currentBackgroundAnalysisRunStatus"),
    ("blueGreen", "prePromotionAnalysisRunStatus"),
    ("blueGreen", "postPromotionAnalysisRunStatus"),
)

_wires: Remembered[dict[str, Any]] = Remembered()


def wire(status: RolloutStatus) -> dict[str, Any]:
    """A status as JSON, not to be edited: fields that are zero are absent, as clients of the Go types expect."""
    return _wires.of(status, None, lambda: _wire(status))


def _wire(status: RolloutStatus) -> dict[str, Any]:
    dumped = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    cleaned = _without_zeros(dumped)
    for strategy, ref in _REFERENCES:
        if ref in cleaned.get(strategy, {}):
            cleaned[strategy][ref].setdefault("status", "")
    return {**cleaned, "canary": cleaned.get("canary", {}), "blueGreen": cleaned.get("blueGreen", {})}


def stored(status: RolloutStatus) -> dict[str, Any]:
    """The stored status in the same form: a zero that a client has written is no difference."""
    cleaned = wire(status)
    written = status.model_fields_set
    return {key: value for key, value in cleaned.items() if value != {} or _snake(key) in written}


def status_patch(before: RolloutStatus, settled: Settled) -> dict[str, Any]:
    """The merge patch of the status subresource (the inner part), empty where nothing differs or nothing is to be said.

    A difference against what was read, so edits that clients make to other fields meanwhile survive.
    """
    return {} if settled.status is None else merge_patch(stored(before), settled.status)


def only_counts(before: RolloutStatus, patch: Mapping[str, Any]) -> bool:
    """Whether a patch says nothing but how many pods there are: it may wait a moment for what else comes of them.

    (While pods come up one such write follows the other; a canary of five steps had five of them, a seventh of all writes.)
    """
    if not set(patch) <= {*COUNTS, "conditions"}:
        return False
    # In any order: a condition that is renewed moves to the end of the list.
    told = sorted(_said(condition) for condition in stored(before).get("conditions") or [])
    return "conditions" not in patch or sorted(_said(condition) for condition in patch["conditions"] or []) == told


def _said(condition: Mapping[str, Any]) -> list[str]:
    return [str(condition.get(key) or "") for key in ("type", "status", "reason", "message")]


def _snake(key: str) -> str:
    return {"blueGreen": "blue_green"}.get(key, key)


def _without_zeros(fields: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in fields.items():
        if not value:
            if value is not None and key in _ZERO_COUNTS:
                kept[key] = value
        # Dumped: a dict or a list is never another Mapping or Sequence, which would be asked for ten times slower.
        elif isinstance(value, dict):
            if inner := _without_zeros(value):
                kept[key] = inner
        elif isinstance(value, list):
            if items := [item for item in value if item is not None]:
                kept[key] = items
        else:
            kept[key] = value
    return kept
