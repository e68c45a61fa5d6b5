"""What a route table can say beside Ingresses: prefixes, patterns, methods and shares of copies, in both proxies."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator

import pytest

from tidegate_sandbox.dataplane import DataPlane, Load, Stream
from tidegate_sandbox.dataplane.envoy import Envoy
from tidegate_sandbox.dataplane.envoy_process import envoy_path
from tidegate_sandbox.dataplane.memory import MemorySource, pod
from tidegate_sandbox.dataplane.patterns import pattern_fault
from tidegate_sandbox.dataplane.proxies import Proxy
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.routes import (
    Cluster,
    Condition,
    CookieMatch,
    HeaderMatch,
    Host,
    MethodMatch,
    Mirror,
    PathKind,
    PathMatch,
    PodRef,
    Route,
    RouteTable,
    Share,
    ValueKind,
    World,
)

HOST = "demo.example"
ANY = PathMatch(PathKind.PREFIX, "/")


def new_envoy() -> Proxy:
    try:
        envoy_path()
    except ImportError as error:
        pytest.skip(f"no Envoy for this platform: {error}")
    return Envoy()


def new_python_proxy() -> Proxy:
    return PythonProxy(seed=1)


class Fixed:
    """Hands out whatever routes a test has put in, ahead of one that leads everything else to v1."""

    resources = ("pods",)

    def __init__(self) -> None:
        self.routes: tuple[Route, ...] = ()

    def translate(self, world: World) -> RouteTable:
        clusters = (Cluster("a", (PodRef("shop", "one"),)), Cluster("b", (PodRef("shop", "two"),)))
        rest = Route(ANY, (Share("a", 1),))
        return RouteTable((Host(HOST, (*self.routes, rest)),), clusters)


class Table:
    """A plane whose routes a test writes."""

    def __init__(self, plane: DataPlane, source: MemorySource, fixed: Fixed) -> None:
        self.plane, self._source, self._fixed = plane, source, fixed

    def put(self, *routes: Route) -> None:
        self._fixed.routes = routes
        self._source.put(pod("one", "v1"))
        assert self.plane.wait_current()
        assert self.plane.in_force.problems == ()

    def version(self, path: str = "/", method: str = "GET", **headers: str) -> str:
        """The version that answers one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.plane.port, timeout=5)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"Host": HOST, **named})
            response = connection.getresponse()
            response.read()
            return response.getheader("x-version") or str(response.status)
        finally:
            connection.close()


@pytest.fixture(
    params=[
        pytest.param(new_envoy, id="envoy", marks=pytest.mark.envoy),
        pytest.param(new_python_proxy, id="python"),
    ]
)
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    make: Callable[[], Proxy] = request.param
    source, fixed = MemorySource(pod("one", "v1"), pod("two", "v2")), Fixed()
    with DataPlane(source, proxy=make(), translators=[fixed]) as plane:
        yield Table(plane, source, fixed)


def to_v2(*conditions: Condition, path: PathMatch = ANY) -> Route:
    return Route(path, (Share("b", 1),), conditions)


@pytest.mark.parametrize(
    ("condition", "headers", "version"),
    [
        pytest.param(HeaderMatch("X-A", "ye", ValueKind.PREFIX), {"x_a": "yes"}, "v2", id="prefix"),
        pytest.param(HeaderMatch("X-A", "ye", ValueKind.PREFIX), {"x_a": "no yes"}, "v1", id="prefix-not-inside"),
        pytest.param(HeaderMatch("X-A", "", ValueKind.PREFIX), {"x_a": "anything"}, "v2", id="empty-prefix-present"),
        pytest.param(HeaderMatch("X-A", "", ValueKind.PREFIX), {}, "v1", id="empty-prefix-absent"),
        pytest.param(HeaderMatch("X-A", "y.s", ValueKind.REGEX), {"x_a": "yes"}, "v2", id="regex"),
        pytest.param(HeaderMatch("X-A", "y.s", ValueKind.REGEX), {"x_a": "yess"}, "v1", id="regex-whole-value"),
        pytest.param(HeaderMatch("X-A", "a|b", ValueKind.REGEX), {"x_a": "ab"}, "v1", id="regex-alternatives-whole"),
        pytest.param(HeaderMatch("X-A", "y.s", ValueKind.SEARCH), {"x_a": "oh yes!"}, "v2", id="search-anywhere"),
        pytest.param(CookieMatch("c", "1"), {"cookie": "b=2; c=1"}, "v2", id="cookie"),
    ],
)
def test_values_of_headers_are_compared(
    table: Table, condition: Condition, headers: dict[str, str], version: str
) -> None:
    table.put(to_v2(condition))
    assert table.version(**headers) == version


