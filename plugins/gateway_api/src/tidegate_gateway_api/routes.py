"""Which routes a Rollout's config means, and how they stand in the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.hooks import Manifest, Objects, Ref, Target
from tidegate_gateway_api.config import Entry, GatewayConfig
from tidegate_gateway_api.kinds import GRPC, HTTP, REFERENCE_GRANT, SERVICE, TCP, TLS, RouteKind

GatewayTarget = Target[GatewayConfig]

# By the word that the config's fields begin with.
KEYS = {"http": HTTP, "grpc": GRPC, "tcp": TCP, "tls": TLS}


@dataclass(frozen=True, slots=True)
class Route:
    """One route that is to carry the traffic.

    `namespace` is where it lives, `field` what of the config names it (below the router's path), `rule_name` the one
    rule that is meant, "" for all. `headers` tells whether header routes go into it.
    """

    kind: RouteKind
    namespace: str
    name: str
    field: str
    headers: bool
    rule_name: str

    @property
    def title(self) -> str:
        """How texts name it."""
        return f"{self.kind.noun} `{self.name}`"

    def read(self, objects: Objects) -> Manifest | None:
        """A copy of the object, or None."""
        return objects.get(self.kind.kind, self.name, self.namespace)


def namespace_of(target: GatewayTarget) -> str:
    """Where the routes live."""
    return target.config.namespace or target.namespace


def routes_of(target: GatewayTarget, objects: Objects) -> tuple[Route, ...]:
    """Every route that the config names, then those that it selects, each once."""
    found: dict[tuple[str, str], Route] = {}
    for key, kind in KEYS.items():
        for field, entry in target.config.entries(key):
            found[kind.noun, entry.name] = _route(target, kind, field, entry)
        for route in _selected(target, key, kind, objects):
            found.setdefault((kind.noun, route.name), route)
    return tuple(found.values())


def refs_of(target: GatewayTarget) -> Iterator[Ref]:
    """Every object that is looked at: the routes, what a foreign namespace needs besides, and the canary's ports."""
    namespace = namespace_of(target)
    for key, kind in KEYS.items():
        for field, entry in target.config.entries(key):
            yield Ref(kind.kind, entry.name, path=f"{target.path}.{field}", namespace=namespace)
        if (selector := target.config.selector(key)) is not None:
            yield Ref(kind.kind, "", required=False, namespace=namespace, labels=selector.labels)
    if namespace != target.namespace:
        yield Ref(REFERENCE_GRANT, "", required=False)
    if target.canary_service:
        yield Ref(SERVICE, target.canary_service, required=False)


def _route(target: GatewayTarget, kind: RouteKind, field: str, entry: Entry) -> Route:
    return Route(
        kind, namespace_of(target), entry.name, field, entry.use_header_routes and kind.matches, entry.rule_name
    )


def _selected(target: GatewayTarget, key: str, kind: RouteKind, objects: Objects) -> Iterator[Route]:
    """The routes that a selector finds. They take no header routes: only a route that is named can ask for them."""
    selector, namespace = target.config.selector(key), namespace_of(target)
    if selector is None:
        return
    for manifest in objects.select(kind.kind, selector.labels, namespace):
        metadata = manifest["metadata"]
        if selector.holds(metadata.get("labels") or {}):
            yield Route(kind, namespace, str(metadata["name"]), f"{kind.field}Selector", False, "")
