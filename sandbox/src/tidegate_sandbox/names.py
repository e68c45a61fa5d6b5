"""Names of objects: the DNS forms Kubernetes asks for, and the ones it makes up for `generateName`."""

from __future__ import annotations

import random
import re

# The message forms are those of k8s.io/apimachinery util/validation; clients match on them.
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PATH_SEGMENT = re.compile(r"[^/%]+")

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_DNS1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_QUALIFIED_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)

# Kinds whose names are one DNS label, and those that may hold anything a URL path segment can.
_LABEL_KINDS = frozenset({"namespaces"})
_DNS1035_KINDS = frozenset({"services"})
_FREE_KINDS = frozenset(
    f"{plural}.rbac.authorization.k8s.io" for plural in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
)


def name_problems(key: str, name: str) -> list[str]:
    """What is wrong with `name` for an object of kind `key`; empty when it is a good one."""
    if key in _FREE_KINDS:
        return [] if _PATH_SEGMENT.fullmatch(name) else [f"may not contain '/' or '%': {name!r}"]
    if key in _LABEL_KINDS and "." in name:
        return ["must not contain dots"]
    if key in _LABEL_KINDS:
        return _against(name, _LABEL, _LABEL_TEXT, 63)
    if key in _DNS1035_KINDS:
        return _against(name, _DNS1035, _DNS1035_TEXT, 63)
    return _against(name, _SUBDOMAIN, _SUBDOMAIN_TEXT, 253)


def _against(name: str, pattern: re.Pattern[str], text: str, limit: int) -> list[str]:
    problems = [] if len(name) <= limit else [f"must be no more than {limit} characters"]
    return problems if pattern.fullmatch(name) else [*problems, text]


def label_key_problems(key: str) -> list[str]:
    """What is wrong with a label or annotation key `[prefix/]name`."""
    prefix, slash, name = key.rpartition("/")
    if slash and not _SUBDOMAIN.fullmatch(prefix):
        return [f"prefix part {_SUBDOMAIN_TEXT}"]
    if not name:
        return ["name part must be non-empty"]
    return _against(name, _QUALIFIED, _QUALIFIED_TEXT, 63)


def label_value_problems(value: str) -> list[str]:
    return _against(value, _QUALIFIED, _VALUE_TEXT, 63) if value else []


# The alphabet of k8s.io/apimachinery util/rand: no vowels and no look-alikes, so that no words come up.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
# Names stay below 63 characters with the five random ones (apiserver storage/names).
_LONGEST_PREFIX = 58


def generated(prefix: str, rng: random.Random) -> str:
    """A name from `generateName`: the prefix, cut to 58 characters, and five random ones."""
    return prefix[:_LONGEST_PREFIX] + "".join(rng.choices(_ALPHABET, k=5))
