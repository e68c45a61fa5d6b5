"""Where metrics may send requests: a corpus of URLs and addresses."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from tidegate.errors import ConfigError, Unreachable
from tidegate.hooks import Call
from tidegate.runtime.config import MetricsConfig, parse
from tidegate.runtime.egress import Egress, origin_of
from tidegate.runtime.outbound import Outbound

CLOSED = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
]
OPEN = [
    "10.1.2.3",
    "172.16.0.9",
    "192.168.1.1",
    "100.64.0.1",
    "8.8.8.8",
    "fd12::1",
    "2606:4700::1111",
    "64:ff9b::808:808",
]
REFUSED = [
    "ftp://prometheus/",
    "file:///etc/passwd",
    "gopher://x/",
    "unix:///var/run/docker.sock",
    "//prometheus/",
    "prometheus:9090",
    "",
    "http://",
    "http://:80/",
    "http://prometheus:0/",
    "http://prometheus:65536/",
    "http://prometheus:http/",
    "http://me@prometheus/",
    "http://me:secret@prometheus/",
    "http://prometheus@169.254.169.254/",
    "http://prometheus\\@169.254.169.254/",
    "http://prometheus /",
    "http://prometheus\r\nX: y/",
    "http://[::1/",
    "http://[fe80::1%25eth0]/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://%31%32%37.0.0.1/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://a.localhost/",
]


def found(*addresses: str) -> Egress:
    """A policy whose resolver answers these addresses to every name."""
    return Egress(resolve=lambda host, port: addresses)


@pytest.mark.parametrize("address", CLOSED)
def test_s8_a_closed_address_is_refused_in_a_url(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Unreachable, match=r"metrics may not ask; list it under metrics\.egress\.allow"):
        Egress().admit(f"http://{host}:9090/x")


@pytest.mark.parametrize("address", CLOSED)
def test_s8_a_name_for_a_closed_address_is_refused(address: str) -> None:
    with pytest.raises(Unreachable, match=r"^rebound\.example\.com \(.*may not ask"):
        found(address).addresses("rebound.example.com", 80)


@pytest.mark.parametrize("address", OPEN)
def test_s8_private_and_public_addresses_are_open(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert Egress().admit(f"http://{host}:9090/x").port == 9090
    assert found(address).addresses("prometheus", 80) == [address]


@pytest.mark.parametrize("url", REFUSED)
def test_s8_a_url_that_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        Egress().admit(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://\uff11\uff12\uff17.0.0.1/", "http://\u24dbocalhost/", "http://127\u30020\u30020\u30021/"]
)
def test_s8_letters_that_look_like_an_address_reach_nothing(url: str) -> None:
    outbound = Outbound()
    with pytest.raises(Unreachable):
        outbound.send(Call(url, timeout_s=1))
    outbound.close()


def test_s8_one_closed_address_among_open_ones_closes_the_name() -> None:
    with pytest.raises(Unreachable, match=r"169\.254\.169\.254"):
        found("10.0.0.1", "169.254.169.254").addresses("two-faced.example.com", 80)


def test_s8_a_name_is_resolved_once_and_the_judged_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer of a rebinding resolver would be loopback; nobody asks for it."""
    answers, connected = iter([["10.0.0.1"], ["127.0.0.1"]]), list[object]()

    def resolve(host: str, port: int) -> Sequence[str]:
        return next(answers)

    def connect(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    outbound = Outbound()
    outbound._egress.resolve = resolve
    monkeypatch.setattr("tidegate.runtime.wires.create_connection", connect)
    with pytest.raises(Unreachable, match="Connection refused"):
        outbound.send(Call("http://rebinding.example.com:9090", repeats=False))
    outbound.close()
    assert connected == [("10.0.0.1", 9090)]


@pytest.mark.parametrize("entry", ["127.0.0.0/8", "127.0.0.1", "127.0.0.1/8"])
def test_what_is_listed_is_open(entry: str) -> None:
    assert Egress([entry]).admit("http://127.0.0.1:9090").host == "127.0.0.1"


@pytest.mark.parametrize(
    ("entry", "host", "open_"),
    [
        ("localhost", "localhost", True),
        ("Prometheus.Local.", "prometheus.local", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
        ("prometheus.local", "other.local", False),
    ],
)
def test_a_listed_host_may_have_any_address(entry: str, host: str, open_: bool) -> None:
    egress = Egress([entry], resolve=lambda host, port: ["127.0.0.1"])
    if open_:
        assert egress.addresses(host, 80) == ["127.0.0.1"]
    else:
        with pytest.raises(Unreachable):
            egress.addresses(host, 80)


def test_s8_the_api_server_is_closed_under_each_of_its_names() -> None:
    answers = {"kubernetes.default.svc": ["10.96.0.1"], "alias.example.com": ["10.96.0.1"]}
    egress = Egress(["10.0.0.0/8"], ["https://kubernetes.default.svc"], lambda host, port: answers[host])
    for asked in ("https://kubernetes.default.svc", "https://10.96.0.1", "https://[::ffff:10.96.0.1]"):
        with pytest.raises(Unreachable, match="is the API server"):
            egress.admit(asked)
    with pytest.raises(Unreachable, match="is the API server"):
        egress.addresses("alias.example.com", 443)
    assert egress.addresses("alias.example.com", 9090) == ["10.96.0.1"]


def test_a_name_that_does_not_resolve_says_so() -> None:
    def fails(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unreachable, match=r"prometheus: the name cannot be resolved .* check the address"):
        Egress(resolve=fails).addresses("prometheus", 80)


def test_an_origin_has_its_schemes_port() -> None:
    assert [origin_of(url).text for url in ("HTTP://A.b/x?y", "https://[::2]/")] == [
        "http://a.b:80",
        "https://[::2]:443",
    ]


def test_the_block_is_read_from_the_file() -> None:
    config = parse("metrics:\n  egress:\n    allow: [10.0.0.0/8, '*.corp']\n  limits: {calls_per_host: 3}\n", "t.yaml")
    assert config.metrics.egress.allow == ["10.0.0.0/8", "*.corp"]
    assert (config.metrics.limits.calls_per_host, config.metrics.limits.answer_bytes) == (3, 1 << 20)
    assert MetricsConfig().proxies.by_scheme() == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrics:\n  egress:\n    allow: ['http://x']\n", "t.yaml:3: metrics.egress.allow: 'http://x' is no network"),
        (
            "metrics:\n  limits: {calls: 3}\n",
            "t.yaml:2: metrics.limits.calls: unknown field; here can stand: calls_per_host",
        ),
        (
            "metrics:\n  limits: {calls_per_host: 0}\n",
            "t.yaml:2: metrics.limits.calls_per_host: Input should be greater",
        ),
        (
            "metrics:\n  proxies: {http: squid}\n",
            "t.yaml:2: metrics.proxies.http: a proxy is given as http://host:port",
        ),
        (
            "metrics:\n  egres: {}\n",
            "t.yaml:2: metrics.egres: unknown field; here can stand: egress, limits, proxies, ca_file",
        ),
        ("metrics:\n  ca_file: /none.pem\n", "t.yaml:2: metrics.ca_file: '/none.pem' is no file; name one with"),
    ],
    ids=["no host", "unknown", "zero", "proxy", "misspelt", "no ca"],
)
def test_a_mistake_in_the_block_is_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "t.yaml")
    assert str(caught.value).startswith(said)
