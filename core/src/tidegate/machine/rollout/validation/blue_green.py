"""What is wrong with a blue-green strategy, and with anti-affinity, which both strategies have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.api import names
from tidegate.api.rollout import AntiAffinity, BlueGreen, PodTemplateMetadata
from tidegate.machine.rollout.validation.problems import FieldProblem, invalid
from tidegate.machine.rollout.validation.shapes import ANTI_AFFINITY, misshapes

_STRATEGY = "spec.strategy"
_HEAVIEST = 100


def blue_green_problems(strategy: BlueGreen, history_limit: int) -> Iterator[FieldProblem]:
    """Rules VB and VA of a blue-green strategy; paths lack the strategy's name, as clients know them."""
    if strategy.active_service == strategy.preview_service:
        yield invalid(
            f"{_STRATEGY}.activeService",
            strategy.active_service,
            "This rollout uses the same service for the active and preview services, but two different services are required.",
        )
    limit = strategy.scale_down_delay_revision_limit
    if limit is not None and limit > history_limit:
        yield invalid(
            f"{_STRATEGY}.scaleDownDelayRevisionLimit",
            limit,
            "This rollout's revision history limit can not be smaller than the rollout's scale down limit",
        )
    yield from anti_affinity_problems(strategy.anti_affinity)


def metadata_problems(
    selector: Mapping[str, Any] | None, metadata: Mapping[str, PodTemplateMetadata | None]
) -> Iterator[FieldProblem]:
    """Labels of a role that would take pods away from their ReplicaSet and Services. `metadata` is by field.

    # differs: the reference puts them on the template first, where the API server may refuse them, or not.
    """
    parts = selector if isinstance(selector, Mapping) else {}
    labels, expressions = parts.get("matchLabels"), parts.get("matchExpressions")
    taken = {names.POD_HASH, *(labels if isinstance(labels, Mapping) else ())}
    for expression in expressions if isinstance(expressions, list) else ():
        taken |= {str(expression.get("key", ""))} if isinstance(expression, Mapping) else set()
    for field, marks in metadata.items():
        for key, value in (marks.labels if marks is not None else {}).items():
            if key in taken:
                text = f'label "{key}" is part of the selector and may not change with a role'
                yield invalid(f"{_STRATEGY}.{field}.labels[{key}]", value, text)


def anti_affinity_problems(rules: AntiAffinity | None) -> Iterator[FieldProblem]:
    """Rule VA1: one of the two kinds, and a weight that the scheduler accepts."""
    if rules is None:
        return
    path = f"{_STRATEGY}.antiAffinity"
    preferred = rules.preferred_during_scheduling_ignored_during_execution
    required = rules.required_during_scheduling_ignored_during_execution
    if (preferred is None) == (required is None):
        flags = (("Preferred", preferred), ("Required", required))
        shown = " ".join(
            f"antiAffinity.{name}DuringSchedulingIgnoredDuringExecution: {str(rule is not None).lower()}"
            for name, rule in flags
        )
        yield invalid(path, shown, "AntiAffinity must have exactly one strategy listed")
    if preferred is None:
        return
    misshapen = tuple(misshapes(preferred, ANTI_AFFINITY, f"{path}.preferredDuringSchedulingIgnoredDuringExecution"))
    yield from misshapen
    weight = preferred.get("weight") or 0
    if not misshapen and not 1 <= weight <= _HEAVIEST:
        yield invalid(f"{path}.weight", weight, "AntiAffinity weight must be between 1-100")
