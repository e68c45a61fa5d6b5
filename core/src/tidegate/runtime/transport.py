"""The way to the API server: raw calls over the official client, which is used for nothing else.

The client brings configuration, authentication and the connection pool. Its models, informer, dynamic client and leader
election are left alone: they lose fields, spin, or let two leaders work (measured with version 37).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config, load_kube_config_from_dict

from tidegate import __version__
from tidegate.errors import ApiError, ConnectionFailed, Transient
from tidegate.runtime.answers import error_of
from tidegate.runtime.kinds import Address, address
from tidegate.runtime.limiter import Limiter, Pace
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.stream import Watch, cause_of, decoded, listed

log = logging.getLogger(__name__)

Timeout = tuple[float, float]  # connect, read; seconds

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON = "application/json"

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
CREDENTIALS_S = 10.0  # the client itself reads a pod's token anew every 60 s; a 401 reads it at once

DEFAULT_KUBECONFIG = Path("~/.kube/config").expanduser()
NAME_ANOTHER = "name a usable file with --kubeconfig and a context in it with --context"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a cluster. `kubeconfig` "" means $KUBECONFIG, ~/.kube/config or, inside a pod, its service account.

    `connections` is what the pool keeps open: workers + watches + 4. Surplus ones are opened and thrown away. `content` is a
    kubeconfig that has been read already, used instead of any file.
    """

    kubeconfig: str = ""
    context: str = ""
    connections: int = 20
    content: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Identity:
    """Where and as whom one client asks, good until `until` (time.monotonic)."""

    client: ApiClient
    host: str
    headers: Mapping[str, str]
    until: float


class Connection:
    """One configured client; made anew when the server stops accepting its credentials. Shareable between threads."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client = _client(access)
        self._identity: _Identity | None = None
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """The server's URL."""
        return str(self._client.configuration.host)

    def call(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, timeout: Timeout
    ) -> urllib3.HTTPResponse:
        """One HTTP exchange; the body of the answer is not read yet. Raises Transient without an answer.

        A 401 is tried once more with credentials read anew: tokens in files and kubeconfigs go stale.
        """
        client = self._client
        response = self._exchange(client, method, url, headers, body, timeout)
        if response.status != 401:
            return response
        response.drain_conn()
        return self._exchange(self._renewed(client), method, url, headers, body, timeout)

    def close(self) -> None:
        """Drop the idle connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _renewed(self, stale: ApiClient) -> ApiClient:
        """A client with fresh credentials; threads that found the same one stale share the new one."""
        with self._lock:
            if self._client is stale:
                log.info("transport: %s answered 401; reading the credentials again", self.host)
                self._client = _client(self._access)
            return self._client

    def _credentials(self, client: ApiClient) -> _Identity:
        """The server and the headers that identify us.

        Asked of the client every few seconds only: it looks at the kubeconfig's token and at every environment variable,
        which costs a third of a small request.
        """
        now = time.monotonic()
        known = self._identity
        if known is None or known.client is not client or now >= known.until:
            _, _, headers, _, _ = client.param_serialize("GET", "/", header_params={}, auth_settings=["BearerToken"])
            known = self._identity = _Identity(client, str(client.configuration.host), headers, now + CREDENTIALS_S)
        return known

    def _exchange(
        self, client: ApiClient, method: str, url: str, headers: Mapping[str, str], body: Any, timeout: Timeout
    ) -> urllib3.HTTPResponse:
        try:
            we = self._credentials(client)
            full = {**we.headers, **headers}
            answer = client.call_api(method, f"{we.host}{url}", full, body, _request_timeout=timeout)
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            where = f"{method} {address(url.partition('?')[0])}"
            raise Transient(f"{where}: no answer from {client.configuration.host}: {cause_of(error)}") from error
        response: urllib3.HTTPResponse = answer.response
        return response


class Transport:
    """Requests with typed errors, a common limit, and a count of each. Safe to share between threads.

    Answers are decoded JSON. Nothing is repeated here: what to do about an error is the caller's business.
    """

    def __init__(self, connection: Connection, limiter: Limiter | None = None, metrics: Metrics | None = None) -> None:
        self._pace: Pace | None = limiter
        self._connection, self._limiter, self._metrics = connection, limiter, metrics or Metrics()

    @property
    def host(self) -> str:
        """The server's URL."""
        return self._connection.host

    def unlimited(self) -> Transport:
        """The same connection without the limit, for the lease: it must not wait behind a burst of writes."""
        return Transport(self._connection, None, self._metrics)

    def patient(self) -> Transport:
        """The same connection for what nobody waits for: it leaves a part of the burst to everything else."""
        other = Transport(self._connection, self._limiter, self._metrics)
        other._pace = self._limiter.patient() if self._limiter is not None else None
        return other

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT_S,
    ) -> Any:
        """Send and decode. `timeout` is the longest silence in seconds that is waited through.

        Raises the `ApiError` that fits the answer, `Transient` where there is none.
        """
        data = self._answer(method, path, (body, content_type), query, timeout)
        return decoded(f"{method} {address(path)}", data)

    def list(self, path: str, query: Mapping[str, str]) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
        """One page of a list: its metadata, and the items one at a time. Raises like `request`, also from the iterator."""
        return listed(f"GET {address(path)}", self._answer("GET", path, (None, JSON), query, READ_TIMEOUT_S))

    def _answer(
        self, method: str, path: str, content: tuple[Any, str], query: Mapping[str, str] | None, timeout: float
    ) -> bytes:
        response = self._send(method, path, content, query, timeout)
        target = address(path)
        try:
            data: bytes = response.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Transient(f"{method} {target}: the answer broke off: {cause_of(error)}") from error
        finally:
            response.release_conn()
        if response.status >= 300:
            raise error_of(method, target, response.status, data, response.headers)
        return data

    def watch(self, path: str, query: Mapping[str, str], timeout: float) -> Watch:
        """Open a watch; `timeout` is the longest silence. Raises like `request` when the server refuses it."""
        target = address(path)
        response = self._send("GET", path, (None, JSON), {**query, "watch": "true"}, timeout)
        if response.status >= 300:
            data = response.read()
            response.release_conn()
            raise error_of("watch", target, response.status, data, response.headers)
        return Watch(response, target)

    def check(self) -> str:
        """The server's version. Raises ConnectionFailed, saying what to do, when there is no server to talk to."""
        try:
            version = self.request("GET", "/version", timeout=CONNECT_TIMEOUT_S)
        except ApiError as error:
            raise ConnectionFailed(
                f"{error}; check that the cluster is up and that --kubeconfig and --context name the right one"
            ) from error
        return str(version.get("gitVersion", "unknown")) if isinstance(version, dict) else "unknown"

    def close(self) -> None:
        """Drop the idle connections."""
        self._connection.close()

    def _send(
        self, method: str, path: str, content: tuple[Any, str], query: Mapping[str, str] | None, timeout: float
    ) -> urllib3.HTTPResponse:
        if self._pace is not None and (held_s := self._pace.wait()) > 0:
            self._metrics.held_back_seconds.inc(held_s)
        body, content_type = content
        headers = {"Accept": JSON} if body is None else {"Accept": JSON, "Content-Type": content_type}
        url = f"{path}?{urlencode(query)}" if query else path
        verb = "WATCH" if query and query.get("watch") else method
        began, code = time.monotonic(), "none"
        try:
            response = self._connection.call(method, url, headers, body, (CONNECT_TIMEOUT_S, timeout))
            code = str(response.status)
        finally:
            self._count(verb, address(path), code, time.monotonic() - began)
        return response

    def _count(self, verb: str, target: Address, code: str, seconds: float) -> None:
        # Names would make one series per object: upstream's memory grew with every run and job (argo-rollouts #2851).
        self._metrics.requests.labels(target.plural, target.namespace or "N/A", "N/A", verb, code).inc()
        self._metrics.request_seconds.labels(target.plural, verb).observe(seconds)


