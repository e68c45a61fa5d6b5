"""The provider for Graphite: one GET of `/render` for each measurement."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

from tidegate.hooks import Access, Call, MetricProvider, PluginError, Problem, Query, Reading, SpecError, is_known
from tidegate_graphite.config import GraphiteConfig
from tidegate_graphite.series import first_series, shown

TIMEOUT_S = 10.0  # the reference's
SAID = 1000  # characters of an error page that are told: a page of Django is tens of thousands long; chosen by feel


class Graphite(MetricProvider[GraphiteConfig]):
    """The values of the first series of a render query. The address may hold everything that a request needs: Graphite
    knows no credentials of its own."""

    name = "graphite"
    title = "Graphite"
    config = GraphiteConfig
    timeout_s = TIMEOUT_S + 2  # the call ends by itself; the rest is for reading the answer

    def check_metric(self, config: GraphiteConfig, path: str) -> Sequence[Problem]:
        """An address that is no URL, a query without a target."""
        problems = []
        if is_known(config.address) and not config.address.startswith(("http://", "https://")):
            said = (
                f"Graphite address {config.address} is not a valid URL; write one like http://graphite.monitoring:8080"
            )
            problems.append(Problem(f"{path}.address", said, _quoted(config.address)))
        if is_known(config.query) and not _asks(config.query):
            said = "a render query has a target, as in target=stats.web.errors&from=-5min"
            problems.append(Problem(f"{path}.query", said, _quoted(config.query)))
        return problems

    def measure(self, query: Query[GraphiteConfig], access: Access) -> Reading:
        """The first series' values that are not null. Raises where there is no series at all."""
        for problem in self.check_metric(query.config, query.path):
            raise SpecError(problem.path, problem.detail, value=problem.value)
        url = f"{query.config.address.rstrip('/')}/render"
        answer = access.http.send(Call(url, params=_params(query.config.query), timeout_s=TIMEOUT_S))
        if not answer.ok:
            raise PluginError(f"error response: {answer.status}: {answer.text[:SAID]}")
        values = first_series(answer.json())
        return Reading(values, shown(values))


def _params(query: str) -> list[tuple[str, str]]:
    """The parameters of a query without its white space: templates fold long targets over several lines."""
    pairs = parse_qsl(re.sub(r"\s+", "", query), keep_blank_values=True)
    return [*((key, value) for key, value in pairs if key != "format"), ("format", "json")]


def _asks(query: str) -> bool:
    return any(key == "target" and value for key, value in _params(query))


def _quoted(value: str) -> str | None:
    return json.dumps(value) if value else None
