"""Which AnalysisRun of each type, and which Experiment, counts for the update that is under way."""

from __future__ import annotations

from tidegate.api.status import RunStatus
from tidegate.machine.observed import ExperimentView, RunView
from tidegate.machine.rollout.case import Case

STEP, BACKGROUND, PRE_PROMOTION, POST_PROMOTION = "Step", "Background", "PrePromotion", "PostPromotion"
FAILED = ("Failed", "Error")
COMPLETED = ("Successful", "Inconclusive", *FAILED)


def reference(case: Case, type_: str) -> RunStatus | None:
    """The status' reference to the run of a type."""
    canary, blue_green = case.status.canary, case.status.blue_green
    return {
        STEP: canary.current_step_analysis_run_status,
        BACKGROUND: canary.current_background_analysis_run_status,
        PRE_PROMOTION: blue_green.pre_promotion_analysis_run_status,
        POST_PROMOTION: blue_green.post_promotion_analysis_run_status,
    }[type_]


def current_run(case: Case, type_: str) -> RunView | None:
    """The run of a type that counts: referred to by the status, of this revision, and of this step."""
    ref = reference(case, type_)
    if ref is None or case.retrying:
        return None
    found = next((run for run in case.seen.runs if run.name == ref.name and run.pod_hash == case.new_hash), None)
    if found is not None and type_ == STEP and found.step != case.index:
        return None
    return found


def current_experiment(case: Case) -> ExperimentView | None:
    """The Experiment that counts: referred to by the status, of this revision and step; one that was ended, by its phase."""
    wanted = case.status.canary.current_experiment
    if not wanted or case.retrying:
        return None
    mine = (e for e in case.seen.experiments if e.name == wanted and e.pod_hash == case.new_hash)
    return next((e for e in mine if e.step == case.index), None)


def succeeded(case: Case, type_: str) -> bool:
    """Whether the run of a type has ended well."""
    run = current_run(case, type_)
    return run is not None and run.phase == "Successful"


def pre_promotion_passed(case: Case) -> bool:
    """Whether no analysis stands before a blue-green switch any more."""
    gate = case.blue_green.pre_promotion_analysis if case.blue_green else None
    return gate is None or succeeded(case, PRE_PROMOTION)


def post_promotion_passed(case: Case) -> bool:
    """Whether no analysis stands before a blue-green promotion any more."""
    gate = case.blue_green.post_promotion_analysis if case.blue_green else None
    return gate is None or succeeded(case, POST_PROMOTION)


def resumed(case: Case) -> bool:
    """Whether a client has cleared the pauses and nothing has come of it yet."""
    return case.status.controller_pause and not case.status.pause_conditions
