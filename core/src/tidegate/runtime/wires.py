"""Connections for metrics: each resolves its host once, asks the policy, and connects to the address that was judged.

The check sits where the socket is made, so nothing between a URL and the network can lead around it. TLS still verifies
the host's name.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, InsecureRequestWarning, NewConnectionError
from urllib3.util.connection import create_connection

from tidegate import __version__
from tidegate.runtime.egress import Egress

HOSTS_KEPT = 64  # hosts whose idle connections are kept; one more closes those of the host that was asked longest ago


def session(egress: Egress, per_host: int, proxies: dict[str, str], verify: bool | str) -> requests.Session:
    """A session that takes nothing from the environment, keeps no cookies, and connects only where `egress` allows.

    `verify` is whether certificates are looked at, or a file of those that are trusted. Where a proxy is configured, it
    resolves and connects; the URL alone is judged then.
    """
    if verify is False:
        # Whoever wrote `insecure` knows; a warning with every call would fill the log.
        urllib3.disable_warnings(InsecureRequestWarning)
    made = requests.Session()
    made.trust_env = False
    made.verify = verify
    made.proxies = dict(proxies)
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.headers["User-Agent"] = f"tidegate/{__version__}"
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Guarded(egress, per_host))
    return made


class _Guarded(HTTPAdapter):
    """`send` is left alone: that is where tests put their recorded answers."""

    def __init__(self, egress: Egress, per_host: int) -> None:
        self._egress = egress
        super().__init__(pool_connections=HOSTS_KEPT, pool_maxsize=per_host, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._egress)


def _pools(egress: Egress) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, egress)

        def getresponse(self) -> Any:
            with _cut_head(self):
                return super().getresponse()

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, egress)

        def getresponse(self) -> Any:
            with _cut_head(self):
                return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connected(wire: HTTPConnection, egress: Egress) -> socket.socket:
    """A socket to the first address that answers. Raises Unreachable where the policy closes the host."""
    failed: OSError | None = None
    for address in egress.addresses(wire.host, wire.port):
        try:
            return create_connection((address, wire.port), wire.timeout, socket_options=wire.socket_options)
        except TimeoutError as cause:
            raise ConnectTimeoutError(wire, f"no connection to {wire.host} within {wire.timeout} s") from cause
        except OSError as cause:
            failed = cause
    raise NewConnectionError(wire, f"no connection to {wire.host}: {failed or 'the name has no address'}") from failed


@contextlib.contextmanager
def cut_after(left_s: float, cut: Callable[[], None]) -> Iterator[None]:
    """Call `cut` where the block lasts longer than `left_s`.

    A socket's own timeout begins anew with each byte: a server that sends one letter a second would hold the call for hours.
    """
    timer = threading.Timer(left_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def cut_body(response: requests.Response) -> None:
    """End the reading of a body from another thread."""
    with contextlib.suppress(OSError, ValueError):  # closed, or whole, meanwhile
        response.raw.shutdown()


def _cut_head(wire: HTTPConnection) -> contextlib.AbstractContextManager[None]:
    """Bounds the reading of an answer's head by the time that the call has left."""
    left_s, line = wire.timeout, wire.sock
    if not isinstance(left_s, int | float) or line is None:
        return contextlib.nullcontext()
    return cut_after(left_s, lambda: _shut(line))


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed meanwhile
        line.shutdown(socket.SHUT_RDWR)
