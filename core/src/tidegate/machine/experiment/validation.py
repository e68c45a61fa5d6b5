"""Whether an Experiment can work; the first fault is told."""

from __future__ import annotations

from tidegate.api import duration
from tidegate.api.experiment import Experiment, ExperimentTemplate
from tidegate.machine.rollout.validation.shapes import SELECTOR, TEMPLATE, misshapes


def fault(experiment: Experiment) -> str:
    """What is wrong with the spec, "" for nothing. Texts: argo-rollouts utils/conditions/experiments.go."""
    spec, name = experiment.spec, experiment.metadata.name
    taken: set[str] = set()
    for index, template in enumerate(spec.templates):
        if misshapen := _misshapen(template, index):
            return misshapen
        selector = template.selector
        if selector is None:
            return f"Rollout has missing field '.Spec.Templates[{index}].Selector'"
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            return f"This experiment is selecting all pods at index {index}. A non-empty selector is required."
        if template.min_ready_seconds > spec.progress_deadline_seconds:
            return f"MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Check template index {index}"
        if not template.name:
            return f"Experiment {name} has empty template name at index {index}"
        if template.name in taken:
            return f"Experiment {name} has repeated template name '{template.name}' in templates"
        taken.add(template.name)
    # differs: the reference runs the first until it is terminated, and calls the second a success at once.
    if spec.duration and duration.go_seconds(spec.duration) is None:
        return f"Experiment {name} has invalid duration '{spec.duration}'"
    return "" if spec.templates else f"Experiment {name} has no templates"


def _misshapen(template: ExperimentTemplate, index: int) -> str:
    """What is no map, list or number where one is meant: selectors and pod templates are free JSON to the server."""
    path = f"spec.templates[{index}]"
    found = [
        *misshapes(template.selector or {}, SELECTOR, f"{path}.selector"),
        *misshapes(template.template or {}, TEMPLATE, f"{path}.template"),
    ]
    return found[0].text if found else ""
