"""What the operators do, and which operands a checker refuses before anything runs."""

# ruff: noqa: ARG001  (every operation is handed the budget, whether it needs it or not)

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from tidegate.machine.expr.faults import Failure
from tidegate.machine.expr.kinds import (
    ANY,
    BOOL,
    DURATION,
    FLOAT,
    INT,
    MAP,
    NIL,
    STRING,
    TIME,
    Kind,
    comparable,
    open_to,
)
from tidegate.machine.expr.limits import CHARACTERS_A_STEP, Budget
from tidegate.machine.expr.patterns import matches
from tidegate.machine.expr.values import LISTS, NUMBERS, Duration, Value, go_type, wrapped

Operation = Callable[[Value, Value, Budget], Value]


def _mismatch(op: str, left: Value, right: Value) -> Failure:
    return Failure(f"invalid operation: {go_type(left)} {op} {go_type(right)}")


def pair_of_numbers(left: Value, right: Value) -> tuple[float, float] | None:
    """Both as numbers of one type, or None. Go compares an int with a float as floats, so large ints lose digits."""
    if type(left) not in NUMBERS or type(right) not in NUMBERS:
        return None
    if type(left) is type(right):
        return left, right  # type: ignore[return-value]
    return float(left), float(right)  # type: ignore[arg-type]


