"""Tags in metrics: what gives way to an argument, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api.analysis import Metric
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.filling import fill, filled


def metric(**fields: Any) -> Metric:
    return Metric.read({"name": "rate", "provider": {"web": {"url": "http://metrics.example"}}} | fields)


@given(st.text(max_size=30))
def test_a15_4_a_value_arrives_as_it_is_quotes_newlines_and_tags_included(value: str) -> None:
    made = filled(metric(successCondition="result == '{{args.x}}'"), {"x": value})
    assert made.success_condition == f"result == '{value}'"


def test_s13_a_value_that_looks_like_a_tag_is_not_filled_in_again() -> None:
    made = filled(metric(successCondition="{{args.a}}"), {"a": "{{args.b}}", "b": "secret"})
    assert made.success_condition == "{{args.b}}"


def test_a15_4_a_count_may_be_a_tag() -> None:
    assert filled(metric(count="{{ args.n }}"), {"n": "5"}).wire()["count"] == "5"


def test_a15_4_blanks_around_a_tag_do_not_count() -> None:
    assert fill("a {{  args.x }} b", {"args.x": "1"}.get) == "a 1 b"


@pytest.mark.parametrize("tag", ["{{inputs.x}}", "{{args.y}}", "{{ .Values.x }}", "{{x}}", "{{}}"])
def test_a15_4_any_other_tag_is_refused_and_named(tag: str) -> None:
    with pytest.raises(Unusable) as caught:
        filled(metric(successCondition=f"result == {tag}"), {"x": "1"})
    assert f"failed to resolve {tag}" in str(caught.value)


def test_a15_4_a_tag_that_is_not_closed_ends_at_the_braces_of_the_metric() -> None:
    with pytest.raises(Unusable, match=r"failed to resolve \{\{args\.x"):
        filled(metric(successCondition="{{args.x"), {"x": "1"})
