from __future__ import annotations

import io
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tidegate.errors import ConfigError
from tidegate.runtime.logs import LogFormat, configure
from tidegate.runtime.metrics import Metrics, PageServer, check_page, metrics_page


@pytest.fixture
def problem() -> list[str]:
    return []


@pytest.fixture
def pages(problem: list[str]) -> Iterator[PageServer]:
    metrics = Metrics()
    metrics.queue("rollout").added(depth=3)
    server = PageServer(
        "--metrics-port", 0, {"/metrics": metrics_page(metrics), "/readyz": check_page(lambda: "".join(problem))}
    )
    server.start()
    yield server
    server.stop()


def fetch(server: PageServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_served(pages: PageServer) -> None:
    code, text = fetch(pages, "/metrics")
    assert code == 200
    assert 'workqueue_depth{name="rollout"} 3.0' in text
    assert "process_resident_memory_bytes" in text
    assert "argo_rollouts_controller_info" in text


def test_a_check_turns_with_what_it_asks(pages: PageServer, problem: list[str]) -> None:
    assert fetch(pages, "/readyz") == (200, "ok")
    problem.append("caches are not filled")
    assert fetch(pages, "/readyz") == (503, "caches are not filled")


def test_another_path_lists_what_there_is(pages: PageServer) -> None:
    assert fetch(pages, "/") == (404, "have /metrics, /readyz\n")


def test_a_port_in_use_is_one_clear_message(pages: PageServer) -> None:
    with pytest.raises(ConfigError) as caught:
        PageServer("--health-port", pages.port, {})
    assert str(caught.value).startswith(f"--health-port: cannot listen on port {pages.port}:")
    assert "choose another" in str(caught.value)


def test_the_series_of_a_rollout_go_with_it() -> None:
    metrics = Metrics()
    metrics.events.labels("ns", "app", "Normal", "X").inc()
    metrics.rollout_passes.seconds.labels("ns", "app").observe(0.1)
    metrics.events.labels("ns", "other", "Normal", "X").inc()
    metrics.forget("ns", "app")
    page = metrics_page(metrics)()[2].decode()
    assert 'name="app"' not in page
    assert 'name="other"' in page


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.level, logging.getLogger("tidegate").level, logging.getLogger("urllib3").level
    yield io.StringIO()
    configure("info", LogFormat.TEXT)
    root.handlers = [handler for handler in root.handlers if not getattr(handler, "tidegate", False)]
    for name, level in zip(("", "tidegate", "urllib3"), before, strict=True):
        logging.getLogger(name).setLevel(level)


def test_a_text_line_carries_its_fields(stream: io.StringIO) -> None:
    configure("info", LogFormat.TEXT, stream)
    logging.getLogger("tidegate.x").info("done", extra={"rollout": "ns/app", "action": "SetWeights", "ms": 3})
    logging.getLogger("tidegate.x").debug("not shown")
    assert stream.getvalue().endswith(" INFO    done rollout=ns/app action=SetWeights ms=3\n")


def test_a_json_line_carries_its_fields(stream: io.StringIO) -> None:
    configure("debug", LogFormat.JSON, stream)
    logging.getLogger("tidegate.x").debug("done", extra={"rollout": "ns/app", "ms": 3})
    line = json.loads(stream.getvalue())
    assert (line["level"], line["msg"], line["rollout"], line["ms"]) == ("DEBUG", "done", "ns/app", 3)
