"""Small judgements on manifest fields that the rules of several kinds share, with Kubernetes' texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause
from tidegate_sandbox.structural import shown

_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def fill(target: Manifest, defaults: Mapping[str, Any]) -> None:
    """Set each default whose field is absent or null; callers pass fresh containers."""
    for name, value in defaults.items():
        if target.get(name) is None:
            target[name] = value


def section(parent: Manifest, name: str) -> Manifest:
    """The object at `name`, made when absent or null."""
    found = parent.get(name)
    if not isinstance(found, dict):
        found = parent[name] = {}
    return found


def go_strings(values: Iterable[str]) -> str:
    """A list of strings as Go prints it with %#v."""
    return "[]string{" + ", ".join(f'"{value}"' for value in sorted(values)) + "}"


def required(path: str, detail: str = "") -> Cause:
    return Cause(path, f"Required value: {detail}" if detail else "Required value", "FieldValueRequired")


def invalid(path: str, value: object, detail: str) -> Cause:
    return Cause(path, f"Invalid value: {shown(value)}: {detail}")


def unsupported(path: str, value: object, options: tuple[str, ...]) -> Cause:
    listed = ", ".join(f'"{option}"' for option in sorted(options))
    return Cause(path, f"Unsupported value: {shown(value)}: supported values: {listed}", "FieldValueNotSupported")


def immutable(path: str, new: object, old: object) -> Iterator[Cause]:
    if new != old:
        yield invalid(path, new, "field is immutable")


def not_negative(path: str, value: object) -> Iterator[Cause]:
    if isinstance(value, int) and value < 0:
        yield invalid(path, value, "must be greater than or equal to 0")


def port_number(path: str, value: object) -> Iterator[Cause]:
    if isinstance(value, int) and not 1 <= value <= 65535:
        yield invalid(path, value, "must be between 1 and 65535, inclusive")


def port_name(path: str, value: str) -> Iterator[Cause]:
    """IANA service names: at most 15 characters, lower case, at least one letter."""
    if len(value) > 15:
        yield invalid(path, value, "must be no more than 15 characters")
    elif not _PORT_NAME.fullmatch(value):
        yield invalid(path, value, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    elif not re.search(r"[a-z]", value):
        yield invalid(path, value, "must contain at least one letter (a-z)")
