"""What is wrong with an analysis that a Rollout asks for, as far as its templates tell: found before an update begins.

Source: argo-rollouts pkg/apis/rollouts/validation/validation_references.go; deviations are marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.api.analysis import AnalysisTemplate, AnalysisTemplateSpec, Argument, DryRun, MeasurementRetention, Metric
from tidegate.api.steps import AnalysisTemplateRef, RolloutAnalysis
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.filling import filled
from tidegate.machine.analysis.templates import Library, Missing, endless, gathered, merged, supplied
from tidegate.machine.analysis.validation import metric_fault
from tidegate.machine.observed import Problem
from tidegate.machine.rollout.validation.problems import invalid

DUMMY = "dummy-value"  # fills in what only the run will know


def analysis_problems(path: str, analysis: RolloutAnalysis, library: Library, *, finite: bool) -> Iterator[Problem]:
    """What keeps the run of an analysis at field `path` from working, the first fault alone.

    `finite` asks for metrics that end by themselves: all but a background analysis must.
    """
    here = f"{path}.templates"
    try:
        templates = gathered(analysis.templates, library)
    except Missing as missing:
        at, name = ("spec.templates", missing.key[1]) if missing.nested else (here, missing.key[1])
        yield invalid(at, name, str(missing), missing=True)
        return
    except Unusable as fault:
        yield invalid(here, _listed(analysis.templates), str(fault))
        return
    for template in templates:
        if fault_text := template_fault(template, finite=finite):
            yield invalid(here, template.metadata.name, fault_text)
            return
    try:
        spec = merged(templates, _dry(analysis), _retained(analysis))
        supplied(spec.args, _lenient(analysis.args))
        check_metrics(spec)
    except Unusable as fault:
        # In the order in which they are merged.
        names = " ".join(template.metadata.name for template in templates)
        yield invalid(here, f"templateNames: [{names}]", str(fault))


def _listed(refs: Sequence[AnalysisTemplateRef]) -> str:
    return f"templateNames: [{' '.join(ref.template_name for ref in refs)}]"


def _dry(analysis: RolloutAnalysis) -> list[DryRun]:
    return [DryRun.read(rule) for rule in analysis.dry_run]


def _retained(analysis: RolloutAnalysis) -> list[MeasurementRetention]:
    return [MeasurementRetention.read(rule) for rule in analysis.measurement_retention]


def _lenient(args: Sequence[Mapping[str, Any]]) -> list[Argument]:
    """Every given argument has some value: fields of the Rollout are often empty before an update, the run will tell."""
    return [Argument(name=str(arg.get("name", "")), value=DUMMY) for arg in args]


def template_fault(template: AnalysisTemplate, *, finite: bool) -> str:
    """What is wrong with one template by itself, "" for nothing."""
    name = template.metadata.name
    if finite:
        for metric in template.spec.metrics:
            if endless(metric):
                shown = "<nil>" if metric.count is None else metric.count
                return (
                    f"AnalysisTemplate {name} has metric {metric.name} which runs indefinitely. "
                    f"Invalid value for count: {shown}"
                )
    for arg in template.spec.args:
        if arg.value is not None and arg.value_from is not None:
            return f"AnalysisTemplate {name}: arg '{arg.name}' has both Value and ValueFrom fields"
    return ""


def check_metrics(spec: AnalysisTemplateSpec) -> None:
    """The rules of a run, but for what hangs on an argument. Raises Unusable.

    # differs: the reference finds these when the update aborts.
    """
    values = {arg.name: DUMMY for arg in spec.args}
    if not spec.metrics:
        raise Unusable("no metrics specified")
    for index, metric in enumerate(spec.metrics):
        known = filled(metric, values)
        if fault := metric_fault(_settled(metric, known)):
            raise Unusable(f"metrics[{index}]: {fault}")


_LIMITS = ("count", "failure_limit", "inconclusive_limit", "consecutive_error_limit", "consecutive_success_limit")
_TIMES = ("interval", "initial_delay")


def _settled(written: Metric, known: Metric) -> Metric:
    """The metric with harmless values where a tag stands for something that only the run will know."""
    tagged = [name for name in (*_LIMITS, *_TIMES) if "{{" in str(getattr(written, name) or "")]
    if not tagged:
        return known
    changes: dict[str, object] = {name: "1s" for name in _TIMES if name in tagged}
    if any(name in tagged for name in _LIMITS):
        # One of several numbers that are compared with each other is unknown: none of them can be judged.
        changes |= dict.fromkeys(_LIMITS)
    return known.model_copy(update=changes)
