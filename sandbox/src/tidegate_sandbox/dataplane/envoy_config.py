"""A route table in Envoy's words: bootstrap, routes (RDS), clusters (CDS) and endpoints (EDS), as plain JSON values.

Everything binds and connects to the loopback interface. Only connection failures are retried, on another pod and
before a byte of the request was sent; ingress controllers do no less (`proxy_next_upstream error timeout`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, assert_never
from urllib.parse import quote

from tidegate_sandbox.dataplane.matching import LOCAL_SUFFIX
from tidegate_sandbox.dataplane.requests import SERVICE_HEADER
from tidegate_sandbox.dataplane.routes import (
    ANY_HOST,
    Address,
    Cluster,
    Condition,
    CookieMatch,
    HeaderMatch,
    Host,
    MethodMatch,
    Mirror,
    PathKind,
    PathMatch,
    PodRef,
    Route,
    RouteTable,
    ValueKind,
)

Json = dict[str, Any]
Services = Mapping[str, str]  # the Service of a cluster
LOOPBACK = "127.0.0.1"
ROUTES_FILE, CLUSTERS_FILE = "routes.json", "clusters.json"
ROUTE_CONFIG = "sandbox"
_TYPES = "type.googleapis.com/envoy"
_NO_LIMIT = 1_000_000  # connections and requests: the sandbox bounds its load itself


def bootstrap(directory: Path, port: int) -> Json:
    """What Envoy starts with; routes and clusters come from files in `directory`. Port 0 lets the kernel choose."""
    return {
        "node": {"id": "tidegate-sandbox", "cluster": "tidegate-sandbox"},
        "admin": {"address": _socket(Address(LOOPBACK, 0))},
        "dynamic_resources": {"cds_config": _file(directory / CLUSTERS_FILE)},
        "static_resources": {"listeners": [_listener(directory, port)]},
    }


def _listener(directory: Path, port: int) -> Json:
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        "rds": {"route_config_name": ROUTE_CONFIG, "config_source": _file(directory / ROUTES_FILE)},
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": "web", "address": _socket(Address(LOOPBACK, port)), "filter_chains": [chain]}


def discovery(version: int, resources: Iterable[Json]) -> Json:
    """A file of xDS resources."""
    return {"version_info": str(version), "resources": list(resources)}


def route_configuration(table: RouteTable) -> Json:
    services = {found.name: found.service for found in table.clusters}
    return {
        "@type": f"{_TYPES}.config.route.v3.RouteConfiguration",
        "name": ROUTE_CONFIG,
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [_virtual_host(host, services) for host in table.hosts],
    }


def _virtual_host(host: Host, services: Services) -> Json:
    domains = [host.domain] if host.domain == ANY_HOST else [host.domain, host.domain + LOCAL_SUFFIX]
    return {"name": host.domain, "domains": domains, "routes": [_route(route, services) for route in host.routes]}


def _route(route: Route, services: Services) -> Json:
    match = _path(route.path)
    if route.conditions:
        match["headers"] = [_condition(condition) for condition in route.conditions]
    shares = [share for share in route.shares if share.weight > 0]
    if not shares:
        return {"match": match, "direct_response": {"status": 503, "body": {"inline_string": "no endpoints\n"}}}
    action: Json = {"timeout": "30s", "retry_policy": _retries()}
    if route.mirrors:
        action["request_mirror_policies"] = [_mirror(mirror, services) for mirror in route.mirrors]
    if len(shares) == 1:
        action["cluster"] = shares[0].cluster
        return {"match": match, "route": action, "request_headers_to_add": _named(services, shares[0].cluster)}
    action["weighted_clusters"] = {
        "clusters": [
            {
                "name": share.cluster,
                "weight": share.weight,
                "request_headers_to_add": _named(services, share.cluster),
            }
            for share in shares
        ]
    }
    return {"match": match, "route": action}


def _named(services: Services, cluster: str) -> list[Json]:
    """Tells the pod which Service the request was sent to: it counts by that."""
    return [_overwritten({"key": SERVICE_HEADER, "value": services.get(cluster, "")})]


def _overwritten(header: Json) -> Json:
    return {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "keep_empty_value": True}


def _retries() -> Json:
    return {
        "retry_on": "connect-failure,reset-before-request",
        "num_retries": 3,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{_TYPES}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                },
            }
        ],
        "host_selection_retry_max_attempts": 5,
        "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.05s"},
    }


def _mirror(mirror: Mirror, services: Services) -> Json:
    per_million = round(mirror.percent * 10_000)
    fraction = {"default_value": {"numerator": per_million, "denominator": "MILLION"}}
    return {
        "cluster": mirror.cluster,
        "runtime_fraction": fraction,
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [{"append": header} for header in _named(services, mirror.cluster)],
    }


def _path(path: PathMatch) -> Json:
    """Envoy's segment prefix takes no bare slash, which is every path anyway."""
    match path.kind:
        case PathKind.EXACT:
            return {"path": path.value}
        case PathKind.SEGMENTS if path.value:
            return {"path_separated_prefix": path.value}
        case PathKind.REGEX:
            return {"safe_regex": {"regex": path.value}}
        case _:
            return {"prefix": path.value or "/"}


