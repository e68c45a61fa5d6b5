"""The example works: read as a user would apply it, without a problem, through every step, as the load balancer sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.rollout import Rollout
from tidegate.hooks import HeaderRoute, Match, Weights
from tidegate.hooks.configs import target_for
from tidegate_aws_alb import Alb
from tidegate_sandbox.dataplane.alb import AlbTranslator
from tidegate_sandbox.dataplane.matching import Request, route_for
from tidegate_testkit.memory import MemoryCluster
from tidegate_testkit.stage import facade_for

EXAMPLES = Path(__file__).parents[3] / "examples" / "alb"
HOST = "checkout.example.com"


@pytest.fixture
def manifests() -> list[dict[str, Any]]:
    files = sorted(EXAMPLES.glob("*.yaml"))
    return [manifest for file in files for manifest in yaml.safe_load_all(file.read_text())]


def drawn(cluster: MemoryCluster, **headers: str) -> dict[str, int]:
    """The weights by cluster of the proxy, for a request with these headers."""
    world: dict[str, list[Any]] = {"ingresses.networking.k8s.io": [], "services": []}
    for (_, kind, _, _), manifest in cluster.contents().items():
        key = {"Ingress": "ingresses.networking.k8s.io", "Service": "services"}.get(kind)
        if key:
            world[key].append(manifest)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    route = route_for(AlbTranslator().translate(world), Request(HOST, "/cart", sent))
    assert route is not None
    return {share.cluster: share.weight for share in route.shares}


def test_the_example_walks_its_steps(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        manifest["metadata"]["namespace"] = "default"
    cluster, facade = MemoryCluster(manifests), facade_for(Alb)
    (raw,) = [manifest for manifest in manifests if manifest["kind"] == "Rollout"]
    raw["metadata"] |= {"namespace": "default", "uid": "u-1"}
    rollout = Rollout.read(raw)
    canary = rollout.spec.strategy.canary
    assert canary is not None
    assert canary.traffic_routing is not None
    ((name, config),) = canary.traffic_routing.routers.items()
    target = target_for(rollout, facade.configure(name, config, canary.traffic_routing.path(name)))
    assert (target.canary_service, target.stable_service) == ("checkout-ping", "checkout-pong")
    assert facade.problems(name, target, cluster) == ()
    ping, pong = "default-checkout-ping-80", "default-checkout-pong-80"
    facade.set_weights(name, target, Weights(0), cluster)
    facade.set_header_route(name, target, HeaderRoute("testers", (("X-Canary", Match(exact="yes")),)), cluster)
    assert drawn(cluster) == {pong: 100}
    assert drawn(cluster, x_canary="yes") == {ping: 100}
    for weight in (step.set_weight for step in canary.steps if step.set_weight is not None):
        facade.set_weights(name, target, Weights(weight), cluster)
        assert drawn(cluster) == {share: w for share, w in ((ping, weight), (pong, 100 - weight)) if w}
        assert facade.get_weights(name, target, cluster) == {"checkout": Weights(weight)}
