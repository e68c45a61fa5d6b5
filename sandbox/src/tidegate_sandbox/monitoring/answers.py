"""Values and errors as Prometheus' HTTP API writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from tidegate_sandbox.promql.values import Labels, Matrix, QueryError, Scalar, Text, Value, Vector

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | float | int"

_STATUS = {"bad_data": 400, "execution": 422, "not_found": 404}


def succeeded(value: Value, now_ms: int) -> bytes:
    """The body of a 200."""
    kind, result = _result(value, now_ms)
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def failed(error: QueryError) -> tuple[int, bytes]:
    """Status and body of a refusal."""
    body = {"status": "error", "errorType": error.kind, "error": str(error)}
    return _STATUS[error.kind], json.dumps(body).encode()


def _result(value: Value, now_ms: int) -> tuple[str, Json]:
    match value:
        case Scalar(number):
            return "scalar", [_seconds(now_ms), number_text(number)]
        case Text(text):
            return "string", [_seconds(now_ms), text]
        case Vector(samples):
            return "vector", [{"metric": dict(s.labels), "value": _point(now_ms, s.value)} for s in samples]
        case Matrix(stretches):
            return "matrix", [_series(s.labels, list(map(_point, s.times_ms, s.values))) for s in stretches]


def _series(labels: Labels, points: list[Json]) -> Json:
    return {"metric": dict(labels), "values": points}


def _point(time_ms: int, value: float) -> Json:
    return [_seconds(time_ms), number_text(value)]


def _seconds(time_ms: int) -> float | int:
    whole, rest = divmod(time_ms, 1000)
    return time_ms / 1000 if rest else whole


def number_text(value: float) -> str:
    """The shortest decimal that means this number, never with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(float(value))), "f")
    return text.removesuffix(".0")
