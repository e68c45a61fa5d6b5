"""The conformance suite of the kit, run on this router."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate_nginx import Nginx
from tidegate_nginx.ingress import INGRESS
from tidegate_testkit.traffic import MemoryCluster, TrafficCase, TrafficConformance


def share(cluster: MemoryCluster) -> float | None:
    """The canary's share as the proxy draws it: weight of total, 100 without one."""
    canary = cluster.find(INGRESS, "shop", "demo-web-canary")
    if canary is None:
        return None
    read = canary["metadata"]["annotations"].get
    prefix = "nginx.ingress.kubernetes.io"
    return 100 * int(read(f"{prefix}/canary-weight")) / int(read(f"{prefix}/canary-weight-total", "100"))


class TestNginx(TrafficConformance):
    @pytest.fixture
    def case(self, make_ingress: Callable[..., dict[str, Any]]) -> TrafficCase:
        config = {"stableIngress": "web", "additionalIngressAnnotations": {"canary-by-header": "X-Canary"}}
        return TrafficCase(router=Nginx, config=config, manifests=[make_ingress()], observe=share, namespace="shop")
