"""The backendRefs of a rule: which of them are the Rollout's Services, and how the traffic is shared out over them.

Pure: dicts in, dicts out. The API counts a missing weight as 1; weights are relative, and all zero means an error for
every request. Source: Gateway API v1, BackendRef and BackendObjectReference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidegate.hooks import Destination, Manifest, Weights
from tidegate_gateway_api.routes import GatewayTarget, Route

# A Service, or one that is exported to several clusters under its own name.
SERVICE_KINDS = frozenset({"Service", "ServiceImport"})
# What an experiment's destination does not have of the canary's.
OF_THE_SERVICE = ("port", "weight")


@dataclass(frozen=True, slots=True)
class Sides:
    """The Services of a Rollout as the routes of one namespace name them."""

    canary: str
    stable: str
    route_namespace: str
    namespace: str

    def is_service(self, ref: Manifest, name: str) -> bool:
        """Whether a reference means the Service `name` of the Rollout's namespace."""
        kind, namespace = ref.get("kind") or "Service", ref.get("namespace") or self.route_namespace
        return ref.get("name") == name and kind in SERVICE_KINDS and namespace == self.namespace

    def split(self, rule: Manifest) -> bool:
        """Whether a rule shares its requests out over both sides. One with one side alone is somebody's own."""
        return all(any(self.is_service(ref, name) for ref in refs(rule)) for name in (self.canary, self.stable))


def sides_of(target: GatewayTarget, route: Route) -> Sides:
    """The two Services, as `route` has to name them."""
    return Sides(target.canary_service, target.stable_service, route.namespace, target.namespace)


def refs(rule: Manifest) -> list[Manifest]:
    """The backendRefs of a rule, which may be edited in place."""
    found: list[Manifest] = rule.get("backendRefs") or []
    return found


def weight_of(ref: Manifest) -> int:
    """The weight that the data plane reads."""
    weight: Any = ref.get("weight")
    return weight if isinstance(weight, int) else 1


def extra_ref(canary: Manifest, destination: Destination, port: int) -> Manifest:
    """The reference to a further destination: what the canary's says, with another name, port and weight."""
    copied = {key: value for key, value in canary.items() if key not in OF_THE_SERVICE}
    return {**copied, "name": destination.service, "port": port, "weight": destination.weight}


def shares(rule: Manifest, sides: Sides, extra: frozenset[str]) -> Weights | None:
    """How a rule shares its requests out over the Rollout's sides; None where it sends them nothing at all.

    Backends of others are no part of the total: a reserved share of theirs stays what it is.
    """
    canary = sum(weight_of(ref) for ref in refs(rule) if sides.is_service(ref, sides.canary))
    stable = sum(weight_of(ref) for ref in refs(rule) if sides.is_service(ref, sides.stable))
    found = tuple(
        Destination(name, weight_of(ref)) for ref in refs(rule) for name in extra if sides.is_service(ref, name)
    )
    total = canary + stable + sum(each.weight for each in found)
    return Weights(canary, total, found) if total else None
