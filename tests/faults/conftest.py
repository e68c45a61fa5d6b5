"""Builders for tests over whole histories; `histories` is a package of tools/, which pytest has on its path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from histories.settings import Config, cluster_of
from tidegate.simulation import Cluster
from tidegate.simulation.invariants import Judge

Build = Callable[..., tuple[Cluster, Judge]]


@pytest.fixture
def deployed() -> Build:
    """`deployed(steps, replicas=…, routers=…, **canary)`: a cluster at v1 and at rest, and who watches it."""

    def build(steps: list[Any], *, replicas: int = 4, routers: Any = (), **canary: Any) -> tuple[Cluster, Judge]:
        services = {"canaryService": "canary", "stableService": "stable"}
        routing: dict[str, Any] = {"trafficRouting": {name: {} for name, _, _ in routers}} if routers else {}
        strategy = {"canary": {"steps": steps, **services, **routing, **canary}}
        cluster = cluster_of(Config(strategy, replicas, {}, routers))
        judge = Judge(cluster)
        cluster.watchers.append(judge)
        assert cluster.settle()
        return cluster, judge

    return build
