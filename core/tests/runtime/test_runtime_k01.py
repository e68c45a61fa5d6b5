"""What a dialect of OpenKruise's Rollouts asks of the contract: its `EnsureRoutes` is a weight, and "not yet" is Pending.

Its steps name a weight, matches or both, and it calls again after a grace period of 3 s until nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from tidegate.errors import Pending
from tidegate.hooks import Capability, HeaderRoute, Kind, Objects, Ref, Rule, Target, TrafficRouter, Weights

ROUTES = "routes.example.com"
ROUTE = Kind("example.com", "v1", "Route", "routes")
GRACE_S = 3.0  # `gracePeriodSeconds` where nobody has set it


class Config(BaseModel):
    route: str


class Graceful(TrafficRouter[Config]):
    """Writes a share of the canary's 3 s after it was first asked for one, and answers Pending until then.

    `answers` are the calls that asked for a share or for a header route: what, which share, seconds since the first, and
    for how many seconds they were put off.
    """

    name = "example.com/routes"
    config = Config
    can = frozenset({Capability.WEIGHTS, Capability.HEADER})
    needs = (Rule("example.com", "routes", "get list watch patch"),)

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self._clock = clock
        self.began: datetime | None = None
        self.answers: list[tuple[str, int, float, float]] = []

    def reads(self, target: Target[Config]) -> Sequence[Ref]:
        return [Ref(ROUTE, target.config.route, path=f"{target.path}.route")]

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        if weights.canary:
            now = self._clock.now()
            self.began = self.began or now
            passed_s = (now - self.began).total_seconds()
            left_s = max(0.0, GRACE_S - passed_s)
            self.answers.append(("set_weights", weights.canary, passed_s, left_s))
            if left_s:
                raise Pending("the canary's Service was made a moment ago", after_s=left_s)
        objects.edit(ROUTE, target.config.route)["spec"]["canary"] = weights.canary

    def set_header_route(self, target: Target[Config], route: HeaderRoute, objects: Objects) -> None:
        self.answers.append(("set_header_route", len(route.match), 0.0, 0.0))

    def remove_managed_routes(self, target: Target[Config], keep: frozenset[str], objects: Objects) -> None:
        """There are none: a route that is wanted is a call that the test sees."""


def test_k01_a_step_with_a_weight_and_no_matches_is_pending_for_3_s_and_then_done(cluster: Any, build: Any) -> None:
    clock = cluster.sandbox.clock
    router = cluster.plugins["routes"] = Graceful(clock)
    cluster.sandbox.apply([build.service("app-canary"), build.service("app-stable"), build.route("web")])
    cluster.sandbox.apply(build.routed(steps=[{"setWeight": 20}, {"pause": {}}]))
    engine = cluster.engine()
    cluster.until(cluster.healthy, tick_s=1)
    route, patches = cluster.get(ROUTES, "web"), cluster.requests("PATCH", "routes")
    cluster.ship("app:v2")

    cluster.until(lambda: router.answers, tick_s=0.1)
    assert router.answers[0] == ("set_weights", 20, 0.0, GRACE_S), "the first call is put off by the grace period"
    cluster.sandbox.advance(GRACE_S - 0.1 - (clock.now() - router.began).total_seconds())
    assert engine.queue.wait_idle(5)
    assert cluster.get(ROUTES, "web") == route, "a call that was put off has written"
    assert cluster.status()["currentStepIndex"] == 0, "the step goes on without its weight"
    # An event of the world may have a router asked again sooner; it is put off again, by what is left.
    assert all(left_s > 0 for *_, left_s in router.answers)

    cluster.sandbox.advance(0.2)
    cluster.until(lambda: cluster.status()["currentStepIndex"] == 1)
    assert engine.queue.wait_idle(5)
    passed_s = next(passed_s for *_, passed_s, left_s in router.answers if not left_s)
    assert GRACE_S <= passed_s <= GRACE_S + 0.2, "not asked again when the 3 s were over"
    asked = {(what, share) for what, share, *_ in router.answers}
    assert asked == {("set_weights", 20)}, "a step without matches asks for no route"
    assert cluster.get(ROUTES, "web")["spec"] == {"canary": 20}
    assert cluster.requests("PATCH", "routes") == patches + 1, "one write to the router's object, and no other"
    assert engine.queue.failures(("default", "app")) == 0
