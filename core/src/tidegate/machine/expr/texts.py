"""Functions on texts."""

# ruff: noqa: ARG001  (every operation is handed the budget, whether it needs it or not)

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from tidegate.machine.expr.collections import as_count, as_list
from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.limits import CHARACTERS_A_STEP, DOCUMENT, Budget
from tidegate.machine.expr.shown import as_json, shown
from tidegate.machine.expr.values import Value, go_type

_NAMES = {"<nil>": "nil", "float64": "float", "time.Time": "time.Time", "time.Duration": "time.Duration"}


def as_text(value: Value) -> str:
    """The value itself where it is a text. Raises Failure."""
    if isinstance(value, str):
        return value
    raise Failure(f"cannot use {go_type(value)} as a string", "convert it with string()")


def text(given: Sequence[Value], budget: Budget) -> Value:
    """A value as Go prints it."""
    return shown(given[0], budget)


def type_name(given: Sequence[Value], budget: Budget) -> Value:
    """nil, bool, int, float, string, array, map, or the name of a time's type."""
    name = go_type(given[0])
    if name.startswith("[]"):
        return "array"
    return "map" if name.startswith("map") else _NAMES.get(name, name)


def lower(given: Sequence[Value], budget: Budget) -> Value:
    """In lower case."""
    budget.write(len(as_text(given[0])))
    return as_text(given[0]).lower()


def upper(given: Sequence[Value], budget: Budget) -> Value:
    """In upper case."""
    budget.write(len(as_text(given[0])))
    return as_text(given[0]).upper()


def trimmed(given: Sequence[Value], budget: Budget) -> Value:
    """Without white space at both ends, or without the characters of the second argument."""
    budget.write(len(as_text(given[0])))
    return as_text(given[0]).strip(as_text(given[1]) if len(given) > 1 else None)


def without_prefix(given: Sequence[Value], budget: Budget) -> Value:
    """Without a prefix, a blank where none is given."""
    budget.write(len(as_text(given[0])))
    return as_text(given[0]).removeprefix(as_text(given[1]) if len(given) > 1 else " ")


def without_suffix(given: Sequence[Value], budget: Budget) -> Value:
    """Without a suffix, a blank where none is given."""
    budget.write(len(as_text(given[0])))
    return as_text(given[0]).removesuffix(as_text(given[1]) if len(given) > 1 else " ")


def _pieces(given: Sequence[Value], budget: Budget) -> list[str]:
    whole, mark = as_text(given[0]), as_text(given[1])
    most = as_count(given[2]) if len(given) > 2 else -1
    if most == 0:
        return []
    count = whole.count(mark) if mark else len(whole)
    budget.spend(min(count, most) + 1 if most > 0 else count + 1)
    budget.write(len(whole))
    if not mark:
        cut = len(whole) if most < 0 else most - 1
        return [*whole[:cut], *([whole[cut:]] if whole[cut:] else [])]
    return whole.split(mark, most - 1 if most > 0 else -1)


def split(given: Sequence[Value], budget: Budget) -> Value:
    """The pieces between the marks, at most as many as the third argument says."""
    return _pieces(given, budget)


def split_after(given: Sequence[Value], budget: Budget) -> Value:
    """The pieces with the mark that ends each."""
    pieces, mark = _pieces(given, budget), as_text(given[1])
    budget.write(len(mark) * len(pieces))
    return [piece + mark for piece in pieces[:-1]] + pieces[-1:]


def joined(given: Sequence[Value], budget: Budget) -> Value:
    """Texts as one, with a mark between."""
    mark = as_text(given[1]) if len(given) > 1 else ""
    budget.spend(len(as_list(given[0])))
    pieces = [as_text(item) for item in as_list(given[0])]
    budget.write(sum(map(len, pieces)) + len(mark) * len(pieces))
    return mark.join(pieces)


def replaced(given: Sequence[Value], budget: Budget) -> Value:
    """Every occurrence replaced, or the first few."""
    whole, old, new = (as_text(item) for item in given[:3])
    most = as_count(given[3]) if len(given) > 3 else -1
    count = whole.count(old)
    count = min(count, most) if most >= 0 else count
    budget.write(len(whole) + count * len(new))
    return whole.replace(old, new, count)


def repeated(given: Sequence[Value], budget: Budget) -> Value:
    """A text so many times."""
    piece, times = as_text(given[0]), as_count(given[1])
    if times < 0:
        raise Failure(f"invalid argument for repeat (expected positive integer, got {times})")
    budget.write(len(piece) * times)
    return piece * times


def has_prefix(given: Sequence[Value], budget: Budget) -> Value:
    """Whether a text begins so."""
    return as_text(given[0]).startswith(as_text(given[1]))


def has_suffix(given: Sequence[Value], budget: Budget) -> Value:
    """Whether a text ends so."""
    return as_text(given[0]).endswith(as_text(given[1]))


# differs: the reference counts bytes here and code points in len and slices; all count code points.
def index_of(given: Sequence[Value], budget: Budget) -> Value:
    """Where a part first occurs, -1 where it does not."""
    budget.spend(len(as_text(given[0])) // CHARACTERS_A_STEP)
    return as_text(given[0]).find(as_text(given[1]))


def last_index_of(given: Sequence[Value], budget: Budget) -> Value:
    """Where a part last occurs, -1 where it does not."""
    budget.spend(len(as_text(given[0])) // CHARACTERS_A_STEP)
    return as_text(given[0]).rfind(as_text(given[1]))


def to_json(given: Sequence[Value], budget: Budget) -> Value:
    """A value as JSON, indented by two."""
    return as_json(given[0], budget)


def from_json_text(given: Sequence[Value], budget: Budget) -> Value:
    """What a JSON text says; every number is a float."""
    document = as_text(given[0])
    if len(document) > DOCUMENT:
        raise Failure(f"fromJSON reads at most {DOCUMENT} characters, was given {len(document)}", "select a part first")
    budget.write(4 * len(document))  # what is read takes more room than its text
    try:
        return json.loads(document, parse_int=float, parse_constant=_no_constant)
    except (json.JSONDecodeError, RecursionError) as error:
        raise Failure(f"the text is no JSON: {error}") from None


def _no_constant(word: str) -> Value:
    raise Failure(f"the text is no JSON: {word} is no JSON value")


def to_base64(given: Sequence[Value], budget: Budget) -> Value:
    """The text's UTF-8 in base 64."""
    budget.write(2 * len(as_text(given[0])))
    return base64.b64encode(as_text(given[0]).encode("utf-8", "surrogatepass")).decode("ascii")


def from_base64(given: Sequence[Value], budget: Budget) -> Value:
    """The text that base 64 stands for, which has to be UTF-8."""
    budget.write(len(as_text(given[0])))
    try:
        return base64.b64decode(as_text(given[0]), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Failure(f"the text is no base64 of UTF-8: {error}") from None
