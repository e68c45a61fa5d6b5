"""Every outcome recorded with the reference's own evaluator, expr-lang 1.17.8 in the environment of Argo Rollouts.

`conformance.jsonl` holds them; a line is an expression, a result and how it was typed (`floats` is Go's []float64,
`json` what decodes from JSON), and either the value with its Go type, or the error and when it came.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest

from tidegate.machine.expr.expression import compile_expression
from tidegate.machine.expr.faults import ExpressionError
from tidegate.machine.expr.values import go_type

# Go's type of the recorded value where ours is wider: one integer type, and lists and maps of anything.
_TYPES = {"int64": "int", "[]int": "list", "[]string": "list", "[]float64": "list", "[]interface {}": "list"}


def _plain(value: object) -> object:
    """A value in the form it was recorded in."""
    if isinstance(value, float) and math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return [_plain(item) for item in value] if isinstance(value, list | range) else value


def test_a_recorded_expression_has_its_recorded_outcome(recorded: dict[str, Any]) -> None:
    if "ok" not in recorded:
        with pytest.raises(ExpressionError):
            compile_expression(recorded["expr"]).evaluate({"result": recorded["given"]})
        return
    value = compile_expression(recorded["expr"]).evaluate({"result": recorded["given"]})
    assert _plain(value) == recorded["ok"]["value"]
    wanted = recorded["ok"]["go_type"]
    if not wanted.startswith(("[]", "map")):
        assert go_type(value) == _TYPES.get(wanted, wanted)
