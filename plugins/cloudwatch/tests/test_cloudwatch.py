"""What CloudWatch is asked, and what its answers come to. The answers have the shape of the API reference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.hooks import PluginError, SpecError
from tidegate.hooks.loader import load_objects
from tidegate.hooks.records import PluginSelection, Status
from tidegate.machine.expr.values import Floats, Struct
from tidegate_cloudwatch import CloudWatch
from tidegate_cloudwatch.request import request_of

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def answer(*series: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"MetricDataResults": [*series], **more}


def test_the_queries_are_sent_as_the_api_has_them(desk: Any, make_series: Any) -> None:
    errors = {
        "Metric": {
            "Namespace": "AWS/ApplicationELB",
            "MetricName": "HTTPCode_Target_5XX_Count",
            "Dimensions": [{"Name": "LoadBalancer", "Value": "app/web/1"}],
        },
        "Period": 300,
        "Stat": "Sum",
    }
    requests = {**errors, "Metric": {**errors["Metric"], "MetricName": "RequestCount"}}  # type: ignore[dict-item]
    expected = {
        "StartTime": NOW - timedelta(minutes=5),
        "EndTime": NOW,
        "MetricDataQueries": [
            {"Id": "rate", "Expression": "errors / requests", "Label": "Error rate"},
            {"Id": "errors", "ReturnData": False, "MetricStat": {**errors, "Unit": "Count"}},
            {"Id": "requests", "ReturnData": False, "MetricStat": requests},
        ],
    }
    with desk.stub as aws:
        aws.add_response("get_metric_data", answer(make_series("rate", 0.1)), expected)
        assert desk.measure().value == "[[0.1]]"


def test_the_interval_and_the_period_of_an_expression_are_the_templates(desk: Any, make_series: Any) -> None:
    desk.given |= {
        "interval": "30m",
        "metricDataQueries": [{"id": "q", "expression": "SEARCH('x', 'Sum')", "period": "60"}],
    }
    expected = {
        "StartTime": NOW - timedelta(minutes=30),
        "EndTime": NOW,
        "MetricDataQueries": [{"Id": "q", "Expression": "SEARCH('x', 'Sum')", "Period": 60}],
    }
    with desk.stub as aws:
        aws.add_response("get_metric_data", answer(make_series("q", 1)), expected)
        assert desk.measure().value == "[[1]]"


def test_the_result_is_a_list_of_records_in_the_order_of_the_queries(desk: Any, make_series: Any) -> None:
    desk.given["metricDataQueries"] = [{"id": "a", "expression": "1"}, {"id": "b", "expression": "2"}]
    reading = desk.measured(answer(make_series("b", 3), make_series("a", 0.1, 0.2)))
    assert reading.value == "[[0.1 0.2] [3]]"
    assert reading.result == [
        {
            "Id": "a",
            "Label": "A",
            "StatusCode": "Complete",
            "Timestamps": [NOW, NOW - timedelta(minutes=5)],
            "Values": [0.1, 0.2],
            "Messages": [],
        },
        {"Id": "b", "Label": "B", "StatusCode": "Complete", "Timestamps": [NOW], "Values": [3.0], "Messages": []},
    ]
    assert all(isinstance(each, Struct) and isinstance(each["Values"], Floats) for each in reading.result)


def test_expression_52_reads_values_by_their_capitalised_name(desk: Any, make_series: Any) -> None:
    answers = [answer(make_series("rate", 0.01, 0.02))]
    assert desk.judge("all(result[0].Values, # < 0.05)", *answers) == ("Successful", "")
    assert desk.judge("all(result[0].Values, # < 0.015)", *answers) == ("Failed", "")
    assert desk.judge("all(result[0].values, # < 0.05)", *answers)[0] == "Error"
    assert desk.judge('result[0].StatusCode == "Complete"', *answers) == ("Successful", "")


def test_a_series_without_points_has_empty_values(desk: Any, make_series: Any) -> None:
    answers = [answer(make_series("rate"))]
    assert desk.measured(*answers).value == "[[]]"
    assert desk.judge("len(result[0].Values) == 0 || result[0].Values[0] < 1", *answers) == ("Successful", "")
    assert desk.judge("result[0].Values[0] < 1", *answers)[0] == "Error"


def test_no_series_at_all_is_no_data(desk: Any) -> None:
    assert desk.measured(answer()).value == "[]"
    phase, message = desk.judge("result[0].Values[0] < 1", answer())
    assert (phase, "no data returned from the metric provider" in message) == ("Error", True)


@pytest.mark.parametrize("code", ["PartialData", "InternalError", "Forbidden"])
def test_a_status_of_missing_data_is_no_error_by_itself(desk: Any, make_series: Any, code: str) -> None:
    said = [{"Code": "Forbidden", "Value": "not your account"}]
    answers = [answer(make_series("rate", 0.5, StatusCode=code, Messages=said))]
    assert desk.judge("result[0].Values[0] < 1", *answers) == ("Successful", "")
    assert desk.judge('result[0].StatusCode == "Complete"', *answers) == ("Failed", "")
    assert desk.judge('result[0].Messages[0].Value contains "your"', *answers) == ("Successful", "")


def test_what_aws_says_of_the_whole_answer_is_kept_with_the_measurement(desk: Any, make_series: Any) -> None:
    said = [{"Code": "MaxMetricsExceeded", "Value": "100 of 120"}, {"Code": "Other", "Value": "words"}]
    reading = desk.measured(answer(make_series("rate", 1), Messages=said))
    assert reading.metadata == {"messages": "MaxMetricsExceeded: 100 of 120; Other: words"}
    assert desk.measured(answer(make_series("rate", 1))).metadata == {}


def test_a_series_over_several_pages_is_one(desk: Any, make_series: Any) -> None:
    first = answer(make_series("rate", 1, 2, StatusCode="PartialData"), make_series("x", 9), NextToken="t1")
    with desk.stub as aws:
        aws.add_response("get_metric_data", first)
        aws.add_response("get_metric_data", answer(make_series("rate", 3)))
        reading = desk.measure()
    assert reading.value == "[[1 2 3] [9]]"
    assert reading.result[0]["StatusCode"] == "Complete"
    assert len(reading.result[0]["Timestamps"]) == 3


def test_the_next_page_is_asked_for_by_its_token(desk: Any, make_series: Any) -> None:
    with desk.stub as aws:
        aws.add_response("get_metric_data", answer(make_series("rate", 1), NextToken="t1"))
        aws.add_client_error(
            "get_metric_data", "InvalidNextToken", expected_params={**desk_request(desk), "NextToken": "t1"}
        )
        with pytest.raises(PluginError, match="InvalidNextToken"):
            desk.measure()


def desk_request(desk: Any) -> dict[str, Any]:
    return dict(request_of(desk.query.config, NOW))


def test_pages_without_end_are_an_error(desk: Any, make_series: Any) -> None:
    with pytest.raises(PluginError, match="more than 10 pages; shorten the interval"):
        desk.measured(*[answer(make_series("rate", 1), NextToken="t")] * 10)


def test_several_series_of_one_search_stay_apart(desk: Any, make_series: Any) -> None:
    series = [make_series("rate", 2, Label="pod-b"), make_series("rate", 1, Label="pod-a")]
    assert desk.measured(answer(*series)).value == "[[2] [1]]"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InvalidClientTokenId", 403),
        ("AccessDenied", 403),
        ("ExpiredToken", 401),
        ("ValidationError", 400),
        ("InternalServiceFault", 500),
    ],
)
def test_a_refusal_is_an_error_with_its_code_and_words(desk: Any, code: str, status: int) -> None:
    with desk.stub as aws:
        aws.add_client_error("get_metric_data", code, "said so", status)
        with pytest.raises(PluginError) as raised:
            desk.measure()
    assert str(raised.value) == f"cloudwatch refuses GetMetricData: {code}: said so"


def test_a_measurement_leaves_nothing_behind_for_the_next(desk: Any, make_series: Any) -> None:
    found = [desk.measured(answer(make_series("rate", value))).value for value in (1, 2)]
    assert found == ["[[1]]", "[[2]]"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metricDataQueries": []}, ".metricDataQueries: Required value: at least one query is needed"),
        ({"metricDataQueries": None}, ".metricDataQueries: Required value: at least one query is needed"),
        ({"interval": "5"}, '.interval: Invalid value: "5": time: missing unit in duration "5"; write it as in 5m'),
        ({"interval": "-5m"}, '.interval: Invalid value: "-5m": must be above 0, as in 5m'),
    ],
    ids=["none", "null", "no-unit", "negative"],
)
def test_a_config_that_cannot_work_is_found_before_and_when_aws_is_asked(
    desk: Any, change: dict[str, Any], said: str
) -> None:
    desk.given |= change
    (found,) = desk.faults()
    assert found == f"spec.metrics[0].provider.cloudWatch{said}"
    with pytest.raises(SpecError):
        desk.measure()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"expression": "1"}, "[0].id: Required value"),
        ({"id": "Rate", "expression": "1"}, '[0].id: Invalid value: "Rate"'),
        ({"id": "a"}, '[0]: Invalid value: "a": give exactly one of expression and metricStat'),
        ({"id": "a", "expression": "1", "period": "five"}, '[0].period: Invalid value: "five"'),
        ({"id": "a", "expression": "1", "period": 0}, "[0].period: Invalid value: 0"),
        (
            {"id": "a", "metricStat": {"period": 60, "stat": "Sum", "metric": {"namespace": "x"}}},
            "[0].metricStat.metric.metricName: Required value",
        ),
        (
            {"id": "a", "metricStat": {"period": 60, "metric": {"metricName": "x"}}},
            "[0].metricStat.stat: Required value",
        ),
        (
            {"id": "a", "metricStat": {"stat": "Sum", "metric": {"metricName": "x"}}},
            '[0].metricStat.period: Invalid value: ""',
        ),
    ],
    ids=["no-id", "bad-id", "neither", "word", "zero", "no-name", "no-stat", "no-period"],
)
def test_a_query_that_aws_would_refuse_is_found_by_field(desk: Any, query: dict[str, Any], field: str) -> None:
    desk.given["metricDataQueries"] = [query]
    (found,) = desk.faults()
    assert found.startswith(f"spec.metrics[0].provider.cloudWatch.metricDataQueries{field}")


def test_ids_are_distinct_and_queries_bounded(desk: Any) -> None:
    desk.given["metricDataQueries"] = [{"id": "a", "expression": "1"}] * 2
    assert desk.faults() == [
        'spec.metrics[0].provider.cloudWatch.metricDataQueries[1].id: Invalid value: "a": '
        "is taken by another query; give each its own"
    ]
    desk.given["metricDataQueries"] = [{"id": f"q{index}", "expression": "1"} for index in range(501)]
    assert ["at most 500 queries" in each for each in desk.faults()] == [True]


def test_what_arguments_fill_in_is_not_judged_before_it_is_known(desk: Any) -> None:
    query = {"id": "a", "expression": "1", "period": "dummy-value"}
    desk.given |= {"interval": "placeholder", "metricDataQueries": [query]}
    assert desk.faults() == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpointUrl": "aws.test"}, "must be a URL like"),
        ({"region": "eu central"}, "region"),
        ({"profile": "[x]"}, "must be the name of a profile"),
        ({"timeoutSeconds": 0}, "timeoutSeconds"),
        ({"token": "x"}, "token"),
    ],
    ids=["endpoint", "region", "profile", "timeout", "unknown"],
)
def test_settings_that_cannot_work_fail_at_load(settings: dict[str, Any], said: str) -> None:
    loaded = load_objects({"cloudwatch": CloudWatch}, PluginSelection(settings={"cloudwatch": settings}))
    (record,) = loaded.plugins
    assert record.status is Status.FAILED
    assert said in record.error


def test_it_loads_under_the_key_that_templates_use() -> None:
    (record,) = load_objects({"cloudwatch": CloudWatch}).plugins
    found = (record.status, record.error, record.meter, record.title)
    assert found == (Status.LOADED, "", "cloudWatch", "CloudWatch")
