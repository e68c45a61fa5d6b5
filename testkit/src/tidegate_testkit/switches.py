"""Which checks a case switches on: by what its router declares, and by what the case gives."""

from __future__ import annotations

import pytest

from tidegate.machine.traffic import Capability, HeaderRoute, Match, MirrorMatch, MirrorRoute
from tidegate_testkit.stage import TrafficCase


def requires(case: TrafficCase, capability: Capability) -> None:
    """Skip the check for a router that does not declare the capability."""
    if capability not in case.router.can:
        pytest.skip(f"{case.router.name} does not declare {capability}")


def requires_verb(case: TrafficCase, verb: str) -> None:
    """Skip the check for a router that does not override the verb."""
    if not case.start().has(verb):
        pytest.skip(f"{case.router.name} has no {verb}")


def requires_given(case: TrafficCase, field: str) -> None:
    """Skip the check for a case that leaves the optional field out."""
    if not getattr(case, field):
        pytest.skip(f"the case of {case.router.name} gives no `{field}`")


def header_route(name: str, match: Match | None = None) -> HeaderRoute:
    """Requests with `X-Kit: yes`, or with a value that `match` takes."""
    return HeaderRoute(name, (("X-Kit", match or Match(exact="yes")),))


def mirror_route(name: str) -> MirrorRoute:
    """A fifth of all requests, as a copy."""
    return MirrorRoute(name, (MirrorMatch(path=Match(prefix="/")),), percentage=20)


def routes_of(case: TrafficCase, name: str) -> list[HeaderRoute | MirrorRoute]:
    """One route of this name for each kind of managed route that the router declares."""
    routes: list[HeaderRoute | MirrorRoute] = []
    if Capability.HEADER in case.router.can:
        routes.append(header_route(name))
    if Capability.MIRROR in case.router.can:
        routes.append(mirror_route(name))
    return routes


def requires_routes(case: TrafficCase) -> None:
    """Skip the check for a router without managed routes."""
    if not routes_of(case, "any"):
        pytest.skip(f"{case.router.name} declares neither {Capability.HEADER} nor {Capability.MIRROR}")
