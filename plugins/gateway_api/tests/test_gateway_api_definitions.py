"""An API server that knows the definitions takes what is written, and what it fills in is no reason to write again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.hooks import Match, MirrorMatch
from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.server import Sandbox

Make = Callable[..., dict[str, Any]]

CRDS = Path(__file__).parents[3] / "sandbox" / "crds" / "gateway"
SERVER_FIELDS = ("apiVersion", "kind", "metadata", "spec")
BARE = [{"name": "demo-stable", "port": 80, "weight": 100}, {"name": "demo-canary", "port": 80, "weight": 0}]


@pytest.fixture
def sandbox() -> Sandbox:
    made = Sandbox(clock=VirtualClock(), simulate=False)
    made.install_crds(CRDS)
    return made


def stored(sandbox: Sandbox, manifest: dict[str, Any]) -> dict[str, Any]:
    """The object as the server keeps it; the server refuses unknown fields. A client sees no version in the test's cluster."""
    bare = {"name": manifest["metadata"]["name"], "namespace": "default"}
    metadata = bare | {
        key: manifest["metadata"][key] for key in ("labels", "annotations") if key in manifest["metadata"]
    }
    (answer,) = sandbox.apply({**manifest, "metadata": metadata})
    return {**answer, "metadata": {**metadata, "namespace": "shop"}}


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"])
def test_what_is_written_is_taken_and_not_written_again(
    shop: Any, sandbox: Sandbox, make_route: Make, kind: str
) -> None:
    route = make_route("r", kind, [{"backendRefs": BARE}])
    route["apiVersion"] = "gateway.networking.k8s.io/v1alpha2" if kind == "TCPRoute" else "gateway.networking.k8s.io/v1"
    if kind == "TCPRoute":
        del route["spec"]["hostnames"]
    shop.given, shop.managed = {f"{kind.lower().removesuffix('route')}Route": "r"}, ("h", "m")

    def step(weight: int) -> None:
        shop.weigh(weight)
        if kind in ("HTTPRoute", "GRPCRoute"):
            shop.header("h")
            shop.mirror(MirrorMatch(headers={"X-A": Match(prefix="b")}), percentage=20)

    shop.put(stored(sandbox, route))
    for weight in (5, 100, 0):
        step(weight)
        shop.put(stored(sandbox, shop.find("r", kind)))
        shop.written()
        step(weight)
        assert shop.written() == []
    shop.keep()
    assert len(shop.rules("r", kind)) == 1
