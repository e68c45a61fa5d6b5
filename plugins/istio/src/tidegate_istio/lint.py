"""What keeps a Rollout from being routed by Istio, as field errors."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tidegate.hooks import Manifest, Objects, Problem, SpecError, Target
from tidegate_istio.config import DestinationRule, IstioConfig
from tidegate_istio.kinds import DESTINATION_RULE, HASH_LABEL, VIRTUAL_SERVICE
from tidegate_istio.managed import is_foreign, other_owner
from tidegate_istio.routes import Choice, choices, routes_of, weighted
from tidegate_istio.subsets import missing, taken

SERVICES = "Canary service and Stable service must to be set to use Traffic Routing"
TAKEN = (
    "VirtualService has a route '{0}' that Rollout {1} manages; choose another name in managedRoutes, or take {1} out of "
    "the annotation tidegate.io/managed-routes if it is gone"
)
OWN = "VirtualService has a route '{}' of its own, which would be removed, as managedRoutes lists it; rename one of the two"


def problems(target: Target[IstioConfig], objects: Objects) -> Iterator[Problem]:
    """Missing Services, a VirtualService named twice, routes and subsets that cannot carry the weights."""
    yield from _service_problems(target)
    yield from _repeated(target)
    for choice in choices(target):
        found = objects.get(VIRTUAL_SERVICE, choice.name, choice.namespace)
        if found is not None:  # the core says so otherwise, from `reads`
            yield from _route_problems(choice, found)
    yield from _rule_problems(target, objects)


def _service_problems(target: Target[IstioConfig]) -> Iterator[Problem]:
    """Subsets need no Services; without subsets they are the destinations. The paths are those that clients know."""
    if target.config.rule is not None:
        return
    for field, service in (("stableService", target.stable_service), ("canaryService", target.canary_service)):
        if not service:
            yield Problem(f"spec.strategy.{field}", SERVICES, '""')


def _repeated(target: Target[IstioConfig]) -> Iterator[Problem]:
    """`vs` and `vs.shop` are one object for a Rollout in `shop`."""
    seen: set[tuple[str, str]] = set()
    for choice in choices(target):
        if (choice.namespace, choice.name) in seen:
            said = "is named before, with its namespace or without; name every VirtualService once"
            yield Problem(choice.field, said, json.dumps(choice.config.name))
        seen.add((choice.namespace, choice.name))


def _route_problems(choice: Choice, manifest: Manifest) -> Iterator[Problem]:
    try:
        weighted(choice, manifest)
    except SpecError as error:
        yield Problem(error.path, error.detail, error.value)
    for name in choice.managed:
        if owner := other_owner(name, choice, manifest):
            yield Problem(choice.field, TAKEN.format(name, owner), json.dumps(choice.config.name))
    for route in routes_of(manifest, "http"):
        if is_foreign(route, choice, manifest):
            yield Problem(choice.field, OWN.format(route["name"]), json.dumps(choice.config.name))


def _rule_problems(target: Target[IstioConfig], objects: Objects) -> Iterator[Problem]:
    """A rule that is not there is told by events, as clients know it."""
    rule = target.config.rule
    found = objects.get(DESTINATION_RULE, rule.name) if rule else None
    if rule is None or found is None:
        return
    try:
        check_rule(target, rule, found)
    except SpecError as error:
        yield Problem(error.path, error.detail, error.value)


def check_rule(target: Target[IstioConfig], rule: DestinationRule, manifest: Manifest) -> None:
    """Raise SpecError for a rule that lacks one of our subsets, which would be answered 503, or has it for another."""
    name, said = missing(manifest, rule), "add it, or name one that it has"
    what = f"has no subset '{name}'"
    if not name:
        name, other = taken(manifest, rule, target)
        what = f"has a subset '{name}' that follows Rollout {other}"
        said = f"name another one, or take its label {HASH_LABEL} away if {other} is gone"
    if name:
        field = "canarySubsetName" if name == rule.canary else "stableSubsetName"
        detail = f"DestinationRule `{rule.name}` {what}; {said}"
        raise SpecError(f"{target.path}.destinationRule.{field}", detail, value=json.dumps(name))
