"""A metric of the run `demo` in `shop`, its Secrets, and HTTP whose answers a test writes with `responses`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from tidegate.api.analysis import Metric
from tidegate.hooks import NotFound, Query, Reading
from tidegate.hooks.configs import Configured
from tidegate.hooks.loader import load_objects
from tidegate.hooks.meters import Meters, World
from tidegate.machine.analysis.verdicts import judged
from tidegate.machine.expr.conditions import holds
from tidegate.runtime.outbound import Outbound
from tidegate_datadog import Datadog
from tidegate_testkit.memory import MemoryCluster

PATH = "spec.metrics[0].provider.datadog"


def outbound() -> Outbound:
    """The core's HTTP, at a time that stands still: repeats wait for nothing, and no timeout runs out by itself."""
    return Outbound(seconds=lambda: 0.0, sleep=lambda _: None)


@dataclass
class Vault:
    """Secrets by (whether they are the run's, name)."""

    held: dict[tuple[bool, str], Mapping[str, str]] = field(default_factory=dict)

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        """The Secret, or NotFound."""
        if (in_run_namespace, name) not in self.held:
            raise NotFound(f'secrets "{name}" not found')
        return self.held[in_run_namespace, name]


@dataclass
class Desk:
    """Where a test asks the provider. `given` is the raw config; change it to change the template."""

    server: responses.RequestsMock
    given: dict[str, Any]
    vault: Vault = field(default_factory=Vault)
    http: Outbound = field(default_factory=outbound)
    meters: Meters = field(default_factory=lambda: Meters(load_objects({"datadog": Datadog})))
    now: datetime = datetime(2026, 1, 1, 12, 0, 0, 700_000, UTC)
    started: datetime | None = None
    interval_s: float = 60.0

    @property
    def world(self) -> World:
        return World(self.http, self.vault, MemoryCluster([]))

    @property
    def configured(self) -> Configured:
        return self.meters.configure("datadog", self.given, PATH)

    @property
    def query(self) -> Query[Any]:
        config = self.configured.config
        assert config is not None, self.configured.problems
        return Query("shop", "demo", "u-1", "m", 1, config, self.now, PATH, self.started, self.interval_s)

    def faults(self) -> list[str]:
        """What the model says of `given`, and where that is nothing, what the provider does."""
        found = self.configured
        if found.config is None:
            return [problem.text for problem in found.problems]
        return [problem.text for problem in self.meters.check_metric("datadog", found.config, PATH)]

    def measure(self) -> Reading:
        return self.meters.measure("datadog", self.query, self.world)

    def judge(self, success: str, failure: str = "") -> tuple[str, str]:
        """The phase and the message that one measurement gets."""
        return judged(Metric(success_condition=success, failure_condition=failure), self.measure(), holds)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        yield Desk(
            server,
            {"apiVersion": "v2", "query": "avg:cpu{*}"},
            Vault({(False, "datadog"): {"api-key": "k-api", "app-key": "k-app"}}),
        )
