"""PromQL over samples in memory: the values, the labels and the errors that Prometheus gives."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest

from tidegate_sandbox.promql.evaluation import instant, ranged
from tidegate_sandbox.promql.samples import KEPT_MS, SERIES, Samples, TooManySeries
from tidegate_sandbox.promql.values import NAME, QueryError, Sample, Scalar, Vector, labels_of

EVERY_MS, NOW_MS = 15_000, 1_800_000_000_000
BUCKETS = (("0.1", 6), ("0.5", 9), ("+Inf", 10))


def a_sample(name: str, value: float, **labels: str) -> Sample:
    return Sample(labels_of({**labels, NAME: name}.items()), value)


@pytest.fixture
def samples() -> Samples:
    """Eleven minutes in steps of 15 s: v1 answers 10 a second, v2 answers 1 a second of which a tenth fails."""
    found = Samples()
    for step in range(45):
        at, seconds = NOW_MS - (44 - step) * EVERY_MS, step * 15
        found.add(
            at,
            [
                a_sample("requests_total", 1000 + 10 * seconds, version="v1", code="200"),
                a_sample("requests_total", 0.0, version="v1", code="500"),
                a_sample("requests_total", 1000 + 0.9 * seconds, version="v2", code="200"),
                a_sample("requests_total", 1000 + 0.1 * seconds, version="v2", code="500"),
                a_sample("restarting_total", 100.0 * (step % 5), version="v1"),
                a_sample("load", float(step), version="v1"),
                *(a_sample("took_bucket", float(count * step), le=le) for le, count in BUCKETS),
            ],
        )
    found.add(NOW_MS - 6 * 60_000, [a_sample("gone", 1.0)])
    return found


def answer(samples: Samples, query: str, now_ms: int = NOW_MS) -> dict[str, float] | float:
    """A number, or the values of a vector by their labels as text, rounded to nine digits."""
    value = instant(query, samples, now_ms)
    if isinstance(value, Scalar):
        return round(value.value, 9)
    assert isinstance(value, Vector)
    return {
        ",".join(f"{name}={text}" for name, text in sample.labels): round(sample.value, 9) for sample in value.samples
    }


SUCCESS = 'sum(rate(requests_total{version="v2",code!~"5.."}[5m])) / sum(rate(requests_total{version="v2"}[5m]))'


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("1 + 2 * 3 ^ 2", 19.0, id="precedence"),
        pytest.param("-2 ^ 2", -4.0, id="unary-after-power"),
        pytest.param("7 % 4 - 1", 2.0, id="remainder"),
        pytest.param("3 > bool 2", 1.0, id="comparison-of-numbers"),
        pytest.param("1 / 0", math.inf, id="by-zero"),
        pytest.param("vector(5)", {"": 5.0}, id="vector"),
        pytest.param("scalar(load)", 44.0, id="scalar"),
        pytest.param('load{version="v1"}', {"__name__=load,version=v1": 44.0}, id="equal"),
        pytest.param('load{version!="v1"}', {}, id="not-equal"),
        pytest.param('{__name__=~"lo.d"}', {"__name__=load,version=v1": 44.0}, id="regex-is-anchored"),
        pytest.param('{__name__=~"oa"}', {}, id="regex-takes-no-part"),
        pytest.param('load{version!~"v2|v3"}', {"__name__=load,version=v1": 44.0}, id="not-regex"),
        pytest.param('load{pod=""}', {"__name__=load,version=v1": 44.0}, id="absent-label-is-empty"),
        pytest.param("gone", {}, id="older-than-five-minutes"),
        pytest.param("load offset 1m", {"__name__=load,version=v1": 40.0}, id="offset"),
        pytest.param('rate(requests_total{version="v1",code="200"}[5m])', {"code=200,version=v1": 10.0}, id="rate"),
        pytest.param('increase(requests_total{code="500",version="v2"}[1m])', {"code=500,version=v2": 6.0}, id="increase"),
        pytest.param("delta(load[1m])", {"version=v1": 4.0}, id="delta"),
        pytest.param("idelta(load[1m])", {"version=v1": 1.0}, id="idelta"),
        pytest.param("irate(load[1m])", {"version=v1": round(1 / 15, 9)}, id="irate"),
        # 100 200 300 400 (0): the four samples after the bound are 100 200 300 400, grown by 300 in 45 s of 60.
        pytest.param("increase(restarting_total[1m])", {"version=v1": 400.0}, id="four-samples-extended-to-a-minute"),
        # 0 100 200 300 400: the fall to 0 counts nothing, the rise to 400 follows.
        pytest.param("increase(restarting_total[75s])", {"version=v1": 400.0}, id="no-growth-before-zero"),
        pytest.param("sum_over_time(load[1m])", {"version=v1": 170.0}, id="sum-over-time"),
        pytest.param("avg_over_time(load[1m])", {"version=v1": 42.5}, id="avg-over-time"),
        pytest.param("max_over_time(load[1m])", {"version=v1": 44.0}, id="max-over-time"),
        pytest.param("min_over_time(load[1m])", {"version=v1": 41.0}, id="min-over-time"),
        pytest.param("count_over_time(load[1m])", {"version=v1": 4.0}, id="the-range-is-open-on-the-left"),
        pytest.param("last_over_time(load[1m])", {"__name__=load,version=v1": 44.0}, id="last-keeps-the-name"),
        pytest.param("rate(load[10s])", {}, id="one-sample-has-no-rate"),
        pytest.param("sum(requests_total)", {"": 10260.0}, id="sum"),
        pytest.param("sum by (version) (requests_total)", {"version=v1": 7600.0, "version=v2": 2660.0}, id="by"),
        pytest.param("sum without (code) (requests_total)", {"version=v1": 7600.0, "version=v2": 2660.0}, id="without"),
        pytest.param("avg(requests_total)", {"": 2565.0}, id="avg"),
        pytest.param("max by (code) (requests_total)", {"code=200": 7600.0, "code=500": 1066.0}, id="max"),
        pytest.param("min(requests_total)", {"": 0.0}, id="min"),
        pytest.param("count by (version) (requests_total)", {"version=v1": 2.0, "version=v2": 2.0}, id="count"),
        pytest.param("sum(nothing)", {}, id="sum-of-nothing-is-nothing"),
        pytest.param(SUCCESS, {"": 0.9}, id="success-rate"),
        pytest.param(
            "sum by (version) (rate(requests_total[1m])) / on(version) sum by (version) (rate(requests_total[5m]))",
            {"version=v1": 1.0, "version=v2": 1.0},
            id="on",
        ),
        pytest.param(
            'rate(requests_total{code="500"}[5m]) / ignoring(code) rate(requests_total{code="200"}[5m])',
            {"version=v1": 0.0, "version=v2": round(1 / 9, 9)},
            id="ignoring",
        ),
        pytest.param("requests_total > 2000", {"__name__=requests_total,code=200,version=v1": 7600.0}, id="filter"),
        pytest.param("10 > bool load", {"version=v1": 0.0}, id="bool"),
        pytest.param("nothing or vector(1)", {"": 1.0}, id="or"),
        pytest.param("load and restarting_total", {"__name__=load,version=v1": 44.0}, id="and"),
        pytest.param("load unless restarting_total", {}, id="unless"),
        # 7 of 10 answers: a third of the way through the bucket from 0.1 to 0.5, which holds the 7th to the 9th.
        pytest.param("histogram_quantile(0.7, took_bucket)", {"": round(0.1 + 0.4 / 3, 9)}, id="quantile"),
        pytest.param("histogram_quantile(0.99, took_bucket)", {"": 0.5}, id="quantile-above-the-last-bound"),
        pytest.param("clamp_max(load, 1)", {"version=v1": 1.0}, id="clamp"),
        pytest.param("round(load / 10)", {"version=v1": 4.0}, id="round"),
        pytest.param("time()", NOW_MS / 1000, id="time"),
    ],
)  # fmt: skip
def test_a_query_has_the_value_that_prometheus_gives(samples: Samples, query: str, expected: object) -> None:
    assert answer(samples, query) == expected


def test_nothing_divided_by_nothing_is_nan(samples: Samples) -> None:
    value = instant('rate(requests_total{code="500",version="v1"}[5m]) / 0', samples, NOW_MS)

    assert isinstance(value, Vector)
    assert math.isnan(value.samples[0].value)


@pytest.mark.parametrize(
    ("query", "place", "reason"),
    [
        ("sum(rate(a[5m])", "1:16", "unclosed left parenthesis"),
        ("rate(\n  nosuch(a))", "2:3", "unknown function with name 'nosuch'"),
        ("1 1", "1:3", "invalid promql query"),
        ("a[5x]", "1:3", "bad number or duration syntax: 5x"),
        ('a{x=~"("}', "1:7", "illegal regex for ("),
        ("", "1:1", "no expression found in input"),
    ],
)
def test_an_error_points_at_its_column(samples: Samples, query: str, place: str, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        instant(query, samples, NOW_MS)

    assert str(caught.value) == f'invalid parameter "query": {place}: parse error: {reason}'
    assert caught.value.kind == "bad_data"


@pytest.mark.parametrize(
    "query",
    ["topk(1, load)", "stddev(load)", "predict_linear(load[5m], 60)", "max_over_time(load[5m:1m])", "load @ 5",
     "load * on(version) group_left load"],
)  # fmt: skip
def test_what_is_not_served_is_refused_by_name(samples: Samples, query: str) -> None:
    with pytest.raises(QueryError, match=r"not served by the sandbox|takes one instant vector"):
        instant(query, samples, NOW_MS)


def test_two_partners_for_one_sample_are_an_execution_error(samples: Samples) -> None:
    with pytest.raises(QueryError, match="found duplicate series for the match group") as caught:
        instant("requests_total / on(version) requests_total", samples, NOW_MS)

    assert caught.value.kind == "execution"


ODD = {
    "deep": "(" * 990 + "1" + ")" * 990,
    "signs": "-" * 1990 + "1",
    "long sum": "1" + "+1" * 990,
    "too long": "x" * 20_000,
    "range without end": "a[" + "9" * 30 + "y]",
    "range with exponent": "load[1E+300]",
    "step with exponent": "load[5m:9e99]",
    "offset with exponent": "load offset 1e30",
    "long offset": "load offset 99999y",
    "far away": "load @ 1e300",
    "rare operator": "load atan2 load",
    "round to nothing": "round(load, 0)",
    "no real number": "(-8) ^ 0.5",
    "power of nothing": "0 ^ -1",
    "overflow": "1e300 ^ 9",
    "open groups": 'a{b=~"' + "(" * 500 + '"}',
}


@pytest.mark.parametrize("query", ODD.values(), ids=ODD)
def test_odd_queries_are_answered_or_refused(samples: Samples, query: str) -> None:
    with suppress(QueryError):
        assert instant(query, samples, NOW_MS)


def test_a_range_query_has_a_value_at_each_step(samples: Samples) -> None:
    found = ranged("load", samples, range(NOW_MS - 60_000, NOW_MS + 1, 30_000))

    (series,) = found.stretches
    assert list(series.times_ms) == [NOW_MS - 60_000, NOW_MS - 30_000, NOW_MS]
    assert list(series.values) == [40.0, 42.0, 44.0]


@pytest.mark.parametrize(("query", "steps"), [("load[5m]", 1), ('"text"', 1), ("load", 11_001)])
def test_a_range_query_without_numbers_or_with_too_many_steps_is_refused(
    samples: Samples, query: str, steps: int
) -> None:
    with pytest.raises(QueryError, match=r"invalid expression type|maximum resolution"):
        ranged(query, samples, range(NOW_MS, NOW_MS + steps))


def test_samples_are_forgotten_after_six_hours() -> None:
    found, every = Samples(), 10_000
    for step in range(5000):
        found.add(step * every, [a_sample("load", 1.0)])

    (kept,) = found.between(lambda _: True, -1, 5000 * every)
    assert KEPT_MS / every <= len(kept.times_ms) <= KEPT_MS / every + 1000


def test_a_sample_that_is_not_newer_is_left_out() -> None:
    found = Samples()
    for at, value in ((2000, 1.0), (2000, 2.0), (1000, 3.0)):
        found.add(at, [a_sample("load", value)])

    assert [list(each.values) for each in found.between(lambda _: True, 0, 9000)] == [[1.0]]


def test_more_series_than_there_is_room_for_are_refused() -> None:
    found = Samples()
    found.add(0, [a_sample("load", 1.0, user=str(number)) for number in range(SERIES)])

    with pytest.raises(TooManySeries, match="drop a label"):
        found.add(1, [a_sample("load", 1.0, user="one more")])
