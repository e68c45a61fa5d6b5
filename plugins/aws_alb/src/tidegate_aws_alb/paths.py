"""The paths of an Ingress: which lead to an action annotation, and those that a header route adds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from tidegate.hooks import Manifest

MARKER = "use-annotation"
"""The port name that tells the AWS Load Balancer Controller to look for the annotation `actions.<service name>`."""


class PathMode(StrEnum):
    """What a header route's paths look like.

    CLONE repeats path and path type of every path that the route is for, directly before it: the controller sorts Exact
    paths first and Prefix paths by length, both in the given order, so the repetition is asked just before its model.
    ARGO is one path `/*` at the head of the rule, as the reference writes it; behind a path of type Prefix or Exact it
    is never asked.
    """

    CLONE = "clone"
    ARGO = "argo"


def service_of(path: Manifest) -> str:
    """The Service that a path leads to; "" for a backend of another kind."""
    return str(((path.get("backend") or {}).get("service") or {}).get("name") or "")


def port_of(path: Manifest) -> str:
    """The port of a path's backend as it is written, by name or number."""
    port = ((path.get("backend") or {}).get("service") or {}).get("port") or {}
    return str(port.get("name") or port.get("number") or "")


def rules_of(ingress: Manifest) -> list[Manifest]:
    """The rules that have paths; the manifest's own, to be edited in place."""
    rules = (ingress.get("spec") or {}).get("rules") or []
    return [rule for rule in rules if (rule.get("http") or {}).get("paths")]


def paths_to(ingress: Manifest, service: str) -> Iterator[Manifest]:
    """Every path that leads to a Service."""
    for rule in rules_of(ingress):
        yield from (path for path in rule["http"]["paths"] if service_of(path) == service)


def path_fault(ingress: Manifest, service: str) -> str:
    """Why an action annotation of this name would have no effect; "" where it has one."""
    found = list(paths_to(ingress, service))
    # differs: the reference is content with the name and writes weights that nobody reads.
    if not found:
        return f"ingress does not have service `{service}` in rules"
    for path in found:
        if (port := port_of(path)) != MARKER:
            where = f"path {path.get('path') or '/'} leads to port {port or 'nothing'} of {service}"
            return f"{where}, so weights would have no effect; write `port: {{name: {MARKER}}}` there"
    return ""


def arrange(ingress: Manifest, service: str, routes: Sequence[str], mode: PathMode) -> None:
    """Give every rule that leads to `service` the paths of `routes`, in this order, and take them from all others."""
    for rule in rules_of(ingress):
        paths = [path for path in rule["http"]["paths"] if service_of(path) not in routes]
        rule["http"]["paths"] = list(_with_routes(paths, service, routes, mode))


def strip(ingress: Manifest, routes: Iterable[str]) -> None:
    """Take away every path of these routes. A rule that is left without a path goes too: the API server allows none."""
    gone = set(routes)
    rules = (ingress.get("spec") or {}).get("rules") or []
    for rule in rules_of(ingress):
        rule["http"]["paths"] = [path for path in rule["http"]["paths"] if service_of(path) not in gone]
    if any((rule.get("http") or {}).get("paths") == [] for rule in rules):
        ingress["spec"]["rules"] = [rule for rule in rules if (rule.get("http") or {}).get("paths") != []]


def present(ingress: Manifest) -> frozenset[str]:
    """Every Service name that a path leads to."""
    return frozenset(service_of(path) for rule in rules_of(ingress) for path in rule["http"]["paths"])


def condition_values(ingress: Manifest, service: str) -> int:
    """The most values that host and path of a path to `service` take up in a rule of the load balancer."""
    counts = [
        bool(rule.get("host")) + _path_values(path)
        for rule in rules_of(ingress)
        for path in rule["http"]["paths"]
        if service_of(path) == service
    ]
    return max(counts, default=0)


def _with_routes(paths: Sequence[Manifest], service: str, routes: Sequence[str], mode: PathMode) -> Iterator[Manifest]:
    # differs: the reference adds its path to every rule, also to those that never lead to this Rollout (its PR #3727).
    ours = any(service_of(path) == service for path in paths)
    if ours and mode is PathMode.ARGO:
        yield from (_path("/*", "ImplementationSpecific", route) for route in routes)
    for path in paths:
        if mode is PathMode.CLONE and service_of(path) == service:
            yield from (_path(path.get("path"), path.get("pathType"), route) for route in routes)
        yield path


def _path(path: str | None, path_type: str | None, route: str) -> Manifest:
    backend = {"service": {"name": route, "port": {"name": MARKER}}}
    where = {} if path is None else {"path": path}
    return {**where, "pathType": path_type or "ImplementationSpecific", "backend": backend}


def _path_values(path: Manifest) -> int:
    """A Prefix other than / becomes two patterns: the path itself, and what lies below it."""
    return 2 if path.get("pathType") == "Prefix" and (path.get("path") or "/") != "/" else 1
