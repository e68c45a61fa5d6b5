"""The conformance suite of the kit, run on this router in both of its forms, with real requests through the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tidegate_istio import Istio
from tidegate_istio.kinds import VIRTUAL_SERVICE
from tidegate_sandbox.dataplane.istio import IstioTranslator
from tidegate_testkit.stage import Neighbour, Observe
from tidegate_testkit.traffic import MemoryCluster, TrafficCase, TrafficConformance

HOST = "shop.example.com"
OPTIONS = {"tidegate.io/istio.inherit-match": "true", "tidegate.io/istio.route-template": "*"}


def http(cluster: MemoryCluster) -> list[Any]:
    found = cluster.find(VIRTUAL_SERVICE, "shop", "demo-vs")
    return list(found["spec"]["http"]) if found else []


def names(cluster: MemoryCluster) -> Sequence[str]:
    return [route.get("name", "") for route in http(cluster)]


def split(route: Any) -> dict[str, int]:
    """Weights by subset, or by Service without the Rollout's name."""
    return {
        entry["destination"].get("subset") or entry["destination"]["host"].partition("-")[2]: entry["weight"]
        for entry in route["route"]
    }


def share_on(name: str, canary: str = "canary") -> Observe:
    """The canary's share on a route as a sidecar draws it: its weight of the sum."""

    def observe(cluster: MemoryCluster) -> float | None:
        found = [split(route) for route in http(cluster) if route.get("name") == name]
        return 100 * found[0][canary] / sum(found[0].values()) if found else None

    return observe


def splits(cluster: MemoryCluster) -> list[dict[str, int]]:
    return [split(route) for route in http(cluster) if route.get("name") == "primary"]


class TestIstioServices(TrafficConformance):
    """Two Services; a second Rollout has a route of its own in the same VirtualService."""

    @pytest.fixture
    def case(self, make: Any) -> TrafficCase:
        other = make.route("theirs", make.destination("other-stable", 100), make.destination("other-canary", 0))
        elsewhere = make.route("", make.destination("elsewhere"), match=[{"uri": {"prefix": "/static"}}])
        http = elsewhere, {**other, "match": [{"uri": {"prefix": "/theirs"}}]}, make.route(timeout="3s")
        return TrafficCase(
            router=Istio,
            config={"virtualService": {"name": "demo-vs", "routes": ["primary"]}},
            manifests=[make.virtual_service(*http)],
            observe=share_on("primary"),
            namespace="shop",
            splits=splits,
            routes=names,
            neighbour=Neighbour({"virtualService": {"name": "demo-vs", "routes": ["theirs"]}}, share_on("theirs")),
            translator=IstioTranslator,
            host=HOST,
            hashes=False,
            elsewhere=("destinationrules.networking.istio.io",),
            annotations=OPTIONS,
        )


class TestIstioSubsets(TrafficConformance):
    """One host with two subsets for each of two Rollouts; their Services are not asked."""

    @pytest.fixture
    def case(self, make: Any) -> TrafficCase:
        rule = make.rule({"name": "c2"}, {"name": "s2"})
        for subset in rule["spec"]["subsets"][:2]:
            del subset["labels"]
        pair = make.destination("demo", 100, subset="s2"), make.destination("demo", 0, subset="c2")
        theirs = make.route("theirs", *pair, match=[{"uri": {"prefix": "/theirs"}}])
        neighbour = {
            "virtualService": {"name": "demo-vs", "routes": ["theirs"]},
            "destinationRule": {"name": "demo-dr", "canarySubsetName": "c2", "stableSubsetName": "s2"},
        }
        return TrafficCase(
            router=Istio,
            config={
                "virtualServices": [{"name": "demo-vs", "routes": ["primary"]}],
                "destinationRule": {"name": "demo-dr", "canarySubsetName": "canary", "stableSubsetName": "stable"},
            },
            manifests=[make.virtual_service(theirs, make.subset_route()), rule],
            observe=share_on("primary"),
            namespace="shop",
            splits=splits,
            routes=names,
            neighbour=Neighbour(neighbour, share_on("theirs", "c2")),
            translator=IstioTranslator,
            host=HOST,
            services=("demo",),
            annotations=OPTIONS,
        )

    def test_ping_and_pong_change_places(self, case: TrafficCase) -> None:
        """Subsets have fixed roles and follow the revisions by label: Services that change places change nothing."""
        stage = case.start()
        stage.weigh(100)
        stage.changes = {"canary_service": case.stable_service, "stable_service": case.canary_service}
        stage.weigh(0)
        assert stage.observed() == 0
