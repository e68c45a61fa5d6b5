"""Routes of Ingresses as ingress-nginx makes them, canary annotations included.

What surprises about that controller is kept, because a router plugin has to live with it: a canary joins the *upstream*
(namespace, Service, port) of the primary, not the path, so it reaches every path of that upstream; only the first
canary of an upstream counts; without endpoints of the primary everything is answered 503, whatever the weight.
Source: ingress-nginx `internal/ingress/controller/controller.go` (`createUpstreams`, `createServers`,
`mergeAlternativeBackends`).

Read are rules, default backends and the canary annotations. TLS, rewrites, regular-expression paths, affinity, aliases
and snippets are not; `docs/data-plane.md` lists them. An Ingress belongs to this controller whatever its class, except
for the classes of controllers that the sandbox has a translator of their own for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import endpoints
from tidegate_sandbox.dataplane.canary import CanaryAnnotations, Policy, read_canary
from tidegate_sandbox.dataplane.endpoints import Endpoints
from tidegate_sandbox.dataplane.routes import (
    ANY_HOST,
    Cluster,
    Condition,
    Host,
    PathKind,
    PathMatch,
    PodRef,
    Route,
    RouteTable,
    Share,
    World,
)

INGRESSES = "ingresses.networking.k8s.io"
DEFAULT_PREFIX = "nginx.ingress.kubernetes.io"
ALB_CLASS = "alb"  # the AWS Load Balancer Controller's
CLASS_ANNOTATION = "kubernetes.io/ingress.class"


def ingress_class(manifest: Manifest) -> str:
    """The class of an Ingress by its old annotation, which wins, or by its field; "" without one."""
    annotations = manifest["metadata"].get("annotations") or {}
    return str(annotations.get(CLASS_ANNOTATION) or (manifest.get("spec") or {}).get("ingressClassName") or "")


@dataclass(frozen=True, slots=True)
class IngressTranslator:
    """Writes the routes of all Ingresses but those of the classes `others`.

    `prefix` is the annotation prefix the controller was started with.
    """

    prefix: str = DEFAULT_PREFIX
    others: tuple[str, ...] = (ALB_CLASS,)
    resources: tuple[str, ...] = (INGRESSES, *endpoints.RESOURCES)

    def translate(self, world: World) -> RouteTable:
        state = _State(Endpoints(world))
        own = [manifest for manifest in world.get(INGRESSES, ()) if ingress_class(manifest) not in self.others]
        ingresses = [_Ingress(manifest, self.prefix) for manifest in sorted(own, key=_age)]
        for ingress in ingresses:
            state.notes.extend(f"ingress {ingress.key}: {note}" for note in ingress.canary.notes)
            state.add_upstreams(ingress)
        for ingress in ingresses:
            if not ingress.canary.enabled:
                state.add_locations(ingress)
        for ingress in ingresses:
            if ingress.canary.enabled:
                state.merge(ingress)
        return state.table()


@dataclass(frozen=True, slots=True)
class _Backend:
    """One path of one rule that leads to a Service port."""

    host: str
    path: str
    path_type: str
    service: str
    port: str


class _Ingress:
    """The parts of a manifest that routing looks at."""

    def __init__(self, manifest: Manifest, prefix: str) -> None:
        metadata, spec = manifest["metadata"], manifest.get("spec") or {}
        self.namespace: str = metadata.get("namespace", "")
        self.key = f"{self.namespace}/{metadata['name']}"
        self.canary: CanaryAnnotations = read_canary(metadata.get("annotations") or {}, prefix)
        self.backends = tuple(_backends(spec))
        self.hosts = tuple((rule.get("host") or ANY_HOST) for rule in spec.get("rules") or ())
        self.default = _service_backend(
            ANY_HOST, {"path": "/", "pathType": "Prefix", "backend": spec.get("defaultBackend")}
        )

    def upstream(self, backend: _Backend) -> str:
        """The name ingress-nginx gives the upstream; a port by name and by number are two upstreams."""
        return f"{self.namespace}-{backend.service}-{backend.port}"


@dataclass(slots=True)
class _Upstream:
    """A Service port in use; `canary` is set when a canary Ingress was the oldest to name it."""

    name: str
    pods: tuple[PodRef, ...]
    canary: Policy | None
    service: str
    alternatives: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Location:
    """One path of one host. `upstream` is empty where only the built-in 404 backend stands."""

    path: str
    path_type: str
    upstream: str
    fallback: bool


class _State:
    """The upstreams and servers while they are put together; lives for one translation."""

    def __init__(self, found: Endpoints) -> None:
        self._endpoints = found
        self.notes: list[str] = []
        self._upstreams: dict[str, _Upstream] = {}
        self._servers: dict[str, list[_Location]] = {ANY_HOST: [_Location("/", "Prefix", "", fallback=True)]}

    def add_upstreams(self, ingress: _Ingress) -> None:
        """The oldest Ingress that names an upstream decides whether it is a canary and by which policy."""
        for backend in (*([ingress.default] if ingress.default else []), *ingress.backends):
            name = ingress.upstream(backend)
            if name in self._upstreams:
                continue
            pods, why = self._endpoints.ready(ingress.namespace, backend.service, backend.port)
            if why:
                self.notes.append(f"ingress {ingress.key}: {why}")
            policy = ingress.canary.policy if ingress.canary.enabled else None
            self._upstreams[name] = _Upstream(name, pods, policy, backend.service)

    def add_locations(self, ingress: _Ingress) -> None:
        default = ingress.upstream(ingress.default) if ingress.default else ""
        if default and not ingress.hosts:
            self._servers[ANY_HOST][0].upstream = default
            self._servers[ANY_HOST][0].fallback = False
        for host in ingress.hosts:
            self._servers.setdefault(host, [_Location("/", "Prefix", default, fallback=True)])
        for backend in ingress.backends:
            self._add_location(ingress, backend)

    def _add_location(self, ingress: _Ingress, backend: _Backend) -> None:
        locations, upstream = self._servers[backend.host], ingress.upstream(backend)
        for location in locations:
            if (location.path, location.path_type) == (backend.path, backend.path_type):
                if location.fallback:
                    location.upstream, location.fallback = upstream, False
                elif location.upstream != upstream:
                    where = f"{backend.host}{backend.path}"
                    self.notes.append(f"ingress {ingress.key}: {where} is already defined in an older ingress; ignored")
                return
        locations.append(_Location(backend.path, backend.path_type, upstream, fallback=False))

    def merge(self, ingress: _Ingress) -> None:
        """Join each path of a canary Ingress to the primary upstream at the same host, path and path type."""
        for backend in ingress.backends:
            name = ingress.upstream(backend)
            where = f"canary ingress {ingress.key}: {backend.host}{backend.path}"
            if name not in self._upstreams:
                self.notes.append(f"{where}: upstream {name} found no primary on an earlier path; ignored")
            elif backend.host not in self._servers:
                self.notes.append(f"{where}: no other ingress has this host; ignored")
            else:
                self._merge_path(backend, name, where)

    def _merge_path(self, backend: _Backend, name: str, where: str) -> None:
        """The first location of the host that already leads to the canary's own upstream ends the search."""
        merged = False
        for location in self._servers[backend.host]:
            if location.upstream == name:
                self.notes.append(
                    f"{where}: {name} is also a primary upstream on this host (path {location.path}); ignored"
                )
                return
            primary = self._upstreams.get(location.upstream)
            if primary is None or primary.canary is not None:
                continue
            if (location.path, location.path_type) == (backend.path, backend.path_type):
                merged = True
                if name not in primary.alternatives:
                    primary.alternatives.append(name)
        if not merged:
            self.notes.append(f"{where}: no primary with this host, path and pathType ({backend.path_type}); ignored")
            del self._upstreams[name]

    def table(self) -> RouteTable:
        hosts = []
        for domain, locations in sorted(self._servers.items()):
            routes = [route for location in sorted(locations, key=_precedence) for route in self._routes(location)]
            if routes:
                hosts.append(Host(domain, tuple(routes)))
        used = {share.cluster for host in hosts for route in host.routes for share in route.shares}
        upstreams = [self._upstreams[name] for name in sorted(used)]
        clusters = tuple(Cluster(each.name, each.pods, each.service) for each in upstreams)
        return RouteTable(tuple(hosts), clusters, tuple(self.notes))

    def _routes(self, location: _Location) -> Iterator[Route]:
        """The routes of one location; none where the built-in backend would answer 404.

        `upstream` may be gone when a canary upstream was dropped after this location took it.
        """
        primary = self._upstreams.get(location.upstream)
        if not location.upstream:
            return
        path = _path_match(location.path, location.path_type)
        if primary is None or not primary.pods:
            yield Route(path, ())
            return
        canary = self._upstreams.get(primary.alternatives[0]) if primary.alternatives else None
        if canary is None or not canary.pods or canary.canary is None:
            yield Route(path, (Share(primary.name, 1),))
            return
        policy = canary.canary
        for condition, to_canary in policy.conditions():
            yield _settled(path, condition, canary.name if to_canary else primary.name)
        shares = ((canary.name, policy.canary_weight), (primary.name, policy.total - policy.canary_weight))
        yield Route(path, tuple(Share(name, weight) for name, weight in shares if weight))


