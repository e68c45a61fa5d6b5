"""How long versions that nobody is sent to any more keep their pods: proxies need a while to forget them."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api import names
from tidegate.api.wire import write_time
from tidegate.machine.moments import later, rounded_up
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.rollout.annotations import deadline_of
from tidegate.machine.rollout.blue_green import strategy_of
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft


def abort_delay(case: Case) -> int | None:
    """Seconds that an aborted version stays up, 0 to keep it, None where it shrinks with the weight instead.

    It does in a basic canary, whose pods are the traffic, and with dynamicStableScale unless a delay was asked for.
    """
    if case.blue_green is not None:
        written = case.blue_green.abort_scale_down_delay_seconds
    elif not case.routed or (case.dynamic and case.canary.abort_scale_down_delay_seconds is None):
        return None
    else:
        written = case.canary.abort_scale_down_delay_seconds
    return names.DEFAULT_ABORT_SCALE_DOWN_DELAY_S if written is None else written


def deadline_in(case: Case, draft: Draft, seconds: int) -> str:
    """A deadline that never ends early: persisted in whole seconds, rounded up."""
    moment = later(rounded_up(case.now), seconds)
    draft.wakes.append(moment)
    return write_time(moment)


@dataclass(frozen=True, slots=True)
class Delays:
    """How long former versions stay (`seconds`, None for not at all), how many may, and with how many pods (None: as is)."""

    seconds: int | None
    limit: int | None
    complete: int | None = None

    @classmethod
    def of_canary(cls, case: Case) -> Delays:
        """None without a router; there a version that was never stable goes at once too."""
        if not case.routed or case.dynamic:
            return cls(None, None)
        written = case.canary.scale_down_delay_seconds
        seconds = names.DEFAULT_SCALE_DOWN_DELAY_S if written is None else written
        return cls(seconds, case.canary.scale_down_delay_revision_limit)

    @classmethod
    def of_blue_green(cls, case: Case) -> Delays:
        """Former versions follow spec.replicas, so that they can take over at any moment."""
        strategy = strategy_of(case)
        written = strategy.scale_down_delay_seconds
        seconds = names.DEFAULT_SCALE_DOWN_DELAY_S if written is None else written
        return cls(seconds, strategy.scale_down_delay_revision_limit, case.replicas)


class Former:
    """Sizes of former versions, newest first; counts how many keep their pods."""

    def __init__(self, case: Case, draft: Draft, delays: Delays) -> None:
        self._case, self._draft, self._delays = case, draft, delays
        self._granted = 0

    def size(self, replica_set: ReplicaSetView) -> int:
        """Pods that a former version is to have now. # differs: a delay of 0 means at once, not for ever (#1992)."""
        deadline, delays, case = deadline_of(replica_set), self._delays, self._case
        superseded = case.blue_green is None and not case.promoted and deadline is None  # was never stable
        full = delays.limit is not None and self._granted >= delays.limit
        if not delays.seconds or superseded or full:
            return 0
        if deadline is None:
            note = deadline_in(case, self._draft, delays.seconds)
            self._draft.edit(replica_set).annotate(names.SCALE_DOWN_DEADLINE, note)
            self._granted += 1
            return replica_set.spec_replicas
        if deadline <= case.now:
            return 0
        self._draft.wakes.append(deadline)
        self._granted += 1
        return replica_set.spec_replicas if delays.complete is None else delays.complete
