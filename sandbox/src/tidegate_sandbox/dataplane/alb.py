"""Routes of Ingresses of class `alb`, as the AWS Load Balancer Controller makes rules of a load balancer from them.

A load balancer has one list of rules for all hosts, and the first that matches takes the request. The controller writes
it Ingress by Ingress (by `group.order`, then by name), rule by rule, and within a rule sorts the paths: Exact, then
Prefix by length, then ImplementationSpecific as given. A path to the port `use-annotation` takes its action from the
annotation `actions.<service>`; `conditions.<service>` adds conditions to it whatever the port.
Source: aws-load-balancer-controller `pkg/ingress/model_build_listener_rules.go` and `enhanced_backend_builder.go`.

Read are forward actions to Services, conditions on headers and methods, rules and default backends. Listener ports, TLS,
redirects, fixed responses, authentication, stickiness, target group ARNs and all other conditions are not: a rule with
one of the latter is left out with a note, since without it the rule would take too much. One proxy stands for all load
balancers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import endpoints
from tidegate_sandbox.dataplane.endpoints import Endpoints
from tidegate_sandbox.dataplane.ingress import ALB_CLASS, INGRESSES, ingress_class
from tidegate_sandbox.dataplane.routes import (
    ANY_HOST,
    Cluster,
    Condition,
    HeaderMatch,
    Host,
    MethodMatch,
    PathKind,
    PathMatch,
    Route,
    RouteTable,
    Share,
    ValueKind,
    World,
)

PREFIX = "alb.ingress.kubernetes.io"
MARKER = "use-annotation"
LAST = (PathMatch(PathKind.SEGMENTS, ""),)
"""Every path: where a default backend stands."""


@dataclass(frozen=True, slots=True)
class AlbTranslator:
    """Writes the routes of the Ingresses of the class `ingress_class`; `prefix` is the controller's annotation prefix."""

    prefix: str = PREFIX
    ingress_class: str = ALB_CLASS
    resources: tuple[str, ...] = (INGRESSES, *endpoints.RESOURCES)

    def translate(self, world: World) -> RouteTable:
        own = [each for each in world.get(INGRESSES, ()) if ingress_class(each) == self.ingress_class]
        rules = _Rules(Endpoints(world))
        ingresses = sorted((_Ingress(manifest, self.prefix) for manifest in own), key=lambda each: each.order)
        for ingress in ingresses:
            rules.add(ingress)
        for ingress in ingresses:
            rules.add_default(ingress)
        return rules.table()


