"""`Sandbox.apply`: the same manifest again, at whichever served version it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.server import Sandbox

CRDS = Path(__file__).parents[1] / "crds" / "gateway"
ROUTES = "httproutes.gateway.networking.k8s.io"
SCALERS = "horizontalpodautoscalers.autoscaling"


@pytest.fixture
def sandbox() -> Sandbox:
    made = Sandbox(clock=VirtualClock())
    made.install_crds(CRDS)
    return made


def a_route(version: str, *names: str) -> Manifest:
    refs = [{"name": name, "port": 80} for name in names]
    return {
        "apiVersion": f"gateway.networking.k8s.io/{version}",
        "kind": "HTTPRoute",
        "metadata": {"name": "web"},
        "spec": {"rules": [{"backendRefs": refs}]},
    }


def a_scaler(highest: int, percent: int = 50) -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": highest, "targetCPUUtilizationPercentage": percent}
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": spec,
    }


def named(sandbox: Sandbox) -> list[str]:
    (route,) = sandbox.objects.list(ROUTES)
    return [ref["name"] for ref in route["spec"]["rules"][0]["backendRefs"]]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_manifest_may_be_applied_again(sandbox: Sandbox, version: str) -> None:
    sandbox.apply(a_route(version, "one"))
    (before,) = sandbox.objects.list(ROUTES)
    sandbox.apply(a_route(version, "one"))
    assert sandbox.objects.list(ROUTES) == [before]
    sandbox.apply(a_route(version, "two"))
    assert named(sandbox) == ["two"]


@pytest.mark.parametrize(("first", "second"), [("v1", "v1beta1"), ("v1beta1", "v1")])
def test_two_versions_are_one_object(sandbox: Sandbox, first: str, second: str) -> None:
    sandbox.apply(a_route(first, "one"))
    sandbox.apply(a_route(second, "two"))
    assert named(sandbox) == ["two"]


def test_a_view_of_a_built_in_kind_may_be_applied_again(sandbox: Sandbox) -> None:
    for highest in (3, 3, 5):
        sandbox.apply(a_scaler(highest))
    (stored,) = sandbox.objects.list(SCALERS)
    assert (stored["apiVersion"], stored["spec"]["maxReplicas"]) == ("autoscaling/v2", 5)
    assert stored["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50
