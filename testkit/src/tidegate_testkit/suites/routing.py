"""Managed routes and hashes: written once, in order, and gone without a trace."""

from __future__ import annotations

from dataclasses import replace

from tidegate.machine.traffic import Capability, HeaderRoute, Match, MirrorRoute
from tidegate_testkit.foreign import exact
from tidegate_testkit.stage import Stage, TrafficCase
from tidegate_testkit.switches import (
    header_route,
    mirror_route,
    requires,
    requires_given,
    requires_routes,
    routes_of,
)

ORDER = ("kit-first", "kit-second")


class Routing:
    """Header routes, mirror routes, and splits by label."""

    def test_a_header_route_comes_and_goes(self, case: TrafficCase) -> None:
        """HEADER: written once, kept while it is wanted, removed without a trace."""
        requires(case, Capability.HEADER)
        _comes_and_goes(case, header_route(case.managed_routes[0]))

    def test_a_mirror_route_comes_and_goes(self, case: TrafficCase) -> None:
        """MIRROR: written once, kept while it is wanted, removed without a trace."""
        requires(case, Capability.MIRROR)
        _comes_and_goes(case, mirror_route(case.managed_routes[0]))

    def test_header_values_are_compared_as_declared(self, case: TrafficCase) -> None:
        """HEADER_PREFIX, HEADER_REGEX: each is written as another thing than an exact value."""
        forms = {Capability.HEADER_PREFIX: Match(prefix="yes"), Capability.HEADER_REGEX: Match(regex="yes")}
        declared = [form for capability, form in forms.items() if capability in case.router.can]
        requires(case, Capability.HEADER_PREFIX if len(declared) == 0 else Capability.HEADER)
        seen = [_written(case, header_route(case.managed_routes[0], form)) for form in (None, *declared)]
        assert len(set(seen)) == len(seen), "two ways to compare are written as one"

    def test_an_empty_match_ends_a_route(self, case: TrafficCase) -> None:
        """A step without a match takes its route back."""
        requires_routes(case)
        for route in routes_of(case, case.managed_routes[0]):
            stage = case.start()
            stage.weigh(25)
            before = _contents(stage)
            stage.route(route)
            stage.route(HeaderRoute(route.name) if isinstance(route, HeaderRoute) else MirrorRoute(route.name))
            assert _contents(stage) == before, f"{route.name} leaves a trace"

    def test_a_route_outlives_a_change_of_weight(self, case: TrafficCase) -> None:
        """A further weight neither removes a route nor has it written again."""
        requires_routes(case)
        for route in routes_of(case, case.managed_routes[0]):
            early, late = case.start(), case.start()
            early.weigh(25)
            early.route(route)
            early.weigh(50)
            assert early.observed() == 50
            assert not early.route(route).wrote, "the weight has changed the route"
            late.weigh(50)
            late.route(route)
            assert _contents(early) == _contents(late), "it matters when the route was set"

    def test_managed_routes_stand_in_the_order_of_the_spec(self, case: TrafficCase) -> None:
        """Whichever step has set a route first, the order is the one of managedRoutes."""
        requires_routes(case)
        case = replace(case, managed_routes=ORDER)
        for first, second in zip(routes_of(case, ORDER[0]), routes_of(case, ORDER[1]), strict=True):
            straight, late = case.start(), case.start()
            for stage, asked in ((straight, (first, second)), (late, (second, first, second))):
                stage.weigh(25)
                for route in asked:
                    stage.route(route)
            assert _contents(straight) == _contents(late), f"{ORDER[0]} was set late and stands elsewhere"
            if case.routes is not None:
                assert [name for name in case.routes(late.cluster) if name in ORDER] == list(ORDER)

    def test_one_route_ends_and_the_other_stays(self, case: TrafficCase) -> None:
        """Only the routes that are not to be kept are removed."""
        requires_routes(case)
        case = replace(case, managed_routes=ORDER)
        for first, second in zip(routes_of(case, ORDER[0]), routes_of(case, ORDER[1]), strict=True):
            both, one = case.start(), case.start()
            for stage, asked in ((both, (first, second)), (one, (second,))):
                stage.weigh(25)
                for route in asked:
                    stage.route(route)
            both.keep_routes(ORDER[1])
            assert _contents(both) == _contents(one)

    def test_hashes_follow_the_revisions(self, case: TrafficCase) -> None:
        """HASH: written once, changed by a new revision, without a change of the shares."""
        requires(case, Capability.HASH)
        requires_given(case, "hashes")
        stage = case.start()
        stage.hash("bbb", "aaa")
        stage.weigh(25)
        assert not stage.hash("bbb", "aaa").wrote, "a second identical call writes"
        assert '"bbb"' in _contents(stage), "the canary's hash is nowhere"
        assert stage.hash("ccc", "bbb").wrote, "a new revision changes nothing"
        assert '"ccc"' in _contents(stage), "the new canary's hash is nowhere"
        assert '"aaa"' not in _contents(stage), "the old revision's hash is still there"
        stage.changes = {"hashes": replace(stage.target.hashes, canary="ccc", stable="bbb")}
        assert not stage.weigh(25).wrote, "the hash has changed the weight"
        stage.hash("", "bbb")
        assert '"ccc"' not in _contents(stage), "a revision that is gone is still there"


def _comes_and_goes(case: TrafficCase, route: HeaderRoute | MirrorRoute) -> None:
    stage = case.start()
    stage.weigh(25)
    before = _contents(stage)
    assert stage.route(route).wrote
    assert not stage.route(route).wrote, "a second call writes"
    assert not stage.keep_routes(route.name).wrote, "a wanted route is removed"
    stage.keep_routes()
    assert _contents(stage) == before, "the route leaves a trace"
    assert not stage.keep_routes().wrote, "a route that is gone is removed again"


def _written(case: TrafficCase, route: HeaderRoute) -> str:
    stage = case.start()
    stage.weigh(25)
    stage.route(route)
    return _contents(stage)


def _contents(stage: Stage) -> str:
    return exact(sorted(stage.cluster.contents().items()))
