"""The conformance suite of the kit, run on this router."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate_ambassador import Ambassador
from tidegate_ambassador.mapping import MAPPING
from tidegate_testkit.traffic import MemoryCluster, TrafficCase, TrafficConformance


class AtNoon(Ambassador):
    """The router at one moment: two runs of the same story write the same note of when a canary was closed."""

    now = staticmethod(lambda: datetime(2026, 1, 1, 12, tzinfo=UTC))


def a_mapping(name: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"host": "web"}}
    spec = {"host": "web.example", "prefix": f"/{name}/", "service": "http://demo-stable:80", "timeout_ms": 4000}
    return {"apiVersion": "getambassador.io/v2", "kind": "Mapping", "metadata": metadata, "spec": spec}


def shares(cluster: MemoryCluster) -> list[int]:
    """What each canary takes of 100; without a canary its Mapping takes all."""
    canaries = [cluster.find(MAPPING, "default", f"{name}-canary") for name in ("web", "api")]
    return [canary["spec"]["weight"] if canary else 0 for canary in canaries]


def share(cluster: MemoryCluster) -> float | None:
    one, other = shares(cluster)
    return one if one == other else None


class TestAmbassador(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return TrafficCase(
            router=AtNoon,
            config={"mappings": ["web", "api"]},
            manifests=[a_mapping("web"), a_mapping("api")],
            observe=share,
            splits=lambda cluster: [{"canary": each, "stable": 100 - each} for each in shares(cluster)],
        )
