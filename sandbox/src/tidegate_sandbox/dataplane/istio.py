"""Routes of VirtualServices, as Istio's sidecars and gateways follow them.

First match wins, in the order of the object; of several objects with one host the older one comes first. A VirtualService
without hosts is a delegate: it routes only what another one hands it, one level deep. Weights are relative; a single
destination takes everything, whatever its weight.

Read are `spec.http` with matches on uri, method and headers, weighted destinations with ports and subsets, mirrors, and
delegates. TLS and TCP routes carry no HTTP that could be counted; redirects, direct responses and faults answer
themselves and are noted. Rewrites, header changes, retries and timeouts do not change which pod answers. Gateways are
not asked: whatever a VirtualService has hosts for is served.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import endpoints
from tidegate_sandbox.dataplane.istio_destinations import DESTINATION_RULES, Destinations
from tidegate_sandbox.dataplane.istio_matches import Clause, clauses
from tidegate_sandbox.dataplane.routes import Host, Mirror, Route, RouteTable, Share, World

VIRTUAL_SERVICES = "virtualservices.networking.istio.io"
ANSWERS_ITSELF = ("redirect", "directResponse", "fault")
CLUSTER_DOMAIN = "svc.cluster.local"


@dataclass(frozen=True, slots=True)
class IstioTranslator:
    """Writes the routes of all VirtualServices."""

    resources: tuple[str, ...] = (VIRTUAL_SERVICES, DESTINATION_RULES, *endpoints.RESOURCES)

    def translate(self, world: World) -> RouteTable:
        mesh = _Mesh(world)
        hosts: dict[str, tuple[Route, ...]] = {}
        for manifest in sorted(world.get(VIRTUAL_SERVICES, ()), key=_age):
            domains = list(_domains(manifest))
            routes = tuple(mesh.routes(manifest)) if domains else ()
            for domain in domains:
                hosts[domain] = (*hosts.get(domain, ()), *routes)
        found = tuple(Host(domain, routes) for domain, routes in sorted(hosts.items()) if routes)
        clusters = mesh.destinations.clusters
        return RouteTable(found, tuple(clusters[name] for name in sorted(clusters)), tuple(mesh.destinations.notes))


class _Mesh:
    """The objects of one translation."""

    def __init__(self, world: World) -> None:
        self._services = {_key(manifest): manifest for manifest in world.get(VIRTUAL_SERVICES, ())}
        self.destinations = Destinations(world)

    def routes(self, manifest: Manifest) -> Iterator[Route]:
        """The routes of an object with hosts, those of its delegates in their place."""
        for http in _http(manifest):
            where = _where(manifest, http)
            for clause in self._clauses(http, where):
                if http.get("delegate"):
                    yield from self._delegated(http["delegate"], clause, manifest)
                else:
                    yield self._route(http, clause, manifest)

    def _delegated(self, delegate: Mapping[str, Any], outer: Clause, root: Manifest) -> Iterator[Route]:
        """The routes of a delegate, as far as they lie within the match of the root's route."""
        key = (delegate.get("namespace") or _key(root)[0], str(delegate.get("name") or ""))
        manifest = self._services.get(key)
        if manifest is None:
            self.destinations.notes.append(f"virtualservice {'/'.join(_key(root))}: no delegate {'/'.join(key)}")
            return
        for http in _http(manifest):
            where = _where(manifest, http)
            if http.get("delegate"):
                self.destinations.notes.append(f"{where}: a delegate delegates no further; ignored")
                continue
            for clause in self._clauses(http, where):
                narrowed = clause.within(outer)
                if narrowed is None:
                    self.destinations.notes.append(f"{where}: path {clause.path.value} lies outside of the root's")
                else:
                    yield self._route(http, narrowed, manifest)

    def _clauses(self, http: Mapping[str, Any], where: str) -> tuple[Clause, ...]:
        notes: list[str] = []
        found = clauses(http.get("match") or (), notes)
        self.destinations.notes.extend(f"{where}: {note}" for note in notes)
        return found

    def _route(self, http: Mapping[str, Any], clause: Clause, manifest: Manifest) -> Route:
        """One route; without destinations it is answered 503."""
        where, (namespace, _) = _where(manifest, http), _key(manifest)
        for key in ANSWERS_ITSELF:
            if http.get(key):
                self.destinations.notes.append(f"{where}: {key} is not carried out")
        entries = http.get("route") or []
        weights = [1] if len(entries) == 1 else [int(entry.get("weight") or 0) for entry in entries]
        shares = tuple(
            Share(self.destinations.cluster(entry.get("destination") or {}, namespace, where), weight)
            for entry, weight in zip(entries, weights, strict=True)
            if weight > 0
        )
        mirrors = tuple(self._mirrors(http, namespace, where))
        return Route(clause.path, shares, clause.conditions, mirrors)

    def _mirrors(self, http: Mapping[str, Any], namespace: str, where: str) -> Iterator[Mirror]:
        """`mirror` with its percentage, or the list `mirrors`; without a percentage everything is copied."""
        if http.get("mirror"):
            percentage = http.get("mirrorPercentage") or {"value": http.get("mirrorPercent", 100)}
            cluster = self.destinations.cluster(http["mirror"], namespace, where)
            yield Mirror(cluster, float(percentage.get("value") or 0))
        for mirror in http.get("mirrors") or ():
            percentage = mirror.get("percentage") or {"value": 100}
            cluster = self.destinations.cluster(mirror.get("destination") or {}, namespace, where)
            yield Mirror(cluster, float(percentage.get("value") or 0))


def _http(manifest: Manifest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (manifest.get("spec") or {}).get("http") or []
    return found


def _domains(manifest: Manifest) -> Iterator[str]:
    """The hosts of an object; a bare one also as clients in other namespaces spell it."""
    namespace, _ = _key(manifest)
    for host in dict.fromkeys((manifest.get("spec") or {}).get("hosts") or ()):
        yield host
        if "." not in host and host != "*":
            yield from (f"{host}.{namespace}", f"{host}.{namespace}.svc", f"{host}.{namespace}.{CLUSTER_DOMAIN}")


def _where(manifest: Manifest, http: Mapping[str, Any]) -> str:
    name = http.get("name")
    return f"virtualservice {'/'.join(_key(manifest))}" + (f", route {name}" if name else "")


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _age(manifest: Manifest) -> tuple[str, tuple[str, str]]:
    return manifest["metadata"].get("creationTimestamp") or "", _key(manifest)
