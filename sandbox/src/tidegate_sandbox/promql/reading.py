"""A query as text becomes a tree, or an error that points at its column.

The parser is promql-parser's, which follows Prometheus' own; it does not tell where an error is.
"""

from __future__ import annotations

import re

from promql_parser import Expr, parse

from tidegate_sandbox.promql.values import QueryError

LONGEST = 2_000  # characters: a second of parsing, which takes the square of the length
GUESSED = 1_000  # characters up to which the place of an error is looked for: each beginning is parsed once, 50 us each
_CLOSING = {"(": ")", "{": "}", "[": "]"}
_QUOTED = re.compile(r"(?:'(?P<quoted>[^']+)'|(?:syntax:|for) (?P<last>\S+))$")
_ENDLESS = re.compile(
    r"(?:[\[:]|\boffset\b)\s*-?\s*[0-9a-z.]*?(?P<span>\d{7,}[smhdwy]|\d{10,}|\d\.?\d*[eE]\+?\d+)", re.IGNORECASE
)
"""Durations of many digits, or with an exponent: the parser panics on those that its integers do not hold."""
_UNFINISHED = ("unclosed", "unexpected end", "unterminated", "no expression")


def read(query: str) -> Expr:
    """The tree of a query. Raises QueryError with line, column (both from 1) and reason."""
    if len(query) > LONGEST:
        raise QueryError(f'invalid parameter "query": {len(query)} characters; the sandbox reads up to {LONGEST}')
    if (endless := _ENDLESS.search(query)) is not None:
        raise _refused(
            query, endless.start("span"), f"duration {endless['span']} is too long; write it with a greater unit"
        )
    try:
        return _parsed(query)
    except ValueError as error:
        raise _refused(query, _offset(query, str(error)), str(error)) from error


def _refused(query: str, offset: int, reason: str) -> QueryError:
    line, column = _place(query, offset)
    return QueryError(f'invalid parameter "query": {line}:{column}: parse error: {reason}')


def _parsed(query: str) -> Expr:
    tree: Expr = parse(query)
    return tree


def _offset(query: str, reason: str) -> int:
    """Where the error is: at the end, at the word the parser names, or behind the longest beginning that makes sense."""
    if reason.startswith(_UNFINISHED):
        return len(query)
    named = _QUOTED.search(reason)
    if named is not None and (at := query.find(named["quoted"] or named["last"])) >= 0:
        return at
    if len(query) > GUESSED:
        return 0
    return next((end for end in range(len(query) - 1, 0, -1) if _makes_sense(query[:end])), 0)


def _makes_sense(beginning: str) -> bool:
    try:
        _parsed(beginning + _closings(beginning))
    except ValueError:
        return False
    return True


def _closings(beginning: str) -> str:
    """The brackets that are still open, closed. Brackets in strings are taken for brackets: it is a guess anyway."""
    still_open: list[str] = []
    for character in beginning:
        if character in _CLOSING:
            still_open.append(_CLOSING[character])
        elif still_open and character == still_open[-1]:
            still_open.pop()
    return "".join(reversed(still_open))


def _place(query: str, offset: int) -> tuple[int, int]:
    before = query[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
