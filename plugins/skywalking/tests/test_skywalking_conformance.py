"""The kit's suite."""

from __future__ import annotations

import pytest

from tidegate_skywalking import SkyWalking
from tidegate_testkit.metrics import MetricCase, MetricConformance


class TestSkyWalking(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=SkyWalking,
            config={
                "address": "http://oap.skywalking:12800",
                "query": "query($duration: Duration!) { result: readMetricsValues(duration: $duration) { label } }",
                "interval": "5m",
            },
            answer=b'{"data": {"result": {"values": [{"value": 9900}, {"value": 98.5}]}}}',
            result={"result": {"values": [{"value": 9900.0}, {"value": 98.5}]}},
            value='{"result":{"values":[{"value":9900},{"value":98.5}]}}',
            empty=b'{"data": null}',
            odd=[(b'{"data": {"result": null}}', {"result": None})],
        )
