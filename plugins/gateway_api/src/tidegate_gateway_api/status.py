"""Whether the implementation has taken a route as it is now: the conditions of its parents.

Accepted means that the configuration is valid, not that every proxy has it; the API has no better word. Source: Gateway
API v1, RouteStatus and ParentReference with its defaults.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.hooks import Manifest
from tidegate_gateway_api.kinds import GROUP
from tidegate_gateway_api.opened import Opened

CONDITIONS = ("Accepted", "ResolvedRefs")


def doubts(at: Opened) -> Iterator[str]:
    """Why the route is not in force as it stands; nothing where every parent that speaks has taken it."""
    generation = int(at.manifest["metadata"].get("generation") or 0)
    for parent in spoken(at):
        for condition in parent.get("conditions") or []:
            if condition.get("type") in CONDITIONS and (doubt := _doubt(condition, generation)):
                yield f"{at.route.title}: {_name(parent)} {doubt}"


def spoken(at: Opened) -> list[Manifest]:
    """The parents in the status that say for which generation they speak, and that the spec still names.

    A parent that has left the spec, or whose controller is gone, would be behind for ever.
    """
    wanted = [_parent(ref, at.route.namespace) for ref in (at.manifest.get("spec") or {}).get("parentRefs") or []]
    parents: list[Manifest] = (at.manifest.get("status") or {}).get("parents") or []
    named = (each for each in parents if _parent(each.get("parentRef") or {}, at.route.namespace) in wanted)
    return [each for each in named if any("observedGeneration" in found for found in each.get("conditions") or [])]


def _doubt(condition: Manifest, generation: int) -> str:
    """What speaks against one condition, "" for nothing. One without a generation says nothing about the present."""
    seen, name = condition.get("observedGeneration"), condition["type"]
    if seen is None:
        return ""
    if int(seen) < generation:
        return f"has seen generation {seen} of {generation}"
    if condition.get("status") == "True":
        return ""
    return f"says {name} {condition.get('status')}, {condition.get('reason', '')}: {condition.get('message', '')}"


def _parent(ref: Manifest, namespace: str) -> tuple[str, str, str, str, str, int]:
    """A parent reference with its defaults filled in."""
    return (
        ref.get("group", GROUP),
        ref.get("kind") or "Gateway",
        ref.get("namespace") or namespace,
        ref.get("name", ""),
        ref.get("sectionName") or "",
        ref.get("port") or 0,
    )


def _name(parent: Manifest) -> str:
    ref = parent.get("parentRef") or {}
    section = f", {ref['sectionName']}" if ref.get("sectionName") else ""
    return f"{ref.get('kind') or 'Gateway'} {ref.get('name', '')}{section}"
