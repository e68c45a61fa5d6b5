"""The route table: what a proxy needs to know to send a request to a pod, whatever kind of object asked for it.

A table is read from top to bottom, first match wins, as Envoy, Istio and the Gateway API read theirs. Translators
(`Translator`) write tables from manifests; proxies (`envoy.py`, `proxy.py`) follow them. Pods are named, not addressed:
where a pod listens is known to `backends.py` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from tidegate_sandbox.contracts import Manifest

World = Mapping[str, Sequence[Manifest]]
"""Manifests by the store's name of their kind (`services`, `ingresses.networking.k8s.io`)."""

ANY_HOST = "*"


@dataclass(frozen=True, slots=True, order=True)
class PodRef:
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where something listens; always on the loopback interface."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """The pods behind one Service port; none of them means each request to it is answered 503.

    `service` is the Service's name: requests are counted under it, and under "" where a translator does not say.
    """

    name: str
    pods: tuple[PodRef, ...]
    service: str = ""


class PathKind(Enum):
    EXACT = "exact"
    PREFIX = "prefix"  # a prefix of characters: /foo takes /foobar
    SEGMENTS = "segments"  # a prefix of path segments: /foo takes /foo and /foo/bar, never /foobar
    REGEX = "regex"  # a regular expression (RE2 syntax) that matches the whole path


@dataclass(frozen=True, slots=True)
class PathMatch:
    """A condition on the path of a request, without its query. `value` of SEGMENTS has no slash at its end."""

    kind: PathKind
    value: str


class ValueKind(Enum):
    EXACT = "exact"
    PREFIX = "prefix"  # an empty prefix asks only that there is a value
    REGEX = "regex"  # a regular expression (RE2 syntax) that matches the whole value
    SEARCH = "search"  # a regular expression (RE2 syntax) that matches anywhere in the value


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    name: str
    value: str
    kind: ValueKind = ValueKind.EXACT


@dataclass(frozen=True, slots=True)
class CookieMatch:
    """A cookie of that name has exactly that value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class MethodMatch:
    """The method of the request, in capitals."""

    value: str
    kind: ValueKind = ValueKind.EXACT


Condition = HeaderMatch | CookieMatch | MethodMatch


@dataclass(frozen=True, slots=True)
class Share:
    """`weight` parts of the requests of a route go to `cluster`; the whole is the sum over the route."""

    cluster: str
    weight: int


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy of `percent` (0 to 100) of the requests goes to `cluster`; its answer is thrown away."""

    cluster: str
    percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Route:
    """Requests that match the path and all conditions; one whose shares sum to nothing is answered 503."""

    path: PathMatch
    shares: tuple[Share, ...]
    conditions: tuple[Condition, ...] = ()
    mirrors: tuple[Mirror, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """The routes of one domain: a name, `*.` and a name, or `*`. A request that no route matches is answered 404."""

    domain: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class RouteTable:
    """`notes` say what a translator left out and why, as a controller would log it."""

    hosts: tuple[Host, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)


class Translator(Protocol):
    """Reads one kind of routing object as its controller would. Pure: the same world gives the same table."""

    @property
    def resources(self) -> tuple[str, ...]:
        """The kinds to hand in, by the store's names."""
        ...

    def translate(self, world: World) -> RouteTable: ...


def combined(tables: Iterable[RouteTable]) -> RouteTable:
    """One table of several; where two speak of a domain or a cluster, the routes of the earlier table come first."""
    routes: dict[str, tuple[Route, ...]] = {}
    clusters: dict[str, Cluster] = {}
    notes: list[str] = []
    for table in tables:
        for host in table.hosts:
            routes[host.domain] = routes.get(host.domain, ()) + host.routes
        for cluster in table.clusters:
            clusters.setdefault(cluster.name, cluster)
        notes.extend(table.notes)
    hosts = tuple(Host(domain, found) for domain, found in sorted(routes.items()))
    return RouteTable(hosts, tuple(clusters[name] for name in sorted(clusters)), tuple(notes))
