"""The examples work: read as a user would apply them, without a problem, through every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.rollout import Rollout
from tidegate.hooks import HeaderRoute, Match, Weights
from tidegate.hooks.configs import target_for
from tidegate_testkit.memory import MemoryCluster

EXAMPLES = Path(__file__).parents[3] / "examples" / "gateway"


@pytest.fixture
def manifests() -> list[dict[str, Any]]:
    files = sorted(EXAMPLES.glob("*.yaml"))
    return [manifest for file in files for manifest in yaml.safe_load_all(file.read_text())]


def test_the_example_walks_its_steps(shop: Any, manifests: list[dict[str, Any]], kinds: Any) -> None:
    cluster = MemoryCluster(manifests)
    (raw,) = [manifest for manifest in manifests if manifest["kind"] == "Rollout"]
    raw["metadata"] |= {"namespace": "default", "uid": "u-1"}
    rollout = Rollout.read(raw)
    canary = rollout.spec.strategy.canary
    assert canary is not None
    assert canary.traffic_routing is not None
    ((name, config),) = canary.traffic_routing.routers.items()
    target = target_for(rollout, shop.facade.configure(name, config, canary.traffic_routing.path(name)))
    assert shop.facade.problems(name, target, cluster) == ()
    (step,) = [each.set_header_route for each in canary.steps if each.set_header_route is not None]
    pairs = tuple((m.header_name, Match(exact=m.header_value.exact)) for m in step.match if m.header_value)
    for weight in (0, *(each.set_weight for each in canary.steps if each.set_weight is not None), 100):
        shop.facade.set_weights(name, target, Weights(weight), cluster)
        assert shop.facade.get_weights(name, target, cluster) == {"checkout": Weights(weight)}
        shop.facade.set_header_route(name, target, HeaderRoute(step.name, pairs), cluster)
    route = cluster.find(kinds["HTTPRoute"], "default", "checkout")
    assert route is not None
    assert [rule.get("name") for rule in route["spec"]["rules"]] == ["testers", None]
