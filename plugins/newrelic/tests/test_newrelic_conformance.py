"""The kit's suite."""

from __future__ import annotations

import pytest

from tidegate_newrelic import NewRelic
from tidegate_testkit.metrics import MetricCase, MetricConformance


class TestNewRelic(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=NewRelic,
            config={"query": "SELECT count(*) AS errors FROM Transaction", "timeout": 5},
            answer=b'{"data": {"actor": {"account": {"nrql": {"results": [{"errors": 2}]}}}}}',
            result={"errors": 2.0},
            value='{"errors":2}',
            empty=b'{"data": {"actor": {"account": {"nrql": {"results": []}}}}}',
            odd=[(b'{"data": {"actor": {"account": {"nrql": {"results": [{"errors": null}]}}}}}', {"errors": None})],
            secrets={"newrelic": {"personal-api-key": "k-1-of-demo", "account-id": "42"}},
            credentials=["k-1-of-demo"],
        )
