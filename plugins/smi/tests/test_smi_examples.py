"""The examples work: read as a user would apply them, without a problem, through every weight of their steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tidegate.api.rollout import Rollout
from tidegate.hooks import Weights
from tidegate.hooks.configs import target_for
from tidegate_smi.split import kind_of
from tidegate_testkit.memory import MemoryCluster

EXAMPLES = Path(__file__).parents[3] / "examples" / "smi"


def test_the_example_walks_its_weights(shop: Any) -> None:
    files = sorted(EXAMPLES.glob("*.yaml"))
    manifests = [manifest for file in files for manifest in yaml.safe_load_all(file.read_text())]
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
    for weight in (0, *(each.set_weight for each in canary.steps if each.set_weight is not None), 100):
        shop.facade.set_weights(name, target, Weights(weight), cluster)
        assert shop.facade.get_weights(name, target, cluster) == {"checkout": Weights(weight)}
    split = cluster.find(kind_of("v1alpha2"), "default", "checkout")
    assert split is not None
    services = {each["metadata"]["name"] for each in manifests if each["kind"] == "Service"}
    assert {split["spec"]["service"], *(each["service"] for each in split["spec"]["backends"])} == services
