"""Durations as Rollouts write them: whole seconds, or Go's notation."""

from __future__ import annotations

import re
from decimal import Decimal

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
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

    A Go duration loses its fraction of a second (argo-rollouts, `RolloutPause.DurationSeconds`).
    """
    if isinstance(value, int):
        return value
    if re.fullmatch(r"[+-]?\d+", value):
        return int(value)
    exact = go_seconds(value)
    return int(exact) if exact is not None else None


def go_seconds(text: str) -> Decimal | None:
    """Seconds of a Go duration, exactly; None where `text` is not one."""
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return Decimal(0)
    parts = _PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        return None
    return sign * sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0))
