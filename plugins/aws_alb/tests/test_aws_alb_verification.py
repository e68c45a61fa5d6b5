"""Whether a weight is in force: the rows of the acceptance table that ask AWS, and what else can go wrong there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.hooks import Event
from tidegate_aws_alb.aws.errors import Gone, Refused, Throttled, Unreachable
from tidegate_aws_alb.aws.memory import Cache, Patience

HOST = "shop-1.eu-central-1.elb.amazonaws.com"
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"
CANARY = f"Service demo-canary (TargetGroup {ARN}:targetgroup/tg-canary/456)"
STABLE = f"Service demo-stable (TargetGroup {ARN}:targetgroup/tg-stable/456)"
Make = Callable[..., dict[str, Any]]


def slices(*addresses: str, conditions: dict[str, bool] | None = None) -> dict[str, Any]:
    """The EndpointSlice of `demo-stable`; conditions apply to all addresses."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "demo-stable-1",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": "demo-stable"},
        },
        "ports": [{"name": "metrics", "port": 9090}, {"name": "https", "port": 8443}],
        "endpoints": [{"addresses": [each], "conditions": conditions or {}} for each in addresses],
    }


def binding(group: str, service: str = "demo-stable", port: object = 443, kind: str = "ip") -> dict[str, Any]:
    return {
        "apiVersion": "elbv2.k8s.aws/v1beta1",
        "kind": "TargetGroupBinding",
        "metadata": {"name": f"k8s-{service}", "namespace": "shop"},
        "spec": {
            "serviceRef": {"name": service, "port": port},
            "targetType": kind,
            "targetGroupARN": group,
        },
    }


def targets(*addresses: str, state: str = "healthy", port: int = 8443) -> list[dict[str, Any]]:
    return [{"Target": {"Id": each, "Port": port}, "TargetHealth": {"State": state}} for each in addresses]


def test_a20_switched_off_it_asks_nothing_and_clears_the_status(shop: Any) -> None:
    verdict = shop.verdict(25)
    assert verdict.verified is None
    assert verdict.status == {"alb": None, "albs": None}
    assert verdict.events == ()


def test_a21_exact_weights_are_verified_and_the_status_is_filled(verifying: Any, account: Any) -> None:
    account.split(demo_canary=25, demo_stable=75)
    verdict = verifying.verdict(25)
    assert verdict.verified is True
    assert verdict.events == (Event("TargetGroupVerified", f"{CANARY} verified: canary weight 25 set"),)
    entry = verdict.status["alb"]
    assert verdict.status["albs"] == [entry]
    assert entry["ingress"] == "web"
    assert entry["loadBalancer"]["arn"] == account.arn
    assert entry["canaryTargetGroup"]["name"] == "tg-canary"
    assert entry["stableTargetGroup"]["name"] == "tg-stable"


def test_a22_weights_that_are_not_there_yet_are_told(verifying: Any, account: Any) -> None:
    account.split(demo_canary=10, demo_stable=90)
    verdict = verifying.verdict(25)
    assert verdict.verified is False
    said = f"{CANARY} not verified: canary weight 25 not yet set (current: 10)"
    assert verdict.events == (Event("TargetGroupUnverified", said, "Warning"),)
    assert verdict.message == said
    assert verdict.retry_after_s == 10


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_a23_the_rule_of_a_header_route_says_nothing_about_the_split(verifying: Any, account: Any, first: bool) -> None:
    splits = [{"demo_canary": 100}, {"demo_canary": 25, "demo_stable": 75}]
    for weights in splits if first else reversed(splits):
        account.split(**weights)
    assert verifying.verdict(25).verified is True


def test_a24_every_listener_has_to_carry_the_weights(verifying: Any, account: Any) -> None:
    account.split(0, demo_canary=25, demo_stable=75)
    account.split(1, demo_canary=10, demo_stable=90)
    assert verifying.verdict(25).verified is False
    account.elb.rules[account.arn][1].clear()
    account.split(1, demo_canary=25, demo_stable=75)
    assert verifying.verdict(25).verified is True


