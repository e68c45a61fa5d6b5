"""A metric of the run `demo` in `shop`, and HTTP whose answers a test writes with `responses`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from tidegate.api.analysis import Metric
from tidegate.hooks import Access, Answer, Call, NotFound, Objects, Query, Reading, Unreachable
from tidegate.hooks.configs import read_config
from tidegate.machine.analysis.verdicts import judged
from tidegate.machine.expr.conditions import holds
from tidegate_skywalking import SkyWalking
from tidegate_testkit.memory import MemoryCluster

PATH = "spec.metrics[0].provider.skywalking"
QUERY = "query($duration: Duration!) { result: readMetricsValues(duration: $duration) { label values { values { value } } } }"


@dataclass
class Wire:
    """Sends a call once, as it is. `calls` are those that it was given."""

    calls: list[Call] = field(default_factory=list)

    def send(self, call: Call) -> Answer:
        """The answer, or Unreachable."""
        self.calls.append(call)
        try:
            found = requests.request(
                call.method,
                call.url,
                headers=dict(call.headers),
                params=list(call.params),
                data=call.body,
                timeout=call.timeout_s,
            )
        except requests.RequestException as cause:
            raise Unreachable(f"{call.url}: {cause}") from cause
        return Answer(found.status_code, found.headers, found.content)


@dataclass
class Vault:
    """The Secrets of the controller's namespace."""

    held: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        """The Secret, or NotFound; a run's own namespace has none."""
        if in_run_namespace or name not in self.held:
            raise NotFound(f'secrets "{name}" not found')
        return self.held[name]


@dataclass
class Desk:
    """Where a test asks the provider. `given` is the raw config; change it to change the template."""

    server: responses.RequestsMock
    given: dict[str, Any]
    vault: Vault = field(default_factory=Vault)
    wire: Wire = field(default_factory=Wire)
    now: datetime = datetime(2026, 1, 1, 0, 2, 0, 700_000, UTC)

    @property
    def query(self) -> Query[Any]:
        configured = read_config(SkyWalking.config, "skywalking", self.given, PATH)
        assert configured.config is not None, configured.problems
        return Query("shop", "demo", "u-1", "m", 1, configured.config, self.now, PATH)

    def faults(self) -> list[str]:
        """What is wrong with `given`, as `tidegate lint` says it."""
        return [problem.text for problem in SkyWalking().check_metric(self.query.config, PATH)]

    def measure(self) -> Reading:
        return SkyWalking().measure(self.query, Access(self.wire, self.vault, Objects(MemoryCluster([]), "shop")))

    def judge(self, success: str) -> tuple[str, str]:
        """The phase and the message that one measurement gets."""
        return judged(Metric(success_condition=success), self.measure(), holds)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        yield Desk(server, {"address": "http://oap.test:12800/", "query": QUERY, "interval": "5m"})