def _client(access: Access) -> ApiClient:
    """Raises ConnectionFailed when there is no usable configuration."""
    configuration = Configuration()
    try:
        _load(access, configuration)
    except (ConfigException, OSError, TypeError, ValueError, KeyError, yaml.YAMLError) as error:
        raise ConnectionFailed(f"{_source(access, error)}; {NAME_ANOTHER}") from error
    configuration.keep_alive = True
    configuration.connection_pool_maxsize = access.connections
    # Repeating is decided where the meaning is known; urllib3 alone would try three times and wait for Retry-After.
    configuration.retries = False
    client = ApiClient(configuration)
    client.user_agent = f"tidegate/{__version__}"
    return client


def _source(access: Access, error: Exception) -> str:
    """Which kubeconfig was tried, and what is wrong with it."""
    if access.content is not None:
        return f"the kubeconfig: {error}"
    file = access.kubeconfig or os.environ.get("KUBECONFIG")
    if not file and not DEFAULT_KUBECONFIG.exists():
        return f"no kubeconfig: $KUBECONFIG is not set, {DEFAULT_KUBECONFIG} does not exist, and this is not a pod"
    file = file or str(DEFAULT_KUBECONFIG)
    return f"{file}: does not exist" if not Path(file).exists() and ":" not in file else f"{file}: {error}"


def _load(access: Access, configuration: Configuration) -> None:
    configured = "KUBECONFIG" in os.environ or DEFAULT_KUBECONFIG.exists()
    if access.content is not None:
        load_kube_config_from_dict(  # type: ignore[no-untyped-call]
            dict(access.content), client_configuration=configuration, persist_config=False
        )
        return
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and not configured
    if in_pod and not access.kubeconfig and not access.context:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return
    load_kube_config(  # type: ignore[no-untyped-call]
        config_file=access.kubeconfig or None,
        context=access.context or None,
        client_configuration=configuration,
        persist_config=False,
    )
