"""Header routes: an action to the canary alone, a condition on headers, and paths that lead to the two."""

from __future__ import annotations

import json

from tidegate.hooks import HeaderRoute, Manifest, Objects, SpecError, Target
from tidegate_aws_alb import ledger
from tidegate_aws_alb.actions import conditions
from tidegate_aws_alb.config import AlbConfig
from tidegate_aws_alb.ingress import (
    action_key,
    action_name,
    annotations_of,
    condition_key,
    foreign_route,
    own_routes,
)
from tidegate_aws_alb.lint import mode_of, refuse_route, refuse_values, route_fault
from tidegate_aws_alb.paths import PathMode, arrange, present
from tidegate_aws_alb.removal import remove_from
from tidegate_aws_alb.weights import opened, require_services, to_services


def write_route(target: Target[AlbConfig], route: HeaderRoute, objects: Objects) -> None:
    """Write a header route into every Ingress, or take it away where it matches nothing.

    The load balancer asks the rule of a header route before the one of the weights, since its paths stand before theirs.
    """
    refuse_route(target, route)
    mode = mode_of(target)
    require_services([target.canary_service] if route.match else [], objects)
    for ingress, entries in opened(target, f"to headerRoute '{route.name}'", objects):
        if fault := route_fault(target, ingress, entries, route.name):
            raise SpecError(target.path, fault, value=json.dumps(route.name))
        if not route.match:
            remove_from(target, ingress, entries, [route.name])
            continue
        refuse_values(target, ingress, route)
        _write(target, ingress, entries, route, mode)


def _write(
    target: Target[AlbConfig], ingress: Manifest, entries: ledger.Entries, route: HeaderRoute, mode: PathMode
) -> None:
    prefix = target.config.annotation_prefix
    keys = action_key(prefix, route.name), condition_key(prefix, route.name)
    action = to_services(target, [(target.canary_service, 100)])
    annotations = {**annotations_of(ingress), keys[0]: action.text, keys[1]: conditions(route)}
    order = _in_order(target, ingress, entries, route.name)
    arrange(ingress, action_name(target), order, mode)
    listed = [make(prefix, name) for name in order for make in (action_key, condition_key)]
    entries = ledger.with_last(entries, target.name, listed)
    ingress["metadata"]["annotations"] = ledger.written(annotations, entries)


def _in_order(target: Target[AlbConfig], ingress: Manifest, entries: ledger.Entries, route: str) -> list[str]:
    """The header routes of ours that an Ingress has or is to have, in managedRoutes order."""
    there = present(ingress)
    names = [*own_routes(target, entries), route]
    ours = [each for each in names if each == route or not foreign_route(target, ingress, entries, each)]
    return [each for each in dict.fromkeys(ours) if each in there or each == route]
