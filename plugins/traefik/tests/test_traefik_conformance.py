"""The conformance suite of the kit, run on this router, with requests through the routes as Traefik would build them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tidegate_sandbox.dataplane.endpoints import RESOURCES, Endpoints
from tidegate_sandbox.dataplane.routes import Cluster, Host, PathKind, PathMatch, Route, RouteTable, Share, World
from tidegate_testkit.traffic import MemoryCluster, TrafficCase, TrafficConformance
from tidegate_traefik import Traefik
from tidegate_traefik.weighted import kind_of

SERVICES, INGRESS_ROUTES = "traefikservices.traefik.io", "ingressroutes.traefik.io"
Manifest = dict[str, Any]


def an_entry(name: str, weight: int) -> Manifest:
    return {"name": name, "kind": "Service", "port": 80, "weight": weight, "passHostHeader": True}


def a_traefik_service(group: str) -> Manifest:
    services = [an_entry("demo-stable", 100), an_entry("demo-canary", 0)]
    spec = {"weighted": {"services": services, "sticky": {"cookie": {"name": "lvl1"}}}}
    return {"apiVersion": f"{group}/v1alpha1", "kind": "TraefikService", "metadata": {"name": "web"}, "spec": spec}


INGRESS_ROUTE: Manifest = {
    "apiVersion": "traefik.io/v1alpha1",
    "kind": "IngressRoute",
    "metadata": {"name": "web"},
    "spec": {
        "entryPoints": ["web"],
        "routes": [
            {"kind": "Rule", "match": "Host(`web.example`)", "services": [{"kind": "TraefikService", "name": "web"}]}
        ],
    },
}


class TraefikTranslator:
    """Reads IngressRoutes by host and the TraefikServices that they lead to; other matchers of a rule are not read."""

    resources = (SERVICES, INGRESS_ROUTES, *RESOURCES)

    def translate(self, world: World) -> RouteTable:
        found, hosts, clusters = Endpoints(world), list[Host](), dict[str, Cluster]()
        weighted = {each["metadata"]["name"]: each["spec"]["weighted"]["services"] for each in world[SERVICES]}
        for namespace, domain, name in _rules(world):
            for entry in weighted[name]:
                pods, _ = found.ready(namespace, entry["name"], str(entry["port"]))
                clusters[entry["name"]] = Cluster(entry["name"], pods)
            shares = tuple(Share(each["name"], each.get("weight", 1)) for each in weighted[name] if each["weight"])
            hosts.append(Host(domain, (Route(PathMatch(PathKind.PREFIX, "/"), shares),)))
        return RouteTable(tuple(hosts), tuple(clusters.values()))


def _rules(world: World) -> Iterator[tuple[str, str, str]]:
    for manifest in world[INGRESS_ROUTES]:
        for route in manifest["spec"]["routes"]:
            (domain,) = re.findall(r"Host\(`([^`]+)`\)", route["match"])
            yield manifest["metadata"]["namespace"], domain, route["services"][0]["name"]


def a_case(group: str, **more: Any) -> TrafficCase:
    def split(cluster: MemoryCluster) -> dict[str, int]:
        found = cluster.find(kind_of(group), "shop", "web")
        return {each["name"]: each["weight"] for each in found["spec"]["weighted"]["services"]} if found else {}

    return TrafficCase(
        router=Traefik,
        config={"weightedTraefikServiceName": "web"},
        manifests=[a_traefik_service(group), INGRESS_ROUTE],
        observe=lambda cluster: split(cluster).get("demo-canary"),
        namespace="shop",
        splits=lambda cluster: [split(cluster)],
        **more,
    )


class TestTraefik(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        return a_case("traefik.io", translator=TraefikTranslator, elsewhere=("traefikservices.traefik.containo.us",))


class TestTraefikInItsFormerGroup(TrafficConformance):
    @pytest.fixture
    def case(self) -> TrafficCase:
        former = "traefik.containo.us"
        return a_case(former, settings={"apiGroup": former}, elsewhere=(SERVICES,))
