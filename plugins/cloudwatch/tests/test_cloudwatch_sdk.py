"""The real SDK: before moto, and before a server that is no AWS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from moto import mock_aws

from tidegate.hooks import Unreachable
from tidegate_cloudwatch.config import CloudWatchSettings
from tidegate_cloudwatch.sdk import connect

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def desk(desk: Any) -> Iterator[Any]:
    """A desk without a client from before, so that one is made in the environment of the test."""
    connect.cache_clear()
    yield desk
    connect.cache_clear()


def a_page(status: int, body: bytes, hangs: threading.Event | None = None) -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if hangs is not None:
                hangs.wait(10)
                return
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    return Page


@contextmanager
def served(page: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), page)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_was_put_into_cloudwatch_is_measured(desk: Any) -> None:
    with mock_aws():
        dimensions = [{"Name": "LoadBalancer", "Value": "app/web/1"}]
        data = {"MetricName": "HTTPCode_Target_5XX_Count", "Dimensions": dimensions, "Unit": "Count"}
        points = [{**data, "Value": value, "Timestamp": NOW - timedelta(seconds=90)} for value in (2.0, 3.0)]
        boto3.client("cloudwatch", region_name="eu-central-1").put_metric_data(
            Namespace="AWS/ApplicationELB", MetricData=points
        )
        errors = {**desk.given["metricDataQueries"][1], "returnData": True}
        desk.given["metricDataQueries"] = [errors]
        reading = desk.measure()
    assert [(each["Id"], each["Values"]) for each in reading.result] == [("errors", [5.0])]
    assert reading.value == "[[5]]"


@pytest.mark.parametrize("status", [200, 502])
def test_a_proxys_page_is_an_error(desk: Any, status: int) -> None:
    with served(a_page(status, b"<html>Please sign in</html>")) as url:
        desk.settings = {"endpointUrl": url}
        with pytest.raises(Exception, match=r"^cloudwatch (could not be asked|refuses GetMetricData): "):
            desk.measure()


def test_no_answer_in_time_is_an_error(desk: Any) -> None:
    released = threading.Event()
    with served(a_page(200, b"", hangs=released)) as url:
        desk.settings = {"endpointUrl": url, "timeoutSeconds": 0.05}
        try:
            with pytest.raises(Unreachable, match="did not answer in time"):
                desk.measure()
        finally:
            released.set()


def test_without_credentials_nothing_is_sent(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Unreachable, match="Unable to locate credentials"):
        desk.measure()


def test_without_a_region_the_error_says_where_to_set_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(Unreachable, match=r"specify a region.*; set the region"):
        desk.measure()


def test_a_profile_that_nobody_has_written_is_an_error(desk: Any) -> None:
    desk.settings = {"profile": "nobody"}
    with pytest.raises(Unreachable, match="profile"):
        desk.measure()


def test_settings_choose_the_region_and_the_client_is_made_once(desk: Any) -> None:
    there = CloudWatchSettings.model_validate({"region": "us-gov-west-1"})
    client = connect(there)
    assert client.meta.endpoint_url == "https://monitoring.us-gov-west-1.amazonaws.com"
    assert connect(there) is client
