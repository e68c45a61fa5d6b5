"""Calls to endpoints of metrics, under the installation's rules; what `tidegate.hooks.Http` promises.

One call: a turn at its host, an attempt, up to three redirects, a body of bounded size, and further attempts after what
passes, all within the call's one timeout.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin

import requests
import urllib3
from requests.exceptions import RequestException
from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_result

from tidegate.errors import Unreachable
from tidegate.hooks.http import Answer, Call
from tidegate.runtime.config import MetricsConfig
from tidegate.runtime.egress import Egress, Origin, origin_of
from tidegate.runtime.tokens import Tokens
from tidegate.runtime.turns import Turns
from tidegate.runtime.wires import cut_after, cut_body, session

CONNECT_S = 3.0
ATTEMPTS = 3  # chosen by feel: a metric is asked again by its interval, so that more would only hold others up
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 2.0
MOST_REDIRECTS = 3
CHUNK = 65_536
PASSING = frozenset({429, 502, 503, 504})
MOVED, MOVED_AS_GET = frozenset({301, 302, 303, 307, 308}), frozenset({301, 302, 303})
# What goes along to another origin; any other header may hold a credential.
HARMLESS = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "user-agent"})


class _Lost(Unreachable):
    """The connection was not made, or broke: asking again may help."""


@dataclass(frozen=True, slots=True)
class _Leg:
    """One request of a call: the call as it stands after the redirects so far, and when its time is over."""

    call: Call
    headers: Mapping[str, str] = field(repr=False)
    deadline: float


class Outbound:
    """Sends calls. Shared by all providers; safe for threads.

    `servers` are URLs of the API server, which stays closed to metrics.
    """

    def __init__(
        self,
        config: MetricsConfig | None = None,
        servers: Iterable[str] = (),
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        config = config or MetricsConfig()
        self._seconds, self._sleep, self._most = seconds, sleep, config.limits.answer_bytes
        self._egress = Egress(config.egress.allow, servers)
        self._turns = Turns(config.limits.calls_per_host, config.limits.calls_per_second, seconds, sleep)
        self._tokens = Tokens(self._exchanged, seconds)
        proxies = config.proxies.by_scheme()
        self._sessions = {
            insecure: session(self._egress, config.limits.calls_per_host, proxies, verify)
            for insecure, verify in ((False, config.ca_file or True), (True, False))
        }

    @property
    def handed_out(self) -> tuple[str, ...]:
        """The OAuth2 tokens in use: they are hidden in what is kept of a measurement."""
        return self._tokens.handed_out

    def send(self, call: Call) -> Answer:
        """The answer, whatever its status.

        Raises Unreachable, saying where, what was found and what to do: a closed address, no connection, too late, too
        long, too many redirects, no token.
        """
        if call.oauth2 is None:
            return self._exchanged(call)
        answer = self._exchanged(_bearing(call, self._tokens.token(call, call.oauth2)))
        if answer.status != 401:
            return answer
        # Revoked before its time, or the server's key has changed: a new one tells which.
        self._tokens.forget(call, call.oauth2)
        return self._exchanged(_bearing(call, self._tokens.token(call, call.oauth2)))

    def close(self) -> None:
        """Drop the idle connections."""
        for each in self._sessions.values():
            each.close()

    def _exchanged(self, call: Call) -> Answer:
        """The answer to a call without OAuth2, asked again where that may help."""
        if call.body is not None and call.form:
            raise Unreachable(f"{origin_of(call.url).text}: the call has a form and a body; give one of them")
        leg = _Leg(call, _titled(call.headers), self._seconds() + call.timeout_s)
        if not call.repeats:
            return self._followed(leg)

        def over(state: RetryCallState) -> bool:
            return state.attempt_number >= ATTEMPTS or self._seconds() + state.upcoming_sleep >= leg.deadline

        again = retry_if_exception_type(_Lost) | retry_if_result(lambda answer: answer.status in PASSING)
        repeat = Retrying(stop=over, wait=_wait_s, retry=again, sleep=self._sleep, retry_error_callback=_last)
        answer: Answer = repeat(self._followed, leg)
        return answer

    def _followed(self, leg: _Leg) -> Answer:
        """One attempt with its redirects."""
        first = origin_of(leg.call.url).text
        for _ in range(MOST_REDIRECTS + 1):
            origin = self._egress.admit(leg.call.url)
            with self._turns.turn(f"{origin.host}:{origin.port}", leg.deadline):
                answer = self._asked(leg, origin)
            target = answer.headers.get("location", "") if answer.status in MOVED else ""
            if not target:
                return answer
            leg = _redirected(leg, origin, urljoin(leg.call.url, target), answer.status)
        raise Unreachable(f"{first}: more than {MOST_REDIRECTS} redirects; give the final address")

    def _asked(self, leg: _Leg, origin: Origin) -> Answer:
        left_s = leg.deadline - self._seconds()
        if left_s <= 0:
            raise self._late(leg, origin)
        call = leg.call
        try:
            with self._sessions[call.insecure].request(
                call.method,
                call.url,
                params=list(call.params),
                data=list(call.form) or call.body,
                headers=dict(leg.headers),
                timeout=(min(CONNECT_S, left_s), left_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, self._body(response, leg, origin))
        except ValueError as cause:  # before its relatives below: of a URL or a header that cannot be sent
            said = f"the request cannot be sent ({type(cause).__name__}); check the URL and the headers"
            raise Unreachable(f"{origin.text}: {said}") from None  # the cause shows headers
        except (RequestException, urllib3.exceptions.HTTPError, OSError) as cause:
            raise self._failure(cause, leg, origin) from cause

    def _failure(self, cause: Exception, leg: _Leg, origin: Origin) -> Unreachable:
        if isinstance(cause, requests.ReadTimeout) or self._seconds() >= leg.deadline:
            return self._late(leg, origin)
        if isinstance(cause, requests.exceptions.SSLError):
            return Unreachable(
                f"{origin.text}: {_reason(cause)}; check the certificate, or set `insecure` where it fits"
            )
        return _Lost(f"{origin.text}: {_reason(cause)}; check the address, and that the endpoint is up")

    def _body(self, response: requests.Response, leg: _Leg, origin: Origin) -> bytes:
        """The whole body, unpacked. It is read as it comes in: waiting for a full chunk would outlast any timeout."""
        body = bytearray()
        with cut_after(max(0.0, leg.deadline - self._seconds()), lambda: cut_body(response)):
            while chunk := response.raw.read1(CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._most:
                    break
        if len(body) > self._most:
            said = f"the answer is longer than {self._most} bytes; ask for less, or raise metrics.limits.answer_bytes"
            raise Unreachable(f"{origin.text}: {said}")
        if self._seconds() >= leg.deadline:  # a body that was cut looks like one that ended
            raise self._late(leg, origin)
        return bytes(body)

    def _late(self, leg: _Leg, origin: Origin) -> Unreachable:
        return Unreachable(
            f"{origin.text}: no whole answer within {leg.call.timeout_s:g} s; raise the metric's timeout"
        )


def _titled(headers: Mapping[str, str]) -> dict[str, str]:
    """One header for each name, the last of several; case is kept as it came."""
    last = {name.lower(): (name, value) for name, value in headers.items()}
    return dict(last.values())


def _bearing(call: Call, token: str) -> Call:
    kept = {name: value for name, value in call.headers.items() if name.lower() != "authorization"}
    return replace(call, headers={**kept, "Authorization": f"Bearer {token}"}, oauth2=None)


def _redirected(leg: _Leg, origin: Origin, target: str, status: int) -> _Leg:
    """The request that a redirect asks for. To another origin it goes without anything that may be a credential."""
    call, headers = leg.call, dict(leg.headers)
    as_get = status in MOVED_AS_GET and call.method not in ("GET", "HEAD")
    if as_get:
        call = replace(call, method="GET", form=(), body=None)
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    if origin_of(target) != origin:
        if call.form or call.body is not None:
            said = "a redirect leads to another origin, and the body may hold credentials; give the final address"
            raise Unreachable(f"{origin.text}: {said}")
        headers = {name: value for name, value in headers.items() if name.lower() in HARMLESS}
    # A Location is a whole URL; the first one's parameters are in it where the server wants them.
    return _Leg(replace(call, url=target, params=()), headers, leg.deadline)


def _wait_s(state: RetryCallState) -> float:
    """What a 429 or 503 asks for in whole seconds; else 0.25 s, doubled with each attempt."""
    outcome = state.outcome
    if outcome is not None and not outcome.failed:
        asked = outcome.result().headers.get("retry-after", "")
        if asked.isascii() and asked.isdigit():
            return float(asked[:9])
    return min(FIRST_WAIT_S * 2.0 ** (state.attempt_number - 1), LONGEST_WAIT_S)


def _last(state: RetryCallState) -> Answer:
    """What the last attempt came to: its answer, or its error."""
    assert state.outcome is not None  # the callback is asked behind an attempt
    answer: Answer = state.outcome.result()
    return answer


def _reason(cause: BaseException) -> str:
    """The innermost cause in words, without the URL, which may hold a token."""
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return f"{type(cause).__name__}: {text[:200]}" if text else type(cause).__name__
