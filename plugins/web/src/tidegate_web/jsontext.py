"""JSON as Go's encoder writes it, which is how a result has always been shown."""

from __future__ import annotations

import json
import math
from decimal import Decimal

# Go's encoder escapes these three in texts, so that JSON can stand in HTML, and two separators that JavaScript cannot.
ESCAPED = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}
SMALLEST, LARGEST = 1e-6, 1e21  # outside of these Go writes an exponent; source: encoding/json floatEncoder


def go_json(value: object) -> str:
    """Compact, keys sorted, floats without a needless fraction. Raises ValueError for what JSON cannot hold."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() | int():
            return _number(float(value))
        case str():
            return json.dumps(value, ensure_ascii=False).translate(ESCAPED)
        case dict():
            return "{" + ",".join(f"{go_json(key)}:{go_json(value[key])}" for key in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(go_json, value)) + "]"
        case _:
            raise ValueError(f"{type(value).__name__} is no JSON")


def _number(number: float) -> str:
    if not math.isfinite(number):
        raise ValueError(f"{number} is no JSON")
    exact = Decimal(repr(number))
    if number and not SMALLEST <= abs(number) < LARGEST:
        mantissa, _, exponent = f"{exact.normalize():e}".partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}".replace("e-0", "e-")
    return f"{exact:f}".removesuffix(".0")
