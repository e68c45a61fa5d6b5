"""Ingresses to routes: what ingress-nginx does with canary annotations, as a table."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.ingress import IngressTranslator
from tidegate_sandbox.dataplane.matching import Request, route_for
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, ingress, path_to, pod, service
from tidegate_sandbox.dataplane.routes import PodRef, Route, RouteTable

PREFIX = "nginx.ingress.kubernetes.io"
STABLE, CANARY = "shop-stable-80", "shop-canary-80"


def table_of(*manifests: Manifest, prefix: str = PREFIX) -> RouteTable:
    translator = IngressTranslator(prefix)
    source = MemorySource(*manifests)
    return translator.translate({resource: source.list(resource) for resource in translator.resources})


def services(*, stable_ready: bool = True, canary_ready: bool = True) -> tuple[Manifest, ...]:
    old, new = pod("old", "v1", ready=stable_ready), pod("new", "v2", ready=canary_ready)
    return (
        *(old, new, service("stable"), service("canary")),
        *(endpoint_slice("stable", old), endpoint_slice("canary", new)),
    )


def canary_of(settings: Mapping[str, str], prefix: str = PREFIX, **more: str) -> Manifest:
    annotations = {f"{prefix}/{key}": value for key, value in {"canary": "true", **settings}.items()}
    return ingress("web-canary", path_to("canary"), annotations=annotations, **more)


def canaried(settings: Mapping[str, str], **endpoints: bool) -> RouteTable:
    return table_of(*services(**endpoints), ingress("web", path_to("stable")), canary_of(settings))


def shares(route: Route | None) -> dict[str, int] | int:
    """The weights of a route by cluster, or the status that answers instead."""
    if route is None:
        return 404
    return {share.cluster: share.weight for share in route.shares} or 503


def ask(table: RouteTable, path: str = "/", host: str = "demo.example", **headers: str) -> dict[str, int] | int:
    return shares(route_for(table, Request(host, path, {key.replace("_", "-"): v for key, v in headers.items()})))


ALWAYS_CANARY, ALWAYS_STABLE = {CANARY: 1}, {STABLE: 1}
SPLIT = {CANARY: 30, STABLE: 70}
HEADER = {"canary-by-header": "X-Canary", "canary-weight": "30"}
VALUE = {**HEADER, "canary-by-header-value": "beta"}
PATTERN = {**HEADER, "canary-by-header-pattern": "be?ta[0-9]"}
COOKIE = {"canary-by-cookie": "use-canary", "canary-weight": "30"}


@pytest.mark.parametrize(
    ("settings", "headers", "expected"),
    [
        pytest.param(HEADER, {"x_canary": "always"}, ALWAYS_CANARY, id="header-always"),
        pytest.param(HEADER, {"x_canary": "never"}, ALWAYS_STABLE, id="header-never"),
        pytest.param(HEADER, {"x_canary": "maybe"}, SPLIT, id="header-other-falls-to-weight"),
        pytest.param(HEADER, {}, SPLIT, id="header-absent-falls-to-weight"),
        pytest.param(VALUE, {"x_canary": "beta"}, ALWAYS_CANARY, id="value-equal"),
        pytest.param(VALUE, {"x_canary": "always"}, SPLIT, id="value-set-always-means-nothing"),
        pytest.param(VALUE, {"x_canary": "never"}, SPLIT, id="value-set-never-means-nothing"),
        pytest.param(PATTERN, {"x_canary": "xx-bta7-yy"}, ALWAYS_CANARY, id="pattern-anywhere"),
        pytest.param(PATTERN, {"x_canary": "beta"}, SPLIT, id="pattern-no-match"),
        pytest.param(PATTERN, {"x_canary": "never"}, SPLIT, id="pattern-set-never-means-nothing"),
        pytest.param({**PATTERN, **VALUE}, {"x_canary": "beta7"}, SPLIT, id="value-beats-pattern"),
        pytest.param(COOKIE, {"cookie": "use-canary=always"}, ALWAYS_CANARY, id="cookie-always"),
        pytest.param(COOKIE, {"cookie": "a=b; use-canary=never; c=d"}, ALWAYS_STABLE, id="cookie-never"),
        pytest.param(COOKIE, {"cookie": "use-canary=1"}, SPLIT, id="cookie-other-falls-to-weight"),
        pytest.param(COOKIE, {"cookie": "not-use-canary=always"}, SPLIT, id="cookie-of-a-longer-name"),
        pytest.param(
            {**HEADER, **COOKIE},
            {"x_canary": "never", "cookie": "use-canary=always"},
            ALWAYS_STABLE,
            id="header-beats-cookie",
        ),
        pytest.param(
            {**HEADER, **COOKIE},
            {"x_canary": "maybe", "cookie": "use-canary=always"},
            ALWAYS_CANARY,
            id="header-other-falls-to-cookie",
        ),
        pytest.param(
            {**VALUE, **COOKIE},
            {"x_canary": "other", "cookie": "use-canary=never"},
            ALWAYS_STABLE,
            id="value-other-falls-to-cookie",
        ),
    ],
)
def test_header_goes_before_cookie_goes_before_weight(
    settings: Mapping[str, str], headers: Mapping[str, str], expected: dict[str, int]
) -> None:
    assert ask(canaried(settings), **headers) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, {STABLE: 100}, id="no-weight-is-0"),
        pytest.param({"canary-weight": "0"}, {STABLE: 100}, id="0"),
        pytest.param({"canary-weight": "1"}, {CANARY: 1, STABLE: 99}, id="1"),
        pytest.param({"canary-weight": "100"}, {CANARY: 100}, id="100"),
        pytest.param({"canary-weight": "250"}, {CANARY: 100}, id="above-the-total"),
        pytest.param({"canary-weight": "-5"}, {STABLE: 100}, id="below-0"),
        pytest.param({"canary-weight": "ten"}, {STABLE: 100}, id="no-number-is-0"),
        pytest.param(
            {"canary-weight": "25", "canary-weight-total": "1000"}, {CANARY: 25, STABLE: 975}, id="total-1000"
        ),
        pytest.param(
            {"canary-weight": "25", "canary-weight-total": "50"}, {CANARY: 25, STABLE: 75}, id="total-50-unused"
        ),
        pytest.param({"canary-weight": "25", "canary-weight-total": "100"}, {CANARY: 25, STABLE: 75}, id="total-100"),
        pytest.param(
            {"canary-weight": "25", "canary-weight-total": "x"}, {CANARY: 25, STABLE: 75}, id="total-no-number"
        ),
    ],
)
def test_weight_of_total_where_the_total_counts_only_above_100(
    settings: Mapping[str, str], expected: dict[str, int]
) -> None:
    assert ask(canaried(settings)) == expected


@pytest.mark.parametrize("enabled", ["false", "yes", "", "TRUe"])
def test_canary_that_is_not_true_makes_an_ordinary_ingress(enabled: str) -> None:
    table = canaried({"canary": enabled, "canary-weight": "30"})
    assert ask(table) == ALWAYS_STABLE  # the older ingress has the path
    assert any("canary is not true" in note for note in table.notes)


def test_annotations_of_another_prefix_are_not_read() -> None:
    stable = ingress("web", path_to("stable"))
    other = canary_of({"canary-weight": "30"}, prefix="edge.example")
    assert ask(table_of(*services(), stable, other)) == ALWAYS_STABLE
    assert ask(table_of(*services(), stable, other, prefix="edge.example")) == SPLIT


def test_no_stable_endpoints_is_503_whatever_the_weight_or_header() -> None:
    table = canaried({**HEADER, "canary-weight": "100"}, stable_ready=False)
    assert ask(table) == 503
    assert ask(table, x_canary="always") == 503


def test_canary_without_endpoints_gets_nothing() -> None:
    table = canaried({**HEADER, "canary-weight": "100"}, canary_ready=False)
    assert ask(table) == ALWAYS_STABLE
    assert ask(table, x_canary="always") == ALWAYS_STABLE


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(path_to("canary", path="/other"), id="path"),
        pytest.param(path_to("canary", path_type="ImplementationSpecific"), id="path-type"),
    ],
)
def test_canary_merges_only_with_the_same_path_and_path_type(other: Manifest) -> None:
    settings = {f"{PREFIX}/canary": "true", f"{PREFIX}/canary-weight": "30"}
    table = table_of(*services(), ingress("web", path_to("stable")), ingress("c", other, annotations=settings))
    assert ask(table) == ALWAYS_STABLE
    assert ask(table, path="/other") == ALWAYS_STABLE
    assert any("no primary with this host, path and pathType" in note for note in table.notes)


def test_canary_of_a_host_nobody_serves_is_ignored() -> None:
    table = table_of(
        *services(), ingress("web", path_to("stable")), canary_of({"canary-weight": "30"}, host="new.example")
    )
    assert ask(table) == ALWAYS_STABLE
    assert ask(table, host="new.example") == 404


def test_canary_upstream_that_is_primary_on_the_same_host_is_ignored() -> None:
    direct = ingress("web", path_to("canary", path="/direct"), path_to("stable"))
    table = table_of(*services(), direct, canary_of({"canary-weight": "30"}))
    assert ask(table) == ALWAYS_STABLE
    assert ask(table, path="/direct") == ALWAYS_CANARY
    assert any("also a primary upstream" in note for note in table.notes)


def test_only_the_first_canary_of_an_upstream_counts() -> None:
    third = pod("third", "v3")
    more = (third, service("second"), endpoint_slice("second", third))
    settings = {f"{PREFIX}/canary": "true", f"{PREFIX}/canary-weight": "50"}
    late = ingress("a-late", path_to("second"), annotations=settings, created="2026-03-01T00:00:00Z")
    first = canary_of({"canary-weight": "30"}, created="2026-02-01T00:00:00Z")
    assert ask(table_of(*services(), *more, ingress("web", path_to("stable")), late, first)) == SPLIT


def test_canary_reaches_every_path_of_the_primary_upstream() -> None:
    primary = ingress("web", path_to("stable"), path_to("stable", path="/api"))
    assert ask(table_of(*services(), primary, canary_of({"canary-weight": "30"})), path="/api/x") == SPLIT


def test_oldest_of_two_ingresses_with_one_canary_upstream_sets_the_policy() -> None:
    primaries = [
        ingress("one", path_to("stable"), host="one.example"),
        ingress("two", path_to("stable"), host="two.example"),
    ]
    young = {f"{PREFIX}/canary": "true", f"{PREFIX}/canary-weight": "90"}
    canaries = [
        ingress("young", path_to("canary"), host="one.example", annotations=young, created="2026-05-01T00:00:00Z"),
        canary_of({"canary-weight": "30"}, host="two.example", created="2026-02-01T00:00:00Z"),
    ]
    table = table_of(*services(), *primaries, *canaries)
    assert ask(table, host="one.example") == SPLIT
    assert ask(table, host="two.example") == SPLIT


def test_port_by_name_and_by_number_are_two_upstreams_of_the_same_pods() -> None:
    table = table_of(*services(), ingress("web", path_to("stable", port="http")))
    assert ask(table) == {"shop-stable-http": 1}
    assert {cluster.name: cluster.pods for cluster in table.clusters} == {"shop-stable-http": (PodRef("shop", "old"),)}


@pytest.mark.parametrize(
    ("backend", "why"),
    [
        pytest.param(path_to("nowhere"), "service shop/nowhere does not exist", id="no-service"),
        pytest.param(path_to("stable", port=81), "service shop/stable has no port 81", id="no-port"),
        pytest.param(path_to("stable", port="grpc"), "service shop/stable has no port grpc", id="no-port-name"),
    ],
)
def test_backend_that_leads_nowhere_is_503_and_says_why(backend: Manifest, why: str) -> None:
    table = table_of(*services(), ingress("web", backend))
    assert ask(table) == 503
    assert table.notes == (f"ingress shop/web: {why}",)


def test_only_ready_pods_stand_behind_a_service() -> None:
    pods = [pod("one", "v1"), pod("two", "v1", ready=False), pod("three", "v1")]
    table = table_of(*pods, service("stable"), endpoint_slice("stable", *pods), ingress("web", path_to("stable")))
    assert table.clusters[0].pods == (PodRef("shop", "one"), PodRef("shop", "three"))


def test_endpoint_without_a_target_is_found_by_the_pod_ip() -> None:
    one = pod("one", "v1")
    one["status"]["podIP"] = "10.0.0.1"
    piece = endpoint_slice("stable", one)
    del piece["endpoints"][0]["targetRef"], piece["endpoints"][0]["conditions"]
    table = table_of(one, service("stable"), piece, ingress("web", path_to("stable")))
    assert table.clusters[0].pods == (PodRef("shop", "one"),)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/api", "shop-exact-80", id="exact-first"),
        pytest.param("/api/v1", "shop-long-80", id="longest-prefix"),
        pytest.param("/api/v1/x?y=1", "shop-long-80", id="longest-prefix-below"),
        pytest.param("/api/v12", "shop-short-80", id="prefix-by-segments"),
        pytest.param("/apixyz", "shop-loose-80", id="implementation-specific-by-characters"),
        pytest.param("/", "shop-root-80", id="root"),
    ],
)
def test_nginx_order_of_paths(path: str, expected: str) -> None:
    names = ("exact", "long", "short", "loose", "root")
    pods = [pod(name, "v1") for name in names]
    parts = [part for member in pods for part in (member, service(member["metadata"]["name"]))]
    slices = [endpoint_slice(member["metadata"]["name"], member) for member in pods]
    rules = ingress(
        "web",
        path_to("root"),
        path_to("loose", "/api", "ImplementationSpecific"),
        path_to("short", "/api/", "Prefix"),
        path_to("long", "/api/v1", "Prefix"),
        path_to("exact", "/api", "Exact"),
    )
    assert ask(table_of(*parts, *slices, rules), path=path) == {expected: 1}


def test_path_that_no_rule_has_is_404_and_the_default_backend_takes_it() -> None:
    rules = ingress("web", path_to("stable", path="/shop"))
    assert ask(table_of(*services(), rules), path="/") == 404
    rules["spec"]["defaultBackend"] = {"service": {"name": "canary", "port": {"number": 80}}}
    assert ask(table_of(*services(), rules), path="/") == ALWAYS_CANARY


def test_ingress_without_rules_takes_every_host() -> None:
    everything = ingress("all")
    everything["spec"] = {"defaultBackend": {"service": {"name": "stable", "port": {"number": 80}}}}
    assert ask(table_of(*services(), everything), host="any.example") == ALWAYS_STABLE


def test_second_ingress_for_a_path_is_ignored_whichever_is_younger() -> None:
    old = ingress("z-old", path_to("stable"), created="2026-01-01T00:00:00Z")
    young = ingress("a-young", path_to("canary"), created="2026-02-01T00:00:00Z")
    table = table_of(*services(), young, old)
    assert ask(table) == ALWAYS_STABLE
    assert any("a-young" in note and "already defined" in note for note in table.notes)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("DEMO.example:8080", ALWAYS_STABLE, id="case-and-port"),
        pytest.param("demo.example.localhost:8080", ALWAYS_STABLE, id="below-localhost"),
        pytest.param("a.wild.example", ALWAYS_CANARY, id="wildcard"),
        pytest.param("wild.example", 404, id="wildcard-needs-a-label"),
    ],
)
def test_host_names(host: str, expected: dict[str, int] | int) -> None:
    table = table_of(
        *services(), ingress("web", path_to("stable")), ingress("wild", path_to("canary"), host="*.wild.example")
    )
    assert ask(table, host=host) == expected


@pytest.mark.parametrize("pattern", ["(?=beta)", "(?<!x)beta", r"(b)\1", "be++", "(unclosed"])
def test_pattern_beyond_re2_matches_nothing_and_says_so(pattern: str) -> None:
    table = canaried({**HEADER, "canary-by-header-pattern": pattern})
    assert ask(table, x_canary="beta") == SPLIT
    assert any("matches nothing" in note for note in table.notes)


def test_resource_backends_and_rules_without_http_are_skipped() -> None:
    odd = ingress("odd", {"path": "/", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}})
    odd["spec"]["rules"].append({"host": "bare.example"})
    assert table_of(*services(), odd).hosts == ()
