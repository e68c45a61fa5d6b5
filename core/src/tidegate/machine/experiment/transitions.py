"""What is told about a step from one status of an Experiment to the next: each change once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from tidegate.api.experiment import ExperimentStatus
from tidegate.machine.actions import Event
from tidegate.machine.analysis.phases import BAD

Way = tuple[str, str]  # from, to


def transitions(before: ExperimentStatus, after: ExperimentStatus) -> Iterator[Event]:
    """The events about the Experiment itself."""
    known = {template.name: template.status for template in reversed(before.template_statuses)}
    for template in after.template_statuses:
        way = (known.get(template.name, ""), template.status)
        yield from _moved("Template", f"Template '{template.name}'", way, template.message, ("Failed", "Error"))
    yield from of_runs(before, after)
    yield from _moved("Experiment", "Experiment", (before.phase, after.phase), "", BAD)


def of_runs(before: ExperimentStatus, after: ExperimentStatus) -> Iterator[Event]:
    """The events about its analyses; the Rollout whose step it is gets a copy of them.

    # differs: the reference marks each copy as a Warning.
    """
    known = {run.name: run.phase for run in before.analysis_runs}
    for run in after.analysis_runs:
        way = (known.get(run.name, ""), run.phase)
        yield from _moved("AnalysisRun", f"AnalysisRun '{run.name}'", way, run.message, BAD)


def _moved(kind: str, said: str, way: Way, message: str, bad: Collection[str]) -> Iterator[Event]:
    before, now = way
    if before == now:
        return
    type_: Literal["Normal", "Warning"] = "Warning" if now in bad else "Normal"
    detail = f": {message}" if message else ""
    yield Event(f"{kind}{now}", f"{said} transitioned from {before} -> {now}{detail}", type_)
