"""What is wrong with a config, or with a route that it names, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tidegate.hooks import Manifest, Objects, Problem, SpecError
from tidegate_gateway_api.grants import ungranted
from tidegate_gateway_api.kinds import REFERENCE_GRANT
from tidegate_gateway_api.opened import Opened
from tidegate_gateway_api.routes import KEYS, GatewayTarget, namespace_of, routes_of

HIGHEST_WEIGHT = 1_000_000  # Gateway API v1, BackendRef.weight


def problems_of(target: GatewayTarget, objects: Objects) -> Iterator[Problem]:
    """A total that no weight can reach, selectors that find nothing, routes that are not split or not allowed to."""
    if target.total > HIGHEST_WEIGHT:
        said = f"the Gateway API knows weights up to {HIGHEST_WEIGHT}; lower trafficRouting.maxTrafficWeight"
        yield Problem(target.path, said, str(target.total))
    routes, namespace = routes_of(target, objects), namespace_of(target)
    for key, kind in KEYS.items():
        field, selector = f"{kind.field}Selector", target.config.selector(key)
        if selector is not None and not any(route.field == field for route in routes):
            said = f"selects no {kind.noun} in namespace {namespace}; label the route, or correct the selector"
            yield Problem(f"{target.path}.{field}", said, json.dumps(selector.model_dump(by_alias=True)))
    grants = objects.select(REFERENCE_GRANT, {}) if namespace != target.namespace else ()
    for route in routes:
        if (manifest := route.read(objects)) is not None:  # the core speaks of absent ones, from `reads`
            yield from _route_problems(Opened(route, target, manifest), grants)


def _route_problems(at: Opened, grants: tuple[Manifest, ...]) -> Iterator[Problem]:
    try:
        for rule in at.sources():
            at.one(rule, at.sides.canary)
            at.one(rule, at.sides.stable)
    except SpecError as error:
        yield Problem(error.path, error.detail, error.value)
    for service in ungranted(at, grants):
        said = (
            f"no ReferenceGrant in namespace {at.sides.namespace} lets {at.route.title} of namespace {at.route.namespace} "
            f"refer to Service {service}, so requests to it would be answered with 500; create one"
        )
        fault = at.fault(said)
        yield Problem(fault.path, said, fault.value)
