"""The conformance suite of the kit, run on this router: on one HTTPRoute, and on one route of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.hooks import Kind
from tidegate_gateway_api import GatewayApi
from tidegate_gateway_api.kinds import HTTP
from tidegate_sandbox.dataplane.gateway import GatewayTranslator
from tidegate_testkit.traffic import MemoryCluster, Neighbour, TrafficCase, TrafficConformance

Make = Callable[..., dict[str, Any]]
NAMES = {"HTTPRoute": "web", "GRPCRoute": "web-grpc", "TCPRoute": "web-tcp", "TLSRoute": "web-tls"}
ELSEWHERE = ("grpcroutes", "tcproutes", "tlsroutes", "referencegrants")


def rules(cluster: MemoryCluster) -> list[dict[str, Any]]:
    found = cluster.find(HTTP.kind, "shop", "web")
    return found["spec"]["rules"] if found else []


def splits(cluster: MemoryCluster, rollout: str = "demo") -> list[dict[str, int]]:
    """Weights by Service of every rule that is split between the sides of a Rollout."""
    found = [{ref["name"]: ref.get("weight", 1) for ref in rule["backendRefs"]} for rule in rules(cluster)]
    return [split for split in found if {f"{rollout}-stable", f"{rollout}-canary"} <= set(split)]


def share(cluster: MemoryCluster, rollout: str = "demo") -> float | None:
    """The canary's share of the first rule that is split."""
    found = splits(cluster, rollout)
    return 100 * found[0][f"{rollout}-canary"] / sum(found[0].values()) if found else None


def follow(kinds: dict[str, Kind]) -> Callable[[MemoryCluster], None]:
    """An implementation that accepts every route as it stands."""

    def settle(cluster: MemoryCluster) -> None:
        for noun, kind in kinds.items():
            if (found := cluster.find(kind, "shop", NAMES[noun])) is not None:
                seen = {"status": "True", "observedGeneration": found["metadata"]["generation"]}
                conditions = [{"type": name, **seen} for name in ("Accepted", "ResolvedRefs")]
                parent = {"parentRef": {"name": "edge"}, "controllerName": "x/y", "conditions": conditions}
                cluster.edit(kind, "shop", NAMES[noun], {"status": {"parents": [parent]}})

    return settle


class TestHttpRoute(TrafficConformance):
    @pytest.fixture
    def case(self, make_route: Make, make_rule: Make, make_ref: Make, kinds: Any) -> TrafficCase:
        others = [make_ref("other-stable", 100), make_ref("other-canary", 0)]
        route = make_route(rules=[make_rule("/"), make_rule("/other", refs=others)])
        return TrafficCase(
            router=GatewayApi,
            config={"httpRoutes": [{"name": "web", "useHeaderRoutes": True}]},
            manifests=[route],
            observe=share,
            namespace="shop",
            splits=splits,
            routes=lambda cluster: [rule["name"] for rule in rules(cluster) if "name" in rule],
            neighbour=Neighbour({"httpRoute": "web"}, lambda cluster: share(cluster, "other")),
            settle=follow(kinds),
            translator=GatewayTranslator,
            host="shop.example.com",
            elsewhere=(*(f"{plural}.gateway.networking.k8s.io" for plural in ELSEWHERE), "services"),
        )


class TestEveryKind(TrafficConformance):
    @pytest.fixture
    def case(self, make_route: Make, make_rule: Make, kinds: Any) -> TrafficCase:
        routes = [make_route(name, kind, rules=[make_rule()]) for kind, name in NAMES.items()]
        return TrafficCase(
            router=GatewayApi,
            config={"httpRoute": "web", "grpcRoute": "web-grpc", "tcpRoute": "web-tcp", "tlsRoute": "web-tls"},
            manifests=routes,
            observe=share,
            namespace="shop",
            settle=follow(kinds),
            elsewhere=("referencegrants.gateway.networking.k8s.io", "services"),
        )
