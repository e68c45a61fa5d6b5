"""Templates by reference: found, followed, and merged into what one run measures.

Source: argo-rollouts utils/analysis/filter.go and helpers.go; the texts are its.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.api.analysis import AnalysisTemplate, AnalysisTemplateSpec, Argument, DryRun, MeasurementRetention, Metric
from tidegate.api.steps import AnalysisTemplateRef
from tidegate.machine.analysis.faults import Unusable

Key = tuple[bool, str]  # cluster-wide, name
LONGEST_PATH = 100  # chosen by feel: far beyond what anybody writes, far below Python's own limit


class Missing(Unusable):
    """A template that does not exist. `nested` says that another template names it."""

    def __init__(self, key: Key, *, nested: bool) -> None:
        cluster, name = key
        super().__init__(f"{'ClusterAnalysisTemplate' if cluster else 'AnalysisTemplate'} '{name}' not found")
        self.key, self.nested = key, nested


@dataclass(frozen=True, slots=True)
class Library:
    """The templates that a run may use: those of its namespace and the cluster's, by name."""

    namespaced: Mapping[str, AnalysisTemplate] = field(default_factory=dict)
    cluster: Mapping[str, AnalysisTemplate] = field(default_factory=dict)

    def find(self, key: Key) -> AnalysisTemplate | None:
        """The template, or None."""
        return (self.cluster if key[0] else self.namespaced).get(key[1])


def keys(refs: Iterable[AnalysisTemplateRef]) -> list[Key]:
    """References as keys."""
    return [(ref.cluster_scope, ref.template_name) for ref in refs]


def reachable(refs: Sequence[AnalysisTemplateRef], library: Library) -> frozenset[Key]:
    """Every template that a list of references leads to, those that do not exist included: what to watch."""
    seen: set[Key] = set()
    ahead = keys(refs)
    while ahead:
        key = ahead.pop()
        if key not in seen:
            seen.add(key)
            template = library.find(key)
            ahead.extend(keys(template.spec.templates) if template is not None else ())
    return frozenset(seen)


def gathered(refs: Sequence[AnalysisTemplateRef], library: Library) -> list[AnalysisTemplate]:
    """The templates that references lead to, each once: the namespace's first, then the cluster's, as they are met.

    Raises Missing, and Unusable for templates that name one another in a circle.
    """
    walk = _Walk(library)
    for key in keys(refs):
        walk.visit(key, ())
    namespaced = [template for (cluster, _), template in walk.found.items() if not cluster]
    return namespaced + [template for (cluster, _), template in walk.found.items() if cluster]


@dataclass(slots=True)
class _Walk:
    library: Library
    found: dict[Key, AnalysisTemplate] = field(default_factory=dict)

    def visit(self, key: Key, path: tuple[Key, ...]) -> None:
        """Take a template and all that it leads to, depth first; `path` are the templates that lead to it."""
        if key in path:
            # differs: the reference follows a circle without end.
            circle = " -> ".join(name for _, name in (*path[path.index(key) :], key))
            raise Unusable(f"analysis templates name one another in a circle: {circle}; take one of the references out")
        if len(path) > LONGEST_PATH:
            raise Unusable(f"analysis templates are nested more than {LONGEST_PATH} deep, the last is '{key[1]}'")
        if key in self.found:
            return
        template = self.library.find(key)
        if template is None:
            raise Missing(key, nested=bool(path))
        self.found[key] = template
        for inner in keys(template.spec.templates):
            self.visit(inner, (*path, key))


def merged(
    templates: Sequence[AnalysisTemplate], dry_run: Sequence[DryRun], retention: Sequence[MeasurementRetention]
) -> AnalysisTemplateSpec:
    """One template out of many, with the caller's own rules in front of theirs. Raises Unusable for contradictions.

    A single template is taken as it is; what is wrong with its metrics is told by the run.
    """
    specs = [template.spec for template in templates]
    rules = [*dry_run, *(rule for spec in specs for rule in spec.dry_run)]
    kept = [*retention, *(rule for spec in specs for rule in spec.measurement_retention)]
    metrics = [metric for spec in specs for metric in spec.metrics]
    if len(specs) > 1:
        _once([metric.name for metric in metrics], "two metrics have the same name '%s'")
    _once([rule.metric_name for rule in rules], "two Dry-Run metric rules have the same name '%s'")
    _once([rule.metric_name for rule in kept], "two Measurement Retention metric rules have the same name '%s'")
    return AnalysisTemplateSpec(metrics=metrics, args=_arguments(specs), dry_run=rules, measurement_retention=kept)


def _once(names: Sequence[str], text: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Unusable(text % name)
        seen.add(name)


def _arguments(specs: Sequence[AnalysisTemplateSpec]) -> list[Argument]:
    if len(specs) == 1:
        return list(specs[0].args)
    found: dict[str, Argument] = {}
    for arg in (arg for spec in specs for arg in spec.args):
        before = found.get(arg.name)
        found[arg.name] = arg if before is None else _one(before, arg)
    return list(found.values())


def _one(first: Argument, second: Argument) -> Argument:
    if first.value is not None and second.value is not None and first.value != second.value:
        values = f"'{first.value}', '{second.value}'"
        raise Unusable(f"Argument `{first.name}` specified multiple times with different values: {values}")
    return _argument(
        first.name,
        second.value if first.value is None else first.value,
        first if first.value_from is not None else second,
    )


def _argument(name: str, value: str | None, source: Argument) -> Argument:
    parts: dict[str, object] = {"name": name}
    if value is not None:
        parts["value"] = value
    if source.value_from is not None:
        parts["value_from"] = source.value_from
    return Argument.model_validate(parts)


def supplied(declared: Sequence[Argument], given: Sequence[Argument]) -> list[Argument]:
    """The declared arguments with the values that a caller gives; what no template declares is dropped.

    The last of two values for one name counts. A `valueFrom` stays beside a given value, and wins when the run measures.
    Raises Unusable for an argument with neither.
    """
    values = {arg.name: arg.value for arg in given if arg.value is not None}
    result = [_argument(arg.name, values.get(arg.name, arg.value), arg) for arg in declared]
    for arg in result:
        if arg.value is None and arg.value_from is None:
            raise Unusable(f"args.{arg.name} was not resolved")
    return result


def endless(metric: Metric) -> bool:
    """Whether a metric never ends by itself."""
    from_streak = bool(metric.consecutive_success_limit)
    return bool(metric.interval) and metric.count in (None, 0, "0", "") and not from_streak
