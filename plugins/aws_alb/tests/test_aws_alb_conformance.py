"""The conformance suite of the kit, run on this router, with real requests through the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from tidegate_aws_alb import Alb
from tidegate_aws_alb.ingress import INGRESS
from tidegate_sandbox.dataplane.alb import AlbTranslator
from tidegate_testkit.stage import Neighbour, Observe
from tidegate_testkit.traffic import MemoryCluster, TrafficCase, TrafficConformance

Q = "alb.ingress.kubernetes.io"
HOST = "shop.example.com"
Make = Callable[..., dict[str, Any]]


def weights(cluster: MemoryCluster, action: str) -> Mapping[str, int]:
    """What the load balancer draws by: weights by Service."""
    ingress = cluster.find(INGRESS, "shop", "web")
    assert ingress is not None
    config = json.loads(ingress["metadata"]["annotations"][f"{Q}/actions.{action}"])["ForwardConfig"]
    return {group["ServiceName"]: group["Weight"] for group in config["TargetGroups"]}


def share(action: str, canary: str) -> Observe:
    def observe(cluster: MemoryCluster) -> float | None:
        found = weights(cluster, action)
        return 100 * found[canary] / sum(found.values()) if canary in found else None

    return observe


def splits(cluster: MemoryCluster) -> Sequence[Mapping[str, int]]:
    return [{name.removeprefix("demo-"): weight for name, weight in weights(cluster, "demo-root").items()}]


def routes(cluster: MemoryCluster) -> Sequence[str]:
    ingress = cluster.find(INGRESS, "shop", "web")
    assert ingress is not None
    paths = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    return [path["backend"]["service"]["name"] for path in paths]


class TestAlb(TrafficConformance):
    """Two Rollouts behind one Ingress, each with a root Service whose action stood there before."""

    @pytest.fixture
    def case(
        self, make_ingress: Make, make_rule: Make, make_path: Make, make_service: Make, action: Callable[..., str]
    ) -> TrafficCase:
        ingress = make_ingress("web", make_rule(make_path("other-root", "/theirs"), make_path("demo-root"), host=HOST))
        ingress["metadata"]["annotations"] = {
            f"{Q}/actions.{root}": action(("demo-stable", 100)) for root in ("demo-root", "other-root")
        }
        services = [make_service(f"demo-{role}", port_name="http") for role in ("stable", "canary")]
        config = {"ingress": "web", "rootService": "demo-root", "servicePort": 443}
        return TrafficCase(
            router=Alb,
            config=config,
            manifests=[ingress, *services],
            observe=share("demo-root", "demo-canary"),
            namespace="shop",
            splits=splits,
            routes=routes,
            # With the same Services: the kit expects that every object is read by the Rollout under test.
            neighbour=Neighbour(
                {**config, "rootService": "other-root"},
                share("other-root", "demo-canary"),
                stable_service="demo-stable",
                canary_service="demo-canary",
            ),
            translator=AlbTranslator,
            host=HOST,
            port=443,
            annotations={"tidegate.io/alb.header-path-mode": "clone"},
        )
