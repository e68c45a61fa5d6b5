"""The kit's suite."""

from __future__ import annotations

import pytest

from tidegate.hooks import Floats
from tidegate_graphite import Graphite
from tidegate_testkit.metrics import MetricCase, MetricConformance


class TestGraphite(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=Graphite,
            config={"address": "http://graphite:8080", "query": "target=stats.web.errors&from=-5min"},
            answer=b'[{"target": "stats.web.errors", "datapoints": [[1, 1767225600], [null, 1767225660], [2.5, 1767225720]]}]',
            result=Floats([1.0, 2.5]),
            value="[1.000000,2.500000]",
            empty=b'[{"target": "stats.web.errors", "datapoints": [[null, 1767225600]]}]',
            odd=[(b'[{"datapoints": [[NaN, 1767225600], [1e400, 1767225660]]}]', [float("nan"), float("inf")])],
        )
