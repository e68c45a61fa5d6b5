"""Requests and limits of a container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.machine.rollout.validation.names import qualified_name
from tidegate.machine.rollout.validation.problems import NOT_NEGATIVE, FieldProblem, forbidden, invalid, required
from tidegate.machine.rollout.validation.quantities import Quantity, quantity

_COMPUTE = frozenset({"cpu", "memory"})
_OF_CONTAINERS = _COMPUTE | {"ephemeral-storage"}
_HUGE_PAGES = "hugepages-"
# Resources of quotas and claims: known, but nothing that a container could ask for.
_OF_OTHERS = frozenset(
    {
        *(f"{group}.{name}" for group in ("requests", "limits") for name in _OF_CONTAINERS),
        *("pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps"),
        *("persistentvolumeclaims", "storage", "requests.storage", "services.nodeports", "services.loadbalancers"),
    }
)


def resource_problems(resources: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    """Faults of `resources`; limits come first, as requests are held against them."""
    limits: dict[str, Quantity] = {}
    for name, value in (resources.get("limits") or {}).items():
        here = f"{path}.limits[{name}]"
        yield from _name(name, here)
        try:
            limits[name] = quantity(value).in_thousandths()
        except ValueError as error:
            yield invalid(here, value, str(error))
            continue
        yield from _amount(name, limits[name], here)
    for name, value in (resources.get("requests") or {}).items():
        here = f"{path}.requests[{name}]"
        yield from _name(name, here)
        try:
            amount = quantity(value).in_thousandths()
        except ValueError as error:
            yield invalid(here, value, str(error))
            continue
        yield from _amount(name, amount, here)
        yield from _within_limit(name, amount, limits.get(name), path)
    asked = {*(resources.get("limits") or {}), *(resources.get("requests") or {})}
    if any(name.startswith(_HUGE_PAGES) for name in asked) and not asked & _COMPUTE:
        yield forbidden(path, "HugePages require cpu or memory")


def _amount(name: str, amount: Quantity, path: str) -> Iterator[FieldProblem]:
    if amount.amount < 0:
        yield invalid(path, str(amount), NOT_NEGATIVE)
    if _is_extended(name) and amount.amount.denominator != 1:
        yield invalid(path, str(amount), "must be an integer")


def _is_extended(name: str) -> bool:
    """Whether a resource is one of a device plugin: counted in whole pieces, and never overcommitted."""
    return "/" in name and "kubernetes.io/" not in name


def _name(name: str, path: str) -> Iterator[FieldProblem]:
    faults = tuple(qualified_name(name))
    yield from (invalid(path, name, text) for text in faults)
    if "/" in name or name in _OF_CONTAINERS or name.startswith(_HUGE_PAGES):
        return
    if not faults and name not in _OF_OTHERS:
        yield invalid(path, name, "must be a standard resource type or fully qualified")
    yield invalid(path, name, "must be a standard resource for containers")


def _within_limit(name: str, amount: Quantity, limit: Quantity | None, path: str) -> Iterator[FieldProblem]:
    """Requests stay below their limit; of what cannot be overcommitted (huge pages, devices) they must be the limit."""
    fixed = name.startswith(_HUGE_PAGES) or _is_extended(name)
    if limit is None:
        if fixed:
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    elif fixed and amount.amount != limit.amount:
        yield invalid(f"{path}.requests", str(amount), f"must be equal to {name} limit of {limit}")
    elif amount.amount > limit.amount:
        yield invalid(f"{path}.requests", str(amount), f"must be less than or equal to {name} limit of {limit}")
