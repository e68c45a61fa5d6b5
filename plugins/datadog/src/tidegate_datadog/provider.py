"""The Datadog provider: one request for each measurement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from tidegate.hooks import Access, Answer, Call, MetricProvider, PluginError, Problem, Query, Reading, Rule, is_known
from tidegate_datadog.answers import read_v1, read_v2
from tidegate_datadog.config import DatadogConfig
from tidegate_datadog.keys import Keys, find_keys

LONGEST_S = 60.0
SAID = 512  # characters of a refusal's body that a message repeats; chosen by feel


class Datadog(MetricProvider[DatadogConfig]):
    """Metrics queries, through /api/v1/query or /api/v2/query/scalar."""

    name = "datadog"
    title = "Datadog"
    config = DatadogConfig
    needs: ClassVar[Sequence[Rule]] = (Rule("", "secrets", "get"),)
    timeout_s = LONGEST_S + 5
    shows = frozenset({"groups", "groups_truncated"})

    def check_metric(self, config: DatadogConfig, path: str) -> Sequence[Problem]:
        return tuple(
            Problem(f"{path}.{name}", said, json.dumps(text))
            for name, text, said in config.durations()
            if is_known(text)
        )

    def measure(self, query: Query[DatadogConfig], access: Access) -> Reading:
        keys = find_keys(query.config.secret_ref, access.secrets)
        v1 = query.config.api_version == "v1"
        answer = access.http.send(_call_v1(query, keys) if v1 else _call_v2(query, keys))
        _require_success(answer, keys)
        return read_v1(answer) if v1 else read_v2(answer)


def _call_v1(query: Query[DatadogConfig], keys: Keys) -> Call:
    now = int(query.now.timestamp())
    params = (
        ("query", query.config.query),
        ("from", str(now - query.config.window_s)),
        ("to", str(now)),
    )
    return Call(f"{keys.address}/api/v1/query", headers=_headers(keys), params=params, timeout_s=_timeout_s(query))


def _call_v2(query: Query[DatadogConfig], keys: Keys) -> Call:
    config, now = query.config, int(query.now.timestamp())
    queries = [
        {"aggregator": config.aggregator or "last", "data_source": "metrics", "name": name, "query": text}
        for name, text in config.asked.items()
    ]
    attributes: dict[str, object] = {
        "from": (now - config.window_s) * 1000,
        "to": now * 1000,
        "queries": queries,
    }
    if config.formula:
        attributes["formulas"] = [{"formula": config.formula}]
    body = json.dumps({"data": {"type": "scalar_request", "attributes": attributes}}).encode()
    url = f"{keys.address}/api/v2/query/scalar"
    # It only reads, so asking twice does no harm, though it is a POST.
    return Call(url, "POST", headers=_headers(keys), body=body, timeout_s=_timeout_s(query))


def _timeout_s(query: Query[DatadogConfig]) -> float:
    return min(query.config.timeout_s, LONGEST_S)


def _headers(keys: Keys) -> dict[str, str]:
    return {"Content-Type": "application/json", "DD-API-KEY": keys.api, "DD-APPLICATION-KEY": keys.application}


def _require_success(answer: Answer, keys: Keys) -> None:
    """Raises PluginError in the words of the reference, with the beginning of what Datadog said."""
    if answer.status == 200:
        return
    said = keys.hidden(answer.text)[:SAID]
    if answer.status in (401, 403):
        raise PluginError(f"received authentication error response code: {answer.status} {said}")
    raise PluginError(f"received non 2xx response code: {answer.status} {said}")
