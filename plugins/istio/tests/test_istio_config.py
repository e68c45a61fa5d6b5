"""The config, and what is said of one that cannot be; what is read back; what lint finds besides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tidegate.api.rollout import Rollout
from tidegate.errors import Retry
from tidegate.hooks import Capability, Weights
from tidegate.hooks.configs import target_for
from tidegate_istio import Istio
from tidegate_istio.kinds import DESTINATION_RULE, VIRTUAL_SERVICE

ONE_OF_TWO = "either VirtualService or VirtualServices must be configured"
VS = {"virtualService": {"name": "demo-vs"}}


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ({"canaryService": "c", "stableService": "s"}, ("c", "s")),
        ({}, ("ping", "pong")),
    ],
    ids=["beside canaryService and stableService", "alone"],
)
def test_c21_ping_pong_gives_way_to_the_named_services(
    shop: Any, named: dict[str, str], wanted: tuple[str, str]
) -> None:
    pair = {"pingService": "ping", "pongService": "pong"}
    canary = {**named, "pingPong": pair, "trafficRouting": {"istio": VS}}
    rollout = Rollout.read({"metadata": {"name": "demo"}, "spec": {"strategy": {"canary": canary}}})
    configured = shop.facade.configure("istio", VS, "spec.strategy.canary.trafficRouting.istio")
    target = target_for(rollout, replace(configured, can=shop.facade.view("istio").can))
    assert (target.canary_service, target.stable_service) == wanted


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"virtualServices": []},
        {"virtualService": None, "virtualServices": None},
        {**VS, "virtualServices": [{"name": "other"}]},
    ],
)
def test_one_form_of_two_is_needed(shop: Any, given: Any) -> None:
    shop.given = given
    (text,) = shop.refused()
    assert text.endswith(ONE_OF_TWO)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"virtualService": {}}, "virtualService.name", "Field required"),
        ({"virtualService": {"name": None}}, "virtualService.name", "must be the name of an object"),
        ({"virtualService": {"name": "../x"}}, "virtualService.name", "must be the name of an object"),
        ({"virtualService": {"name": "a" * 254}}, "virtualService.name", "at most 253"),
        ({"virtualService": {"name": "a", "routes": [""]}}, "virtualService.routes", "found an empty one"),
        ({"virtualService": {"name": "a", "tcpRoutes": [{"port": "80"}]}}, "tcpRoutes[0].port", "valid integer"),
        ({"virtualServices": [{"name": "a"}, {"name": "a"}]}, "virtualServices", "a is named twice"),
        ({"virtualServices": [{"name": "a.b"}, {"name": "a.b.cluster.local"}]}, "virtualServices", "named twice"),
        ({**VS, "destinationRule": {"name": "r"}}, "canarySubsetName", "Field required"),
        (
            {**VS, "destinationRule": {"name": "r", "canarySubsetName": "a", "stableSubsetName": "a"}},
            "destinationRule",
            "are both 'a'",
        ),
        (
            {
                **VS,
                "destinationRule": {
                    "name": "r",
                    "canarySubsetName": "a",
                    "stableSubsetName": "b",
                    "additionalSubsetNames": ["b"],
                },
            },
            "destinationRule",
            "additionalSubsetNames holds 'b'",
        ),
    ],
)
def test_a_config_that_cannot_be_is_refused_with_its_field(shop: Any, given: Any, field: str, said: str) -> None:
    shop.given = given
    texts = shop.refused()
    assert any(field in text and said in text for text in texts), texts


def test_nulls_count_as_absent_and_unknown_fields_are_ignored(shop: Any) -> None:
    service = {"name": "demo-vs", "routes": None, "tlsRoutes": None, "tcpRoutes": None, "later": 1}
    shop.given = {"virtualService": service, "virtualServices": None, "destinationRule": None, "later": {}}
    assert shop.refused() == []
    shop.weigh(25)
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]


def test_without_subsets_both_services_are_needed(shop: Any) -> None:
    shop.services = ("", "demo-stable")
    assert [problem.text for problem in shop.problems()][:1] == [
        'spec.strategy.canaryService: Invalid value: "": '
        "Canary service and Stable service must to be set to use Traffic Routing"
    ]


def test_with_subsets_no_services_are_needed(mesh: Any) -> None:
    assert mesh.services == ("", "")
    assert mesh.problems() == ()
    assert Capability.NO_SERVICES in Istio.can


def test_services_and_subsets_may_be_used_together(mesh: Any, make: Any) -> None:
    mesh.services = ("demo-canary", "demo-stable")
    mesh.put(make.virtual_service(make.route(), make.subset_route("second")))
    mesh.given["virtualService"]["routes"] = ["primary", "second"]
    assert mesh.problems() == ()
    mesh.weigh(25)
    assert mesh.shares() == [("demo-stable", 75), ("demo-canary", 25)]
    assert mesh.shares("second") == [("stable", 75), ("canary", 25)]


def test_ping_and_pong_take_turns(shop: Any, make: Any) -> None:
    pair = make.destination("demo-ping", 100), make.destination("demo-pong", 0)
    shop.put(make.virtual_service(make.route("primary", *pair)))
    shop.services = ("demo-pong", "demo-ping")
    shop.weigh(25)
    assert shop.shares() == [("demo-ping", 75), ("demo-pong", 25)]
    shop.services = ("demo-ping", "demo-pong")
    shop.weigh(0)
    assert shop.shares() == [("demo-ping", 0), ("demo-pong", 100)]
    assert Capability.PING_PONG in Istio.can


def test_one_virtual_service_under_two_names_is_told(shop: Any) -> None:
    shop.given = {"virtualServices": [{"name": "demo-vs"}, {"name": "demo-vs.shop"}]}
    (problem,) = shop.problems()
    assert problem.path.endswith("virtualServices[1].name")
    assert "is named before" in problem.detail


def test_a_side_that_stands_in_a_route_twice_is_told(shop: Any, make: Any) -> None:
    entries = [make.destination(host, weight) for host, weight in (("demo-stable", 50), ("demo-canary", 0))]
    shop.put(make.virtual_service(make.route("primary", *entries, make.destination("demo-stable", 50))))
    (text,) = shop.texts()
    assert "Stable Service 'demo-stable' stands in the route twice" in text


def test_a_destination_without_a_weight_gets_one(shop: Any, make: Any) -> None:
    """Beside others an absent weight is 0, and Istio refuses routes that sum to nothing."""
    shop.put(
        make.virtual_service(
            make.route("primary", make.destination("demo-stable", 100), make.destination("demo-canary"))
        )
    )
    shop.weigh(0)
    assert shop.shares() == [("demo-stable", 100), ("demo-canary", 0)]


def test_the_share_is_read_as_istio_draws_it(shop: Any, make: Any) -> None:
    pair = make.destination("demo-stable", 150), make.destination("demo-canary", 50)
    shop.put(make.virtual_service(make.route("primary", *pair)))
    assert shop.read_back() == {"demo-vs": Weights(50, 200)}


def test_routes_that_differ_are_read_one_by_one(shop: Any, make: Any) -> None:
    half = make.destination("demo-stable", 50), make.destination("demo-canary", 50)
    shop.put(make.virtual_service(make.route(), make.route("second", *half)))
    shop.given["virtualService"]["routes"] = ["primary", "second"]
    assert shop.read_back() == {"demo-vs spec.http[0]": Weights(0), "demo-vs spec.http[1]": Weights(50)}


@pytest.mark.parametrize("broken", ["gone", "no routes", "no weights"])
def test_where_there_is_nothing_to_read_nothing_is_said(shop: Any, make: Any, broken: str) -> None:
    pair = make.destination("demo-stable", 0), make.destination("demo-canary", 0)
    shop.put(make.virtual_service(*([make.route("primary", *pair)] if broken == "no weights" else [])))
    if broken == "gone":
        shop.cluster.remove(VIRTUAL_SERVICE, "shop", "demo-vs")
    assert shop.read_back() == {}


def test_a_weight_that_a_webhook_changes_is_not_believed(shop: Any) -> None:
    def halve(manifest: dict[str, Any]) -> dict[str, Any]:
        for entry in manifest["spec"]["http"][0]["route"]:
            entry["weight"] = 50
        return manifest

    shop.cluster.admission = halve
    with pytest.raises(Retry, match="demo-vs carries 50 of 100 after 25 of 100"):
        shop.weigh(25)


def test_all_three_versions_will_do_and_the_newest_is_preferred() -> None:
    for kind in (VIRTUAL_SERVICE, DESTINATION_RULE):
        assert kind.acceptable == ("v1", "v1beta1", "v1alpha3")


def test_the_version_of_an_object_is_kept(shop: Any) -> None:
    shop.put({**shop.service(), "apiVersion": "networking.istio.io/v1alpha3"})
    shop.weigh(25)
    assert shop.service()["apiVersion"] == "networking.istio.io/v1alpha3"


def test_a_second_cluster_is_found_by_the_label_that_argo_rollouts_uses() -> None:
    assert Istio.remote == "istio.argoproj.io/primary-cluster=true"
