"""The conformance suite of the kit, run on this router: with weights as numbers, and as v1alpha1's texts."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate_sandbox.dataplane.smi import SmiTranslator
from tidegate_smi import Smi
from tidegate_smi.split import kind_of
from tidegate_testkit.traffic import MemoryCluster, TrafficCase, TrafficConformance

ROOT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "demo-root", "namespace": "shop"},
    "spec": {"selector": {"app": "demo"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}


def split(cluster: MemoryCluster) -> dict[str, int]:
    """Weights by Service, as a mesh reads them."""
    found = cluster.find(kind_of("v1alpha2"), "shop", "demo")
    return {each["service"]: int(each["weight"]) for each in found["spec"]["backends"]} if found else {}


def share(cluster: MemoryCluster) -> float | None:
    found = split(cluster)
    return 100 * found["demo-canary"] / sum(found.values()) if found else None


def a_case(version: str, **more: Any) -> TrafficCase:
    return TrafficCase(
        router=Smi,
        config={"rootService": "demo-root", "trafficSplitName": "demo"},
        manifests=[ROOT],
        observe=share,
        namespace="shop",
        settings={"apiVersion": version},
        splits=lambda cluster: [split(cluster)],
        translator=SmiTranslator,
        host="demo-root.shop",
        services=("demo-root",),
        **more,
    )


class TestSmi(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return a_case("v1alpha2")


class TestSmiWithTexts(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return a_case("v1alpha1")
