"""What lint finds in templates, AnalysisRuns and Experiments, each looked at by itself and with the templates beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from pydantic import ValidationError

from tidegate.api import names
from tidegate.api.analysis import AnalysisRun, AnalysisTemplate, Metric
from tidegate.api.experiment import Experiment
from tidegate.cli.lint_fields import unknown_fields_of
from tidegate.cli.manifests import Manifest, Manifests, library_of
from tidegate.hooks.facade import Facade
from tidegate.hooks.meters import chosen
from tidegate.machine.analysis.decide import Course, RunSeen
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.references import check_metrics, template_fault
from tidegate.machine.experiment.validation import fault

Told = tuple[str, str]  # field, text
TAG = "{{"  # what an argument will fill in; only the run will know whether it fits


def check_problems(manifest: Manifest, manifests: Manifests, facade: Facade) -> Iterator[Told]:
    """(field, text) of everything that is wrong with one template, run or Experiment."""
    look = _LOOKS[str(manifest["kind"])]
    try:
        yield from look(manifest, manifests, facade)
    except ValidationError as error:
        for one in error.errors():
            where = ".".join(str(part) for part in one["loc"])
            yield where, f"{where}: {one['msg']}, found {one.get('input')!r}"


def _template(manifest: Manifest, _: Manifests, facade: Facade) -> Iterator[Told]:
    template = AnalysisTemplate.read(manifest)
    spec = template.spec
    yield from unknown_fields_of(spec, "spec")
    if text := template_fault(template, finite=False):
        yield "spec.args", f"spec.args: {text}"
    if spec.metrics or not spec.templates:
        try:
            check_metrics(spec)
        except Unusable as wrong:
            yield "spec.metrics", f"spec.metrics: {wrong}"
    yield from _providers(spec.metrics, facade)


def _run(manifest: Manifest, _: Manifests, facade: Facade) -> Iterator[Told]:
    run = AnalysisRun.read(manifest)
    yield from unknown_fields_of(run.spec, "spec")
    try:
        Course.of(RunSeen(datetime.now(UTC), run))
    except Unusable as wrong:
        yield "spec", f"spec: {wrong}"
    yield from _providers(run.spec.metrics, facade)


def _experiment(manifest: Manifest, manifests: Manifests, _: Facade) -> Iterator[Told]:
    experiment = Experiment.read(manifest)
    yield from unknown_fields_of(experiment.spec, "spec")
    if text := fault(experiment):
        yield "spec", f"spec: {text}"
    library = library_of(manifests, experiment.metadata.namespace)
    for index, analysis in enumerate(experiment.spec.analyses):
        key = (analysis.cluster_scope, analysis.template_name)
        if library is not None and library.find(key) is None:
            path = f"spec.analyses[{index}].templateName"
            kind = names.CLUSTER_ANALYSIS_TEMPLATE if analysis.cluster_scope else names.ANALYSIS_TEMPLATE
            yield path, f"{path}: Invalid value: {json.dumps(key[1])}: {kind} '{key[1]}' not found"


def _providers(metrics: list[Metric], facade: Facade) -> Iterator[Told]:
    """Providers that nobody answers for, and configs that their plugins refuse."""
    for index, metric in enumerate(metrics):
        found = chosen(metric)
        if found is None:  # told with the other rules of metrics
            continue
        path = f"spec.metrics[{index}].{found.path}"
        if facade.meters.find(found.name) is None:
            yield path, facade.meters.unknown(found.name, path).text
        elif TAG not in json.dumps(found.raw, default=str):
            for problem in facade.meters.configure(found.name, found.raw, path).problems:
                yield problem.path, problem.text


_LOOKS: dict[str, Callable[[Manifest, Manifests, Facade], Iterator[Told]]] = {
    names.ANALYSIS_TEMPLATE: _template,
    names.CLUSTER_ANALYSIS_TEMPLATE: _template,
    names.ANALYSIS_RUN: _run,
    names.EXPERIMENT: _experiment,
}
