"""Times as the API writes them, in whole seconds, and durations as annotations write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from tidegate_sandbox.errors import SandboxError

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def stamp(when: datetime) -> str:
    """RFC 3339 with whole seconds, cut off as metav1.Time does."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def seconds(text: str) -> float:
    """A duration such as `5s`, `1m30s`, `250ms` or plain seconds. Raises SandboxError for anything else."""
    try:
        return float(text)
    except ValueError:
        parts = re.findall(r"([0-9.]+)(ms|s|m|h)", text)
        if "".join(number + unit for number, unit in parts) != text or not parts:
            raise SandboxError(f"duration {text!r}: not of the form 5s, 1m30s or 250ms") from None
        return sum(float(number) * UNITS_S[unit] for number, unit in parts)


def earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