def test_a25_two_ingresses_with_an_experiment_can_be_verified(verifying: Any, account: Any, make_ingress: Make) -> None:
    verifying.given = {"ingresses": ["web", "admin"], "rootService": "demo-root", "servicePort": 443}
    verifying.cluster.apply(make_ingress("admin", hosts=["admin-1.elb.amazonaws.com"]))
    account.group["demo-exp"] = account.elb.add_group(account.arn, "tg-exp", "shop/web-demo-exp:443")
    account.split(demo_canary=25, demo_exp=5, demo_stable=70)
    admin = account.elb.add_balancer("lb-admin", "admin-1.elb.amazonaws.com")
    shares = {"canary": 25, "exp": 5, "stable": 70}
    groups = {r: account.elb.add_group(admin, f"tg-a-{r}", f"shop/admin-demo-{r}:443") for r in shares}
    rule = {groups[role]: weight for role, weight in shares.items()}
    account.elb.rules[admin] = [[rule]]
    verdict = verifying.verdict(25, demo_exp=5)
    assert verdict.verified is True
    assert [each["ingress"] for each in verdict.status["albs"]] == ["web", "admin"]
    assert verdict.status["alb"]["ingress"] == "admin"
    rule[groups["exp"]] = 4
    verdict = verifying.verdict(25, demo_exp=5)
    assert verdict.verified is False
    assert "experiment weight 5 not yet set (current: 4)" in verdict.message
    assert "lb-x" not in verdict.message


def test_a26_a_host_that_aws_does_not_know_is_told(verifying: Any, account: Any, make_ingress: Make) -> None:
    verifying.cluster.apply(make_ingress("web", hosts=["gone.elb.amazonaws.com"]))
    verdict = verifying.verdict(25)
    assert verdict.verified is False
    said = "Failed to find load balancer: gone.elb.amazonaws.com"
    assert verdict.events == (Event("LoadBalancerNotFound", said, "Warning"),)
    assert verdict.status == {}


def test_a27_tags_are_asked_for_twenty_at_a_time(verifying: Any, account: Any) -> None:
    for number in range(19):
        account.elb.add_group(account.arn, f"tg-{number}", "")
    account.split(demo_canary=25, demo_stable=75)
    assert verifying.verdict(25).verified is True
    asked = [arguments["ResourceArns"] for name, arguments in account.elb.asked if name == "describe_tags"]
    assert [len(arns) for arns in asked] == [20, 1]


def test_a28_throttling_is_a_no_with_a_growing_pause_for_all(verifying: Any, account: Any) -> None:
    account.split(demo_canary=25, demo_stable=75)
    account.elb.fail["describe_rules"] = Throttled("DescribeRules: Throttling: Rate exceeded")
    first = verifying.verdict(25)
    assert first.verified is False
    assert first.events == (
        Event(
            "TargetGroupVerifyError",
            "Failed to verify Service demo-canary (TargetGroup unknown): DescribeRules: Throttling: Rate exceeded",
            "Warning",
        ),
    )
    pauses = [first.retry_after_s]
    for _ in range(6):
        asked = len(account.elb.asked)
        account.now += pauses[-1] - 1
        again = verifying.verdict(25)
        assert (again.verified, len(account.elb.asked)) == (False, asked), "it asks in the pause"
        account.now += 1
        last = verifying.verdict(25)
        assert {again.message, last.message} == {first.message}, "a text that changes is an event that repeats"
        assert len(account.elb.asked) > asked
        pauses.append(last.retry_after_s)
    assert pauses == [10, 20, 40, 80, 160, 160, 160]
    account.elb.fail.clear()
    account.now += 160
    assert verifying.verdict(25).verified is True
    account.elb.fail["describe_rules"] = Throttled("x")
    assert verifying.verdict(25).retry_after_s == 10, "the pause starts small again"


