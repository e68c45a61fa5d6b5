"""A real Prometheus server scrapes the endpoint, and answers as we do over the samples that it took."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tidegate_sandbox.clock import RealClock
from tidegate_sandbox.dataplane.requests import Answers, Requests
from tidegate_sandbox.monitoring import Monitor
from tidegate_sandbox.monitoring.answers import succeeded
from tidegate_sandbox.promql.evaluation import instant
from tidegate_sandbox.promql.samples import Samples
from tidegate_sandbox.promql.values import Sample, labels_of

PROMETHEUS = shutil.which("prometheus")
PATIENCE = 200  # looks, a tenth of a second apart
SCRAPES = 16
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: sandbox
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""

QUERIES = [
    "http_requests_total",
    "sum by (service) (rate(http_requests_total[2s]))",
    'sum(rate(http_requests_total{service="canary",code!~"5.."}[2s]))'
    ' / sum(rate(http_requests_total{service="canary"}[2s]))',
    'increase(http_requests_total{code="500"}[2s])',
    "sum without (instance, job) (http_requests_total) > 100",
    'rate(http_requests_total{code="500"}[2s]) / ignoring(code) rate(http_requests_total{code="200"}[2s])',
    "histogram_quantile(0.9, sum by (le, service) (rate(http_request_duration_seconds_bucket[2s])))",
    "max by (code) (http_requests_total) or vector(0)",
    'sum(rate(nothing[2s])) or vector(0) / 0 or on() http_requests_total{version="v4"}',
    "avg_over_time(http_requests_total[2s]) * 2 ^ 3 - count_over_time(http_requests_total[2s]) % 4",
    'http_requests_total{service=~"can.*|x"} >= bool 50',
    "count(http_requests_total) == 4",
]


class Server:
    """A Prometheus server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process, self._port = process, port

    def ask(self, query: str, **parameters: float) -> Any:
        """The data of an answer; None while the server is not there yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/api/v1/query?" + urlencode({"query": query, **parameters}))
            answer = json.loads(connection.getresponse().read())
        except (OSError, ValueError):
            return None
        finally:
            connection.close()
        return answer.get("data")

    def wait(self, holds: Callable[[], bool]) -> None:
        for _ in range(PATIENCE):
            if holds():
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        pytest.fail("the server has not scraped the endpoint in time")


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    """A shop whose canary answers every tenth request 500, counted on while the server looks."""
    requests, clock = Requests(), RealClock()
    stable = Answers("shop", "stable", "aaa", "v1", "200")
    canary = Answers("shop", "canary", "bbb", "v4", "200")
    over = threading.Event()

    def answer() -> None:
        while not over.wait(0.01):
            requests.add(stable, 0.02, 4)
            requests.add(canary, 0.2, 9)
            requests.add(canary._replace(code="500"), 0.7)

    shop = threading.Thread(target=answer)
    with Monitor(requests, clock) as found:
        shop.start()
        try:
            yield found
        finally:
            over.set()
            shop.join()
            clock.close()


@pytest.fixture
def server(monitor: Monitor, tmp_path: Path) -> Iterator[Server]:
    if PROMETHEUS is None:
        pytest.skip("no prometheus on the PATH; Debian has it as the package prometheus")
    (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=monitor.port))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [PROMETHEUS, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield Server(process, port)
        finally:
            process.terminate()


def values(data: Any) -> dict[str, float]:
    """The values of a vector by their labels, in whatever order they came."""
    assert data["resultType"] == "vector"
    return {json.dumps(each["metric"], sort_keys=True): float(each["value"][1]) for each in data["result"]}


def scraped(data: Any) -> Samples:
    """The very samples that the server took."""
    found = Samples()
    for series in data["result"]:
        labels = labels_of(series["metric"].items())
        for seconds, value in series["values"]:
            found.add(round(seconds * 1000), [Sample(labels, float(value))])
    return found


def test_a_real_server_scrapes_the_endpoint_and_answers_alike(server: Server, monitor: Monitor) -> None:
    window = '{__name__=~"http_.*"}[1m]'

    def enough() -> bool:
        data = server.ask("min(count_over_time(http_requests_total[1m]))")
        return bool(data and data["result"]) and float(data["result"][0]["value"][1]) >= SCRAPES

    server.wait(enough)
    data = server.ask(window)
    taken = {round(seconds * 1000) for series in data["result"] for seconds, _ in series["values"]}
    # Just after the last scrape, at a moment two seconds after which no scrape lies: before Prometheus 3 a range took in
    # its first millisecond, and ours does not.
    now_ms = next(at for at in range(max(taken), max(taken) + 100) if at - 2000 not in taken)
    ours = scraped(data)

    for query in QUERIES:
        theirs = values(server.ask(query, time=now_ms / 1000))
        answer = json.loads(succeeded(instant(query, ours, now_ms), now_ms))
        assert theirs, query
        assert values(answer["data"]) == pytest.approx(theirs, rel=1e-9, nan_ok=True), query
