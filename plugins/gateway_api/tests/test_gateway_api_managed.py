"""Header and mirror routes: which rules they become, whose rules they are, and what an older API server makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.errors import SpecError
from tidegate.hooks import HeaderRoute, Match, MirrorMatch, MirrorRoute

Make = Callable[..., dict[str, Any]]

MANAGED = "tidegate.io/gateway-managed"
EVERYTHING = MirrorMatch(path=Match(prefix="/"))


def paths(rule: dict[str, Any]) -> list[tuple[str, str]]:
    return [(match["path"]["type"], match["path"]["value"]) for match in rule["matches"]]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        pytest.param({"exact": "yes"}, {"type": "Exact", "value": "yes"}, id="exact"),
        pytest.param({"prefix": "v1.2"}, {"type": "RegularExpression", "value": r"v1\.2.*"}, id="prefix"),
        pytest.param({"regex": "v[0-9]+"}, {"type": "RegularExpression", "value": "v[0-9]+"}, id="regex"),
    ],
)
def test_header_values_are_compared_as_asked(shop: Any, match: dict[str, str], expected: dict[str, str]) -> None:
    shop.weigh(20)
    shop.header(**match)
    assert shop.rules()[0]["matches"][0]["headers"] == [{"name": "X-Canary", **expected}]


def test_several_headers_must_all_hold(shop: Any) -> None:
    shop.route(HeaderRoute("h", (("X-A", Match(exact="1")), ("X-B", Match(exact="2")))))
    assert [header["name"] for header in shop.rules()[0]["matches"][0]["headers"]] == ["X-A", "X-B"]


def test_two_conditions_on_one_header_are_refused(shop: Any) -> None:
    with pytest.raises(SpecError, match="header x-a has two conditions"):
        shop.route(HeaderRoute("h", (("X-A", Match(exact="1")), ("x-a", Match(exact="2")))))
    assert shop.written() == []


def test_a_rule_without_matches_takes_every_path_in_words(shop: Any, make_route: Make, make_rule: Make) -> None:
    """An API server fills the path in; a rule without it would be written again in every pass."""
    shop.put(make_route(rules=[make_rule()]))
    shop.header()
    assert paths(shop.rules()[0]) == [("PathPrefix", "/")]


def test_conditions_of_the_source_stay_and_contradictions_leave_it_out(
    shop: Any, make_route: Make, make_rule: Make
) -> None:
    beta = {
        "path": {"type": "PathPrefix", "value": "/"},
        "headers": [{"name": "X-Canary", "type": "Exact", "value": "no"}],
    }
    post = {
        "path": {"type": "PathPrefix", "value": "/"},
        "method": "POST",
        "queryParams": [{"name": "a", "value": "b"}],
    }
    shop.put(make_route(rules=[make_rule(**{"matches": [beta]}), make_rule(**{"matches": [post]})]))
    shop.header()
    assert shop.names() == ["h", "", ""]
    (match,) = shop.rules()[0]["matches"]
    assert match == {**post, "headers": [{"name": "X-Canary", "type": "Exact", "value": "yes"}]}


def test_what_another_rule_asks_for_stays_with_it(shop: Any, make_route: Make, make_rule: Make, make_ref: Make) -> None:
    """The user sends X-Canary requests elsewhere; that rule wins today, and must go on to."""
    header = [{"name": "X-Canary", "type": "Exact", "value": "yes"}]
    match = {"path": {"type": "PathPrefix", "value": "/"}, "headers": header}
    theirs = make_rule(refs=[make_ref("lab")], **{"matches": [match]})
    shop.put(make_route(rules=[make_rule("/"), theirs]))
    with pytest.raises(SpecError, match="managed route h would take no request"):
        shop.header()


def test_sessions_come_along_under_a_name_of_their_own(shop: Any, make_route: Make, make_rule: Make) -> None:
    session = {"sessionName": "sid", "type": "Cookie", "absoluteTimeout": "1h"}
    shop.put(make_route(rules=[make_rule("/", sessionPersistence=session)]))
    shop.weigh(20)
    shop.header()
    managed, source = shop.rules()
    assert managed["sessionPersistence"] == {"type": "Cookie", "absoluteTimeout": "1h"}
    assert source["sessionPersistence"] == session


def test_only_routes_that_ask_for_them_take_header_routes(shop: Any, make_route: Make) -> None:
    shop.put(make_route("api"))
    shop.given = {"httpRoutes": [{"name": "web", "useHeaderRoutes": True}, {"name": "api"}]}
    shop.header()
    assert shop.names("web") == ["h", ""]
    assert shop.names("api") == [""]


def test_a_header_route_that_no_route_takes_is_refused(shop: Any) -> None:
    shop.given = {"httpRoutes": [{"name": "web"}]}
    with pytest.raises(SpecError, match="no route takes header route h; set useHeaderRoutes"):
        shop.header()


def test_a_mirror_stands_before_its_source_and_has_its_shares(shop: Any) -> None:
    """Equally good matches: the first rule wins, so behind its source it would never be reached."""
    shop.managed = ("m",)
    shop.weigh(20)
    shop.mirror(MirrorMatch(path=Match(prefix="/"), method=Match(exact="GET")), percentage=10)
    mirror, _ = shop.rules()
    backend = {"group": "", "kind": "Service", "name": "demo-canary", "port": 80}
    assert mirror["name"] == "m"
    assert mirror["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}, "method": "GET"}]
    assert mirror["filters"] == [{"type": "RequestMirror", "requestMirror": {"backendRef": backend, "percent": 10}}]
    assert shop.split()[0] == [("demo-stable", 80), ("demo-canary", 20)]


def test_a_new_weight_moves_the_mirror_rule_in_the_same_write(shop: Any) -> None:
    shop.managed = ("m",)
    shop.weigh(20)
    shop.mirror(EVERYTHING)
    shop.written()
    shop.weigh(50)
    shop.mirror(EVERYTHING)
    assert shop.split() == [[("demo-stable", 50), ("demo-canary", 50)]] * 2
    assert shop.written() == [("patch", "web")]


@pytest.mark.parametrize(
    ("source", "asked", "expected"),
    [
        pytest.param(("PathPrefix", "/"), Match(prefix="/api"), ("PathPrefix", "/api"), id="below"),
        pytest.param(("PathPrefix", "/api/v1"), Match(prefix="/api"), ("PathPrefix", "/api/v1"), id="above"),
        pytest.param(("PathPrefix", "/api"), Match(exact="/api/x"), ("Exact", "/api/x"), id="exact-below"),
        pytest.param(("PathPrefix", "/api"), Match(prefix="/apis"), None, id="no-segment"),
        pytest.param(("PathPrefix", "/"), Match(regex="/a.*"), ("RegularExpression", "/a.*"), id="regex-of-everything"),
        pytest.param(("PathPrefix", "/api"), Match(regex="/a.*"), None, id="regex-below"),
        pytest.param(("Exact", "/x"), Match(prefix="/"), ("Exact", "/x"), id="exact-source"),
        pytest.param(("Exact", "/x"), Match(exact="/y"), None, id="two-exact"),
        pytest.param(("Exact", "/x1"), Match(regex="/x[0-9]"), ("Exact", "/x1"), id="exact-in-regex"),
        pytest.param(("RegularExpression", "/x.*"), Match(exact="/x1"), ("Exact", "/x1"), id="regex-source"),
        pytest.param(("RegularExpression", "/x.*"), Match(prefix="/"), ("RegularExpression", "/x.*"), id="regex-kept"),
        pytest.param(("RegularExpression", "/x.*"), Match(prefix="/x"), None, id="regex-and-prefix"),
    ],
)
def test_a_mirror_takes_what_source_and_mirror_have_in_common(
    shop: Any,
    make_route: Make,
    make_rule: Make,
    source: tuple[str, str],
    asked: Match,
    expected: tuple[str, str] | None,
) -> None:
    path = {"type": source[0], "value": source[1]}
    shop.put(make_route(rules=[make_rule(**{"matches": [{"path": path}]})]))
    shop.managed = ("m",)
    if expected is None:
        with pytest.raises(SpecError, match="would take no request"):
            shop.mirror(MirrorMatch(path=asked))
    else:
        shop.mirror(MirrorMatch(path=asked))
        assert paths(shop.rules()[0]) == [expected]


def test_several_mirror_matches_are_alternatives(shop: Any) -> None:
    shop.managed = ("m",)
    shop.mirror(MirrorMatch(path=Match(prefix="/a")), MirrorMatch(headers={"X-B": Match(exact="1")}))
    assert paths(shop.rules()[0]) == [("PathPrefix", "/a"), ("PathPrefix", "/")]
    assert shop.rules()[0]["matches"][1]["headers"] == [{"name": "X-B", "type": "Exact", "value": "1"}]


def test_a_method_by_pattern_is_refused(shop: Any) -> None:
    with pytest.raises(SpecError, match="managed route m: method is compared by prefix or regex"):
        shop.mirror(MirrorMatch(method=Match(regex="G.*")))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(
            MirrorMatch(path=Match(exact="/shop.Cart/Add")), {"service": "shop.Cart", "method": "Add"}, id="call"
        ),
        pytest.param(MirrorMatch(path=Match(prefix="/shop.Cart/")), {"service": "shop.Cart"}, id="service"),
    ],
)
def test_a_grpc_route_mirrors_calls(shop: Any, make_route: Make, make_rule: Make, asked: Any, expected: Any) -> None:
    shop.put(make_route("calls", "GRPCRoute", [make_rule()]))
    shop.given, shop.managed = {"grpcRoute": "calls"}, ("m",)
    shop.mirror(asked)
    assert shop.rules("calls", "GRPCRoute")[0]["matches"] == [{"method": {"type": "Exact", **expected}}]


def test_a_grpc_route_takes_headers(shop: Any, make_route: Make, make_rule: Make) -> None:
    method = {"type": "Exact", "service": "shop.Cart"}
    shop.put(make_route("calls", "GRPCRoute", [make_rule(**{"matches": [{"method": method}]})]))
    shop.given = {"grpcRoute": "calls"}
    shop.header()
    headers = [{"name": "X-Canary", "type": "Exact", "value": "yes"}]
    assert shop.rules("calls", "GRPCRoute")[0]["matches"] == [{"method": method, "headers": headers}]


def test_a_grpc_mirror_that_is_no_call_is_refused(shop: Any, make_route: Make, make_rule: Make) -> None:
    shop.put(make_route("calls", "GRPCRoute", [make_rule()]))
    shop.given = {"grpcRoute": "calls"}
    with pytest.raises(SpecError, match="a GRPCRoute knows paths as exact /service/method or prefix /service/"):
        shop.mirror(MirrorMatch(path=Match(prefix="/shop")))
    with pytest.raises(SpecError, match="would take no request"):
        shop.mirror(MirrorMatch(method=Match(exact="GET")))


def test_a_mirror_that_no_route_can_do_is_refused(shop: Any, make_route: Make, make_rule: Make) -> None:
    shop.put(make_route("l4", "TCPRoute", [make_rule()]))
    shop.given = {"tcpRoute": "l4"}
    with pytest.raises(SpecError, match="only an HTTPRoute or a GRPCRoute can copy"):
        shop.mirror(EVERYTHING)


def test_managed_rules_stand_in_the_order_of_managed_routes(shop: Any) -> None:
    shop.managed = ("first", "second", "third")
    for name in ("third", "first", "second"):
        shop.header(name, header=f"X-{name}")
    assert shop.names() == ["first", "second", "third", ""]
    shop.keep("first", "third")
    assert shop.names() == ["first", "third", ""]


def test_a_route_that_left_managed_routes_is_still_known(shop: Any) -> None:
    shop.header("h")
    shop.managed = ()
    shop.keep()
    assert shop.names() == [""]
    assert "annotations" not in shop.find()["metadata"]


def test_a_rule_of_the_reference_plugin_is_taken_over(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make
) -> None:
    """It stands at the end, under the managed route's name, without a record of ours."""
    headers = [{"name": "X-Canary", "type": "Exact", "value": "yes"}]
    match = {"path": {"type": "PathPrefix", "value": "/"}, "headers": headers}
    former = make_rule(refs=[make_ref("demo-canary")], name="h", **{"matches": [match]})
    shop.put(make_route(rules=[make_rule("/"), former]))
    shop.header("h")
    assert shop.names() == ["h", ""]
    shop.keep()
    assert shop.names() == [""]


