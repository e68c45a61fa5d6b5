"""What the conformance suite cannot know of this router."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.hooks import HeaderRoute, Match, SpecError
from tidegate_contour.router import Contour
from tidegate_contour_world import a_proxy, managed_names, routes_of, share
from tidegate_testkit.traffic import Neighbour, TrafficCase

EXAMPLES = Path(__file__).parent.parent / "examples"
TESTERS = HeaderRoute("kit-route", (("X-Tester", Match(exact="yes")),))


def a_case(*manifests: dict[str, Any]) -> TrafficCase:
    return TrafficCase(Contour, {"httpProxy": "web"}, manifests, share("demo"))


def test_an_object_without_both_services_is_refused_with_what_to_do() -> None:
    stage = a_case(a_proxy("other")).start()
    (problem,) = stage.problems()
    assert problem.path.endswith(".httpProxy")
    assert problem.detail.endswith("name demo-stable with weight 100 and demo-canary with weight 0 in one")
    with pytest.raises(SpecError, match="no route of the HTTPProxy has both Services"):
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


def test_a_regular_expression_is_a_condition_of_its_own_kind() -> None:
    stage = a_case(a_proxy()).start()
    stage.route(HeaderRoute("kit-route", (("X-Tester", Match(regex="y.*")), ("X-Shop", Match(exact="a")))))
    headers = [{"name": "X-Tester", "regex": "y.*"}, {"name": "X-Shop", "exact": "a"}]
    assert routes_of(stage.cluster)[0]["conditions"] == [{"prefix": "/demo"}, *({"header": each} for each in headers)]


def test_headers_that_the_owner_sets_stay_beside_the_mark() -> None:
    proxy, theirs = a_proxy(), {"name": "X-Owner", "value": "shop"}
    proxy["spec"]["routes"][0]["requestHeadersPolicy"] = {"set": [theirs]}
    stage = a_case(proxy).start()
    stage.route(TESTERS)
    ours = {"name": "X-Tidegate-Route", "value": "demo/kit-route"}
    assert [route["requestHeadersPolicy"]["set"] for route in routes_of(stage.cluster)[:2]] == [
        [theirs, ours],
        [theirs],
    ]


def test_a_mirror_of_the_owner_has_no_share() -> None:
    proxy = a_proxy("demo")
    mirror = {"name": "demo-canary", "port": 80, "mirror": True}
    proxy["spec"]["routes"][0]["services"].append(mirror)
    stage = a_case(proxy).start()
    stage.weigh(25)
    *shares, last = routes_of(stage.cluster)[0]["services"]
    assert [each["weight"] for each in shares] == [75, 25]
    assert last == mirror


def test_header_routes_of_two_rollouts_in_one_object_do_not_overtake_one_another() -> None:
    near = Neighbour({"httpProxy": "web"}, share("other"))
    stage = TrafficCase(Contour, {"httpProxy": "web"}, [a_proxy()], share("demo"), neighbour=near).start()
    other = stage.as_neighbour()
    assert stage.route(TESTERS).wrote
    assert other.route(TESTERS).wrote
    assert not stage.route(TESTERS).wrote
    assert not other.route(TESTERS).wrote
    other.keep_routes()
    assert managed_names(stage.cluster) == ["kit-route"]


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
