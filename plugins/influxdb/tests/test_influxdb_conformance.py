"""The kit's suite."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidegate_influxdb import InfluxDb
from tidegate_testkit.metrics import MetricCase, MetricConformance

HEAD = ("#group,false,false,false", "#default,_result,,", ",result,table,_value")


def a_table(*values: str, kind: str = "double") -> bytes:
    """An answer of one table, as the server writes it."""
    return "\r\n".join([f"#datatype,string,long,{kind}", *HEAD, *(f",,0,{value}" for value in values), ""]).encode()


class TestInfluxDb(MetricConformance):
    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=InfluxDb,
            config={"query": 'from(bucket: "web") |> range(start: -5m)'},
            answer=a_table("0.5", "1000000"),
            result=[0.5, 1_000_000.0],
            value="[0.5 1e+06]",
            empty=b"\r\n",
            odd=[(a_table("NaN", "+Inf", ""), [float("nan"), float("inf"), None])],
            secrets={"influxdb": {"address": "http://influx:8086", "authToken": "t0ken-of-influx", "org": "acme"}},
            credentials=["t0ken-of-influx"],
        )


class TestInfluxDbWholeNumbers(MetricConformance):
    """Whole numbers stay whole, and times are times."""

    @pytest.fixture
    def case(self) -> MetricCase:
        return MetricCase(
            provider=InfluxDb,
            config={"query": 'from(bucket: "web") |> range(start: -5m) |> count()', "profile": "other"},
            answer=a_table("3", kind="long") + b"\r\n" + a_table("2026-01-01T00:00:00Z", kind="dateTime:RFC3339"),
            result=[3, datetime(2026, 1, 1, tzinfo=UTC)],
            value="[3 2026-01-01T00:00:00Z]",
            secrets={"other": {"address": "http://influx:8086", "authToken": "t0ken-of-influx", "org": "acme"}},
            credentials=["t0ken-of-influx"],
            integers=True,  # the type `long`
        )
