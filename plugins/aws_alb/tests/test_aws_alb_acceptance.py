"""The acceptance table of the load balancer's Ingresses, row by row; what asks AWS is in test_aws_alb_verification."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.errors import SpecError
from tidegate.hooks import Event, HeaderRoute, Match, Weights
from tidegate_aws_alb import Alb

Q = "alb.ingress.kubernetes.io"
ROOT = f"{Q}/actions.demo-root"
LEDGER = "rollouts.argoproj.io/managed-alb-annotations"
PATH = "spec.strategy.canary.trafficRouting.alb"
Make = Callable[..., dict[str, Any]]
Action = Callable[..., str]


def test_a01_the_first_weight_writes_action_and_bookkeeping(shop: Any) -> None:
    done = shop.weigh(0)
    expected = (
        '{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"demo-canary","ServicePort":"443","Weight":0},'
        '{"ServiceName":"demo-stable","ServicePort":"443","Weight":100}]}}'
    )
    bookkeeping = '{"demo":["alb.ingress.kubernetes.io/actions.demo-root"]}'
    assert shop.bodies() == [{"metadata": {"annotations": {ROOT: expected, LEDGER: bookkeeping}}}]
    assert done.events == (Event("PatchingALBIngress", "Updating Ingress `web` to desiredWeight '0'"),)


def test_a02_a_new_weight_patches_the_action_alone(shop: Any, action: Action) -> None:
    shop.weigh(0)
    shop.bodies()
    done = shop.weigh(25)
    expected = action(("demo-canary", 25), ("demo-stable", 75))
    assert shop.bodies() == [{"metadata": {"annotations": {ROOT: expected}}}]
    assert done.events == (Event("PatchingALBIngress", "Updating Ingress `web` to desiredWeight '25'"),)
    assert shop.weigh(25).events == ()
    assert shop.bodies() == []


def test_a03_stickiness_stands_behind_the_target_groups(shop: Any, action: Action) -> None:
    shop.given["stickinessConfig"] = {"enabled": True, "durationSeconds": 300}
    shop.weigh(25)
    more = ',"TargetGroupStickinessConfig":{"Enabled":true,"DurationSeconds":300}'
    assert shop.annotated()[ROOT] == action(("demo-canary", 25), ("demo-stable", 75), more=more)


@pytest.mark.parametrize("duration", [0, -1, 604_801])
def test_a04_a_duration_that_the_load_balancer_refuses_is_refused(shop: Any, duration: int) -> None:
    given = {**shop.given, "stickinessConfig": {"enabled": True, "durationSeconds": duration}}
    (problem,) = shop.facade.configure("alb", given, PATH).problems
    assert problem.detail == "TargetGroupStickinessConfig's duration must be between 1 and 604800 seconds (7 days)!"
    assert problem.path == f"{PATH}.stickinessConfig"


@pytest.mark.parametrize("sticky", [None, {}, {"enabled": False, "durationSeconds": 0}, {"enabled": False}], ids=str)
def test_a04_without_stickiness_the_key_is_absent(shop: Any, sticky: object) -> None:
    shop.given["stickinessConfig"] = sticky
    shop.weigh(25)
    assert "Stickiness" not in shop.annotated()[ROOT]


def test_a05_an_experiment_stands_between_canary_and_stable(shop: Any, action: Action) -> None:
    shop.weigh(25, demo_exp=5)
    assert shop.annotated()[ROOT] == action(("demo-canary", 25), ("demo-exp", 5), ("demo-stable", 70))


def test_a06_an_ingress_without_the_action_service_is_refused(shop: Any, make_ingress: Make, make_path: Make) -> None:
    shop.cluster.apply(make_ingress("web", {"host": "h", "http": {"paths": [make_path("other")]}}))
    (problem,) = shop.problems()
    assert problem.text == f'{PATH}.ingress: Invalid value: "web": ingress does not have service `demo-root` in rules'
    with pytest.raises(SpecError) as caught:
        shop.weigh(25)
    assert str(caught.value) == problem.text
    assert shop.written() == []


def test_a07_a_path_that_does_not_read_the_annotation_is_refused(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make
) -> None:
    shop.cluster.apply(make_ingress("web", make_rule(make_path("demo-root", port=443))))
    (problem,) = shop.problems()
    assert problem.detail == (
        "path / leads to port 443 of demo-root, so weights would have no effect; "
        "write `port: {name: use-annotation}` there"
    )
    with pytest.raises(SpecError, match="use-annotation"):
        shop.weigh(25)
    assert shop.written() == []


@pytest.mark.parametrize("annotations", [{}, None], ids=["empty", "null"])
def test_a08_an_ingress_without_annotations_works(shop: Any, make_ingress: Make, annotations: object) -> None:
    ingress = make_ingress()
    ingress["metadata"]["annotations"] = annotations
    shop.cluster.apply(ingress)
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    assert set(shop.annotated()) == {ROOT, LEDGER, f"{Q}/actions.h", f"{Q}/conditions.h"}


def test_a09_of_several_ingresses_those_that_lack_the_weight_are_written(shop: Any, make_ingress: Make) -> None:
    shop.weigh(25)
    shop.written()
    del shop.given["ingress"]
    shop.given["ingresses"] = ["web", "admin"]
    shop.cluster.apply(make_ingress("admin"))
    done = shop.weigh(25)
    assert shop.written() == [("patch", "admin")]
    assert done.events == (Event("PatchingALBIngress", "Updating Ingress `admin` to desiredWeight '25'"),)
    shop.route(("X-Canary", "yes"))
    assert shop.written() == [("patch", "web"), ("patch", "admin")]
    shop.keep()
    assert shop.written() == [("patch", "web"), ("patch", "admin")]


def test_a10_the_bookkeeping_of_others_stays_and_names_are_sorted(shop: Any) -> None:
    shop.annotate(**{LEDGER: f'{{"other":["{Q}/actions.o"],"also":[]}}'})
    shop.weigh(25)
    assert shop.annotated()[LEDGER] == f'{{"also":[],"demo":["{ROOT}"],"other":["{Q}/actions.o"]}}'


@pytest.mark.parametrize("broken", ["no json", "7", '{"demo":"x"}', '{"demo":[1]}', "[]"])
def test_a11_bookkeeping_that_cannot_be_read_is_never_overwritten(shop: Any, broken: str) -> None:
    shop.annotate(**{LEDGER: broken})
    (problem,) = shop.problems()
    assert problem.path == f"{PATH}.ingress"
    assert "mend it" in problem.detail
    for verb in (lambda: shop.weigh(25), lambda: shop.route(("X", "y")), shop.keep, shop.clean_up):
        with pytest.raises(SpecError, match="ingress `web`: annotation rollouts"):
            verb()
    assert shop.written() == []


def test_a12_another_prefix_names_the_keys(shop: Any) -> None:
    shop.given["annotationPrefix"] = "x.io"
    shop.weigh(25)
    assert set(shop.annotated()) == {"x.io/actions.demo-root", LEDGER}
    assert shop.ledger() == {"demo": ["x.io/actions.demo-root"]}


def test_a13_a_header_route_has_an_action_a_condition_and_entries(shop: Any, action: Action) -> None:
    shop.weigh(25)
    shop.bodies()
    done = shop.route(("X-Canary", "yes"), ("X-Canary", "y2"))
    (body,) = shop.bodies()
    assert body["metadata"]["annotations"] == {
        f"{Q}/actions.h": action(("demo-canary", 100)),
        f"{Q}/conditions.h": (
            '[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-Canary","values":["yes","y2"]}}]'
        ),
        LEDGER: json.dumps({"demo": [ROOT, f"{Q}/actions.h", f"{Q}/conditions.h"]}, separators=(",", ":")),
    }
    assert done.events == (Event("PatchingALBIngress", "Updating Ingress `web` to headerRoute 'h'"),)


def test_a13_a_header_route_is_sticky_where_the_weights_are(shop: Any, action: Action) -> None:
    shop.given["stickinessConfig"] = {"enabled": True, "durationSeconds": 300}
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    more = ',"TargetGroupStickinessConfig":{"Enabled":true,"DurationSeconds":300}'
    assert shop.annotated()[f"{Q}/actions.h"] == action(("demo-canary", 100), more=more)


def test_a14_different_headers_must_all_match(shop: Any) -> None:
    shop.weigh(25)
    shop.route(("X-Canary", "yes"), ("X-Region", "eu"), ("x-canary", "y2"))
    assert [each["httpHeaderConfig"] for each in json.loads(shop.annotated()[f"{Q}/conditions.h"])] == [
        {"httpHeaderName": "X-Canary", "values": ["yes", "y2"]},
        {"httpHeaderName": "X-Region", "values": ["eu"]},
    ]


@pytest.mark.parametrize("match", [Match(regex="y.*"), Match(prefix="y"), Match()], ids=["regex", "prefix", "nothing"])
def test_a15_only_exact_values_are_taken(shop: Any, match: Match) -> None:
    route = HeaderRoute("h", (("X-Canary", match),))
    with pytest.raises(SpecError, match=r"SetHeaderRoute match value invalid\. ALB supports 'exact' value only"):
        shop.facade.set_header_route("alb", shop.target, route, shop.cluster)
    assert shop.written() == []


def test_a16_a_header_route_repeats_the_path_just_before_it(shop: Any) -> None:
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    assert shop.paths() == [("shop.example.com", [("/", "Prefix", "h"), ("/", "Prefix", "demo-root")])]
    port = shop.ingress()["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]
    assert port == {"name": "use-annotation"}


def test_a16_the_mode_argo_puts_one_path_at_the_head(shop: Any) -> None:
    shop.annotations["tidegate.io/alb.header-path-mode"] = "argo"
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    assert shop.paths() == [("shop.example.com", [("/*", "ImplementationSpecific", "h"), ("/", "Prefix", "demo-root")])]
    shop.written()
    shop.route(("X-Canary", "yes"))
    assert shop.written() == []


def test_a17_rules_that_never_reach_the_rollout_stay_as_they_are(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make
) -> None:
    other = make_rule(make_path("api", "/api"), host="api.example.com")
    mixed = make_rule(make_path("blog", "/blog"), make_path("demo-root", "/shop"), make_path("demo-root", "/cart"))
    shop.cluster.apply(make_ingress("web", other, mixed, {"host": "bare.example.com"}))
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    rules = shop.ingress()["spec"]["rules"]
    assert rules[0] == other
    assert rules[2] == {"host": "bare.example.com"}
    served = [(each["path"], each["backend"]["service"]["name"]) for each in rules[1]["http"]["paths"]]
    assert served == [
        *(("/blog", "blog"), ("/shop", "h"), ("/shop", "demo-root")),
        *(("/cart", "h"), ("/cart", "demo-root")),
    ]


def test_a18_the_same_header_route_writes_nothing(shop: Any) -> None:
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    shop.written()
    assert shop.route(("X-Canary", "yes")).events == ()
    assert shop.written() == []


def test_a19_a_route_that_is_over_leaves_no_trace(shop: Any) -> None:
    shop.weigh(25)
    before = shop.cluster.contents()
    shop.route(("X-Canary", "yes"))
    shop.written()
    done = shop.keep()
    assert shop.written() == [("patch", "web")]
    assert done.events == (Event("PatchingALBIngress", "Updating Ingress `web` removing managed routes"),)
    assert shop.ledger() == {"demo": [ROOT]}
    assert shop.cluster.contents() == before
    assert not shop.keep().wrote


@pytest.mark.parametrize("root", ["demo-stable", ""], ids=["named", "default"])
def test_a32_clean_up_keeps_the_group_that_the_action_is_named_after(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make, action: Action, root: str
) -> None:
    shop.given["rootService"] = root
    shop.cluster.apply(make_ingress("web", make_rule(make_path("demo-stable"))))
    shop.weigh(40)
    shop.bodies()
    assert shop.clean_up().wrote
    key = f"{Q}/actions.demo-stable"
    assert shop.bodies() == [{"metadata": {"annotations": {key: action(("demo-stable", 100)), LEDGER: None}}}]
    assert not shop.clean_up().wrote


@pytest.mark.parametrize(("weight", "kept"), [(0, "demo-stable"), (50, "demo-stable"), (51, "demo-canary")])
def test_a33_a_deleted_rollout_leaves_its_heaviest_group(shop: Any, action: Action, weight: int, kept: str) -> None:
    shop.weigh(weight)
    shop.bodies()
    shop.changes = {"deleted": True, "canary_service": "", "stable_service": ""}
    assert shop.clean_up().wrote
    assert shop.bodies() == [{"metadata": {"annotations": {ROOT: action((kept, 100)), LEDGER: None}}}]
    assert not shop.clean_up().wrote


def test_a33_a_router_that_left_the_spec_leaves_stable_behind_the_root_service(shop: Any, action: Action) -> None:
    shop.weigh(75)
    shop.clean_up()
    assert shop.annotated() == {ROOT: action(("demo-stable", 100))}


def test_a34_more_groups_than_an_action_takes_are_refused(shop: Any) -> None:
    with pytest.raises(SpecError, match=r"at most 5 target groups, found 6 .*TR040.*at most 3 templates"):
        shop.weigh(25, e1=1, e2=1, e3=1, e4=1)
    assert shop.written() == []


def test_a35_removing_routes_before_there_are_any_writes_nothing(shop: Any) -> None:
    done = shop.keep()
    assert done.events == ()
    assert shop.written() == []


def test_a36_an_abort_removes_the_route_first_and_then_the_weight(shop: Any, action: Action) -> None:
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    shop.bodies()
    removed, weighed = shop.keep(), shop.weigh(0)
    first, second = shop.bodies()
    assert set(first["metadata"]["annotations"]) == {f"{Q}/actions.h", f"{Q}/conditions.h", LEDGER}
    assert first["metadata"]["annotations"][LEDGER] == f'{{"demo":["{ROOT}"]}}'
    assert [each["backend"]["service"]["name"] for each in first["spec"]["rules"][0]["http"]["paths"]] == ["demo-root"]
    assert second == {"metadata": {"annotations": {ROOT: action(("demo-canary", 0), ("demo-stable", 100))}}}
    assert [each.message for each in (*removed.events, *weighed.events)] == [
        "Updating Ingress `web` removing managed routes",
        "Updating Ingress `web` to desiredWeight '0'",
    ]
    shop.keep()
    shop.weigh(0)
    assert shop.bodies() == []


def test_the_router_is_asked_third_and_is_called_alb(shop: Any) -> None:
    record = shop.facade.find("alb")
    assert (record.title, Alb.order) == ("ALB", 30)
    assert Alb.status_fields == ("alb", "albs")


def test_weights_are_read_back_from_the_actions(shop: Any) -> None:
    assert shop.read() == {}
    shop.weigh(25, demo_exp=5)
    (found,) = shop.read().values()
    assert (found.canary, found.stable, found.total) == (25, 70, 100)
    shop.weigh(100)
    assert shop.read() == {"web": Weights(100)}
