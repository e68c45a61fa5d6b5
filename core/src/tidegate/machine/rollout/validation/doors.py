"""What a Rollout asks for and this controller does not carry out: refused aloud, since ignoring it would look like success."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout import BlueGreen, Canary, Strategy
from tidegate.machine.observed import Door
from tidegate.machine.rollout.validation.problems import FieldProblem, forbidden

_WORK = {
    Door.ANALYSIS: "analyses",
    Door.EXPERIMENT: "experiments",
    Door.STEP_PLUGIN: "step plugins",
}


def door_problems(strategy: Strategy, doors: frozenset[Door]) -> Iterator[FieldProblem]:
    """Every field that needs a closed door. Paths carry the strategy's name: they are those of the object as written."""
    asked = [*_of_canary(strategy.canary or Canary()), *_of_blue_green(strategy.blue_green or BlueGreen())]
    for path, value, door in asked:
        if value is not None and door not in doors:
            text = f"this controller does not carry out {_WORK[door]}; remove it, or run a controller that does"
            yield forbidden(f"spec.strategy.{path}", text)


def _of_canary(canary: Canary) -> Iterator[tuple[str, object, Door]]:
    yield "canary.analysis", canary.analysis, Door.ANALYSIS
    for index, step in enumerate(canary.steps):
        path = f"canary.steps[{index}]"
        yield f"{path}.experiment", step.experiment, Door.EXPERIMENT
        yield f"{path}.analysis", step.analysis, Door.ANALYSIS
        yield f"{path}.plugin", step.plugin, Door.STEP_PLUGIN


def _of_blue_green(blue_green: BlueGreen) -> Iterator[tuple[str, object, Door]]:
    yield "blueGreen.prePromotionAnalysis", blue_green.pre_promotion_analysis, Door.ANALYSIS
    yield "blueGreen.postPromotionAnalysis", blue_green.post_promotion_analysis, Door.ANALYSIS
