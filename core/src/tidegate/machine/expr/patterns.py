"""Regular expressions, by RE2: the reference's own dialect, and no pattern takes more than linear time."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, cast

import re2  # type: ignore[import-untyped]

from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.limits import PATTERN_MEMORY, TEXT


class _Pattern(Protocol):
    def search(self, text: str) -> object | None: ...


def matches(text: str, pattern: str) -> bool:
    """Whether the pattern is found anywhere in the text. Raises Failure for one that RE2 cannot read."""
    if len(pattern) > TEXT:
        raise Failure(f"a pattern has {len(pattern)} characters, at most {TEXT} are read")
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> _Pattern:
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY
    options.log_errors = False
    try:
        return cast("_Pattern", re2.compile(pattern, options))
    except (re2.error, UnicodeEncodeError) as error:
        raise Failure(f"error parsing regexp: {error}", "write the pattern as RE2 has it") from None
