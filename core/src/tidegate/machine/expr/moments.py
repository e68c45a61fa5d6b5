"""Times and durations. What `now()` is, is handed in; nothing here reads a clock."""

# ruff: noqa: ARG001  (every operation is handed the budget, whether it needs it or not)

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.limits import Budget
from tidegate.machine.expr.operators import shifted
from tidegate.machine.expr.shown import span
from tidegate.machine.expr.texts import as_text
from tidegate.machine.expr.values import Duration, Value, go_type, wrapped

_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"([0-9]{1,19}(?:\.[0-9]{0,19})?|\.[0-9]{1,19})(ns|us|µs|ms|s|m|h)")
_FORMS = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration(given: Sequence[Value], budget: Budget) -> Value:
    """`1h30m`, `1.5s`, `-20ms`: a duration as Go writes it."""
    text = as_text(given[0])
    bare = text.lstrip("+-") if len(text) - len(text.lstrip("+-")) <= 1 else ""
    parts = _PART.findall(bare) if len(bare) <= 64 else []
    if bare == "0":
        return Duration(0)
    if not parts or "".join(number + unit for number, unit in parts) != bare:
        raise Failure(f'time: invalid duration "{text[:40]}"', "write it as 90s, 5m or 1h30m")
    total = sum(_span(number, unit) for number, unit in parts)
    if wrapped(total) != total:
        raise Failure(f'time: invalid duration "{text[:40]}"', "at most 292 years")
    return Duration(-total if text.startswith("-") else total)


def _span(number: str, unit: str) -> int:
    whole, _, part = number.partition(".")
    length = _UNITS[unit]
    return int(whole or 0) * length + (int(part) * length // 10 ** len(part) if part else 0)


def date(given: Sequence[Value], budget: Budget) -> Value:
    """An ISO 8601 date, with or without a time; without an offset it is UTC.

    # differs: the reference reads a dozen further layouts, and takes a layout and a zone as further arguments.
    """
    text = as_text(given[0])
    try:
        found = datetime.fromisoformat(text) if _FORMS.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise Failure(f"invalid date {text[:40]}", "write it as 2024-08-14 or 2024-08-14T12:30:00Z")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def unix(moment: datetime) -> timedelta:
    """The time since 1970."""
    return moment - _EPOCH


_TIME: dict[str, Callable[[datetime], Value]] = {
    "Year": lambda t: t.year, "Month": lambda t: t.month, "Day": lambda t: t.day, "Hour": lambda t: t.hour,
    "Minute": lambda t: t.minute, "Second": lambda t: t.second, "Nanosecond": lambda t: t.microsecond * 1000,
    "Weekday": lambda t: t.isoweekday() % 7, "YearDay": lambda t: t.timetuple().tm_yday,
    "Unix": lambda t: unix(t) // timedelta(seconds=1), "UnixMilli": lambda t: unix(t) // timedelta(milliseconds=1),
    "UTC": lambda t: t.astimezone(UTC),
}  # fmt: skip
_SPAN: dict[str, Callable[[Duration], Value]] = {
    "Hours": lambda d: d.nanoseconds / 3.6e12, "Minutes": lambda d: d.nanoseconds / 6e10, "Seconds": lambda d: d.seconds,
    "Milliseconds": lambda d: int(d.nanoseconds / 1e6), "Microseconds": lambda d: int(d.nanoseconds / 1e3),
    "Nanoseconds": lambda d: d.nanoseconds, "String": span,
}  # fmt: skip
_OF_TIMES: dict[str, Callable[[datetime, datetime], Value]] = {
    "Before": lambda a, b: a < b,
    "After": lambda a, b: a > b,
    "Equal": lambda a, b: a == b,
    "Sub": lambda a, b: Duration(wrapped((a - b) // timedelta(microseconds=1) * 1000)),
}


def method(owner: Value, name: str, given: Sequence[Value]) -> Value:
    """A method of a time or a duration; there are no others. Raises Failure for an unknown one."""
    match owner, list(given):
        case datetime(), [] if name in _TIME:
            return _whole(owner, name)
        case datetime(), [datetime() as other] if name in _OF_TIMES:
            return _OF_TIMES[name](owner, other)
        case datetime(), [Duration() as by] if name == "Add":
            return shifted(owner, by.nanoseconds)
        case Duration(), [] if name in _SPAN:
            return _SPAN[name](owner)
        case _:
            raise Failure(f"type {go_type(owner)} has no method {name} with {len(given)} arguments of these types")


def _whole(owner: datetime, name: str) -> Value:
    try:
        return _TIME[name](owner)
    except OverflowError:
        raise Failure("the time lies outside the years 1 to 9999") from None
