"""Lengths of time as people read and write them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from tidegate.api.duration import go_seconds
from tidegate.api.wire import write_time
from tidegate.errors import ConfigError


def span(seconds: float) -> str:
    """`3.5 s`, `45 s`, `2 min 5 s`, `1 h 3 min`, `2 d 4 h`: the two largest units, tenths below ten seconds."""
    if seconds < 10:
        text = f"{seconds:.1f}"
        return f"{text.removesuffix('.0')} s"
    whole = round(seconds)
    for unit, name, smaller, below in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def clock(seconds: float) -> str:
    """A time since a beginning as a stop-watch shows it: `0:05`, `12:30`, `1:00:16`; whole seconds that are over."""
    minutes, rest = divmod(int(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours}:{left:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def seen_from(moment: datetime, now: datetime) -> str:
    """A moment as `2026-01-02T03:04:05Z (in 5 s)`, or `(5 s ago)`; rounded up, as deadlines are."""
    left = (moment - now).total_seconds()
    relative = f"in {span(left)}" if left >= 0 else f"{span(-left)} ago"
    return f"{write_time(moment)} ({relative})"


def read_span(text: str, flag: str) -> float:
    """Seconds of a number or a Go duration (`90`, `1m30s`). Raises ConfigError for anything else, and for less than none."""
    try:
        exact = Decimal(text) if text.replace(".", "", 1).isdecimal() else go_seconds(text)
    except ArithmeticError:
        exact = None
    if exact is None or exact < 0:
        raise ConfigError(flag, f"{text!r} is no duration; write seconds (90) or a duration (1m30s)")
    return float(exact)


def read_moment(text: str, flag: str) -> datetime:
    """An RFC 3339 time, the present for "". Raises ConfigError for anything else."""
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ConfigError(flag, f"{text!r} is no time; write it as 2026-01-02T03:04:05Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
