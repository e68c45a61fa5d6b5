"""The kit's suite."""

from __future__ import annotations

import math

import pytest

from tidegate.machine.expr.values import Floats
from tidegate_prometheus import Prometheus
from tidegate_testkit.metrics import MetricCase, MetricConformance


def vector(values: str) -> bytes:
    return f'{{"status":"success","data":{{"resultType":"vector","result":[{values}]}}}}'.encode()


class TestPrometheus(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=Prometheus,
            config={
                "address": "http://prom:9090",
                "query": "up",
                "authentication": {"basicAuth": {"username": "me", "password": "s3cret"}},
            },
            answer=vector('{"metric":{"job":"a"},"value":[1,"0.5"]}'),
            result=Floats([0.5]),
            value="[0.5]",
            empty=vector(""),
            odd=[(vector('{"value":[1,"NaN"]}'), Floats([math.nan]))],
            credentials=["s3cret"],
        )
