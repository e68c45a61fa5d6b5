"""The Wavefront provider: one request for each measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tidegate.hooks import Access, Call, MetricProvider, PluginError, Query, Reading, Rule, Secrets
from tidegate_wavefront.config import WavefrontConfig
from tidegate_wavefront.series import read_chart

SECRET = "wavefront-api-tokens"  # noqa: S105  (a name)
TIMEOUT_S = 10.0  # as the client of the reference
SAID = 512  # characters of a refusal's body that a message repeats; chosen by feel


class Wavefront(MetricProvider[WavefrontConfig]):
    """Chart queries for the present moment, through /api/v2/chart/api."""

    name = "wavefront"
    title = "Wavefront"
    config = WavefrontConfig
    needs: ClassVar[Sequence[Rule]] = (Rule("", "secrets", "get"),)
    shows = frozenset({"timestamps", "drift", "warnings"})

    def measure(self, query: Query[WavefrontConfig], access: Access) -> Reading:
        now_s = int(query.now.timestamp())
        answer = access.http.send(_call(query.config, _token(query.config.address, access.secrets), now_s))
        if not answer.ok:
            advice = f"check the token of {SECRET}" if answer.status in (401, 403) else "the measurement is taken again"
            raise PluginError(f"Wavefront answered {answer.status}: {answer.text[:SAID]}; {advice}")
        return read_chart(answer, now_s)


def _token(address: str, secrets: Secrets) -> str:
    token = secrets.read(SECRET).get(address, "").strip()
    if not token:
        raise PluginError(f"API token not found: Secret {SECRET!r} of the controller's namespace needs key {address!r}")
    return token


def _call(config: WavefrontConfig, token: str, now_s: int) -> Call:
    """Start and end are one moment, so points from outside of it have to count, or there would hardly be any."""
    moment = str(now_s * 1000)
    params = (("q", config.query), ("s", moment), ("e", moment), ("p", "1"), ("g", "s"), ("i", "true"))
    return Call(
        f"https://{config.address}/api/v2/chart/api",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        params=params,
        timeout_s=TIMEOUT_S,
    )
