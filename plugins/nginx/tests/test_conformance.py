"""The conformance suite of the kit, run on this router, with real requests through the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate_nginx import Nginx
from tidegate_nginx.ingress import INGRESS
from tidegate_sandbox.dataplane.ingress import IngressTranslator
from tidegate_testkit.traffic import MemoryCluster, Neighbour, TrafficCase, TrafficConformance

HOST = "shop.example.com"


def share(rollout: str) -> Callable[[MemoryCluster], float | None]:
    """The canary's share as the proxy draws it: weight of total, 100 without one."""

    def observe(cluster: MemoryCluster) -> float | None:
        canary = cluster.find(INGRESS, "shop", f"{rollout}-web-canary")
        if canary is None:
            return None
        read = canary["metadata"]["annotations"].get
        prefix = "nginx.ingress.kubernetes.io"
        return 100 * int(read(f"{prefix}/canary-weight")) / int(read(f"{prefix}/canary-weight-total", "100"))

    return observe


class TestNginx(TrafficConformance):
    """One stable Ingress leads to two Rollouts; each has a canary Ingress of its own."""

    @pytest.fixture
    def case(self, make_ingress: Callable[..., dict[str, Any]]) -> TrafficCase:
        ingress = make_ingress(host=HOST)
        theirs = {"service": {"name": "other-stable", "port": {"number": 80}}}
        ingress["spec"]["rules"][0]["http"]["paths"].append({"path": "/o", "pathType": "Prefix", "backend": theirs})
        return TrafficCase(
            router=Nginx,
            config={"stableIngress": "web", "additionalIngressAnnotations": {"canary-by-header": "X-Canary"}},
            manifests=[ingress],
            observe=share("demo"),
            namespace="shop",
            neighbour=Neighbour({"stableIngress": "web"}, share("other")),
            translator=IngressTranslator,
            host=HOST,
        )
