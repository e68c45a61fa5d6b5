"""GraphQL over HTTP as the OAP server speaks it: what is sent, and what an answer means."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from tidegate.hooks import Answer, PluginError

SAID = 1000  # characters of an error that are told; chosen by feel
NO_RESULTS = "no results returned from SkyWalking query"
MINUTE = "%Y-%m-%d %H%M"  # the server's format for the step MINUTE
WHOLE = 10**21  # from here on Go's JSON encoder writes an exponent


def question(query: str, now: datetime, span_s: float) -> bytes:
    """The document of a query with the variable `$duration`: the minutes up to `now`, in `now`'s zone."""
    duration = {"start": f"{now - timedelta(seconds=span_s):{MINUTE}}", "end": f"{now:{MINUTE}}", "step": "MINUTE"}
    return json.dumps({"query": query, "variables": {"duration": duration}}).encode()


def data_of(answer: Answer) -> dict[str, object]:
    """The `data` of an answer. Raises PluginError for the first error in it, also where other parts have data."""
    if not answer.ok:
        said = f"graphql: server returned a non-200 status code: {answer.status}"
        raise PluginError(f"{said}: {answer.text[:SAID]}")
    document = answer.json()
    if not isinstance(document, dict):
        raise PluginError("the answer of skywalking is no object with `data`; is the address the OAP server's?")
    for error in document.get("errors") or ():
        message = error.get("message") if isinstance(error, dict) else error
        raise PluginError(f"graphql: {message}"[:SAID])
    data = document.get("data")
    if data is None:
        raise PluginError(NO_RESULTS)
    if not isinstance(data, dict):
        raise PluginError("the `data` in the answer of skywalking is no object; is the address the OAP server's?")
    return data


def shown(data: object) -> str:
    """The data as JSON without blanks, keys in order; a whole number has no point, as Go writes it."""
    return json.dumps(_plain(data), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _plain(value: object) -> object:
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case float() if value.is_integer() and abs(value) < WHOLE:
            return int(value)
    return value
