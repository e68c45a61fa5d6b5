"""Forms of names, labels, ports and variables that Kubernetes asks for, with its texts.

Source: k8s.io/apimachinery pkg/util/validation of Kubernetes 1.34; clients and people match on these texts. Every
function gives the faults of one value, nothing for a good one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tidegate.machine.rollout.validation.problems import FieldProblem, invalid

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_HEADER = "[-A-Za-z0-9]+"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_NAME_LIMIT, _SUBDOMAIN_LIMIT, _PORT_NAME_LIMIT, _LAST_PORT = 63, 253, 15, 65535


def _rule(text: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{pattern}')"


_LABEL_TEXT = _rule(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_SUBDOMAIN_TEXT = _rule(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_QUALIFIED_TEXT = _rule(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    _QUALIFIED,
    "MyName",
    "my.name",
    "123-abc",
)
_VALUE_TEXT = _rule(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character",
    _VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_HEADER_TEXT = _rule("a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name")
_CONFIG_KEY_TEXT = _rule(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
_VARIABLE_TEXT = "a valid environment variable name must consist only of printable ASCII characters other than '='"


def dns_label(value: str) -> Iterator[str]:
    yield from _longer(value, _NAME_LIMIT)
    if not re.fullmatch(_LABEL, value):
        yield "must not contain dots" if re.fullmatch(_SUBDOMAIN, value) else _LABEL_TEXT


def dns_subdomain(value: str) -> Iterator[str]:
    yield from _longer(value, _SUBDOMAIN_LIMIT)
    if not re.fullmatch(_SUBDOMAIN, value):
        yield _SUBDOMAIN_TEXT


def qualified_name(value: str) -> Iterator[str]:
    """A key of a label, an annotation or a resource: a name with or without a DNS prefix."""
    if value.count("/") > 1:
        yield f"a qualified name {_QUALIFIED_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return
    prefix, slash, name = value.rpartition("/")
    if slash:
        yield from (f"prefix part {text}" for text in (dns_subdomain(prefix) if prefix else ["must be non-empty"]))
    if not name:
        yield "name part must be non-empty"
    yield from (f"name part {text}" for text in _longer(name, _NAME_LIMIT))
    if not re.fullmatch(_QUALIFIED, name):
        yield f"name part {_QUALIFIED_TEXT}"


def label_value(value: str) -> Iterator[str]:
    yield from _longer(value, _NAME_LIMIT)
    if not re.fullmatch(_VALUE, value):
        yield _VALUE_TEXT


def port_number(value: int) -> Iterator[str]:
    if not 1 <= value <= _LAST_PORT:
        yield f"must be between 1 and {_LAST_PORT}, inclusive"


def port_name(value: str) -> Iterator[str]:
    yield from _longer(value, _PORT_NAME_LIMIT)
    if not re.fullmatch("[-a-z0-9]+", value):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search("[a-z]", value):
        yield "must contain at least one letter (a-z)"
    if "--" in value:
        yield "must not contain consecutive hyphens"
    if value.startswith("-") or value.endswith("-"):
        yield "must not begin or end with a hyphen"


def header_name(value: str) -> Iterator[str]:
    if not re.fullmatch(_HEADER, value):
        yield _HEADER_TEXT


def variable_name(value: str) -> Iterator[str]:
    """An environment variable; the relaxed rule that servers have by default since Kubernetes 1.32."""
    if not all(" " <= sign <= "~" and sign != "=" for sign in value):
        yield _VARIABLE_TEXT


def config_key(value: str) -> Iterator[str]:
    """A key of a ConfigMap or a Secret."""
    yield from _longer(value, _SUBDOMAIN_LIMIT)
    if not re.fullmatch(_CONFIG_KEY, value):
        yield _CONFIG_KEY_TEXT
    if value in (".", "..") or value.startswith(".."):
        yield f"must not be '{value}'" if value in (".", "..") else "must not start with '..'"


def subscripted(field: str) -> tuple[str, str | None]:
    """A field path and what stands in its `['…']`, None without one."""
    base, bracket, rest = field.partition("['")
    return (base, rest.removesuffix("']")) if base and bracket and field.endswith("']") else (field, None)


def label_problems(labels: Mapping[str, str], path: str) -> Iterator[FieldProblem]:
    """Faults of labels; all are reported at the map, as the server does."""
    for key, value in labels.items():
        yield from (invalid(path, key, text) for text in qualified_name(key))
        yield from (invalid(path, value, text) for text in label_value(value))


def annotation_problems(annotations: Mapping[str, str], path: str) -> Iterator[FieldProblem]:
    """Faults of annotations: their keys may be of any case, their values of any form."""
    for key in annotations:
        yield from (invalid(path, key, text) for text in qualified_name(key.lower()))


def _longer(value: str, limit: int) -> Iterator[str]:
    if len(value.encode("utf-8", "surrogatepass")) > limit:
        yield f"must be no more than {limit} characters"
