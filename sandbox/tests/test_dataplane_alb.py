"""Ingresses of class alb to routes: what the AWS Load Balancer Controller makes of their annotations, as a table."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import DataPlane, Load, Stream
from tidegate_sandbox.dataplane.alb import AlbTranslator
from tidegate_sandbox.dataplane.envoy import Envoy
from tidegate_sandbox.dataplane.envoy_process import envoy_path
from tidegate_sandbox.dataplane.ingress import IngressTranslator
from tidegate_sandbox.dataplane.matching import Request, route_for
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, ingress, path_to, pod, service
from tidegate_sandbox.dataplane.proxies import Proxy
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.routes import RouteTable

P = "alb.ingress.kubernetes.io"
HOST = "demo.example"
STABLE, CANARY = "shop-stable-80", "shop-canary-80"


def forward(**weights: int) -> str:
    groups = [{"ServiceName": name, "ServicePort": "80", "Weight": weight} for name, weight in weights.items()]
    return json.dumps({"Type": "forward", "ForwardConfig": {"TargetGroups": groups}})


def header(name: str, *values: str) -> dict[str, Any]:
    return {"field": "http-header", "httpHeaderConfig": {"httpHeaderName": name, "values": list(values)}}


def alb(name: str, *paths: Manifest, host: str = HOST, order: str = "0", **annotations: str) -> Manifest:
    """An Ingress of class alb; keywords are annotations, two underscores for the dot: `actions__root`."""
    below = {f"{P}/{key.replace('__', '.')}": value for key, value in annotations.items()}
    made = ingress(name, *paths, host=host, annotations={**below, f"{P}/group.order": order})
    made["spec"]["ingressClassName"] = "alb"
    return made


def root(name: str = "root", path: str = "/", kind: str = "Prefix") -> Manifest:
    return path_to(name, path, kind, port="use-annotation")


def world(*more: Manifest) -> MemorySource:
    old, new = pod("old", "v1"), pod("new", "v2")
    slices = endpoint_slice("stable", old), endpoint_slice("canary", new)
    return MemorySource(old, new, service("stable"), service("canary"), service("api"), *slices, *more)


def table_of(*more: Manifest) -> RouteTable:
    source, translator = world(*more), AlbTranslator()
    return translator.translate({resource: source.list(resource) for resource in translator.resources})


def ask(table: RouteTable, path: str = "/", host: str = HOST, method: str = "GET", **headers: str) -> object:
    """The weights by cluster, or the status that answers instead."""
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    route = route_for(table, Request(host, path, sent, method))
    return 404 if route is None else {share.cluster: share.weight for share in route.shares} or 503


SPLIT = {CANARY: 25, STABLE: 75}


def test_weights_are_those_of_the_action() -> None:
    table = table_of(alb("web", root(), actions__root=forward(canary=25, stable=75)))
    assert ask(table) == ask(table, "/deep/er") == SPLIT
    assert ask(table, host="other.example") == 404
    assert table.notes == ()


def test_keys_are_read_in_any_case_and_ports_as_numbers() -> None:
    groups = (
        '[{"serviceName":"canary","servicePort":80,"weight":25},{"serviceName":"stable","servicePort":80,"weight":75}]'
    )
    action = f'{{"type":"forward","forwardConfig":{{"targetGroups":{groups}}}}}'
    assert ask(table_of(alb("web", root(), actions__root=action))) == SPLIT


def test_a_group_of_weight_0_gets_nothing_and_all_at_0_is_503() -> None:
    assert ask(table_of(alb("web", root(), actions__root=forward(canary=0, stable=100)))) == {STABLE: 100}
    assert ask(table_of(alb("web", root(), actions__root=forward(canary=0, stable=0)))) == 503


def test_a_numbered_port_does_not_read_the_annotation() -> None:
    assert ask(table_of(alb("web", path_to("stable"), actions__stable=forward(canary=100)))) == {STABLE: 1}


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("", "Backend action does not exist"),
        ('{"Type":"redirect"}', "the sandbox has no redirect"),
        ("no json", "no forward action to Services"),
        (forward(gone=50, stable=50), "the controller changes nothing any more"),
        (forward(gone=1), "service shop/gone does not exist"),
    ],
    ids=["absent", "redirect", "broken", "missing service", "missing only service"],
)
def test_what_cannot_be_forwarded_is_503_and_told(action: str, said: str) -> None:
    annotations = {"actions__root": action} if action else {}
    table = table_of(alb("web", root(), **annotations))
    assert ask(table) == 503
    assert said in " ".join(table.notes)


def test_a_clone_before_its_path_is_asked_first() -> None:
    h = {"actions__h": forward(canary=100), "conditions__h": json.dumps([header("X-Canary", "yes", "y2")])}
    table = table_of(alb("web", root("h"), root(), actions__root=forward(canary=25, stable=75), **h))
    assert ask(table, x_canary="yes") == ask(table, x_canary="Y2") == {CANARY: 100}
    assert ask(table) == ask(table, x_canary="no") == SPLIT


def test_a_path_of_another_kind_is_never_asked_behind_a_prefix() -> None:
    h = {"actions__h": forward(canary=100), "conditions__h": json.dumps([header("X-Canary", "yes")])}
    first = root("h", "/*", "ImplementationSpecific")
    table = table_of(alb("web", first, root(), actions__root=forward(canary=25, stable=75), **h))
    assert ask(table, x_canary="yes") == SPLIT
    specific = root("root", "/*", "ImplementationSpecific")
    table = table_of(alb("web", first, specific, actions__root=forward(canary=25, stable=75), **h))
    assert ask(table, x_canary="yes") == {CANARY: 100}


@pytest.mark.parametrize(
    ("value", "sent", "matches"),
    [
        ("eu-*", "EU-west", True),
        ("eu-?", "eu-12", False),
        (r"eu-\*", "eu-west", False),
        (r"eu-\*", "eu-*", True),
        ("a.c", "abc", False),
        ("a|b", "a", False),
    ],
)
def test_values_are_patterns_in_any_case(value: str, sent: str, matches: bool) -> None:
    h = {"actions__h": forward(canary=1), "conditions__h": json.dumps([header("X-Region", value)])}
    table = table_of(alb("web", root("h"), root(), actions__root=forward(stable=1), **h))
    assert ask(table, x_region=sent) == ({CANARY: 1} if matches else {STABLE: 1})


def test_all_conditions_have_to_hold() -> None:
    method = {"field": "http-request-method", "httpRequestMethodConfig": {"values": ["POST", "PUT"]}}
    conditions = json.dumps([header("X-A", "1"), header("X-B", "2"), method])
    h = {"actions__h": forward(canary=1), "conditions__h": conditions}
    table = table_of(alb("web", root("h"), root(), actions__root=forward(stable=1), **h))
    assert ask(table, method="PUT", x_a="1", x_b="2") == {CANARY: 1}
    assert ask(table, method="PUT", x_a="1") == ask(table, x_a="1", x_b="2") == {STABLE: 1}


@pytest.mark.parametrize("conditions", ['[{"field":"source-ip"}]', "no json", '[{"field":"http-header"}]'])
def test_a_rule_with_a_condition_that_is_not_known_is_left_out_and_told(conditions: str) -> None:
    h = {"actions__h": forward(canary=1), "conditions__h": conditions}
    table = table_of(alb("web", root("h"), root(), actions__root=forward(stable=1), **h))
    assert ask(table) == {STABLE: 1}
    assert "its rules are left out" in table.notes[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/exact", "e"),
        ("/exact/more", "short"),
        ("/api/v2/users", "long"),
        ("/api", "short-api"),
        ("/apix", "short"),
        ("/img/a.png", "short"),
    ],
)
def test_exact_goes_before_the_longer_prefix_goes_before_the_rest(path: str, expected: str) -> None:
    paths = {
        "short": ("/", "Prefix"),
        "short-api": ("/api", "Prefix"),
        "images": ("/img/*.png", "ImplementationSpecific"),
        "long": ("/api/v2/", "Prefix"),
        "e": ("/exact", "Exact"),
    }
    made = alb("web", *(path_to(name, where, kind) for name, (where, kind) in paths.items()))
    table = table_of(made, *(service(name) for name in paths))
    assert ask(table, path) == {f"shop-{expected}-80": 1}


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/img/*.png", "/img/a/b.png", True),
        ("/img/*.png", "/img/a.gif", False),
        ("/v?/x", "/v1/x", True),
        ("/api/*", "/api/x", True),
        ("/api/*", "/api", False),
        ("/only", "/only/x", False),
        ("/*", "/", True),
    ],
)
def test_specific_paths_are_patterns(pattern: str, path: str, matches: bool) -> None:
    table = table_of(alb("web", path_to("api", pattern, "ImplementationSpecific")))
    assert ask(table, path) == ({"shop-api-80": 1} if matches else 404)


def test_ingresses_stand_in_the_order_of_their_group() -> None:
    late = alb("a", path_to("stable"), order="10")
    early = alb("b", path_to("api"), order="-5")
    assert ask(table_of(late, early)) == {"shop-api-80": 1}
    assert ask(table_of(alb("a", path_to("stable")), alb("b", path_to("api")))) == {STABLE: 1}


def test_what_is_no_service_and_no_number_is_passed_over() -> None:
    bucket = {"path": "/", "pathType": "Exact", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}
    assert ask(table_of(alb("a", bucket, path_to("api"), order="soon"))) == {"shop-api-80": 1}


def test_a_rule_for_all_hosts_takes_part_in_every_host_at_its_place() -> None:
    everywhere = alb("a", path_to("stable", "/health"), host="", order="-1")
    wild = alb("b", path_to("canary", "/beta"), host="*.example")
    table = table_of(everywhere, wild, alb("c", path_to("api"), order="1"))
    assert ask(table, "/health") == ask(table, "/health", host="x.test") == {STABLE: 1}
    assert ask(table, "/beta") == ask(table, "/beta", host="b.example") == {CANARY: 1}
    assert ask(table, "/") == {"shop-api-80": 1}
    assert ask(table, "/", host="b.example") == 404


def test_a_default_backend_takes_what_is_left() -> None:
    made = alb("a", path_to("api", "/api"))
    made["spec"]["defaultBackend"] = {"service": {"name": "stable", "port": {"number": 80}}}
    table = table_of(made, alb("b", path_to("canary", "/b"), order="5"))
    assert ask(table, "/b") == {CANARY: 1}
    assert ask(table, "/x") == ask(table, host="any.test") == {STABLE: 1}


@pytest.mark.parametrize("form", ["field", "annotation"])
def test_each_controller_reads_the_ingresses_of_its_class(form: str) -> None:
    mine = alb("web", root(), actions__root=forward(canary=25, stable=75))
    if form == "annotation":
        del mine["spec"]["ingressClassName"]
        mine["metadata"]["annotations"]["kubernetes.io/ingress.class"] = "alb"
    theirs = ingress("other", path_to("stable"), host="nginx.example")
    assert [host.domain for host in table_of(mine, theirs).hosts] == [HOST]
    source, translator = world(mine, theirs), IngressTranslator()
    table = translator.translate({resource: source.list(resource) for resource in translator.resources})
    assert [host.domain for host in table.hosts] == ["nginx.example"]


def new_envoy() -> Proxy:
    try:
        envoy_path()
    except ImportError as error:
        pytest.skip(f"no Envoy for this platform: {error}")
    return Envoy()


@pytest.fixture(
    params=[pytest.param(new_envoy, id="envoy", marks=pytest.mark.envoy), pytest.param(PythonProxy, id="python")]
)
def plane(request: pytest.FixtureRequest) -> Iterator[tuple[MemorySource, DataPlane]]:
    """A proxy in front of both controllers."""
    make: Callable[[], Proxy] = request.param
    source = world()
    with DataPlane(source, proxy=make(), translators=[IngressTranslator(), AlbTranslator()]) as running:
        yield source, running


@pytest.mark.parametrize("weight", [0, 25, 100])
def test_requests_are_shared_out_as_the_action_says(plane: tuple[MemorySource, DataPlane], weight: int) -> None:
    source, running = plane
    source.put(alb("web", root(), actions__root=forward(canary=weight, stable=100 - weight)))
    assert running.wait_current()
    assert running.in_force.problems == ()
    with Load(running.url_for(HOST), Stream(rate=3000, concurrency=16, total=1000)) as load:
        assert load.wait(30)
        counts = load.snapshot().counts
    assert counts.failures == 0, counts.errors
    assert counts.agrees("v2", weight / 100), counts.versions


def test_requests_with_the_header_reach_the_canary(plane: tuple[MemorySource, DataPlane]) -> None:
    source, running = plane
    h = {"actions__h": forward(canary=100), "conditions__h": json.dumps([header("X-Canary", "yes", r"l*k\*y")])}
    patterns = root("other", "/img/*.png", "ImplementationSpecific")
    action = {"actions__root": forward(canary=0, stable=100), "actions__other": forward(canary=1)}
    source.put(alb("web", root("h"), root(), patterns, **action, **h))
    assert running.wait_current()
    assert running.in_force.problems == ()
    for sent, version in (("yes", "v2"), ("YES", "v2"), ("luck*y", "v2"), ("lucky", "v1"), ("no", "v1"), ("", "v1")):
        assert {version_of(running.port, sent) for _ in range(5)} == {version}, sent


def version_of(port: int, sent: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": HOST, **({"X-Canary": sent} if sent else {})})
        return str(json.loads(connection.getresponse().read())["version"])
    finally:
        connection.close()
