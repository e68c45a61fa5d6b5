"""Which route of a table takes a request: the rules the pure-Python proxy follows, and Envoy after its own fashion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate_sandbox.dataplane.routes import (
    ANY_HOST,
    Condition,
    CookieMatch,
    Host,
    MethodMatch,
    PathKind,
    PathMatch,
    Route,
    RouteTable,
    ValueKind,
)

LOCAL_SUFFIX = ".localhost"
"""Appended to a host it is the same host: curl and browsers resolve every name below `localhost` to the loopback."""


@dataclass(frozen=True, slots=True)
class Request:
    """What routing looks at. Header names are lower case; `host` may carry a port."""

    host: str
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"


def route_for(table: RouteTable, request: Request) -> Route | None:
    """The first route that takes the request; None means 404."""
    host = host_for(table, request.host)
    if host is None:
        return None
    path = request.path.partition("?")[0]
    for route in host.routes:
        if _path_matches(route.path, path) and all(_condition_holds(c, request) for c in route.conditions):
            return route
    return None


def host_for(table: RouteTable, name: str) -> Host | None:
    """The routes of a host name: its own, else those of the longest wildcard, else those of any host."""
    bare = re.sub(r":\d+$", "", name.lower()).removesuffix(LOCAL_SUFFIX)
    by_domain = {host.domain.lower(): host for host in table.hosts}
    if bare in by_domain:
        return by_domain[bare]
    wildcards = [d for d in by_domain if d.startswith("*.") and bare.endswith(d[1:]) and len(bare) >= len(d)]
    return by_domain.get(max(wildcards, key=len, default=ANY_HOST))


def _path_matches(match: PathMatch, path: str) -> bool:
    if match.kind is PathKind.EXACT:
        return path == match.value
    if match.kind is PathKind.PREFIX:
        return path.startswith(match.value)
    if match.kind is PathKind.REGEX:
        return re.fullmatch(match.value, path) is not None
    return path == match.value or path.startswith(match.value + "/")


def _condition_holds(condition: Condition, request: Request) -> bool:
    if isinstance(condition, CookieMatch):
        return _cookies(request.headers.get("cookie", "")).get(condition.name) == condition.value
    if isinstance(condition, MethodMatch):
        return _value_holds(condition.kind, condition.value, request.method)
    return _value_holds(condition.kind, condition.value, request.headers.get(condition.name.lower()))


def _value_holds(kind: ValueKind, wanted: str, value: str | None) -> bool:
    if value is None:
        return False
    if kind is ValueKind.EXACT:
        return value == wanted
    if kind is ValueKind.PREFIX:
        return value.startswith(wanted)
    if kind is ValueKind.REGEX:
        return re.fullmatch(wanted, value) is not None
    return re.search(wanted, value) is not None


def _cookies(header: str) -> dict[str, str]:
    """Cookies by name; of two with one name the first counts."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, sign, value = part.strip().partition("=")
        if sign:
            found.setdefault(name, value)
    return found
