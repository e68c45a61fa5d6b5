"""The conditions of a status, and the clock of progressDeadlineSeconds that one of them is.

A condition with the same status and reason is left alone, message and times included; otherwise it moves to the end of
the list. Only progress renews `lastUpdateTime` in place, since the deadline counts from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.api.status import Condition, RolloutStatus
from tidegate.machine.actions import Event
from tidegate.machine.moments import later, rounded_up
from tidegate.machine.rollout.annotations import deadline_of
from tidegate.machine.rollout.case import Case


@dataclass(slots=True)
class Conditions:
    """The list under construction; `now` is rounded up, so that no deadline ends early."""

    now: datetime
    items: list[Condition] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def get(self, type_: str) -> Condition | None:
        """The condition of that type."""
        for condition in self.items:
            if condition.type == type_:
                return condition
        return None

    def drop(self, type_: str) -> None:
        """Without the condition of that type."""
        self.items = [c for c in self.items if c.type != type_]

    def put(self, type_: str, status: str, reason: str, message: str, *, renew: bool = False) -> None:
        """Set a condition; `renew` writes it anew although status and reason are the same."""
        old = self.get(type_)
        if old is not None and (old.status, old.reason) == (status, reason) and not renew:
            return
        kept = old.last_transition_time if old is not None and old.status == status else self.now
        self.drop(type_)
        self.items.append(
            Condition(
                type=type_,
                status=status,
                reason=reason,
                message=message,
                last_update_time=self.now,
                last_transition_time=kept or self.now,
            )
        )


def begin(case: Case) -> Conditions:
    """The stored conditions without InvalidSpec: a pass that judges at all has found the spec valid."""
    return Conditions(rounded_up(case.now), [c for c in case.status.conditions if c.type != "InvalidSpec"])


def invalid(case: Case, message: str) -> Conditions:
    """The stored conditions with InvalidSpec. # differs: Healthy turns False, or `kubectl wait` would succeed wrongly."""
    conditions = Conditions(rounded_up(case.now), list(case.status.conditions))
    old = conditions.get("InvalidSpec")
    conditions.put("InvalidSpec", "True", "InvalidSpec", message, renew=old is not None and old.message != message)
    if conditions.get("Healthy") is not None:
        conditions.put("Healthy", "False", "RolloutHealthy", "Rollout is not healthy")
    return conditions


def judge(case: Case, after: RolloutStatus, abort_message: str = "") -> Conditions:
    """The conditions of a status that is complete but for them, its phase and its message."""
    conditions = begin(case)
    paused = bool(after.pause_conditions) or case.rollout.spec.paused
    well = healthy(case, after)
    was_healthy = (found := conditions.get("Healthy")) is not None and found.status == "True"
    _healthy(conditions, well=well and not paused)
    _completed(case, after, conditions)
    _progressing(case, after, conditions, _Facts(well, was_healthy and not well, paused, abort_message))
    enough = _available(case, after)
    words = "Rollout has minimum availability" if enough else "Rollout does not have minimum availability"
    conditions.put("Available", str(enough), "AvailableReason", words)
    _replica_failure(case, conditions)
    _paused(case, after, conditions, paused=paused)
    return conditions


@dataclass(frozen=True, slots=True)
class _Facts:
    healthy: bool
    became_unhealthy: bool
    paused: bool
    abort_message: str


def healthy(case: Case, after: RolloutStatus) -> bool:
    """Whether everything runs the stable revision and nothing else is left.

    # differs: the reference also wants the generation to have been observed by an earlier pass, so it shows Healthy one
    pass later; this status is made from that very generation.
    """
    if not promoted(after) or not after.updated_replicas == after.available_replicas == case.replicas:
        return False
    if case.blue_green is not None:
        shown = (after.current_pod_hash, "") if not case.blue_green.preview_service else (after.current_pod_hash,)
        return after.blue_green.active_selector == after.current_pod_hash and after.blue_green.preview_selector in shown
    done = case.step_count == 0 or after.current_step_index in (None, case.step_count)
    return after.replicas == case.replicas and done


def promoted(after: RolloutStatus) -> bool:
    """Whether a status says that the current revision is the stable one."""
    return bool(after.stable_rs) and after.stable_rs == after.current_pod_hash


def _available(case: Case, after: RolloutStatus) -> bool:
    """Whether enough pods serve: a blue-green's active version has all of its own."""
    if case.blue_green is None:
        return after.available_replicas >= case.replicas
    active = case.sets.of(after.blue_green.active_selector)
    return active is not None and active.spec_replicas == active.available == case.replicas


def _healthy(conditions: Conditions, *, well: bool) -> None:
    if well:
        conditions.put("Healthy", "True", "RolloutHealthy", "Rollout is healthy")
    elif conditions.get("Healthy") is not None:
        conditions.put("Healthy", "False", "RolloutHealthy", "Rollout is not healthy")


def _completed(case: Case, after: RolloutStatus, conditions: Conditions) -> None:
    old = conditions.get("Completed")
    if case.blue_green is not None and not after.stable_rs:
        return  # a first blue-green deployment is stable from its next pass on, and was never an update
    conditions.put("Completed", str(promoted(after)), "RolloutCompleted", "RolloutCompleted")
    if not promoted(after) and (old is None or old.status == "True"):
        text = f"Rollout not completed, started update to revision {case.revision} ({after.current_pod_hash})"
        conditions.events.append(Event("RolloutNotCompleted", text))


