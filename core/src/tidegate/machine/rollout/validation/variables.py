"""Environment variables of a container, and what they are taken from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.machine.rollout.validation.names import (
    config_key,
    dns_subdomain,
    qualified_name,
    subscripted,
    variable_name,
)
from tidegate.machine.rollout.validation.problems import FieldProblem, invalid, required, unsupported

_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
# Fields of a pod that can be named and still cannot be handed to a container.
_OTHER_FIELDS = ("metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase")
_OLD_NODE_NAME = "spec.host"  # clients of the first API version still send it
_RESOURCES = tuple(
    f"{group}.{name}" for group in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def variable_problems(variables: list[Mapping[str, Any]], path: str) -> Iterator[FieldProblem]:
    """Faults of `env`."""
    for index, variable in enumerate(variables):
        here, name = f"{path}[{index}]", variable.get("name") or ""
        if not name:
            yield required(f"{here}.name")
        yield from (invalid(f"{here}.name", name, text) for text in variable_name(name))
        if variable.get("valueFrom") is not None:
            yield from _value_from(variable, f"{here}.valueFrom")


def variable_source_problems(sources: list[Mapping[str, Any]], path: str) -> Iterator[FieldProblem]:
    """Faults of `envFrom`."""
    for index, source in enumerate(sources):
        here, prefix = f"{path}[{index}]", source.get("prefix") or ""
        yield from (invalid(f"{here}.prefix", prefix, text) for text in variable_name(prefix))
        chosen = [field for field in ("configMapRef", "secretRef") if source.get(field) is not None]
        for field in chosen:
            name = source[field].get("name") or ""
            if not name:
                yield required(f"{here}.{field}.name")
            else:
                yield from (invalid(f"{here}.{field}.name", name, text) for text in dns_subdomain(name))
        # The server reports these two at the list.
        if not chosen:
            yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(chosen) > 1:
            yield invalid(path, "", "may not have more than one field specified at a time")


def _value_from(variable: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    chosen = [source for source in _SOURCES if variable["valueFrom"].get(source) is not None]
    for source in chosen:
        yield from _source(source, variable["valueFrom"][source], f"{path}.{source}")
    if not chosen:
        text = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        yield invalid(path, "", text)
    elif variable.get("value"):
        yield invalid(path, "", "may not be specified when `value` is not empty")
    elif len(chosen) > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")


def _source(source: str, content: Any, path: str) -> Iterator[FieldProblem]:
    match source:
        case "fieldRef":
            yield from _field_ref(content.get("fieldPath") or "", path)
        case "configMapKeyRef" | "secretKeyRef":
            name, key = content.get("name") or "", content.get("key") or ""
            yield from (invalid(f"{path}.name", name, text) for text in dns_subdomain(name))
            if not key:
                yield required(f"{path}.key")
            else:
                yield from (invalid(f"{path}.key", key, text) for text in config_key(key))
        case "resourceFieldRef":
            yield from _resource_ref(content.get("resource") or "", f"{path}.resource")


def _field_ref(field: str, path: str) -> Iterator[FieldProblem]:
    base, subscript = subscripted(field)
    if not field:
        yield required(f"{path}.fieldPath")
    elif subscript is not None and base in ("metadata.annotations", "metadata.labels"):
        # Annotations are compared in lower case, labels are not.
        key = subscript.lower() if base == "metadata.annotations" else subscript
        yield from (invalid(path, key, text) for text in qualified_name(key))
    elif subscript is not None:
        yield _unknown(path, field, "does not support subscript")
    elif field in _OTHER_FIELDS:
        yield unsupported(f"{path}.fieldPath", field, _FIELDS)
    elif field not in (*_FIELDS, _OLD_NODE_NAME):
        yield _unknown(path, field, "not supported")


def _resource_ref(resource: str, path: str) -> Iterator[FieldProblem]:
    if not resource:
        yield required(path)
    elif resource not in _RESOURCES and not resource.startswith(("limits.hugepages-", "requests.hugepages-")):
        yield unsupported(path, resource, _RESOURCES)


def _unknown(path: str, field: str, fault: str) -> FieldProblem:
    return invalid(f"{path}.fieldPath", field, f"error converting fieldPath: field label {fault}: {field}")
