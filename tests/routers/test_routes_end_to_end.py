"""Every router judged by where requests really go: through Envoy, while the installed controller walks the steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from roads.shops import MESH_HOST, ROADS, WEIGHTS, Road, stops, two_routers
from roads.town import Town, Users
from roads.walk import Walk

from tidegate_sandbox.demo.readback import ReadBack

Build = Callable[..., Town]

ENOUGH = 20_000  # requests to each router, whatever its proxy's delay
each_router = pytest.mark.parametrize("road", list(ROADS.values()), ids=list(ROADS))
pytestmark = [pytest.mark.envoy, pytest.mark.timeout(420)]


def told(walk: Walk, what: str) -> None:
    """What was measured, for `pytest -rP`."""
    print(f"{walk.road.name} {what}: {walk.crowd.total} requests, failed: {walk.crowd.failures}", *walk.done, sep="\n")


# Late proxies cost time and no work, so they come first and have a thinner stream.
@pytest.mark.parametrize(
    ("delay_s", "rate", "sample"),
    [pytest.param(5.0, 300.0, 400, id="5-s-late"), pytest.param(0.0, 500.0, 1000, id="at-once")],
)
@each_router
def test_requests_go_as_the_weights_say_through_promotion_abort_and_rollback(
    build: Build, road: Road, delay_s: float, rate: float, sample: int
) -> None:
    town = build(road.manifests(delay_s), road.crds(), delay_s)
    town.until_shared(road.shop.host, "v1", 100)
    walk = Walk(town, road, town.enter(Users(road.shop.host, rate, testers=road.headers)), sample)
    town.until_healthy("v1")
    walk.at_home("v1 alone", "v1")
    walk.release("v2", up_to=100)
    town.promote()
    town.until_healthy("v2")
    walk.at_home("v2 promoted", "v2")
    walk.release("v3", up_to=50)
    town.abort()
    town.until("the abort", lambda: town.status().get("phase") == "Degraded")
    walk.at_home("v3 aborted", "v2")
    town.ship("v2")
    town.until_healthy("v2")
    walk.at_home("back to v2", "v2")
    walk.crowd.everybody.wait_for(ENOUGH, timeout_s=ENOUGH / rate)
    told(walk, f"{delay_s:g} s late")
    assert walk.misses == []
    assert walk.crowd.total >= ENOUGH


@each_router
def test_a_controller_that_is_killed_in_the_middle_of_every_write_costs_no_request(build: Build, road: Road) -> None:
    town = build(road.manifests(0), road.crds())
    town.until_shared(road.shop.host, "v1", 100)
    walk = Walk(town, road, town.enter(Users(road.shop.host, 300.0, testers=road.headers)), 300, killing=True)
    town.until_healthy("v1")
    walk.at_home("v1 alone", "v1")
    walk.release("v2", up_to=100)
    walk.act(town.promote)
    town.until_healthy("v2")
    walk.at_home("v2 promoted", "v2")
    told(walk, "killed")
    assert walk.misses == []


def test_two_routers_follow_every_weight_and_an_abort_takes_both_to_0(build: Build) -> None:
    town = build(two_routers(), ROADS["istio"].crds())
    roads = [ROADS["nginx"], replace(ROADS["istio"], shop=replace(ROADS["istio"].shop, host=MESH_HOST), headers=False)]
    for road in roads:
        town.until_shared(road.shop.host, "v1", 100)
    walks = [Walk(town, road, town.enter(Users(road.shop.host, 300.0)), 600) for road in roads]
    town.until_healthy("v1")
    town.journal.turn()
    for index, weight in stops(headers=False, up_to=50):
        if weight == WEIGHTS[0]:
            town.ship("v2")
        else:
            town.promote()
        town.until_paused(index)
        for walk in walks:
            walk.measure(f"v2 at {weight}", "v2", weight or 0)
    town.abort()
    town.until("the abort", lambda: town.status().get("phase") == "Degraded")
    for walk in walks:
        walk.at_home("v2 aborted", "v1")
        told(walk, "beside another router")
    carried = ReadBack(town.sandbox.objects).shares(town.rollout())
    assert {place.partition(" ")[0]: share for place, share in carried.items()} == {"nginx": 0, "istio": 0}
    assert [miss for walk in walks for miss in walk.misses] == []


def test_requests_fail_and_are_counted_where_a_version_goes_before_a_late_proxy_lets_go_of_it(build: Build) -> None:
    """What shows that the other tests would notice: `scaleDownDelaySeconds` must be longer than proxies are late."""
    road = ROADS["nginx"]
    town = build(road.manifests(delay_s=5, kept_s=1), road.crds(), 5.0)
    town.until_shared(road.shop.host, "v1", 100)
    walk = Walk(town, road, town.enter(Users(road.shop.host, 100.0)), 10)
    town.until_healthy("v1")
    town.ship("v2")
    for index, _ in stops(headers=False, up_to=50):
        town.until_paused(index)
        town.promote()
    town.until_paused(stops(headers=False, up_to=100)[-1][0])
    town.promote()
    town.until_healthy("v2")
    walk.at_home("v2 promoted", "v2")
    assert any("failed" in miss for miss in walk.misses)
