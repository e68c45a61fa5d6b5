"""How providers read and print what conditions and templates hold, as the rest of tidegate does."""

from __future__ import annotations

from tidegate.errors import PluginError
from tidegate.machine.analysis.filling import PLACEHOLDER
from tidegate.machine.analysis.intervals import seconds
from tidegate.machine.analysis.references import DUMMY
from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.limits import Budget
from tidegate.machine.expr.shown import shown
from tidegate.machine.expr.values import Value


def duration_s(text: str) -> float:
    """Seconds of a Go duration such as `5m` or `1h30m`; "" is 0.

    Raises ValueError in the words of Go, `time: missing unit in duration "5"`. `go_seconds` gives None instead, and exact
    decimals.
    """
    return seconds(text)


def go_text(value: Value) -> str:
    """A value as Go's `%v` prints it: `[0.5 1e+06]`, `map[a:1]`.

    Raises PluginError for one that an expression may not print either: a million characters, thousands of elements.
    """
    try:
        return shown(value, Budget())
    except Failure as cause:
        raise PluginError(f"a value cannot be shown: {cause}; {cause.advice}") from cause


def is_known(text: str) -> bool:
    """Whether a text is what a run will have. Templates are checked with stand-ins for the arguments that only a run knows:
    `check_metric` judges no text that holds one."""
    return DUMMY not in text and PLACEHOLDER not in text
