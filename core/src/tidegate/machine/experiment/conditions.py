"""The conditions of an Experiment."""

from __future__ import annotations

from tidegate.api.status import Condition
from tidegate.machine.analysis.phases import PENDING, RUNNING, SUCCESSFUL
from tidegate.machine.experiment.case import Case
from tidegate.machine.moments import rounded_up


def conditions(case: Case, phase: str) -> list[Condition]:
    """The conditions with a phase; an end that is no success leaves the last one standing."""
    name = case.experiment.metadata.name
    said = {
        PENDING: ("True", "ReplicaSetUpdated", f'Experiment "{name}" is progressing.'),
        RUNNING: ("True", "NewReplicaSetAvailable", f'Experiment "{name}" is running.'),
        SUCCESSFUL: ("False", "ExperimentCompleted", f'Experiment "{name}" has successfully ran and completed.'),
    }.get(phase)
    kept = [condition for condition in case.status.conditions if condition.type != "InvalidSpec"]
    return kept if said is None else _put(case, kept, "Progressing", said)


def invalid(case: Case, text: str) -> list[Condition]:
    """The conditions of a spec that cannot work."""
    return _put(case, list(case.status.conditions), "InvalidSpec", ("True", "InvalidSpec", text))


def _put(case: Case, present: list[Condition], type_: str, said: tuple[str, str, str]) -> list[Condition]:
    """One condition set; the same status, reason and text leave it as it is."""
    status, reason, message = said
    old = next((condition for condition in present if condition.type == type_), None)
    if old is not None and (old.status, old.reason, old.message) == said:
        return present
    now = rounded_up(case.now)
    since = old.last_transition_time if old is not None and old.status == status else now
    new = Condition(
        type=type_, status=status, reason=reason, message=message, last_update_time=now, last_transition_time=since
    )
    return [*(condition for condition in present if condition is not old), new]
