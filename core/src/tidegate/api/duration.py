"""Durations as Rollouts write them: whole seconds, or Go's notation."""

from __future__ import annotations

import re
from decimal import Decimal

LONGEST_S = 9_223_372_036  # int64 nanoseconds, Go's time.Duration
LONGEST_TEXT = 64  # no duration that anybody means is longer; bounds the work on hostile text

_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}


def seconds(value: int | str) -> int | None:
    """Whole seconds of an integer, a decimal string or a Go duration (`1h30m`, `500ms`); None where it cannot be read.

    A Go duration loses its fraction of a second (argo-rollouts, `RolloutPause.DurationSeconds`). What a Go duration cannot
    hold, some 292 years, cannot be read.
    """
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return None
    if isinstance(value, int) or re.fullmatch(r"[+-]?[0-9]+", value):
        exact: Decimal | None = Decimal(value)
    else:
        exact = go_seconds(value)
    return int(exact) if exact is not None and abs(exact) <= LONGEST_S else None


def go_seconds(text: str) -> Decimal | None:
    """Seconds of a Go duration, exactly; None where `text` is not one."""
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return Decimal(0)
    parts = _PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        return None
    return sign * sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0))
