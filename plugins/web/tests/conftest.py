"""One metric of the provider `web`, and HTTP whose answers a test writes with `responses`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from tidegate.hooks import Access, Objects, Query, Reading
from tidegate.hooks.configs import read_config
from tidegate.runtime.outbound import Outbound
from tidegate_testkit.memory import MemoryCluster
from tidegate_web import Web

PATH = "spec.metrics[0].provider.web"


class NoSecrets:
    """The provider reads none."""

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        """Never asked."""
        raise AssertionError(f"the provider read the Secret {name}")


@dataclass
class Desk:
    """Where a test asks the provider. `given` is the raw config."""

    server: responses.RequestsMock
    given: dict[str, Any] = field(default_factory=lambda: {"url": "http://health/q"})
    http: Outbound = field(default_factory=lambda: Outbound(seconds=lambda: 0.0, sleep=lambda _: None))

    def config(self) -> Any:
        configured = read_config(Web.config, "web", self.given, PATH)
        assert configured.config is not None, configured.problems
        return configured.config

    def faults(self) -> list[tuple[str, str]]:
        """Fields and texts of what is wrong with `given`."""
        configured = read_config(Web.config, "web", self.given, PATH)
        found = configured.problems or Web().check_metric(self.config(), PATH)
        return [(problem.path, problem.detail) for problem in found]

    def measure(self, **given: Any) -> Reading:
        self.given |= given
        query = Query("shop", "demo", "u-1", "m", 1, self.config(), datetime(2026, 1, 1, tzinfo=UTC), PATH)
        return Web().measure(query, Access(self.http, NoSecrets(), Objects(MemoryCluster([]), "shop")))

    @property
    def asked(self) -> Any:
        """The last request as it went out."""
        return self.server.calls[-1].request


@pytest.fixture
def desk() -> Iterator[Desk]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        made = Desk(server)
        yield made
        made.http.close()
