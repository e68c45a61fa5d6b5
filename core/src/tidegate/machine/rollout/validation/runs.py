"""What is wrong with a step that runs an analysis or an experiment, as far as the Rollout alone tells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.api import duration, names
from tidegate.api.rollout import Rollout
from tidegate.api.steps import Step
from tidegate.machine.observed import RouterView
from tidegate.machine.rollout.validation.names import qualified_name
from tidegate.machine.rollout.validation.problems import FieldProblem, Form, invalid, printed, required
from tidegate.machine.rollout.validation.selectors import is_empty
from tidegate.machine.rollout.validation.shapes import ARGS, EXPERIMENT, misshapes
from tidegate.machine.traffic import Capability

# What of the Rollout's metadata an argument may take: Kubernetes pkg/fieldpath ExtractFieldPathAsString.
_FIELDS = frozenset(f"metadata.{name}" for name in ("annotations", "labels", "name", "namespace", "uid"))
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")
_ARGUMENT_FIELDS = ("name", "value", "valueFrom")


def run_problems(
    index: int, step: Step, rollout: Rollout, routers: tuple[RouterView, ...], free: int
) -> Iterator[FieldProblem]:
    """Rules VS9 to VS12 of step `index`; `free` is the share of the traffic that the weight in force leaves."""
    written = f"spec.strategy.canary.steps[{index}]"
    args = step.analysis.args if step.analysis is not None else []
    misshapen = (
        *misshapes(step.experiment or {}, EXPERIMENT, f"{written}.experiment"),
        *misshapes(args, ARGS, f"{written}.analysis.args"),
    )
    yield from misshapen
    if misshapen:
        return
    experiment = step.experiment
    if experiment is not None:
        yield from _weights(f"spec.strategy.steps[{index}].experiment", experiment, rollout, routers)
        args = [arg for analysis in experiment.get("analyses") or [] for arg in analysis.get("args") or []] + args
    yield from _arguments(f"spec.strategy.steps[{index}].analyses", args)
    if step.analysis is not None and not step.analysis.templates:
        yield required(f"{written}.analysis.templates", "analysis step needs at least one template")
    if experiment is not None:
        yield from _experiment(f"{written}.experiment", experiment, rollout.metadata.name)
        yield from _sum(f"{written}.experiment", experiment, rollout, free)


def _weights(
    path: str, experiment: Mapping[str, Any], rollout: Rollout, routers: tuple[RouterView, ...]
) -> Iterator[FieldProblem]:
    canary = rollout.spec.strategy.canary
    unable = [router.title for router in routers if Capability.EXPERIMENT not in router.can]
    for index, template in enumerate(experiment.get("templates") or []):
        if template.get("weight") is None:
            continue
        here = f"{path}.templates[{index}].weight"
        if canary is None or canary.traffic_routing is None:
            text = "Experiment template weight cannot be set unless TrafficRouting is enabled"
            yield invalid(here, template["weight"], text)
        elif unable:
            text = f"Experiment template weight is not available for TrafficRouting with {', '.join(unable)}"
            yield invalid(here, template["weight"], text)
        elif template["weight"] < 0:
            yield invalid(here, template["weight"], "must be greater than or equal to 0")


def _arguments(path: str, args: list[dict[str, Any]]) -> Iterator[FieldProblem]:
    if all(_resolvable(arg) for arg in args):
        return
    shown = [{key: arg[key] for key in _ARGUMENT_FIELDS if key in arg} for arg in args]
    text = "Analyses arguments must refer to valid object metadata supported by downwardAPI"
    yield FieldProblem(path, text, printed(shown, ordered=True), form=Form.INVALID)


def _resolvable(arg: Mapping[str, Any]) -> bool:
    """Whether an argument can be taken from the Rollout; fields outside of metadata are looked up when the run starts."""
    field = ((arg.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath") or ""
    if not field.startswith("metadata") or field in _FIELDS:
        return True
    subscript = _SUBSCRIPT.fullmatch(field)
    if subscript is None:
        return False
    key = subscript[2].lower() if subscript[1] == "annotations" else subscript[2]
    return not any(qualified_name(key))


def _experiment(path: str, experiment: Mapping[str, Any], name: str) -> Iterator[FieldProblem]:
    """An Experiment's own rules, as far as a step has their fields. It is called after its Rollout in the texts."""
    templates = experiment.get("templates") or []
    taken: set[str] = set()
    for index, template in enumerate(templates):
        if template.get("selector") is not None and is_empty(template["selector"]):
            text = f"This experiment is selecting all pods at index {index}. A non-empty selector is required."
            yield invalid(path, template["selector"], text)
        called = template.get("name") or ""
        if not called:
            yield invalid(path, called, f"Experiment {name} has empty template name at index {index}")
        elif called in taken:
            yield invalid(path, called, f"Experiment {name} has repeated template name '{called}' in templates")
        taken.add(called)
        if template.get("specRef") not in ("canary", "stable"):
            text = "Invalid template step SpecRef: must be canary or stable"
            yield invalid(f"{path}.templates[{index}].specRef", template.get("specRef") or "", text)
    length = experiment.get("duration")
    if length is not None and duration.seconds(length) is None:
        yield invalid(path, length, f"Experiment {name} has invalid duration '{length}'")
    if not templates:
        yield required(path, f"Experiment {name} has no templates")


def _sum(path: str, experiment: Mapping[str, Any], rollout: Rollout, free: int) -> Iterator[FieldProblem]:
    """Weights of templates that leave less than nothing for the stable revision."""
    canary = rollout.spec.strategy.canary
    if canary is None or canary.traffic_routing is None:
        return
    asked = sum(template.get("weight") or 0 for template in experiment.get("templates") or [])
    if asked > free:
        total = canary.traffic_routing.max_traffic_weight or names.DEFAULT_TOTAL_WEIGHT
        yield invalid(path, asked + total - free, f"weights of the experiment exceed {total}")
