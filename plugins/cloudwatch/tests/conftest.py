"""A metric of the run `demo` in `shop`, and AWS as botocore's stub plays it: requests are checked against the API's model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber  # type: ignore[import-untyped]

from tidegate.api.analysis import Metric
from tidegate.hooks import Access, Answer, Call, Objects, Query, Reading, Unreachable
from tidegate.hooks.configs import read_config
from tidegate.machine.analysis.verdicts import judged
from tidegate.machine.expr.conditions import holds
from tidegate_cloudwatch import CloudWatch
from tidegate_cloudwatch.config import CloudWatchSettings
from tidegate_cloudwatch.sdk import connect
from tidegate_testkit.memory import MemoryCluster

PATH = "spec.metrics[0].provider.cloudWatch"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
METRIC: dict[str, Any] = {
    "namespace": "AWS/ApplicationELB",
    "metricName": "HTTPCode_Target_5XX_Count",
    "dimensions": [{"name": "LoadBalancer", "value": "app/web/1"}],
}
QUERIES: list[dict[str, Any]] = [
    {"id": "rate", "expression": "errors / requests", "label": "Error rate"},
    {
        "id": "errors",
        "returnData": False,
        "metricStat": {"metric": METRIC, "period": 300, "stat": "Sum", "unit": "Count"},
    },
    {
        "id": "requests",
        "returnData": False,
        "metricStat": {"metric": {**METRIC, "metricName": "RequestCount"}, "period": "300", "stat": "Sum"},
    },
]


class Nothing:
    """Neither HTTP nor Secrets: the SDK has its own way out."""

    def send(self, call: Call) -> Answer:
        """Never an answer."""
        raise Unreachable(f"{call.url}: nothing may be sent")

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        """Never a Secret."""
        raise Unreachable(f"{name}: nothing may be read")


@dataclass
class Desk:
    """Where a test asks the provider. `given` is the raw config; change it to change the template."""

    given: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def query(self) -> Query[Any]:
        configured = read_config(CloudWatch.config, "cloudWatch", self.given, PATH)
        assert configured.config is not None, configured.problems
        return Query("shop", "demo", "u-1", "m", 1, configured.config, NOW, PATH)

    @property
    def stub(self) -> Stubber:
        """AWS behind the client of the process; use it as a context."""
        return Stubber(connect(CloudWatchSettings.model_validate(self.settings)))

    def faults(self) -> list[str]:
        """What is wrong with `given`, as `tidegate lint` says it."""
        return [problem.text for problem in CloudWatch().check_metric(self.query.config, PATH)]

    def measure(self) -> Reading:
        provider = CloudWatch(CloudWatchSettings.model_validate(self.settings))
        return provider.measure(self.query, Access(Nothing(), Nothing(), Objects(MemoryCluster([]), "shop")))

    def measured(self, *answers: Mapping[str, Any]) -> Reading:
        """One measurement, with these pages for answers."""
        with self.stub as aws:
            for answer in answers:
                aws.add_response("get_metric_data", answer)
            reading = self.measure()
            aws.assert_no_pending_responses()
        return reading

    def judge(self, success: str, *answers: Mapping[str, Any]) -> tuple[str, str]:
        """The phase and the message that one measurement gets."""
        return judged(Metric(success_condition=success), self.measured(*answers), holds)


def a_series(name: str, *values: float, **more: Any) -> dict[str, Any]:
    moments = [NOW - timedelta(minutes=5 * index) for index, _ in enumerate(values)]
    plain = {"Id": name, "Label": name.upper(), "StatusCode": "Complete", "Timestamps": moments, "Values": [*values]}
    return plain | more


@pytest.fixture
def make_series() -> Any:
    return a_series


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The environment of a pod with a region and credentials that are nobody's."""
    for name, value in {
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIAOFNOBODY",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH"):
        monkeypatch.delenv(name, raising=False)
    return Desk({"metricDataQueries": [dict(query) for query in QUERIES]})
