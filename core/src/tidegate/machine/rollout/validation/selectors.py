"""Label selectors: whether they can be read at all, and whether they select the pods of the template beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.machine.rollout.validation.names import label_problems, label_value, qualified_name
from tidegate.machine.rollout.validation.problems import FieldProblem, forbidden, invalid, printed, required
from tidegate.machine.rollout.validation.shapes import SELECTOR, misshapes
from tidegate.machine.selectors import selects

_WITH_VALUES, _WITHOUT_VALUES = ("In", "NotIn"), ("Exists", "DoesNotExist")


def selector_problems(selector: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    """Faults of a selector's form; an empty one has none."""
    misshapen = tuple(misshapes(selector, SELECTOR, path))
    yield from misshapen
    if misshapen:
        return
    yield from label_problems(selector.get("matchLabels") or {}, f"{path}.matchLabels")
    for index, expression in enumerate(selector.get("matchExpressions") or []):
        yield from _expression(expression, f"{path}.matchExpressions[{index}]")


def is_empty(selector: Mapping[str, Any]) -> bool:
    """Whether a selector has no requirement: it would select every pod."""
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def match_problems(
    selector: Mapping[str, Any] | None, template: Mapping[str, Any], path: str
) -> Iterator[FieldProblem]:
    """The labels of a pod template that its selector does not match; both must have their shape. None matches nothing."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    if (selector is None or not is_empty(selector)) and not selects(selector, labels):
        # Go prints a map without entries, as the labels of a template without any, as null.
        yield invalid(f"{path}.metadata.labels", labels or None, "`selector` does not match template `labels`")


def printable(selector: Mapping[str, Any]) -> str:
    """A selector as the server prints it: fields in the order of its type."""
    parts: dict[str, object] = {}
    if labels := selector.get("matchLabels"):
        parts["matchLabels"] = dict(sorted(labels.items(), key=str)) if isinstance(labels, Mapping) else labels
    if expressions := selector.get("matchExpressions"):
        shown = expressions if isinstance(expressions, list) else [expressions]
        parts["matchExpressions"] = [_ordered(item) if isinstance(item, Mapping) else item for item in shown]
    return printed(parts, ordered=True)


def _ordered(expression: Mapping[str, Any]) -> dict[str, object]:
    """The server's type has a key and an operator always, values only where there are some."""
    shown: dict[str, object] = {name: expression.get(name) or "" for name in ("key", "operator")}
    return shown | ({"values": expression["values"]} if expression.get("values") else {})


def _expression(expression: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    operator, key, values = (
        expression.get("operator") or "",
        expression.get("key") or "",
        expression.get("values") or [],
    )
    if operator in _WITH_VALUES:
        if not values:
            yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in _WITHOUT_VALUES:
        if values:
            yield forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    else:
        yield invalid(f"{path}.operator", operator, "not a valid selector operator")
    yield from (invalid(f"{path}.key", key, text) for text in qualified_name(key))
    for index, value in enumerate(values):
        yield from (invalid(f"{path}.values[{index}]", value, text) for text in label_value(value))
