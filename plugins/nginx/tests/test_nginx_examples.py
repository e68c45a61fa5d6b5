"""The examples work: read as a user would apply them, without a problem, through every weight of their steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.rollout import Rollout
from tidegate.hooks import Weights
from tidegate.hooks.configs import target_for
from tidegate_nginx.ingress import INGRESS
from tidegate_testkit.memory import MemoryCluster

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def manifests() -> list[dict[str, Any]]:
    files = sorted(EXAMPLES.glob("*.yaml"))
    return [manifest for file in files for manifest in yaml.safe_load_all(file.read_text())]


def test_the_example_walks_its_weights(shop: Any, manifests: list[dict[str, Any]]) -> None:
    cluster = MemoryCluster(manifests)
    (raw,) = [manifest for manifest in manifests if manifest["kind"] == "Rollout"]
    raw["metadata"] |= {"namespace": "default", "uid": "u-1"}
    rollout = Rollout.read(raw)
    canary = rollout.spec.strategy.canary
    assert canary is not None
    assert canary.traffic_routing is not None
    ((name, config),) = canary.traffic_routing.routers.items()
    configured = shop.facade.configure(name, config, canary.traffic_routing.path(name))
    target = target_for(rollout, configured)
    assert shop.facade.problems(name, target, cluster) == ()
    for weight in (0, *(step.set_weight for step in canary.steps if step.set_weight is not None), 100):
        shop.facade.set_weights(name, target, Weights(weight), cluster)
        assert shop.facade.get_weights(name, target, cluster) == {"web-web-canary": Weights(weight)}
    made = cluster.find(INGRESS, "default", "web-web-canary")
    assert made is not None
    assert made["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-by-header"] == "X-Canary"
    assert made["spec"]["tls"] == [{"hosts": ["web.example.com"], "secretName": "web-tls"}]
