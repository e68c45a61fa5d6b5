"""What one match of a VirtualService asks of a request, and how the match of a delegate narrows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate_sandbox.dataplane.patterns import NO_MATCH, pattern_fault
from tidegate_sandbox.dataplane.routes import Condition, HeaderMatch, MethodMatch, PathKind, PathMatch, ValueKind

EVERY_PATH = PathMatch(PathKind.PREFIX, "/")
READ = frozenset({"uri", "method", "headers"})
# Where a request comes in and what statistics call it: the sandbox has one way in and asks nobody.
NOT_ASKED = frozenset({"name", "gateways", "port", "statPrefix"})


@dataclass(frozen=True, slots=True)
class Clause:
    """A request matches when its path and all conditions do."""

    path: PathMatch = EVERY_PATH
    conditions: tuple[Condition, ...] = ()

    def within(self, outer: Clause) -> Clause | None:
        """Both at once, for a delegate's clause below its root's; None where the path lies outside of the root's."""
        if outer.path == EVERY_PATH or _inside(self.path, outer.path):
            path = self.path
        elif self.path == EVERY_PATH:
            path = outer.path
        else:
            return None
        return Clause(path, (*outer.conditions, *self.conditions))


def clauses(matches: Sequence[Mapping[str, Any]], notes: list[str]) -> tuple[Clause, ...]:
    """One clause for each match that can be read; a route without matches takes everything.

    A match with a field that is not read is left out, as it might take requests that it should not, and noted.
    """
    found = []
    for match in matches:
        unread = sorted(key for key in match.keys() - READ - NOT_ASKED if match[key])
        if unread:
            notes.append(f"match on {', '.join(unread)} is not read; it takes nothing")
        else:
            found.append(_clause(match, notes))
    return tuple(found) if matches else (Clause(),)


def _clause(match: Mapping[str, Any], notes: list[str]) -> Clause:
    conditions: list[Condition] = []
    if match.get("method"):
        kind, value = _value(match["method"], notes)
        conditions.append(MethodMatch(value, kind))
    for name, wanted in sorted((match.get("headers") or {}).items()):
        kind, value = _value(wanted or {}, notes)
        conditions.append(HeaderMatch(name, value, kind))
    return Clause(_path(match.get("uri") or {}, notes), tuple(conditions))


def _path(uri: Mapping[str, Any], notes: list[str]) -> PathMatch:
    if not uri:
        return EVERY_PATH
    kind, value = _value(uri, notes)
    return PathMatch(PathKind(kind.value), value)


def _value(wanted: Mapping[str, Any], notes: list[str]) -> tuple[ValueKind, str]:
    """The comparison; an empty one, as headers may have, asks only that there is a value."""
    for kind in (ValueKind.EXACT, ValueKind.PREFIX):
        if wanted.get(kind.value):
            return kind, str(wanted[kind.value])
    pattern = str(wanted.get("regex") or "")
    if fault := pattern_fault(pattern):
        notes.append(f"{fault}; it matches nothing")
        return ValueKind.REGEX, NO_MATCH
    return (ValueKind.REGEX, pattern) if pattern else (ValueKind.PREFIX, "")


def _inside(inner: PathMatch, outer: PathMatch) -> bool:
    if outer.kind is PathKind.PREFIX and inner.kind in (PathKind.EXACT, PathKind.PREFIX):
        return inner.value.startswith(outer.value)
    return inner == outer