@pytest.mark.parametrize("name", ["h", "h-1"])
def test_a_rule_of_somebody_else_with_the_same_name_is_left_alone(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make, name: str
) -> None:
    theirs = make_rule("/lab", refs=[make_ref("lab")], name=name)
    shop.put(make_route(rules=[make_rule("/a"), make_rule("/b"), theirs]))
    shop.header("h")
    assert len(set(shop.names()) - {""}) == 3, "names of rules are unique in a route"
    assert theirs in shop.rules()
    shop.keep()
    assert shop.rules() == [make_rule("/a"), make_rule("/b"), theirs]


def test_two_rollouts_with_one_managed_name_do_not_touch_each_other(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make
) -> None:
    others = [make_ref("b-stable", 100), make_ref("b-canary", 0)]
    shop.put(make_route(rules=[make_rule("/a"), make_rule("/b", refs=others)]))
    shop.header("h")
    shop.name, shop.services = "b", ("b-canary", "b-stable")
    shop.header("h")
    shop.written()
    ours, services = ("demo", ("demo-canary", "demo-stable")), ("b", ("b-canary", "b-stable"))
    for shop.name, shop.services in (ours, services, ours, services):  # neither overtakes the other
        shop.header("h")
    assert shop.written() == []
    firsts = [rule["backendRefs"][0]["name"] for rule in shop.rules()]
    assert [name for name in firsts if name.endswith("-canary")] == ["demo-canary", "b-canary"]
    shop.keep()
    assert [rule["backendRefs"][0]["name"] for rule in shop.rules()].count("b-canary") == 0
    assert shop.rules()[0]["backendRefs"][0]["name"] == "demo-canary"