def test_a29_full_names_are_what_cloudwatch_calls_the_dimensions(verifying: Any, account: Any) -> None:
    account.split(demo_canary=25, demo_stable=75)
    entry = verifying.verdict(25).status["alb"]
    assert entry["loadBalancer"]["fullName"] == "lb-x/123"
    assert entry["canaryTargetGroup"]["fullName"] == "tg-canary/456"
    assert entry["loadBalancer"]["name"] == "lb-x"


def test_a30_pods_that_are_not_registered_hold_a_promotion(verifying: Any, account: Any) -> None:
    account.split(demo_canary=0, demo_stable=100)
    group = account.group["demo-stable"]
    verifying.cluster.apply(binding(group))
    verifying.cluster.apply(slices(*(f"10.0.0.{n}" for n in range(10))))
    account.elb.targets[group] = targets("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.9.9")
    verdict = verifying.verdict(0)
    assert verdict.verified is False
    assert verdict.retry_after_s == 10
    assert f"{STABLE} not verified: 3/10 endpoints registered" in verdict.message
    assert verdict.events[-1].reason == "TargetGroupUnverified"
    account.elb.targets[group] = targets(*(f"10.0.0.{n}" for n in range(10)), state="initial")
    verdict = verifying.verdict(0)
    assert verdict.verified is True
    assert verdict.events[-1] == Event("TargetGroupVerified", f"{STABLE} verified: 10 endpoints registered")


@pytest.mark.parametrize("port", [443, "https"], ids=["by number", "by name"])
def test_a31_endpoints_are_found_by_the_name_of_the_services_port(verifying: Any, account: Any, port: object) -> None:
    account.split(demo_canary=0, demo_stable=100)
    group = account.group["demo-stable"]
    verifying.cluster.apply(binding(group, port=port))
    verifying.cluster.apply(slices("10.0.0.1"))  # the Service's targetPort is called `web`, its port `https`
    account.elb.targets[group] = targets("10.0.0.1", port=9090)
    verdict = verifying.verdict(0)
    assert verdict.verified is False
    assert "0/1 endpoints registered" in verdict.message
    account.elb.targets[group] = targets("10.0.0.1")
    assert verifying.verdict(0).verified is True


@pytest.mark.parametrize(("family", "address"), [("ipv4", "10.0.0.1"), ("ipv6", "fd00::1"), (None, "10.0.0.1")])
def test_only_endpoints_of_the_groups_address_type_are_waited_for(
    verifying: Any, account: Any, family: str | None, address: str
) -> None:
    account.split(demo_canary=0, demo_stable=100)
    group = account.group["demo-stable"]
    bound = binding(group)
    bound["spec"]["ipAddressType"] = family
    verifying.cluster.apply(bound)
    verifying.cluster.apply({**slices("10.0.0.1"), "addressType": "IPv4"})
    second = {**slices("fd00::1"), "addressType": "IPv6"}
    verifying.cluster.apply({**second, "metadata": {**second["metadata"], "name": "demo-stable-2"}})
    assert "0/1 endpoints registered" in verifying.verdict(0).message
    account.elb.targets[group] = targets(address)
    assert verifying.verdict(0).verified is True


def test_a_target_on_its_way_out_does_not_count_as_registered(verifying: Any, account: Any) -> None:
    account.split(demo_canary=0, demo_stable=100)
    group = account.group["demo-stable"]
    verifying.cluster.apply(binding(group))
    verifying.cluster.apply(slices("10.0.0.1"))
    account.elb.targets[group] = targets("10.0.0.1", state="draining")
    assert "0/1 endpoints registered" in verifying.verdict(0).message


