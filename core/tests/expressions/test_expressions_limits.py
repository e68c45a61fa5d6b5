"""What an expression may cost, what it cannot reach, and where its errors point."""

from __future__ import annotations

import contextlib
import math
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.machine.expr.conditions import holds, moment
from tidegate.machine.expr.expression import compile_expression
from tidegate.machine.expr.faults import ExpressionError
from tidegate.machine.expr.limits import STEPS, TEXT
from tidegate.machine.expr.parser import parse
from tidegate.machine.expr.values import Floats, Value

NOW = datetime(2024, 8, 14, 12, 0, tzinfo=UTC)
HOSTILE = {
    "attributes of a text": "result.__class__",
    "attributes of a number": "(1).__class__",
    "methods of Python": "result.format(1)",
    "a Python built-in": "__import__('os')",
    "a method of a time that Python has": "now().strftime('%s')",
    "a text repeated": "repeat('a', 1000000000)",
    "a text doubled again and again": f"reduce(1..60, #acc + #acc, '{'a' * 30}')",
    "predicates in predicates": "all(1..1000, all(1..1000, all(1..1000, # > 0)))",
    "a range walked": "filter(1..9223372036854775807, # > 0)",
    "a list of ranges": "map(1..5000, map(1..5000, #))",
    "pieces of a text": "len(split(repeat('a', 900000), ''))",
    "parentheses in lists": "[" * 400 + "]" * 400,
    "powers without end": "1" + " ** 1" * 150,
    "signs without end": "-" * 500 + "1",
    "chains without end": "1" + " + 1" * 200,
    "a long text": f"'{'a' * TEXT}' == 'b'",
    "a pattern that RE2 refuses": "'a' matches '(a'",
    "a pattern that grows": "'a' matches '((a{1,900}){1,900}){1,900}'",
    "a document of lists": "fromJSON('[' + repeat('[],', 300000) + '1]')",
    "a long text searched again and again": "all(1..9000, not ('{}' + repeat('a', 900000) contains 'b'))",
    "documents kept": "map(1..15, fromJSON('[' + repeat('[],', 21000) + '1]'))",
    "a pattern for each element": "all(1..9000, not ('a' matches 'b' + string(#)))",
    "a deep document": "fromJSON(repeat('[', 60000))",
}


def value(text: str, result: Value = "text", now: datetime | None = NOW) -> Value:
    return compile_expression(text).evaluate({"result": result}, now)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_s12_a_hostile_expression_is_an_error_and_stays_small(text: str) -> None:
    parse("true")  # the parser is built once, by whichever expression comes first
    tracemalloc.start()
    try:
        with pytest.raises(ExpressionError):
            value(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_s12_a_pattern_that_backtracks_elsewhere_is_only_slow_to_read() -> None:
    assert value("result matches '(a*)*(a*)*b'", "a" * 100_000) is False


def test_s12_a_list_may_have_as_many_elements_as_there_are_steps() -> None:
    assert holds("all(result, # < 1)", Floats([0.5] * STEPS))
    with pytest.raises(ExpressionError, match=f"more than {STEPS} steps"):
        holds("all(result, # < 1)", Floats([0.5] * (STEPS + 1)))


def test_s12_a_long_result_cannot_be_searched_for_each_element_of_a_range() -> None:
    for test in ("result contains 'b'", "result matches 'b'", "result + 'b' == 'b'", "indexOf(result, 'b') > 0"):
        with pytest.raises(ExpressionError, match="more than"):
            value(f"any(1..9000, {test})", "a" * 500_000)


def test_a_deep_value_is_refused_where_it_would_be_walked() -> None:
    deep: list[Value] = []
    for _ in range(150):
        deep = [deep]
    for text in ("result == result", "string(result)", "toJSON(result)", "flatten(result)", "max(result)"):
        with pytest.raises(ExpressionError, match="nested deeper than 64 levels"):
            value(text, deep)


def test_nested_comparisons_do_not_double_their_cost() -> None:
    text = "result"
    for _ in range(18):
        text = f"(1 < {text} < 3 ? 2 : 2)"
    assert value(text, 2.0) == 2


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("1 < latency", 1, 5), ("true &&\n  foo", 2, 3), ("result ==", 1, 9), ("result == 'a", 1, 11), ("len(1)", 1, 5)],
)
def test_an_error_points_at_its_column(text: str, line: int, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert caught.value.position == (line, column)
    assert caught.value.pointed(text).splitlines()[-1].index("^") == len(" | ") + column - 1


def test_a_time_expression_goes_by_the_time_that_is_handed_in() -> None:
    assert moment('now() - duration("5m")', NOW) == NOW - timedelta(minutes=5)
    with pytest.raises(ExpressionError, match=r"expected time\.Time, but got int"):
        moment("5", NOW)
    with pytest.raises(ExpressionError, match="unknown name asInt"):
        moment("asInt('5')", NOW)


def test_now_is_an_error_where_no_time_is_handed_in() -> None:
    with pytest.raises(ExpressionError, match=r"now\(\) is not known here"):
        value("now()", now=None)


def test_elements_of_outer_predicates_are_put_back() -> None:
    assert value("map([1, 2], count([5, 6], # > 5) + #)") == [2, 3]


def test_one_expression_serves_results_of_different_kinds() -> None:
    same = compile_expression("result == 1")
    assert same.evaluate({"result": 1.0}) is True
    with pytest.raises(ExpressionError, match="mismatched types string and int"):
        same.evaluate({"result": "1"})
    assert same.evaluate({"result": 2.0}) is False


NUMBERS = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(-1e12, 1e12, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-9)
)


