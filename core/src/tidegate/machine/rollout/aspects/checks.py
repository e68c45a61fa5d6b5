"""What an update waits for beside pods and weights: AnalysisRuns, Experiments and step plugins, started and ended here.

Source: argo-rollouts rollout/analysis.go, rollout/experiment.go and rollout/steps; deviations are marked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from tidegate.api import names
from tidegate.api.steps import RolloutAnalysis
from tidegate.machine.checking import (
    AskStepPlugin,
    DeleteExperiment,
    DeleteRun,
    EndExperiment,
    EndRun,
    Operation,
    StartExperiment,
    StartRun,
)
from tidegate.machine.observed import ExperimentView, RunView
from tidegate.machine.rollout.blue_green import active_hash, fast_rollback, preview_size, stands, strategy_of
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.plugins import due_at, entry_of, last_running, started_entries
from tidegate.machine.rollout.runs import (
    BACKGROUND,
    COMPLETED,
    POST_PROMOTION,
    PRE_PROMOTION,
    STEP,
    current_experiment,
    current_run,
    resumed,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that the position asks for; `ready` says that it may start, `infix` is the last part of its name."""

    type: str
    analysis: RolloutAnalysis
    ready: bool
    infix: str = ""
    step: int | None = None


def over(case: Case) -> bool:
    """Whether nothing is checked any more: finished, aborted, or on a way that skips every check."""
    if case.promoted or case.aborted or case.initial or case.promoting or case.within_window:
        return True
    return case.blue_green is not None and fast_rollback(case)


def run_analyses(case: Case, draft: Draft) -> None:
    """Start the runs that the position asks for; end every other one that has not ended by itself."""
    current: set[str] = set()
    for want in () if over(case) else _wanted(case):
        run = current_run(case, want.type)
        if run is not None:
            current.add(run.name)
        if _may_start(case, want, run):
            name = "-".join(part for part in (_stem(case), want.infix) if part)
            action = StartRun(name, want.type, want.analysis, case.new_hash, case.revision, want.step, why="asked for")
            draft.act(action)
            draft.started.add(want.type)
    for run in case.seen.runs:
        # One that was begun by a pass that died before it could note the name is what has just been asked for again.
        forgotten = run.type in draft.started and run.pod_hash == case.new_hash and run.step in (None, case.index)
        if run.name not in current and run.phase not in COMPLETED and not (run.ending or forgotten):
            draft.act(EndRun(run.name, run.uid, why="no longer asked for"))


def _wanted(case: Case) -> Iterator[Wanted]:
    if case.blue_green is None:
        background, index = case.canary.analysis, case.index or 0
        if background is not None and background.templates and index >= (background.starting_step or 0):
            yield Wanted(BACKGROUND, background, ready=True)
        if case.step is not None and case.step.analysis is not None:
            ready = not case.status.pause_conditions
            yield Wanted(STEP, case.step.analysis, ready, str(case.index), case.index)
        return
    active, strategy = active_hash(case), strategy_of(case)
    if strategy.pre_promotion_analysis is not None and active not in ("", case.new_hash):
        # differs: pods are looked at before every creation; the reference starts the run of a retry without any.
        ready = stands(case.new, preview_size(case))
        yield Wanted(PRE_PROMOTION, strategy.pre_promotion_analysis, ready, "pre")
    if strategy.post_promotion_analysis is not None and active == case.new_hash:
        yield Wanted(POST_PROMOTION, strategy.post_promotion_analysis, stands(case.new, case.replicas), "post")


def _may_start(case: Case, want: Wanted, run: RunView | None) -> bool:
    """Whether a new run is due: none yet, or a person has resumed after an inconclusive one."""
    judged = any(p.reason == names.PAUSE_INCONCLUSIVE_ANALYSIS for p in case.status.pause_conditions)
    if judged or not want.ready:
        return False
    return run is None or (run.phase == "Inconclusive" and resumed(case))


def _stem(case: Case) -> str:
    return f"{case.rollout.metadata.name}-{case.new_hash}-{case.revision}"