def _condition(condition: Condition) -> Json:
    match condition:
        case CookieMatch(name, value):
            pair = re.escape(f"{name}={value}")
            return {"name": "cookie", "string_match": {"safe_regex": {"regex": rf"(?:.*;)?\s*{pair}\s*(?:;.*)?"}}}
        case HeaderMatch(name, value, ValueKind.PREFIX) if not value:
            return {"name": name, "present_match": True}
        case HeaderMatch(name, value, kind):
            return {"name": name, "string_match": _value(kind, value)}
        case MethodMatch(value, kind):
            return {"name": ":method", "string_match": _value(kind, value)}
        case _:
            assert_never(condition)


def _value(kind: ValueKind, value: str) -> Json:
    match kind:
        case ValueKind.EXACT:
            return {"exact": value}
        case ValueKind.PREFIX:
            return {"prefix": value}
        case ValueKind.REGEX:
            return {"safe_regex": {"regex": value}}
        case ValueKind.SEARCH:  # Envoy matches whole values; the dots let the pattern stand anywhere in it.
            return {"safe_regex": {"regex": f"(?s:.*)(?:{value})(?s:.*)"}}
        case _:
            assert_never(kind)


def cluster(name: str, directory: Path) -> Json:
    """A cluster that takes its pods from a file of its own (see `endpoints_file`) and goes round robin over them."""
    return {
        "@type": f"{_TYPES}.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _file(directory / endpoints_file(name))},
        "connect_timeout": "1s",
        "lb_policy": "ROUND_ROBIN",
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": _NO_LIMIT,
                    "max_pending_requests": _NO_LIMIT,
                    "max_requests": _NO_LIMIT,
                    "max_retries": _NO_LIMIT,
                }
            ]
        },
    }


def endpoints_file(name: str) -> str:
    return f"endpoints-{quote(name, safe='')}.json"


def hosts_of(found: Cluster, addresses: Mapping[PodRef, Address]) -> tuple[Address, ...]:
    """Where the pods of a cluster listen; a pod that does not listen is left out."""
    return tuple(sorted(addresses[pod] for pod in found.pods if pod in addresses))


def assignment(name: str, hosts: Iterable[Address]) -> Json:
    endpoints = [{"endpoint": {"address": _socket(host)}} for host in hosts]
    return {
        "@type": f"{_TYPES}.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": endpoints}] if endpoints else [],
    }


def _socket(address: Address) -> Json:
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def _file(path: Path) -> Json:
    """A watched file; Envoy rereads it when another file is renamed onto it."""
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}
