"""The acceptance table of Istio: the subsets of the DestinationRule, and what is left of us on it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tidegate.errors import NotFound, SpecError
from tidegate.hooks import Destination, Event, Match
from tidegate.hooks.flush import told_by
from tidegate_istio.kinds import DESTINATION_RULE, VIRTUAL_SERVICE

MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
OWNED = "tidegate.io/owned-subsets"
HASH = "rollouts-pod-template-hash"
YES = Match(exact="yes")
EXP = Destination("demo-exp", 5, "eee")


def mark(mesh: Any) -> str | None:
    found: str | None = (mesh.rule()["metadata"].get("annotations") or {}).get(MANAGED_BY)
    return found


def test_i09_both_subsets_follow_their_revision_and_keep_everything_else(mesh: Any, make: Any) -> None:
    rule = make.rule()
    rule["spec"]["trafficPolicy"] = {"loadBalancer": {"simple": "LEAST_REQUEST"}}
    rule["spec"]["subsets"][0]["trafficPolicy"] = {"connectionPool": {"tcp": {"maxConnections": 10}}}
    mesh.put(rule)
    done = mesh.follow("bbb", "aaa")
    assert mesh.written() == [("DestinationRule", "demo-dr")]
    assert mark(mesh) == "demo"
    assert mesh.labels() == {"canary": {"app": "demo", HASH: "bbb"}, "stable": {"app": "demo", HASH: "aaa"}}
    assert mesh.rule()["spec"]["trafficPolicy"] == rule["spec"]["trafficPolicy"]
    assert mesh.rule()["spec"]["subsets"][0]["trafficPolicy"] == rule["spec"]["subsets"][0]["trafficPolicy"]
    said = "DestinationRule demo-dr subset updated (canary: bbb, stable: aaa)"
    assert done.events == (Event("UpdatedDestinationRule", said),)


def test_i10_the_same_hashes_again_write_nothing(mesh: Any) -> None:
    mesh.follow("bbb", "aaa")
    mesh.written()
    assert mesh.follow("bbb", "aaa").events == ()
    assert mesh.written() == []


def test_i11_a_revision_that_does_not_exist_has_no_label(mesh: Any) -> None:
    mesh.follow("", "aaa")
    assert mesh.labels() == {"canary": {"app": "demo"}, "stable": {"app": "demo", HASH: "aaa"}}


def test_i12_subsets_of_others_are_kept(mesh: Any, make: Any) -> None:
    v0 = {"name": "v0", "labels": {"version": "v0"}}
    mesh.put(make.rule(v0))
    mesh.follow("bbb", "aaa")
    assert mesh.rule()["spec"]["subsets"][2] == v0


def test_i13_hashes_are_written_as_they_are_given(mesh: Any) -> None:
    """Whether to wait for pods is decided before the router is asked; it neither waits nor fails."""
    assert mesh.follow("ccc", "aaa").wrote
    assert mesh.labels()["canary"][HASH] == "ccc"


def test_i14_labels_that_are_right_already_are_no_change(mesh: Any) -> None:
    mesh.follow("aaa", "aaa")
    before = mesh.rule()
    assert not mesh.follow("aaa", "aaa").wrote
    assert mesh.rule() == before


def test_i37_a_deleted_rollout_leaves_the_rule_bare_and_the_virtual_service_as_it_is(mesh: Any) -> None:
    mesh.follow("bbb", "aaa")
    mesh.weigh(25)
    before = mesh.service()
    mesh.deleted = True
    assert mesh.clean_up().wrote
    assert mesh.labels() == {"canary": {"app": "demo"}, "stable": {"app": "demo"}}
    assert mark(mesh) is None
    assert mesh.service() == before
    assert not mesh.clean_up().wrote


def test_i37_a_rule_that_is_gone_too_is_no_error(mesh: Any) -> None:
    mesh.cluster.remove(DESTINATION_RULE, "shop", "demo-dr")
    mesh.deleted = True
    assert not mesh.clean_up().wrote


def test_i38_a_missing_rule_is_an_error_with_its_own_reason(mesh: Any) -> None:
    mesh.cluster.remove(DESTINATION_RULE, "shop", "demo-dr")
    assert mesh.problems() == ()
    with pytest.raises(NotFound, match=r"^DestinationRule `demo-dr` not found$") as caught:
        mesh.follow("bbb", "aaa")
    assert told_by(caught.value) == (
        Event("DestinationRuleNotFound", "DestinationRule `demo-dr` not found", "Warning"),
    )
    assert mesh.written() == []


def test_i39_the_rule_is_watched_by_its_name_whatever_marks_it_carries(mesh: Any) -> None:
    refs = {(ref.kind.kind, ref.name): ref.required for ref in mesh.facade.reads("istio", mesh.target)}
    assert refs == {("VirtualService", "demo-vs"): True, ("DestinationRule", "demo-dr"): False}


def test_i39_a_rule_that_comes_later_gets_mark_and_labels(mesh: Any, make: Any) -> None:
    mesh.cluster.remove(DESTINATION_RULE, "shop", "demo-dr")
    mesh.put(make.rule())
    mesh.follow("bbb", "aaa")
    assert mark(mesh) == "demo"
    assert mesh.labels()["canary"][HASH] == "bbb"
    mesh.weigh(25)
    assert mesh.shares() == [("stable", 75), ("canary", 25)]


def test_i40_a_field_beside_the_labels_causes_no_writes(mesh: Any, make: Any) -> None:
    rule = make.rule()
    rule["spec"]["subsets"][1]["trafficPolicy"] = {"tls": {"mode": "ISTIO_MUTUAL"}}
    mesh.put(rule)
    mesh.follow("aaa", "aaa")
    mesh.written()
    assert [mesh.follow("aaa", "aaa").events for _ in range(5)] == [()] * 5
    assert mesh.written() == []


def test_i44_labels_and_weights_of_a_promotion_take_one_write_each(mesh: Any) -> None:
    mesh.follow("bbb", "aaa")
    mesh.weigh(100)
    mesh.written()
    mesh.follow("bbb", "bbb")
    mesh.weigh(0)
    assert mesh.written() == [("DestinationRule", "demo-dr"), ("VirtualService", "demo-vs")]
    assert mesh.labels()["stable"][HASH] == mesh.labels()["canary"][HASH] == "bbb"
    assert mesh.shares() == [("stable", 100), ("canary", 0)]


@pytest.mark.parametrize(("name", "field"), [("canary", "canarySubsetName"), ("stable", "stableSubsetName")])
def test_a_rule_that_lacks_a_subset_is_an_error(mesh: Any, make: Any, name: str, field: str) -> None:
    rule = make.rule()
    rule["spec"]["subsets"] = [subset for subset in rule["spec"]["subsets"] if subset["name"] != name]
    mesh.put(rule)
    (problem,) = mesh.problems()
    assert problem.path.endswith(f"destinationRule.{field}")
    assert f"has no subset '{name}'" in problem.detail
    with pytest.raises(SpecError, match=f"has no subset '{name}'"):
        mesh.follow("bbb", "aaa")


def test_two_rollouts_in_one_rule_do_not_take_the_mark_from_one_another(mesh: Any, make: Any) -> None:
    mesh.put(make.rule({"name": "c2"}, {"name": "s2"}))
    other = second(mesh)
    assert mesh.follow("bbb", "aaa").wrote
    assert other.follow("yyy", "xxx").wrote
    assert not mesh.follow("bbb", "aaa").wrote
    assert not other.follow("yyy", "xxx").wrote
    assert mark(mesh) == "demo"
    assert {name: labels[HASH] for name, labels in mesh.labels().items()} == {
        "canary": "bbb",
        "stable": "aaa",
        "c2": "yyy",
        "s2": "xxx",
    }
    other.clean_up()
    assert mark(mesh) == "demo"
    assert mesh.labels()["c2"] == {}
    assert mesh.labels()["canary"][HASH] == "bbb"


def second(mesh: Any) -> Any:
    """Another Rollout with subsets of its own in the same rule."""
    other = copy.copy(mesh)
    other.name = "second"
    other.given = copy.deepcopy(mesh.given)
    other.given["destinationRule"] |= {"canarySubsetName": "c2", "stableSubsetName": "s2"}
    return other


def test_the_mark_passes_on_when_its_rollout_leaves(mesh: Any, make: Any) -> None:
    mesh.put(make.rule({"name": "c2"}, {"name": "s2"}))
    other = second(mesh)
    mesh.follow("bbb", "aaa")
    other.follow("yyy", "xxx")
    mesh.clean_up()
    assert mark(mesh) is None
    assert mesh.labels() == {
        "canary": {"app": "demo"},
        "stable": {"app": "demo"},
        "c2": {HASH: "yyy"},
        "s2": {HASH: "xxx"},
    }
    other.follow("yyy", "xxx")
    assert mark(mesh) == "second"
    other.clean_up()
    assert "annotations" not in mesh.rule()["metadata"] or mesh.rule()["metadata"]["annotations"] == {}
    assert mesh.labels()["c2"] == {}


def test_a_subset_follows_one_rollout_only(mesh: Any, make: Any) -> None:
    mesh.put(make.rule({"name": "c2"}, {"name": "s2"}))
    other = second(mesh)
    mesh.follow("bbb", "aaa")
    other.follow("yyy", "xxx")
    other.given["destinationRule"]["canarySubsetName"] = "canary"
    mesh.given["destinationRule"]["stableSubsetName"] = "s2"
    for each, field, whose in ((other, "canarySubsetName", "demo"), (mesh, "stableSubsetName", "shop/second")):
        (problem,) = [found for found in each.problems() if "destinationRule" in found.path]
        assert problem.path.endswith(field)
        assert f"follows Rollout {whose}" in problem.detail
        before = mesh.rule()
        with pytest.raises(SpecError, match=f"follows Rollout {whose}"):
            each.follow("zzz", "www")
        assert mesh.rule() == before


def test_i37_whose_labels_they_are_is_found_without_the_rollout(mesh: Any, make: Any) -> None:
    mesh.put(make.rule({"name": "c2"}, {"name": "s2"}))
    mesh.follow("bbb", "aaa")
    second(mesh).follow("yyy", "xxx")
    claims = mesh.facade.claims("istio", DESTINATION_RULE, mesh.rule())
    assert set(claims) == {"demo", "second"}
    left = {"demo": ("c2", "s2"), "second": ()}
    for name, config in sorted(claims.items()):
        gone = copy.copy(mesh)
        gone.name, gone.given, gone.deleted = name, config, True
        assert gone.clean_up().wrote
        assert tuple(subset for subset, labels in mesh.labels().items() if HASH in labels) == left[name]
        assert not gone.clean_up().wrote
    assert mesh.facade.claims("istio", DESTINATION_RULE, mesh.rule()) == {}


def test_i37_a_rule_that_argo_rollouts_has_marked_is_claimed_too(mesh: Any, make: Any) -> None:
    rule = make.rule()
    rule["metadata"]["annotations"] = {MANAGED_BY: "gone"}
    rule["spec"]["subsets"][0].pop("labels")
    mesh.put(rule)
    claims = mesh.facade.claims("istio", DESTINATION_RULE, rule)
    mesh.name, mesh.given, mesh.deleted = "gone", claims["gone"], True
    mesh.clean_up()
    assert mark(mesh) is None
    assert mesh.labels() == {"canary": {}, "stable": {"app": "demo"}}
    assert mesh.facade.claims("istio", VIRTUAL_SERVICE, mesh.service()) == {}


def test_a_claim_on_a_rule_without_subsets_has_a_config_that_can_be_read(mesh: Any, make: Any) -> None:
    rule = make.rule()
    rule["metadata"]["annotations"] = {MANAGED_BY: "gone"}
    rule["spec"]["subsets"] = []
    mesh.given = mesh.facade.claims("istio", DESTINATION_RULE, rule)["gone"]
    assert mesh.refused() == []


def test_an_experiment_gets_a_subset_and_loses_it_again(mesh: Any, make: Any) -> None:
    v0 = {"name": "v0", "labels": {"version": "v0"}}
    mesh.put(make.rule(v0))
    before = mesh.rule()["spec"]
    mesh.weigh(25, EXP)
    assert mesh.rule()["spec"]["subsets"][3] == {"name": "demo-exp", "labels": {HASH: "eee"}}
    mesh.written()
    mesh.follow("aaa", "aaa")
    mesh.weigh(25, EXP)
    assert mesh.written() == [("DestinationRule", "demo-dr")], "only the mark is new"
    mesh.weigh(25)
    assert mesh.rule()["spec"] == before
    assert OWNED not in mesh.rule()["metadata"]["annotations"]


def test_an_experiment_with_a_subset_of_the_users_own_leaves_it_there(mesh: Any, make: Any) -> None:
    mesh.put(make.rule({"name": "demo-exp", "labels": {"app": "exp"}}))
    mesh.weigh(25, EXP)
    assert mesh.labels()["demo-exp"] == {"app": "exp", HASH: "eee"}
    mesh.weigh(25)
    assert mesh.labels()["demo-exp"]["app"] == "exp"


def test_clean_up_gives_both_objects_back(mesh: Any, make: Any) -> None:
    rule = make.rule()
    for subset in rule["spec"]["subsets"]:
        subset.pop("labels")
    mesh.put(rule)
    before = mesh.cluster.contents()
    mesh.follow("bbb", "aaa")
    mesh.weigh(25, EXP)
    mesh.header("h", ("X-Canary", YES))
    assert mesh.cluster.contents() != before
    assert mesh.clean_up().wrote
    assert mesh.cluster.contents() == before
    assert not mesh.clean_up().wrote


def test_clean_up_goes_on_where_somebody_has_rebuilt_the_routes(mesh: Any, make: Any) -> None:
    mesh.follow("bbb", "aaa")
    mesh.put(make.virtual_service(make.route("primary", make.destination("elsewhere"))))
    assert mesh.clean_up().wrote
    assert mark(mesh) is None
    mesh.cluster.remove(VIRTUAL_SERVICE, "shop", "demo-vs")
    assert not mesh.clean_up().wrote
