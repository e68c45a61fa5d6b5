"""Go durations in metrics: seconds, and the text that says why one cannot be read."""

from __future__ import annotations

import re

from tidegate.api import duration
from tidegate.machine.analysis.faults import Unusable

_NUMBER = re.compile(r"[0-9]*(?:\.[0-9]*)?")
_UNIT = re.compile(r"[^0-9.]*")
_UNITS = frozenset({"ns", "us", "µs", "μs", "ms", "s", "m", "h"})


def seconds(text: str) -> float:
    """Seconds of a duration, at most what Go can hold; "" is 0. Raises Unusable with the text of Go's time.ParseDuration."""
    if not text:
        return 0.0
    exact = duration.go_seconds(text) if len(text) <= duration.LONGEST_TEXT else None
    if exact is None or abs(exact) > duration.LONGEST_S:
        raise Unusable(_reason(text))
    return float(exact)


def readable_seconds(text: str) -> float:
    """The same for a duration that has been checked; one that cannot be read is 0."""
    try:
        return seconds(text)
    except Unusable:
        return 0.0


def _reason(text: str) -> str:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    rest = text[1:] if text[:1] in ("+", "-") else text
    while rest:
        number = _NUMBER.match(rest)
        length = number.end() if number else 0
        if not any(sign.isdigit() for sign in rest[:length]):
            break
        unit = _UNIT.match(rest, length)
        named = unit[0] if unit else ""
        if not named:
            return f"time: missing unit in duration {quoted}"
        if named not in _UNITS:
            return f'time: unknown unit "{named}" in duration {quoted}'
        rest = rest[length + len(named) :]
    return f"time: invalid duration {quoted}"
