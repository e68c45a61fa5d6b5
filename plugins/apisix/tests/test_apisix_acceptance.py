"""The acceptance table of APISIX, and what its section of the specification says besides."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.errors import NotFound, OwnershipError, SpecError
from tidegate.hooks import Capability, HeaderRoute, Match, Weights
from tidegate_apisix import Apisix
from tidegate_apisix.headers import OWNER_LABEL
from tidegate_apisix.rules import ROUTE
from tidegate_testkit.stage import Stage
from tidegate_testkit.traffic import TrafficCase

README = Path(__file__).parents[1] / "README.md"
Manifest = dict[str, Any]

TESTERS = HeaderRoute("h", (("X-Canary", Match(exact="yes")),))
EXPRESSION = {"subject": {"scope": "Header", "name": "X-Canary"}, "op": "Equal", "value": "yes"}


def a_rule(name: str, **more: Any) -> Manifest:
    backends = [
        {"serviceName": "demo-stable", "servicePort": 80, "weight": 100, "resolveGranularity": "endpoint"},
        {"serviceName": "demo-canary", "servicePort": 80, "weight": 0, "resolveGranularity": "endpoint"},
    ]
    return {"name": name, "match": {"hosts": ["web.example"], "paths": [f"/{name}/*"]}, "backends": backends, **more}


def a_stage(*http: Manifest, rules: list[str] | None = None, managed: tuple[str, ...] = ("h",), **spec: Any) -> Stage:
    """An ApisixRoute `web` with these rules, in front of the router, which has no rights but its own."""
    manifest = {
        "apiVersion": "apisix.apache.org/v2",
        "kind": "ApisixRoute",
        "metadata": {"name": "web"},
        "spec": {"ingressClassName": "apisix", "http": list(http), **spec},
    }
    config = {"route": {"name": "web", "rules": rules}}
    stage = TrafficCase(Apisix, config, [manifest], lambda _: None, managed_routes=managed).start()
    stage.cluster.rules = stage.facade.rules()
    return stage


def route(stage: Stage, name: str = "web") -> Manifest:
    found = stage.cluster.find(ROUTE, "default", name)
    assert found is not None, f"no ApisixRoute {name}"
    return found


def shares(stage: Stage) -> dict[str, list[int]]:
    return {rule["name"]: [each["weight"] for each in rule["backends"]] for rule in route(stage)["spec"]["http"]}


def read(stage: Stage) -> dict[str, Weights]:
    return stage.facade.get_weights(stage.name, stage.target, stage.cluster)


def plant(stage: Stage, name: str, *owners: Manifest, **labels: str) -> None:
    """An ApisixRoute that somebody else has made."""
    metadata = {"name": name, "ownerReferences": list(owners), "labels": labels}
    spec = {"http": [{"name": "theirs"}]}
    stage.cluster.apply({"apiVersion": ROUTE.api_version, "kind": ROUTE.kind, "metadata": metadata, "spec": spec})


@pytest.mark.parametrize(
    "owners",
    [
        pytest.param([], id="nobody"),
        pytest.param([{"kind": "Rollout", "name": "other", "uid": "u-9", "controller": True}], id="another-rollout"),
        pytest.param([{"kind": "Rollout", "name": "demo", "uid": "u-9", "controller": True}], id="a-former-rollout"),
    ],
)
def test_x01_a_header_route_whose_name_is_taken_is_refused_and_nothing_is_written(owners: list[Manifest]) -> None:
    stage = a_stage(a_rule("web"))
    plant(stage, "h", *owners)
    with pytest.raises(OwnershipError, match=r"^duplicate ApisixRoute \[h\] already exists"):
        stage.route(TESTERS)
    assert [problem.detail.partition(",")[0] for problem in stage.problems()] == [
        "duplicate ApisixRoute [h] already exists"
    ]
    stage.route(HeaderRoute("h"))
    stage.keep_routes()
    assert stage.clean_up() == 0
    assert stage.written() == []
    assert route(stage, "h")["spec"] == {"http": [{"name": "theirs"}]}


def test_x01_the_route_of_the_config_is_no_header_route() -> None:
    stage = a_stage(a_rule("web"), managed=("web",))
    with pytest.raises(OwnershipError, match=r"duplicate ApisixRoute \[web\] already exists"):
        stage.route(HeaderRoute("web", TESTERS.match))
    stage.keep_routes()
    assert stage.written() == []


def test_a_weight_is_one_patch_that_leaves_other_rules_alone() -> None:
    stage = a_stage(a_rule("web"), a_rule("api"), a_rule("admin"), rules=["web", "api"])
    stage.weigh(25)
    assert [each.verb for each in stage.written()] == ["patch"]
    assert shares(stage) == {"web": [75, 25], "api": [75, 25], "admin": [100, 0]}
    stage.weigh(25)
    assert stage.written() == []


@pytest.mark.parametrize("rules", [None, []])
def test_without_rules_the_one_of_the_routes_name_is_split(rules: list[str] | None) -> None:
    stage = a_stage(a_rule("api"), a_rule("web"), rules=rules)
    stage.weigh(25)
    assert shares(stage) == {"api": [100, 0], "web": [75, 25]}


def test_backends_of_others_stay() -> None:
    rule = a_rule("web")
    rule["backends"].insert(0, {"serviceName": "legacy", "servicePort": 80, "weight": 5})
    stage = a_stage(rule)
    stage.weigh(30)
    assert shares(stage) == {"web": [5, 70, 30]}


@pytest.mark.parametrize("http", [None, []])
def test_a_route_without_http_rules_is_refused(http: object) -> None:
    stage = a_stage(http=http)
    with pytest.raises(SpecError, match=r"spec\.http was not found in Apisix Route manifest") as caught:
        stage.weigh(25)
    assert caught.value.path == f"{stage.path}.route.name"
    assert stage.written() == []


def test_a_rule_that_is_not_there_is_refused_with_its_field() -> None:
    stage = a_stage(a_rule("web"), rules=["web", "api"])
    with pytest.raises(SpecError, match="Apisix http route rule api not found") as caught:
        stage.weigh(25)
    assert caught.value.path == f"{stage.path}.route.rules[1]"
    assert stage.written() == []
    assert shares(stage) == {"web": [100, 0]}


@pytest.mark.parametrize("missing", [0, 1], ids=["stable", "canary"])
def test_a_rule_without_one_of_the_services_is_refused(missing: int) -> None:
    rule = a_rule("web")
    gone = rule["backends"].pop(missing)["serviceName"]
    stage = a_stage(rule)
    with pytest.raises(SpecError, match=f"apisix route {gone} backend was not found"):
        stage.weigh(25)
    assert [problem.path for problem in stage.problems()] == [f"{stage.path}.route.name"]
    assert stage.written() == []


def test_a_backend_that_is_listed_twice_is_refused_because_its_share_would_double() -> None:
    rule = a_rule("web")
    rule["backends"].append({**rule["backends"][1], "servicePort": 81})
    stage = a_stage(rule)
    with pytest.raises(SpecError, match="stands 2 times"):
        stage.weigh(25)
    assert stage.written() == []


def test_a_route_that_is_missing_is_told_and_awaited() -> None:
    stage = a_stage(a_rule("web"))
    stage.cluster.remove(ROUTE, "default", "web")
    (problem,) = stage.problems()
    assert problem.missing
    assert problem.path == f"{stage.path}.route.name"
    said = r'apisixroutes\.apisix\.apache\.org "web" not found'
    with pytest.raises(NotFound, match=said):
        stage.weigh(25)
    with pytest.raises(NotFound, match=said):
        stage.route(TESTERS)
    stage.keep_routes()
    assert stage.written() == []


def test_a_header_route_is_a_route_of_its_own_with_the_listed_rules_alone() -> None:
    rule = a_rule("api", priority=4, websocket=True)
    rule["match"]["exprs"] = [{"subject": {"scope": "Query", "name": "v"}, "op": "Equal", "value": "2"}]
    given = copy.deepcopy(rule)
    stage = a_stage(a_rule("web"), rule, rules=["api"], stream=[{"name": "tcp"}])
    stage.weigh(25)
    stage.written()
    stage.route(TESTERS)
    (written,) = stage.written()
    assert (written.verb, written.name) == ("create", "h")
    made = route(stage, "h")
    assert made["metadata"]["ownerReferences"] == [stage.target.owner]
    assert made["metadata"]["labels"] == {OWNER_LABEL: stage.target.uid}
    match = {**given["match"], "exprs": [*given["match"]["exprs"], EXPRESSION]}
    backends = [{**given["backends"][1], "weight": 100}]
    http = [{**given, "match": match, "backends": backends, "priority": 5}]
    assert made["spec"] == {"ingressClassName": "apisix", "http": http}


def test_a_second_identical_header_route_writes_nothing() -> None:
    stage = a_stage(a_rule("web"))
    stage.route(TESTERS)
    stage.written()
    stage.weigh(25)
    stage.written()
    stage.route(TESTERS)
    assert stage.written() == []


@pytest.mark.parametrize(
    ("match", "how", "value"),
    [
        pytest.param(Match(exact="yes"), "Equal", "yes", id="exact"),
        pytest.param(Match(regex="y.*s"), "RegexMatch", "y.*s", id="regex"),
        pytest.param(Match(prefix="yes"), "RegexMatch", "^yes.*", id="prefix"),
        pytest.param(Match(prefix="a.b"), "RegexMatch", r"^a\.b.*", id="a-prefix-is-taken-literally"),
    ],
)
def test_header_values_are_compared_as_asked(match: Match, how: str, value: str) -> None:
    stage = a_stage(a_rule("web"))
    stage.route(HeaderRoute("h", (("X-Canary", match), ("X-Shop", Match(exact="a")))))
    first, second = route(stage, "h")["spec"]["http"][0]["match"]["exprs"]
    assert first == {**EXPRESSION, "op": how, "value": value}
    assert second["subject"]["name"] == "X-Shop"


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(("X Canary", Match(exact="yes")), id="name"),
        pytest.param(("", Match(exact="yes")), id="empty-name"),
        pytest.param(("X-Canary", Match(exact="a\nb")), id="value"),
    ],
)
def test_a_header_that_cannot_be_is_refused(pair: tuple[str, Match]) -> None:
    stage = a_stage(a_rule("web"))
    with pytest.raises(SpecError, match="header route h"):
        stage.route(HeaderRoute("h", (pair,)))
    assert stage.written() == []


def test_the_first_managed_route_has_the_highest_priority_whichever_was_set_first() -> None:
    stage = a_stage(a_rule("web", priority=10), managed=("first", "second"))
    stage.route(HeaderRoute("second", TESTERS.match))
    stage.route(HeaderRoute("first", TESTERS.match))
    found = {name: route(stage, name)["spec"]["http"][0]["priority"] for name in ("first", "second")}
    assert found == {"first": 12, "second": 11}


def test_a_header_route_follows_the_rule_that_it_was_made_from() -> None:
    stage = a_stage(a_rule("web"))
    stage.route(TESTERS)
    stage.cluster.edit(ROUTE, "default", "web", {"spec": {"http": [a_rule("web", websocket=True)]}})
    stage.written()
    stage.route(TESTERS)
    assert [(each.verb, each.name) for each in stage.written()] == [("patch", "h")]
    assert route(stage, "h")["spec"]["http"][0]["websocket"] is True


def test_an_empty_match_deletes_the_header_route_and_an_absent_one_is_nothing() -> None:
    stage = a_stage(a_rule("web"))
    stage.route(HeaderRoute("h"))
    assert stage.written() == []
    stage.route(TESTERS)
    stage.written()
    stage.route(HeaderRoute("h"))
    assert [(each.verb, each.name) for each in stage.written()] == [("delete", "h")]


def test_header_routes_that_are_not_kept_go_also_one_whose_name_has_left_the_spec() -> None:
    stage = a_stage(a_rule("web"), managed=("h", "kept"))
    for name in ("h", "kept"):
        stage.route(HeaderRoute(name, TESTERS.match))
    stage.route(HeaderRoute("left", TESTERS.match))
    stage.written()
    stage.keep_routes("kept")
    assert [(each.verb, each.name) for each in stage.written()] == [("delete", "h"), ("delete", "left")]


def test_a_header_route_that_argo_rollouts_has_made_is_taken_over() -> None:
    """It has the same controller, and no label."""
    stage = a_stage(a_rule("web"))
    plant(stage, "h", stage.target.owner, team="a")
    stage.route(TESTERS)
    assert route(stage, "h")["spec"]["http"][0]["match"]["exprs"] == [EXPRESSION]
    assert route(stage, "h")["metadata"]["labels"] == {"team": "a", OWNER_LABEL: stage.target.uid}
    stage.keep_routes()
    assert stage.cluster.find(ROUTE, "default", "h") is None


def test_a_stranger_with_the_label_is_left_alone() -> None:
    stage = a_stage(a_rule("web"))
    plant(stage, "copy", **{OWNER_LABEL: stage.target.uid})
    stage.keep_routes()
    assert stage.written() == []


def test_a_managed_route_that_cannot_be_an_object_is_refused() -> None:
    stage = a_stage(a_rule("web"), managed=("Not A Name",))
    (problem,) = stage.problems()
    assert "becomes an ApisixRoute of that name" in problem.detail
    with pytest.raises(SpecError, match="becomes an ApisixRoute of that name"):
        stage.route(HeaderRoute("Not A Name", TESTERS.match))
    assert stage.written() == []


def test_the_weights_are_read_back_by_rule_where_they_differ() -> None:
    stage = a_stage(a_rule("web"), a_rule("api"), rules=["web", "api"])
    stage.weigh(25)
    assert read(stage) == {"web": Weights(25)}
    http = route(stage)["spec"]["http"]
    http[1]["backends"][0]["weight"], http[1]["backends"][1]["weight"] = 90, 10
    stage.cluster.edit(ROUTE, "default", "web", {"spec": {"http": http}})
    assert read(stage) == {"web, rule web": Weights(25), "web, rule api": Weights(10)}


def test_clean_up_deletes_header_routes_and_gives_everything_back_to_stable() -> None:
    stage = a_stage(a_rule("web"))
    stage.weigh(25)
    stage.route(TESTERS)
    assert stage.clean_up() == 1
    assert shares(stage) == {"web": [100, 0]}
    assert stage.cluster.find(ROUTE, "default", "h") is None


def test_it_can_what_the_capability_matrix_says() -> None:
    header = {Capability.HEADER, Capability.HEADER_PREFIX, Capability.HEADER_REGEX}
    assert Apisix.can == {Capability.WEIGHTS, *header}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        pytest.param({"route": {"name": ""}}, ".route.name", id="no-name"),
        pytest.param({"route": {"name": "Web"}}, ".route.name", id="name"),
        pytest.param({"route": {"name": "web", "rules": ["a", "a"]}}, ".route.rules", id="twice"),
        pytest.param({"route": {"name": "web", "rules": [""]}}, ".route.rules", id="empty-rule"),
        pytest.param({}, ".route", id="nothing"),
    ],
)
def test_a_config_that_cannot_be_is_refused_with_its_field(given: Manifest, where: str) -> None:
    stage = a_stage(a_rule("web"))
    (problem,) = stage.facade.configure("apisix", given, stage.path).problems
    assert problem.path == f"{stage.path}{where}"


def test_the_example_of_the_readme_is_sound() -> None:
    blocks = README.read_text().split("```yaml\n")[1:]
    manifests = [each for block in blocks for each in yaml.safe_load_all(block.partition("```")[0])]
    found = {each["kind"]: each for each in manifests if "kind" in each}
    canary = found["Rollout"]["spec"]["strategy"]["canary"]
    services = {"stable_service": canary["stableService"], "canary_service": canary["canaryService"]}
    managed = tuple(each["name"] for each in canary["trafficRouting"]["managedRoutes"])
    config = canary["trafficRouting"]["apisix"]
    case = TrafficCase(Apisix, config, [found["ApisixRoute"]], lambda _: None, managed_routes=managed, **services)
    stage = case.start()
    assert stage.problems() == ()
    assert stage.weigh(25).wrote
    assert stage.route(HeaderRoute(managed[0], TESTERS.match)).wrote