def test_managed_names_that_look_like_numbered_ones_do_not_collide(
    shop: Any, make_route: Make, make_rule: Make
) -> None:
    shop.put(make_route(rules=[make_rule("/a"), make_rule("/b")]))
    shop.managed = ("h", "h-1")
    shop.header("h")
    shop.header("h-1", header="X-Other")
    assert len(set(shop.names())) == 5
    shop.written()
    shop.header("h")
    shop.header("h-1", header="X-Other")
    assert shop.written() == []
    shop.keep("h-1")
    assert shop.names()[0] == "h-1"
    assert {header["name"] for rule in shop.rules()[:2] for m in rule["matches"] for header in m["headers"]} == {
        "X-Other"
    }


def nameless(manifest: dict[str, Any]) -> dict[str, Any]:
    """An API server of the standard channel before 1.4: rules have no names."""
    for rule in manifest.get("spec", {}).get("rules", []):
        rule.pop("name", None)
    return manifest


def test_rules_without_names_are_known_again_and_do_not_grow(shop: Any) -> None:
    shop.cluster.admission = nameless
    shop.managed = ("h", "m")
    for _ in range(3):
        shop.weigh(20)
        shop.header("h")
        shop.mirror(EVERYTHING)
    assert len(shop.rules()) == 3
    shop.written()
    shop.weigh(20)
    shop.header("h")
    shop.mirror(EVERYTHING)
    assert shop.written() == []
    shop.weigh(50)
    shop.mirror(EVERYTHING)
    assert shop.written() == [("patch", "web")]
    shop.keep("m")
    assert len(shop.rules()) == 2
    shop.keep()
    assert len(shop.rules()) == 1


