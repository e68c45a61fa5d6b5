"""Moments that are persisted in whole seconds, and that never end early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache


def later(moment: datetime, seconds: float) -> datetime:
    """`moment` and so many seconds, at most the end of time: people and other clients write odd values."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC, microsecond=0)


@lru_cache(64)  # a pass asks four times for that of its own moment
def rounded_up(moment: datetime) -> datetime:
    """The next whole second, or the moment itself if it is one."""
    return moment if moment.microsecond == 0 else later(moment.replace(microsecond=0), 1)
