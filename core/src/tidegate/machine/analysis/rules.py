"""Rules that pick metrics by a regular expression for their names: dry runs and retention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tidegate.api.analysis import DryRun, MeasurementRetention
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.patterns import matches

DEFAULT_KEPT = 10  # argo-rollouts analysis/analysis.go, DefaultMeasurementHistoryLimit


def dry_names(rules: Sequence[DryRun], names: Sequence[str]) -> frozenset[str]:
    """The metrics that do not count. Raises Unusable for a rule that picks none."""
    picked = (_picked(rule.metric_name, names, f"dryRun[{index}]") for index, rule in enumerate(rules))
    return frozenset(name for group in picked for name in group)


def kept(rules: Sequence[MeasurementRetention], names: Sequence[str]) -> Mapping[str, int]:
    """How many measurements of each metric are kept; the last rule that picks it decides. Raises Unusable."""
    numbers = dict.fromkeys(names, DEFAULT_KEPT)
    for index, rule in enumerate(rules):
        for name in _picked(rule.metric_name, names, f"measurementRetention[{index}]"):
            numbers[name] = rule.limit if rule.limit > 0 else DEFAULT_KEPT
    return numbers


def _picked(rule: str, names: Iterable[str], where: str) -> list[str]:
    """A rule that is no expression picks nothing, and says the same."""
    try:
        found = [name for name in names if matches(name, rule)]
    except (Failure, UnicodeEncodeError):
        found = []
    if not found:
        raise Unusable(f"{where}: Rule didn't match any metric name(s)")
    return found
