"""What every traffic router holds to. Subclass, give one fixture, run pytest.

    class TestMyRouter(TrafficConformance):
        @pytest.fixture
        def case(self) -> TrafficCase:
            return TrafficCase(router=MyRouter, config={...}, manifests=[...], observe=share)

Checks of what a router does not declare are skipped, never failed. A single check may be overridden with a reason.
"""

from __future__ import annotations

import pytest

from tidegate_testkit.memory import MemoryCluster
from tidegate_testkit.stage import Neighbour, TrafficCase
from tidegate_testkit.suites.belonging import Belonging
from tidegate_testkit.suites.company import Company
from tidegate_testkit.suites.hostility import Hostility
from tidegate_testkit.suites.leaving import Leaving
from tidegate_testkit.suites.measuring import Measuring
from tidegate_testkit.suites.routing import Routing
from tidegate_testkit.suites.upkeep import Upkeep
from tidegate_testkit.suites.weighing import Weighing


class TrafficConformance(Belonging, Weighing, Upkeep, Routing, Company, Hostility, Leaving, Measuring):
    """The suite. Every check starts from a fresh cluster."""

    @pytest.fixture
    def case(self) -> TrafficCase:
        """The router under test; every subclass gives its own."""
        raise pytest.UsageError(f"{type(self).__name__} needs a fixture `case` that returns a TrafficCase")


__all__ = ["MemoryCluster", "Neighbour", "TrafficCase", "TrafficConformance"]