def run_experiments(case: Case, draft: Draft) -> None:
    """Start the Experiment of the current step; end every other one that has not ended by itself."""
    current = None if over(case) or case.step is None or case.step.experiment is None else current_experiment(case)
    if not over(case) and case.step is not None and case.step.experiment is not None and _experiment_due(case, current):
        name, index = f"{_stem(case)}-{case.index}", case.index or 0
        hashes = (case.new_hash, case.status.stable_rs)
        draft.act(
            StartExperiment(name, index, case.step.experiment, *hashes, case.revision, why="the step asks for it")
        )
        draft.started.add(names.EXPERIMENT)
    for experiment in case.seen.experiments:
        begun = names.EXPERIMENT in draft.started and experiment.pod_hash == case.new_hash
        forgotten = begun and experiment.step == case.index
        if experiment is not current and experiment.phase not in COMPLETED and not (experiment.ending or forgotten):
            draft.act(EndExperiment(experiment.name, experiment.uid, why="no longer asked for"))


def _experiment_due(case: Case, current: ExperimentView | None) -> bool:
    """# differs: nothing is started while an inconclusive verdict waits for a person (the reference starts one after another)."""
    judged = (names.PAUSE_INCONCLUSIVE_ANALYSIS, names.PAUSE_INCONCLUSIVE_EXPERIMENT)
    if case.stable is None or any(p.reason in judged for p in case.status.pause_conditions):
        return False
    return current is None or (current.phase == "Inconclusive" and resumed(case))


def run_step_plugins(case: Case, draft: Draft) -> None:
    """Let the current step's plugin work; take back what plugins did where the update was aborted, end it where skipped."""
    step, skipped = case.step, case.promoting or case.promoted or case.within_window
    if case.aborted:
        for entry in reversed(started_entries(case)):
            _ask(
                case,
                draft,
                AskStepPlugin(entry.name, entry.index, Operation.ABORT, entry.config, entry.wire, why="aborted"),
            )
    elif skipped or step is None or step.plugin is None:
        running = last_running(case)
        if running is not None:
            operation, config = Operation.TERMINATE, running.config
            _ask(
                case, draft, AskStepPlugin(running.name, running.index, operation, config, running.wire, why="skipped")
            )
    elif not case.rollout.spec.paused and not case.status.pause_conditions:
        index, plugin = case.index or 0, step.plugin
        known = entry_of(case, index, Operation.RUN)
        status = known.wire if known else {}
        _ask(case, draft, AskStepPlugin(plugin.name, index, Operation.RUN, plugin.config, status, why="its turn"))


def _ask(case: Case, draft: Draft, question: AskStepPlugin) -> None:
    """Ask now, or note when: a plugin that is at work, or has failed to answer, is left alone for a while."""
    due = due_at(case, question.step, question.operation)
    if due is not None and due > case.now:
        draft.wakes.append(due)
    elif due is not None:
        draft.act(question)


def trim_checks(case: Case, draft: Draft) -> None:
    """Delete finished runs and Experiments beyond the history limits, and those whose ReplicaSet is gone."""
    runs = [r for r in case.seen.runs if r.phase in COMPLETED and r.name not in _referred(case)]
    for run in _surplus(case, runs):
        draft.act(DeleteRun(run.name, run.uid, why="beyond the history limit, or of a revision that is gone"))
    experiments = [e for e in case.seen.experiments if e.phase in COMPLETED and e.name not in _referred(case)]
    for experiment in _surplus(case, experiments):
        draft.act(
            DeleteExperiment(experiment.name, experiment.uid, why="beyond the history limit, or its revision is gone")
        )


def _referred(case: Case) -> set[str]:
    canary, blue_green = case.status.canary, case.status.blue_green
    refs = (
        canary.current_step_analysis_run_status,
        canary.current_background_analysis_run_status,
        blue_green.pre_promotion_analysis_run_status,
        blue_green.post_promotion_analysis_run_status,
    )
    return {canary.current_experiment, *(ref.name for ref in refs if ref is not None)}


T = TypeVar("T", RunView, ExperimentView)


def _surplus(case: Case, finished: list[T]) -> list[T]:
    limits = case.rollout.spec.analysis
    left = {True: limits.successful_run_history_limit, False: limits.unsuccessful_run_history_limit}
    surplus: list[T] = []
    for each in sorted(finished, key=lambda f: (f.created, f.name), reverse=True):
        well, owner = each.phase == "Successful", case.sets.of(each.pod_hash)
        left[well] -= 1
        if left[well] < 0 or owner is None or owner.deleting:
            surplus.append(each)
    return surplus
