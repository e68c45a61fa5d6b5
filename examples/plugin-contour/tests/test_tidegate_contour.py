"""What the conformance suite cannot know of this router."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tidegate.hooks import HeaderRoute, Match, MirrorMatch, MirrorRoute, SpecError
from tidegate_testkit.traffic import TrafficCase

from tidegate_contour import Contour
from tidegate_contour_world import a_proxy, routes_of, share

EXAMPLES = Path(__file__).parent.parent / "examples"
TESTERS = HeaderRoute("kit-route", (("X-Tester", Match(exact="yes")),))


def a_case(*manifests: dict[str, Any]) -> TrafficCase:
    return TrafficCase(Contour, {"httpProxy": "web"}, manifests, share("demo"))


def test_an_object_without_both_services_is_refused_with_what_to_do() -> None:
    stage = a_case(a_proxy("other")).start()
    (problem,) = stage.problems()
    assert problem.path.endswith(".httpProxy")
    assert "name both, with the weights 100 and 0" in problem.detail
    with pytest.raises(SpecError, match="has no route with both demo-stable and demo-canary"):
        stage.weigh(25)


def test_other_routes_of_the_object_are_left_alone() -> None:
    stage = a_case(a_proxy("demo", "other")).start()
    stage.weigh(25)
    assert (share("demo")(stage.cluster), share("other")(stage.cluster)) == (25, 0)


def test_a_header_route_keeps_the_path_and_the_policies_of_the_route_it_stands_before() -> None:
    stage = a_case(a_proxy()).start()
    stage.route(TESTERS)
    route = routes_of(stage.cluster)[0]
    assert route["conditions"] == [{"prefix": "/demo"}, {"header": {"name": "X-Tester", "exact": "yes"}}]
    assert route["timeoutPolicy"] == {"response": "5s"}
    assert route["services"] == [{"name": "demo-canary", "port": 80, "weight": 100}]


def test_a_mirror_route_shares_out_and_follows_the_weight() -> None:
    stage = a_case(a_proxy()).start()
    match = MirrorMatch(path=Match(prefix="/demo/cart"), headers={"X-Shop": Match(regex="a.*")})
    stage.route(MirrorRoute("kit-route", (match,), 30))
    stage.weigh(25)
    route = routes_of(stage.cluster)[0]
    assert route["conditions"] == [{"prefix": "/demo/cart"}, {"header": {"name": "X-Shop", "regex": "a.*"}}]
    assert route["services"] == [
        {"name": "demo-stable", "port": 80, "weight": 75},
        {"name": "demo-canary", "port": 80, "weight": 25},
        {"name": "demo-canary", "port": 80, "weight": 30, "mirror": True},
    ]


@pytest.mark.parametrize(
    ("match", "text"),
    [
        pytest.param(MirrorMatch(method=Match(exact="GET"), path=Match(prefix="/")), "matches no method", id="method"),
        pytest.param(MirrorMatch(), "needs a path or a header", id="everything"),
        pytest.param(MirrorMatch(headers={"X-Shop": Match(prefix="a")}), "compares no prefix", id="header-prefix"),
    ],
)
def test_a_mirror_match_that_an_httpproxy_has_no_field_for_is_refused(match: MirrorMatch, text: str) -> None:
    stage = a_case(a_proxy()).start()
    with pytest.raises(SpecError, match=text):
        stage.route(MirrorRoute("kit-route", (match,), 30))
    assert routes_of(stage.cluster) == a_proxy()["spec"]["routes"]


def test_a_mirror_of_no_percent_is_no_route_because_contour_would_copy_everything() -> None:
    stage = a_case(a_proxy()).start()
    stage.route(MirrorRoute("kit-route", (MirrorMatch(path=Match(prefix="/demo/cart")),), 0))
    assert routes_of(stage.cluster) == a_proxy()["spec"]["routes"]


def test_the_examples_are_sound() -> None:
    manifests = [each for path in EXAMPLES.glob("*.yaml") for each in yaml.safe_load_all(path.read_text())]
    proxies = [each for each in manifests if each["kind"] == "HTTPProxy"]
    rollouts = [each for each in manifests if each["kind"] == "Rollout"]
    assert proxies
    assert rollouts
    for rollout in rollouts:
        canary = rollout["spec"]["strategy"]["canary"]
        config = canary["trafficRouting"]["plugins"][Contour.name]
        services = {"stable_service": canary["stableService"], "canary_service": canary["canaryService"]}
        stage = TrafficCase(Contour, config, proxies, share("demo"), **services).start()
        assert stage.problems() == ()
