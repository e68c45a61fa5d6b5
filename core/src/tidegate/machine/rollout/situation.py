"""The closed set of cases that a pass can be."""

from __future__ import annotations

from enum import StrEnum


class Situation(StrEnum):
    """The closed set of cases; the first that applies, from the top."""

    DELETING = "deleting"  # deletionTimestamp is set: nothing is done any more
    INVALID = "invalid"  # the spec, or something it names, cannot work: nothing is scaled or routed
    UNSIZED = "unsized"  # spec.replicas is absent: it is written first, so that autoscalers can work
    NEW_REVISION = "new revision"  # no ReplicaSet runs the template yet
    RESET = "reset"  # template or steps changed: the update starts over
    STEADY = "steady"  # the new revision is the stable one
    ABORTED = "aborted"  # all traffic goes back to stable
    UPDATING = "updating"  # on the way from stable to new (or the first deployment)
