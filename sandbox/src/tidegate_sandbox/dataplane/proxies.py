"""What a proxy of the data plane must do, so that Envoy and its stand-in can be exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tidegate_sandbox.dataplane.routes import Address, PodRef, RouteTable


class Proxy(Protocol):
    """Listens on one loopback port and follows the table last applied. Used from one thread at a time."""

    @property
    def name(self) -> str:
        """Which proxy and which version, for people."""
        ...

    @property
    def port(self) -> int:
        """The port on 127.0.0.1; known after `start`."""
        ...

    def start(self) -> None:
        """Return when requests are answered (404 before the first table). Raises ProxyFailed."""
        ...

    def ready(self) -> bool:
        """Whether it runs and answers."""
        ...

    def apply(self, table: RouteTable, addresses: Mapping[PodRef, Address], timeout_s: float = 5.0) -> int:
        """Follow `table` from now on: returns when new requests do, with the number of this configuration.

        No request fails because of the change. Raises ConfigRejected, or ProxyFailed when it is not in force in time.
        """
        ...

    def config_live(self, version: int) -> bool:
        """Whether the configuration of that number, or a later one, is in force."""
        ...

    def stop(self) -> None:
        """End it and what it started; a second call does nothing."""
        ...
