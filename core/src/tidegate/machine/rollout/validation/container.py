"""One container of a pod template: its name, image, ports and mounts, and what stands in modules of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tidegate.machine.rollout.validation.names import dns_label, port_name, port_number
from tidegate.machine.rollout.validation.probes import lifecycle_problems, probe_problems
from tidegate.machine.rollout.validation.problems import (
    FieldProblem,
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from tidegate.machine.rollout.validation.resources import resource_problems
from tidegate.machine.rollout.validation.variables import variable_problems, variable_source_problems

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_LARGEST_ID = 2**31 - 1
_NOT_FOR_INIT = "may not be set for init containers without restartPolicy=Always"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def container_problems(
    container: Mapping[str, Any], volumes: set[str], taken: set[str], path: str
) -> Iterator[FieldProblem]:
    """Faults of a container; `taken` are the names before it and gets its own."""
    yield from _contents(container, volumes, path)
    yield from _unique_name(container, taken, path)
    yield from lifecycle_problems(container.get("lifecycle") or {}, f"{path}.lifecycle")
    yield from probe_problems(container, path)


def init_container_problems(
    container: Mapping[str, Any], volumes: set[str], taken: set[str], path: str
) -> Iterator[FieldProblem]:
    """Faults of an init container: only one that is restarted always (a sidecar) may have probes."""
    yield from _contents(container, volumes, path)
    yield from _unique_name(container, taken, path)
    if container.get("restartPolicy") == "Always":
        yield from lifecycle_problems(container.get("lifecycle") or {}, f"{path}.lifecycle")
        yield from probe_problems(container, path)
        return
    for field in ("lifecycle", *_PROBES):
        if container.get(field) is not None:
            yield forbidden(f"{path}.{field}", _NOT_FOR_INIT)


def host_port_problems(containers: Iterable[Mapping[str, Any]], path: str) -> Iterator[FieldProblem]:
    """Ports of the node that two containers ask for."""
    taken: set[str] = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or []):
            if not port.get("hostPort"):
                continue
            asked = f"{port.get('protocol') or 'TCP'}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if asked in taken:
                yield duplicate(f"{path}[{index}].ports[{number}].hostPort", asked)
            taken.add(asked)


def _unique_name(container: Mapping[str, Any], taken: set[str], path: str) -> Iterator[FieldProblem]:
    name = container.get("name") or ""
    if name in taken:
        yield duplicate(f"{path}.name", name)
    taken.add(name)


def _contents(container: Mapping[str, Any], volumes: set[str], path: str) -> Iterator[FieldProblem]:
    name = container.get("name") or ""
    yield from (invalid(f"{path}.name", name, text) for text in dns_label(name)) if name else [required(f"{path}.name")]
    if not container.get("image"):
        yield required(f"{path}.image")
    yield from _ports(container.get("ports") or [], f"{path}.ports")
    yield from variable_problems(container.get("env") or [], f"{path}.env")
    yield from variable_source_problems(container.get("envFrom") or [], f"{path}.envFrom")
    yield from _mounts(container.get("volumeMounts") or [], volumes, f"{path}.volumeMounts")
    policy = container.get("imagePullPolicy")
    if policy and policy not in _PULL_POLICIES:
        yield unsupported(f"{path}.imagePullPolicy", policy, _PULL_POLICIES)
    yield from resource_problems(container.get("resources") or {}, f"{path}.resources")
    security = container.get("securityContext") or {}
    for field in ("runAsUser", "runAsGroup"):
        if security.get(field) is not None and not 0 <= security[field] <= _LARGEST_ID:
            text = f"must be between 0 and {_LARGEST_ID}, inclusive"
            yield invalid(f"{path}.securityContext.{field}", security[field], text)


def _ports(ports: list[Mapping[str, Any]], path: str) -> Iterator[FieldProblem]:
    taken: set[str] = set()
    for index, port in enumerate(ports):
        here, name = f"{path}[{index}]", port.get("name") or ""
        faults = tuple(port_name(name)) if name else ()
        yield from (invalid(f"{here}.name", name, text) for text in faults)
        if name and not faults and name in taken:
            yield duplicate(f"{here}.name", name)
        taken.add(name)
        if not port.get("containerPort"):
            yield required(f"{here}.containerPort")
        for field in ("containerPort", "hostPort"):
            if number := port.get(field):
                yield from (invalid(f"{here}.{field}", number, text) for text in port_number(number))
        protocol = port.get("protocol") or "TCP"
        if protocol not in _PROTOCOLS:
            yield unsupported(f"{here}.protocol", protocol, _PROTOCOLS)


def _mounts(mounts: list[Mapping[str, Any]], volumes: set[str], path: str) -> Iterator[FieldProblem]:
    taken: set[str] = set()
    for index, mount in enumerate(mounts):
        here, name, place = f"{path}[{index}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            yield required(f"{here}.name")
        if name not in volumes:
            yield not_found(f"{here}.name", name)
        if not place:
            yield required(f"{here}.mountPath")
        if place in taken:
            yield invalid(f"{here}.mountPath", place, "must be unique")
        taken.add(place)
        if mount.get("subPath") and mount.get("subPathExpr"):
            text = "subPathExpr and subPath are mutually exclusive"
            yield invalid(f"{here}.subPathExpr", mount["subPathExpr"], text)