@pytest.mark.parametrize(
    ("condition", "method", "version"),
    [
        pytest.param(MethodMatch("POST"), "POST", "v2", id="exact"),
        pytest.param(MethodMatch("POST"), "GET", "v1", id="another"),
        pytest.param(MethodMatch("P", ValueKind.PREFIX), "PUT", "v2", id="prefix"),
        pytest.param(MethodMatch("PUT|POST", ValueKind.REGEX), "POST", "v2", id="regex"),
        pytest.param(MethodMatch("PUT|POST", ValueKind.REGEX), "GET", "v1", id="regex-another"),
    ],
)
def test_method_is_a_condition(table: Table, condition: Condition, method: str, version: str) -> None:
    table.put(to_v2(condition))
    assert table.version(method=method) == version


@pytest.mark.parametrize(
    ("path", "version"),
    [("/item/12", "v2"), ("/item/12?a=b", "v2"), ("/item/x", "v1"), ("/item/12/more", "v1"), ("/an/item/12", "v1")],
)
def test_path_pattern_matches_the_whole_path_without_its_query(table: Table, path: str, version: str) -> None:
    table.put(to_v2(path=PathMatch(PathKind.REGEX, "/item/[0-9]+")))
    assert table.version(path) == version


def test_all_conditions_of_a_route_must_hold(table: Table) -> None:
    table.put(to_v2(HeaderMatch("X-A", "1"), MethodMatch("POST"), path=PathMatch(PathKind.SEGMENTS, "/api")))
    assert table.version("/api/x", "POST", x_a="1") == "v2"
    assert table.version("/api/x", "GET", x_a="1") == "v1"
    assert table.version("/other", "POST", x_a="1") == "v1"


@pytest.mark.parametrize("percent", [0.0, 25.0, 100.0])
def test_copies_are_the_given_part_and_change_no_answer(table: Table, percent: float) -> None:
    requests = 400
    table.put(Route(ANY, (Share("a", 1),), mirrors=(Mirror("b", percent),)))
    with Load(table.plane.url_for(HOST), Stream(rate=1500, total=requests)) as load:
        assert load.wait(20)
        assert load.snapshot().counts.versions == {"v1": requests}
    spread = 4 * (requests * percent / 100 * (1 - percent / 100)) ** 0.5  # four sigma of as many draws
    least = int(requests * percent / 100 - spread)
    while table.plane.served("shop", "two") < least:  # copies are on their way when the answers are back
        threading.Event().wait(0.005)
    assert table.plane.served("shop", "two") <= requests * percent / 100 + spread


def test_of_two_unconditional_routes_with_one_path_the_first_is_the_split(table: Table) -> None:
    table.put(Route(ANY, (Share("b", 1), Share("a", 3))))
    split = table.plane.split(HOST)
    assert split is not None
    assert split.share("b") == 0.25


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [("a+", ""), ("(", "is no regular expression"), ("(?=a)b", "needs PCRE"), (r"(a)\1", "needs PCRE")],
)
def test_pattern_beyond_re2_is_told(pattern: str, fault: str) -> None:
    assert fault in pattern_fault(pattern)
    assert bool(pattern_fault(pattern)) is bool(fault)
