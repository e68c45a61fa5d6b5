"""What the router writes, seen by real requests: header, share and copy at once, by Services and by subsets."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tidegate.hooks import Destination, HeaderRoute, Match, MirrorMatch, MirrorRoute
from tidegate_istio import Istio
from tidegate_sandbox.dataplane import Load, Stream
from tidegate_sandbox.dataplane.istio import IstioTranslator
from tidegate_testkit.plane import CANARY, STABLE, Traffic, traffic
from tidegate_testkit.stage import Stage, TrafficCase

HOST = "shop.example.com"
TESTERS = HeaderRoute("testers", (("X-Tester", Match(exact="yes")), ("X-Group", Match(prefix="qa-"))))
SHADOW = MirrorRoute("shadow", (MirrorMatch(Match(exact="GET"), Match(prefix="/search")),), percentage=100)
SUBSETS = {"name": "demo-dr", "canarySubsetName": "canary", "stableSubsetName": "stable"}


def case_of(make: Any, form: str) -> TrafficCase:
    config: dict[str, Any] = {"virtualService": {"name": "demo-vs"}}
    manifests = [make.virtual_service(make.route())]
    if form == "subsets":
        config["destinationRule"] = SUBSETS
        manifests = [make.virtual_service(make.subset_route()), make.rule()]
    return TrafficCase(
        router=Istio,
        config=config,
        manifests=manifests,
        observe=lambda _: None,
        namespace="shop",
        managed_routes=("shadow", "testers"),
        translator=IstioTranslator,
        host=HOST,
        services=("demo", "demo-exp"),
    )


@pytest.fixture(params=["services", "subsets"])
def stage(request: pytest.FixtureRequest, make: Any) -> Stage:
    started = case_of(make, request.param).start()
    started.hash("bbb", "aaa")
    return started


def versions(requests: Traffic, total: int, path: str = "/", **headers: str) -> dict[str, int]:
    """Answers by version; no request fails."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with Load(requests.plane.url_for(HOST, path), Stream(rate=1500, total=total, headers=named)) as load:
        counts = load.wait_for(total)
    assert counts.failures == 0, counts.errors
    return dict(counts.versions)


def test_a_header_route_a_quarter_and_a_mirror_are_in_force_at_once(stage: Stage) -> None:
    stage.weigh(25)
    stage.route(TESTERS)
    stage.route(SHADOW)
    with traffic(stage) as requests:
        requests.follow()
        assert requests.plane.in_force.notes == ()
        counts = requests.send(1500)
        assert counts.agrees(CANARY, 0.25), counts.versions
        assert versions(requests, 30, X_Tester="yes") == {CANARY: 30}
        assert versions(requests, 30, X_Group="qa-7") == {CANARY: 30}
        assert set(versions(requests, 200, X_Tester="no")) == {CANARY, STABLE}
        before = requests.plane.served("shop", "demo-canary")
        shared = versions(requests, 200, "/search")
        expected = before + shared[CANARY] + 200  # every one of them is copied, wherever its answer came from
        while requests.plane.served("shop", "demo-canary") < expected:
            threading.Event().wait(0.005)
        assert requests.plane.served("shop", "demo-canary") == expected


def test_no_request_fails_from_the_first_weight_to_the_abort(stage: Stage) -> None:
    stage.weigh(0)
    with traffic(stage) as requests:
        requests.follow()
        with Load(requests.plane.url_for(HOST), Stream(rate=1500)) as load:
            for weight in (5, 25, 50, 100, 50):
                stage.weigh(weight)
                stage.route(TESTERS)
                requests.follow()
                load.wait_for(60, since=load.mark())
            stage.keep_routes()
            stage.weigh(0)
            requests.follow()
            after = load.wait_for(200, since=load.mark())
            load.stop()
            counts = load.snapshot().counts
    assert counts.failures == 0, counts.errors
    assert set(counts.versions) == {STABLE, CANARY}
    assert after.versions == {STABLE: after.total}


def test_an_experiment_gets_its_share_of_the_requests(stage: Stage) -> None:
    """The experiment's Service leads to both versions in turn, so half of its 40 are the canary's."""
    stage.weigh(10, additional=(Destination("demo-exp", 40, "ccc"),))
    with traffic(stage) as requests:
        requests.follow()
        counts = requests.send(1500)
    assert counts.failures == 0, counts.errors
    assert counts.agrees(CANARY, 0.30), counts.versions
