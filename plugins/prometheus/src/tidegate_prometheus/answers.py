"""What an answer of Prometheus comes to: numbers without their labels, in the server's order."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

from tidegate.hooks import Answer, Floats, PluginError, Reading

ODD = "Prometheus metric type not supported"
ANSWERS_OF_THE_API = frozenset({400, 422})  # their bodies are the API's own; source: client_golang api/prometheus/v1
HINTS = {401: "; check authentication", 403: "; check authentication", 404: "; check the address"}


def read(answer: Answer) -> Reading:
    """The reading. Raises PluginError with Prometheus' own type and text of an error."""
    if not answer.ok and answer.status not in ANSWERS_OF_THE_API:
        kind = {4: "client", 5: "server"}.get(answer.status // 100)
        text = f"{kind}_error: {kind} error: {answer.status}" if kind else f"bad_response: status {answer.status}"
        raise PluginError(f"{text}{HINTS.get(answer.status, '')}")
    content = answer.json()
    if not isinstance(content, dict):
        raise _bad("no object")
    if content.get("status") != "success":
        raise PluginError(f"{content.get('errorType') or 'bad_response'}: {content.get('error') or 'no text'}")
    data = content.get("data")
    if not isinstance(data, dict):
        raise _bad("no data")
    result, value = _typed(str(data.get("resultType")), data.get("result"))
    return Reading(result=result, value=value, metadata=_warnings(content.get("warnings")))


def _typed(kind: str, found: Any) -> tuple[float | Floats, str]:
    if kind == "scalar":
        number = _number(found)
        return number, decimal_text(number)
    if kind not in ("vector", "matrix"):
        raise PluginError(f"{ODD}: {kind}; write the query so that it gives a scalar, a vector or a matrix")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _bad(f"a {kind} that is no list of series")
    if any("histogram" in each or "histograms" in each for each in found):
        raise PluginError(f"{ODD}: histogram; take a number from it, as histogram_quantile or histogram_avg do")
    points = [each.get("value") for each in found]
    if kind == "matrix":
        points = [point for each in found for point in (each.get("values") or ())]
    numbers = Floats(_number(point) for point in points)
    return numbers, f"[{','.join(decimal_text(number) for number in numbers)}]"


def _number(point: Any) -> float:
    """The value of a point, which is a pair of a time and a number as text."""
    if not isinstance(point, list) or len(point) != 2 or not isinstance(point[1], str):
        raise _bad(f"a point that is no pair of time and text: {json.dumps(point)[:80]}")
    try:
        return float(point[1])
    except ValueError as cause:
        raise _bad(f"a value that is no number: {point[1][:80]!r}") from cause


def decimal_text(number: float) -> str:
    """A float as Go's FormatFloat writes it with `f` and as few digits as needed."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


def _warnings(found: Any) -> dict[str, str]:
    if not isinstance(found, list) or not found:
        return {}
    return {"warnings": ", ".join(json.dumps(str(each), ensure_ascii=False) for each in found)}


def _bad(what: str) -> PluginError:
    return PluginError(f"bad_response: the answer holds {what}; check that the address leads to Prometheus' API")
