"""From a metric's config to the parameters of GetMetricData."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tidegate.hooks import IntOrString, duration_s
from tidegate_cloudwatch.config import CloudWatchConfig, DataQuery, MetricStat


def request_of(config: CloudWatchConfig, now: datetime) -> Mapping[str, Any]:
    """The interval up to `now`, and every query. Raises ValueError for what is no number or no duration."""
    return {
        "StartTime": now - timedelta(seconds=duration_s(config.span)),
        "EndTime": now,
        "MetricDataQueries": [_query(each) for each in config.queries],
    }


def _query(query: DataQuery) -> dict[str, Any]:
    parts = {
        "Id": query.id,
        "Label": query.label,
        "Expression": query.expression,
        "ReturnData": query.return_data,
        "Period": None if query.period is None else whole(query.period),
        "MetricStat": None if query.metric_stat is None else _stat(query.metric_stat),
    }
    return {key: value for key, value in parts.items() if value is not None}


def _stat(given: MetricStat) -> dict[str, Any]:
    metric: dict[str, Any] = {"Namespace": given.metric.namespace, "MetricName": given.metric.metric_name}
    if given.metric.dimensions:
        metric["Dimensions"] = [{"Name": each.name, "Value": each.value} for each in given.metric.dimensions]
    stat: dict[str, Any] = {"Metric": metric, "Period": whole(given.period), "Stat": given.stat}
    return stat | ({"Unit": given.unit} if given.unit else {})


def whole(period: IntOrString) -> int:
    """Seconds of a period, above 0. Raises ValueError.

    # differs: the reference takes a text that is no number for 0, which AWS refuses with a word about its limits.
    """
    try:
        number = int(period)
    except ValueError:
        number = 0
    if number <= 0:
        raise ValueError(f"a period is a number of seconds, as in 60, found {period!r}")
    return number
