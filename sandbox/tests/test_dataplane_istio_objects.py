"""The sandbox serves Istio's kinds in every version, and a served object is in force as soon as it is patched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import DataPlane, StoreSource
from tidegate_sandbox.dataplane.istio import IstioTranslator
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.server import Sandbox

CRDS = Path(__file__).parent.parent / "crds" / "istio"
VERSIONS = ("v1", "v1beta1", "v1alpha3")
PLURALS = {"VirtualService": "virtualservices", "DestinationRule": "destinationrules"}


def path(kind: str, version: str, name: str = "") -> str:
    return f"/apis/networking.istio.io/{version}/namespaces/default/{PLURALS[kind]}/{name}".rstrip("/")


def virtual_service(stable: int, canary: int, **http: Any) -> Manifest:
    route = [
        {"destination": {"host": "web", "subset": subset}, "weight": weight}
        for subset, weight in (("stable", stable), ("canary", canary))
    ]
    return {
        "kind": "VirtualService",
        "metadata": {"name": "web"},
        "spec": {"hosts": ["web.example"], "http": [{"name": "primary", "route": route, **http}]},
    }


def rule() -> Manifest:
    subsets = [{"name": name, "labels": {"track": name}} for name in ("stable", "canary")]
    return {"kind": "DestinationRule", "metadata": {"name": "web"}, "spec": {"host": "web", "subsets": subsets}}


@pytest.fixture
def mesh(cluster: Sandbox) -> Sandbox:
    cluster.install_crds(CRDS)
    return cluster


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", [virtual_service(100, 0), rule()], ids=["VirtualService", "DestinationRule"])
def test_an_object_is_served_in_every_version(mesh: Sandbox, api: Any, version: str, manifest: Manifest) -> None:
    kind = manifest["kind"]
    made = api("POST", path(kind, version), {**manifest, "apiVersion": f"networking.istio.io/{version}"})
    assert made.code == 201, made.json
    for other in VERSIONS:
        found = api("GET", path(kind, other, "web")).json
        assert found["apiVersion"] == f"networking.istio.io/{other}"
        assert found["spec"] == manifest["spec"]


def test_lists_are_replaced_whole_by_a_patch(mesh: Sandbox, api: Any) -> None:
    api("POST", path("VirtualService", "v1"), {**virtual_service(100, 0), "apiVersion": "networking.istio.io/v1"})
    http = [{"name": "other", "redirect": {"uri": "/x"}}]
    patched = api.merge(path("VirtualService", "v1", "web"), {"spec": {"http": http}})
    assert patched.json["spec"] == {"hosts": ["web.example"], "http": http}


def test_fields_that_the_sandbox_does_not_know_are_kept(mesh: Sandbox, api: Any) -> None:
    given = {**virtual_service(100, 0, fromTheFuture={"deep": [1]}), "apiVersion": "networking.istio.io/v1"}
    assert api("POST", path("VirtualService", "v1"), given).json["spec"] == given["spec"]


@pytest.mark.parametrize("weight", [-1, 25.5, "25"])
def test_a_weight_is_a_whole_number(mesh: Sandbox, api: Any, weight: Any) -> None:
    given = {**virtual_service(100, weight), "apiVersion": "networking.istio.io/v1"}
    assert api("POST", path("VirtualService", "v1"), given).code == 422


def test_a_patch_of_the_weights_is_in_force_at_once(mesh: Sandbox, api: Any) -> None:
    for version in ("stable", "canary"):
        labels = {"app": "web", "track": version}
        containers = [{"name": "web", "image": f"web:{version}"}]
        pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": version, "labels": labels}}
        made = api("POST", "/api/v1/namespaces/default/pods", {**pod, "spec": {"containers": containers}})
        assert made.code == 201, made.json
        ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": f"10.0.0.{len(version)}"}
        assert api.merge(f"/api/v1/namespaces/default/pods/{version}/status", {"status": ready}).code == 200
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    service = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "web"}, "spec": {"ports": ports}}
    assert api("POST", "/api/v1/namespaces/default/services", service).code == 201
    endpoints = [
        {"addresses": [f"10.0.0.{len(name)}"], "targetRef": {"kind": "Pod", "name": name, "namespace": "default"}}
        for name in ("stable", "canary")
    ]
    piece = {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": endpoints,
    }
    assert api("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", piece).code == 201
    for manifest in (virtual_service(100, 0), rule()):
        body = {**manifest, "apiVersion": "networking.istio.io/v1"}
        assert api("POST", path(manifest["kind"], "v1"), body).code == 201
    source = StoreSource(mesh.objects)
    with DataPlane(source, proxy=PythonProxy(seed=1), translators=[IstioTranslator()]) as plane:
        assert plane.in_force.notes == ()
        for weight in (0, 25, 100):
            spec = virtual_service(100 - weight, weight)["spec"]
            assert api.merge(path("VirtualService", "v1beta1", "web"), {"spec": {"http": spec["http"]}}).code == 200
            assert plane.wait_current()
            split = plane.split("web.example")
            assert split is not None
            assert split.version("canary") == weight / 100
