"""What the table does not name: config faults, names that are taken, header values, drift, former names, claims."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import NotFound, SpecError
from tidegate.hooks import MirrorRoute, Weights
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection, Status
from tidegate_aws_alb import Alb
from tidegate_aws_alb.actions import Forward, Group, escaped, parse
from tidegate_aws_alb.ingress import INGRESS, SERVICE

Q = "alb.ingress.kubernetes.io"
ROOT = f"{Q}/actions.demo-root"
LEDGER = "rollouts.argoproj.io/managed-alb-annotations"
PATH = "spec.strategy.canary.trafficRouting.alb"
Make = Callable[..., dict[str, Any]]
Action = Callable[..., str]


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({"ingress": "a", "ingresses": ["b"], "servicePort": 1}, "", "Both are configured."),
        ({"servicePort": 1}, "", "Neither are configured."),
        ({"ingress": "a"}, ".servicePort", "required"),
        ({"ingress": "a", "servicePort": 0}, ".servicePort", "greater than or equal to 1"),
        ({"ingress": "a", "servicePort": 65_536}, ".servicePort", "less than or equal to 65535"),
        ({"ingress": "a", "servicePort": "443"}, ".servicePort", "valid integer"),
        ({"ingress": "a", "servicePort": True}, ".servicePort", "valid integer"),
        ({"ingresses": ["a", "a"], "servicePort": 1}, ".ingresses", "a is named twice"),
        ({"ingresses": [""], "servicePort": 1}, ".ingresses", "found an empty one"),
        ({"ingress": "a", "servicePort": 1, "rootService": "Root"}, ".rootService", "must be the name of a Service"),
        ({"ingress": "a", "servicePort": 1, "rootService": "r" * 56}, ".rootService", "at most 55"),
        ({"ingress": "a", "servicePort": 1, "annotationPrefix": "a/"}, ".annotationPrefix", "without a slash"),
        ({"ingress": "a", "servicePort": 1, "annotationPrefix": "a\n"}, ".annotationPrefix", "DNS subdomain"),
        ({"ingress": "a", "servicePort": 1, "stickinessConfig": 3}, ".stickinessConfig", "dictionary"),
    ],
)
def test_a_config_that_cannot_work_is_told_field_by_field(
    shop: Any, given: dict[str, Any], path: str, said: str
) -> None:
    problems = shop.facade.configure("alb", given, PATH).problems
    assert [problem.path for problem in problems] == [f"{PATH}{path}"]
    assert said in problems[0].detail


def test_empty_and_null_fields_count_as_absent(shop: Any) -> None:
    shop.given |= {"ingresses": None, "annotationPrefix": "", "stickinessConfig": {"enabled": False}}
    shop.given["stickinessConfig"]["durationSeconds"] = None
    shop.weigh(25)
    assert set(shop.annotated()) == {ROOT, LEDGER}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpointUrl": "elb.local"}, "must be a URL"),
        ({"targetGroupBindingApiVersion": "x/v1"}, "elbv2.k8s.aws/v1beta1"),
        ({"timeoutSeconds": 0}, "greater than 0"),
        ({"verify": True}, "verify"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_keep_the_plugin_from_loading(settings: dict[str, Any], said: str) -> None:
    (record,) = load_objects({"alb": Alb}, PluginSelection(settings={"alb": settings})).plugins
    assert record.status is Status.FAILED
    assert said in record.error


def test_a_service_without_the_port_is_told(shop: Any, make_service: Make) -> None:
    shop.cluster.apply(make_service("demo-canary", port=80))
    (problem,) = shop.problems()
    assert problem.text == (
        f"{PATH}.servicePort: Invalid value: 443: service `demo-canary` has no such port (has 80); "
        "name a port that both Services have"
    )


@pytest.mark.parametrize("service", ["demo-canary", "demo-stable"])
def test_no_action_names_a_service_that_is_not_there(shop: Any, service: str) -> None:
    shop.cluster.remove(SERVICE, "shop", service)
    with pytest.raises(NotFound, match=f'service "{service}" not found'):
        shop.weigh(25)
    assert shop.written() == []


def test_a_missing_ingress_is_named_and_keeps_the_others_as_they_are(shop: Any) -> None:
    del shop.given["ingress"]
    shop.given["ingresses"] = ["web", "gone"]
    (problem,) = shop.problems()
    assert (problem.path, problem.missing) == (f"{PATH}.ingresses[1]", True)
    assert problem.detail == 'ingress.networking.k8s.io "gone" not found'
    with pytest.raises(NotFound, match="gone"):
        shop.weigh(25)
    assert shop.written() == []


def test_an_action_of_another_rollout_is_not_overwritten(shop: Any) -> None:
    shop.annotate(**{LEDGER: json.dumps({"other": [ROOT]})})
    (problem,) = shop.problems()
    assert "is managed by Rollout other" in problem.detail
    with pytest.raises(SpecError, match="give one of the two another rootService"):
        shop.weigh(25)
    assert shop.written() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("demo-root", "is the name of a Service"), ("Beta", "lower case"), ("r" * 53, "at most 52"), ("1st", "letter")],
)
def test_a_managed_route_that_cannot_be_a_service_name_is_told(shop: Any, name: str, said: str) -> None:
    shop.changes["managed_routes"] = ("h", name)
    (problem,) = shop.problems()
    assert problem.path == "spec.strategy.canary.trafficRouting.managedRoutes[1].name"
    assert said in problem.detail


def test_a_path_of_the_team_with_the_name_of_a_route_is_never_taken_away(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make
) -> None:
    ingress = make_ingress("web", make_rule(make_path("h", "/h", port=80), make_path("demo-root")))
    shop.cluster.apply(ingress)
    (problem,) = shop.problems()
    assert "a path leads to the Service h; rename the managed route" in problem.detail
    assert not shop.keep().wrote
    with pytest.raises(SpecError, match="rename the managed route"):
        shop.route(("X", "y"))
    shop.changes["managed_routes"] = ("h", "k")
    shop.weigh(25)
    shop.route(("X", "y"), name="k")
    assert [service for _, _, service in shop.paths()[0][1]] == ["h", "k", "demo-root"]


def test_an_action_of_the_team_with_the_name_of_a_route_is_left_alone(shop: Any, action: Action) -> None:
    for theirs in (action(("elsewhere", 100)), '{"Type":"redirect"}'):
        shop.annotate(**{f"{Q}/actions.h": theirs})
        (problem,) = shop.problems()
        assert "is there already and sends elsewhere" in problem.detail
        assert not shop.keep().wrote
        assert shop.annotated()[f"{Q}/actions.h"] == theirs


def test_a_route_whose_entries_were_lost_is_still_ours(shop: Any) -> None:
    shop.weigh(25)
    before = shop.cluster.contents()
    shop.route(("X-Canary", "yes"))
    shop.annotate(**{LEDGER: json.dumps({"demo": [ROOT]}, separators=(",", ":"))})
    assert shop.problems() == ()
    shop.keep()
    assert shop.cluster.contents() == before


def test_a_route_that_has_left_managed_routes_is_removed(shop: Any) -> None:
    shop.weigh(25)
    before = shop.cluster.contents()
    shop.route(("X-Canary", "yes"))
    shop.changes["managed_routes"] = ()
    shop.keep()
    assert shop.cluster.contents() == before


def test_paths_that_come_later_get_the_route_too(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make
) -> None:
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    spec = make_ingress("web", make_rule(make_path("h"), make_path("demo-root"), make_path("demo-root", "/new")))[
        "spec"
    ]
    shop.cluster.edit(INGRESS, "shop", "web", {"spec": spec})
    shop.route(("X-Canary", "yes"))
    assert [(path, service) for path, _, service in shop.paths()[0][1]] == [
        *(("/", "h"), ("/", "demo-root")),
        *(("/new", "h"), ("/new", "demo-root")),
    ]


def test_a_change_of_mode_moves_the_paths(shop: Any) -> None:
    shop.weigh(25)
    for mode, first in (("clone", "/"), ("argo", "/*"), ("clone", "/")):
        shop.annotations["tidegate.io/alb.header-path-mode"] = mode
        shop.route(("X-Canary", "yes"))
        assert [path for path, _, service in shop.paths()[0][1]] == [first, "/"]


def test_an_unknown_mode_is_told(shop: Any) -> None:
    shop.annotations["tidegate.io/alb.header-path-mode"] = "copy"
    (problem,) = shop.problems()
    assert problem.path == "metadata.annotations[tidegate.io/alb.header-path-mode]"
    with pytest.raises(SpecError, match="must be one of clone, argo"):
        shop.route(("X-Canary", "yes"))


def test_drift_of_everything_is_repaired_in_one_pass(shop: Any, make_ingress: Make) -> None:
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    wanted = shop.cluster.contents()
    shop.cluster.apply(make_ingress())
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    assert shop.cluster.contents() == wanted


@pytest.mark.parametrize(
    ("value", "written"), [("a*b?", r"a\*b\?"), (r"a\b", r"a\b"), (r"a\*", r"a\\\*"), ("é <&>", "é <&>")]
)
def test_values_are_compared_as_they_are(shop: Any, value: str, written: str) -> None:
    shop.weigh(25)
    shop.route(("X", value))
    text = shop.annotated()[f"{Q}/conditions.h"]
    assert json.loads(text)[0]["httpHeaderConfig"]["values"] == [written]
    assert not set("<>&") & set(text), "Go's encoder escapes these"


@given(st.text())
def test_an_escaped_value_matches_itself_alone(value: str) -> None:
    # As the load balancer reads it: a backslash takes the meaning of what follows only before *, ? and itself.
    text, read = escaped(value), ""
    while text:
        if text[0] == "\\" and text[1:2] in ("*", "?", "\\") and text[1:2]:
            read, text = read + text[1], text[2:]
        else:
            assert text[0] not in "*?", "a wildcard has kept its meaning"
            read, text = read + text[0], text[1:]
    assert read == value


@pytest.mark.parametrize(
    "matches",
    [[("X" * 41, "y")], [("X", "y" * 129)], [("X", str(n)) for n in range(4)]],
    ids=["long name", "long value", "many values"],
)
def test_what_a_rule_cannot_hold_is_refused(shop: Any, matches: list[tuple[str, str]]) -> None:
    shop.weigh(25)
    shop.written()
    with pytest.raises(SpecError, match="TR040"):
        shop.route(*matches)
    assert shop.written() == []


def test_as_many_values_as_a_rule_can_hold_are_taken(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make
) -> None:
    shop.cluster.apply(make_ingress("web", make_rule(make_path("demo-root", "/shop"))))
    shop.weigh(25)
    shop.route(("X", "1"), ("X", "2"))
    with pytest.raises(SpecError, match="a rule would have 6 condition values, a load balancer takes 5"):
        shop.route(("X", "1"), ("X", "2"), ("X", "3"))


def test_a_former_root_service_is_let_go(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make, action: Action
) -> None:
    shop.weigh(25)
    shop.given["rootService"] = "demo-new"
    rule = make_rule(make_path("demo-new"), make_path("demo-root", "/old"))
    shop.cluster.edit(INGRESS, "shop", "web", {"spec": make_ingress("web", rule)["spec"]})
    shop.weigh(30)
    assert shop.annotated()[ROOT] == action(("demo-stable", 100))
    assert shop.ledger() == {"demo": [f"{Q}/actions.demo-new"]}
    shop.written()
    shop.weigh(30)
    assert shop.written() == []


def test_a_former_prefix_is_let_go_with_its_routes(shop: Any, action: Action) -> None:
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    shop.given["annotationPrefix"] = "x.io"
    shop.weigh(25)
    assert set(shop.annotated()) == {ROOT, "x.io/actions.demo-root", LEDGER}
    assert shop.annotated()[ROOT] == action(("demo-stable", 100))
    shop.keep()
    assert [service for _, _, service in shop.paths()[0][1]] == ["demo-root"]


def test_clean_up_takes_everything_back_but_what_others_wrote(shop: Any, action: Action) -> None:
    shop.given["stickinessConfig"] = {"enabled": True, "durationSeconds": 300}
    shop.annotate(**{LEDGER: json.dumps({"other": [f"{Q}/actions.o"]}), "team": "a"})
    shop.annotate(**{"rollouts.argoproj.io/managed-alb-actions": "demo:x", f"{Q}/actions.o": "theirs"})
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    shop.clean_up()
    more = ',"TargetGroupStickinessConfig":{"Enabled":true,"DurationSeconds":300}'
    assert shop.annotated() == {
        ROOT: action(("demo-stable", 100), more=more),
        LEDGER: f'{{"other":["{Q}/actions.o"]}}',
        f"{Q}/actions.o": "theirs",
        "team": "a",
    }
    assert [service for _, _, service in shop.paths()[0][1]] == ["demo-root"]


def test_clean_up_leaves_what_another_rollout_lists_as_well(shop: Any) -> None:
    shop.weigh(25)
    before = shop.annotated()[ROOT]
    shop.annotate(**{LEDGER: json.dumps({"demo": [ROOT], "other": [ROOT]})})
    shop.clean_up()
    assert shop.annotated()[ROOT] == before
    assert shop.ledger() == {"other": [ROOT]}


def test_clean_up_leaves_an_action_that_it_cannot_read(shop: Any) -> None:
    shop.weigh(25)
    shop.annotate(**{ROOT: '{"Type":"redirect"}'})
    assert shop.clean_up().wrote
    assert shop.annotated() == {ROOT: '{"Type":"redirect"}'}


def test_an_entry_leads_back_to_its_ingress_when_its_rollout_is_gone(shop: Any, action: Action) -> None:
    shop.given["annotationPrefix"] = "x.io"
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    claimed = shop.facade.claims("alb", INGRESS, shop.ingress())
    assert claimed == {
        "demo": {"ingress": "web", "annotationPrefix": "x.io", "servicePort": 443, "rootService": "demo-root"}
    }
    shop.given = dict(claimed["demo"])
    shop.changes = {"deleted": True, "canary_service": "", "stable_service": "", "managed_routes": ()}
    shop.clean_up()
    assert shop.annotated() == {"x.io/actions.demo-root": action(("demo-stable", 100))}
    assert shop.facade.claims("alb", INGRESS, shop.ingress()) == {}


@pytest.mark.parametrize(
    ("ledger", "claimed"),
    [
        ("no json", {}),
        ('{"demo":[]}', {"demo": {"ingress": "web", "servicePort": 80}}),
        (f'{{"demo":["{Q}/actions.Odd"]}}', {"demo": {"ingress": "web", "servicePort": 80, "annotationPrefix": Q}}),
    ],
    ids=["unreadable", "empty", "odd name"],
)
def test_every_entry_can_be_cleaned_up(shop: Any, ledger: str, claimed: dict[str, Any]) -> None:
    shop.annotate(**{LEDGER: ledger})
    assert shop.facade.claims("alb", INGRESS, shop.ingress()) == claimed
    for config in claimed.values():
        shop.given = config
        shop.changes = {"deleted": True, "canary_service": "", "stable_service": ""}
        shop.clean_up()
        assert shop.annotated() == {}


@pytest.mark.parametrize(
    ("action", "read"),
    [
        ('{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"demo-canary","servicePort":443}]}}', 1),
        ('{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"demo-canary","ServicePort":"443"}]}}', 1),
        ('{"Type":"forward","ForwardConfig":{"TargetGroups":[{"TargetGroupARN":"a","Weight":1}]}}', None),
        ('{"Type":"redirect"}', None),
        ("[]", None),
        ("", None),
    ],
)
def test_actions_of_others_are_read_as_the_controller_reads_them(shop: Any, action: str, read: int | None) -> None:
    shop.annotate(**{ROOT: action})
    assert shop.read() == ({} if read is None else {"web": Weights(read, total=read)})


def test_the_stickiness_of_others_is_kept_in_any_spelling() -> None:
    theirs = (
        '{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"a","servicePort":80,"weight":3}],'
        '"targetGroupStickinessConfig":{"enabled":true,"durationSeconds":20}}}'
    )
    read = parse(theirs)
    assert read == Forward((Group("a", "80", 3),), {"Enabled": True, "DurationSeconds": 20})
    assert parse(read.text) == read


def test_two_rollouts_in_one_ingress_keep_their_order(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make
) -> None:
    shop.cluster.apply(make_ingress("web", make_rule(make_path("other-root", "/o"), make_path("demo-root"))))
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    other = {**shop.given, "rootService": "other-root"}
    shop.changes, shop.given = {"name": "other", "managed_routes": ("k",)}, other
    shop.weigh(10)
    shop.route(("X-Canary", "yes"), name="k")
    assert [service for _, _, service in shop.paths()[0][1]] == ["k", "other-root", "h", "demo-root"]
    assert set(shop.ledger()) == {"demo", "other"}
    shop.keep()
    assert [service for _, _, service in shop.paths()[0][1]] == ["other-root", "h", "demo-root"]


def test_a_route_name_of_another_rollout_is_refused(shop: Any) -> None:
    shop.annotate(**{LEDGER: json.dumps({"other": [f"{Q}/actions.h", f"{Q}/conditions.h"]})})
    (problem,) = shop.problems()
    assert "has a route of this name that Rollout other manages" in problem.detail
    shop.weigh(25)
    with pytest.raises(SpecError, match="rename one of the two"):
        shop.route(("X", "y"))


def test_a_mirror_route_and_another_total_are_not_for_this_router(shop: Any) -> None:
    with pytest.raises(SpecError, match="lacks the capability"):
        shop.facade.set_weights("alb", shop.target, Weights(1, total=1000), shop.cluster)
    assert not shop.facade.update_hash("alb", shop.target, shop.target.hashes, shop.cluster).wrote
    with pytest.raises(SpecError, match="lacks the capability"):
        shop.facade.set_mirror_route("alb", shop.target, MirrorRoute("m"), shop.cluster)


def test_a_long_stable_service_needs_a_root_service(shop: Any, make_service: Make) -> None:
    long = "s" * 56
    shop.cluster.apply(make_service(long))
    shop.given["rootService"] = ""
    shop.changes["stable_service"] = long
    problems = {problem.path: problem.detail for problem in shop.problems()}
    assert "set a shorter rootService" in problems[f"{PATH}.rootService"]
    with pytest.raises(SpecError, match="set a shorter rootService"):
        shop.weigh(25)


def test_a_rule_that_only_led_to_a_route_goes_with_it(
    shop: Any, make_ingress: Make, make_rule: Make, make_path: Make
) -> None:
    shop.weigh(25)
    shop.route(("X-Canary", "yes"))
    rules = [make_rule(make_path("h"), host="old.example.com"), make_rule(make_path("h"), make_path("demo-root"))]
    shop.cluster.edit(INGRESS, "shop", "web", {"spec": make_ingress("web", *rules)["spec"]})
    shop.keep()
    assert shop.paths() == [("shop.example.com", [("/", "Prefix", "demo-root")])]


def test_routes_of_a_missing_ingress_count_as_removed(shop: Any) -> None:
    shop.cluster.remove(INGRESS, "shop", "web")
    assert not shop.keep().wrote
    assert not shop.clean_up().wrote
    assert shop.read() == {}


@pytest.mark.parametrize("weights", [(0, 0), (-1, 101)], ids=["nothing", "less than nothing"])
def test_weights_that_share_nothing_out_are_not_read(shop: Any, action: Action, weights: tuple[int, int]) -> None:
    shop.annotate(**{ROOT: action(("demo-canary", weights[0]), ("demo-stable", weights[1]))})
    assert shop.read() == {}
