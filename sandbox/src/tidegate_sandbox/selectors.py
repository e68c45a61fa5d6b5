"""Label and field selectors as they arrive in a query string."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.names import label_key_problems

_SET_TERM = re.compile(r"(?P<key>[^\s!=,()]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUAL_TERM = re.compile(r"(?P<key>[^\s!=,()<>]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s,()]*)")
_NUMBER_TERM = re.compile(r"(?P<key>[^\s!=,()<>]+)\s*(?P<op>[<>])\s*(?P<value>-?\d+)")
_EXISTS_TERM = re.compile(r"(?P<op>!?)\s*(?P<key>[^\s!=,()<>]+)")

LabelTest = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Selector:
    """Which objects a list, a watch or a deletecollection is about; empty selects all."""

    labels: tuple[LabelTest, ...] = ()
    fields: tuple[tuple[str, bool, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)

    def matches(self, item: Manifest) -> bool:
        if self.labels:
            labels = item.get("metadata", {}).get("labels") or {}
            if not all(test(labels) for test in self.labels):
                return False
        return all((field_value(item, path) == value) is equal for path, equal, value in self.fields)


def parse_selector(labels: str, fields: str, key: str) -> Selector:
    """Read `labelSelector` and `fieldSelector` of a request for kind `key`; BadRequest says which part is wrong."""
    return Selector(parse_labels(labels), _parse_fields(fields, key))


def parse_labels(text: str) -> tuple[LabelTest, ...]:
    tests = []
    for term in _split_terms(text):
        tests.append(_label_test(term, text))
    return tuple(tests)


def _split_terms(text: str) -> list[str]:
    """Cut at commas outside parentheses."""
    return [term.strip() for term in re.split(r",(?![^(]*\))", text) if term.strip()]


def _label_test(term: str, text: str) -> LabelTest:
    if match := _SET_TERM.fullmatch(term):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return _checked(match["key"], text, _one_of(match["key"], values, match["op"] == "in"))
    if match := _EQUAL_TERM.fullmatch(term):
        return _checked(match["key"], text, _one_of(match["key"], frozenset({match["value"]}), match["op"] != "!="))
    if match := _NUMBER_TERM.fullmatch(term):
        return _checked(match["key"], text, _compared(match["key"], match["op"], int(match["value"])))
    if match := _EXISTS_TERM.fullmatch(term):
        key, wanted = match["key"], not match["op"]
        return _checked(key, text, lambda labels: (key in labels) is wanted)
    raise BadRequest(f'unable to parse requirement: found "{term}" in label selector "{text}"')


def _checked(key: str, text: str, test: LabelTest) -> LabelTest:
    if problems := label_key_problems(key):
        raise BadRequest(f'unable to parse requirement: key "{key}" in label selector "{text}": {problems[0]}')
    return test


def _one_of(key: str, values: frozenset[str], wanted: bool) -> LabelTest:
    return lambda labels: (key in labels and labels[key] in values) is wanted


def _compared(key: str, op: str, limit: int) -> LabelTest:
    def test(labels: Mapping[str, str]) -> bool:
        value = labels.get(key, "")
        if not re.fullmatch(r"-?\d+", value):
            return False
        return int(value) > limit if op == ">" else int(value) < limit

    return test


# Every kind can be selected by these; the rest is what the kinds' strategies of a real server index.
_ANY_KIND = frozenset({"metadata.name", "metadata.namespace"})
_FIELDS: dict[str, frozenset[str]] = {
    "pods": frozenset(
        [
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ]
    ),
    "events": frozenset(
        [
            f"involvedObject.{x}"
            for x in ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"]
        ]
        + ["reason", "reportingComponent", "source", "type"]
    ),
    "nodes": frozenset({"spec.unschedulable"}),
    "namespaces": frozenset({"status.phase"}),
    "secrets": frozenset({"type"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "replicasets.apps": frozenset({"status.replicas"}),
    "jobs.batch": frozenset({"status.successful"}),
}


def _parse_fields(text: str, key: str) -> tuple[tuple[str, bool, str], ...]:
    terms = []
    for term in filter(None, text.split(",")):
        match = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", term.strip())
        if not match:
            raise BadRequest(f'invalid selector: "{text}"; can\'t understand "{term}"')
        path = match[1].strip()
        if path not in _ANY_KIND and path not in _FIELDS.get(key, frozenset()):
            raise BadRequest(f"field label not supported: {path}")
        terms.append((path, match[2] != "!=", match[3].strip()))
    return tuple(terms)


def field_value(item: Manifest, path: str) -> str:
    """The text a field selector compares: empty for an absent field, `true`/`false` for booleans."""
    if path == "source":
        return str((item.get("source") or {}).get("component") or item.get("reportingComponent") or "")
    if path == "status.successful":
        path = "status.succeeded"
    value: object = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "false" if path in ("spec.unschedulable", "spec.hostNetwork") else ""
    return str(value)


def matches_selector(selector: Manifest | None, labels: Mapping[str, str]) -> bool:
    """Whether a `metav1.LabelSelector` of a manifest selects `labels`; None selects nothing, an empty one everything."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(term, labels) for term in selector.get("matchExpressions") or [])


def _expression(term: Manifest, labels: Mapping[str, str]) -> bool:
    key, values = term.get("key", ""), term.get("values") or []
    match term.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def selector_text(selector: Manifest | None) -> str:
    """A LabelSelector in the query-string form, as the scale subresource reports it."""
    if not selector:
        return ""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for term in selector.get("matchExpressions") or []:
        key, values = term.get("key", ""), ",".join(sorted(term.get("values") or []))
        texts = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        terms.append(texts.get(term.get("operator", ""), key))
    return ",".join(terms)
