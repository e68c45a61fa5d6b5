"""The kit's suite."""

from __future__ import annotations

import pytest

from tidegate.hooks import Answer, Call
from tidegate_kayenta import Kayenta
from tidegate_testkit.metrics import MetricCase, MetricConformance

SIDE = {"scope": "app=a", "region": "eu-1", "step": 60}


def kayenta(call: Call) -> Answer:
    """It knows one canary config, begins one analysis, and has judged it."""
    if call.method == "POST":
        return Answer(200, body=b'{"canaryExecutionId": "e-1"}')
    if call.url.endswith("/canaryConfig"):
        return Answer(200, body=b'[{"id": "c-1", "name": "latency"}]')
    return Answer(200, body=b'{"complete": true, "result": {"judgeResult": {"score": {"score": 95}}}}')


class TestKayenta(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=Kayenta,
            config={
                "address": "https://kayenta.test",
                "application": "shop",
                "canaryConfigName": "latency",
                "metricsAccountName": "prometheus",
                "configurationAccountName": "configurations",
                "storageAccountName": "store",
                "threshold": {"pass": 90, "marginal": 75},
                "scopes": [{"name": "default", "controlScope": SIDE, "experimentScope": SIDE}],
            },
            answer=kayenta,
        )