def defaulted(manifest: dict[str, Any]) -> dict[str, Any]:
    """Fill in what the definitions of the API default."""
    for rule in manifest["spec"]["rules"]:
        for ref in rule["backendRefs"]:
            ref |= {"group": "", "kind": "Service", "weight": 1} | ref
        for match in rule.setdefault("matches", [{}]):
            match.setdefault("path", {"type": "PathPrefix", "value": "/"})
        for each in rule.get("filters", []):
            each["requestMirror"]["backendRef"] |= {"group": "", "kind": "Service"}
    return manifest


def test_what_a_server_fills_in_is_no_reason_to_write(shop: Any, make_route: Make, make_rule: Make) -> None:
    bare = [{"name": "demo-stable", "port": 80, "weight": 100}, {"name": "demo-canary", "port": 80, "weight": 0}]
    shop.put(make_route(rules=[{"backendRefs": bare}]))
    shop.cluster.admission = defaulted
    shop.managed = ("h", "m")
    shop.weigh(20)
    shop.header("h")
    shop.mirror(EVERYTHING)
    shop.written()
    shop.weigh(20)
    shop.header("h")
    shop.mirror(EVERYTHING)
    assert shop.written() == []


def test_a_percentage_that_the_server_drops_is_told(shop: Any) -> None:
    def without_percent(manifest: dict[str, Any]) -> dict[str, Any]:
        for rule in manifest["spec"]["rules"]:
            for each in rule.get("filters", []):
                each["requestMirror"].pop("percent", None)
        return manifest

    shop.cluster.admission = without_percent
    shop.managed = ("m",)
    shop.mirror(EVERYTHING, percentage=20)
    with pytest.raises(SpecError, match=r"all requests are copied; install release 1\.3"):
        shop.mirror(EVERYTHING, percentage=20)


