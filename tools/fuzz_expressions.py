"""Evaluates random expressions and reports crashes and costs: `python tools/fuzz_expressions.py --count 1000000`.

A third are calls that fit, so that the functions run, a third is grown from the grammar, a third cut, doubled and
spliced. Whatever is not a value has to be an ExpressionError. Exit code 1 for any other exception, or for an expression
above 50 ms of processor time or 10 MB of memory. Memory is traced for one expression in `--trace`, and for every one
that took more than 5 ms: tracing costs tenfold.
"""

import argparse
import math
import random
import sys
import time
import tracemalloc
from collections import Counter
from datetime import UTC, datetime

from tidegate.machine.expr.expression import compile_expression
from tidegate.machine.expr.faults import ExpressionError
from tidegate.machine.expr.functions import FUNCTIONS
from tidegate.machine.expr.predicates import PREDICATES
from tidegate.machine.expr.values import Floats, Value

SLOW_S = 0.050  # the promise for one expression, from text to value
SUSPECT_S = 0.005  # from here on its memory is looked at
LARGE = 10_000_000  # bytes, the promise
NOW = datetime(2024, 1, 1, tzinfo=UTC)
DEEP: list[Value] = []
for _ in range(150):
    DEEP = [DEEP]
RESULTS: tuple[Value, ...] = (
    None, True, 0.5, 7, "ok", "1.5", "a" * 100_000, math.nan, math.inf, Floats([]), Floats([0.1, math.nan, 3.0]),
    Floats([0.5] * 5_000), [1.0, "x", None, {"a": 1.0}], {"a": {"b": [1.0, 2.0]}, "ok": True}, DEEP,
    [{"k": "a", "v": 1.0}] * 500,
)  # fmt: skip
ATOMS = (
    "result", "#", "#acc", "#index", "nil", "true", "false", "0", "1", "2.5", "1e308", "9223372036854775807", "'a'", '"%s"',
    "''", "result.a", "result[0]", "result?.a?.b", "[1,2,3]", "{a: 1}", "1..1000000", "0x1F", "now()", "duration('1h')",
    "result.__class__", "__import__", "[]", "{}", "'(a*)*b'", "date('9999-12-31')",
)  # fmt: skip
BINARY = (
    "+", "-", "*", "/", "%", "**", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "and", "or", "in", "contains", "matches",
    "startsWith", "endsWith", "..", "??", "|", "?:", "not in",
)  # fmt: skip
# Atoms of a kind, by the letters that functions.py gives to kinds.
OF_KIND = {
    "a": ("result", "#", "default(1, 2)"), "n": ("1", "2.5", "len(string(result))"), "i": ("1", "1000000", "-1"),
    "f": ("2.5", "1/0"), "s": ("string(result)", "'a,b'", "repeat('ab', 400000)", "toJSON(result ?? 1)"),
    "l": ("[1,2,3]", "1..3000", "map(1..50, [#])", "default(1, [])", "['b','a']"), "m": ("{a: 1, b: [2]}",),
}  # fmt: skip
NAMES = (*FUNCTIONS, *PREDICATES, "reduce", "default", "isNil", "now")
PIECES = (
    *ATOMS,
    *BINARY,
    *NAMES,
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    ".",
    "?.",
    ";",
    "let x = ",
    "if ",
    "\\",
    "'",
)


def grown(chance: random.Random, depth: int) -> str:
    """An expression of the grammar, most of the time a well-typed one by luck only."""
    if depth <= 0 or chance.random() < 0.15:
        return chance.choice(ATOMS)

    def below() -> str:
        return grown(chance, depth - 1)

    match chance.randrange(9):
        case 0 | 1:
            return f"{below()} {chance.choice(BINARY)} {below()}"
        case 2 | 3:
            return f"{chance.choice(NAMES)}({', '.join(below() for _ in range(chance.randint(0, 3)))})"
        case 4:
            return f"{chance.choice(tuple(PREDICATES))}({below()}, {below()})"
        case 5:
            return f"({below()})"
        case 6:
            return f"{below()} ? {below()} : {below()}"
        case 7:
            return f"let x{depth} = {below()}; {below()}"
        case _:
            return f"{chance.choice(('not ', '-', '!'))}{below()}{chance.choice(('', '[0]', '[1:]', '.a', '?.a'))}"


