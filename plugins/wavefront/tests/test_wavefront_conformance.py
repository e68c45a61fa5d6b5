"""The kit's suite."""

from __future__ import annotations

import pytest

from tidegate_testkit.metrics import MetricCase, MetricConformance
from tidegate_wavefront import Wavefront


class TestWavefront(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=Wavefront,
            config={"address": "example.wavefront.com", "query": "ts(ok)"},
            answer=b'{"timeseries": [{"data": [[1772366400, 0.954]]}]}',
            result=0.954,
            value="0.95",
            empty=b'{"timeseries": []}',
            odd=[
                (b'{"timeseries": [{"data": [[1772366400, NaN]]}]}', float("nan")),
                (b'{"timeseries": [{"data": [[1772366400, 1]]}, {"data": []}]}', [1.0, None]),
            ],
            secrets={"wavefront-api-tokens": {"example.wavefront.com": "k-1-of-demo"}},
            credentials=["k-1-of-demo"],
        )
