"""What keeps a Rollout from being routed by a load balancer, as field errors."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tidegate.hooks import HeaderRoute, Manifest, Objects, Problem, SpecError, Target, Weights
from tidegate_aws_alb import ledger
from tidegate_aws_alb.config import ACTION_LENGTH, ROUTE_LENGTH, SERVICE, AlbConfig
from tidegate_aws_alb.ingress import INGRESS, action_key, action_name, annotations_of, foreign_route
from tidegate_aws_alb.ingress import SERVICE as SERVICES
from tidegate_aws_alb.paths import PathMode, condition_values, path_fault

MODE = "tidegate.io/alb.header-path-mode"
MANAGED_ROUTES = "spec.strategy.canary.trafficRouting.managedRoutes"
EXACT_ONLY = "SetHeaderRoute match value invalid. ALB supports 'exact' value only"

# Limits of an application load balancer, from the quotas and the RuleCondition and HttpHeaderConditionConfig references.
GROUPS = 5
CONDITION_VALUES = 5
HEADER_NAME_LENGTH = 40
HEADER_VALUE_LENGTH = 128


def mode_of(target: Target[AlbConfig]) -> PathMode:
    """How header routes get their paths. Raises SpecError for an annotation that says neither."""
    for problem in _mode_problems(target):
        raise as_error(problem)
    return PathMode(target.annotations.get(MODE) or PathMode.CLONE)


def as_error(problem: Problem) -> SpecError:
    """A problem as the error that ends a verb."""
    return SpecError(problem.path, problem.detail, value=problem.value)


def spec_problems(target: Target[AlbConfig]) -> Iterator[Problem]:
    """What is wrong with the spec alone, before any object is looked at."""
    yield from _mode_problems(target)
    action = action_name(target)
    if len(action) > ACTION_LENGTH:
        said = f"the stable Service's name becomes part of an annotation key and may have {ACTION_LENGTH} characters"
        yield Problem(f"{target.path}.rootService", f"{said}; set a shorter rootService", json.dumps(action))
    taken = {action, target.canary_service, target.stable_service}
    for index, name in enumerate(target.managed_routes):
        where, value = f"{MANAGED_ROUTES}[{index}].name", json.dumps(name)
        if not SERVICE.fullmatch(name) or len(name) > ROUTE_LENGTH:
            said = f"becomes a Service name and part of an annotation key: at most {ROUTE_LENGTH} lower case letters"
            yield Problem(where, f"{said}, digits and -, beginning with a letter; rename it", value)
        elif name in taken:
            yield Problem(where, "is the name of a Service of this Rollout; rename the route", value)


def ingress_problems(target: Target[AlbConfig], ingress: Manifest, field: str) -> Iterator[Problem]:
    """What keeps a weight from working in one Ingress."""
    name = ingress["metadata"]["name"]
    where, value = f"{target.path}.{field}", json.dumps(name)
    if fault := path_fault(ingress, action_name(target)):
        yield Problem(where, fault, value)
    try:
        entries = ledger.read(annotations_of(ingress))
    except ledger.UnreadableLedger as error:
        yield Problem(where, f"ingress `{name}`: {error}", value)
        return
    key = action_key(target.config.annotation_prefix, action_name(target))
    if other := ledger.holder(entries, key, target.name):
        said = f"ingress `{name}`: {key} is managed by Rollout {other} as the annotation {ledger.LEDGER} says"
        yield Problem(where, f"{said}; give one of the two another rootService, or take the entry out", value)


def route_problems(target: Target[AlbConfig], ingress: Manifest) -> Iterator[Problem]:
    """Managed routes whose name is taken in this Ingress. Only for one whose ledger can be read."""
    entries = ledger.read(annotations_of(ingress))
    for index, route in enumerate(target.managed_routes):
        if fault := route_fault(target, ingress, entries, route):
            yield Problem(f"{MANAGED_ROUTES}[{index}].name", fault, json.dumps(route))


def route_fault(target: Target[AlbConfig], ingress: Manifest, entries: ledger.Entries, route: str) -> str:
    """Why a header route of this name would overwrite something; "" where it would not."""
    name = ingress["metadata"]["name"]
    if other := ledger.holder(entries, action_key(target.config.annotation_prefix, route), target.name):
        return f"ingress `{name}` has a route of this name that Rollout {other} manages; rename one of the two"
    if fault := foreign_route(target, ingress, entries, route):
        return f"ingress `{name}`: {fault}; rename the managed route"
    return ""


def port_problems(target: Target[AlbConfig], objects: Objects) -> Iterator[Problem]:
    """Services that lack the port. A missing Service is the core's to report."""
    for service in (target.stable_service, target.canary_service):
        found = objects.get(SERVICES, service) if service else None
        ports = [port.get("port") for port in ((found or {}).get("spec") or {}).get("ports") or []]
        if found is not None and target.config.service_port not in ports:
            have = ", ".join(map(str, ports)) or "none"
            said = f"service `{service}` has no such port (has {have}); name a port that both Services have"
            yield Problem(f"{target.path}.servicePort", said, str(target.config.service_port))


def all_problems(target: Target[AlbConfig], objects: Objects) -> Iterator[Problem]:
    """Everything, the worst first. Objects that are missing are reported by the core, from `reads`."""
    yield from spec_problems(target)
    for name, field in target.config.places:
        if (ingress := objects.get(INGRESS, name)) is None:
            continue
        found = list(ingress_problems(target, ingress, field))
        yield from found
        if not found:
            yield from route_problems(target, ingress)
    yield from port_problems(target, objects)


def refuse_weights(target: Target[AlbConfig], weights: Weights) -> None:
    """Raise SpecError for more target groups than an action may have."""
    count = 2 + len(weights.additional)
    if count > GROUPS:
        said = f"an action of a load balancer takes at most {GROUPS} target groups, found {count} (canary, stable, and"
        said += f" {len(weights.additional)} experiment Services; TR040); give at most {GROUPS - 2} templates a weight"
        raise SpecError(target.path, said, value=str(count))


def refuse_route(target: Target[AlbConfig], route: HeaderRoute) -> None:
    """Raise SpecError for a header route that a load balancer cannot express."""
    for header, match in route.match:
        if match.exact is None:
            raise SpecError(target.path, EXACT_ONLY, value=json.dumps(route.name))
        if len(header) > HEADER_NAME_LENGTH or len(match.exact) > HEADER_VALUE_LENGTH:
            said = f"header route {route.name}: a load balancer compares header names of at most {HEADER_NAME_LENGTH}"
            said += f" and values of at most {HEADER_VALUE_LENGTH} characters (TR040); shorten {header}"
            raise SpecError(target.path, said, value=json.dumps(match.exact))


def refuse_values(target: Target[AlbConfig], ingress: Manifest, route: HeaderRoute) -> None:
    """Raise SpecError where host, path and header values together are more than a rule may have."""
    count = condition_values(ingress, action_name(target)) + len(route.match)
    if count > CONDITION_VALUES:
        said = f"header route {route.name}: with host and path of ingress `{ingress['metadata']['name']}` a rule would have"
        said += f" {count} condition values, a load balancer takes {CONDITION_VALUES} (TR040); name fewer header values"
        raise SpecError(target.path, said, value=str(len(route.match)))


def _mode_problems(target: Target[AlbConfig]) -> Iterator[Problem]:
    if (found := target.annotations.get(MODE) or PathMode.CLONE) not in list(PathMode):
        said = f"must be one of {', '.join(PathMode)}"
        yield Problem(f"metadata.annotations[{MODE}]", said, json.dumps(found))
