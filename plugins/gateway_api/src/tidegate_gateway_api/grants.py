"""ReferenceGrants: whether routes of one namespace may send requests to Services of another.

Without one the implementation answers such requests with 500. Source: Gateway API v1beta1, ReferenceGrant.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.hooks import Manifest
from tidegate_gateway_api.kinds import GROUP
from tidegate_gateway_api.opened import Opened


def ungranted(at: Opened, grants: Iterable[Manifest]) -> list[str]:
    """The Services that the route may not refer to. `grants` are those of the Services' namespace."""
    if at.route.namespace == at.sides.namespace:
        return []
    known = list(grants)
    return [name for name in (at.sides.stable, at.sides.canary) if not any(_allows(each, at, name) for each in known)]


def _allows(grant: Manifest, at: Opened, service: str) -> bool:
    spec = grant.get("spec") or {}
    wanted = {"group": GROUP, "kind": at.route.kind.noun, "namespace": at.route.namespace}
    given = any(all(each.get(key) == value for key, value in wanted.items()) for each in spec.get("from") or [])
    return given and any(
        each.get("group", "") == "" and each.get("kind") == "Service" and each.get("name") in (None, "", service)
        for each in spec.get("to") or []
    )
