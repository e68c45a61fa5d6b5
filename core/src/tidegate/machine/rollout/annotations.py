"""What the annotations of a ReplicaSet say, read leniently: people edit them."""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.api import names
from tidegate.api.wire import whole_number
from tidegate.machine.observed import ReplicaSetView


def revision_of(replica_set: ReplicaSetView) -> int:
    """The revision annotation of a ReplicaSet, 0 where there is none or it is no number."""
    return whole_number(replica_set.annotations.get(names.REVISION, ""))


def deadline_of(replica_set: ReplicaSetView) -> datetime | None:
    """When a ReplicaSet may be scaled down; None without the annotation or where it cannot be read."""
    text = replica_set.annotations.get(names.SCALE_DOWN_DEADLINE, "")
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
