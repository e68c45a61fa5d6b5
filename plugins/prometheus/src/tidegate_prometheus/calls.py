"""How a query becomes a call of Prometheus' HTTP API."""

from __future__ import annotations

import os
from base64 import b64encode
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from tidegate.hooks import Call, OAuth2, PluginError, Query, go_seconds, moment
from tidegate_prometheus.config import Config
from tidegate_prometheus.signing import sign

ADDRESS = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"
AMAZON = "aps-workspaces"  # stands in every address of Amazon's managed service; source: argo-rollouts
FORM = "application/x-www-form-urlencoded"
SMALLEST_STEP_S = 0.001  # Prometheus counts time in milliseconds

Parameters = list[tuple[str, str]]


def address_of(config: Config) -> str:
    """The server's URL. Raises PluginError without a usable one."""
    address = config.address or os.environ.get(ADDRESS, "")
    if not address:
        raise PluginError(f"prometheus address is not configured: set `address`, or {ADDRESS} for the controller")
    try:
        parts = urlsplit(address)
    except ValueError as cause:
        raise PluginError(f"prometheus address is not is url format: {cause}") from cause
    if not parts.scheme or not parts.netloc:
        raise PluginError("prometheus address is not is url format: write http://host:port")
    return address


def parameters_of(query: Query[Config]) -> tuple[str, Parameters]:
    """The path of the API below the address, and what is asked there. Raises PluginError, and ValueError for a time."""
    config = query.config
    if config.range_query is None:
        return "/api/v1/query", [("query", config.query), ("time", _unix(query.now))]
    window = config.range_query
    step = go_seconds(window.step)
    if step is None or step < SMALLEST_STEP_S:
        raise PluginError(f"rangeQuery.step: {window.step!r} is no step; write it as 30s or 1m, 1ms or more")
    start, end = moment(window.start, query.now), moment(window.end, query.now)
    asked = [("query", config.query), ("start", _unix(start)), ("end", _unix(end)), ("step", f"{step.normalize():f}")]
    return "/api/v1/query_range", asked


def call_of(config: Config, method: str, path: str, parameters: Parameters) -> Call:
    """The call, with its identity. `method` is POST, or GET for servers that take no other."""
    address = address_of(config)
    parts = urlsplit(address)
    query = parts.query
    headers = {header.key: header.value for header in config.headers}
    body = None
    if method == "POST":
        body = urlencode(parameters).encode()
        headers["Content-Type"] = FORM
    else:
        query = "&".join(filter(None, [query, urlencode(parameters)]))
    url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + path, query, ""))
    call = Call(url, method, headers, body=body, timeout_s=config.timeout_s, insecure=config.insecure)
    return _identified(config, call, AMAZON in address)


def _identified(config: Config, call: Call, amazon: bool) -> Call:
    given = config.authentication
    headers = dict(call.headers)
    oauth2 = None
    if amazon:
        headers |= sign(given.sigv4, call)
    elif given.oauth2.token_url:
        grant = given.oauth2
        oauth2 = OAuth2(grant.token_url, grant.client_id, grant.client_secret, tuple(grant.scopes))
    elif given.basic_auth.username:
        pair = f"{given.basic_auth.username}:{given.basic_auth.password}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return Call(
        call.url,
        call.method,
        headers,
        body=call.body,
        timeout_s=call.timeout_s,
        insecure=call.insecure,
        oauth2=oauth2,
    )


def _unix(at: datetime) -> str:
    """Seconds since 1970, in full: Prometheus reads no exponent of more than it needs."""
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
