"""What runs, Experiments and step plugins have found, and what that does to the update: go on, pause, abort."""

from __future__ import annotations

from typing import Any

from tidegate.api import names
from tidegate.api.status import RunStatus
from tidegate.api.wire import write_time
from tidegate.machine.actions import Event
from tidegate.machine.checking import AskStepPlugin, Operation, StartExperiment, StartRun
from tidegate.machine.plan import Outcome
from tidegate.machine.rollout import plugins
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.outcome.progress import Progress
from tidegate.machine.rollout.report import Report
from tidegate.machine.rollout.runs import (
    BACKGROUND,
    COMPLETED,
    FAILED,
    POST_PROMOTION,
    PRE_PROMOTION,
    STEP,
    current_experiment,
    current_run,
    reference,
    resumed,
    succeeded,
)

_ABORTS = {
    STEP: "Step-based analysis phase error/failed",
    BACKGROUND: "Background analysis phase error/failed",
    PRE_PROMOTION: "Blue/green pre-promotion analysis phase error/failed",
    POST_PROMOTION: "Blue/green post-promotion analysis phase error/failed",
}
_TYPES = {True: (PRE_PROMOTION, POST_PROMOTION), False: (BACKGROUND, STEP)}


def judge_checks(case: Case, draft: Draft, report: Report, progress: Progress) -> None:
    """Note what was started, mirror what was found, and pause or abort where that is what it means."""
    for type_ in _TYPES[case.blue_green is not None]:
        _judge_run(case, draft, report, progress, type_)
    _judge_experiment(case, draft, report, progress)
    _judge_plugins(case, report, progress)


def step_checks_passed(case: Case, report: Report) -> bool:
    """Whether the current step's run, Experiment or plugin has succeeded."""
    step = case.step
    if step is None or report.asked:
        return False
    if step.analysis is not None:
        return succeeded(case, STEP)
    if step.experiment is not None:
        experiment = current_experiment(case)
        return experiment is not None and experiment.phase == "Successful"
    return plugins.passed(case)


def _judge_run(case: Case, draft: Draft, report: Report, progress: Progress, type_: str) -> None:
    started = next((o for o in report.asked if isinstance(o.action, StartRun) and o.action.type == type_), None)
    if started is not None:
        progress.refs[type_] = RunStatus(name=started.name or _planned(started))
        return
    run, before = current_run(case, type_), reference(case, type_)
    if run is None or (run.phase not in COMPLETED and (case.aborted or case.promoted or case.promoting)):
        progress.refs[type_] = before if case.blue_green is not None and case.promoted else None
        return
    progress.refs[type_] = RunStatus(name=run.name, status=run.phase, message=run.message)
    previous = before.status if before is not None else "NoPreviousStatus"
    if run.phase and run.phase != previous:
        warning = run.phase in FAILED
        text = f"{type_} Analysis Run '{run.name}' Status New: '{run.phase}' Previous: '{previous}'"
        progress.events.append(Event(f"AnalysisRun{run.phase}", text, "Warning" if warning else "Normal"))
    if not (case.promoted or case.promoting or case.within_window or type_ in draft.started):
        _act_on(case, progress, run.phase, _ABORTS[type_], run.message, names.PAUSE_INCONCLUSIVE_ANALYSIS)


def _act_on(case: Case, progress: Progress, phase: str, abort: str, message: str, pause: str) -> None:
    if phase in FAILED and not case.aborted:
        progress.abort = True
        progress.abort_message = progress.abort_message or abort + (f": {message}" if message else "")
    elif phase == "Inconclusive" and not case.aborted and not resumed(case):
        progress.pause(case, pause)


def _planned(outcome: Outcome) -> str:
    action = outcome.action
    return action.name if isinstance(action, StartRun | StartExperiment) else ""


def _judge_experiment(case: Case, draft: Draft, report: Report, progress: Progress) -> None:
    started = next((o for o in report.asked if isinstance(o.action, StartExperiment)), None)
    if started is not None:
        progress.experiment = started.name or _planned(started)
        progress.events.append(Event("ExperimentCreated", f"Created Experiment '{progress.experiment}'"))
        return
    experiment = current_experiment(case)
    waited_for = case.step is not None and case.step.experiment is not None and not case.aborted
    if experiment is None or not waited_for:
        progress.experiment = ""
        return
    if not (case.promoting or case.within_window or names.EXPERIMENT in draft.started):
        text = "Experiment analysis phase is error/failed"
        pause = names.PAUSE_INCONCLUSIVE_EXPERIMENT
        _act_on(case, progress, experiment.phase, text, experiment.message, pause)


# --- step plugins ---


def _judge_plugins(case: Case, report: Report, progress: Progress) -> None:
    if case.retrying:
        progress.plugin_statuses = []  # a retry: what was done before was taken back
    for outcome in report.asked:
        if isinstance(outcome.action, AskStepPlugin) and outcome.answer is not None:
            _note_answer(case, progress, outcome, outcome.action)


def _note_answer(case: Case, progress: Progress, outcome: Outcome, action: AskStepPlugin) -> None:
    answer, now = outcome.answer, write_time(case.now)
    if answer is None:
        return
    mine = {"index": action.step, "name": action.name, "operation": action.operation.value}
    before = next((e for e in progress.plugin_statuses if mine.items() <= e.items()), None)
    wait_s = answer.retry_after_s or (plugins.ERROR_BACKOFF_S if answer.phase == plugins.ERROR else 0)
    entry: dict[str, Any] = {
        **mine,
        "phase": answer.phase,
        "message": answer.message,
        "startedAt": (before or {}).get("startedAt", now),
        "updatedAt": now,
        "executions": int((before or {}).get("executions") or 0) + 1,
        "status": answer.status,
    }
    if answer.phase in (plugins.RUNNING, plugins.ERROR):
        entry["backoff"] = f"{round(wait_s)}s"
    else:
        entry["finishedAt"] = now
    kept = {key: value for key, value in entry.items() if value not in (None, "")}
    progress.plugin_statuses = [kept if e is before else e for e in progress.plugin_statuses]
    if before is None:
        progress.plugin_statuses = [*progress.plugin_statuses, kept]
    if before is None or before.get("phase") != answer.phase:
        progress.events.append(_transition(action, answer.phase))
    if action.operation is Operation.RUN and answer.phase == plugins.FAILED:
        progress.abort = True
        progress.abort_message = f"Step Plugin {action.step + 1} ({action.name}) failed: {answer.message}"


def _transition(action: AskStepPlugin, phase: str) -> Event:
    how = {
        Operation.RUN: f"transitioned to {phase}",
        Operation.ABORT: f"aborted ({phase})",
        Operation.TERMINATE: f"terminated ({phase})",
    }[action.operation]
    bad = phase in (plugins.FAILED, plugins.ERROR)
    text = f"Step plugin {action.name} (step {action.step + 1}) {how}"
    return Event("StepPluginTransition", text, "Warning" if bad else "Normal")
