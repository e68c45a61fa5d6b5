"""Which routes of a VirtualService carry the weights, and why one cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.hooks import Manifest, SpecError, Target
from tidegate_istio.config import IstioConfig, TcpRoute, TlsRoute, VirtualService
from tidegate_istio.destinations import Side, Sides, first
from tidegate_istio.ledger import MANAGED_ROUTES, read_ledger

PROTOCOLS = ("http", "tls", "tcp")
FIELDS = {"http": "routes", "tls": "tlsRoutes", "tcp": "tcpRoutes"}  # where the config lists them
NO_ROUTES = "Unable to get any of the HTTP, TCP or TLS routes for the Istio VirtualService"


@dataclass(frozen=True, slots=True)
class Choice:
    """One VirtualService of a Rollout's config. `field` is the path of its name, `namespace` "" for the Rollout's own.

    `managed` are the Rollout's managed routes, highest precedence first; `who` is the Rollout in a ledger.
    """

    config: VirtualService
    field: str
    namespace: str
    name: str
    sides: Sides
    managed: tuple[str, ...]
    who: str

    def refusal(self, said: str) -> SpecError:
        """The error at the VirtualService's field."""
        return SpecError(self.field, said, value=json.dumps(self.config.name))


@dataclass(frozen=True, slots=True)
class Found:
    """A route that carries weights, within its manifest."""

    protocol: str
    index: int
    route: Manifest


def choices(target: Target[IstioConfig]) -> tuple[Choice, ...]:
    """Every VirtualService that the config names."""
    found = []
    for config, field in target.config.services:
        namespace, name = config.place
        namespace = "" if namespace == target.namespace else namespace
        sides = sides_of(target, namespace)
        path = f"{target.path}.{field}.name"
        found.append(Choice(config, path, namespace, name, sides, target.managed_routes, target.key))
    return tuple(found)


def sides_of(target: Target[IstioConfig], namespace: str) -> Sides:
    """How the Rollout's destinations are told apart in a VirtualService of `namespace` ("" for the Rollout's own)."""
    rule = target.config.rule
    return Sides(
        target.canary_service,
        target.stable_service,
        rule.canary if rule else "",
        rule.stable if rule else "",
        frozenset(rule.additional) if rule else frozenset(),
        frozenset({target.namespace, namespace or target.namespace}),
    )


def routes_of(manifest: Manifest, protocol: str) -> list[Manifest]:
    """The routes of a protocol, to be edited in place; empty where there are none."""
    found: list[Manifest] = (manifest.get("spec") or {}).get(protocol) or []
    return found


def destinations_of(route: Manifest) -> list[Manifest]:
    """The weighted destinations of a route; empty for one that redirects or delegates."""
    found: list[Manifest] = route.get("route") or []
    return found


def weighted(choice: Choice, manifest: Manifest) -> tuple[Found, ...]:
    """The routes that carry the weights. Raises SpecError with the text that clients know where there are none.

    # differs: where the config lists routes of one protocol the others are left alone, and without any list those that
    mention neither side; Argo Rollouts demands both sides of every protocol that the object has (#3454).
    """
    found = []
    for protocol in _protocols(choice, manifest):
        try:
            for index in _indexes(choice, manifest, protocol):
                route = routes_of(manifest, protocol)[index]
                _check(route, choice.sides)
                found.append(Found(protocol, index, route))
        except ValueError as error:
            said = f"Istio VirtualService has invalid {protocol.upper()} routes. Error: {error}"
            raise choice.refusal(said) from error
    if not found:
        raise choice.refusal(NO_ROUTES)
    return tuple(found)


def is_managed(choice: Choice, manifest: Manifest, route: Manifest) -> bool:
    """Whether a route was inserted by this Rollout or another, or may be, as its name is managed."""
    ledger = read_ledger(manifest, MANAGED_ROUTES)
    return route.get("name") in {*choice.managed, *(name for names in ledger.values() for name in names)}


def _protocols(choice: Choice, manifest: Manifest) -> tuple[str, ...]:
    listed = {"http": choice.config.routes, "tls": choice.config.tls_routes, "tcp": choice.config.tcp_routes}
    if choice.config.lists_routes:
        return tuple(protocol for protocol in PROTOCOLS if listed[protocol])
    present = tuple(protocol for protocol in PROTOCOLS if routes_of(manifest, protocol))
    mentioned = tuple(protocol for protocol in present if _mentions(choice, manifest, protocol))
    return mentioned or present


def _mentions(choice: Choice, manifest: Manifest, protocol: str) -> bool:
    routes = routes_of(manifest, protocol)
    entries = (entry for route in routes if not is_managed(choice, manifest, route) for entry in destinations_of(route))
    return any(choice.sides.of(entry) in (Side.CANARY, Side.STABLE) for entry in entries)


def _indexes(choice: Choice, manifest: Manifest, protocol: str) -> Sequence[int]:
    """The chosen routes in the order of the config. Raises ValueError where there are none."""
    routes, config = routes_of(manifest, protocol), choice.config
    if protocol == "http" and config.routes:
        return list(dict.fromkeys(_named(routes, config.routes)))
    listed: Sequence[TlsRoute | TcpRoute] = config.tls_routes if protocol == "tls" else config.tcp_routes
    if protocol != "http" and listed:
        return list(dict.fromkeys(index for wanted in listed for index in _matching(routes, wanted, protocol)))
    own = [index for index, route in enumerate(routes) if not is_managed(choice, manifest, route)]
    if len(own) != 1:
        omitted = f"spec.strategy.canary.trafficRouting.istio.virtualService.{FIELDS[protocol]}"
        raise ValueError(
            f"spec.{protocol}[] should be set in VirtualService and it must have exactly one route when omitting {omitted}"
        )
    return own


def _named(routes: Sequence[Manifest], names: Sequence[str]) -> Iterator[int]:
    for name in names:
        found = [index for index, route in enumerate(routes) if route.get("name") == name]
        if not found:
            raise ValueError(f"HTTP Route '{name}' is not found in the defined Virtual Service.")
        yield from found


def _matching(routes: Sequence[Manifest], wanted: TlsRoute | TcpRoute, protocol: str) -> list[int]:
    """The TLS or TCP routes with one port, the wanted one, and for TLS with just these SNI names.

    # differs: every route that the config lists must be there; Argo Rollouts is content with one of them.
    """
    hosts = set(wanted.sni_hosts) if isinstance(wanted, TlsRoute) else set()
    found = [index for index, route in enumerate(routes) if _matches(route, wanted.port, hosts)]
    if not found:
        raise ValueError(f"No matching {protocol.upper()} routes found in the defined Virtual Service.")
    return found


def _matches(route: Manifest, port: int, hosts: set[str]) -> bool:
    matches = route.get("match") or []
    ports = {match["port"] for match in matches if match.get("port")}
    names = {name for match in matches for name in match.get("sniHosts") or ()}
    return ports == ({port} if port else set()) and names == hosts


def _check(route: Manifest, sides: Sides) -> None:
    """Raise ValueError for a route that lacks a side, or has one twice."""
    entries = destinations_of(route)
    for side, service, subset in (
        (Side.CANARY, sides.canary_service, sides.canary_subset),
        (Side.STABLE, sides.stable_service, sides.stable_subset),
    ):
        title = side.value.capitalize()
        what = f"{title} DestinationRule subset '{subset}'" if subset else f"{title} Service '{service}'"
        if first(entries, sides, side) is None:
            raise ValueError(f"{what} not found in route")
        if sum(sides.of(entry) is side for entry in entries) > 1:
            raise ValueError(f"{what} stands in the route twice, so its weight would count twice; keep one of them")