def test_more_rules_than_a_route_may_have_are_refused(shop: Any, make_route: Make, make_rule: Make) -> None:
    shop.put(make_route(rules=[make_rule(f"/{number}") for number in range(9)]))
    with pytest.raises(SpecError, match="would have 18 rules with h, the Gateway API allows 16"):
        shop.header("h")


def test_a_broken_record_is_written_anew(shop: Any, kinds: Any) -> None:
    shop.header("h")
    shop.cluster.edit(kinds["HTTPRoute"], "shop", "web", {"metadata": {"annotations": {MANAGED: "{broken"}}})
    shop.header("h")
    assert shop.names() == ["h", ""]
    assert '"h"' in shop.find()["metadata"]["annotations"][MANAGED]


def test_an_edited_rule_is_repaired(shop: Any, kinds: Any) -> None:
    shop.header("h")
    before = shop.rules()
    spoilt = [{**before[0], "matches": []}, before[1]]
    shop.cluster.edit(kinds["HTTPRoute"], "shop", "web", {"spec": {"rules": spoilt}})
    shop.header("h")
    assert shop.rules() == before


def test_the_label_stays_while_a_header_route_is_in_force_at_weight_0(shop: Any) -> None:
    """A GitOps tool that looks at the label would take the rule out."""
    shop.weigh(0)
    shop.header("h")
    shop.weigh(0)
    assert shop.find()["metadata"]["labels"] == {"rollouts.argoproj.io/gatewayapi-canary": "in-progress"}
    shop.keep()
    assert "labels" not in shop.find()["metadata"]


def test_an_empty_match_takes_the_route_back(shop: Any) -> None:
    shop.weigh(20)
    before = shop.cluster.contents()
    shop.header("h")
    shop.route(HeaderRoute("h"))
    shop.route(MirrorRoute("m"))
    assert shop.cluster.contents() == before


def test_a_rollout_that_is_gone_is_found_by_its_marks_and_taken_out(shop: Any, kinds: Any) -> None:
    """After a restart nothing is known of it but its name: not its Services, not its managed routes."""
    before = shop.cluster.contents()
    shop.weigh(0)
    shop.header("h")
    found = shop.facade.claims("argoproj-labs/gatewayAPI", kinds["HTTPRoute"], shop.find())
    assert found == {"demo": {"httpRoute": "web"}}
    shop.given, shop.services, shop.managed = dict(found["demo"]), ("", ""), ()
    assert shop.clean_up()
    assert shop.cluster.contents() == before
    assert shop.facade.claims("argoproj-labs/gatewayAPI", kinds["HTTPRoute"], shop.find()) == {}


def test_rollouts_of_other_namespaces_are_not_claimed(shop: Any, make_route: Make, kinds: Any) -> None:
    active = {"rollouts.argoproj.io/gatewayapi-active-rollouts": "shop/demo,edge/other"}
    route = make_route("calls", "GRPCRoute", annotations=active, namespace="edge")
    assert shop.facade.claims("argoproj-labs/gatewayAPI", kinds["GRPCRoute"], route) == {
        "other": {"grpcRoute": "calls"}
    }
