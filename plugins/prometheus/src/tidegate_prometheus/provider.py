"""The metric provider `prometheus`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tidegate.hooks import Access, Answer, MetricProvider, Problem, Query, Reading, go_seconds, moment
from tidegate_prometheus.answers import read
from tidegate_prometheus.calls import call_of, parameters_of
from tidegate_prometheus.config import LONGEST_S, Config

EPOCH = datetime(1970, 1, 2, tzinfo=UTC)  # any time: only whether an expression is one is asked
# What servers and proxies answer that take no POST here; source: client_golang's DoGetFallback.
TAKES_NO_POST = frozenset({403, 405, 501})


class Prometheus(MetricProvider[Config]):
    """Asks one PromQL query, over POST and where that is refused over GET."""

    name = "prometheus"
    config = Config
    timeout_s = LONGEST_S + 30.0  # the call's own timeout, which is the metric's, comes first
    shows = frozenset({"ResolvedPrometheusQuery", "warnings"})

    def check_metric(self, config: Config, path: str) -> Sequence[Problem]:
        """Times and steps that can be read, as far as no argument stands in them."""
        found = []
        if not config.query:
            found.append(Problem(f"{path}.query", "is empty; write a PromQL query", code="PR001"))
        if window := config.range_query:
            found += [
                Problem(f"{path}.rangeQuery.{field}", fault, text, code="PR002")
                for field, text in (("start", window.start), ("end", window.end))
                if "{{" not in text and (fault := _unreadable(text))
            ]
            if "{{" not in window.step and go_seconds(window.step) is None:
                said = "is no step; write it as 30s or 1m"
                found.append(Problem(f"{path}.rangeQuery.step", said, window.step, code="PR002"))
        return found

    def describe_metric(self, query: Query[Config]) -> Mapping[str, str]:
        """The query with its arguments."""
        return {"ResolvedPrometheusQuery": query.config.query}

    def measure(self, query: Query[Config], access: Access) -> Reading:
        """A float of a scalar; a list of floats, empty for no series, of a vector or a matrix."""
        path, parameters = parameters_of(query)

        def asked(method: str) -> Answer:
            return access.http.send(call_of(query.config, method, path, parameters))

        answer = asked("POST")
        return read(asked("GET") if answer.status in TAKES_NO_POST else answer)


def _unreadable(text: str) -> str:
    """Why a time expression is none, "" for one that is."""
    try:
        moment(text, EPOCH)
    except ValueError as cause:
        return str(cause)
    return ""
