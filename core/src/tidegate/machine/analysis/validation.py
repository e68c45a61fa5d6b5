"""Whether the metrics of a run can work; the first fault of the first metric is told.

Source: argo-rollouts utils/analysis/factory.go, ValidateMetrics; the texts are its.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidegate.api.analysis import Metric
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.intervals import seconds
from tidegate.machine.analysis.limits import DEFAULT_ERROR_LIMIT, number


def require_valid(metrics: Sequence[Metric]) -> None:
    """Raises Unusable for metrics that cannot be measured and judged."""
    if not metrics:
        raise Unusable("no metrics specified")
    seen: set[str] = set()
    for index, metric in enumerate(metrics):
        if metric.name in seen:
            raise Unusable(f"metrics[{index}]: duplicate name '{metric.name}'")
        seen.add(metric.name)
        if fault := metric_fault(metric):
            raise Unusable(f"metrics[{index}]: {fault}")


def metric_fault(metric: Metric) -> str:
    """What is wrong with a metric by itself, "" for nothing."""
    return next((fault for rule in RULES if (fault := rule(metric))), "")


def _limits(metric: Metric) -> str:
    failure, streak = number(metric.failure_limit), number(metric.consecutive_success_limit)
    if streak < 0:
        return "consecutiveSuccessLimit must be >= 0"
    if failure < -1:
        return "failureLimit must be >= 0, or -1 to be disabled"
    if failure == -1 and streak == 0:
        return "failureLimit and consecutiveSuccessLimit cannot both be disabled"
    if number(metric.inconclusive_limit) < 0:
        return "inconclusiveLimit must be >= 0"
    if number(metric.consecutive_error_limit, DEFAULT_ERROR_LIMIT) < 0:
        return "consecutiveErrorLimit must be >= 0"
    return ""


def _count(metric: Metric) -> str:
    count, failure = number(metric.count), number(metric.failure_limit)
    streak = number(metric.consecutive_success_limit)
    if count <= 0:
        return ""
    if failure >= 0 and count < failure + streak:
        return f"count ({count}) must be >= failureLimit + consecutiveSuccessLimit ({failure} + {streak}) if both >= 0"
    if failure == -1 and count < streak:
        return "count must be >= consecutiveSuccessLimit"
    if count < number(metric.inconclusive_limit):
        return "count must be >= inconclusiveLimit"
    return "interval must be specified when count > 1" if count > 1 and not metric.interval else ""


def _times(metric: Metric) -> str:
    for label, text in (("interval", metric.interval), ("startDelay", metric.initial_delay)):
        try:
            seconds(text)
        except Unusable as reason:
            return f"invalid {label} string: {reason}"
    return ""


def _provider(metric: Metric) -> str:
    plugins = metric.provider.get("plugin")
    asked = len([key for key in metric.provider if key != "plugin"]) + (
        len(plugins) if isinstance(plugins, dict) else 0
    )
    if not asked:
        return "no provider specified"
    return "multiple providers specified" if asked > 1 else ""


RULES: tuple[Callable[[Metric], str], ...] = (_limits, _count, _times, _provider)