def fitting(chance: random.Random, depth: int) -> str:
    """A call whose arguments are of the kinds that the function takes, so that it runs."""
    if chance.random() < 0.4:
        name, source = chance.choice(tuple(PREDICATES)), of_kind(chance, "l", depth - 1)
        if depth <= 0:
            return "len([1])"
        body = chance.choice(
            ("# == 1", "# in [1]", "string(#)", "#", "# != result", grown(chance, 1), fitting(chance, depth - 1))
        )
        return f"{name}({source}, {body})"
    name = chance.choice(tuple(FUNCTIONS))
    return f"{name}({', '.join(of_kind(chance, letters[0], depth - 1) for letters in FUNCTIONS[name].takes)})"


def of_kind(chance: random.Random, letter: str, depth: int) -> str:
    """An expression that is often of the kind of a letter."""
    if depth > 0 and letter in "asl" and chance.random() < 0.4:
        inner = fitting(chance, depth)
        return {"a": inner, "s": f"string({inner})", "l": f"[{inner}]"}[letter]
    return chance.choice(OF_KIND.get(letter, ATOMS))


def mangled(chance: random.Random, text: str) -> str:
    """A known expression after a few cuts and insertions, some of them repeated many times."""
    for _ in range(chance.randint(1, 4)):
        place = chance.randint(0, len(text))
        piece = chance.choice(PIECES) if chance.random() < 0.9 else chr(chance.randrange(0x250))
        piece *= chance.choice((1, 1, 1, 2, 60, 300))
        text = text[:place] + piece + text[place + chance.randint(0, 3) :]
    return text[:1_200]


def outcome(text: str, result: Value) -> str:
    """What came of it in a word. Raises whatever the evaluator must not."""
    try:
        compile_expression(text).evaluate({"result": result}, NOW)
    except ExpressionError:
        return "error"
    return "value"


class Fuzz:
    """One run: counts, the slowest and the largest expression, and what broke a promise."""

    def __init__(self, seed: int, trace: int) -> None:
        self.chance, self.trace = random.Random(seed), trace
        self.found: Counter[str] = Counter()
        self.slowest, self.largest = (0.0, ""), (0, "")
        self.crashed: list[str] = []
        self.costly: list[str] = []

    def one(self, number: int) -> None:
        """Makes an expression and evaluates it."""
        make = fitting if number % 3 == 0 else grown
        text = make(self.chance, self.chance.randint(1, 6))
        if number % 3 == 1:
            text = mangled(self.chance, text)
        result = self.chance.choice(RESULTS)
        began = time.thread_time()
        try:
            self.found[outcome(text, result)] += 1
        except Exception as error:  # the one thing this looks for
            self.crashed.append(f"{type(error).__name__}: {error}: {text!r} with {str(result)[:60]}")
        took = time.thread_time() - began
        self.slowest = max(self.slowest, (took, text))
        if took > SLOW_S:
            self.costly.append(f"{took * 1000:.0f} ms: {text!r} with {str(result)[:60]}")
        if took > SUSPECT_S or number % self.trace == 0:
            self.weigh(text, result)

    def weigh(self, text: str, result: Value) -> None:
        """Evaluates once more with its memory traced."""
        tracemalloc.start()
        try:
            outcome(text, result)
        except Exception as error:
            self.found[f"traced {type(error).__name__}"] += 1  # reported by the first evaluation
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.found["traced"] += 1
        self.largest = max(self.largest, (peak, text))
        if peak > LARGE:
            self.costly.append(f"{peak / 1e6:.1f} MB: {text!r} with {str(result)[:60]}")


def main() -> int:
    """Exit code 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trace", type=int, default=200)
    given = parser.parse_args()
    outcome("1", None)  # builds the parser, which no expression pays for
    fuzz = Fuzz(given.seed, given.trace)
    for number in range(given.count):
        fuzz.one(number)
    print(f"{given.count} expressions from seed {given.seed}: {dict(fuzz.found)}")
    print(f"slowest {fuzz.slowest[0] * 1000:.1f} ms: {fuzz.slowest[1][:200]!r}")
    print(f"largest {fuzz.largest[0] / 1e6:.2f} MB: {fuzz.largest[1][:200]!r}")
    broken = fuzz.crashed + fuzz.costly
    print("\n".join(broken[:20]) or "no crash, none above 50 ms or 10 MB")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