def _progressing(case: Case, after: RolloutStatus, conditions: Conditions, facts: _Facts) -> None:
    old = conditions.get("Progressing")
    if after.abort:
        _aborted(case, conditions, facts.abort_message)
        return
    name = set_name(case)
    if old is None:
        conditions.put("Progressing", "True", "FoundNewReplicaSet", f'Found new replica set "{name}"')
    elif old.reason == "RolloutAborted":
        conditions.put("Progressing", "Unknown", "RolloutRetry", "Retrying Rollout after abort")
    if facts.healthy:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        conditions.put("Progressing", "True", "NewReplicaSetAvailable", text)
    elif facts.paused and not promoted(after):
        conditions.put("Progressing", "Unknown", "RolloutPaused", "Rollout is paused")
    elif progressed(case.status, after) or facts.became_unhealthy:
        _moved(conditions, name, unavailable=promoted(after) and facts.became_unhealthy)
    elif old is not None and old.reason == "RolloutPaused":
        conditions.put("Progressing", "Unknown", "RolloutResumed", "Rollout is resumed")
    elif timed_out(case, conditions):
        conditions.put("Progressing", "False", "ProgressDeadlineExceeded", timeout_text(case))


def _moved(conditions: Conditions, name: str, *, unavailable: bool) -> None:
    if unavailable:
        text = "Rollout does not have minimum availability"
        conditions.put("Progressing", "True", "ReplicaSetNotAvailable", text, renew=True)
    else:
        conditions.put("Progressing", "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.', renew=True)


def _aborted(case: Case, conditions: Conditions, message: str) -> None:
    text = f"Rollout aborted update to revision {case.revision}" + (f": {message}" if message else "")
    old = conditions.get("Progressing")
    if old is None or old.reason != "RolloutAborted":
        conditions.put("Progressing", "False", "RolloutAborted", text)
        conditions.events.append(Event("RolloutAborted", text, "Warning"))


def _replica_failure(case: Case, conditions: Conditions) -> None:
    sets = (case.new, *(s for s in case.owned if s is not case.new))
    failure = next((s.failure for s in sets if s is not None and s.failure), None)
    if failure is None:
        conditions.drop("ReplicaFailure")
    else:
        conditions.put("ReplicaFailure", *failure)


def _paused(case: Case, after: RolloutStatus, conditions: Conditions, *, paused: bool) -> None:
    """# differs: False during an abort; the reference leaves it True, and the deadline clock stopped."""
    holds = case.rollout.spec.paused if after.abort else paused
    if holds or conditions.get("Paused") is not None:
        conditions.put("Paused", str(holds), "RolloutPaused", "Rollout is paused")


# --- the deadline ---


def progressed(before: RolloutStatus, after: RolloutStatus) -> bool:
    """Whether anything moved forward between two statuses."""
    return (
        after.updated_replicas != before.updated_replicas
        or after.replicas - after.updated_replicas < before.replicas - before.updated_replicas
        or after.ready_replicas > before.ready_replicas
        or after.available_replicas > before.available_replicas
        or after.stable_rs != before.stable_rs
        or (
            None not in (before.current_step_index, after.current_step_index)
            and after.current_step_index != before.current_step_index
        )
        or after.current_step_hash != before.current_step_hash
        or after.blue_green.active_selector != before.blue_green.active_selector
        or after.blue_green.preview_selector != before.blue_green.preview_selector
    )


def timed_out(case: Case, conditions: Conditions) -> bool:
    """Whether progressDeadlineSeconds have passed without progress, where that counts at all."""
    progressing = conditions.get("Progressing")
    if progressing is None or not clock_runs(case, conditions.items):
        return False
    if progressing.reason == "ProgressDeadlineExceeded":
        return True
    ends = deadline_ends(case, progressing)
    return ends is not None and ends < case.now


def clock_runs(case: Case, conditions: Sequence[Condition]) -> bool:
    """Whether the deadline counts: not in steps that wait by design, in pauses, or while a former version has a delay."""
    found = {c.type: c for c in conditions}
    progressing, paused = found.get("Progressing"), found.get("Paused")
    if progressing is None or progressing.reason in ("RolloutAborted", "RolloutPaused"):
        return False
    if paused is not None and paused.status == "True":
        return False
    step = case.step
    if step is not None and (step.pause is not None or step.analysis is not None or step.experiment is not None):
        return False
    return not any(deadline_of(s) is not None for s in case.owned if s is not case.new)


def deadline_ends(case: Case, progressing: Condition) -> datetime | None:
    """When the deadline is over; None where the condition has no time."""
    since = progressing.last_update_time
    return later(since, case.rollout.spec.progress_deadline_seconds) if since else None


def timeout_text(case: Case) -> str:
    """What a passed deadline is called."""
    return f'ReplicaSet "{set_name(case)}" has timed out progressing.'


def set_name(case: Case) -> str:
    """The name of the new ReplicaSet, existing or about to be made."""
    return case.new.name if case.new else f"{case.rollout.metadata.name}-{case.sets.wanted_hash}"
