"""What step plugins have said so far: the entries of `status.canary.stepPluginStatuses`, read leniently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.api import duration
from tidegate.api.wire import read_time
from tidegate.machine.checking import Operation
from tidegate.machine.moments import later
from tidegate.machine.rollout.case import Case

RUNNING, SUCCESSFUL, FAILED, ERROR = "Running", "Successful", "Failed", "Error"
# Beyond what the plugin asks for, and after an error. Source: argo-rollouts rollout/steps.
MARGIN_S, ERROR_BACKOFF_S = 5, 30


@dataclass(frozen=True, slots=True)
class Entry:
    """One plugin's answer to one operation at one step; `wire` is the entry as stored."""

    index: int
    name: str
    operation: str
    phase: str
    wire: Mapping[str, Any]
    config: Any = None


def entries(case: Case) -> list[Entry]:
    """All entries whose step is still one of that plugin."""
    found = []
    for wire in case.status.canary.step_plugin_statuses:
        index = wire.get("index") or 0
        step = case.steps[index] if isinstance(index, int) and 0 <= index < case.step_count else None
        if step is not None and step.plugin is not None and step.plugin.name == wire.get("name"):
            phase, operation = str(wire.get("phase") or ""), str(wire.get("operation") or "")
            found.append(Entry(index, step.plugin.name, operation, phase, wire, step.plugin.config))
    return found


def entry_of(case: Case, index: int, operation: Operation) -> Entry | None:
    """The entry of a step and an operation."""
    return next((e for e in entries(case) if e.index == index and e.operation == operation.value), None)


def started_entries(case: Case) -> list[Entry]:
    """Steps whose plugin has done something that no abort has taken back yet, in the order of the steps."""
    undone = {
        e.index for e in entries(case) if e.operation == Operation.ABORT.value and e.phase not in (RUNNING, ERROR)
    }
    return [
        e
        for e in entries(case)
        if e.operation == Operation.RUN.value and e.index not in undone and e.phase not in ("", FAILED)
    ]


def last_running(case: Case) -> Entry | None:
    """The last plugin that is still at work and was not told to end."""
    ended = {
        e.index for e in entries(case) if e.operation == Operation.TERMINATE.value and e.phase not in (RUNNING, ERROR)
    }
    running = [e for e in entries(case) if e.operation == Operation.RUN.value and e.phase in (RUNNING, ERROR)]
    return next((e for e in reversed(running) if e.index not in ended), None)


def due_at(case: Case, index: int, operation: Operation) -> datetime | None:
    """When a step's plugin is to be asked for an operation; None where it has given its last answer to it."""
    known = entry_of(case, index, operation)
    if known is None:
        return case.now
    if known.phase not in (RUNNING, ERROR) or known.wire.get("disabled"):
        return None
    try:
        since = read_time(known.wire.get("updatedAt"))
    except ValueError:
        return case.now
    wait = duration.seconds(known.wire.get("backoff") or "0s") or 0
    return later(since, wait + MARGIN_S) if isinstance(since, datetime) else case.now


def passed(case: Case) -> bool:
    """Whether the current step's plugin lets the update go on."""
    known = entry_of(case, case.index or 0, Operation.RUN)
    return known is not None and (known.phase in (SUCCESSFUL, FAILED) or bool(known.wire.get("disabled")))
