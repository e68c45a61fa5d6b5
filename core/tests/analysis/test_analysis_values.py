"""Tags, secrets and conditions (specification of analysis, sections 3.3, 3.4 and 10.1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.api.analysis import AnalysisRun, Measurement, Metric
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.filling import fill, filled
from tidegate.machine.analysis.late import Late, secret_refs
from tidegate.machine.analysis.verdicts import NO_DATA, Reading, measurement_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_metric(**fields: Any) -> Metric:
    return Metric.read({"name": "m", "provider": {"fake": {}}, **fields})


# --- tags ---


@pytest.mark.parametrize("value", ['a "quoted" word', "back\\slash", "two\nlines", "tab\t", "{{args.y}}", "é ☃", ""])
def test_row_4_a_value_arrives_as_it_was_given(value: str) -> None:
    metric = filled(a_metric(successCondition="result == '{{args.x}}'"), {"x": value, "y": "no"})
    assert metric.success_condition == f"result == '{value}'"


def test_row_4_every_text_of_a_metric_is_filled_in() -> None:
    written = a_metric(
        name="{{ args.x }}", count="{{args.n}}", provider={"fake": {"deep": [{"q": "rate({{args.x}}[{{args.n}}m])"}]}}
    )
    metric = filled(written, {"x": "http", "n": "5"})
    assert (metric.name, metric.count) == ("http", "5")
    assert metric.provider == {"fake": {"deep": [{"q": "rate(http[5m])"}]}}


@pytest.mark.parametrize("tag", ["args.none", "args", "x", "", " other.x ", "args.x.y", '"{{"'])
def test_row_4_an_unknown_tag_is_an_error(tag: str) -> None:
    with pytest.raises(Unusable, match=r"failed to resolve \{\{"):
        filled(a_metric(successCondition="{{" + tag + "}}"), {"x": "1"})


def test_row_4_an_open_tag_is_closed_by_the_braces_of_the_metric() -> None:
    with pytest.raises(Unusable) as found:
        filled(a_metric(successCondition="{{args.p"), {"p": "1"})
    assert str(found.value).startswith('failed to resolve {{args.p","provider":{"fake":{')


def test_a_tag_without_any_end_is_an_error() -> None:
    with pytest.raises(Unusable, match="Cannot find end tag"):
        fill("a {{args.p", lambda _: "1")


def test_filling_in_is_bounded() -> None:
    with pytest.raises(Unusable, match="grows beyond"):
        fill("{{x}}" * 100, lambda _: "y" * 100_000)


# --- secrets ---


def a_run(*args: dict[str, Any]) -> AnalysisRun:
    metrics = [{"name": "m", "provider": {"fake": {"token": "{{args.token}}"}}}]
    return AnalysisRun.read(
        {"metadata": {"name": "r", "namespace": "shop"}, "spec": {"metrics": metrics, "args": list(args)}}
    )


SECRET = {"name": "token", "value": "plain", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}


def test_row_3_a_secret_wins_over_a_value_when_measuring() -> None:
    late = Late.of(a_run(SECRET), {"s": {"k": "hunter22"}})
    assert late.metric(0).provider == {"fake": {"token": "hunter22"}}
    assert [(ref.name, ref.key) for ref in secret_refs(a_run(SECRET, SECRET))] == [("s", "k")]


@pytest.mark.parametrize(
    ("secrets", "text"),
    [({}, 'secrets "s" not found'), ({"s": {}}, "key 'k' does not exist in secret 's'")],
)
def test_a_secret_that_is_not_there_is_named(secrets: dict[str, dict[str, str]], text: str) -> None:
    with pytest.raises(Unusable) as found:
        Late.of(a_run(SECRET), secrets)
    assert str(found.value) == text


def test_a_secret_is_shown_nowhere_in_a_measurement() -> None:
    late = Late.of(a_run(SECRET), {"s": {"k": "hunter22"}})
    said = "401 for hunter22"
    shown = late.hidden(Measurement(phase="Error", message=said, value=said, metadata={"query": said}))
    assert "hunter22" not in shown.model_dump_json()
    assert shown.message == "401 for *****"
    assert "hunter22" not in repr(late)


def test_a_secret_that_is_a_mere_number_leaves_values_readable() -> None:
    late = Late.of(a_run(SECRET), {"s": {"k": "5"}})
    shown = late.hidden(Measurement(phase="Failed", message="limit 5", value="0.95"))
    assert (shown.message, shown.value) == ("limit *****", "0.95")


# --- conditions ---


def holds(condition: str, result: Any) -> bool:
    """`t` and `f` are true and false, everything else cannot be judged."""
    if condition not in ("t", "f"):
        raise ValueError("unknown name x")
    return condition == "t"


@pytest.mark.parametrize(
    ("success", "failure", "phase"),
    [
        ("", "", "Successful"),
        ("t", "", "Successful"),
        ("f", "", "Failed"),
        ("", "t", "Failed"),
        ("", "f", "Successful"),
        ("t", "t", "Failed"),
        ("f", "t", "Failed"),
        ("t", "f", "Successful"),
        ("f", "f", "Inconclusive"),
        ("x", "t", "Error"),
        ("t", "x", "Error"),
    ],
)
def test_two_conditions_make_one_phase(success: str, failure: str, phase: str) -> None:
    metric = a_metric(successCondition=success, failureCondition=failure)
    assert measurement_of(metric, Reading(result=1.0), holds, NOW, NOW).phase == phase


@pytest.mark.parametrize(("result", "cause"), [(1.0, "unknown name x"), (None, NO_DATA), ([], NO_DATA)])
def test_a_condition_that_cannot_be_judged_is_quoted_with_its_cause(result: Any, cause: str) -> None:
    found = measurement_of(a_metric(successCondition="x"), Reading(result=result), holds, NOW, NOW)
    assert found.message == f'could not evaluate successCondition "x": {cause}'


def test_a_condition_that_can_be_judged_without_data_is_honoured() -> None:
    assert measurement_of(a_metric(successCondition="t"), Reading(), holds, NOW, NOW).phase == "Successful"


def test_a_provider_that_judges_for_itself_is_believed_and_may_last() -> None:
    found = measurement_of(a_metric(successCondition="x"), Reading(phase="Running", resume_at=NOW), holds, NOW, NOW)
    assert (found.phase, found.finished_at, found.resume_at) == ("Running", None, NOW)


def test_a_phase_that_does_not_exist_is_an_error_of_the_measurement() -> None:
    found = measurement_of(a_metric(), Reading(phase="Fine"), holds, NOW, NOW)
    assert (found.phase, found.finished_at) == ("Error", NOW)
    assert "'Fine'" in found.message