def _settled(path: PathMatch, condition: Condition, cluster: str) -> Route:
    return Route(path, (Share(cluster, 1),), conditions=(condition,))


def _age(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return metadata.get("creationTimestamp") or "", metadata.get("namespace", ""), metadata["name"]


def _backends(spec: dict[str, Any]) -> Iterator[_Backend]:
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            if (backend := _service_backend(rule.get("host") or ANY_HOST, path)) is not None:
                yield backend


def _service_backend(host: str, path: dict[str, Any]) -> _Backend | None:
    """None for a backend that is no Service (a `resource`), which ingress-nginx skips too."""
    service = (path.get("backend") or {}).get("service")
    if not service:
        return None
    port = service.get("port") or {}
    kind = path.get("pathType") or "ImplementationSpecific"
    return _Backend(
        host, path.get("path") or "/", kind, service["name"], str(port.get("name") or port.get("number") or "")
    )


def _path_match(path: str, path_type: str) -> PathMatch:
    """`Prefix` goes by path segments; `ImplementationSpecific` is an NGINX prefix of characters."""
    if path_type == "Exact":
        return PathMatch(PathKind.EXACT, path)
    if path_type == "Prefix":
        return PathMatch(PathKind.SEGMENTS, path.rstrip("/"))
    return PathMatch(PathKind.PREFIX, path)


def _precedence(location: _Location) -> tuple[bool, int, str]:
    """NGINX tries exact locations first, then the longest prefix."""
    return location.path_type != "Exact", -len(location.path), location.path
