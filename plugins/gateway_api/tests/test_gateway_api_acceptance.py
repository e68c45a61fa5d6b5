"""The acceptance table's rows about the Gateway API, and the weights, marks and verdicts around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.errors import NotFound, OwnershipError, Pending, SpecError
from tidegate.hooks import Capability, Destination, Event, Weights
from tidegate_gateway_api import GatewayApi

Make = Callable[..., dict[str, Any]]

LABEL = "rollouts.argoproj.io/gatewayapi-canary"
ACTIVE = "rollouts.argoproj.io/gatewayapi-active-rollouts"
MANAGED = "tidegate.io/gateway-managed"
PATH = "spec.strategy.canary.trafficRouting.plugins[argoproj-labs/gatewayAPI]"


def test_g01_every_rule_with_both_services_gets_the_weights(shop: Any, make_route: Make, make_rule: Make) -> None:
    shop.put(make_route(rules=[make_rule("/products"), make_rule("/orders")]))
    done = shop.weigh(30)
    assert shop.split() == [[("demo-stable", 70), ("demo-canary", 30)]] * 2
    assert shop.find()["metadata"]["labels"] == {LABEL: "in-progress"}
    assert shop.find()["metadata"]["annotations"] == {ACTIVE: "shop/demo"}
    assert shop.written() == [("patch", "web")]
    assert done.events == (Event("UpdatedHTTPRoute", "HTTPRoute `web` set to desiredWeight '30'"),)


def test_g01_the_same_weight_writes_nothing(shop: Any) -> None:
    shop.weigh(30)
    shop.written()
    assert shop.weigh(30).events == ()
    assert shop.written() == []


def test_g02_weight_0_gives_everything_back_and_takes_the_mark_away(shop: Any) -> None:
    before = shop.cluster.contents()
    shop.weigh(30)
    shop.weigh(0)
    assert shop.cluster.contents() == before
    assert "labels" not in shop.find()["metadata"]


@pytest.mark.parametrize("missing", ["demo-canary", "demo-stable"])
def test_g03_a_route_without_one_of_the_services_is_refused(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make, missing: str
) -> None:
    (kept,) = {"demo-canary", "demo-stable"} - {missing}
    shop.put(make_route(rules=[make_rule("/", refs=[make_ref(kept, 100)])]))
    with pytest.raises(SpecError, match="backendRef was not found in httpRoute"):
        shop.weigh(30)
    (problem,) = shop.problems()
    assert problem.path == f"{PATH}.httpRoute"
    assert "no rule has both demo-canary and demo-stable" in problem.detail
    assert shop.written() == []


def test_g04_a_header_route_takes_every_source_rule_with_its_header(
    shop: Any, make_route: Make, make_rule: Make
) -> None:
    filters = [{"type": "URLRewrite", "urlRewrite": {"hostname": "inner.example"}}]
    timeouts = {"request": "10s"}
    shop.put(make_route(rules=[make_rule("/products", filters=filters), make_rule("/orders", timeouts=timeouts)]))
    shop.weigh(20)
    shop.header("h")
    first, second, *sources = shop.rules()
    header = [{"name": "X-Canary", "type": "Exact", "value": "yes"}]
    canary = [{"group": "", "kind": "Service", "name": "demo-canary", "port": 80, "weight": 1}]
    assert first == {
        "name": "h",
        "matches": [{"path": {"type": "PathPrefix", "value": "/products"}, "headers": header}],
        "backendRefs": canary,
        "filters": filters,
    }
    assert second == {
        "name": "h-1",
        "matches": [{"path": {"type": "PathPrefix", "value": "/orders"}, "headers": header}],
        "backendRefs": canary,
        "timeouts": timeouts,
    }
    assert len(sources) == 2


def test_g04_a_second_identical_header_route_writes_nothing(shop: Any) -> None:
    shop.weigh(20)
    shop.header("h")
    shop.written()
    shop.header("h")
    shop.weigh(20)
    shop.keep("h")
    assert shop.written() == []


def test_g05_a_parent_that_has_not_seen_the_weights_is_waited_for(shop: Any) -> None:
    shop.weigh(20)
    shop.accept(observedGeneration=1)
    verdict = shop.verdict(20)
    assert verdict.verified is False
    assert verdict.message == "HTTPRoute `web`: Gateway edge has seen generation 1 of 2"
    shop.accept()
    assert shop.verdict(20).verified is True


def test_g05_a_parent_that_refuses_is_quoted(shop: Any) -> None:
    shop.weigh(20)
    shop.accept(status="False", reason="UnsupportedValue", message="weights are not supported")
    verdict = shop.verdict(20)
    assert verdict.verified is False
    assert "says Accepted False, UnsupportedValue: weights are not supported" in verdict.message


def test_g05_without_a_status_nothing_is_claimed(shop: Any) -> None:
    shop.weigh(20)
    assert shop.verdict(20).verified is None


def test_g05_a_status_without_generations_claims_nothing(shop: Any, kinds: Any) -> None:
    shop.weigh(20)
    parent = {"parentRef": {"name": "edge"}, "conditions": [{"type": "Accepted", "status": "True"}]}
    shop.cluster.edit(kinds["HTTPRoute"], "shop", "web", {"status": {"parents": [parent]}})
    assert shop.verdict(20).verified is None


def test_g05_a_parent_that_left_the_spec_is_not_waited_for(shop: Any, kinds: Any) -> None:
    shop.weigh(20)
    shop.accept()
    parents = shop.find()["status"]["parents"]
    behind = [{"type": "Accepted", "status": "True", "observedGeneration": 1}]
    parents.append({"parentRef": {"name": "former"}, "conditions": behind})
    shop.cluster.edit(kinds["HTTPRoute"], "shop", "web", {"status": {"parents": parents}})
    assert shop.verdict(20).verified is True


def test_g05_weights_that_the_cache_does_not_show_are_not_verified(shop: Any) -> None:
    shop.weigh(20)
    shop.accept()
    assert shop.verdict(50).verified is False


def test_it_can_what_the_capability_matrix_says() -> None:
    assert GatewayApi.can == {
        *(Capability.WEIGHTS, Capability.TOTAL, Capability.VERIFY, Capability.EXPERIMENT, Capability.PING_PONG),
        *(Capability.HEADER, Capability.HEADER_PREFIX, Capability.HEADER_REGEX, Capability.MIRROR),
    }


def test_rules_that_lead_to_one_side_only_are_left_alone(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make
) -> None:
    """Weight 0 on the only backend of a rule would answer every request of it with an error."""
    pinned, preview = (
        make_rule("/admin", refs=[make_ref("demo-stable")]),
        make_rule("/new", refs=[make_ref("demo-canary")]),
    )
    shop.put(make_route(rules=[pinned, preview, make_rule("/")]))
    shop.weigh(100)
    assert shop.rules()[:2] == [pinned, preview]
    assert shop.split()[2] == [("demo-stable", 0), ("demo-canary", 100)]


def test_a_reserved_share_of_somebody_else_stays(shop: Any, make_route: Make, make_rule: Make, make_ref: Make) -> None:
    refs = [make_ref("tap", 5), make_ref("demo-stable", 95), make_ref("demo-canary", 0)]
    shop.put(make_route(rules=[make_rule("/", refs=refs)]))
    shop.total = 95
    shop.weigh(19)
    assert shop.split() == [[("tap", 5), ("demo-stable", 76), ("demo-canary", 19)]]
    assert shop.weights() == {"web": Weights(19, total=95)}


def test_a_total_of_a_thousand_makes_shares_below_a_percent(shop: Any) -> None:
    shop.total = 1000
    shop.weigh(5)
    assert shop.split() == [[("demo-stable", 995), ("demo-canary", 5)]]


def test_a_total_beyond_the_highest_weight_is_refused(shop: Any) -> None:
    shop.total = 1_000_001
    assert "knows weights up to 1000000" in shop.problems()[0].detail


def test_a_missing_weight_counts_as_one(shop: Any, make_route: Make, make_rule: Make, make_ref: Make) -> None:
    shop.put(make_route(rules=[make_rule("/", refs=[make_ref("demo-stable"), make_ref("demo-canary")])]))
    assert shop.weights() == {"web": Weights(1, total=2)}
    shop.weigh(0)
    assert shop.split() == [[("demo-stable", 100), ("demo-canary", 0)]]


def test_rules_that_disagree_are_read_back_one_by_one(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make
) -> None:
    refs = [make_ref("demo-stable", 40), make_ref("demo-canary", 60)]
    shop.put(make_route(rules=[make_rule("/a"), make_rule("/b", refs=refs)]))
    assert shop.weights() == {"web, rule 1": Weights(0), "web, rule 2": Weights(60)}


def test_a_service_named_twice_in_a_rule_is_refused(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make
) -> None:
    refs = [make_ref("demo-stable", 50), make_ref("demo-canary", 0), make_ref("demo-canary", 0, port=81)]
    shop.put(make_route(rules=[make_rule("/", refs=refs)]))
    assert ["demo-canary 2 times in one rule" in problem.detail for problem in shop.problems()] == [True]
    with pytest.raises(SpecError, match="name it once"):
        shop.weigh(10)


def test_one_rule_can_be_meant_by_its_name(shop: Any, make_route: Make, make_rule: Make, kinds: Any) -> None:
    def live(rule: dict[str, Any]) -> dict[str, Any]:
        """What the owner of the other rule makes of it."""
        return {**rule, "backendRefs": [{**ref, "weight": 50} for ref in rule["backendRefs"]]}

    shop.put(make_route(rules=[make_rule("/", name="live"), make_rule("/", name="argo")]))
    shop.given = {"httpRoute": "web", "httpRouteRuleName": "argo"}
    shop.weigh(40)
    assert shop.split() == [[("demo-stable", 100), ("demo-canary", 0)], [("demo-stable", 60), ("demo-canary", 40)]]
    shop.cluster.edit(kinds["HTTPRoute"], "shop", "web", {"spec": {"rules": [live(shop.rules()[0]), shop.rules()[1]]}})
    shop.weigh(0)
    assert "labels" not in shop.find()["metadata"], "what another rule sends to the canary is none of ours"
    shop.given = {"httpRoutes": [{"name": "web", "ruleName": "nowhere"}]}
    assert "no rule is called nowhere" in shop.problems()[0].detail


def test_several_routes_of_every_kind_move_together(shop: Any, make_route: Make, make_rule: Make) -> None:
    shop.put(
        make_route("api"), *(make_route("l4", kind, [make_rule()]) for kind in ("GRPCRoute", "TCPRoute", "TLSRoute"))
    )
    listed = [{"name": "web"}, {"name": "api"}]
    shop.given = {"httpRoutes": listed, "grpcRoute": "l4", "tcpRoutes": [{"name": "l4"}], "tlsRoute": "l4"}
    shop.weigh(25)
    share = [[("demo-stable", 75), ("demo-canary", 25)]]
    assert shop.split("web") == shop.split("api") == share
    assert shop.split("l4", "GRPCRoute") == shop.split("l4", "TCPRoute") == shop.split("l4", "TLSRoute") == share
    assert set(shop.weights().values()) == {Weights(25)}
    assert set(shop.weights()) == {"web", "api", "l4", "TCPRoute l4", "TLSRoute l4"}


def test_routes_are_found_by_their_labels(shop: Any, make_route: Make) -> None:
    shop.put(
        make_route("a", labels={"app": "demo", "tier": "edge"}),
        make_route("b", labels={"app": "demo", "tier": "inner"}),
        make_route("c", labels={"app": "demo"}),
    )
    expression = {"key": "tier", "operator": "NotIn", "values": ["inner"]}
    shop.given = {"httpRouteSelector": {"matchLabels": {"app": "demo"}, "matchExpressions": [expression]}}
    shop.weigh(25)
    assert set(shop.weights()) == {"a", "c"}
    assert shop.split("b") == [[("demo-stable", 100), ("demo-canary", 0)]]


def test_a_selector_that_finds_nothing_is_told(shop: Any) -> None:
    shop.given = {"grpcRouteSelector": {"matchLabels": {"app": "demo"}}}
    (problem,) = shop.problems()
    assert problem.path == f"{PATH}.grpcRouteSelector"
    assert "selects no GRPCRoute in namespace shop" in problem.detail


def test_an_absent_route_is_told_and_retried(shop: Any) -> None:
    shop.given = {"httpRoute": "nowhere"}
    (problem,) = shop.problems()
    assert problem.missing
    assert problem.detail == 'httproutes.gateway.networking.k8s.io "nowhere" not found in namespace shop'
    with pytest.raises(NotFound, match="nowhere"):
        shop.weigh(10)


def test_two_rollouts_share_a_route_and_the_label_stays_until_both_are_done(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make
) -> None:
    others = [make_ref("b-stable", 100), make_ref("b-canary", 0)]
    shop.put(make_route(rules=[make_rule("/a"), make_rule("/b", refs=others)]))
    mine, services = shop.name, shop.services
    shop.weigh(30)
    shop.name, shop.services = "b", ("b-canary", "b-stable")
    shop.weigh(50)
    assert shop.find()["metadata"]["annotations"] == {ACTIVE: "shop/b,shop/demo"}
    shop.weigh(0)
    assert shop.find()["metadata"]["annotations"] == {ACTIVE: "shop/demo"}
    assert shop.find()["metadata"]["labels"] == {LABEL: "in-progress"}
    shop.name, shop.services = mine, services
    shop.weigh(0)
    assert "annotations" not in shop.find()["metadata"]
    assert "labels" not in shop.find()["metadata"]


def test_the_label_can_be_another_or_none(shop: Any) -> None:
    shop.given |= {
        "inProgressLabelKey": "x.io/canary",
        "inProgressLabelValue": "yes",
        "activeRolloutsAnnotationKey": "x.io/who",
    }
    shop.weigh(10)
    assert shop.find()["metadata"]["labels"] == {"x.io/canary": "yes"}
    assert shop.find()["metadata"]["annotations"] == {"x.io/who": "shop/demo"}
    shop.weigh(0)
    shop.given = {"httpRoute": "web", "disableInProgressLabel": True}
    shop.weigh(10)
    assert "labels" not in shop.find()["metadata"]


def test_an_experiment_gets_its_share_of_what_is_left_to_stable(shop: Any, make_service: Make) -> None:
    shop.put(make_service("demo-canary", {"name": "http", "port": 80, "targetPort": 8080}))
    shop.weigh(20, Destination("demo-exp", 5))
    assert shop.split() == [[("demo-stable", 75), ("demo-canary", 20), ("demo-exp", 5)]]
    assert shop.rules()[0]["backendRefs"][2]["port"] == 8080, "an Experiment's Service offers the containers' ports"
    assert shop.weights() == {"web": Weights(20, additional=(Destination("demo-exp", 5),))}
    shop.weigh(25)
    assert shop.split() == [[("demo-stable", 75), ("demo-canary", 25)]]


def test_an_experiment_behind_a_named_port_is_asked_for_its_number(shop: Any, make_service: Make) -> None:
    shop.put(make_service("demo-canary", {"name": "http", "port": 80, "targetPort": "web"}))
    with pytest.raises(Pending, match="Service demo-exp of an experiment does not exist yet"):
        shop.weigh(20, Destination("demo-exp", 5))
    assert shop.written() == []
    shop.put(make_service("demo-exp", {"name": "metrics", "port": 9000}, {"name": "web", "port": 8080}))
    shop.weigh(20, Destination("demo-exp", 5))
    assert shop.rules()[0]["backendRefs"][2]["port"] == 8080


def test_an_experiment_leaves_backends_of_others_alone(
    shop: Any, make_route: Make, make_rule: Make, make_ref: Make
) -> None:
    refs = [make_ref("demo-stable", 90), make_ref("demo-canary", 0), make_ref("theirs", 10)]
    shop.put(make_route(rules=[make_rule("/", refs=refs)]))
    shop.weigh(20, Destination("demo-exp", 5))
    shop.weigh(20)
    assert shop.split() == [[("demo-stable", 80), ("demo-canary", 20), ("theirs", 10)]]


def test_routes_in_another_namespace_need_a_grant(shop: Any, make_route: Make, make_rule: Make, make_ref: Make) -> None:
    refs = [make_ref(name, weight, namespace="shop") for name, weight in (("demo-stable", 100), ("demo-canary", 0))]
    shop.put(make_route(rules=[make_rule("/", refs=refs)], namespace="edge"))
    shop.given = {"httpRoute": "web", "namespace": "edge"}
    told = [problem.detail for problem in shop.problems()]
    assert len(told) == 2
    assert (
        "no ReferenceGrant in namespace shop lets HTTPRoute `web` of namespace edge refer to Service demo-stable"
        in told[0]
    )
    grant: dict[str, Any] = {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "edge", "namespace": "shop"},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "edge"}],
            "to": [{"group": "", "kind": "Service", "name": "demo-stable"}],
        },
    }
    shop.put(grant)
    assert ["demo-canary" in problem.detail for problem in shop.problems()] == [True]
    grant["spec"]["to"] = [{"group": "", "kind": "Service"}]
    shop.put(grant)
    assert shop.problems() == ()
    shop.weigh(25)
    assert shop.split(namespace="edge") == [[("demo-stable", 75), ("demo-canary", 25)]]
    assert shop.split() == [[("demo-stable", 100), ("demo-canary", 0)]], "the namesake in the Rollout's own namespace"


def test_a_backend_without_its_namespace_is_explained(shop: Any, make_route: Make) -> None:
    shop.put(make_route(namespace="edge"))
    shop.given = {"httpRoute": "web", "namespace": "edge"}
    assert "its backendRefs mean Services of edge; give them namespace shop" in shop.problems()[0].detail


def test_a_route_of_another_rollout_is_not_touched(shop: Any, make_route: Make) -> None:
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "other", "uid": "u-9", "controller": True}
    shop.put(make_route(ownerReferences=[owner]))
    with pytest.raises(OwnershipError, match="Rollout other"):
        shop.weigh(10)


def test_clean_up_takes_weights_rules_and_marks_back(shop: Any) -> None:
    before = shop.cluster.contents()
    shop.weigh(20, Destination("demo-exp", 5))
    shop.header("h")
    assert MANAGED in shop.find()["metadata"]["annotations"]
    assert shop.clean_up()
    assert shop.cluster.contents() == before
    assert not shop.clean_up()


def test_clean_up_of_a_route_that_is_split_no_more_takes_the_marks(
    shop: Any, make_rule: Make, make_ref: Make, kinds: Any
) -> None:
    shop.weigh(20)
    spec = {"rules": [make_rule("/", refs=[make_ref("elsewhere")])]}
    shop.cluster.edit(kinds["HTTPRoute"], "shop", "web", {"spec": spec})
    assert shop.clean_up()
    assert "annotations" not in shop.find()["metadata"]
    assert shop.rules() == spec["rules"]
