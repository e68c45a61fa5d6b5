"""What is wrong with the templates of the analyses that a Rollout asks for. Those of an Experiment are its own affair."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout import BlueGreen, Canary, Strategy
from tidegate.api.steps import RolloutAnalysis
from tidegate.machine.analysis.references import analysis_problems
from tidegate.machine.analysis.templates import Library
from tidegate.machine.observed import Problem


def analyses_of(strategy: Strategy) -> Iterator[tuple[str, RolloutAnalysis, bool]]:
    """Every analysis: its field, itself, and whether it must end by itself, as all but a background analysis must."""
    canary, blue_green = strategy.canary or Canary(), strategy.blue_green or BlueGreen()
    asked = [
        ("canary.analysis", canary.analysis, False),
        *((f"canary.steps[{index}].analysis", step.analysis, True) for index, step in enumerate(canary.steps)),
        ("blueGreen.prePromotionAnalysis", blue_green.pre_promotion_analysis, True),
        ("blueGreen.postPromotionAnalysis", blue_green.post_promotion_analysis, True),
    ]
    for path, analysis, finite in asked:
        if analysis is not None:
            yield f"spec.strategy.{path}", analysis, finite


def template_problems(strategy: Strategy, library: Library | None) -> Iterator[Problem]:
    """The first fault of each analysis; nothing where nobody has looked for templates."""
    if library is None:
        return
    for path, analysis, finite in analyses_of(strategy):
        if analysis.templates:  # none at all is refused for a step, and means none for the others
            yield from analysis_problems(path, analysis, library, finite=finite)