class _Ingress:
    """The parts of a manifest that routing looks at; `order` is where its rules stand."""

    def __init__(self, manifest: Manifest, prefix: str) -> None:
        metadata = manifest["metadata"]
        self.spec: Mapping[str, Any] = manifest.get("spec") or {}
        self.namespace: str = metadata.get("namespace", "")
        self.key = f"{self.namespace}/{metadata['name']}"
        self._annotations: Mapping[str, str] = metadata.get("annotations") or {}
        self._prefix = prefix
        self.order = (_number(self.annotation("group.order")), self.key)

    def annotation(self, name: str) -> str:
        """The value of an annotation below the prefix, "" without one."""
        return self._annotations.get(f"{self._prefix}/{name}", "")


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule of the load balancer; `host` may be a pattern."""

    host: str
    route: Route


@dataclass(frozen=True, slots=True)
class _Group:
    """One target group of an action."""

    service: str
    port: str
    weight: int


class _Rules:
    """The list of rules while it is written; lives for one translation."""

    def __init__(self, found: Endpoints) -> None:
        self._endpoints = found
        self._rules: list[_Rule] = []
        self._clusters: dict[str, Cluster] = {}
        self._notes: list[str] = []

    def add(self, ingress: _Ingress) -> None:
        for rule in ingress.spec.get("rules") or ():
            for path in _sorted((rule.get("http") or {}).get("paths") or ()):
                self._add_path(ingress, rule.get("host") or ANY_HOST, path.get("backend"), (_path_match(path),))

    def add_default(self, ingress: _Ingress) -> None:
        """A default backend takes what no rule of any Ingress takes."""
        if ingress.spec.get("defaultBackend"):
            self._add_path(ingress, ANY_HOST, ingress.spec["defaultBackend"], LAST)

    def table(self) -> RouteTable:
        """A proxy looks for the host first, so each host gets all rules that would take a request for it, in order."""
        domains = sorted({rule.host for rule in self._rules})
        hosts = (Host(domain, tuple(r.route for r in self._rules if _covers(r.host, domain))) for domain in domains)
        clusters = tuple(self._clusters[name] for name in sorted(self._clusters))
        return RouteTable(tuple(hosts), clusters, tuple(self._notes))

    def _add_path(
        self, ingress: _Ingress, host: str, backend: Mapping[str, Any] | None, paths: tuple[PathMatch, ...]
    ) -> None:
        service = (backend or {}).get("service") or {}
        name = str(service.get("name") or "")
        if not name:
            return
        conditions, why = _conditions(ingress.annotation(f"conditions.{name}"))
        if why:
            self._note(ingress, f"conditions.{name}: {why}; its rules are left out")
            return
        shares = self._shares(ingress, name, service.get("port") or {})
        self._rules += [_Rule(host, Route(path, shares, conditions=conditions)) for path in paths]

    def _shares(self, ingress: _Ingress, name: str, port: Mapping[str, Any]) -> tuple[Share, ...]:
        """Where a rule forwards to; nothing, which is answered 503, where the controller has nothing to forward to."""
        if port.get("name") != MARKER:
            groups: Sequence[_Group] = (_Group(name, str(port.get("name") or port.get("number") or ""), 1),)
        else:
            groups, why = _action(ingress.annotation(f"actions.{name}"))
            if why:
                self._note(ingress, f"actions.{name}: {why}; answered 503")
        found = [(group, *self._endpoints.ready(ingress.namespace, group.service, group.port)) for group in groups]
        for group, _, why in found:
            if why:
                self._note(ingress, why)
            if "does not exist" in why or "has no port" in why:
                return self._refused(ingress, group, groups)
        shares = []
        for group, pods, _ in found:
            if group.weight > 0:
                cluster = f"{ingress.namespace}-{group.service}-{group.port}"
                self._clusters[cluster] = Cluster(cluster, pods, group.service)
                shares.append(Share(cluster, group.weight))
        return tuple(shares)

    def _refused(self, ingress: _Ingress, group: _Group, groups: Sequence[_Group]) -> tuple[Share, ...]:
        """An action to several groups with one that cannot be made. The controller then leaves the whole load balancer as
        it was; that state is not known here, so the requests fail where everybody sees it."""
        if len(groups) > 1:
            self._note(
                ingress, f"an action names {group.service}:{group.port}: the controller changes nothing any more"
            )
        return ()

    def _note(self, ingress: _Ingress, text: str) -> None:
        self._notes.append(f"ingress {ingress.key}: {text}")


def _action(text: str) -> tuple[tuple[_Group, ...], str]:
    """The target groups of a forward action, and why there are none."""
    if not text:
        return (), "Backend action does not exist"
    try:
        action = _lowered(json.loads(text))
        if action["type"] != "forward":
            return (), f"the sandbox has no {action['type']}"
        return tuple(_group(each) for each in action["forwardconfig"]["targetgroups"]), ""
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return (), f"no forward action to Services ({error!r})"


def _group(raw: Mapping[str, Any]) -> _Group:
    weight = raw.get("weight")
    return _Group(str(raw["servicename"]), str(raw["serviceport"]), 1 if weight is None else int(weight))


def _conditions(text: str) -> tuple[tuple[Condition, ...], str]:
    """The conditions of an annotation, which all have to hold, and what is wrong with them."""
    if not text:
        return (), ""
    found: list[Condition] = []
    try:
        for each in json.loads(text):
            match each["field"]:
                case "http-header":
                    config = each["httpHeaderConfig"]
                    found.append(HeaderMatch(config["httpHeaderName"], _any_of(config["values"], "i"), ValueKind.REGEX))
                case "http-request-method":
                    values = each["httpRequestMethodConfig"]["values"]
                    found.append(MethodMatch(_any_of(values, ""), ValueKind.REGEX))
                case field:
                    return (), f"the sandbox has no condition on {field}"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return (), f"cannot be read ({error!r})"
    return tuple(found), ""


def _any_of(values: Sequence[str], flags: str) -> str:
    """A regular expression for one of several patterns, as a whole."""
    listed = "|".join(_expression(value) for value in values)
    return f"(?{flags}:{listed})" if flags else f"(?:{listed})"


def _expression(pattern: str) -> str:
    """A pattern of the load balancer as a regular expression: `*` is anything, `?` one character, a backslash escapes."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return "".join(wild.get(part) or re.escape(part[-1]) for part in parts)


def _sorted(paths: Sequence[Manifest]) -> Iterator[Manifest]:
    """Exact paths, then Prefix paths by length, the longest first, then the others; each kind as given."""
    kinds: dict[str, list[Manifest]] = {"Exact": [], "Prefix": []}
    others: list[Manifest] = []
    for path in paths:
        kinds.get(path.get("pathType") or "", others).append(path)
    yield from kinds["Exact"]
    yield from sorted(kinds["Prefix"], key=lambda path: -len(path.get("path") or ""))
    yield from others


def _path_match(path: Manifest) -> PathMatch:
    """An ImplementationSpecific path is a pattern of the load balancer: without a wildcard it is that one path."""
    text, kind = path.get("path") or "/*", path.get("pathType")
    if kind == "Exact":
        return PathMatch(PathKind.EXACT, text)
    if kind == "Prefix":
        return PathMatch(PathKind.SEGMENTS, text.rstrip("/"))
    head = text.removesuffix("*")
    if "*" in head or "?" in head:
        return PathMatch(PathKind.REGEX, _expression(text))
    return PathMatch(PathKind.PREFIX, head) if head != text else PathMatch(PathKind.EXACT, text)


def _covers(host: str, domain: str) -> bool:
    """Whether a rule for `host` takes requests for `domain`; both may be patterns with a star in front."""
    return host in (ANY_HOST, domain) or (host.startswith("*.") and domain.endswith(host[1:]))


def _number(text: str) -> int:
    """A `group.order`; 0 where there is none, as for the controller, and where it is no number."""
    try:
        return int(text)
    except ValueError:
        return 0


def _lowered(value: Any) -> Any:
    """Keys in lower case: the controller reads them in any case."""
    if isinstance(value, dict):
        return {key.lower(): _lowered(item) for key, item in value.items()}
    return [_lowered(item) for item in value] if isinstance(value, list) else value
