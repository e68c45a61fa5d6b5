"""What one pass makes of the stored position: begun from the status, changed by the rules of the strategy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tidegate.api.status import PauseCondition, RunStatus, TrafficWeights
from tidegate.machine.actions import Event
from tidegate.machine.moments import rounded_up
from tidegate.machine.rollout.case import Case


@dataclass(slots=True)
class Progress:
    """The position under construction. `events` are in the order of happening; `refs` are run references by rollout-type."""

    stable_rs: str
    index: int | None
    pauses: list[PauseCondition]
    controller_pause: bool
    abort: bool
    promote_full: bool
    weights: TrafficWeights | None
    stable_ping_pong: str = ""
    checkpoint: bool = False
    abort_message: str = ""
    refs: dict[str, RunStatus | None] = field(default_factory=dict)
    experiment: str = ""
    plugin_statuses: list[dict[str, Any]] = field(default_factory=list)
    completed_by: str = ""  # why the new revision became the stable one in this pass, "" if it did not
    events: list[Event] = field(default_factory=list)

    @classmethod
    def begin(cls, case: Case) -> Progress:
        """The position as it is stored."""
        status = case.status
        return cls(
            status.stable_rs,
            case.index,
            list(status.pause_conditions),
            status.controller_pause,
            case.aborted,
            case.promoting,
            status.canary.weights,
            status.canary.stable_ping_pong,
            status.blue_green.scale_up_preview_check_point,
            experiment=status.canary.current_experiment,
            plugin_statuses=list(status.canary.step_plugin_statuses),
        )

    def clear_pauses(self) -> None:
        """No pause is in force any more."""
        self.pauses, self.controller_pause = [], False

    def drop_pause(self, reason: str) -> None:
        """Without the pause of that reason."""
        self.pauses = [p for p in self.pauses if p.reason != reason]

    def pause(self, case: Case, reason: str) -> None:
        """Wait from now on, unless that pause is in force already.

        The start is rounded up: a pause of n seconds never ends before n seconds are over (the reference cuts, so it may).
        """
        if all(p.reason != reason for p in self.pauses):
            self.pauses.append(PauseCondition(reason=reason, start_time=rounded_up(case.now)))
        self.controller_pause = True

    def promote(self, case: Case, why: str) -> None:
        """Make the new revision the stable one; every pause and abort has lost its meaning."""
        self.index = case.step_count or None
        self.promote_full = self.abort = self.checkpoint = False
        if self.stable_rs != case.new_hash:
            self.stable_rs, self.completed_by = case.new_hash, why
            text = f"Rollout completed update to revision {case.revision} ({case.new_hash}): {why}"
            self.events.append(Event("RolloutCompleted", text))
        self.clear_pauses()
