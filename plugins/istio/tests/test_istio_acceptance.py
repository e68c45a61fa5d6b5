"""The acceptance table of Istio, row by row: weights and the choice of routes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tidegate.errors import Conflict, NotFound, SpecError
from tidegate.hooks import Destination, Event, Match
from tidegate.hooks.flush import told_by
from tidegate_istio.config import IstioConfig
from tidegate_istio.kinds import VIRTUAL_SERVICE

UPDATED = "Updated VirtualService"
YES = Match(exact="yes")
EXP = Destination("demo-exp", 5, "eee")
OMITTED = (
    "spec.http[] should be set in VirtualService and it must have exactly one route when omitting "
    "spec.strategy.canary.trafficRouting.istio.virtualService.routes"
)


def test_i01_a_weight_is_one_write_with_integers(shop: Any) -> None:
    done = shop.weigh(25)
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]
    assert all(type(weight) is int for _, weight in shop.shares())
    assert shop.written() == [("VirtualService", "demo-vs")]
    assert done.events == (Event(UPDATED, "VirtualService `demo-vs` set to desiredWeight '25'"),)


def test_i02_the_same_weight_again_writes_nothing(shop: Any) -> None:
    shop.weigh(25)
    shop.written()
    assert shop.weigh(25).events == ()
    assert shop.written() == []


def test_i02_the_first_weight_of_zero_writes_nothing_where_it_stands_already(shop: Any) -> None:
    assert not shop.weigh(0).wrote


def test_i03_an_experiment_gets_a_destination_of_its_own(shop: Any) -> None:
    shop.weigh(25, EXP)
    assert shop.shares() == [("demo-stable", 70), ("demo-canary", 25), ("demo-exp", 5)]
    assert shop.http()[0]["route"][2] == {"destination": {"host": "demo-exp"}, "weight": 5}


def test_i03_experiments_are_added_by_name(shop: Any) -> None:
    shop.weigh(25, Destination("z-exp", 5), Destination("a-exp", 10))
    assert shop.shares() == [("demo-stable", 60), ("demo-canary", 25), ("a-exp", 10), ("z-exp", 5)]


def test_i03_the_weight_of_an_experiment_that_is_there_is_changed(shop: Any) -> None:
    shop.weigh(25, EXP)
    shop.weigh(25, Destination("demo-exp", 15, "eee"))
    assert shop.shares() == [("demo-stable", 60), ("demo-canary", 25), ("demo-exp", 15)]


def test_i04_an_experiment_that_is_over_leaves_in_one_write(shop: Any) -> None:
    shop.weigh(25, EXP)
    shop.written()
    shop.weigh(25)
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]
    assert shop.written() == [("VirtualService", "demo-vs")]


def test_i05_leftovers_between_the_sides_are_removed(shop: Any, make: Any) -> None:
    entries = [("demo-stable", 60), ("expA", 10), ("demo-canary", 20), ("expB", 10)]
    shop.put(make.virtual_service(make.route("primary", *(make.destination(*entry) for entry in entries))))
    shop.weigh(30)
    assert shop.shares() == [("demo-stable", 70), ("demo-canary", 30)]


@pytest.mark.parametrize(("weight", "kept"), [(0, True), (None, True), (20, False)])
def test_i06_a_third_destination_stays_only_without_weight(
    shop: Any, make: Any, weight: int | None, kept: bool
) -> None:
    pair = make.destination("demo-stable", 100), make.destination("demo-canary", 0)
    shop.put(make.virtual_service(make.route("primary", *pair, make.destination("legacy", weight))))
    shop.weigh(25)
    legacy = [("legacy", weight)] if kept else []
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25), *legacy]


@pytest.fixture
def shared(mesh: Any, make: Any) -> Any:
    """A route with a subset of another owner that takes 20."""
    entries = (
        make.destination("demo", 80, subset="stable"),
        make.destination("demo", 0, subset="canary"),
        make.destination("demo", 20, subset="legacy"),
    )
    mesh.put(make.virtual_service(make.route("primary", *entries)))
    mesh.given["destinationRule"] = {**mesh.given["destinationRule"], "additionalSubsetNames": ["legacy"]}
    return mesh


def test_i07_the_weight_of_an_additional_subset_is_taken_off_stable(shared: Any) -> None:
    shared.weigh(25)
    assert shared.shares() == [("stable", 55), ("canary", 25), ("legacy", 20)]
    (read,) = shared.read_back().values()
    assert (read.canary, read.total, read.stable) == (25, 100, 55)


def test_i08_weights_beyond_the_whole_are_told_and_stable_stops_at_zero(shared: Any) -> None:
    done = shared.weigh(90)
    assert shared.shares() == [("stable", 0), ("canary", 90), ("legacy", 20)]
    (warning,) = [event for event in done.events if event.type == "Warning"]
    assert "carries weights of 110" in warning.message
    assert shared.weigh(90).events == ()


def test_i16_a_header_route_takes_host_subset_and_port_of_the_weighted_route(mesh: Any, make: Any) -> None:
    port = {"number": 8080}
    pair = make.destination("demo", 100, subset="stable", port=port), make.destination("demo", 0, subset="canary")
    mesh.put(make.virtual_service(make.route("primary", *pair)))
    mesh.header("h", ("X-Canary", YES))
    assert mesh.http()[0]["route"] == [
        {"destination": {"host": "demo", "subset": "canary", "port": port}, "weight": 100}
    ]


def test_i26_two_routes_and_none_named_is_an_error(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(make.route(), make.route("second")))
    (problem,) = shop.problems()
    assert problem.text == (
        'spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: "demo-vs": '
        f"Istio VirtualService has invalid HTTP routes. Error: {OMITTED}"
    )
    with pytest.raises(SpecError, match="must have exactly one route"):
        shop.weigh(25)
    assert shop.written() == []


def test_i26_managed_routes_do_not_count(shop: Any) -> None:
    shop.header("h", ("X-Canary", YES))
    assert shop.problems() == ()
    shop.weigh(25)
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]


def test_i27_a_named_route_must_be_there(shop: Any) -> None:
    shop.given["virtualService"]["routes"] = ["x"]
    assert shop.texts() == [
        "Istio VirtualService has invalid HTTP routes. "
        "Error: HTTP Route 'x' is not found in the defined Virtual Service."
    ]


def test_i27_only_the_named_routes_are_weighed(shop: Any, make: Any) -> None:
    other = make.route("second")
    shop.put(make.virtual_service(make.route(), other, make.route("third")))
    shop.given["virtualService"]["routes"] = ["third", "primary"]
    shop.weigh(25)
    assert shop.shares("third") == shop.shares("primary") == [("demo-stable", 75), ("demo-canary", 25)]
    assert shop.http()[1] == other


@pytest.mark.parametrize("name", ["primary", ""])
def test_i28_a_single_route_needs_no_name(shop: Any, make: Any, name: str) -> None:
    shop.put(make.virtual_service(make.route(name)))
    shop.weigh(25)
    assert shop.shares(name) == [("demo-stable", 75), ("demo-canary", 25)]


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([("stable", 100)], "Canary DestinationRule subset 'canary' not found in route"),
        ([("canary", 100)], "Stable DestinationRule subset 'stable' not found in route"),
    ],
)
def test_i29_a_route_without_a_side_is_an_error(mesh: Any, make: Any, entries: Any, text: str) -> None:
    destinations = [make.destination("demo", weight, subset=subset) for subset, weight in entries]
    mesh.put(make.virtual_service(make.route("primary", *destinations)))
    assert mesh.texts() == [f"Istio VirtualService has invalid HTTP routes. Error: {text}"]


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("demo-stable", "Canary Service 'demo-canary' not found in route"),
        ("demo-canary", "Stable Service 'demo-stable' not found in route"),
    ],
)
def test_i29_a_route_without_a_service_is_an_error(shop: Any, make: Any, host: str, text: str) -> None:
    shop.put(make.virtual_service(make.route("primary", make.destination(host, 100))))
    assert shop.texts() == [f"Istio VirtualService has invalid HTTP routes. Error: {text}"]


def _tls(make: Any, *ports: int) -> Any:
    match = [{"port": port, "sniHosts": ["a", "b"]} for port in ports]
    return {**make.route(""), "match": match}


def test_i30_a_tls_route_is_found_by_its_port_and_the_set_of_its_names(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(tls=[_tls(make, 8443), _tls(make, 443)]))
    shop.given["virtualService"]["tlsRoutes"] = [{"port": 443, "sniHosts": ["b", "a"]}]
    shop.weigh(25)
    tls = shop.service()["spec"]["tls"]
    assert [entry["weight"] for entry in tls[1]["route"]] == [75, 25]
    assert tls[0] == _tls(make, 8443)


def test_i31_a_tls_route_with_two_ports_is_never_meant(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(tls=[_tls(make, 443, 444)]))
    shop.given["virtualService"]["tlsRoutes"] = [{"port": 443, "sniHosts": ["a", "b"]}]
    assert shop.texts() == [
        "Istio VirtualService has invalid TLS routes. Error: No matching TLS routes found in the defined Virtual Service."
    ]


def test_i31_every_listed_tls_route_must_be_there(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(tls=[_tls(make, 443)]))
    wanted = {"port": 443, "sniHosts": ["a", "b"]}
    shop.given["virtualService"]["tlsRoutes"] = [wanted, {**wanted, "port": 9443}]
    (text,) = shop.texts()
    assert text.endswith("No matching TLS routes found in the defined Virtual Service.")


@pytest.mark.parametrize(("protocol", "field"), [("tls", "tlsRoutes"), ("tcp", "tcpRoutes")])
def test_i31_two_routes_of_another_protocol_and_none_listed_is_an_error(
    shop: Any, make: Any, protocol: str, field: str
) -> None:
    shop.put(make.virtual_service(**{protocol: [make.route(""), make.route("")]}))
    (text,) = shop.texts()
    assert text.endswith(
        f"spec.{protocol}[] should be set in VirtualService and it must have exactly one route when omitting "
        f"spec.strategy.canary.trafficRouting.istio.virtualService.{field}"
    )


def test_i32_an_unrelated_section_is_left_alone(shop: Any, make: Any) -> None:
    tcp = [{"match": [{"port": 3306}], "route": [make.destination("mysql")]}]
    shop.put(make.virtual_service(make.route(), tcp=tcp))
    shop.given["virtualService"]["routes"] = ["primary"]
    assert shop.problems() == ()
    shop.weigh(25)
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]
    assert shop.service()["spec"]["tcp"] == tcp


def test_i32_without_a_list_the_sections_that_mention_a_side_are_weighed(shop: Any, make: Any) -> None:
    elsewhere = [{"match": [{"port": 443, "sniHosts": ["c"]}], "route": [make.destination("elsewhere")]}]
    shop.put(make.virtual_service(make.route(), tls=elsewhere, tcp=[make.route("")]))
    shop.weigh(25)
    spec = shop.service()["spec"]
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]
    assert [entry["weight"] for entry in spec["tcp"][0]["route"]] == [75, 25]
    assert spec["tls"] == elsewhere


def test_i32_an_object_without_routes_is_an_error(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service())
    assert shop.texts() == ["Unable to get any of the HTTP, TCP or TLS routes for the Istio VirtualService"]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("vs", ("", "vs")),
        ("vs.ns", ("ns", "vs")),
        ("my.vs.ns", ("ns", "my.vs")),
        ("vs.ns.cluster.local", ("ns", "vs")),
        ("vs.cluster.local", ("", "vs")),
    ],
)
def test_i33_names_may_hold_a_namespace(given: str, place: tuple[str, str]) -> None:
    (service, _), *_ = IstioConfig.model_validate({"virtualService": {"name": given}}).services
    assert service.place == place


def test_i33_virtual_services_of_several_namespaces_are_weighed(shop: Any, make: Any) -> None:
    shop.put(make.virtual_service(make.route(), name="edge", namespace="gateways"))
    shop.given = {"virtualServices": [{"name": "demo-vs.shop"}, {"name": "edge.gateways"}]}
    refs = shop.facade.reads("istio", shop.target)
    assert [(ref.name, ref.namespace, ref.path.rpartition("istio.")[2]) for ref in refs] == [
        ("demo-vs", "", "virtualServices[0].name"),
        ("edge", "gateways", "virtualServices[1].name"),
    ]
    shop.weigh(25)
    assert shop.shares() == shop.shares("primary", "edge", "gateways") == [("demo-stable", 75), ("demo-canary", 25)]
    assert {place: each.canary for place, each in shop.read_back().items()} == {"demo-vs": 25, "gateways/edge": 25}


def test_i34_a_missing_virtual_service_is_told_in_the_words_that_clients_know(shop: Any) -> None:
    shop.cluster.remove(VIRTUAL_SERVICE, "shop", "demo-vs")
    (problem,) = shop.problems()
    assert problem.missing
    assert problem.text == (
        'spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: "demo-vs": '
        'virtualservices.networking.istio.io "demo-vs" not found'
    )
    with pytest.raises(NotFound, match="VirtualService `demo-vs` not found") as caught:
        shop.weigh(25)
    assert told_by(caught.value) == (Event("VirtualServiceNotFound", "VirtualService `demo-vs` not found", "Warning"),)


def test_i35_a_conflict_is_recomputed_on_what_others_have_written(shop: Any) -> None:
    shop.cluster.fail("patch", Conflict("the object has been modified", code=409, reason="Conflict"))
    shop.cluster.freeze()
    shop.cluster.edit(VIRTUAL_SERVICE, "shop", "demo-vs", {"spec": {"hosts": ["other.example.com"]}})
    shop.weigh(25)
    assert shop.service()["spec"]["hosts"] == ["other.example.com"]
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]


def test_i36_fields_that_nobody_here_knows_are_kept_by_every_operation(shop: Any, make: Any) -> None:
    odd = {
        "retries": {"attempts": 2, "perTryTimeout": "1.5s"},
        "rewrite": {"uri": "/v2"},
        "timeout": "3s",
        "fromTheFuture": [{"deep": {"value": 0.25}}],
    }
    marked = make.destination("demo-stable", 100, headers={"request": {"set": {"x-from": "stable"}}})
    http = [
        make.route("primary", marked, make.destination("demo-canary", 0), **odd),
        {"name": "moved", "redirect": odd},
    ]
    shop.put(make.virtual_service(*http, gateways=["mesh", "edge"], exportTo=["."]))
    shop.given["virtualService"]["routes"] = ["primary"]
    before = shop.service()
    shop.weigh(25, EXP)
    shop.header("h", ("X-Canary", YES))
    assert shop.http()[1]["fromTheFuture"] == odd["fromTheFuture"]
    shop.remove()
    shop.weigh(0)
    assert without_version(shop.service()) == without_version(before)


def without_version(manifest: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(manifest)
    found["metadata"] = {key: found["metadata"][key] for key in ("name", "namespace")}
    return found


def test_i42_entries_without_a_host_go(shop: Any, make: Any) -> None:
    pair = make.destination("demo-stable", 80), make.destination("demo-canary", 0)
    empty = make.destination("", 10)
    shop.put(make.virtual_service(make.route("primary", *pair, empty, empty)))
    shop.weigh(25)
    assert shop.shares() == [("demo-stable", 75), ("demo-canary", 25)]
    assert shop.written() == [("VirtualService", "demo-vs")]
