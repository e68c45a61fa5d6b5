"""The page for plugin authors is run: its router and its wrapper do what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tidegate.errors import Pending
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.hooks.router import Target
from tidegate.machine.traffic import Weights
from tidegate_testkit.memory import MemoryCluster

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


@pytest.fixture
def shown() -> dict[str, Any]:
    """What the page's Python blocks define."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    return names


def test_the_router_shares_out_and_the_wrapper_stops_it_at_one_half(shown: dict[str, Any]) -> None:
    router, wrapper, kind = shown["Mesh"], shown["Freeze"], shown["CONFIG_MAP"]
    facade = Facade(load_objects({"mesh": router, "freeze": wrapper}), sleep=lambda _: None)
    assert facade.routers == ("example.com/mesh",)
    existing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}}
    cluster = MemoryCluster([existing], router.needs)
    target = Target(
        namespace="shop",
        name="web",
        uid="u-1",
        config=shown["MeshConfig"](configMap="web"),
        canary_service="web-canary",
        stable_service="web-stable",
    )
    assert facade.set_weights("example.com/mesh", target, Weights(25), cluster).wrote
    found = cluster.find(kind, "shop", "web")
    assert found is not None
    assert found["data"] == {"web-canary": "25", "web-stable": "75"}
    assert not facade.set_weights("example.com/mesh", target, Weights(25), cluster).wrote
    with pytest.raises(Pending, match="frozen at one half"):
        facade.set_weights("example.com/mesh", target, Weights(75), cluster)
