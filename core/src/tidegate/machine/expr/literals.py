"""Numbers and texts as they are written in an expression."""

from __future__ import annotations

import re

from tidegate.machine.expr.faults import ExpressionError, Position

_LARGEST = (1 << 63) - 1
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {c: c for c in "\\'\"`"}
_BASES = {"x": 16, "o": 8, "b": 2}


def number(text: str, at: Position) -> int | float:
    """The number a literal stands for: an int of 64 bits, or a float where it has a point or an exponent."""
    plain = text.replace("_", "")
    base = _BASES.get(plain[1:2].lower()) if plain.startswith("0") else None
    if base is None and re.search(r"[.eE]", plain):
        return float(plain)
    try:
        value = int(plain[2:], base) if base else int(plain)
    except ValueError:
        raise ExpressionError(f'invalid integer literal: "{text}"', at, "write digits after the prefix") from None
    if value > _LARGEST:
        raise ExpressionError(
            f'invalid integer literal: strconv.ParseInt: parsing "{text}": value out of range',
            at,
            "write it as a float",
        )
    return value


def unquoted(text: str, at: Position) -> str:
    """The text between the quotes, escapes resolved; between back-ticks nothing is an escape."""
    if text.startswith("`"):
        return text[1:-1].replace("``", "`")

    def plain(found: re.Match[str]) -> str:
        code = found[1]
        if code in _SIMPLE:
            return _SIMPLE[code]
        digits = code.strip("uUx{}")
        point = -1
        if len(code) > 1:
            point = int(code, 8) if code.isdigit() else int(digits, 16)
        if not 0 <= point <= 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            raise ExpressionError(f"unknown escape \\{code}", at, "double the backslash, or use back-ticks")
        return chr(point)

    return _ESCAPE.sub(plain, text[1:-1])
