"""Moments that are persisted in whole seconds, and that never end early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def later(moment: datetime, seconds: float) -> datetime:
    """`moment` and so many seconds, at most the end of time: people and other clients write odd values."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC, microsecond=0)


def rounded_up(moment: datetime) -> datetime:
    """The next whole second, or the moment itself if it is one."""
    return moment if moment.microsecond == 0 else later(moment.replace(microsecond=0), 1)
