"""The metric provider `web`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from tidegate.hooks import (
    Access,
    Answer,
    Call,
    MetricProvider,
    OAuth2,
    PluginError,
    Problem,
    Query,
    Reading,
    Value,
    from_json,
)
from tidegate_web.config import LONGEST_S, Config
from tidegate_web.jsontext import go_json
from tidegate_web.nodes import PathError
from tidegate_web.paths import Template

WHOLE = "{$}"
WITH_BODY = ("POST", "PUT")
# Asking twice changes nothing; anything else is sent once a measurement.
REPEATABLE = ("GET", "HEAD", "OPTIONS")
BOTH = "use either Body or JSONBody; both cannot exists for WebMetric payload"
NO_BODY = "Body/JSONBody can only be used with POST or PUT WebMetric Method types"


class Web(MetricProvider[Config]):
    """Asks one URL and takes the first value that a path leads to, or the text where the answer is no JSON."""

    name = "web"
    config = Config
    timeout_s = LONGEST_S + 30.0  # the call's own timeout, which is the metric's, comes first

    def check_metric(self, config: Config, path: str) -> Sequence[Problem]:
        """Bodies that cannot be sent, and paths that cannot be read, as far as no argument stands in them."""
        found = []
        if fault := _fault(config):
            found.append(Problem(f"{path}.body", fault, code="WB001"))
        if config.json_path and "{{" not in config.json_path:
            try:
                Template(config.json_path)
            except PathError as cause:
                found.append(Problem(f"{path}.jsonPath", str(cause), json.dumps(config.json_path), code="WB002"))
            else:
                if "{" not in config.json_path:
                    said = "has no braces, so it is a text and leads nowhere; write it as {$.a}"
                    found.append(
                        Problem(f"{path}.jsonPath", said, json.dumps(config.json_path), code="WB003", warning=True)
                    )
        return found

    def measure(self, query: Query[Config], access: Access) -> Reading:
        """The value with its JSON type, shown as compact JSON; a text as it is."""
        template = Template(query.config.json_path or WHOLE)
        answer = access.http.send(_call(query.config))
        if not answer.ok:
            raise PluginError(f"received non 2xx response code: {answer.status}")
        document, text = _document(answer)
        if text is not None:
            return Reading(result=text, value=text)
        try:
            found, result = template.first(document)
        except PathError as cause:
            raise PluginError(f"Could not find JSONPath in body: {cause}") from cause
        if not found:
            raise PluginError("result of web metric produced no value")
        return Reading(result=result, value=go_json(result))


def _fault(config: Config) -> str:
    if config.body and config.json_body is not None:
        return BOTH
    has_body = bool(config.body) or config.json_body is not None
    return NO_BODY if has_body and config.method not in WITH_BODY else ""


def _call(config: Config) -> Call:
    if fault := _fault(config):
        raise PluginError(fault)
    headers = {header.key.lower(): header.value for header in config.headers}
    body = config.body.encode() or None
    if config.json_body is not None:
        body = go_json(config.json_body).encode()
        headers["content-type"] = "application/json"
    grant = config.authentication.oauth2
    method = config.method or "GET"
    return Call(
        config.url,
        method,
        headers,
        body=body,
        timeout_s=config.timeout_s,
        insecure=config.insecure,
        oauth2=OAuth2(grant.token_url, grant.client_id, grant.client_secret, tuple(grant.scopes))
        if grant.token_url
        else None,
        repeats=method in REPEATABLE,
    )


def _document(answer: Answer) -> tuple[Value, str | None]:
    """The answer's JSON, or its text where it is none. Raises PluginError for one that is nested without sense."""
    try:
        raw = json.loads(answer.text, parse_constant=_refused, parse_float=_number, parse_int=_number)
    except ValueError:
        return None, answer.text
    except RecursionError as cause:
        raise PluginError("the answer is nested too deep to be read; select a part of it at the endpoint") from cause
    try:
        return from_json(raw), None
    except ValueError as cause:
        raise PluginError(str(cause)) from cause


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no JSON")  # Python reads NaN and Infinity, which no other reader of JSON does


def _number(text: str) -> float:
    """Raises ValueError for one that no float holds, as other readers do: the answer counts as text then."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large")
    return number
