"""An Experiment's status as JSON, in the form that clients of the API's Go types expect."""

from __future__ import annotations

from typing import Any

from tidegate.api.experiment import ExperimentStatus
from tidegate.machine.analysis.serial import without_zeros

# Numbers and names without `omitempty` in the Go types: present although zero.
_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def wire(status: ExperimentStatus) -> dict[str, Any]:
    """The whole status; what is zero is absent, but for the counters of templates and the name of a run."""
    dumped: dict[str, Any] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    cleaned = {key: value for key, item in dumped.items() if (value := without_zeros(item)) is not None}
    if dumped.get("templateStatuses"):
        cleaned["templateStatuses"] = [_kept(item, *_COUNTS) for item in dumped["templateStatuses"]]
    if dumped.get("analysisRuns"):
        cleaned["analysisRuns"] = [_kept(item, "analysisRun", "phase") for item in dumped["analysisRuns"]]
    return cleaned


def _kept(item: dict[str, Any], *always: str) -> dict[str, Any]:
    return {**{key: item.get(key) for key in always}, **(without_zeros(item) or {})}
