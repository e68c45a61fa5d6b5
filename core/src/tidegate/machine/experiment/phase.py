"""The phase of an Experiment from its templates and its analyses."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.api.experiment import ExperimentRunStatus, TemplateStatus
from tidegate.machine.analysis.phases import BAD, COMPLETED, ERROR, FAILED, PENDING, RUNNING, SUCCESSFUL, worse
from tidegate.machine.experiment.case import Case

Said = tuple[str, str]  # phase and message

_TEMPLATE_ORDER = ("Successful", "Running", "Progressing", "Error", "Failed")  # from best to worst


def of_templates(statuses: Sequence[TemplateStatus]) -> Said:
    """The worst of the templates, as a phase."""
    worst = max(statuses, key=lambda status: _TEMPLATE_ORDER.index(status.status))
    return PENDING if worst.status == "Progressing" else worst.status, worst.message


def of_analyses(case: Case, statuses: dict[str, ExperimentRunStatus]) -> Said:
    """The worst of the analyses; what has not begun is Running, unless it never will.

    # differs: with every required one Successful, optional ones that are under way do not hold the Experiment up.
    """
    worst: Said = (SUCCESSFUL, "")
    for analysis in case.experiment.spec.analyses:
        status = statuses.get(analysis.name)
        if status is None:
            found: Said = (SUCCESSFUL if case.ending else RUNNING, "")
        else:
            found = (status.phase if status.phase in COMPLETED else RUNNING, status.message)
        if worse(found[0], worst[0]):
            worst = found
    if worst[0] not in BAD and case.required_passed(statuses):
        return SUCCESSFUL, "Required AnalysisRuns completed"
    return worst if worst[0] in BAD else (worst[0], "")


def phase_of(case: Case, templates: Sequence[TemplateStatus], statuses: dict[str, ExperimentRunStatus]) -> Said:
    """The phase after a pass; a final one stays. The rows are those of the specification, section 7."""
    if case.over:
        return case.status.phase, case.status.message
    if not case.status.phase:
        return PENDING, ""
    pods, runs = of_templates(templates), of_analyses(case, statuses)
    if pods[0] == SUCCESSFUL:
        waits = runs[0] not in COMPLETED
        return (SUCCESSFUL, "") if waits and not case.required else runs
    if pods[0] in (FAILED, ERROR):
        return pods
    if runs[0] in BAD or case.required_passed(statuses):
        return runs
    return pods