@pytest.mark.parametrize("conditions", [{"ready": False}, {"ready": True, "terminating": True}], ids=str)
def test_no_endpoint_is_not_verified_while_pods_are_wanted(
    verifying: Any, account: Any, conditions: dict[str, bool]
) -> None:
    account.split(demo_canary=0, demo_stable=100)
    verifying.cluster.apply(binding(account.group["demo-stable"]))
    assert "0/10 endpoints registered" in verifying.verdict(0).message
    verifying.cluster.apply(slices("10.0.0.1", conditions=conditions))
    assert "0/10 endpoints registered" in verifying.verdict(0).message
    verifying.changes["replicas"] = 0
    assert verifying.verdict(0).verified is True


def test_pods_are_asked_for_only_behind_services_that_get_requests(verifying: Any, account: Any) -> None:
    account.split(demo_canary=0, demo_stable=100)
    verifying.cluster.apply(binding(account.group["demo-canary"], "demo-canary"))
    assert verifying.verdict(0).verified is True
    assert account.elb.count("describe_target_health") == 0
    account.elb.rules[account.arn][0].clear()
    account.split(demo_canary=5, demo_stable=95)
    assert verifying.verdict(5).verified is False


@pytest.mark.parametrize(
    "other",
    [{"kind": "instance"}, {"port": 80}, {"service": "demo-other"}],
    ids=["instances", "another port", "another service"],
)
def test_targets_of_another_kind_are_nothing_to_wait_for(verifying: Any, account: Any, other: dict[str, Any]) -> None:
    account.split(demo_canary=0, demo_stable=100)
    verifying.cluster.apply(binding(account.group["demo-stable"], **other))
    assert verifying.verdict(0).verified is True


def test_nobody_asks_for_pods_before_the_weights_are_there(verifying: Any, account: Any) -> None:
    account.split(demo_canary=10, demo_stable=90)
    verifying.cluster.apply(binding(account.group["demo-stable"]))
    assert verifying.verdict(25).verified is False
    assert account.elb.count("describe_target_health") == 0


def test_a_load_balancer_that_is_not_there_yet_is_waited_for(verifying: Any, make_ingress: Make) -> None:
    verifying.cluster.apply(make_ingress("web", hosts=[]))
    verdict = verifying.verdict(25)
    assert (verdict.verified, verdict.message) == (False, "Ingress web: LoadBalancer not yet allocated")


def test_a_network_load_balancer_in_front_is_passed_over(verifying: Any, account: Any, make_ingress: Make) -> None:
    account.elb.add_balancer("front", "nlb.elb.amazonaws.com", kind="network")
    account.split(demo_canary=25, demo_stable=75)
    verifying.cluster.apply(make_ingress("web", hosts=[HOST, "nlb.elb.amazonaws.com"]))
    verdict = verifying.verdict(25)
    assert verdict.verified is True
    assert len(verdict.events) == 1
    verifying.cluster.apply(make_ingress("web", hosts=["nlb.elb.amazonaws.com"]))
    assert "no application load balancer among its host names" in verifying.verdict(25).message


def test_a_dual_stack_host_name_is_the_same_load_balancer(verifying: Any, account: Any, make_ingress: Make) -> None:
    account.split(demo_canary=25, demo_stable=75)
    verifying.cluster.apply(make_ingress("web", hosts=[f"dualstack.{HOST.upper()}"]))
    assert verifying.verdict(25).verified is True


def test_the_stable_weight_is_compared_too(verifying: Any, account: Any) -> None:
    account.split(demo_canary=25, demo_stable=50)
    verdict = verifying.verdict(25)
    assert verdict.message == f"{STABLE} not verified: stable weight 75 not yet set (current: 50)"


@pytest.mark.parametrize(
    "weights", [{}, {"demo_canary": 100}, {"demo_canary": 25, "demo_stable": 70, "demo_exp": 5}], ids=str
)
def test_without_a_rule_of_exactly_our_groups_nothing_is_verified(
    verifying: Any, account: Any, weights: dict[str, int]
) -> None:
    account.group["demo-exp"] = account.elb.add_group(account.arn, "tg-exp", "shop/web-demo-exp:443")
    account.split(**weights)
    verdict = verifying.verdict(25)
    assert verdict.message == f"{CANARY} not verified: no rule forwards to exactly demo-canary, demo-stable yet"


