"""What is wrong with a step that inserts a header or a mirror route."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout import Canary
from tidegate.api.steps import SetHeaderRoute, SetMirrorRoute, Step, StringMatch
from tidegate.machine.observed import RouterView
from tidegate.machine.rollout.validation.problems import FieldProblem, Form, invalid, printed, required
from tidegate.machine.traffic import Capability

_Route = SetHeaderRoute | SetMirrorRoute
_COMPARES = {"prefix": Capability.HEADER_PREFIX, "regex": Capability.HEADER_REGEX}


def route_problems(path: str, step: Step, canary: Canary, routers: tuple[RouterView, ...]) -> Iterator[FieldProblem]:
    """Rules VS5 to VS8 of one step: a router that can, conditions that say one thing, and a route that is managed."""
    header, mirror = step.set_header_route, step.set_mirror_route
    if header is not None:
        unable = tuple(_unable(f"{path}.setHeaderRoute", header, Capability.HEADER, canary, routers))
        yield from unable or _header_values(f"{path}.setHeaderRoute", header, routers)
    if mirror is not None:
        unable = tuple(_unable(f"{path}.setMirrorRoute", mirror, Capability.MIRROR, canary, routers))
        yield from unable
        yield from _mirror_values(f"{path}.setMirrorRoute", mirror, () if unable else routers)
    yield from _managed(path, step, canary)


def _unable(
    path: str, route: _Route, capability: Capability, canary: Canary, routers: tuple[RouterView, ...]
) -> Iterator[FieldProblem]:
    """Every router must be able to: a route that one of them leaves out would send people to the wrong revision."""
    unable = [router.title for router in routers if capability not in router.can]
    if canary.traffic_routing is not None and not unable:
        return
    title = type(route).__name__
    detail = f"{title} requires TrafficRouting" if not unable else f"{', '.join(unable)} cannot do {title}"
    disagree = 0 < len(unable) < len(routers)
    value = printed(route.wire(), ordered=True)
    yield FieldProblem(path, detail, value, form=Form.INVALID, code="TR010" if disagree else "")


def _header_values(path: str, route: SetHeaderRoute, routers: tuple[RouterView, ...]) -> Iterator[FieldProblem]:
    for index, match in enumerate(route.match):
        place = f"{path}.match[{index}]"
        wrong = tuple(_one_comparison(place, match.header_value))
        yield from wrong or _compared(place, type(route).__name__, match.header_value, routers)


def _compared(
    path: str, title: str, value: StringMatch | None, routers: tuple[RouterView, ...]
) -> Iterator[FieldProblem]:
    """Every router must be able to compare a header's value in this way."""
    for kind, capability in _COMPARES.items():
        if value is None or not getattr(value, kind):
            continue
        for router in routers:
            if capability not in router.can:
                able = ["exact", *(each for each, needed in _COMPARES.items() if needed in router.can)]
                named = " and ".join(f"'{each}'" for each in able)
                detail = f"{title} match value invalid. {router.title} supports {named} value only"
                shown = printed({kind: getattr(value, kind)})
                yield FieldProblem(path, detail, shown, form=Form.INVALID, code="TR010")


def _mirror_values(path: str, route: SetMirrorRoute, routers: tuple[RouterView, ...]) -> Iterator[FieldProblem]:
    """Methods and paths are a router's own matter: there is no capability for the ways to compare them."""
    for index, match in enumerate(route.match):
        place = f"{path}.match[{index}]"
        for value in (match.method, match.path):
            yield from _one_comparison(place, value) if value is not None else ()
        for value in match.headers.values():
            wrong = tuple(_one_comparison(place, value))
            yield from wrong or _compared(place, type(route).__name__, value, routers)


def _one_comparison(path: str, value: StringMatch | None) -> Iterator[FieldProblem]:
    kinds = ("exact", "prefix", "regex")
    given = {kind: found for kind in kinds if (found := getattr(value, kind, None))}
    if len(given) == 1:
        return
    text = (
        "StringMatch match value must have exactly one of the following: exact, regex, prefix"
        if given
        else "StringMatch value missed, match value must have one of the following: exact, regex, prefix"
    )
    yield FieldProblem(path, text, printed(None if value is None else given, ordered=True), form=Form.INVALID)


def _managed(path: str, step: Step, canary: Canary) -> Iterator[FieldProblem]:
    routes = {"setHeaderRoute": step.set_header_route, "setMirrorRoute": step.set_mirror_route}
    named = {key: route.name for key, route in routes.items() if route is not None}
    if canary.traffic_routing is None or not named:
        return
    managed = canary.traffic_routing.managed_routes
    if managed is None:
        text = "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'"
        yield required("spec.strategy.trafficRouting.managedRoutes", text)
        return
    for key, name in named.items():
        if name not in {route.name for route in managed}:
            text = "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes"
            yield invalid(f"{path}.{key}", name, text)
