"""Functions on numbers."""

# ruff: noqa: ARG001  (every operation is handed the budget, whether it needs it or not)

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

from tidegate.machine.expr.collections import as_count, as_list
from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.limits import Budget
from tidegate.machine.expr.shown import shown
from tidegate.machine.expr.values import LISTS, NUMBERS, Value, go_type, wrapped

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?(inf|infinity|nan|([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?)", re.IGNORECASE)


def as_number(value: Value) -> int | float:
    """The value itself where it is a number. Raises Failure."""
    if isinstance(value, int | float) and type(value) in NUMBERS:
        return value
    raise Failure(f"cannot use {go_type(value)} as a number", "convert it with asFloat()")


def all_numbers(given: Sequence[Value], budget: Budget, depth: int = 0) -> Iterator[int | float]:
    """The numbers among the arguments and in lists among them."""
    below = budget.deeper(depth)
    for item in given:
        if isinstance(item, LISTS):
            yield from all_numbers(item, budget, below)
        else:
            budget.spend(1)
            yield as_number(item)


def smallest(given: Sequence[Value], budget: Budget) -> Value:
    """The least number, nil where there is none."""
    return min(all_numbers(given, budget), default=None)


def largest(given: Sequence[Value], budget: Budget) -> Value:
    """The greatest number, nil where there is none."""
    return max(all_numbers(given, budget), default=None)


def total(given: Sequence[Value], budget: Budget) -> int | float:
    """The sum of one list of numbers, the int 0 where it is empty."""
    result: int | float = 0
    for item in as_list(given[0]):
        budget.spend(1)
        result = plus(result, as_number(item))
    return result


def plus(left: int | float, right: int | float) -> int | float:
    """The sum; two ints overflow as Go's do."""
    made = left + right
    return wrapped(made) if type(made) is int else made


def mean(given: Sequence[Value], budget: Budget) -> Value:
    """The mean, 0 where there is no number."""
    found = [float(number) for number in all_numbers(given, budget)]
    return sum(found) / len(found) if found else 0.0


def median(given: Sequence[Value], budget: Budget) -> Value:
    """The middle, or the mean of the two in the middle; 0 where there is no number."""
    found = sorted(float(number) for number in all_numbers(given, budget))
    half = len(found) // 2
    if not found:
        return 0.0
    return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2


def absolute(given: Sequence[Value], budget: Budget) -> Value:
    """Without its sign, in its own type."""
    number = as_number(given[0])
    return wrapped(abs(number)) if type(number) is int else abs(number)


def _rounded(round_one: Callable[[float], int]) -> Callable[[Sequence[Value], Budget], Value]:
    def body(given: Sequence[Value], budget: Budget) -> Value:
        number = float(as_number(given[0]))
        return float(round_one(number)) if math.isfinite(number) else number

    return body


up = _rounded(math.ceil)
down = _rounded(math.floor)
# Half away from zero, and exact where adding a half would not be: halves are exact in binary.
nearest = _rounded(lambda x: int(math.copysign(math.floor(abs(x)) + (abs(x) % 1 >= 0.5), x)))


def as_int(given: Sequence[Value], budget: Budget) -> Value:
    """int(x): numbers are cut towards zero, texts are read in base ten."""
    value = given[0]
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value) or wrapped(int(value)) != int(value):
            raise Failure(f"invalid operation: int({value[:40]})", "the text has to be a whole number")
        return int(value)
    return _cut(as_number(value))


def _cut(number: int | float) -> int:
    if not math.isfinite(number):
        raise Failure(
            f"cannot convert {'NaN' if math.isnan(number) else 'Inf'} to int", "test with isNaN or isInf first"
        )
    return wrapped(int(number))


def as_float(given: Sequence[Value], budget: Budget) -> Value:
    """float(x): numbers, and texts as strconv.ParseFloat reads them."""
    value = given[0]
    if isinstance(value, str):
        if len(value) > 400 or not _DECIMAL.fullmatch(value):
            raise Failure(f"invalid operation: float({value[:40]})", "the text has to be a number")
        return float(value)
    return float(as_number(value))


def argo_int(given: Sequence[Value], budget: Budget) -> Value:
    """asInt(x): as int(x), with the reference's own texts."""
    value = given[0]
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise Failure(f'strconv.ParseInt: parsing "{value[:40]}": invalid syntax')
        if wrapped(int(value)) != int(value):
            raise Failure(f'strconv.ParseInt: parsing "{value}": value out of range')
        return int(value)
    if type(value) not in NUMBERS:
        raise Failure(f"asInt() not supported on {go_type(value)} {shown(value, budget)[:40]}")
    return _cut(as_number(value))


def argo_float(given: Sequence[Value], budget: Budget) -> Value:
    """asFloat(x): as float(x), with the reference's own texts."""
    value = given[0]
    if isinstance(value, str):
        if len(value) > 400 or not _DECIMAL.fullmatch(value):
            raise Failure(f'strconv.ParseFloat: parsing "{value[:40]}": invalid syntax')
        return float(value)
    if type(value) not in NUMBERS:
        raise Failure(f"asFloat() not supported on {go_type(value)} {shown(value, budget)[:40]}")
    return float(as_number(value))


def _float_only(value: Value) -> float:
    if isinstance(value, float):
        return value
    raise Failure(f"interface conversion: interface {{}} is {go_type(value)}, not float64", "convert it with asFloat()")


def is_nan(given: Sequence[Value], budget: Budget) -> Value:
    """Whether a float is no number; anything but a float is an error."""
    return math.isnan(_float_only(given[0]))


def is_inf(given: Sequence[Value], budget: Budget) -> Value:
    """Whether a float is infinite, to either side."""
    return math.isinf(_float_only(given[0]))


_BITS: dict[str, Callable[[int, int], int]] = {
    "bitand": lambda a, b: a & b,
    "bitor": lambda a, b: a | b,
    "bitxor": lambda a, b: a ^ b,
    "bitnand": lambda a, b: a & ~b,
    "bitshl": lambda a, b: a << min(b, 64),
    "bitshr": lambda a, b: a >> min(b, 64),
    "bitushr": lambda a, b: (a & ((1 << 64) - 1)) >> min(b, 64),
}


def bits(name: str) -> Callable[[Sequence[Value], Budget], Value]:
    """A function on the bits of two ints. A shift by a negative count is an error."""
    operate = _BITS[name]

    def body(given: Sequence[Value], budget: Budget) -> Value:
        left, right = as_count(given[0]), as_count(given[1])
        if right < 0 and name in {"bitshl", "bitshr", "bitushr"}:
            raise Failure(f"invalid operation: negative shift count {right}")
        return wrapped(operate(left, right))

    return body


def bits_turned(given: Sequence[Value], budget: Budget) -> Value:
    """Every bit turned."""
    return ~as_count(given[0])
