"""The recorded outcomes, and the values they were recorded with."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tidegate.machine.expr.values import Floats, Value, from_json

RECORDED = Path(__file__).with_name("conformance.jsonl")
_SPECIAL = {"nan": math.nan, "inf": math.inf, "nans": Floats([math.nan])}


def _result(case: dict[str, Any]) -> Value:
    kind, value = case["result_kind"], case["result"]
    match kind:
        case "floats":
            return Floats(float(item) for item in value)
        case "float":
            return float(value)
        case "int":
            return int(value)
        case "json":
            return from_json(value)
        case _:
            return _SPECIAL[kind]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives a test that asks for `recorded` every recorded case, with its result in `recorded["given"]`."""
    if "recorded" in metafunc.fixturenames:
        cases = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
        for case in cases:
            case["given"] = _result(case)
        metafunc.parametrize(
            "recorded", cases, ids=[f"{number}:{case['expr']}" for number, case in enumerate(cases, 1)]
        )
