"""The built-in functions by name: how many arguments of which kind, and what they give.

Those that take a predicate are in `predicates.py`. A name that is not here is unknown, as in the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tidegate.machine.expr import collections, moments, numbers, texts
from tidegate.machine.expr.kinds import ANY, BOOL, DURATION, FLOAT, INT, LIST, MAP, STRING, TIME, Kind
from tidegate.machine.expr.limits import Budget
from tidegate.machine.expr.values import Value

Body = Callable[[Sequence[Value], Budget], Value]
# Kinds of arguments, a letter each: a anything, n number, i int, f float, s text, l list, m map, t time, d duration.
LETTERS = {
    "a": "anything", "n": "number", "i": "int", "f": "float64", "s": "string", "l": "array", "m": "map", "t": "time.Time",
    "d": "duration",
}  # fmt: skip
_KINDS = {"n": (INT, FLOAT), "i": (INT,), "f": (FLOAT,), "s": (STRING,), "m": (MAP,), "t": (TIME,), "d": (DURATION,)}


@dataclass(frozen=True, slots=True)
class Function:
    """A function. `takes` has a word for each argument, its letters the kinds it may have; the last repeats if `many`."""

    takes: tuple[str, ...]
    gives: Kind
    body: Body
    least: int
    many: bool = field(default=False)

    def accepts(self, index: int, kind: Kind) -> bool:
        """Whether the argument at `index` may be of `kind`."""
        letters = self.takes[min(index, len(self.takes) - 1)]
        if "a" in letters or kind == ANY:
            return True
        return any(kind.is_list if letter == "l" else kind in _KINDS[letter] for letter in letters)

    def wanted(self, index: int) -> str:
        """What the argument at `index` has to be, in words."""
        return " or ".join(LETTERS[letter] for letter in self.takes[min(index, len(self.takes) - 1)])


def _function(takes: str, gives: Kind, body: Body) -> Function:
    """`takes` is a word for each argument; `?` before one that may be left out, `*` behind the last if it repeats."""
    words = takes.split()
    least = sum(not word.startswith("?") for word in words)
    return Function(tuple(word.strip("?*") for word in words), gives, body, least, takes.endswith("*"))


FUNCTIONS: dict[str, Function] = {
    name: _function(takes, gives, body)
    for name, takes, gives, body in (
        ("len", "slm", INT, collections.length),
        ("first", "l", ANY, collections.first),
        ("last", "l", ANY, collections.last),
        ("take", "l i", LIST, collections.take),
        ("get", "a a", ANY, collections.get),
        ("keys", "m", LIST, collections.keys),
        ("values", "m", LIST, collections.values),
        ("toPairs", "m", LIST, collections.to_pairs),
        ("fromPairs", "l", MAP, collections.from_pairs),
        ("reverse", "l", LIST, collections.backwards),
        ("sort", "l ?s", LIST, collections.ordered),
        ("uniq", "l", LIST, collections.unique),
        ("concat", "l*", LIST, collections.concatenated),
        ("flatten", "l", LIST, collections.flat),
        ("min", "nl*", ANY, numbers.smallest),
        ("max", "nl*", ANY, numbers.largest),
        ("mean", "nl*", FLOAT, numbers.mean),
        ("median", "nl*", FLOAT, numbers.median),
        ("abs", "n", ANY, numbers.absolute),
        ("ceil", "n", FLOAT, numbers.up),
        ("floor", "n", FLOAT, numbers.down),
        ("round", "n", FLOAT, numbers.nearest),
        ("int", "ns", INT, numbers.as_int),
        ("float", "ns", FLOAT, numbers.as_float),
        ("asInt", "a", INT, numbers.argo_int),
        ("asFloat", "a", FLOAT, numbers.argo_float),
        ("isNaN", "f", BOOL, numbers.is_nan),
        ("isInf", "f", BOOL, numbers.is_inf),
        ("bitand", "i i", INT, numbers.bits("bitand")),
        ("bitor", "i i", INT, numbers.bits("bitor")),
        ("bitxor", "i i", INT, numbers.bits("bitxor")),
        ("bitnand", "i i", INT, numbers.bits("bitnand")),
        ("bitshl", "i i", INT, numbers.bits("bitshl")),
        ("bitshr", "i i", INT, numbers.bits("bitshr")),
        ("bitushr", "i i", INT, numbers.bits("bitushr")),
        ("bitnot", "i", INT, numbers.bits_turned),
        ("string", "a", STRING, texts.text),
        ("type", "a", STRING, texts.type_name),
        ("lower", "s", STRING, texts.lower),
        ("upper", "s", STRING, texts.upper),
        ("trim", "s ?s", STRING, texts.trimmed),
        ("trimPrefix", "s ?s", STRING, texts.without_prefix),
        ("trimSuffix", "s ?s", STRING, texts.without_suffix),
        ("split", "s s ?i", LIST, texts.split),
        ("splitAfter", "s s ?i", LIST, texts.split_after),
        ("join", "l ?s", STRING, texts.joined),
        ("replace", "s s s ?i", STRING, texts.replaced),
        ("repeat", "s i", STRING, texts.repeated),
        ("hasPrefix", "s s", BOOL, texts.has_prefix),
        ("hasSuffix", "s s", BOOL, texts.has_suffix),
        ("indexOf", "s s", INT, texts.index_of),
        ("lastIndexOf", "s s", INT, texts.last_index_of),
        ("toJSON", "a", STRING, texts.to_json),
        ("fromJSON", "s", ANY, texts.from_json_text),
        ("toBase64", "s", STRING, texts.to_base64),
        ("fromBase64", "s", STRING, texts.from_base64),
        ("date", "s", TIME, moments.date),
        ("duration", "s", DURATION, moments.duration),
    )
}
