"""Real requests through the data plane, with Envoy and with its stand-in."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import Counts, DataPlane, Load, Stream
from tidegate_sandbox.dataplane.envoy import Envoy
from tidegate_sandbox.dataplane.envoy_process import envoy_path
from tidegate_sandbox.dataplane.ingress import IngressTranslator
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, ingress, path_to, pod, service
from tidegate_sandbox.dataplane.proxies import Proxy
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.routes import RouteTable, World

HOST = "demo.example"
PREFIX = "nginx.ingress.kubernetes.io"
RATE = 1500.0


def new_envoy() -> Proxy:
    try:
        envoy_path()
    except ImportError as error:
        pytest.skip(f"no Envoy for this platform: {error}")
    return Envoy()


def new_python_proxy() -> Proxy:
    return PythonProxy(seed=1)


PROXIES = [
    pytest.param(new_envoy, id="envoy", marks=pytest.mark.envoy),
    pytest.param(new_python_proxy, id="python"),
]


@dataclass
class Shop:
    """A stable and a canary Service behind one host, and the data plane that carries requests to them."""

    source: MemorySource
    plane: DataPlane
    stable: list[Manifest]
    canary: list[Manifest]

    def weigh(self, weight: int, **settings: str) -> None:
        more = {f"{PREFIX}/{key.replace('_', '-')}": value for key, value in settings.items()}
        annotations = {f"{PREFIX}/canary": "true", f"{PREFIX}/canary-weight": str(weight), **more}
        self.source.put(ingress("web-canary", path_to("canary"), host=HOST, annotations=annotations))
        assert self.plane.wait_current()

    def publish(self) -> None:
        """Write the slices for the pods as they are."""
        self.source.put(endpoint_slice("stable", *self.stable), endpoint_slice("canary", *self.canary))
        assert self.plane.wait_current()

    def get(self, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and version of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.plane.port, timeout=5)
        try:
            connection.request("GET", "/", headers={"Host": HOST, **(headers or {})})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        return response.status, json.loads(body)["version"] if response.status == 200 else ""

    def sample(self, requests: int) -> int:
        """That many for Envoy; the stand-in is slower and gets a third."""
        return requests if self.plane.proxy_name.startswith("envoy") else requests // 3

    def measure(self, requests: int) -> Counts:
        with Load(self.plane.url_for(HOST), Stream(rate=RATE * 2, concurrency=16, total=requests)) as load:
            assert load.wait(30)
            return load.snapshot().counts


@pytest.fixture(params=PROXIES)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    yield from a_shop(request.param)


@pytest.fixture
def envoy_shop() -> Iterator[Shop]:
    yield from a_shop(new_envoy)


def a_shop(proxy: Callable[[], Proxy]) -> Iterator[Shop]:
    stable = [pod(f"old-{number}", "v1") for number in range(3)]
    canary = [pod(f"new-{number}", "v2") for number in range(2)]
    source = MemorySource(*stable, *canary, service("stable"), service("canary"))
    source.put(endpoint_slice("stable", *stable), endpoint_slice("canary", *canary))
    source.put(ingress("web", path_to("stable"), host=HOST))
    with DataPlane(source, proxy=proxy()) as plane:
        yield Shop(source, plane, stable, canary)


@pytest.mark.parametrize("weight", [0, 1, 25, 50, 100])
def test_measured_split_is_the_weight_within_four_sigma(shop: Shop, weight: int) -> None:
    shop.weigh(weight)
    split = shop.plane.split(HOST)
    assert split is not None
    assert split.version("v2") == split.share("shop-canary-80") == weight / 100
    counts = shop.measure(shop.sample(3000))
    assert counts.failures == 0, counts.errors
    assert counts.total == shop.sample(3000)
    assert counts.agrees("v2", weight / 100), counts.versions
    assert counts.agrees("v1", 1 - weight / 100), counts.versions


def test_weight_total_above_100_makes_shares_below_a_percent(shop: Shop) -> None:
    shop.weigh(5, canary_weight_total="1000")
    counts = shop.measure(shop.sample(3000))
    assert counts.failures == 0, counts.errors
    assert counts.agrees("v2", 0.005), counts.versions
    assert counts.versions["v2"] > 0


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        pytest.param({"X-Canary": "always"}, "v2", id="header-always"),
        pytest.param({"X-Canary": "never", "Cookie": "canary=always"}, "v1", id="header-before-cookie"),
        pytest.param({"X-Canary": "other", "Cookie": "a=1; canary=always; b=2"}, "v2", id="cookie-always"),
        pytest.param({"Cookie": "xcanary=always"}, "v1", id="cookie-of-a-longer-name"),
        pytest.param({}, "v1", id="neither"),
    ],
)
def test_header_and_cookie_go_before_the_weight(shop: Shop, headers: dict[str, str], version: str) -> None:
    shop.weigh(0, canary_by_header="X-Canary", canary_by_cookie="canary")
    assert {shop.get(headers) for _ in range(10)} == {(200, version)}


@pytest.mark.parametrize(
    ("value", "version"), [("eu-west", "v2"), ("the eu-north one", "v2"), ("us-east", "v1"), ("always", "v1")]
)
def test_header_pattern_matches_anywhere_in_the_value(shop: Shop, value: str, version: str) -> None:
    shop.weigh(0, canary_by_header="X-Region", canary_by_header_pattern="eu-(west|north)")
    assert {shop.get({"X-Region": value}) for _ in range(5)} == {(200, version)}


def test_no_stable_endpoints_is_503_at_weight_100(shop: Shop) -> None:
    shop.weigh(100)
    assert shop.get() == (200, "v2")
    shop.stable = []
    shop.publish()
    assert shop.get() == (503, "")


def test_host_nobody_serves_is_404(shop: Shop) -> None:
    shop.weigh(50)
    assert shop.get({"Host": "other.example"})[0] == 404


def test_pod_that_is_not_ready_gets_no_request_even_if_a_slice_lists_it(shop: Shop) -> None:
    broken = pod("new-broken", "v3", ready=False)
    shop.source.put(broken)
    piece = endpoint_slice("canary", *shop.canary, broken)
    for endpoint in piece["endpoints"]:
        endpoint["conditions"]["ready"] = True
    shop.source.put(piece)
    shop.weigh(50)
    counts = shop.measure(1000)
    assert counts.failures == 0, counts.errors
    assert set(counts.versions) == {"v1", "v2"}
    assert shop.plane.served("shop", "new-broken") == 0
    assert sum(shop.plane.served("shop", member["metadata"]["name"]) for member in shop.stable + shop.canary) == 1000


def test_pod_that_becomes_ready_gets_requests(shop: Shop) -> None:
    shop.weigh(100)
    late = pod("new-late", "v2", ready=False)
    shop.source.put(late)
    shop.canary.append(late)
    shop.publish()
    assert shop.plane.served("shop", "new-late") == 0
    late = pod("new-late", "v2")
    shop.canary[-1] = late
    shop.source.put(late)
    shop.publish()
    shop.measure(300)
    assert shop.plane.served("shop", "new-late") > 50


def test_no_request_fails_over_weight_changes(shop: Shop) -> None:
    with Load(shop.plane.url_for(HOST), Stream(rate=RATE)) as load:
        for weight in (0, 5, 25, 50, 75, 100, 50, 0) * 5:
            shop.weigh(weight)
            split = shop.plane.split(HOST)
            assert split is not None
            load.wait_for(40, since=split.since)
        load.stop()
        counts = load.snapshot().counts
    assert counts.failures == 0, counts.errors
    assert counts.total >= 1600
    assert set(counts.versions) == {"v1", "v2"}


def test_window_since_a_split_holds_only_requests_under_it(shop: Shop) -> None:
    with Load(shop.plane.url_for(HOST), Stream(rate=RATE)) as load:
        for weight in (100, 0, 100, 0, 100, 0):
            shop.weigh(weight)
            split = shop.plane.split(HOST)
            assert split is not None
            counts = load.wait_for(100, since=split.since)
            assert counts.versions == {"v2" if weight else "v1": counts.total}


def test_no_request_fails_while_pods_come_and_go(shop: Shop) -> None:
    """Pods are replaced one by one, each first taken from the slice, then deleted; the last ones without any notice."""
    shop.weigh(40)
    with Load(shop.plane.url_for(HOST), Stream(rate=RATE)) as load:
        for number in range(8):
            fresh = pod(f"old-fresh-{number}", "v1")
            leaving = shop.stable.pop(0)
            shop.stable.append(fresh)
            shop.source.put(fresh)
            shop.publish()
            shop.source.remove(leaving)
            load.wait_for(60, since=load.mark())
        for _ in range(2):
            gone = shop.stable.pop(0)
            shop.source.remove(gone)
            assert shop.plane.wait_current()
            shop.publish()
            load.wait_for(60, since=load.mark())
        load.stop()
        counts = load.snapshot().counts
    assert counts.failures == 0, counts.errors
    assert counts.total >= 600


def test_no_request_fails_when_the_stable_service_moves_to_the_new_pods(shop: Shop) -> None:
    """A promotion: weight 100, selector of the stable Service to the new pods, weight 0, old pods away."""
    with Load(shop.plane.url_for(HOST), Stream(rate=RATE)) as load:
        for weight in (10, 50, 100):
            shop.weigh(weight)
            load.wait_for(50, since=load.mark())
        old, shop.stable = shop.stable, list(shop.canary)
        shop.publish()
        shop.weigh(0)
        split = shop.plane.split(HOST)
        assert split is not None
        assert split.version("v2") == 1.0
        shop.source.remove(*old)
        counts = load.wait_for(300, since=split.since)
        assert counts.versions == {"v2": counts.total}
        load.stop()
        assert load.snapshot().counts.failures == 0, load.snapshot().counts.errors


def test_requests_under_way_are_answered_when_the_pod_is_deleted(shop: Shop) -> None:
    slow = pod("old-slow", "v1", annotations={"sandbox.tidegate.io/latency-ms": "300"})
    shop.source.put(slow)
    shop.stable = [slow]
    shop.publish()
    with Load(shop.plane.url_for(HOST), Stream(rate=1000, concurrency=8, total=8)) as load:
        while shop.plane.served("shop", "old-slow") < 8:
            assert not load.wait(0.01)
        shop.source.remove(slow)
        assert shop.plane.wait_current()
        assert load.snapshot().counts.total == 0
        assert load.wait(5)
        assert load.snapshot().counts.statuses == {200: 8}


def test_error_rate_and_latency_come_from_annotations_of_the_pod(shop: Shop) -> None:
    odd = pod("old-odd", "v1", annotations={"sandbox.tidegate.io/error-rate": "0.25"})
    shop.source.put(odd)
    shop.stable = [odd]
    shop.publish()
    counts = shop.measure(1000)
    assert 0.25 - 0.055 < counts.statuses[500] / 1000 < 0.25 + 0.055  # four sigma of 1000 draws
    assert counts.failures == counts.statuses[500]
    assert counts.errors[0].startswith("500 ")


@pytest.mark.envoy
def test_rules_that_a_proxy_refuses_leave_the_last_good_ones_in_force(envoy_shop: Shop) -> None:
    """A repetition of 2000 is beyond what RE2 takes, and nothing a translator sees."""
    envoy_shop.weigh(100)
    envoy_shop.weigh(0, canary_by_header="X-A", canary_by_header_pattern="a{2000}")
    assert "refused the routes" in " ".join(envoy_shop.plane.in_force.problems)
    assert envoy_shop.get() == (200, "v2")
    envoy_shop.weigh(0)
    assert envoy_shop.plane.in_force.problems == ()
    assert envoy_shop.get() == (200, "v1")


def test_pods_of_one_cluster_take_turns(shop: Shop) -> None:
    shop.weigh(0)
    shop.measure(900)
    served = [shop.plane.served("shop", member["metadata"]["name"]) for member in shop.stable]
    assert sum(served) == 900
    assert min(served) > 250


@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_other_methods_pass(shop: Shop, method: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shop.plane.port, timeout=5)
    try:
        for _ in range(2):
            connection.request(method, "/a?b=c", body=b"x" * 3000 if method == "POST" else None, headers={"Host": HOST})
            response = connection.getresponse()
            assert (response.status, response.getheader("x-version")) == (200, "v1")
            assert bool(response.read()) is (method == "POST")
    finally:
        connection.close()


def test_translator_that_fails_leaves_the_last_good_routes_in_force_and_is_tried_again() -> None:
    class Moody(IngressTranslator):
        broken = False

        def translate(self, world: World) -> RouteTable:
            if Moody.broken:
                raise KeyError("spec")
            return super().translate(world)

    member = pod("old-1", "v1")
    source = MemorySource(
        member, service("stable"), endpoint_slice("stable", member), ingress("web", path_to("stable"))
    )
    with DataPlane(source, proxy=new_python_proxy(), translators=[Moody()]) as plane:
        Moody.broken = True
        source.put(service("other"))
        assert plane.wait_until(lambda seen: bool(seen.problems))
        assert "KeyError('spec')" in plane.in_force.problems[0]
        assert plane.split(HOST) is not None
        Moody.broken = False
        assert plane.wait_until(lambda seen: not seen.problems)
