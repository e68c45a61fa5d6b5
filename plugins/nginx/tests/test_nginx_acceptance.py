"""The acceptance table of ingress-nginx, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.errors import NotFound, OwnershipError, SpecError
from tidegate.hooks import Capability, Event, Hashes, HeaderRoute, Match, Weights
from tidegate_nginx import Nginx
from tidegate_nginx.ingress import INGRESS

P = "nginx.ingress.kubernetes.io"
PATH = "spec.strategy.canary.trafficRouting.nginx"
OWNER = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "name": "demo",
    "uid": "u-1",
    "controller": True,
    "blockOwnerDeletion": True,
}
Make = Callable[..., dict[str, Any]]


def a_path(path: str, service: str) -> dict[str, Any]:
    return {"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"name": "http"}}}}


def rules_of(manifest: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (rule["host"], [(path["path"], path["backend"]["service"]["name"]) for path in rule["http"]["paths"]])
        for rule in manifest["spec"]["rules"]
    ]


def test_n01_the_first_weight_creates_the_canary_ingress(shop: Any) -> None:
    done = shop.weigh(0)
    assert shop.bodies() == [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": "demo-web-canary",
                "namespace": "shop",
                "ownerReferences": [OWNER],
                "annotations": {f"{P}/canary": "true", f"{P}/canary-weight": "0"},
            },
            "spec": {
                "ingressClassName": "nginx",
                "tls": [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}],
                "rules": [
                    {
                        "host": "shop.example.com",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "demo-canary", "port": {"number": 80}}},
                                }
                            ]
                        },
                    }
                ],
            },
        }
    ]
    said = "Creating canary ingress `demo-web-canary` with weight `0`"
    assert done.events == (Event("CreatingCanaryIngress", said),)


def test_n02_a_new_weight_patches_one_annotation(shop: Any) -> None:
    shop.weigh(0)
    shop.bodies()
    done = shop.weigh(25)
    assert shop.bodies() == [{"metadata": {"annotations": {f"{P}/canary-weight": "25"}}}]
    said = "Updating Ingress `demo-web-canary` to desiredWeight '25'"
    assert done.events == (Event("PatchingCanaryIngress", said),)


def test_n03_the_same_weight_writes_nothing(shop: Any) -> None:
    shop.weigh(25)
    shop.written()
    assert shop.weigh(25).events == ()
    assert shop.written() == []


def test_n04_a_total_other_than_100_is_written_beside_the_weight(shop: Any) -> None:
    shop.total = 1000
    shop.weigh(15)
    assert shop.annotated() == {f"{P}/canary": "true", f"{P}/canary-weight": "15", f"{P}/canary-weight-total": "1000"}


def test_n05_a_total_that_is_no_longer_wanted_is_removed(shop: Any) -> None:
    shop.total = 1000
    shop.weigh(15)
    shop.bodies()
    shop.total = 100
    shop.weigh(20)
    assert shop.bodies() == [
        {"metadata": {"annotations": {f"{P}/canary-weight": "20", f"{P}/canary-weight-total": None}}}
    ]


def test_n06_another_prefix_replaces_the_default_one(shop: Any) -> None:
    shop.given["annotationPrefix"] = "c.example.com"
    shop.weigh(25)
    keys = shop.annotated()
    assert keys["c.example.com/canary"] == "true"
    assert keys["c.example.com/canary-weight"] == "25"
    assert not [key for key in keys if key.startswith(P)]


def test_n07_additional_annotations_get_the_prefix_once(shop: Any) -> None:
    shop.given["additionalIngressAnnotations"] = {"canary-by-header": "X-C", f"{P}/canary-by-cookie": "c"}
    shop.weigh(0)
    keys = shop.annotated()
    assert (keys[f"{P}/canary-by-header"], keys[f"{P}/canary-by-cookie"]) == ("X-C", "c")
    assert not [key for key in keys if key.count(P) > 1]


def test_n08_nobody_overrides_the_weight(shop: Any) -> None:
    shop.given["canaryIngressAnnotations"] = {f"{P}/canary-weight": "77", "a.b/c": "d"}
    shop.weigh(25)
    assert shop.annotated()[f"{P}/canary-weight"] == "25"
    assert shop.annotated()["a.b/c"] == "d"


def test_n08_canary_annotations_win_over_additional_ones(shop: Any) -> None:
    shop.given["additionalIngressAnnotations"] = {"canary-by-header": "X-Low"}
    shop.given["canaryIngressAnnotations"] = {f"{P}/canary-by-header": "X-High"}
    shop.weigh(25)
    assert shop.annotated()[f"{P}/canary-by-header"] == "X-High"


def test_n09_an_annotation_that_left_the_spec_is_removed(shop: Any) -> None:
    shop.given["additionalIngressAnnotations"] = {"canary-by-header": "X-C"}
    shop.given["canaryIngressAnnotations"] = {"a.b/c": "d"}
    shop.weigh(25)
    assert shop.owned() == ["a.b/c", f"{P}/canary-by-header"]
    shop.bodies()
    del shop.given["additionalIngressAnnotations"], shop.given["canaryIngressAnnotations"]
    shop.weigh(25)
    gone = {f"{P}/canary-by-header": None, "a.b/c": None, "tidegate.io/owned-annotations": None}
    assert shop.bodies() == [{"metadata": {"annotations": gone}}]


def test_n09_what_argo_rollouts_left_behind_without_a_list_is_removed_too(shop: Any) -> None:
    shop.weigh(25)
    left = {f"{P}/canary-by-header": "X-Old", f"{P}/canary-weight-total": "1000", "field.cattle.io/x": "keep"}
    shop.cluster.edit(INGRESS, "shop", "demo-web-canary", {"metadata": {"annotations": left}})
    shop.weigh(25)
    assert shop.annotated() == {f"{P}/canary": "true", f"{P}/canary-weight": "25", "field.cattle.io/x": "keep"}


def test_n10_a_missing_stable_ingress_is_an_error_and_nothing_is_written(shop: Any) -> None:
    shop.cluster.remove(INGRESS, "shop", "web")
    said = 'error retrieving stableIngress `web` from cache: ingress.networking.k8s.io "web" not found'
    with pytest.raises(NotFound, match=f"^{said}$"):
        shop.weigh(0)
    assert shop.written() == []


def test_n11_a_canary_ingress_of_somebody_else_is_not_written(shop: Any, make_ingress: Make) -> None:
    theirs = make_ingress("demo-web-canary")
    theirs["metadata"]["ownerReferences"] = [{**OWNER, "uid": "u-9"}]
    shop.cluster.apply(theirs)
    with pytest.raises(OwnershipError) as caught:
        shop.weigh(25)
    assert str(caught.value).startswith("canary ingress `demo-web-canary` controlled by different object")
    assert "u-9" in str(caught.value)
    assert "u-1" in str(caught.value)
    assert [problem.path for problem in shop.problems()] == [f"{PATH}.stableIngress"]
    assert shop.written() == []


def test_n12_a_canary_ingress_that_the_cache_has_not_seen_is_patched(shop: Any) -> None:
    shop.cluster.freeze()
    shop.weigh(0)
    shop.written()
    shop.weigh(25)
    assert shop.written() == [("patch", "demo-web-canary")]
    assert shop.annotated()[f"{P}/canary-weight"] == "25"


def test_n13_of_several_ingresses_only_the_one_that_lacks_the_weight_is_written(shop: Any, make_ingress: Make) -> None:
    shop.given = {"stableIngress": "web"}
    shop.weigh(25)
    shop.written()
    shop.cluster.apply(make_ingress("admin", host="admin.example.com"))
    shop.given = {"stableIngresses": ["web", "admin"]}
    shop.weigh(25)
    assert shop.written() == [("create", "demo-admin-canary")]
    assert rules_of(shop.canary("demo-admin-canary")) == [("admin.example.com", [("/", "demo-canary")])]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stableIngress": "web", "stableIngresses": ["web"]}, "Both are configured."),
        ({}, "Neither are configured."),
    ],
    ids=["both", "neither"],
)
def test_n14_exactly_one_form_must_be_configured(shop: Any, given: dict[str, Any], said: str) -> None:
    (problem,) = shop.facade.configure("nginx", given, PATH).problems
    assert problem.detail == f"Either StableIngress or StableIngresses must be configured. {said}"
    assert problem.path == PATH


def test_n15_an_ingress_without_the_stable_service_is_named(shop: Any, make_ingress: Make) -> None:
    rules = [{"host": "h", "http": {"paths": [a_path("/", "other")]}}]
    shop.cluster.apply(make_ingress("web", rules=rules))
    shop.given = {"stableIngresses": ["web"]}
    said = (
        f'{PATH}.stableIngresses[0]: Invalid value: "web": ingress `web` has no rules using service demo-stable backend'
    )
    assert [problem.text for problem in shop.problems()] == [said]
    with pytest.raises(SpecError) as caught:
        shop.weigh(25)
    assert str(caught.value) == said


def test_n16_paths_of_other_services_are_not_copied(shop: Any, make_ingress: Make) -> None:
    rules = [
        {"host": "a", "http": {"paths": [a_path("/", "demo-stable"), a_path("/api", "api")]}},
        {"host": "b", "http": {"paths": [a_path("/", "api")]}},
    ]
    shop.cluster.apply(make_ingress("web", rules=rules))
    shop.weigh(25)
    assert rules_of(shop.canary()) == [("a", [("/", "demo-canary")])]
    assert shop.canary()["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] == {"name": "http"}


def test_n17_rules_without_http_and_resource_backends_are_skipped(shop: Any, make_ingress: Make) -> None:
    resource = {"path": "/img", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}
    rules = [
        {"host": "x"},
        {"host": "n", "http": None},
        {"host": "a", "http": {"paths": [resource, a_path("/", "demo-stable")]}},
    ]
    shop.cluster.apply(make_ingress("web", rules=rules))
    shop.weigh(25)
    assert rules_of(shop.canary()) == [("a", [("/", "demo-canary")])]


def test_n18_a_long_name_is_cut_before_its_suffix(shop: Any, make_ingress: Make) -> None:
    shop.name, stable = "r" * 200, "i" * 100
    shop.given = {"stableIngress": stable}
    shop.cluster.apply(make_ingress(stable))
    shop.weigh(25)
    ((verb, name),) = shop.written()
    assert (verb, len(name), name[-7:]) == ("create", 253, "-canary")


def test_n19_what_others_put_on_the_canary_ingress_stays(shop: Any) -> None:
    shop.weigh(0)
    theirs = {"metadata": {"annotations": {"field.cattle.io/x": "1"}, "labels": {"team": "a"}}}
    shop.cluster.edit(INGRESS, "shop", "demo-web-canary", theirs)
    shop.written()
    shop.weigh(25)
    assert shop.written() == [("patch", "demo-web-canary")]
    shop.weigh(25)
    assert shop.written() == []
    assert shop.annotated()["field.cattle.io/x"] == "1"
    assert shop.canary()["metadata"]["labels"] == {"team": "a"}


@pytest.mark.parametrize("annotated", [True, False], ids=["annotation", "no annotation"])
@pytest.mark.parametrize("named", [True, False], ids=["class name", "no class name"])
def test_n20_the_class_is_copied_in_the_form_that_the_stable_ingress_has(
    shop: Any, make_ingress: Make, annotated: bool, named: bool
) -> None:
    stable = make_ingress("web")
    if annotated:
        stable["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx", "other": "x"}
    if not named:
        del stable["spec"]["ingressClassName"]
    shop.cluster.apply(stable)
    shop.weigh(25)
    assert shop.canary()["spec"].get("ingressClassName") == ("nginx" if named else None)
    assert shop.annotated().get("kubernetes.io/ingress.class") == ("nginx" if annotated else None)
    assert "other" not in shop.annotated()


def test_n21_the_default_backend_is_not_copied(shop: Any, make_ingress: Make) -> None:
    shop.cluster.apply(make_ingress("web", defaultBackend={"service": {"name": "demo-stable", "port": {"number": 80}}}))
    shop.weigh(25)
    assert set(shop.canary()["spec"]) == {"ingressClassName", "tls", "rules"}


def test_n22_a_path_that_the_stable_ingress_gains_follows_at_once(shop: Any, make_ingress: Make) -> None:
    shop.weigh(25)
    shop.bodies()
    paths = [a_path("/", "demo-stable"), a_path("/new", "demo-stable")]
    shop.cluster.apply(make_ingress("web", rules=[{"host": "shop.example.com", "http": {"paths": paths}}]))
    shop.weigh(25)
    (body,) = shop.bodies()
    assert list(body) == ["spec"]
    assert rules_of(body) == [("shop.example.com", [("/", "demo-canary"), ("/new", "demo-canary")])]


def test_n23_a_total_below_100_is_refused(shop: Any) -> None:
    shop.total = 50
    (problem,) = shop.problems()
    assert problem.text == (
        "spec.strategy.canary.trafficRouting.maxTrafficWeight: Invalid value: 50: "
        "ingress-nginx ignores a total below 100 and would count to 100; use 100 or more"
    )
    with pytest.raises(SpecError, match="use 100 or more"):
        shop.weigh(5)
    assert shop.written() == []


def test_n24_a_canary_ingress_that_was_deleted_is_created_at_its_weight(shop: Any) -> None:
    shop.weigh(25)
    shop.cluster.remove(INGRESS, "shop", "demo-web-canary")
    shop.written()
    done = shop.weigh(25)
    assert shop.written() == [("create", "demo-web-canary")]
    assert shop.annotated()[f"{P}/canary-weight"] == "25"
    assert done.events[0].message == "Creating canary ingress `demo-web-canary` with weight `25`"


def test_n25_clean_up_goes_to_weight_0_and_deletes_in_the_next_pass(shop: Any) -> None:
    shop.weigh(25)
    shop.bodies()
    assert shop.clean_up()
    assert shop.bodies() == [{"metadata": {"annotations": {f"{P}/canary-weight": "0"}}}]
    assert shop.clean_up()
    assert shop.written() == [("delete", "demo-web-canary")]
    assert not shop.clean_up()


def test_n25_clean_up_does_not_delete_a_namesake(shop: Any, make_ingress: Make) -> None:
    shop.weigh(0)
    shop.cluster.freeze()
    shop.cluster.remove(INGRESS, "shop", "demo-web-canary")
    theirs = make_ingress("demo-web-canary")
    shop.cluster.apply(theirs)
    assert not shop.clean_up()
    assert "annotations" not in shop.canary()["metadata"]


def test_n25_clean_up_leaves_a_canary_ingress_of_somebody_else(shop: Any, make_ingress: Make) -> None:
    shop.cluster.apply(make_ingress("demo-web-canary"))
    assert not shop.clean_up()


def test_n25_an_ingress_that_left_the_list_is_cleaned_up_and_the_other_kept(shop: Any, make_ingress: Make) -> None:
    shop.cluster.apply(make_ingress("admin", host="admin.example.com"))
    shop.given = {"stableIngresses": ["web", "admin"]}
    shop.weigh(25)
    former, shop.given = shop.target, {"stableIngresses": ["web"]}
    keep = shop.facade.reads("nginx", shop.target)
    while shop.facade.clean_up("nginx", former, shop.cluster, keep=keep).wrote:
        pass
    assert shop.cluster.find(INGRESS, "shop", "demo-admin-canary") is None
    assert shop.annotated()[f"{P}/canary-weight"] == "25"


def test_n26_what_ingress_nginx_cannot_do_is_refused_or_answers_none(shop: Any) -> None:
    route = HeaderRoute("h", (("X-Canary", Match(exact="yes")),))
    with pytest.raises(SpecError, match='lacks the capability "header"'):
        shop.facade.set_header_route("nginx", shop.target, route, shop.cluster)
    assert shop.facade.verify_weights("nginx", shop.target, Weights(5), shop.cluster).value.verified is None
    assert not shop.facade.update_hash("nginx", shop.target, Hashes("b", "a"), shop.cluster).wrote
    assert shop.written() == []
    assert Nginx.can == {Capability.WEIGHTS, Capability.TOTAL}


@pytest.mark.parametrize(
    ("annotations", "read"),
    [
        ({f"{P}/canary-weight": "15", f"{P}/canary-weight-total": "1000"}, Weights(15, total=1000)),
        ({f"{P}/canary-weight": "15"}, Weights(15)),
        ({f"{P}/canary-weight": "15", f"{P}/canary-weight-total": "50"}, Weights(15)),
        ({f"{P}/canary-weight": "150"}, Weights(100)),
        ({f"{P}/canary-weight": "much"}, None),
        ({f"{P}/canary-weight": "-3"}, None),
        ({f"{P}/canary-weight": None}, None),
    ],
)
def test_n27_the_weights_are_read_as_the_proxy_reads_them(
    shop: Any, annotations: dict[str, Any], read: Weights | None
) -> None:
    shop.weigh(0)
    shop.cluster.edit(INGRESS, "shop", "demo-web-canary", {"metadata": {"annotations": annotations}})
    found = shop.facade.get_weights("nginx", shop.target, shop.cluster)
    assert found == ({} if read is None else {"demo-web-canary": read})


def test_n28_a_weight_that_somebody_edited_is_put_back(shop: Any) -> None:
    shop.weigh(25)
    theirs = {"metadata": {"annotations": {f"{P}/canary-weight": "99"}}}
    shop.cluster.edit(INGRESS, "shop", "demo-web-canary", theirs)
    shop.bodies()
    shop.weigh(25)
    assert shop.bodies() == [{"metadata": {"annotations": {f"{P}/canary-weight": "25"}}}]


def test_n29_a_stable_ingress_that_was_deleted_makes_the_spec_invalid_until_it_is_back(
    shop: Any, make_ingress: Make
) -> None:
    shop.weigh(25)
    shop.written()
    shop.cluster.remove(INGRESS, "shop", "web")
    (problem,) = shop.problems()
    assert problem.text == f'{PATH}.stableIngress: Invalid value: "web": ingress.networking.k8s.io "web" not found'
    assert problem.missing
    shop.cluster.apply(make_ingress("web"))
    assert shop.problems() == ()
    shop.weigh(25)
    assert shop.written() == []
