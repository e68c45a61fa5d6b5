"""Regular expressions of routing objects: RE2's syntax, as far as it can be told without RE2."""

from __future__ import annotations

import re

NO_MATCH = r"[^\s\S]"
"""A pattern no value matches, in RE2 and in Python alike."""

# Lookaround, back references, atomic groups and possessive quantifiers: PCRE has them, RE2 (Envoy) does not.
_PCRE_ONLY = re.compile(r"\(\?[=!>]|\(\?<[=!]|\\[1-9]|[*+?}]\+")


def pattern_fault(text: str) -> str:
    """Why a proxy would refuse the pattern; "" for a good one."""
    try:
        re.compile(text)
    except re.error as error:
        return f"{text!r} is no regular expression ({error})"
    if _PCRE_ONLY.search(text):
        return f"{text!r} needs PCRE, the sandbox has RE2"
    return ""
