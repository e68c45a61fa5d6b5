"""VirtualServices and DestinationRules become routes, as Istio reads them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import DataPlane, Load, Stream
from tidegate_sandbox.dataplane.istio import IstioTranslator
from tidegate_sandbox.dataplane.matching import Request, route_for
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, pod, service
from tidegate_sandbox.dataplane.patterns import NO_MATCH
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.routes import (
    HeaderMatch,
    MethodMatch,
    Mirror,
    PathKind,
    PathMatch,
    Route,
    RouteTable,
    Share,
    ValueKind,
)

ANY = PathMatch(PathKind.PREFIX, "/")
STABLE, CANARY = "shop-stable-80", "shop-canary-80"


def to(host: str, weight: int | None = None, **more: Any) -> Manifest:
    weighed = {} if weight is None else {"weight": weight}
    return {"destination": {"host": host, **more}, **weighed}


def virtual_service(
    *http: Manifest, name: str = "web", hosts: tuple[str, ...] = ("demo.example",), **meta: Any
) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"namespace": "shop", "name": name, **meta},
        "spec": {"hosts": list(hosts), "http": list(http)},
    }


def rule(host: str, *, name: str = "web", **subsets: dict[str, str]) -> Manifest:
    listed = [{"name": subset, "labels": labels} for subset, labels in subsets.items()]
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "DestinationRule",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"host": host, "subsets": listed},
    }


OLD = pod("old", "v1", labels={"app": "demo", "hash": "aaa"})
NEW = pod("new", "v2", labels={"app": "demo", "hash": "bbb"})


def cluster() -> list[Manifest]:
    """A Service for each version, and `demo` for both."""
    behind: dict[str, tuple[Manifest, ...]] = {"stable": (OLD,), "canary": (NEW,), "demo": (OLD, NEW)}
    services = [service(name) for name in behind]
    return [OLD, NEW, *services, *(endpoint_slice(name, *pods) for name, pods in behind.items())]


def translated(*manifests: Manifest) -> RouteTable:
    source = MemorySource(*cluster(), *manifests)
    translator = IstioTranslator()
    return translator.translate({resource: source.list(resource) for resource in translator.resources})


def routes(*http: Manifest, more: tuple[Manifest, ...] = ()) -> tuple[Route, ...]:
    (host,) = translated(virtual_service(*http), *more).hosts
    return host.routes


def pods_of(table: RouteTable) -> dict[str, list[str]]:
    return {each.name: [ref.name for ref in each.pods] for each in table.clusters}


def test_weights_become_shares_and_zero_none() -> None:
    table = translated(virtual_service({"route": [to("stable", 75), to("canary", 25)]}))
    assert table.hosts[0].routes == (Route(ANY, (Share(STABLE, 75), Share(CANARY, 25))),)
    assert pods_of(table) == {CANARY: ["new"], STABLE: ["old"]}
    assert routes({"route": [to("stable", 100), to("canary", 0)]}) == (Route(ANY, (Share(STABLE, 100),)),)


@pytest.mark.parametrize("weight", [None, 0, 100])
def test_a_single_destination_takes_everything(weight: int | None) -> None:
    assert routes({"route": [to("stable", weight)]}) == (Route(ANY, (Share(STABLE, 1),)),)


def test_beside_others_an_absent_weight_is_none() -> None:
    assert routes({"route": [to("stable", 100), to("canary")]}) == (Route(ANY, (Share(STABLE, 100),)),)


@pytest.mark.parametrize("host", ["stable", "stable.shop", "stable.shop.svc", "stable.shop.svc.cluster.local"])
def test_a_host_is_a_service_however_it_is_spelled(host: str) -> None:
    assert routes({"route": [to(host)]})[0].shares == (Share(STABLE, 1),)


def test_a_bare_host_is_looked_for_beside_the_virtual_service() -> None:
    table = translated(virtual_service({"route": [to("stable.other")]}))
    assert pods_of(table) == {"other-stable": []}
    assert table.notes == ("virtualservice shop/web: service other/stable does not exist",)


def test_a_host_outside_has_no_pods() -> None:
    table = translated(virtual_service({"route": [to("api.pay.example.com")]}))
    assert pods_of(table) == {"api.pay.example.com": []}


def test_subsets_are_the_pods_with_their_labels() -> None:
    http = {"route": [to("demo", 75, subset="stable"), to("demo", 25, subset="canary", port={"number": 80})]}
    table = translated(virtual_service(http), rule("demo.shop", stable={"hash": "aaa"}, canary={"hash": "bbb"}))
    assert table.hosts[0].routes[0].shares == (Share("shop-demo-80-stable", 75), Share("shop-demo-80-canary", 25))
    assert pods_of(table) == {"shop-demo-80-canary": ["new"], "shop-demo-80-stable": ["old"]}
    assert table.notes == ()


def test_a_subset_that_no_rule_has_is_noted_and_has_no_pods() -> None:
    table = translated(virtual_service({"route": [to("demo", subset="gone")]}), rule("demo", stable={}))
    assert pods_of(table) == {"shop-demo-80-gone": []}
    assert table.notes == ("virtualservice shop/web: no DestinationRule has a subset gone of shop/demo",)


def test_two_rules_of_one_host_are_joined() -> None:
    http = {"route": [to("demo", 1, subset="a"), to("demo", 1, subset="b")]}
    table = translated(
        virtual_service(http), rule("demo", a={"hash": "aaa"}), rule("demo", name="z", b={"hash": "bbb"})
    )
    assert pods_of(table) == {"shop-demo-80-a": ["old"], "shop-demo-80-b": ["new"]}


def test_each_match_is_a_route_of_its_own() -> None:
    match = [{"headers": {"X-A": {"exact": "1"}}}, {"uri": {"prefix": "/api"}, "method": {"exact": "POST"}}]
    shares = (Share(STABLE, 1),)
    assert routes({"match": match, "route": [to("stable")]}) == (
        Route(ANY, shares, (HeaderMatch("X-A", "1"),)),
        Route(PathMatch(PathKind.PREFIX, "/api"), shares, (MethodMatch("POST"),)),
    )


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ({"exact": "/a"}, PathMatch(PathKind.EXACT, "/a")),
        ({"prefix": "/a"}, PathMatch(PathKind.PREFIX, "/a")),
        ({"regex": "/a.*"}, PathMatch(PathKind.REGEX, "/a.*")),
        ({"regex": "("}, PathMatch(PathKind.REGEX, NO_MATCH)),
    ],
)
def test_paths_are_compared_in_three_ways(uri: dict[str, str], path: PathMatch) -> None:
    assert routes({"match": [{"uri": uri}], "route": [to("stable")]})[0].path == path


@pytest.mark.parametrize(
    ("wanted", "kind", "value"),
    [
        ({"exact": "a"}, ValueKind.EXACT, "a"),
        ({"prefix": "a"}, ValueKind.PREFIX, "a"),
        ({"regex": "a|b"}, ValueKind.REGEX, "a|b"),
        ({"regex": "(?=a)"}, ValueKind.REGEX, NO_MATCH),
        ({}, ValueKind.PREFIX, ""),
    ],
)
def test_headers_are_compared_in_four_ways(wanted: dict[str, str], kind: ValueKind, value: str) -> None:
    (route,) = routes({"match": [{"headers": {"x-a": wanted}}], "route": [to("stable")]})
    assert route.conditions == (HeaderMatch("x-a", value, kind),)


def test_a_match_that_is_not_read_takes_nothing_and_is_noted() -> None:
    first = {"name": "first", "match": [{"queryParams": {"a": {"exact": "1"}}}], "route": [to("canary")]}
    table = translated(virtual_service(first, {"route": [to("stable")]}))
    assert table.hosts[0].routes == (Route(ANY, (Share(STABLE, 1),)),)
    assert table.notes == ("virtualservice shop/web, route first: match on queryParams is not read; it takes nothing",)


def test_gateways_and_ports_of_a_match_are_not_asked() -> None:
    match = [{"gateways": ["mesh"], "port": 80, "name": "n", "uri": {"exact": "/"}}]
    assert routes({"match": match, "route": [to("stable")]})[0].path == PathMatch(PathKind.EXACT, "/")


def test_a_redirect_is_noted_and_answered_503() -> None:
    table = translated(virtual_service({"redirect": {"uri": "/x"}}))
    assert table.hosts[0].routes == (Route(ANY, ()),)
    assert table.notes == ("virtualservice shop/web: redirect is not carried out",)


@pytest.mark.parametrize(
    ("given", "percent"),
    [
        ({"mirror": {"host": "canary"}}, 100.0),
        ({"mirror": {"host": "canary"}, "mirrorPercentage": {"value": 12.5}}, 12.5),
        ({"mirror": {"host": "canary"}, "mirrorPercentage": {"value": 0}}, 0.0),
        ({"mirrors": [{"destination": {"host": "canary"}, "percentage": {"value": 30}}]}, 30.0),
        ({"mirrors": [{"destination": {"host": "canary"}}]}, 100.0),
    ],
)
def test_mirrors_have_a_percentage(given: Manifest, percent: float) -> None:
    assert routes({"route": [to("stable")], **given})[0].mirrors == (Mirror(CANARY, percent),)


def test_a_bare_host_is_served_under_every_name_of_the_service() -> None:
    table = translated(virtual_service({"route": [to("stable")]}, hosts=("demo", "*.example.com")))
    assert [host.domain for host in table.hosts] == [
        "*.example.com",
        "demo",
        "demo.shop",
        "demo.shop.svc",
        "demo.shop.svc.cluster.local",
    ]


def test_of_two_objects_with_one_host_the_older_comes_first() -> None:
    young = virtual_service({"route": [to("canary")]}, name="a", creationTimestamp="2026-02-01T00:00:00Z")
    old = virtual_service({"route": [to("stable")]}, name="b", creationTimestamp="2026-01-01T00:00:00Z")
    (host,) = translated(young, old).hosts
    assert [route.shares[0].cluster for route in host.routes] == [STABLE, CANARY]


def root(*match: Manifest, name: str = "part", **delegate: str) -> Manifest:
    return virtual_service({"match": list(match), "delegate": {"name": name, **delegate}})


def part(*http: Manifest) -> Manifest:
    return virtual_service(*http, name="part", hosts=())


def test_a_delegate_routes_within_the_match_of_its_root() -> None:
    header = {"match": [{"headers": {"x-a": {"exact": "1"}}}], "route": [to("canary")]}
    inner = {"match": [{"uri": {"prefix": "/api/v1"}}], "route": [to("stable")]}
    rest = {"route": [to("stable")]}
    (host,) = translated(root({"uri": {"prefix": "/api"}}), part(header, inner, rest)).hosts
    api, v1 = PathMatch(PathKind.PREFIX, "/api"), PathMatch(PathKind.PREFIX, "/api/v1")
    assert host.routes == (
        Route(api, (Share(CANARY, 1),), (HeaderMatch("x-a", "1"),)),
        Route(v1, (Share(STABLE, 1),)),
        Route(api, (Share(STABLE, 1),)),
    )


def test_a_delegate_alone_routes_nothing() -> None:
    assert translated(part({"route": [to("stable")]})).hosts == ()


@pytest.mark.parametrize(
    ("delegate", "said"),
    [
        (part({"match": [{"uri": {"prefix": "/other"}}], "route": [to("stable")]}), "path /other lies outside"),
        (part({"delegate": {"name": "web"}}), "a delegate delegates no further"),
        (virtual_service(name="elsewhere"), "no delegate shop/part"),
    ],
)
def test_what_a_delegate_cannot_do_is_noted(delegate: Manifest, said: str) -> None:
    table = translated(root({"uri": {"prefix": "/api"}}), delegate)
    assert table.hosts == ()
    assert any(said in note for note in table.notes), table.notes


def test_objects_without_a_spec_are_no_fault() -> None:
    bare = {**virtual_service(), "spec": {}}
    assert translated(bare, {**rule("demo"), "spec": {}}, virtual_service({}, name="empty")).hosts[0].routes == (
        Route(ANY, ()),
    )


def test_the_first_route_that_matches_takes_the_request() -> None:
    first = {"match": [{"headers": {"x-canary": {"exact": "yes"}}}], "route": [to("canary")]}
    table = translated(virtual_service(first, {"route": [to("stable")]}))
    for headers, cluster_name in (({"x-canary": "yes"}, CANARY), ({"x-canary": "no"}, STABLE)):
        route = route_for(table, Request("demo.example", headers=headers))
        assert route is not None
        assert route.shares[0].cluster == cluster_name


@pytest.mark.parametrize(
    "proxy", [pytest.param(None, id="envoy", marks=pytest.mark.envoy), pytest.param("python", id="python")]
)
def test_requests_go_by_subset_header_and_weight(proxy: str | None) -> None:
    """A header route, a split of a quarter, and a mirror of everything below one path, all at once."""
    pair = [to("demo", 75, subset="stable"), to("demo", 25, subset="canary")]
    canary = {"host": "demo", "subset": "canary"}
    http: list[Manifest] = [
        {"match": [{"uri": {"prefix": "/api"}}], "route": [to("demo", subset="stable")], "mirror": canary},
        {"match": [{"headers": {"x-canary": {"prefix": "y"}}}], "route": [to("demo", subset="canary")]},
        {"route": pair},
    ]
    subsets = rule("demo", stable={"hash": "aaa"}, canary={"hash": "bbb"})
    source = MemorySource(*cluster(), subsets, virtual_service(*http))
    chosen = PythonProxy(seed=1) if proxy else None
    with DataPlane(source, proxy=chosen, translators=[IstioTranslator()]) as plane:
        assert plane.in_force.problems == plane.in_force.notes == ()
        with Load(plane.url_for("demo.example"), Stream(rate=1500, total=1200)) as load:
            assert load.wait(20)
            counts = load.snapshot().counts
        assert counts.failures == 0, counts.errors
        assert counts.agrees("v2", 0.25), counts.versions
        with Load(plane.url_for("demo.example"), Stream(rate=1500, total=50, headers={"X-Canary": "yes"})) as load:
            assert load.wait(20)
            assert load.snapshot().counts.versions == {"v2": 50}
        before = plane.served("shop", "new")
        with Load(plane.url_for("demo.example", "/api/x"), Stream(rate=1500, total=50)) as load:
            assert load.wait(20)
            assert load.snapshot().counts.versions == {"v1": 50}
        while plane.served("shop", "new") < before + 50:  # copies are on their way when the answers are back
            threading.Event().wait(0.005)
        assert plane.served("shop", "new") == before + 50
