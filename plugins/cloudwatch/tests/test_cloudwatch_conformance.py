"""The kit's suite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.hooks import Floats, Struct
from tidegate_cloudwatch import CloudWatch
from tidegate_testkit.metrics import MetricCase, MetricConformance

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)  # of the series that the fixture makes
RECORD = Struct(
    Id="rate", Label="RATE", StatusCode="Complete", Timestamps=[NOW], Values=Floats([0.5]), Messages=list[Struct]()
)


class TestCloudWatch(MetricConformance):
    @pytest.fixture
    def case(self, desk: Any, make_series: Any) -> Iterator[MetricCase]:
        """It has no endpoint of the core's, so `answer` is None: AWS is played behind the SDK's own client."""
        with desk.stub as aws:
            aws.add_response("get_metric_data", {"MetricDataResults": [make_series("rate", 0.5)]})
            yield MetricCase(CloudWatch, desk.given, result=[RECORD], value="[[0.5]]")