def test_a_target_group_that_comes_late_is_looked_for_afresh(verifying: Any, account: Any) -> None:
    del account.elb.groups[account.arn][account.group["demo-canary"]]
    said = "no target group has the tag shop/web-demo-canary:443 yet"
    assert said in verifying.verdict(25).message
    account.group["demo-canary"] = account.elb.add_group(account.arn, "tg-canary", "shop/web-demo-canary:443")
    account.split(demo_canary=25, demo_stable=75)
    assert verifying.verdict(25).verified is True


def test_hosts_are_remembered_for_ten_minutes_and_groups_for_one(verifying: Any, account: Any) -> None:
    account.split(demo_canary=25, demo_stable=75)
    for seconds, balancers, groups in ((0, 1, 1), (59, 1, 1), (2, 1, 2), (538, 1, 3), (2, 2, 3)):
        account.now += seconds
        assert verifying.verdict(25).verified is True
        asked = account.elb.count("describe_load_balancers"), account.elb.count("describe_tags")
        assert asked == (balancers, groups), seconds


def test_lists_are_read_page_by_page(verifying: Any, account: Any) -> None:
    account.elb.page = 1
    for number in range(3):
        account.elb.add_balancer(f"other-{number}", f"other-{number}.elb.amazonaws.com")
    account.split(0, demo_canary=100)
    account.split(0, demo_canary=25, demo_stable=75)
    account.split(1, demo_canary=25, demo_stable=75)
    assert verifying.verdict(25).verified is True
    assert account.elb.count("describe_load_balancers") == 4
    assert account.elb.count("describe_listeners") == 2


def test_a_marker_that_comes_again_ends_the_question(verifying: Any, account: Any) -> None:
    account.elb.page = 0
    verdict = verifying.verdict(25)
    assert verdict.verified is False
    assert "the marker of the next page comes again and again" in verdict.message


@pytest.mark.parametrize(
    ("error", "after_s", "advice"),
    [
        (Refused("DescribeRules: AccessDenied: not authorized"), 60, "the policy in the README"),
        (Unreachable("Could not connect"), 10, "check region, endpointUrl and the network"),
        (Gone("DescribeRules: ListenerNotFound: x"), 10, "ListenerNotFound"),
    ],
    ids=["refused", "unreachable", "gone"],
)
def test_a_question_without_an_answer_is_a_no_with_a_reason(
    verifying: Any, account: Any, error: Exception, after_s: float, advice: str
) -> None:
    account.split(demo_canary=25, demo_stable=75)
    account.elb.fail["describe_rules"] = error
    verdict = verifying.verdict(25)
    assert (verdict.verified, verdict.retry_after_s) == (False, after_s)
    assert verdict.events[0].reason == "TargetGroupVerifyError"
    assert advice in verdict.message
    account.elb.fail.clear()
    assert verifying.verdict(25).verified is True


def test_an_error_before_anything_was_found_leaves_the_status_alone(verifying: Any, account: Any) -> None:
    account.elb.fail[""] = Unreachable("no route")
    verdict = verifying.verdict(25)
    assert verdict.status == {}
    assert "Failed to verify Service demo-canary (TargetGroup unknown): no route" in verdict.message


def test_what_was_remembered_of_a_deleted_load_balancer_is_forgotten(verifying: Any, account: Any) -> None:
    account.split(demo_canary=25, demo_stable=75)
    assert verifying.verdict(25).verified is True
    account.elb.fail["describe_listeners"] = Gone("DescribeListeners: LoadBalancerNotFound: x")
    verifying.verdict(25)
    account.elb.fail.clear()
    verifying.verdict(25)
    assert account.elb.count("describe_load_balancers") == 2


