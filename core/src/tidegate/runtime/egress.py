"""Where a metric may send requests: which URLs are taken, and which addresses are connected to.

Whoever writes an AnalysisTemplate chooses URLs that the controller then asks from inside the cluster. So a URL is read
strictly, and its host is resolved once: the address that was judged is the one that is connected to.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tidegate.errors import Unreachable

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

SCHEMES = {"http": 80, "https": 443}
# Addresses of the clouds' metadata services that lie outside the link-local ranges: Azure's agent, Alibaba, Oracle's old
# one, and AWS over IPv6.
METADATA = frozenset(
    ipaddress.ip_address(each) for each in ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
COMPATIBLE = ipaddress.ip_network("::/96")
THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
SERVER_KEPT_S = 60.0  # how long the API server's addresses are taken as resolved
OPEN = "list it under metrics.egress.allow in tidegate.yaml if it is meant"


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host in lower case without brackets, and port."""

    scheme: str
    host: str
    port: int

    @property
    def text(self) -> str:
        """As it stands in messages: nothing of the URL's path or query, which may hold a token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def origin_of(url: str) -> Origin:
    """The origin of a URL. Raises Unreachable for one that could be read in two ways, or is no http or https."""
    if any(letter <= " " or letter in "\\\x7f" for letter in url):
        raise Unreachable(f"{_shown(url)}: a URL holds no space, backslash or control character; encode it")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError as cause:
        raise Unreachable(f"{_shown(url)}: no URL that can be asked ({cause}); write http://host:port/path") from cause
    if parts.scheme.lower() not in SCHEMES:
        raise Unreachable(f"{_shown(url)}: only http and https are asked; found {parts.scheme or 'no scheme'!r}")
    if "@" in parts.netloc:
        raise Unreachable("the URL has a user in front of its host; give credentials in a header")
    if not host or port == 0 or "%" in host:
        raise Unreachable(f"{_shown(url)}: no host that can be asked; write http://host:port/path")
    if _odd_number(host):
        raise Unreachable(f"{host}: an unusual way to write an address; write four decimal numbers")
    return Origin(parts.scheme.lower(), host.lower().rstrip("."), port or SCHEMES[parts.scheme.lower()])


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host as the system resolves it. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


@dataclass(slots=True)
class Egress:
    """The policy. Loopback, link-local, metadata, unspecified and multicast addresses are closed, and so is the API server;
    private ranges are open, since that is where a cluster's own endpoints are.

    `allow` are networks in CIDR form, addresses and host names (`*.example.com` takes every name below) that are open
    nevertheless. The API server, given as `servers` (URLs), stays closed: what is asked carries the controller's identity
    nowhere, but it is inside the server's trusted network.
    """

    allow: Iterable[str] = ()
    servers: Iterable[str] = ()
    resolve: Resolve = resolved
    seconds: Callable[[], float] = time.monotonic
    _networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = field(init=False, default_factory=list)
    _hosts: set[str] = field(init=False, default_factory=set)
    _servers: list[Origin] = field(init=False, default_factory=list)
    _known: tuple[float, frozenset[tuple[IP, int]]] = field(init=False, default=(0.0, frozenset()))
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for entry in self.allow:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._hosts.add(entry.lower().rstrip("."))
        self._servers = [origin_of(server) for server in self.servers]

    def admit(self, url: str) -> Origin:
        """The origin of a URL that may be asked, as far as that can be told without a resolver. Raises Unreachable."""
        origin = origin_of(url)
        if any((origin.host, origin.port) == (server.host, server.port) for server in self._servers):
            raise Unreachable(f"{origin.text}: is the API server, which metrics may not ask")
        literal = _literal(origin.host)
        if literal is not None:
            self._judge(origin.host, literal, origin.port)
        elif _local(origin.host) and not self._named(origin.host):
            raise Unreachable(f"{origin.text}: is this machine, which metrics may not ask; {OPEN}")
        return origin

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to connect to, in the resolver's order. Raises Unreachable where one of them is closed."""
        try:
            found = list(dict.fromkeys(self.resolve(host, port)))
        except (OSError, UnicodeError) as cause:
            raise Unreachable(f"{host}: the name cannot be resolved ({cause}); check the address") from cause
        for address in found:
            # One closed address closes the name: otherwise whoever owns it could wait until the open one does not answer.
            self._judge(host, ipaddress.ip_address(address.partition("%")[0]), port)
        return found

    def _judge(self, host: str, address: IP, port: int) -> None:
        shown = host if host == str(address) else f"{host} ({address})"
        every = [address, *_inside(address)]
        if any((each, port) in self._server_addresses() for each in every):
            raise Unreachable(f"{shown}, port {port}: is the API server, which metrics may not ask")
        reason = next((reason for each in every if (reason := _closed(each))), "")
        if reason and not (self._named(host) or any(each in network for each in every for network in self._networks)):
            raise Unreachable(f"{shown}: is {reason}, which metrics may not ask; {OPEN}")

    def _named(self, host: str) -> bool:
        host = host.lower().rstrip(".")
        above = (host.split(".", count)[count] for count in range(1, host.count(".") + 1))
        return host in self._hosts or any(f"*.{name}" in self._hosts for name in above)

    def _server_addresses(self) -> frozenset[tuple[IP, int]]:
        with self._lock:
            until, known = self._known
            if self._servers and self.seconds() >= until:
                known = frozenset(self._resolved_servers())
                self._known = (self.seconds() + SERVER_KEPT_S, known)
            return known

    def _resolved_servers(self) -> Iterable[tuple[IP, int]]:
        for server in self._servers:
            literal = _literal(server.host)
            try:
                found = [str(literal)] if literal is not None else self.resolve(server.host, server.port)
            except OSError:  # a server that nobody can resolve cannot be connected to either
                continue
            for address in found:
                yield ipaddress.ip_address(address.partition("%")[0]), server.port


def _literal(host: str) -> IP | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _odd_number(host: str) -> bool:
    """Whether a host is a number that C libraries take for an address: 2130706433, 0x7f.1, 0177.0.0.1, 127.1."""
    if ":" in host or _literal(host.rstrip(".")) is not None:
        return False
    try:
        socket.inet_aton(host.rstrip("."))
    except (OSError, UnicodeError):
        return False
    return True


def _local(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _closed(address: IP) -> str:
    """What an address is that may not be asked; "" for one that may."""
    if address in METADATA:
        return "a cloud's metadata service"
    if address.is_loopback:
        return "this machine"
    if address.is_link_local:
        return "a link-local address"
    if address.is_unspecified or address in THIS_NETWORK:
        return "no host's address"
    if address.is_multicast or (address.is_reserved and isinstance(address, ipaddress.IPv4Address)):
        return "a multicast or reserved address"
    return ""


def _inside(address: IP) -> list[IP]:
    """The IPv4 addresses that an IPv6 address stands for: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[IP] = [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
    found += address.teredo or ()
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return found


def _shown(url: str) -> str:
    """The beginning of a URL, without what may be secret in it."""
    return repr(url.partition("?")[0].rpartition("@")[2][:80])
