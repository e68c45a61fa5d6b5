"""Routes of the Gateway API, as an implementation reads them: HTTPRoute and GRPCRoute with weights and mirrors.

Which rule takes a request is decided by the best match over all routes of a host, never by the order in the files: exact
paths, then patterns, then the longest prefix, then a method, then the number of headers; the older route and the earlier
rule decide the rest. Source: Gateway API v1, HTTPRouteRule and GRPCRouteRule.

Read are hostnames, paths, methods, headers, backendRefs, RequestMirror and ReferenceGrants; a parent that is a Service
stands for its DNS names. Gateways and listeners, query parameters, redirects, rewrites, sessions and timeouts are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import endpoints
from tidegate_sandbox.dataplane.endpoints import Endpoints
from tidegate_sandbox.dataplane.patterns import pattern_fault
from tidegate_sandbox.dataplane.routes import (
    ANY_HOST,
    Cluster,
    Condition,
    HeaderMatch,
    Host,
    MethodMatch,
    Mirror,
    PathKind,
    PathMatch,
    Route,
    RouteTable,
    Share,
    ValueKind,
    World,
)

GROUP = "gateway.networking.k8s.io"
HTTP_ROUTES, GRPC_ROUTES, GRANTS = (f"{plural}.{GROUP}" for plural in ("httproutes", "grpcroutes", "referencegrants"))
EVERY_PATH = {"type": "PathPrefix", "value": "/"}
RANKS = {PathKind.EXACT: 0, PathKind.REGEX: 1, PathKind.PREFIX: 2, PathKind.SEGMENTS: 2}
UNREAD_FILTERS = frozenset({"RequestRedirect", "ExtensionRef"})  # those that decide where a request goes


@dataclass(frozen=True, slots=True)
class GatewayTranslator:
    """Writes the routes of all HTTPRoutes and GRPCRoutes, whichever Gateway they belong to."""

    resources: tuple[str, ...] = (HTTP_ROUTES, GRPC_ROUTES, GRANTS, *endpoints.RESOURCES)

    def translate(self, world: World) -> RouteTable:
        state = _State(Endpoints(world), world.get(GRANTS, ()))
        for resource in (HTTP_ROUTES, GRPC_ROUTES):
            for manifest in world.get(resource, ()):
                state.add(_Route(manifest, grpc=resource == GRPC_ROUTES))
        return state.table()


class _Unread(Exception):
    """A part of a rule that the sandbox cannot do; the message is the note."""


class _Route:
    """The parts of a manifest that routing looks at."""

    def __init__(self, manifest: Manifest, *, grpc: bool) -> None:
        metadata, spec = manifest["metadata"], manifest.get("spec") or {}
        self.grpc, self.kind = grpc, "GRPCRoute" if grpc else "HTTPRoute"
        self.namespace: str = metadata.get("namespace", "")
        self.key = f"{self.kind} {self.namespace}/{metadata['name']}"
        self.age = (metadata.get("creationTimestamp") or "", self.namespace, metadata["name"])
        self.hosts = tuple(_hosts(spec, self.namespace))
        self.rules: Sequence[Manifest] = spec.get("rules") or ()


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A route with what decides between it and others, lowest first."""

    rank: tuple[object, ...]
    route: Route


