"""The kit's suite."""

from __future__ import annotations

import pytest

from tidegate_datadog import Datadog
from tidegate_testkit.metrics import MetricCase, MetricConformance


@pytest.fixture(autouse=True)
def _no_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the machine would be used before the Secret's."""
    monkeypatch.delenv("DD_API_KEY", raising=False)


class TestDatadog(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=Datadog,
            config={"apiVersion": "v2", "query": "avg:cpu{*}"},
            answer=b'{"data": {"attributes": {"columns": [{"type": "number", "values": [0.5]}]}}}',
            result=0.5,
            value="0.5",
            empty=b'{"data": {"attributes": {"columns": []}}}',
            odd=[(b'{"data": {"attributes": {"columns": [{"type": "number", "values": [null]}]}}}', None)],
            secrets={"datadog": {"api-key": "k-api", "app-key": "k-app"}},
            credentials=["k-api", "k-app"],
        )


class TestDatadogV1(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=Datadog,
            config={"query": "avg:cpu{*}", "interval": "5m", "secretRef": {"name": "keys", "namespaced": True}},
            answer=b'{"status": "ok", "series": [{"pointlist": [[1767268800000, 1], [1767268820000, 0.5]]}]}',
            result=0.5,
            value="0.5",
            empty=b'{"status": "ok", "series": []}',
            odd=[(b'{"status": "ok", "series": [{"pointlist": [[1767268800000, null]]}]}', None)],
            secrets={"keys": {"api-key": "k-api", "app-key": "k-app"}},
            in_run_namespace=["keys"],
            credentials=["k-api", "k-app"],
        )
