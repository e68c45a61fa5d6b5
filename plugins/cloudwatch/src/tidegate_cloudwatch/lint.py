"""What is wrong with metric data queries, before AWS is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from tidegate.hooks import IntOrString, Problem, duration_s, is_known
from tidegate_cloudwatch.config import CloudWatchConfig, DataQuery
from tidegate_cloudwatch.request import whole

# API reference, MetricDataQuery: a lower case letter, then letters, digits and underscores; at most 500 queries.
ID = re.compile(r"[a-z][a-zA-Z0-9_]{0,254}")
MOST = 500


def problems_of(config: CloudWatchConfig, path: str) -> Iterator[Problem]:
    """Every fault, in the order of the fields. What an argument fills in is not judged before it is known."""
    if is_known(config.span) and (said := _span_fault(config.span)):
        yield Problem(f"{path}.interval", said, json.dumps(config.interval))
    field = f"{path}.metricDataQueries"
    if not config.queries:
        yield Problem(field, "at least one query is needed")
    if len(config.queries) > MOST:
        yield Problem(field, f"AWS takes at most {MOST} queries", str(len(config.queries)))
    yield from _twice(config.queries, field)
    for index, query in enumerate(config.queries):
        yield from _query_problems(query, f"{field}[{index}]")


def _twice(queries: Sequence[DataQuery], field: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, query in enumerate(queries):
        if is_known(query.id) and query.id in seen:
            yield Problem(f"{field}[{index}].id", "is taken by another query; give each its own", json.dumps(query.id))
        seen.add(query.id)


def _query_problems(query: DataQuery, path: str) -> Iterator[Problem]:
    if is_known(query.id) and not ID.fullmatch(query.id):
        said = "must begin with a lower case letter and hold letters, digits and _ only"
        yield Problem(f"{path}.id", said, json.dumps(query.id) if query.id else None)
    if (query.expression is None) == (query.metric_stat is None):
        yield Problem(path, "give exactly one of expression and metricStat", json.dumps(query.id))
    if query.period is not None:
        yield from _period_problems(query.period, f"{path}.period")
    if (stat := query.metric_stat) is None:
        return
    yield from _period_problems(stat.period, f"{path}.metricStat.period")
    if not stat.metric.metric_name:
        yield Problem(f"{path}.metricStat.metric.metricName", "name the metric, as in HTTPCode_Target_5XX_Count")
    if not stat.stat:
        yield Problem(f"{path}.metricStat.stat", "name a statistic, as in Sum, Average or p99")


def _period_problems(period: IntOrString, path: str) -> Iterator[Problem]:
    if not is_known(str(period)):
        return
    try:
        whole(period)
    except ValueError as cause:
        yield Problem(path, str(cause), json.dumps(period))


def _span_fault(interval: str) -> str:
    try:
        return "" if duration_s(interval) > 0 else "must be above 0, as in 5m"
    except ValueError as cause:
        return f"{cause}; write it as in 5m"
