"""Texts of single table cells that several kinds share: ages, durations, selectors, containers, lists cut short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from tidegate_sandbox.contracts import Manifest

Cell = str | int | float | bool | None

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86_400, 31_536_000


def human_duration(seconds: float) -> str:
    """A duration with two or three significant digits, as kubectl prints ages: `5m3s`, `2d4h`, `1y20d`.

    Up to two seconds in the future count as now, more is `<invalid>`: clocks of two machines differ. The bounds are
    those of apimachinery util/duration HumanDuration.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * MINUTE:
        return f"{max(0, whole)}s"
    if whole < 10 * MINUTE:
        return _two(whole, MINUTE, "m", 1, "s")
    if whole < 3 * HOUR:
        return f"{whole // MINUTE}m"
    if whole < 8 * HOUR:
        return _two(whole, HOUR, "h", MINUTE, "m")
    return _days(whole)


def _days(whole: int) -> str:
    if whole < 2 * DAY:
        return f"{whole // HOUR}h"
    if whole < 8 * DAY:
        return _two(whole, DAY, "d", HOUR, "h")
    if whole < 2 * YEAR:
        return f"{whole // DAY}d"
    return _two(whole, YEAR, "y", DAY, "d") if whole < 8 * YEAR else f"{whole // YEAR}y"


def _two(whole: int, big: int, big_unit: str, small: int, small_unit: str) -> str:
    rest = whole % big // small
    return f"{whole // big}{big_unit}" + (f"{rest}{small_unit}" if rest else "")


def parsed_time(text: object) -> datetime | None:
    """An RFC 3339 time with or without a fraction; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def since(text: object, now: datetime) -> str:
    """The time from `text` to `now`; `<unknown>` where there is no time."""
    moment = parsed_time(text)
    return UNKNOWN if moment is None else human_duration((now - moment).total_seconds())


def age(obj: Manifest, now: datetime) -> str:
    """The time since the object was created."""
    return since(obj.get("metadata", {}).get("creationTimestamp"), now)


def dig(obj: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path of field names, `default` where a step is missing or null."""
    for name in path.split("."):
        obj = obj.get(name) if isinstance(obj, dict) else None
    return default if obj is None else obj


def labels_text(labels: object) -> str:
    """Labels as `a=b,c=d` in order of their keys, `<none>` for none."""
    if not isinstance(labels, dict) or not labels:
        return NONE
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


def selector_text(selector: object) -> str:
    """A label selector as kubectl takes it on its command line; `<none>` for one that selects everything."""
    if not isinstance(selector, dict):
        return NONE
    parts = [(key, f"{key}={value}") for key, value in selector.get("matchLabels", {}).items()]
    parts += [(rule.get("key", ""), _rule_text(rule)) for rule in selector.get("matchExpressions", [])]
    return ",".join(text for _, text in sorted(parts)) or NONE


def _rule_text(rule: Manifest) -> str:
    key, values = rule.get("key", ""), ",".join(sorted(rule.get("values", [])))
    match rule.get("operator"):
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return str(key)


def column_of(items: Iterable[Manifest], key: str) -> str:
    """One field of each item, joined by commas."""
    return ",".join(str(item.get(key, "")) for item in items)


def shortened(items: Sequence[str], empty: str, limit: int = 3) -> str:
    """The first `limit` items, then how many more there are."""
    if not items:
        return empty
    text = ",".join(items[:limit])
    return f"{text} + {len(items) - limit} more..." if len(items) > limit else text


def condition_is_true(obj: Manifest, kind: str) -> bool:
    """True when the status carries the condition with status "True"."""
    conditions = dig(obj, "status.conditions", [])
    return any(entry.get("type") == kind and entry.get("status") == "True" for entry in conditions)
