"""What is wrong with a canary strategy, its steps included; paths lack the strategy's name, as clients know them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tidegate.api import intstr
from tidegate.api.rollout import Canary, PingPong, Rollout, TrafficRouting
from tidegate.machine.observed import RouterView
from tidegate.machine.rollout.validation.blue_green import anti_affinity_problems
from tidegate.machine.rollout.validation.problems import NOT_NEGATIVE, FieldProblem, invalid
from tidegate.machine.rollout.validation.steps import step_problems
from tidegate.machine.traffic import Capability

_STRATEGY = "spec.strategy"


def canary_problems(rollout: Rollout, canary: Canary, routers: tuple[RouterView, ...]) -> Iterator[FieldProblem]:
    """Rules VC, VS and VA in their order. What an unknown router could do is unknown, so only its absence is reported."""
    known = tuple(router for router in routers if router.can)
    yield from _surge(canary)
    if canary.canary_service and canary.canary_service == canary.stable_service:
        yield invalid(
            f"{_STRATEGY}.stableService",
            canary.stable_service,
            "This rollout uses the same service for the stable and canary services, but two different services are required.",
        )
    if canary.ping_pong is not None:
        yield from _ping_pong(canary.ping_pong, canary.traffic_routing, known)
    if canary.traffic_routing is None:
        yield from _without_routing(canary)
    else:
        yield from _services(canary, known)
        yield from _with_routing(canary, canary.traffic_routing, known)
    yield from step_problems(rollout, canary, known)
    yield from anti_affinity_problems(canary.anti_affinity)


def _surge(canary: Canary) -> Iterator[FieldProblem]:
    if intstr.is_zero(canary.surge) and intstr.is_zero(canary.unavailable):
        yield invalid(f"{_STRATEGY}.maxSurge", canary.surge, "MaxSurge and MaxUnavailable both can not be zero")
    for name, value in (("maxSurge", canary.surge), ("maxUnavailable", canary.unavailable)):
        path = f"{_STRATEGY}.{name}"
        try:
            share = intstr.percentage(value)
        except ValueError as error:
            yield invalid(path, value, str(error))
            continue
        if share is None and int(value) < 0:
            yield invalid(path, value, NOT_NEGATIVE)


def _ping_pong(
    pair: PingPong, routing: TrafficRouting | None, routers: tuple[RouterView, ...]
) -> Iterator[FieldProblem]:
    for router in routers:
        if routing is not None and Capability.PING_PONG not in router.can:
            path = f"{_STRATEGY}.{routing.path(router.name).partition('.canary.')[2]}"
            yield invalid(path, router.name, f"Ping-pong feature does not work with {router.title}")
    for name, service in (("pingService", pair.ping_service), ("pongService", pair.pong_service)):
        if not service:
            text = "Ping service and Pong service must to be set to use Ping-Pong feature"
            yield invalid(f"{_STRATEGY}.pingPong.{name}", service, text)
    if pair.ping_service == pair.pong_service:
        yield invalid(
            f"{_STRATEGY}.pingPong.pingService",
            pair.ping_service,
            "This rollout uses the same service for the ping and pong services, but two different services are required.",
        )


def _services(canary: Canary, routers: tuple[RouterView, ...]) -> Iterator[FieldProblem]:
    """Canary and stable Service, where a router shifts traffic between the two; ping and pong take their place."""
    if canary.ping_pong is not None or all(Capability.NO_SERVICES in router.can for router in routers):
        return
    for name, service in (("stableService", canary.stable_service), ("canaryService", canary.canary_service)):
        if not service:
            text = "Canary service and Stable service must to be set to use Traffic Routing"
            yield invalid(f"{_STRATEGY}.{name}", service, text)


def _without_routing(canary: Canary) -> Iterator[FieldProblem]:
    if canary.scale_down_delay_seconds is not None:
        yield invalid(
            f"{_STRATEGY}.scaleDownDelaySeconds",
            canary.scale_down_delay_seconds,
            "Canary scaleDownDelaySeconds can only be used with traffic routing",
        )
    if canary.dynamic_stable_scale:
        text = "Canary dynamicStableScale can only be used with traffic routing"
        yield invalid(f"{_STRATEGY}.dynamicStableScale", True, text)


def _with_routing(canary: Canary, routing: TrafficRouting, routers: tuple[RouterView, ...]) -> Iterator[FieldProblem]:
    if canary.dynamic_stable_scale and canary.scale_down_delay_seconds is not None:
        text = "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"
        yield invalid(f"{_STRATEGY}.dynamicStableScale", True, text)
    total, path = routing.max_traffic_weight, f"{_STRATEGY}.trafficRouting.maxTrafficWeight"
    if total is not None and total < 1:
        yield invalid(path, total, "must be greater than or equal to 1")
    if total is not None and not all(Capability.TOTAL in router.can for router in routers):
        able = " and ".join([*(router.title for router in routers if Capability.TOTAL in router.can), "Plugins"])
        text = f"Canary maxTrafficWeight in traffic routing only supported in {able}"
        yield replace(invalid(path, total, text), code="TR030")
    limit = canary.scale_down_delay_revision_limit
    if limit is not None and limit < 0:
        yield invalid(f"{_STRATEGY}.scaleDownDelayRevisionLimit", limit, NOT_NEGATIVE)
