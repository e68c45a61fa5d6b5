"""The expressions that people write, with what each comes to."""

from __future__ import annotations

import math

import pytest

from tidegate.machine.expr.conditions import holds
from tidegate.machine.expr.faults import ExpressionError
from tidegate.machine.expr.values import Floats, Struct, Value

OK = {"ok": True, "successPercent": 0.95}
CLOUDWATCH = [Struct(Id="rate", Values=Floats([0.01, 0.02]))]
HOLD: tuple[tuple[str, Value, str, bool], ...] = (
    ("01", Floats([0.97]), "result[0] >= 0.95", True),
    ("02", Floats([0.90]), "result[0] >= 0.95", False),
    ("04", Floats([]), "len(result) == 0 || result[0] < 0.05", True),
    ("05", Floats([0.2]), "len(result) == 0 || result[0] < 0.05", False),
    ("06", Floats([2, 3, 4]), "all(result, {# > 1})", True),
    ("07", Floats([2, 0]), "all(result, # > 1)", False),
    ("08", Floats([]), "all(result, # > 1)", True),
    ("09", Floats([]), "any(result, # > 1)", False),
    ("10", Floats([1, 9]), "none(result, # > 5)", False),
    ("11", Floats([1, 9]), "count(result, # > 5) <= 1", True),
    ("12", Floats([1, 9]), "len(filter(result, # > 5)) == 1", True),
    ("13", Floats([1, 3]), "sum(result) / len(result) == 2", True),
    ("14", Floats([1, 3]), "max(result) < 4 and min(result) >= 1", True),
    ("16", Floats([math.nan]), "isNaN(result[0])", True),
    ("17", Floats([math.nan]), "result[0] >= 0", False),
    ("18", Floats([math.nan]), "isNaN(result[0]) || result[0] < 0.05", True),
    ("19", Floats([math.inf]), "isInf(result[0])", True),
    ("23", Floats([2, 2]), "2 in result", True),
    ("24", Floats([1, 2, 3]), "result[-1] == 3", True),
    ("25", None, "default(result, 0) < 0.05", True),
    ("27", Floats([5]), "default(result[0], 0) == 5", False),
    ("28", None, "isNil(result)", True),
    ("29", {"a": None}, "isNil(result.a)", False),
    ("30", {"a": None}, "result.a == nil", True),
    ("31", None, "(result ?? 0) < 1", True),
    ("33", "1", "asInt(result) == 1", True),
    ("34", 1.9, "asInt(result) == 1", True),
    ("36", "1.1", "asFloat(result) >= 1.1", True),
    ("39", True, "result", True),
    ("42", "ok", 'result == "ok" || result matches "^up"', True),
    ("43", OK, "result.ok && result.successPercent >= 0.90", True),
    ("46", {}, "result?.a?.b == nil", True),
    ("47", {"code": 204.0}, "result.code in [200, 204]", True),
    ("48b", 7.0, "int(result) % 2 == 1", True),
    ("49b", 5.0, "not (result > 1)", False),
    ("50", 5.0, "1 < result < 10 ? true : false", True),
    ("52", CLOUDWATCH, "all(result[0].Values, # < 0.05)", True),
    ("53", {"any": "thing"}, "true", True),
)
REFUSED: tuple[tuple[str, Value, str, str], ...] = (
    ("03", Floats([]), "result[0] >= 0.95", "index out of range: 0 (array length is 0) (1:7)"),
    ("15", Floats([]), "max(result) < 4", "invalid operation: <nil> < int"),
    ("20", Floats([0.5]), "isNaN(result)", "cannot use []float64 as argument (type float64) to call isNaN (1:7)"),
    ("21", Floats([0.5]), "result > 0.1", "invalid operation: > (mismatched types []float64 and float64) (1:8)"),
    (
        "22",
        Floats([0.5]),
        "result.value > 0.1",
        "array elements can only be selected using an integer (got string) (1:8)",
    ),
    ("26", Floats([]), "default(result, 0) < 0.05", "invalid operation: []float64 < float64 (1:20)"),
    ("32", 0.5, "result ?? 0 < 1", "Operator (<) and coalesce expressions (??) cannot be mixed."),
    ("35", "1.1", "asInt(result) == 1", 'strconv.ParseInt: parsing "1.1": invalid syntax (1:1)'),
    ("37", "x", "asFloat(result) > 1", 'strconv.ParseFloat: parsing "x": invalid syntax (1:1)'),
    ("38", "1.1", 'asFloat(result) == "1.1"', "invalid operation: == (mismatched types float64 and string)"),
    ("40", True, "result == 'true'", "invalid operation: == (mismatched types bool and string) (1:8)"),
    ("41", 0.5, "result", "expected bool, but got float64"),
    ("44", {"a": 1.0}, "result.b > 1", "invalid operation: <nil> > int"),
    ("45", {"a": 1.0}, "result.b && true", "expected bool, but got <nil>"),
    ("48", 7.0, "result % 2 == 1", "invalid operation: % (mismatched types float64 and int)"),
    ("49", 5.0, "not result > 1", "invalid operation: not (mismatched type float64)"),
    ("51", 5.0, "latency < 10", "unknown name latency (1:1)"),
    ("52b", CLOUDWATCH, "all(result[0].values, # < 0.05)", "cannot fetch values: no such field"),
    ("20j", [0.5], "isNaN(result)", "cannot use []interface {} as argument (type float64) to call isNaN"),
    ("21j", [0.5], "result > 0.1", "invalid operation: > (mismatched types []interface {} and float64)"),
    ("54", 0.5, "result >", "unexpected token EOF"),
)


@pytest.mark.parametrize(("row", "result", "condition", "answer"), HOLD, ids=[row[0] for row in HOLD])
def test_a15_2_a_condition_holds_or_not(row: str, result: Value, condition: str, answer: bool) -> None:
    assert holds(condition, result) is answer


@pytest.mark.parametrize(("row", "result", "condition", "text"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a15_2_a_condition_that_cannot_be_judged_says_why(row: str, result: Value, condition: str, text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        holds(condition, result)
    assert text in str(caught.value)
