"""The forms of a field error and how an offending value is printed: Kubernetes' texts, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tidegate.machine.observed import Problem

NOT_NEGATIVE = "must be greater than or equal to 0"


class Form(StrEnum):
    """What kind of wrong a field is, as clients read it (apimachinery util/validation/field, ErrorType)."""

    INVALID = "Invalid value"
    REQUIRED = "Required value"
    FORBIDDEN = "Forbidden"
    UNSUPPORTED = "Unsupported value"
    DUPLICATE = "Duplicate value"
    NOT_FOUND = "Not found"
    INTERNAL = "Internal error"
    PLAIN = ""  # an error that is no field's: the text stands alone


@dataclass(frozen=True, slots=True)
class FieldProblem(Problem):
    """A problem in one of Kubernetes' forms; without a path, form or detail that part of the text is left out."""

    form: Form = Form.INVALID

    @property
    def text(self) -> str:
        head = self.form.value if self.value is None else f"{self.form.value}: {self.value}"
        return ": ".join(part for part in (self.path, head, self.detail) if part)


def invalid(path: str, value: object, detail: str, *, missing: bool = False) -> FieldProblem:
    return FieldProblem(path, detail, printed(value), missing)


def required(path: str, detail: str = "") -> FieldProblem:
    return FieldProblem(path, detail, form=Form.REQUIRED)


def forbidden(path: str, detail: str) -> FieldProblem:
    return FieldProblem(path, detail, form=Form.FORBIDDEN)


def unsupported(path: str, value: object, supported: Iterable[str]) -> FieldProblem:
    """A value outside a closed set; the set is listed in the given order."""
    listed = ", ".join(f'"{one}"' for one in supported)
    return FieldProblem(path, f"supported values: {listed}", printed(value), form=Form.UNSUPPORTED)


def duplicate(path: str, value: object) -> FieldProblem:
    return FieldProblem(path, "", printed(value), form=Form.DUPLICATE)


def not_found(path: str, value: object) -> FieldProblem:
    return FieldProblem(path, "", printed(value), form=Form.NOT_FOUND)


def internal(path: str, detail: str) -> FieldProblem:
    return FieldProblem(path, detail, form=Form.INTERNAL)


def plain(detail: str, *, missing: bool = False) -> FieldProblem:
    """An error without a field."""
    return FieldProblem("", detail, None, missing, form=Form.PLAIN)


def printed(value: object, *, ordered: bool = False) -> str:
    """A value as Kubernetes prints it: strings quoted, objects as compact JSON, their keys sorted unless `ordered`.

    Objects take the escapes that Go's JSON encoder adds for HTML.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text = json.dumps(value if ordered else _sorted(value), ensure_ascii=False, separators=(",", ":"), default=str)
    for sign in "&<>":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _sorted(value: object) -> object:
    """`value` with the keys of its maps in order, and as text: a file may hold a number for a key."""
    if isinstance(value, Mapping):
        return {str(key): _sorted(value[key]) for key in sorted(value, key=str)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
