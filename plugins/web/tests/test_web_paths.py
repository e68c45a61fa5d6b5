"""JSONPath as kubectl has it: the reference's recorded cases, and what a path must not be able to do."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.hooks import PluginError
from tidegate.machine.expr.values import from_json
from tidegate_web.nodes import PathError
from tidegate_web.paths import Template

RECORDED = json.loads((Path(__file__).parent / "recorded_paths.json").read_text(encoding="utf-8"))
DOCUMENT = from_json(json.loads(RECORDED["document"]))


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["name"])
def test_i12_a_recorded_path_gives_what_the_reference_gave(desk: Any, case: dict[str, Any]) -> None:
    desk.server.get("http://health/q", body=RECORDED["document"])
    if case["error"]:
        with pytest.raises((PathError, PluginError)) as caught:
            desk.measure(jsonPath=case["jsonPath"])
        assert str(caught.value) == case["error"]
    else:
        assert desk.measure(jsonPath=case["jsonPath"]).value == case["value"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("{}", DOCUMENT),
        ("{@.s}", "text"),
        ("{$.a['b'][2]['k']}", "x"),
        ("{.items[1:].k}", "w"),
        ("{.items[-2:].k}", "v"),
        ("{.items[0,1].n}", 1.0),
        ("{.items[::2].k}", "v"),
        ("{.items.*.n}", 1.0),
        ("{.items[?(@.n>1)].k}", "w"),
        ("{.items[?(@.n==2)].k}", "w"),
        ("{.items[?(@.n!=1)].k}", "w"),
        ('{.items[?(@.k>="w")].n}', 2.0),
        ("{.items[?(@.n)].k}", "v"),
        ("{'quoted \\' text'}", "quoted ' text"),
        ("{1.5}", 1.5),
        ("{true}", True),
        ("{range .items[*]}{.k}{end}{.s}", "v"),
        ("{range .e[*]}{.k}{end}{.s}", "text"),
        ("{..k}", "x"),
    ],
)
def test_a_path_leads_to_its_first_value(path: str, value: object) -> None:
    assert Template(path).first(DOCUMENT) == (True, value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{$.s", "unclosed action"),
        ("{.items[0}", "unterminated array"),
        ("{.items[x]}", "invalid array index x"),
        ("{.items[?(@.k=='v'}", "unterminated filter"),
        ("{.items[?(@.k=='v')}", "unclosed array expect ]"),
        ("{'a}", "unterminated quoted string"),
        ("{hello}", "unrecognized identifier hello"),
        ("{....a}", "invalid multiple recursive descent"),
        ("{.a!}", "a! is not found"),
        ("{!}", "unrecognized character in action: U+0021 '!'"),
        ("{1.2.3}", "cannot parse number 1.2.3"),
        ("{.items[0:1:0]}", "step must be > 0"),
        ("{.items[1:0]}", "starting index 1 is greater than ending index 0"),
        ("{.s[0]}", "string is not array or slice"),
        ("{.a[?(@.x==1)]}", "map[string]interface {} is not array or slice and cannot be filtered"),
        ("{.items[?(@.k==1)]}", "incompatible types for comparison"),
        ("{.items[?(@.k=!1)]}", "unrecognized filter operator =!"),
        ("{end}", "not in range, nothing to end"),
    ],
)
def test_a_path_that_leads_nowhere_says_why(path: str, said: str) -> None:
    with pytest.raises(PathError) as caught:
        Template(path).first(DOCUMENT)
    assert said in str(caught.value)


def test_a_path_that_multiplies_is_refused() -> None:
    wide = [[[float(n) for n in range(30)] for _ in range(30)] for _ in range(30)]
    with pytest.raises(PathError, match="more than 100000 values"):
        Template("{" + "..[*]" * 12 + "}").first(wide)


def test_paths_within_paths_end() -> None:
    with pytest.raises(PathError):
        Template("{" + "[?(" * 200 + "@" + ")]" * 200 + "}").first([])


@given(st.text(alphabet="{}[]().$@*?'\"=<!,:-0123ab \\\n", max_size=40))
def test_any_text_is_a_path_or_a_path_error(text: str) -> None:
    """A PathError is an answer; anything else fails the test."""
    with contextlib.suppress(PathError):
        found, value = Template(text).first(DOCUMENT)
        assert found or value is None
