"""Matches of HTTPRoute and GRPCRoute rules, narrowed by a header route or a mirror route.

A managed rule takes exactly the requests that its source rule would take and that the managed route asks for besides.
Source: Gateway API v1, HTTPRouteMatch, GRPCRouteMatch and the precedence of rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.hooks import Manifest, Match, MirrorMatch

EVERY_PATH = {"type": "PathPrefix", "value": "/"}
# What has a meaning of its own in RE2; other characters stay readable.
SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
GRPC_PATH = re.compile(r"/([^/]+)/([^/]*)")
# Gateway API v1, HTTPHeaderName (a token of RFC 7230) and HTTPHeaderMatch.value.
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}")
VALUE_LENGTH = 4096
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
GRPC_HTTP_METHOD = "POST"  # every call; gRPC over HTTP/2


class Unsayable(Exception):
    """The Gateway API has no words for a condition; the message says which, and what to write instead."""


def header_conditions(pairs: Iterable[tuple[str, Match]]) -> list[Manifest]:
    """The conditions of a header route as header matches, all of which must hold.

    Raises Unsayable for two conditions on one header, of which only the first would count, and for what no API server
    would take.
    """
    found: dict[str, Manifest] = {}
    for name, value in pairs:
        if not HEADER_NAME.fullmatch(name):
            raise Unsayable(f"{name!a:.60} is no header name; write letters, digits and -")
        if name.lower() in found:
            said = f"header {name} has two conditions, the Gateway API knows one for each header; write one regex"
            raise Unsayable(said)
        found[name.lower()] = {"name": name, **_sayable(name, comparison(value))}
    return list(found.values())


def comparison(value: Match) -> Manifest:
    """Type and value of a comparison; a prefix is a regular expression."""
    if value.exact is not None:
        return {"type": "Exact", "value": value.exact}
    pattern = value.regex if value.regex is not None else SPECIAL.sub(r"\\\1", value.prefix or "") + ".*"
    return {"type": "RegularExpression", "value": pattern}


def _sayable(name: str, condition: Manifest) -> Manifest:
    value = condition["value"]
    if not 0 < len(value) <= VALUE_LENGTH or CONTROL.search(value):
        said = f"header {name} is compared with {value!a:.60}; write 1 to {VALUE_LENGTH} characters, none of control"
        raise Unsayable(said)
    if condition["type"] == "RegularExpression" and not _is_pattern(value):
        raise Unsayable(f"header {name} is compared with {value!a:.60}, which is no regular expression; correct it")
    return condition


def with_headers(match: Manifest, conditions: Iterable[Manifest]) -> Manifest | None:
    """`match` that also asks for these headers; None where no request can fulfil both."""
    headers = [dict(header) for header in match.get("headers") or []]
    for condition in conditions:
        known = [header for header in headers if header["name"].lower() == condition["name"].lower()]
        if not known:
            headers.append(dict(condition))
        elif (both := _both(known[0], condition)) is not None:
            headers[headers.index(known[0])] = both
        else:
            return None
    return {**match, "headers": headers} if headers else match


def narrowed_http(match: Manifest, mirror: MirrorMatch) -> Manifest | None:
    """An HTTPRoute match that also asks for what a mirror route asks for; None where no request can fulfil both."""
    path = _both_paths(match.get("path") or EVERY_PATH, mirror.path)
    method = _method(mirror)
    if path is None or (method and match.get("method", method) != method):
        return None
    both = {**match, "path": path, **({"method": method} if method else {})}
    return with_headers(both, header_conditions(mirror.headers.items()))


def narrowed_grpc(match: Manifest, mirror: MirrorMatch) -> Manifest | None:
    """A GRPCRoute match that also asks for what a mirror route asks for: a path is a service and a method."""
    if _method(mirror) not in ("", GRPC_HTTP_METHOD):
        return None
    method = dict(match.get("method") or {})
    for key, value in _grpc_method(mirror.path).items():
        if method.get("type", "Exact") != "Exact" or method.get(key, value) != value:
            return None
        method[key] = value
    both = {**match, **({"method": {"type": "Exact", **method}} if method else {})}
    return with_headers(both, header_conditions(mirror.headers.items()))


def _method(mirror: MirrorMatch) -> str:
    if mirror.method is not None and mirror.method.exact is None:
        raise Unsayable("method is compared by prefix or regex, the Gateway API compares it exactly; write exact")
    return mirror.method.exact or "" if mirror.method is not None else ""


def _grpc_method(path: Match | None) -> Mapping[str, str]:
    """Service and method that a path stands for; empty for every path."""
    if path is None or path.prefix == "/":
        return {}
    found = GRPC_PATH.fullmatch(path.exact or path.prefix or "")
    if found is None or path.regex is not None or bool(found[2]) is (path.exact is None):
        said = "a GRPCRoute knows paths as exact /service/method or prefix /service/"
        raise Unsayable(f"path {path.exact or path.prefix or path.regex} cannot be said: {said}; write one of these")
    return {"service": found[1], **({"method": found[2]} if found[2] else {})}


def _both(first: Manifest, second: Manifest) -> Manifest | None:
    """One condition that stands for two on the same header, as far as the API has one."""
    exact = [each for each in (first, second) if each.get("type", "Exact") == "Exact"]
    if len(exact) == 2:
        return first if first["value"] == second["value"] else None
    if len(exact) == 1:
        pattern = second if exact[0] is first else first
        return exact[0] if _matches(pattern["value"], exact[0]["value"]) else None
    return first if first["value"] == second["value"] else None


def _both_paths(source: Mapping[str, Any], asked: Match | None) -> Mapping[str, Any] | None:
    """The path that fulfils both; None where there is none, or none that the API can say."""
    if asked is None:
        return source
    wanted = _path(asked)
    kinds = (source.get("type", "PathPrefix"), wanted["type"])
    mine, theirs = source.get("value", "/"), wanted["value"]
    match kinds:
        case ("PathPrefix", "RegularExpression"):
            return wanted if mine == "/" else None
        case ("PathPrefix", _):
            return (
                wanted
                if _below(theirs, mine)
                else source
                if kinds[1] == "PathPrefix" and _below(mine, theirs)
                else None
            )
        case ("Exact", "PathPrefix"):
            return source if _below(mine, theirs) else None
        case ("Exact", "RegularExpression"):
            return source if _matches(theirs, mine) else None
        case ("RegularExpression", "Exact"):
            return wanted if _matches(mine, theirs) else None
        case ("RegularExpression", "PathPrefix") if theirs == "/":
            return source
    return source if kinds[0] == kinds[1] and mine == theirs else None


def _path(asked: Match) -> Manifest:
    if asked.exact is not None:
        return {"type": "Exact", "value": asked.exact}
    if asked.regex is not None:
        return {"type": "RegularExpression", "value": asked.regex}
    return {"type": "PathPrefix", "value": asked.prefix or "/"}


def _below(path: str, prefix: str) -> bool:
    """Whether a path lies under a prefix of path segments."""
    bare = prefix.rstrip("/")
    return path.rstrip("/") == bare or path.startswith(f"{bare}/")


def _matches(pattern: str, value: str) -> bool:
    """Whether a pattern takes the whole value; one that is not understood takes nothing."""
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return False


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
