"""Probes and lifecycle hooks of a container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.machine.rollout.validation.names import header_name, port_name, port_number
from tidegate.machine.rollout.validation.problems import (
    NOT_NEGATIVE,
    FieldProblem,
    forbidden,
    invalid,
    required,
    unsupported,
)

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_SCHEMES = ("HTTP", "HTTPS")


def probe_problems(container: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    """Faults of the three probes of a container, in the server's order."""
    for kind in _PROBES:
        if container.get(kind) is not None:
            yield from _probe(kind, container[kind], f"{path}.{kind}")


def lifecycle_problems(lifecycle: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    """Faults of postStart and preStop."""
    for hook in ("postStart", "preStop"):
        if lifecycle.get(hook) is not None:
            yield from _handler(lifecycle[hook], _HOOK_HANDLERS, f"{path}.{hook}")


def _probe(kind: str, probe: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    yield from _handler(probe, _PROBE_HANDLERS, path)
    for field in _NUMBERS:
        if (probe.get(field) or 0) < 0:
            yield invalid(f"{path}.{field}", probe[field], NOT_NEGATIVE)
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        yield invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if kind == "readinessProbe" and grace is not None:
        yield invalid(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
    if kind != "readinessProbe" and (probe.get("successThreshold") or 1) != 1:
        yield invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def _handler(owner: Mapping[str, Any], kinds: tuple[str, ...], path: str) -> Iterator[FieldProblem]:
    chosen = [kind for kind in kinds if owner.get(kind) is not None]
    for kind in chosen[:1]:
        yield from _action(kind, owner[kind], f"{path}.{kind}")
    for kind in chosen[1:]:
        yield forbidden(f"{path}.{kind}", "may not specify more than 1 handler type")
    if not chosen:
        yield required(path, "must specify a handler type")


def _action(kind: str, action: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    match kind:
        case "exec" if not action.get("command"):
            yield required(f"{path}.command")
        case "httpGet":
            yield from _port(action.get("port", 0), f"{path}.port")
            yield from _http(action, path)
        case "tcpSocket" | "grpc":
            yield from _port(action.get("port", 0), f"{path}.port")


def _http(action: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    scheme = action.get("scheme") or "HTTP"
    if scheme not in _SCHEMES:
        yield unsupported(f"{path}.scheme", scheme, _SCHEMES)
    for header in action.get("httpHeaders") or []:
        name = header.get("name") or ""
        yield from (invalid(f"{path}.httpHeaders", name, text) for text in header_name(name))


def _port(port: int | str, path: str) -> Iterator[FieldProblem]:
    texts = port_number(port) if isinstance(port, int) else port_name(port)
    yield from (invalid(path, port, text) for text in texts)
