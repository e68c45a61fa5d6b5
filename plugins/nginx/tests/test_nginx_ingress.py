"""What the table does not name: config faults, name collisions, orphans, a change of prefix, bookkeeping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.errors import OwnershipError, Retry, SpecError
from tidegate_nginx.ingress import INGRESS

P = "nginx.ingress.kubernetes.io"
PATH = "spec.strategy.canary.trafficRouting.nginx"
Make = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({"stableIngresses": ["a", "b", "a"]}, "stableIngresses", "a is named twice"),
        ({"stableIngresses": [""]}, "stableIngresses", "found an empty one"),
        ({"stableIngress": "a", "annotationPrefix": "c.example.com/"}, "annotationPrefix", "without a slash"),
        ({"stableIngress": "a", "annotationPrefix": "a b"}, "annotationPrefix", "must be a DNS subdomain"),
        ({"stableIngress": "a", "additionalIngressAnnotations": {"x": 1}}, "additionalIngressAnnotations.x", "string"),
        ({"stableIngress": 7}, "stableIngress", "string"),
    ],
)
def test_a_config_that_cannot_work_is_told_field_by_field(
    shop: Any, given: dict[str, Any], path: str, said: str
) -> None:
    (problem,) = shop.facade.configure("nginx", given, PATH).problems
    assert problem.path == f"{PATH}.{path}"
    assert said in problem.detail


@pytest.mark.parametrize(
    "given", [{"annotationPrefix": ""}, {"stableIngresses": None, "canaryIngressAnnotations": None}]
)
def test_empty_and_null_fields_count_as_absent(shop: Any, given: dict[str, Any]) -> None:
    shop.given |= given
    shop.weigh(5)
    assert shop.annotated() == {f"{P}/canary": "true", f"{P}/canary-weight": "5"}


def test_two_ingresses_with_one_canary_name_are_refused(shop: Any, make_ingress: Make) -> None:
    shop.name = "r" * 200
    names = ["i" * 60 + "a", "i" * 60 + "b"]
    for name in names:
        shop.cluster.apply(make_ingress(name))
    shop.given = {"stableIngresses": names}
    (problem,) = shop.problems()
    assert problem.path == f"{PATH}.stableIngresses[1]"
    assert f"would be the one of {names[0]}" in problem.detail
    with pytest.raises(SpecError):
        shop.weigh(5)


def test_a_canary_name_that_is_a_stable_ingress_is_refused(shop: Any, make_ingress: Make) -> None:
    shop.cluster.apply(make_ingress("demo-web-canary"))
    shop.given = {"stableIngresses": ["web", "demo-web-canary"]}
    assert any("would be the one of demo-web-canary" in problem.detail for problem in shop.problems())


def test_a_cut_that_ends_at_a_dot_is_refused(shop: Any, make_ingress: Make) -> None:
    shop.name = "r" * 200
    shop.given = {"stableIngress": "i" * 44 + ".example"}
    shop.cluster.apply(make_ingress("i" * 44 + ".example"))
    (problem,) = shop.problems()
    assert "which is no valid name; use a shorter name" in problem.detail


def orphan(make_ingress: Make, **owner: Any) -> dict[str, Any]:
    manifest = make_ingress("demo-web-canary")
    reference = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "demo", "controller": True, **owner}
    manifest["metadata"]["ownerReferences"] = [
        reference,
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "c"},
    ]
    return manifest


def test_an_orphan_of_a_former_rollout_of_this_name_is_adopted_on_request(shop: Any, make_ingress: Make) -> None:
    shop.cluster.apply(orphan(make_ingress, uid="u-before-the-restore"))
    with pytest.raises(OwnershipError, match=r"tidegate\.io/nginx\.adopt-orphans"):
        shop.weigh(25)
    shop.annotations["tidegate.io/nginx.adopt-orphans"] = "true"
    assert shop.problems() == ()
    shop.weigh(25)
    owners = shop.canary()["metadata"]["ownerReferences"]
    assert [(owner["kind"], owner["uid"]) for owner in owners] == [("ConfigMap", "c"), ("Rollout", "u-1")]
    assert shop.annotated()[f"{P}/canary-weight"] == "25"
    shop.written()
    shop.weigh(25)
    assert shop.written() == []


def test_a_manifest_in_a_file_has_no_uid_and_is_not_judged_by_its_owner(shop: Any, make_ingress: Make) -> None:
    shop.uid = ""
    shop.cluster.apply(orphan(make_ingress, uid="u-1"))
    assert shop.problems() == ()


@pytest.mark.parametrize("owner", [{"name": "other", "uid": "u-2"}, {"kind": "Deployment", "uid": "u-2"}], ids=str)
def test_a_canary_ingress_with_a_living_owner_is_never_adopted(
    shop: Any, make_ingress: Make, owner: dict[str, Any]
) -> None:
    shop.annotations["tidegate.io/nginx.adopt-orphans"] = "true"
    shop.cluster.apply(orphan(make_ingress, **owner))
    with pytest.raises(OwnershipError, match="rename one of the two"):
        shop.weigh(25)


@pytest.mark.parametrize(
    ("before", "after"), [("", "c.example.com"), ("c.example.com", ""), ("c.example.com", "d.example.com")]
)
def test_a_change_of_the_prefix_takes_the_old_keys_away(shop: Any, before: str, after: str) -> None:
    shop.given["annotationPrefix"] = before
    shop.given["additionalIngressAnnotations"] = {"canary-by-header": "X-C"}
    shop.weigh(25)
    shop.given["annotationPrefix"] = after
    shop.weigh(25)
    prefixes = {key.partition("/")[0] for key in shop.annotated()}
    assert prefixes == {after or P, "tidegate.io"}


def test_a_broken_bookkeeping_list_is_written_anew(shop: Any) -> None:
    shop.given["canaryIngressAnnotations"] = {"a.b/c": "d"}
    shop.weigh(25)
    for broken in ("no json", "7", "[1]"):
        change = {"metadata": {"annotations": {"tidegate.io/owned-annotations": broken}}}
        shop.cluster.edit(INGRESS, "shop", "demo-web-canary", change)
        shop.weigh(25)
        assert shop.owned() == ["a.b/c"]


def test_a_class_that_moves_from_annotation_to_field_moves_on_the_canary_too(shop: Any, make_ingress: Make) -> None:
    stable = make_ingress("web")
    stable["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    del stable["spec"]["ingressClassName"]
    shop.cluster.apply(stable)
    shop.weigh(25)
    shop.cluster.apply(make_ingress("web"))
    shop.weigh(25)
    assert "kubernetes.io/ingress.class" not in shop.annotated()
    assert shop.canary()["spec"]["ingressClassName"] == "nginx"


def test_a_weight_that_a_webhook_changes_is_not_believed(shop: Any) -> None:
    def freeze(manifest: dict[str, Any]) -> dict[str, Any]:
        manifest["metadata"].setdefault("annotations", {})[f"{P}/canary-weight"] = "0"
        return manifest

    shop.cluster.admission = freeze
    with pytest.raises(Retry, match="demo-web-canary carries 0 of 100 after 25 of 100 was written"):
        shop.weigh(25)


def test_the_stable_ingress_is_never_written(shop: Any) -> None:
    for weight in (0, 50, 100, 0):
        shop.weigh(weight)
    while shop.clean_up():
        pass
    assert {name for _, name in shop.written()} == {"demo-web-canary"}