def test_a_failed_question_about_pods_is_a_no(verifying: Any, account: Any) -> None:
    account.split(demo_canary=0, demo_stable=100)
    verifying.cluster.apply(binding(account.group["demo-stable"]))
    account.elb.fail["describe_target_health"] = Unreachable("cut off")
    verdict = verifying.verdict(0)
    assert verdict.verified is False
    assert "Failed to verify Service demo-stable (TargetGroup unknown): cut off" in verdict.message


def test_ping_pong_swaps_the_groups_of_the_status_with_the_roles(verifying: Any, account: Any) -> None:
    account.split(demo_canary=0, demo_stable=100)
    before = verifying.verdict(0).status["alb"]
    verifying.changes = {"canary_service": "demo-stable", "stable_service": "demo-canary"}
    after = verifying.verdict(100).status["alb"]
    assert after["canaryTargetGroup"] == before["stableTargetGroup"]
    assert after["stableTargetGroup"] == before["canaryTargetGroup"]


def test_one_client_serves_every_thread_and_every_rollout(verifying: Any, account: Any) -> None:
    account.split(demo_canary=25, demo_stable=75)
    together = threading.Barrier(4)
    answers: list[bool | None] = []

    def ask() -> None:
        together.wait()
        answers.append(verifying.verdict(25).verified)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 4
    assert account.connections == 1


def test_a_client_that_could_not_be_made_is_tried_again(verifying: Any, account: Any) -> None:
    account.split(demo_canary=25, demo_stable=75)
    connect, calls = account.connect, []

    def moody(settings: object) -> object:
        calls.append(settings)
        if len(calls) == 1:
            raise Unreachable("You must specify a region.")
        return connect(settings)

    verification = verifying.facade._owner("alb").router._verification
    verification._connect = moody
    assert "You must specify a region." in verifying.verdict(25).message
    assert verifying.verdict(25).verified is True


def test_a_cache_drops_what_has_expired() -> None:
    now = 0.0
    cache: Cache[int, str] = Cache(10, lambda: now)
    for key in range(100):
        now = float(key)
        cache.put(key, "x")
    assert len(cache) == 10
    assert cache.get(89) is None
    assert cache.get(99) == "x"


def test_two_questions_that_are_throttled_at_once_are_one_shortage() -> None:
    now = 0.0
    patience = Patience(lambda: now)
    assert patience.throttled("first").after_s == 10
    now = 4.0
    second = patience.throttled("second")
    assert (str(second), second.after_s) == ("first", 6)
    patience.recovered()
    with pytest.raises(Throttled, match="first"):
        patience.check()
    now = 10.0
    patience.check()
    assert patience.throttled("third").after_s == 20


def test_everything_that_is_looked_at_is_named(verifying: Any, shop: Any) -> None:
    """The services' pods and every binding are selections; without verification nobody watches them."""
    plain = shop.facade.reads("alb", shop.target)
    added = [ref for ref in verifying.facade.reads("alb", verifying.target) if ref not in plain]
    assert [(ref.kind.kind, ref.name, dict(ref.labels), ref.required) for ref in added] == [
        ("TargetGroupBinding", "", {}, False),
        ("EndpointSlice", "", {"kubernetes.io/service-name": "demo-canary"}, False),
        ("EndpointSlice", "", {"kubernetes.io/service-name": "demo-stable"}, False),
    ]


def test_two_load_balancers_of_one_ingress_are_confirmed_once(verifying: Any, account: Any, make_ingress: Make) -> None:
    account.split(demo_canary=25, demo_stable=75)
    second = account.elb.add_balancer("lb-y", "second.elb.amazonaws.com")
    account.elb.groups[second] = dict(account.elb.groups[account.arn])
    account.elb.rules[second] = account.elb.rules[account.arn]
    verifying.cluster.apply(make_ingress("web", hosts=[HOST, "second.elb.amazonaws.com"]))
    verdict = verifying.verdict(25)
    assert verdict.verified is True
    assert len(verdict.events) == 1
