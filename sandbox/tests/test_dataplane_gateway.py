"""Routes of the Gateway API to a route table: which rule takes a request, and what stands behind it."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.gateway import GatewayTranslator
from tidegate_sandbox.dataplane.matching import Request, route_for
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, pod, service
from tidegate_sandbox.dataplane.routes import Mirror, RouteTable

HOST = "shop.example"
STABLE, CANARY = "shop-stable-80", "shop-canary-80"


def ref(name: str, weight: int | None = None, **more: Any) -> Manifest:
    return {"name": name, "port": 80, **({} if weight is None else {"weight": weight}), **more}


def rule(*refs: Manifest, match: Manifest | None = None, **more: Any) -> Manifest:
    return {"backendRefs": list(refs), **({"matches": [match]} if match else {}), **more}


def a_route(
    *rules: Manifest, name: str = "web", kind: str = "HTTPRoute", namespace: str = "shop", **spec: Any
) -> Manifest:
    created = spec.pop("created", "2026-01-01T00:00:00Z")
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created},
        "spec": {"parentRefs": [{"name": "edge"}], "hostnames": [HOST], "rules": list(rules), **spec},
    }


def table_of(*manifests: Manifest, ready: bool = True) -> RouteTable:
    translator = GatewayTranslator()
    workload = [
        *(pod("old", "v1", ready=ready), pod("new", "v2"), service("stable"), service("canary")),
        *(endpoint_slice("stable", pod("old", "v1", ready=ready)), endpoint_slice("canary", pod("new", "v2"))),
    ]
    source = MemorySource(*workload, *manifests)
    return translator.translate({resource: source.list(resource) for resource in translator.resources})


def ask(table: RouteTable, path: str = "/", host: str = HOST, **headers: str) -> dict[str, int] | int:
    """The weights of the route that takes a request, or the status that answers instead."""
    named = {key.replace("_", "-").lower(): value for key, value in headers.items()}
    route = route_for(table, Request(host, path, named))
    if route is None:
        return 404
    return {share.cluster: share.weight for share in route.shares} or 503


def path(value: str, kind: str = "PathPrefix", **more: Any) -> Manifest:
    return {"path": {"type": kind, "value": value}, **more}


def header(value: str, kind: str = "Exact") -> list[Manifest]:
    return [{"name": "X-Canary", "type": kind, "value": value}]


def test_weights_are_shares() -> None:
    assert ask(table_of(a_route(rule(ref("stable", 75), ref("canary", 25))))) == {STABLE: 75, CANARY: 25}


def test_a_missing_weight_is_one_and_a_weight_of_zero_gets_nothing() -> None:
    assert ask(table_of(a_route(rule(ref("stable"), ref("canary", 0))))) == {STABLE: 1}


def test_all_zero_is_answered_with_an_error() -> None:
    assert ask(table_of(a_route(rule(ref("stable", 0), ref("canary", 0))))) == 503


@pytest.mark.parametrize("ready", [True, False])
def test_a_backend_without_ready_pods_keeps_its_share(ready: bool) -> None:
    """The API wants an error for its part of the requests, not more requests for the others."""
    table = table_of(a_route(rule(ref("stable", 50), ref("canary", 50))), ready=ready)
    assert ask(table) == {STABLE: 50, CANARY: 50}
    assert bool({each.name: each.pods for each in table.clusters}[STABLE]) is ready


@pytest.mark.parametrize(
    ("better", "request_path"),
    [
        pytest.param(path("/a/b", "Exact"), "/a/b", id="exact-before-prefix"),
        pytest.param(path("/a/[a-z]", "RegularExpression"), "/a/b", id="pattern-before-prefix"),
        pytest.param(path("/a/b"), "/a/b/c", id="longer-prefix"),
        pytest.param(path("/a", method="GET"), "/a/b", id="method"),
        pytest.param(path("/a", headers=header("yes")), "/a/b", id="header"),
    ],
)
def test_the_better_match_wins_wherever_it_stands(better: Manifest, request_path: str) -> None:
    worse = rule(ref("stable"), match=path("/a"))
    for rules in ([worse, rule(ref("canary"), match=better)], [rule(ref("canary"), match=better), worse]):
        table = table_of(a_route(*rules))
        route = route_for(table, Request(HOST, request_path, {"x-canary": "yes"}))
        assert route is not None
        assert [share.cluster for share in route.shares] == [CANARY]


def test_of_equal_matches_the_first_rule_wins() -> None:
    table = table_of(a_route(rule(ref("canary"), match=path("/")), rule(ref("stable"), match=path("/"))))
    assert ask(table) == {CANARY: 1}


def test_of_equal_matches_in_two_routes_the_older_wins() -> None:
    young = a_route(rule(ref("canary")), name="a", created="2026-01-02T00:00:00Z")
    assert ask(table_of(young, a_route(rule(ref("stable")), name="b"))) == {STABLE: 1}


def test_a_prefix_goes_by_segments() -> None:
    table = table_of(a_route(rule(ref("stable"), match=path("/shop/"))))
    assert (ask(table, "/shop"), ask(table, "/shop/x"), ask(table, "/shopping")) == ({STABLE: 1}, {STABLE: 1}, 404)


@pytest.mark.parametrize(
    ("kind", "value", "sent", "takes"),
    [
        pytest.param("Exact", "yes", "yes", True, id="exact"),
        pytest.param("Exact", "yes", "yesterday", False, id="exact-whole"),
        pytest.param("RegularExpression", "v[0-9]", "v1", True, id="pattern"),
        pytest.param("RegularExpression", "v[0-9]", "v12", False, id="pattern-whole"),
    ],
)
def test_headers_are_compared_as_asked(kind: str, value: str, sent: str, takes: bool) -> None:
    special = rule(ref("canary"), match=path("/", headers=header(value, kind)))
    assert ask(table_of(a_route(rule(ref("stable")), special)), x_canary=sent) == (
        {CANARY: 1} if takes else {STABLE: 1}
    )


def test_mirrors_with_percent_and_with_fraction() -> None:
    part = {"type": "RequestMirror", "requestMirror": {"backendRef": ref("canary"), "percent": 20}}
    fraction = {"numerator": 1, "denominator": 8}
    eighth = {"type": "RequestMirror", "requestMirror": {"backendRef": ref("canary"), "fraction": fraction}}
    route = route_for(table_of(a_route(rule(ref("stable"), filters=[part, eighth]))), Request(HOST))
    assert route is not None
    assert route.mirrors == (Mirror(CANARY, 20.0), Mirror(CANARY, 12.5))


@pytest.mark.parametrize(
    ("method", "request_path", "takes"),
    [
        pytest.param({"service": "shop.Cart", "method": "Add"}, "/shop.Cart/Add", True, id="call"),
        pytest.param({"service": "shop.Cart", "method": "Add"}, "/shop.Cart/AddAll", False, id="another-call"),
        pytest.param({"service": "shop.Cart"}, "/shop.Cart/Any", True, id="service"),
        pytest.param({"service": "shop.Cart"}, "/shop.Cartel/Any", False, id="another-service"),
        pytest.param({"method": "Add"}, "/any.Service/Add", True, id="method"),
        pytest.param({"type": "RegularExpression", "service": "shop.*"}, "/shop.Cart/Add", True, id="pattern"),
        pytest.param(None, "/any.Service/Any", True, id="everything"),
    ],
)
def test_grpc_calls_are_paths(method: Manifest | None, request_path: str, takes: bool) -> None:
    match = {"method": method} if method else None
    table = table_of(a_route(rule(ref("canary"), match=match), kind="GRPCRoute"))
    assert ask(table, request_path) == ({CANARY: 1} if takes else 404)


def test_a_route_without_hostnames_takes_every_host() -> None:
    assert ask(table_of(a_route(rule(ref("stable")), hostnames=[])), host="any.example") == {STABLE: 1}


def test_a_service_as_parent_stands_for_its_names() -> None:
    parent = {"group": "", "kind": "Service", "name": "stable"}
    table = table_of(a_route(rule(ref("canary")), parentRefs=[parent]))
    assert ask(table, host="stable.shop.svc.cluster.local") == {CANARY: 1}
    assert ask(table, host=HOST) == 404


def test_a_backend_in_another_namespace_needs_a_grant() -> None:
    route = a_route(rule(ref("stable", namespace="shop")), namespace="edge")
    (refused,) = table_of(route).clusters
    assert refused.pods == ()
    grant = {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "edge", "namespace": "shop"},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "edge"}],
            "to": [{"group": "", "kind": "Service"}],
        },
    }
    assert ask(table_of(route, grant)) == {STABLE: 1}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        pytest.param({"filters": [{"type": "RequestRedirect"}]}, "does not do RequestRedirect", id="redirect"),
        pytest.param({"match": path("/", queryParams=[{"name": "a"}])}, "query parameters", id="query"),
        pytest.param({"match": path("/(", "RegularExpression")}, "is no regular expression", id="pattern"),
    ],
)
def test_what_the_sandbox_cannot_do_is_noted_and_left_out(odd: dict[str, Any], said: str) -> None:
    table = table_of(a_route(rule(ref("canary"), **odd), rule(ref("stable"))))
    assert ask(table) == {STABLE: 1}
    assert [said in note for note in table.notes] == [True]


def test_a_backend_that_is_not_there_is_noted() -> None:
    table = table_of(a_route(rule(ref("nowhere"))))
    assert table.notes == ("HTTPRoute shop/web: service shop/nowhere does not exist",)