@dataclass(slots=True)
class _State:
    """The hosts and clusters while they are put together; lives for one translation."""

    endpoints: Endpoints
    grants: Sequence[Manifest]
    notes: list[str] = field(default_factory=list)
    hosts: dict[str, list[_Ranked]] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)

    def add(self, route: _Route) -> None:
        for place, rule in enumerate(route.rules):
            try:
                ranked = list(self._rule(route, rule, place))
            except _Unread as error:
                self.notes.append(f"{route.key}: rule {place + 1}: {error}; the rule is left out")
                continue
            for host in route.hosts:
                self.hosts.setdefault(host, []).extend(ranked)

    def table(self) -> RouteTable:
        hosts = [
            Host(domain, tuple(each.route for each in sorted(found, key=lambda each: each.rank)))
            for domain, found in sorted(self.hosts.items())
        ]
        return RouteTable(tuple(hosts), tuple(self.clusters[name] for name in sorted(self.clusters)), tuple(self.notes))

    def _rule(self, route: _Route, rule: Manifest, place: int) -> Iterator[_Ranked]:
        filters = rule.get("filters") or ()
        if unread := sorted({each["type"] for each in filters} & UNREAD_FILTERS):
            raise _Unread(f"the sandbox does not do {', '.join(unread)}")
        shares = [(self._cluster(route, ref), int(ref.get("weight", 1))) for ref in rule.get("backendRefs") or ()]
        mirrors = tuple(
            self._mirror(route, each["requestMirror"]) for each in filters if each["type"] == "RequestMirror"
        )
        spread = tuple(Share(cluster, weight) for cluster, weight in shares if weight > 0)
        matches: Sequence[Manifest] = rule.get("matches") or ({},)
        for match in matches:
            path, conditions = (
                _grpc_path(match) if route.grpc else _http_path(match),
                _conditions(match, grpc=route.grpc),
            )
            methods = [each for each in conditions if isinstance(each, MethodMatch)]
            headers = len(conditions) - len(methods)
            rank = (RANKS[path.kind], -len(path.value), not methods, -headers, *route.age, place)
            yield _Ranked(rank, Route(path, spread, conditions, mirrors))

    def _mirror(self, route: _Route, mirror: Manifest) -> Mirror:
        fraction = mirror.get("fraction")
        part = (
            100 * fraction["numerator"] / fraction.get("denominator", 100) if fraction else mirror.get("percent", 100)
        )
        return Mirror(self._cluster(route, mirror["backendRef"]), float(part))

    def _cluster(self, route: _Route, ref: Manifest) -> str:
        """The cluster behind a reference; one that leads nowhere is empty, so that its share is answered with an error."""
        namespace, service, port = ref.get("namespace") or route.namespace, ref["name"], str(ref.get("port", ""))
        name = f"{namespace}-{service}-{port}"
        if namespace != route.namespace and not self._granted(route, namespace, service):
            self.notes.append(
                f"{route.key}: no ReferenceGrant in {namespace} for service {service}; answered with an error"
            )
            self.clusters.setdefault(f"refused-{name}", Cluster(f"refused-{name}", ()))
            return f"refused-{name}"
        pods, why = self.endpoints.ready(namespace, service, port)
        if why:
            self.notes.append(f"{route.key}: {why}")
        self.clusters.setdefault(name, Cluster(name, pods, service))
        return name

    def _granted(self, route: _Route, namespace: str, service: str) -> bool:
        return any(
            any(
                each.get("kind") == route.kind and each.get("namespace") == route.namespace
                for each in spec.get("from", ())
            )
            and any(
                each.get("kind") == "Service" and each.get("name", service) == service for each in spec.get("to", ())
            )
            for grant in self.grants
            if grant["metadata"].get("namespace", "") == namespace and (spec := grant.get("spec") or {})
        )


def _hosts(spec: Manifest, namespace: str) -> Iterator[str]:
    """The hostnames of a route; the DNS names of the Services that are its parents; any host where there is neither."""
    services = [each for each in spec.get("parentRefs") or () if each.get("kind") == "Service"]
    for service in services:
        where = f"{service['name']}.{service.get('namespace') or namespace}"
        yield from (where, f"{where}.svc", f"{where}.svc.cluster.local")
    if not services:
        yield from spec.get("hostnames") or (ANY_HOST,)


def _http_path(match: Manifest) -> PathMatch:
    path = match.get("path") or EVERY_PATH
    value = path.get("value", "/")
    match path.get("type", "PathPrefix"):
        case "Exact":
            return PathMatch(PathKind.EXACT, value)
        case "RegularExpression":
            return PathMatch(PathKind.REGEX, _pattern(value))
    return PathMatch(PathKind.SEGMENTS, value.rstrip("/"))


def _grpc_path(match: Manifest) -> PathMatch:
    """A call is a POST to /service/method."""
    method = match.get("method") or {}
    service, name = method.get("service", ""), method.get("method", "")
    if method.get("type", "Exact") == "Exact" and service and name:
        return PathMatch(PathKind.EXACT, f"/{service}/{name}")
    if method.get("type", "Exact") == "Exact" and not name:
        return PathMatch(PathKind.SEGMENTS, f"/{service}" if service else "")
    return PathMatch(PathKind.REGEX, _pattern(f"/{service or '[^/]+'}/{name or '[^/]+'}"))


def _conditions(match: Manifest, *, grpc: bool) -> tuple[Condition, ...]:
    if match.get("queryParams"):
        raise _Unread("the sandbox does not look at query parameters")
    method = () if grpc or not match.get("method") else (MethodMatch(match["method"]),)
    return (*method, *(_header(header) for header in match.get("headers") or ()))


def _header(header: Manifest) -> HeaderMatch:
    if header.get("type", "Exact") == "Exact":
        return HeaderMatch(header["name"], header["value"])
    return HeaderMatch(header["name"], _pattern(header["value"]), ValueKind.REGEX)


def _pattern(text: str) -> str:
    if fault := pattern_fault(text):
        raise _Unread(fault)
    return text
