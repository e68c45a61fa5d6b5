"""How long a canary Mapping has been at weight 0: a note on the Mapping itself, so that any process can go on. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.hooks import Manifest

SINCE = "tidegate.io/ambassador.weight-zero-since"
# Until every proxy has a weight that was written: the reference controller's wait before it deletes the Mapping.
DRAIN = timedelta(seconds=5)


def close(canary: Manifest, now: datetime) -> None:
    """Take all requests away from the canary and note since when, in place."""
    canary.setdefault("spec", {})["weight"] = 0
    annotations = canary["metadata"].get("annotations") or {}
    canary["metadata"]["annotations"] = {**annotations, SINCE: now.isoformat(timespec="milliseconds")}


def reopen(canary: Manifest) -> None:
    """Forget that the canary was closed, in place."""
    if SINCE in (annotations := canary["metadata"].get("annotations") or {}):
        canary["metadata"]["annotations"] = {key: value for key, value in annotations.items() if key != SINCE}


def left_s(canary: Manifest, now: datetime) -> float | None:
    """Seconds until the canary Mapping may go, 0 or less where it may; None for one that is not closed.

    A weight of 0 without a note, or with one of the future, is not closed: nobody knows since when.
    """
    text = (canary["metadata"].get("annotations") or {}).get(SINCE, "")
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        return None
    weight = (canary.get("spec") or {}).get("weight")
    if since.tzinfo is None or since > now or type(weight) is not int or weight != 0:
        return None
    return (since + DRAIN - now).total_seconds()
