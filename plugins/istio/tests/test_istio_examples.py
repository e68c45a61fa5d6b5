"""The examples work: read as a user would apply them, without a problem, through every weight of their steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.rollout import Rollout
from tidegate.hooks import Hashes, HeaderRoute, Match, Target, Weights
from tidegate.hooks.configs import target_for
from tidegate_istio.kinds import DESTINATION_RULE, VIRTUAL_SERVICE
from tidegate_testkit.memory import MemoryCluster

PLUGIN = Path(__file__).parent.parent / "examples"
WHOLE = Path(__file__).parents[3] / "examples" / "istio"
YES = (("x-tester", Match(exact="yes")),)


def manifests(folder: Path) -> list[dict[str, Any]]:
    return [each for file in sorted(folder.glob("*.yaml")) for each in yaml.safe_load_all(file.read_text())]


def target_of(shop: Any, given: list[dict[str, Any]]) -> tuple[Target[Any], list[int]]:
    """For whom the router works, and the weights of the steps."""
    (raw,) = [manifest for manifest in given if manifest["kind"] == "Rollout"]
    raw["metadata"] |= {"namespace": "default", "uid": "u-1"}
    rollout = Rollout.read(raw)
    canary = rollout.spec.strategy.canary
    assert canary is not None
    assert canary.traffic_routing is not None
    ((name, config),) = canary.traffic_routing.routers.items()
    configured = shop.facade.configure(name, config, canary.traffic_routing.path(name))
    weights = [step.set_weight for step in canary.steps if step.set_weight is not None]
    return target_for(rollout, configured), weights


@pytest.mark.parametrize(
    ("folder", "name", "weights"),
    [
        pytest.param(PLUGIN, "web", [5, 50], id="plugin"),
        pytest.param(WHOLE, "checkout", [5, 25, 50, 100], id="services"),
        pytest.param(WHOLE / "subsets", "catalog", [25, 50], id="subsets"),
    ],
)
def test_an_example_walks_its_weights(shop: Any, folder: Path, name: str, weights: list[int]) -> None:
    given = manifests(folder)
    cluster = MemoryCluster(given)
    target, found = target_of(shop, given)
    assert found == weights
    assert shop.facade.problems("istio", target, cluster) == ()
    shop.facade.update_hash("istio", target, Hashes("bbb", "aaa"), cluster)
    for weight in (0, *weights, 100):
        shop.facade.set_weights("istio", target, Weights(weight), cluster)
        assert shop.facade.get_weights("istio", target, cluster) == {name: Weights(weight)}
    for route in target.managed_routes:
        shop.facade.set_header_route("istio", target, HeaderRoute(route, YES), cluster)
    service = cluster.find(VIRTUAL_SERVICE, "default", name)
    assert service is not None
    assert [route["name"] for route in service["spec"]["http"]] == [*target.managed_routes, "primary"]
    rule = cluster.find(DESTINATION_RULE, "default", name)
    labels = {} if rule is None else {each["name"]: each["labels"] for each in rule["spec"]["subsets"]}
    hashes = {subset: found["rollouts-pod-template-hash"] for subset, found in labels.items()}
    assert hashes == ({} if rule is None else {"stable": "aaa", "canary": "bbb"})
