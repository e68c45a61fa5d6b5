"""A run's status as JSON: what is zero is absent, as clients of the API's Go types expect."""

from __future__ import annotations

from typing import Any

from tidegate.api.analysis import AnalysisRunStatus


def wire(status: AnalysisRunStatus) -> dict[str, Any]:
    """The whole status. Once the run has been assessed there is a summary of dry metrics, if an empty one."""
    dumped: dict[str, Any] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    cleaned = {key: value for key, item in dumped.items() if (value := without_zeros(item)) is not None}
    if status.started_at is not None:
        cleaned.setdefault("dryRunSummary", {})
    return cleaned


def without_zeros(value: Any) -> Any:
    """`value` without fields that are empty, zero, false or null; None where nothing is left."""
    if isinstance(value, dict):
        inner = {key: cleaned for key, item in value.items() if (cleaned := without_zeros(item)) is not None}
        return inner or None
    if isinstance(value, list):
        return [cleaned for item in value if (cleaned := without_zeros(item)) is not None] or None
    return value or None
