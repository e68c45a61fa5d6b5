"""The simulated implementation of the Gateway API: what it says of routes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.server import Sandbox

ROUTES = "httproutes.gateway.networking.k8s.io"
CRDS = Path(__file__).parents[1] / "crds" / "gateway"


def a_route(*names: str, namespace: str = "default", annotations: dict[str, str] | None = None) -> Manifest:
    """A route to Services of `default`, wherever it lives itself."""
    refs = [{"name": name, "namespace": "default", "port": 80} for name in names]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": namespace, "annotations": annotations or {}},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": refs}]},
    }


def a_service(name: str) -> Manifest:
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.fixture
def sandbox() -> Sandbox:
    """A cluster that is not served: its world and its store are enough."""
    made = Sandbox(clock=VirtualClock())
    assert made.world is not None
    made.world.start()
    made.install_crds(CRDS)
    return made


def said(sandbox: Sandbox, namespace: str = "default") -> dict[str, tuple[str, str, int]]:
    """Status, reason and generation of each condition of the only parent."""
    route = sandbox.objects.get(ROUTES, namespace, "web")
    (parent,) = route.get("status", {}).get("parents") or [{"conditions": []}]
    return {each["type"]: (each["status"], each["reason"], each["observedGeneration"]) for each in parent["conditions"]}


def test_a_sound_route_is_accepted_in_the_generation_that_is_there(sandbox: Sandbox) -> None:
    sandbox.apply([a_service("a"), a_route("a")])
    assert said(sandbox) == {"Accepted": ("True", "Accepted", 1), "ResolvedRefs": ("True", "ResolvedRefs", 1)}
    sandbox.apply([a_service("b"), a_route("a", "b")])
    assert said(sandbox)["Accepted"] == ("True", "Accepted", 2)


def test_a_backend_that_comes_later_is_resolved_then(sandbox: Sandbox) -> None:
    sandbox.apply(a_route("a"))
    assert said(sandbox)["ResolvedRefs"] == ("False", "BackendNotFound", 1)
    sandbox.apply(a_service("a"))
    assert said(sandbox)["ResolvedRefs"] == ("True", "ResolvedRefs", 1)


def test_a_backend_in_another_namespace_waits_for_its_grant(sandbox: Sandbox) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "edge"}}
    sandbox.apply([namespace, a_service("a"), a_route("a", namespace="edge")])
    assert said(sandbox, "edge")["ResolvedRefs"] == ("False", "RefNotPermitted", 1)
    sandbox.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1beta1",
            "kind": "ReferenceGrant",
            "metadata": {"name": "edge", "namespace": "default"},
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "edge"}],
                "to": [{"group": "", "kind": "Service"}],
            },
        }
    )
    assert said(sandbox, "edge")["ResolvedRefs"] == ("True", "ResolvedRefs", 1)


def test_an_annotation_makes_it_slow(sandbox: Sandbox) -> None:
    sandbox.apply([a_service("a"), a_route("a", annotations={"sandbox.tidegate.io/accept-after": "5s"})])
    assert said(sandbox) == {}
    sandbox.advance(5)
    assert said(sandbox)["Accepted"] == ("True", "Accepted", 1)


def test_what_another_controller_says_stays(sandbox: Sandbox) -> None:
    sandbox.apply([a_service("a"), a_route("a")])
    route = sandbox.objects.get(ROUTES, "default", "web")
    theirs = {"parentRef": {"name": "edge"}, "controllerName": "example.com/other", "conditions": []}
    route["status"]["parents"].append(theirs)
    sandbox.objects.update(ROUTES, route, subresource="status")
    sandbox.settle()
    names = [each["controllerName"] for each in sandbox.objects.get(ROUTES, "default", "web")["status"]["parents"]]
    assert names == ["example.com/other", "tidegate.io/sandbox-gateway"]
