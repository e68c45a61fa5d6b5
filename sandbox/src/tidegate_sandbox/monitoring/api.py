"""The paths of the endpoint: `/metrics`, `/api/v1/query`, `/api/v1/query_range`. Parameters come in the URL or as a form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from promql_parser import parse_duration

from tidegate_sandbox.dataplane.http1 import Message
from tidegate_sandbox.monitoring.answers import failed, succeeded
from tidegate_sandbox.monitoring.exposition import CONTENT_TYPE
from tidegate_sandbox.promql.evaluation import instant, ranged
from tidegate_sandbox.promql.samples import Samples
from tidegate_sandbox.promql.values import QueryError

Parameters = Mapping[str, str]
JSON = "application/json"
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_LONG = re.compile(r"\d{7}")  # promql-parser panics on durations that its integers do not hold
FARTHEST_S = 1e11  # seconds from 1970, in the year 5138: beyond it times are no milliseconds that anybody can mean


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Api:
    """Answers one request at a time; `now` is asked where a query names no time."""

    samples: Samples
    metrics: Callable[[], bytes]
    now: Callable[[], datetime]

    def reply(self, request: Message) -> Reply:
        """Never raises for a request, whatever is in it."""
        path = urlsplit(request.target).path
        if request.method not in ("GET", "HEAD", "POST"):
            return Reply(405, "text/plain", b"this endpoint takes GET and POST\n")
        if path == "/metrics":
            return Reply(200, CONTENT_TYPE, self.metrics())
        try:
            return Reply(200, JSON, self._answer(path, _parameters(request)))
        except QueryError as error:
            return Reply(*_refusal(error))

    def _answer(self, path: str, parameters: Parameters) -> bytes:
        if path == "/api/v1/query":
            now_ms = _time(parameters, "time", _milliseconds(self.now()))
            return succeeded(instant(parameters.get("query", ""), self.samples, now_ms), now_ms)
        if path == "/api/v1/query_range":
            steps = _steps(parameters)
            return succeeded(ranged(parameters.get("query", ""), self.samples, steps), steps.start)
        raise QueryError(
            f"{path} is not served by the sandbox; it has /metrics, /api/v1/query and query_range", "not_found"
        )


def _refusal(error: QueryError) -> tuple[int, str, bytes]:
    status, body = failed(error)
    return status, JSON, body


def _parameters(request: Message) -> Parameters:
    """The first of each name, of the form before the URL, as Go's FormValue has it."""
    form = request.body.decode(errors="replace") if request.method == "POST" else ""
    pairs = parse_qsl(form, keep_blank_values=True) + parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
    return dict(reversed(pairs))


def _steps(parameters: Parameters) -> range:
    start_ms, end_ms = _time(parameters, "start", None), _time(parameters, "end", None)
    if end_ms < start_ms:
        raise QueryError('invalid parameter "end": end timestamp must not be before start time')
    step_ms = _duration(parameters.get("step", ""))
    if step_ms <= 0:
        raise QueryError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted.'
            " Try a positive integer"
        )
    return range(start_ms, end_ms + 1, step_ms)


def _time(parameters: Parameters, name: str, default_ms: int | None) -> int:
    """Milliseconds from seconds or from RFC 3339. Raises QueryError."""
    text = parameters.get(name, "")
    if not text and default_ms is not None:
        return default_ms
    if _NUMBER.fullmatch(text) and abs(float(text)) < FARTHEST_S:
        return round(float(text) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise QueryError(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp')
    return _milliseconds(moment.astimezone(UTC))


def _duration(text: str) -> int:
    if _NUMBER.fullmatch(text) and abs(float(text)) < FARTHEST_S:
        return round(float(text) * 1000)
    if _LONG.search(text):
        raise QueryError(f'invalid parameter "step": "{text}" is too long; use a greater unit')
    try:
        return round(parse_duration(text).total_seconds() * 1000)
    except ValueError as error:
        raise QueryError(f'invalid parameter "step": cannot parse "{text}" to a valid duration') from error


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
