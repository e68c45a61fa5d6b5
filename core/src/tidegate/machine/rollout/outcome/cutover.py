"""How far a blue-green update comes in one pass: paused, checkpoint passed, switched, promoted, aborted."""

from __future__ import annotations

from tidegate.api import names
from tidegate.machine.rollout.blue_green import Waiting, checkpoint_reached, promotion, waiting
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.rollout.outcome.progress import Progress
from tidegate.machine.rollout.outcome.verdicts import judge_checks
from tidegate.machine.rollout.report import Report
from tidegate.machine.rollout.runs import POST_PROMOTION, current_run


def cut_over(case: Case, draft: Draft, report: Report) -> Progress:
    """One pass's progress; the active Service has been switched by then where that was due."""
    progress = Progress.begin(case)
    progress.weights, progress.index = None, None
    judge_checks(case, draft, report, progress)
    if report.pending:
        return progress  # what stands behind it was not done
    why = promotion(case, draft.active)
    if case.promoting or case.within_window:
        progress.clear_pauses()
    if why:
        progress.promote(case, why)
    elif progress.abort:
        progress.clear_pauses()
        # differs: a retry starts the preview small again; the reference skips its pause.
        progress.checkpoint = False
    else:
        progress.checkpoint = checkpoint_reached(case)
        _pause(case, draft, progress)
    return progress


def _pause(case: Case, draft: Draft, progress: Progress) -> None:
    match waiting(case):
        case Waiting.BEGIN:
            progress.pause(case, names.PAUSE_BLUE_GREEN)
        case Waiting.OVER:
            progress.drop_pause(names.PAUSE_BLUE_GREEN)
        case Waiting.HOLD:
            pass
    # A resume is remembered until it has led to the switch: the new version may lose a pod in that very moment.
    resumed_for_nothing = progress.checkpoint or _switched(case, draft) or bool(draft.started)
    if not progress.pauses and resumed_for_nothing and not case.rollout.spec.paused:
        progress.controller_pause = False


def _switched(case: Case, draft: Draft) -> bool:
    """Whether the switch has been made and no verdict behind it waits for a new run."""
    run = current_run(case, POST_PROMOTION)
    return draft.active == case.new_hash and (run is None or run.phase != "Inconclusive")