@given(NUMBERS, NUMBERS)
def test_arithmetic_and_order_are_those_of_numbers(left: float, right: float) -> None:
    env = {"a": left, "b": right}
    assert compile_expression("a + b").evaluate(env) == left + right
    assert compile_expression("a < b").evaluate(env) is (float(left) < float(right))
    assert compile_expression("a - b - a").evaluate(env) == left - right - left
    if right:
        assert compile_expression("a / b").evaluate(env) == pytest.approx(float(left) / float(right))


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_an_integer_overflows_at_64_bits(left: int, right: int) -> None:
    found = compile_expression("a * b").evaluate({"a": left, "b": right})
    assert isinstance(found, int)
    assert -(2**63) <= found < 2**63
    assert (found - left * right) % 2**64 == 0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20), st.floats(allow_nan=False))
def test_predicates_agree_with_one_another(numbers: list[float], bound: float) -> None:
    env: dict[str, Value] = {"result": Floats(numbers), "bound": bound}

    def said(text: str) -> Value:
        return compile_expression(text).evaluate(env)

    assert said("all(result, # < bound)") is all(number < bound for number in numbers)
    assert said("any(result, # < bound)") is not said("none(result, # < bound)")
    assert said("count(result, # < bound)") == said("len(filter(result, # < bound))")
    assert said("max(result)") == max(numbers, default=None)


@given(st.text(max_size=40))
def test_a_text_in_back_ticks_is_itself(text: str) -> None:
    assert value("`" + text.replace("`", "``") + "`") == text


@settings(max_examples=300)
@given(st.text(alphabet="result#.[](){}|&<>=!?:;,'\"`10 -+*/%^naifo\\\n", max_size=60))
def test_s12_no_text_does_anything_but_give_a_value_or_an_error_with_a_place(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        value(text, {"a": [1.0, math.nan]})


@settings(max_examples=200)
@given(st.text(alphabet="result#.[](){}|&<>=!?:;,'\"`10 -+*/%\\\n", max_size=60))
def test_a_text_that_cannot_be_read_points_into_itself(text: str) -> None:
    try:
        parse(text)
    except ExpressionError as error:
        found = error
    else:
        return
    lines = text.split("\n")
    assert 1 <= found.position.line <= len(lines)
    assert 1 <= found.column <= max(len(lines[found.position.line - 1]), 1)
