"""The kit's suite."""

from __future__ import annotations

import pytest

from tidegate_testkit.metrics import MetricCase, MetricConformance
from tidegate_web import Web


class TestWeb(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=Web,
            config={
                "url": "https://health/q",
                "jsonPath": "{$.data}",
                "headers": [{"key": "Authorization", "value": "Bearer s3cret"}],
            },
            answer=b'{"data": {"errors": 2, "ok": true}}',
            result={"errors": 2.0, "ok": True},
            value='{"errors":2,"ok":true}',
            empty=b'{"data": []}',
            odd=[(b'{"data": null}', None), (b'{"data": 1e400}', '{"data": 1e400}')],
            credentials=["s3cret"],
        )
