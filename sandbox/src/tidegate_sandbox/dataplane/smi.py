"""TrafficSplits, as a mesh of the SMI specification reads them: shares of the requests to a root Service.

A mesh splits what its clients send to a Service; so the hosts of the table are the DNS names of Services. A Service that
no split names takes its own requests, and a split whose weights are all 0 takes none. Weights are relative; those of
v1alpha1 may be quantities. Source: the SMI specification, traffic-split v1alpha1 to v1alpha4.

`matches` (HTTPRouteGroups) are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import endpoints
from tidegate_sandbox.dataplane.endpoints import SERVICES, Endpoints
from tidegate_sandbox.dataplane.routes import (
    Cluster,
    Host,
    PathKind,
    PathMatch,
    PodRef,
    Route,
    RouteTable,
    Share,
    World,
)

TRAFFIC_SPLITS = "trafficsplits.split.smi-spec.io"
EVERY_PATH = PathMatch(PathKind.PREFIX, "/")
MILLI = 1000  # `500m` is half of one; weights are counted in thousandths, so that they stay whole


@dataclass(frozen=True, slots=True)
class SmiTranslator:
    """Writes a host for every Service, split where a TrafficSplit names it as its root."""

    resources: tuple[str, ...] = (TRAFFIC_SPLITS, *endpoints.RESOURCES)

    def translate(self, world: World) -> RouteTable:
        found, notes = Endpoints(world), list[str]()
        splits = {
            _root(manifest): manifest for manifest in sorted(world.get(TRAFFIC_SPLITS, ()), key=_age, reverse=True)
        }
        clusters: dict[str, Cluster] = {}
        hosts: list[Host] = []
        for service in world.get(SERVICES, ()):
            backends = list(_backends(service, splits.get(_key(service)), notes))
            shares = []
            for name, weight in backends:
                cluster, pods, why = _cluster(found, service, name)
                notes.extend([f"service {'/'.join(_key(service))}: {why}"] if why else [])
                clusters[cluster] = Cluster(cluster, pods, name)
                shares.append(Share(cluster, weight))
            route = Route(EVERY_PATH, tuple(share for share in shares if share.weight > 0))
            hosts += [Host(domain, (route,)) for domain in _domains(*_key(service))]
        by_domain = sorted(hosts, key=lambda host: host.domain)
        return RouteTable(tuple(by_domain), tuple(clusters[name] for name in sorted(clusters)), tuple(notes))


def weight_of(value: object) -> int | None:
    """A weight in thousandths; None for what is no number. A missing one is 0."""
    if value is None:
        return 0
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return round(value * MILLI)
    text = str(value)
    try:
        return int(text[:-1]) if text.endswith("m") else round(float(text) * MILLI)
    except ValueError:
        return None


def _backends(service: Manifest, split: Manifest | None, notes: list[str]) -> Iterator[tuple[str, int]]:
    """Service names and weights; a Service without a split is its own backend."""
    if split is None:
        yield service["metadata"]["name"], 1
        return
    for backend in (split.get("spec") or {}).get("backends") or ():
        weight = weight_of(backend.get("weight"))
        if weight is None:
            notes.append(
                f"trafficsplit {split['metadata']['name']}: weight {backend['weight']!r} is no number; taken for 0"
            )
        yield backend["service"], weight or 0


def _cluster(found: Endpoints, root: Manifest, name: str) -> tuple[str, tuple[PodRef, ...], str]:
    """The pods behind the root's first port of a backend: root and backends are to offer the same ports."""
    namespace, ports = root["metadata"].get("namespace", ""), root.get("spec", {}).get("ports") or ()
    port = str(ports[0]["port"]) if ports else ""
    pods, why = found.ready(namespace, name, port)
    return f"{namespace}-{name}-{port}", pods, why


def _domains(namespace: str, name: str) -> tuple[str, ...]:
    where = f"{name}.{namespace}"
    return where, f"{where}.svc", f"{where}.svc.cluster.local"


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _root(split: Manifest) -> tuple[str, str]:
    """The Service that a split is about; clients may write it with its domain."""
    return split["metadata"].get("namespace", ""), str((split.get("spec") or {}).get("service", "")).partition(".")[0]


def _age(manifest: Manifest) -> tuple[str, str]:
    """The oldest split of a root counts."""
    return manifest["metadata"].get("creationTimestamp") or "", manifest["metadata"]["name"]
