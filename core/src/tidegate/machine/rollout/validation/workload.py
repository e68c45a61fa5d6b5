"""The selector and the pod template, the Rollout's own or those of the workload that it borrows them from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.api.rollout import RolloutSpec
from tidegate.machine.observed import Observed, WorkloadView
from tidegate.machine.rollout.validation.pod import template_problems
from tidegate.machine.rollout.validation.problems import FieldProblem, Form, internal, plain, required
from tidegate.machine.rollout.validation.selectors import is_empty, match_problems, printable, selector_problems
from tidegate.machine.rollout.validation.shapes import TEMPLATE, misshapes

_SELECTOR, _TEMPLATE = "spec.selector", "spec.template"
# By group and kind: what a missing one is called.
_RESOURCES = {
    ("apps", "Deployment"): "deployments.apps",
    ("apps", "ReplicaSet"): "replicasets.apps",
    ("", "PodTemplate"): "podtemplates",
}


def unresolved(seen: Observed) -> FieldProblem | None:
    """Why spec.workloadRef leads nowhere: a kind that is none of the three, or a workload that is not there."""
    ref = seen.rollout.spec.workload_ref
    if ref is None:
        return None
    group = ref.api_version.rpartition("/")[0]
    resource = _RESOURCES.get((group, ref.kind))
    if resource is None:
        return plain(f"workload of type {group}/{ref.kind} is not supported")
    if seen.workload is None:
        return plain(f'{resource} "{seen.rollout.metadata.namespace}/{ref.name}" not found', missing=True)
    return None


def pod_problems(spec: RolloutSpec, workload: WorkloadView | None) -> Iterator[FieldProblem]:
    """Rules V2 to V5: selector and template in force, and that they belong together.

    Those of an unresolved workload are unknown: only what the Rollout itself says is judged then.
    """
    faults = tuple(_selector(spec))
    yield from faults
    if spec.workload_ref is not None and _inline(spec.template):
        yield internal(_TEMPLATE, "template must be empty for workload reference rollout")
    if spec.workload_ref is None:
        yield from _together(spec.selector, spec.template or {}, can_match=spec.selector is not None and not faults)
    elif workload is not None:
        selector = workload.selector if spec.selector is None else spec.selector
        yield from _together(selector, workload.template, can_match=not faults)


def _selector(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Faults of the Rollout's own selector. It may be left out where a workload brings one."""
    selector = spec.selector
    if selector is None:
        if spec.workload_ref is None:
            yield required(_SELECTOR, "Rollout has missing field '.spec.selector'")
        return
    faults = tuple(selector_problems(selector, _SELECTOR))
    if spec.workload_ref is None:
        yield from faults
        if is_empty(selector):
            yield _about(selector, "empty selector is invalid for deployment")
    elif faults:
        yield _about(selector, "invalid label selector")


def _about(selector: Mapping[str, Any], detail: str) -> FieldProblem:
    return FieldProblem(_SELECTOR, detail, printable(selector), form=Form.INVALID)


def _together(
    selector: Mapping[str, Any] | None, template: Mapping[str, Any], *, can_match: bool
) -> Iterator[FieldProblem]:
    if can_match and not any(misshapes(template, TEMPLATE, _TEMPLATE)):
        yield from match_problems(selector, template, _TEMPLATE)
    yield from template_problems(template, _TEMPLATE)


def _inline(template: Mapping[str, Any] | None) -> bool:
    """Whether a Rollout has a template of its own: it is taken for one as soon as it has labels or annotations."""
    metadata = (template or {}).get("metadata")
    if not isinstance(metadata, Mapping):
        return metadata is not None
    return bool(metadata.get("labels") or metadata.get("annotations"))
