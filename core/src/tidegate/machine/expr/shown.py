"""Values as text: the way Go prints them, and as JSON."""

from __future__ import annotations

import decimal
import json
import math
from datetime import datetime

from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.limits import Budget
from tidegate.machine.expr.values import LISTS, Duration, Value

_UNITS = (("h", 3_600_000_000_000), ("m", 60_000_000_000))


def shown(value: Value, budget: Budget, depth: int = 0) -> str:
    """A value as Go's `%v` prints it."""
    text = _scalar(value)
    if text is None:
        below = budget.deeper(depth)
        if isinstance(value, dict):
            budget.spend(4 * len(value))  # printing a number costs as much as four looks at one
            inner = [f"{key}:{shown(value[key], budget, below)}" for key in sorted(value, key=str)]
            text = f"map[{' '.join(inner)}]"
        elif isinstance(value, LISTS):
            budget.spend(4 * len(value))  # printing a number costs as much as four looks at one
            text = f"[{' '.join([shown(item, budget, below) for item in value])}]"
        else:
            text = str(value)
    budget.write(len(text))
    return text


def _scalar(value: Value) -> str | None:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return _float(value)
        case str():
            return value
        case int():
            return str(value)
        case Duration():
            return span(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return None


def _float(value: float) -> str:
    """The shortest digits that read back; with an exponent below 1e-04 and from 1e+06."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits, exponent = _digits(value)
    sign = "-" if value < 0 else ""
    if exponent < -4 or exponent >= 6:  # strconv's 'g' with the shortest digits decides as if it were told six
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{exponent:+03d}"
    return f"{sign}{_plain(digits, exponent)}"


def _digits(value: float) -> tuple[str, int]:
    mantissa, _, exponent = f"{decimal.Decimal(repr(abs(value))):e}".partition("e")
    return mantissa.replace(".", "").rstrip("0") or "0", int(exponent)


def _plain(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits.ljust(exponent + 1, "0")
    return whole[: exponent + 1] + (f".{whole[exponent + 1 :]}" if len(whole) > exponent + 1 else "")


def span(value: Duration) -> str:
    """A duration as Go prints it: 1h30m0s, 1.5s, 20ms."""
    left = abs(value.nanoseconds)
    sign = "-" if value.nanoseconds < 0 else ""
    if left == 0:
        return "0s"
    if left < 1_000_000_000:
        for unit, length in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if left >= length:
                return f"{sign}{left / length:.9f}".rstrip("0").rstrip(".") + unit
    parts: list[str] = []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count or parts:
            parts.append(f"{count}{unit}")
    seconds = f"{left // 1_000_000_000}.{left % 1_000_000_000:09d}".rstrip("0").rstrip(".")
    return f"{sign}{''.join(parts)}{seconds}s"


def as_json(value: Value, budget: Budget) -> str:
    """A value as JSON, indented by two as the reference does, keys in order. Raises Failure for what JSON has not."""
    budget.spend(8)  # the encoder takes fifteen microseconds for the smallest value
    text = json.dumps(_jsonable(value, budget, 0), ensure_ascii=False, indent=2, sort_keys=True)
    budget.write(len(text))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _jsonable(value: Value, budget: Budget, depth: int) -> Value:
    budget.spend(2)
    if isinstance(value, dict):
        below = budget.deeper(depth)
        return {str(key): _jsonable(item, budget, below) for key, item in value.items()}
    if isinstance(value, LISTS):
        below = budget.deeper(depth)
        return [_jsonable(item, budget, below) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Failure(f"json: unsupported value: {_float(value)}", "test with isNaN or isInf first")
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, Duration):
        return value.nanoseconds
    if isinstance(value, str):
        budget.write(len(value))
    return _scalar(value) if isinstance(value, datetime) else value
