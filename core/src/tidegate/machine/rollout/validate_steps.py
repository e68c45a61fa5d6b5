"""What is wrong with one canary step."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tidegate.api import names
from tidegate.api.rollout import Canary
from tidegate.api.steps import SetHeaderRoute, SetMirrorRoute, Step
from tidegate.machine.observed import Problem, RouterView
from tidegate.machine.traffic import Capability

_ALL = (
    "experiment",
    "pause",
    "set_weight",
    "analysis",
    "set_canary_scale",
    "set_header_route",
    "set_mirror_route",
    "plugin",
)
_EXCLUSIVE = _ALL[:4]
_ONE_OF = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"


def step_problems(index: int, step: Step, canary: Canary, routers: tuple[RouterView, ...]) -> Iterator[Problem]:
    """Problems of `spec.strategy.canary.steps[index]`; paths lack the strategy's name, as clients know them."""
    path = f"spec.strategy.steps[{index}]"
    present = {key: getattr(step, key) is not None for key in _ALL}
    if not any(present.values()):
        # true means missing here, and present below: users know the text so.
        yield Problem(path, _ONE_OF, _flags(dict.fromkeys(_ALL, True)))
    elif sum(present[key] for key in _EXCLUSIVE) > 1:
        yield Problem(path, _ONE_OF, _flags({key: present[key] for key in _EXCLUSIVE}))
    yield from _values(path, step, canary)
    yield from _routes(path, step, canary, routers)


def _flags(present: dict[str, bool]) -> str:
    titles = {key: key.title().replace("_", "") for key in present}
    return json.dumps(" ".join(f"step.{titles[key]}: {str(value).lower()}" for key, value in present.items()))


def _values(path: str, step: Step, canary: Canary) -> Iterator[Problem]:
    routing = canary.traffic_routing
    total = (routing.max_traffic_weight if routing else None) or names.DEFAULT_TOTAL_WEIGHT
    if step.set_weight is not None and not 0 <= step.set_weight <= total:
        yield Problem(f"{path}.setWeight", f"SetWeight needs to be between 0 and {total}", json.dumps(step.set_weight))
    if step.pause is not None and step.pause.seconds is not None and step.pause.seconds < 0:
        yield Problem(f"{path}.pause.duration", "Duration needs to be greater than 0", "-1")
    scale = step.set_canary_scale
    for field, value in (("weight", scale.weight), ("replicas", scale.replicas)) if scale is not None else ():
        if value is not None and value < 0:
            yield Problem(f"{path}.setCanaryScale.{field}", "must be greater than or equal to 0", json.dumps(value))
    if scale is not None and routing is None:
        yield Problem("spec.strategy.trafficRouting", "SetCanaryScale requires TrafficRouting to be set")


def _routes(path: str, step: Step, canary: Canary, routers: tuple[RouterView, ...]) -> Iterator[Problem]:
    for key, route, capability in (
        ("setHeaderRoute", step.set_header_route, Capability.HEADER),
        ("setMirrorRoute", step.set_mirror_route, Capability.MIRROR),
    ):
        if route is None:
            continue
        unable = [router.title for router in routers if capability not in router.can]
        if canary.traffic_routing is None or unable:
            who = f"; {', '.join(unable)} cannot" if unable else ""
            yield Problem(
                f"{path}.{key}", f"{key[0].upper()}{key[1:]} requires TrafficRouting with that capability{who}", '""'
            )
        yield from _managed(path, key, route, canary)
    if step.set_header_route is not None:
        yield from _header_values(path, step.set_header_route)


def _managed(path: str, key: str, route: SetHeaderRoute | SetMirrorRoute, canary: Canary) -> Iterator[Problem]:
    managed = canary.traffic_routing.managed_routes if canary.traffic_routing else None
    if managed is None:
        yield Problem(f"{path}.{key}", "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'")
    elif route.name not in {item.name for item in managed}:
        yield Problem(
            f"{path}.{key}",
            "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes",
            json.dumps(route.name),
        )


def _header_values(path: str, route: SetHeaderRoute) -> Iterator[Problem]:
    for index, match in enumerate(route.match):
        value = match.header_value
        kinds = [k for k in (value.exact, value.regex, value.prefix) if k] if value is not None else []
        if len(kinds) != 1:
            text = (
                "StringMatch value missed, match value must have one of the following: exact, regex, prefix"
                if not kinds
                else "StringMatch match value must have exactly one of the following: exact, regex, prefix"
            )
            yield Problem(
                f"{path}.setHeaderRoute.match[{index}].headerValue", text, json.dumps(value.wire() if value else None)
            )
