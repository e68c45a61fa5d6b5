"""Int-or-string values: absolute numbers and percentages."""

from __future__ import annotations

import re

IntOrString = int | str

_NUMBER = re.compile(r"^[0-9]{1,9}%?$")


def percentage(value: IntOrString) -> int | None:
    """The percentage that a string stands for, None for an absolute number.

    A string without `%` is a percentage too: `"2"` means 2 %. That is how the API's defaults of `"25"` have always
    worked (Kubernetes' legacy parser, `intstr.GetValueFromIntOrPercent`). Raises ValueError for other text.
    """
    if isinstance(value, int):
        return None
    if not _NUMBER.match(value):
        raise ValueError(f"{value!r} is neither a number nor a percentage")
    return int(value.removesuffix("%"))


def resolve(value: IntOrString, total: int, *, round_up: bool) -> int:
    """How many of `total` a value means; percentages round up or down. Raises ValueError for other text."""
    share = percentage(value)
    if share is None:
        return int(value)
    return -(-total * share // 100) if round_up else total * share // 100


def is_zero(value: IntOrString) -> bool:
    """Whether a value is zero as written: 0, "0", "0%", or text that is no number at all (read as 0 by validation)."""
    if isinstance(value, int):
        return value == 0
    return not _NUMBER.match(value) or int(value.removesuffix("%")) == 0
