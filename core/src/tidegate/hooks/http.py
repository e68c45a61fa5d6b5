"""How a plugin speaks HTTP: it describes a call, and the core sends it under the rules of the installation.

The core keeps what every provider would have to get right by itself: which addresses may be reached, limits on time, size,
redirects and concurrency, repeats after a passing error, proxies, certificates, and tokens. A plugin that has a client
library of its own for fixed addresses (a cloud's SDK) uses that instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tidegate.errors import PluginError


@dataclass(frozen=True, slots=True)
class OAuth2:
    """The client credentials grant (RFC 6749, 4.4). The token is fetched with the call's TLS setting and used until it
    expires; it goes out as `Authorization: Bearer`."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One request. Header names are told apart without regard to case, the last of several counts.

    `params` are encoded and added to the URL's own. `form` is sent url-encoded, `body` as it is; at most one of the two.
    `timeout_s` bounds the whole call with its repeats. `insecure` accepts any certificate. `repeats` says that asking
    twice does no harm: it is asked again after a lost connection, 429, 502, 503 and 504, as long as the time lasts.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Sequence[tuple[str, str]] = ()
    form: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    timeout_s: float = 10.0
    insecure: bool = False
    oauth2: OAuth2 | None = None
    repeats: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status; the body is whole and not longer than the installation allows (1 MiB)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as UTF-8; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, whatever its content type. Raises PluginError that shows how the body begins."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as cause:
            raise PluginError(f"the answer is no JSON ({cause}); it begins with {self.text[:80]!r}") from cause


class Http(Protocol):
    """Sends calls. Safe for threads."""

    def send(self, call: Call) -> Answer:
        """The answer. Raises Unreachable: no address that may be reached, no connection, too late, too long."""
        ...


class Secrets(Protocol):
    """Reads Secrets by name at use. What they hold is hidden wherever a reading shows it."""

    def read(self, name: str, *, in_run_namespace: bool = False) -> Mapping[str, str]:
        """The decoded data of a Secret of the controller's namespace, or of the run's. Raises NotFound, Forbidden."""
        ...
