"""Which series a selector means."""

from __future__ import annotations

import re
from collections.abc import Callable

from promql_parser import Matcher, MatchOp, VectorSelector

from tidegate_sandbox.promql.samples import Wanted
from tidegate_sandbox.promql.values import NAME, Labels, QueryError


def wanted_by(selector: VectorSelector) -> Wanted:
    """A test of a series' labels. A label that a series does not have counts as an empty one."""
    if selector.matchers.or_matchers:
        raise QueryError('"or" between matchers is not served by the sandbox; write it between selectors')
    tests = [(matcher.name, _test(matcher)) for matcher in selector.matchers.matchers]

    def wanted(labels: Labels) -> bool:
        values = dict(labels)
        named = selector.name is None or values.get(NAME) == selector.name
        return named and all(test(values.get(name, "")) for name, test in tests)

    return wanted


def _test(matcher: Matcher) -> Callable[[str], bool]:
    text = matcher.value
    if matcher.op == MatchOp.Equal:
        return lambda value: value == text
    if matcher.op == MatchOp.NotEqual:
        return lambda value: value != text
    pattern = _pattern(text)
    if matcher.op == MatchOp.Re:
        return lambda value: pattern.fullmatch(value) is not None
    return lambda value: pattern.fullmatch(value) is None


def _pattern(text: str) -> re.Pattern[str]:
    """The parser has accepted the pattern as RE2's; Python's syntax holds nearly all of that."""
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise QueryError(f"{text!r} is RE2 that the sandbox cannot read ({error}); write it without flags") from error
