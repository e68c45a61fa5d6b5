"""The phases of measurements, metrics, runs and Experiments."""

from __future__ import annotations

from typing import Literal

PENDING, RUNNING, SUCCESSFUL = "Pending", "Running", "Successful"
FAILED, ERROR, INCONCLUSIVE = "Failed", "Error", "Inconclusive"

COMPLETED = frozenset({SUCCESSFUL, FAILED, ERROR, INCONCLUSIVE})
BAD = frozenset({FAILED, ERROR, INCONCLUSIVE})

# From best to worst; a metric that fails outweighs one that cannot be measured.
# Source: argo-rollouts utils/analysis/helpers.go, unrolledOrder.
_ORDER = (SUCCESSFUL, RUNNING, PENDING, INCONCLUSIVE, ERROR, FAILED)


def worse(phase: str, than: str) -> bool:
    """Whether a phase is strictly worse than another; unknown ones rank as Pending."""
    return _rank(phase) > _rank(than)


def _rank(phase: str) -> int:
    return _ORDER.index(phase if phase in _ORDER else PENDING)


def event_type(phase: str) -> Literal["Normal", "Warning"]:
    """How an event about the end of a metric or a run is marked."""
    return "Warning" if phase in (FAILED, ERROR) else "Normal"