def same(left: Value, right: Value, budget: Budget, depth: int = 0) -> bool:
    """`==`: numbers across int and float, lists and maps by their elements, all else within one type."""
    if (numbers := pair_of_numbers(left, right)) is not None:
        return numbers[0] == numbers[1]
    if isinstance(left, LISTS) and isinstance(right, LISTS):
        budget.spend(1 + min(len(left), len(right)) // 4)
        below = budget.deeper(depth)
        return len(left) == len(right) and all(same(a, b, budget, below) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        budget.spend(1 + min(len(left), len(right)) // 4)
        below = budget.deeper(depth)
        return left.keys() == right.keys() and all(same(left[key], right[key], budget, below) for key in left)
    if isinstance(left, str):
        budget.spend(len(left) // CHARACTERS_A_STEP)
    return type(left) is type(right) and left == right


def less(op: str, left: Value, right: Value) -> bool:
    """One of `< <= > >=`, of two numbers, texts, times or durations."""
    pair: tuple[object, object] | None = pair_of_numbers(left, right)
    if pair is None and type(left) is type(right) and isinstance(left, str | datetime | Duration):
        pair = left, right
    if pair is None:
        raise _mismatch(op, left, right)
    return bool(_ORDERS[op](pair[0], pair[1]))


_ORDERS: dict[str, Callable[..., bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _plus(left: Value, right: Value, budget: Budget) -> Value:
    if isinstance(left, str) and isinstance(right, str):
        budget.write(len(left) + len(right))
        return left + right
    if isinstance(left, Duration) and isinstance(right, datetime):
        left, right = right, left
    if isinstance(left, datetime) and isinstance(right, Duration):
        return shifted(left, right.nanoseconds)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(wrapped(left.nanoseconds + right.nanoseconds))
    if (numbers := pair_of_numbers(left, right)) is None:
        raise _mismatch("+", left, right)
    return _number(numbers[0] + numbers[1])


def _minus(left: Value, right: Value, budget: Budget) -> Value:
    if isinstance(left, datetime) and isinstance(right, datetime):
        return Duration(wrapped((left - right) // timedelta(microseconds=1) * 1000))
    if isinstance(left, datetime) and isinstance(right, Duration):
        return shifted(left, -right.nanoseconds)
    if isinstance(left, Duration) and isinstance(right, Duration):
        return Duration(wrapped(left.nanoseconds - right.nanoseconds))
    if (numbers := pair_of_numbers(left, right)) is None:
        raise _mismatch("-", left, right)
    return _number(numbers[0] - numbers[1])


def _times(left: Value, right: Value, budget: Budget) -> Value:
    if isinstance(right, Duration):
        left, right = right, left
    if isinstance(left, Duration) and isinstance(right, int | float) and type(right) in NUMBERS:
        product = left.nanoseconds * right
        if not math.isfinite(product):
            raise Failure(f"a duration cannot be multiplied by {right}")
        return Duration(wrapped(int(product)))
    if (numbers := pair_of_numbers(left, right)) is None:
        raise _mismatch("*", left, right)
    return _number(numbers[0] * numbers[1])


def _number(value: float) -> float:
    return wrapped(value) if type(value) is int else value


def shifted(moment: datetime, nanoseconds: int) -> datetime:
    """A moment later by so much. Raises Failure outside the years 1 to 9999."""
    try:
        return moment + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        raise Failure("the time lies outside the years 1 to 9999") from None


def _divided(left: Value, right: Value, budget: Budget) -> Value:
    if (numbers := pair_of_numbers(left, right)) is None:
        raise _mismatch("/", left, right)
    above, below = float(numbers[0]), float(numbers[1])
    if below:
        return above / below
    return math.nan if above == 0 or math.isnan(above) else math.copysign(math.inf, above) * math.copysign(1, below)


def _remainder(left: Value, right: Value, budget: Budget) -> Value:
    if type(left) is not int or type(right) is not int:
        raise _mismatch("%", left, right)
    if right == 0:
        raise Failure("integer divide by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _power(left: Value, right: Value, budget: Budget) -> Value:
    if (numbers := pair_of_numbers(left, right)) is None:
        raise _mismatch("**", left, right)
    base, exponent = float(numbers[0]), float(numbers[1])
    odd = exponent % 2 == 1
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        # Zero to a negative power is infinite, a negative base to a fraction is no number (IEEE 754, as Go's math.Pow).
        return math.copysign(math.inf, base if odd else 1.0) if base == 0 else math.nan


def _range(left: Value, right: Value, budget: Budget) -> Value:
    if type(left) is not int or type(right) is not int:
        raise _mismatch("..", left, right)
    # Never written out, so a range costs nothing until it is walked.
    return range(left, max(right + 1, left))


def contained(left: Value, right: Value, budget: Budget) -> bool:
    """`in`: an element of a list, a key of a map; nothing is in nil."""
    if right is None:
        return False
    if isinstance(right, range):
        whole = int(left) if isinstance(left, float) and left.is_integer() else left
        return type(whole) is int and whole in right
    if isinstance(right, LISTS):
        budget.spend(len(right) // 4)
        return any(same(left, item, budget) for item in right)
    if isinstance(right, dict):
        if not isinstance(left, str):
            raise Failure(f"cannot use {go_type(left)} as a key of {go_type(right)}")
        return left in right
    raise Failure(f'operator "in" not defined on {go_type(right)}')


def _texts(op: str, test: Callable[[str, str], bool]) -> Operation:
    def run(left: Value, right: Value, budget: Budget) -> Value:
        if not isinstance(left, str) or not isinstance(right, str):
            raise _mismatch(op, left, right)
        budget.spend(len(left) // CHARACTERS_A_STEP)
        return test(left, right)

    return run


def _matched(left: Value, right: Value, budget: Budget) -> Value:
    if not isinstance(left, str) or not isinstance(right, str):
        raise _mismatch("matches", left, right)
    budget.read_pattern(right)
    budget.spend(1 + len(left) // CHARACTERS_A_STEP)
    return matches(left, right)


OPERATIONS: dict[str, Operation] = {
    "==": same,
    "!=": lambda a, b, budget: not same(a, b, budget),
    "+": _plus, "-": _minus, "*": _times, "/": _divided, "%": _remainder, "**": _power, "^": _power, "..": _range,
    "in": contained,
    "matches": _matched,
    "contains": _texts("contains", lambda text, part: part in text),
    "startsWith": _texts("startsWith", str.startswith),
    "endsWith": _texts("endsWith", str.endswith),
}  # fmt: skip


def negated(op: str, value: Value) -> Value:
    """`not`, `!`, `-` and `+` of one operand."""
    if op in {"not", "!"}:
        return not truth(value)
    if isinstance(value, Duration):
        return Duration(wrapped(-value.nanoseconds)) if op == "-" else value
    if type(value) not in NUMBERS:
        raise Failure(f"invalid operation: {op} {go_type(value)}")
    return _number(-value) if op == "-" else value  # type: ignore[operator]


def truth(value: Value) -> bool:
    """The value as a condition: only a bool is one."""
    if value is True or value is False:
        return value
    raise Failure(f"expected bool, but got {go_type(value)}", "compare it with something")


_BOOLS = frozenset({"and", "&&", "or", "||", "?:"})
_NUMERIC = frozenset({INT, FLOAT})
_ORDERED = (frozenset({INT, FLOAT}), frozenset({STRING}), frozenset({TIME}), frozenset({DURATION}))


def fits(op: str, left: Kind, right: Kind) -> bool:
    """Whether the operands may do, as far as is known before anything runs."""
    if op in _BOOLS:
        return open_to(left, BOOL) and open_to(right, BOOL)
    if op in {"==", "!="}:
        return comparable(left, right)
    if op in _ORDERS:
        return any(open_to(left, *group) and open_to(right, *group) for group in _ORDERED)
    if op in {"%", ".."}:
        return open_to(left, INT) and open_to(right, INT)
    if op in {"/", "**", "^"}:
        return open_to(left, *_NUMERIC) and open_to(right, *_NUMERIC)
    if op == "in":
        return _may_contain(left, right)
    if op in {"+", "-", "*"}:
        return ANY in (left, right) or outcome(op, left, right) is not None
    return open_to(left, STRING) and open_to(right, STRING)


def _may_contain(left: Kind, right: Kind) -> bool:
    if right.element is not None:
        return comparable(left, right.element)
    return right in (ANY, NIL) or (right == MAP and open_to(left, STRING))


def outcome(op: str, left: Kind, right: Kind) -> Kind | None:
    """The kind of `left op right` for `+ - *`; None where there is no such operation."""
    if ANY in (left, right):
        return ANY
    if {left, right} <= _NUMERIC:
        return FLOAT if FLOAT in (left, right) else INT
    sums = {("+", STRING, STRING): STRING, ("+", TIME, DURATION): TIME, ("+", DURATION, TIME): TIME}
    spans = {("+", DURATION, DURATION): DURATION, ("-", DURATION, DURATION): DURATION, ("-", TIME, TIME): DURATION}
    found = (sums | spans | {("-", TIME, DURATION): TIME}).get((op, left, right))
    if found is None and op == "*" and {left, right} in ({DURATION, INT}, {DURATION, FLOAT}):
        return DURATION
    return found
