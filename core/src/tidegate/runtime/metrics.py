"""What the controller counts, and where it is read: `/metrics`, `/healthz` and `/readyz`.

Names and labels that dashboards of the reference controller query (`rollout_reconcile`, `rollout_events_total`,
`workqueue_depth`, ...) are kept; what is ours begins with `tidegate_`. Every process part has its own registry, so two
controllers in one test do not meet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from tidegate import __version__
from tidegate.errors import ConfigError

# The buckets of the reference controller's rollout_reconcile.
RECONCILE_BUCKETS = (0.01, 0.15, 0.25, 0.5, 1.0)
# client-go's workqueue buckets: powers of ten from 10 ns; below 1 ms they say nothing about a Python process.
QUEUE_BUCKETS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True, slots=True)
class PassSeries:
    """How long the passes over the objects of one kind take, and how many have failed."""

    seconds: Histogram
    errors: Counter


class Metrics:
    """Every series of one controller, in its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        key = ("namespace", "name")
        self.requests = self._counter(
            "controller_clientset_k8s_request",
            "Requests to the API server",
            ("kind", "namespace", "name", "verb", "status_code"),
        )
        self.request_seconds = self._histogram(
            "tidegate_api_request_seconds",
            "Time until the API server's answer",
            ("kind", "verb"),
            Histogram.DEFAULT_BUCKETS,
        )
        self.held_back_seconds = self._counter(
            "tidegate_api_held_back_seconds", "Time that requests waited for --qps and --burst", ()
        )
        self.rollout_passes = self._passes("rollout", "a Rollout")
        self.run_passes = self._passes("analysis_run", "an AnalysisRun")
        self.experiment_passes = self._passes("experiment", "an Experiment")
        self.events = self._counter("rollout_events", "Events about Rollouts", (*key, "type", "reason"))
        self.events_lost = self._counter(
            "tidegate_events_lost", "Events given up: refused, or too many in an outage", ()
        )
        self.relists = self._counter("tidegate_relists", "Full lists of a watched kind", ("kind",))
        self.watch_failures = self._counter("tidegate_watch_failures", "Watches and lists that failed", ("kind",))
        self.cached = Gauge("tidegate_cached_objects", "Objects in the store", ("kind",), registry=self.registry)
        self.leader = Gauge("tidegate_leader", "1 while this process leads", registry=self.registry)
        self._queue_series()
        info = Gauge("argo_rollouts_controller_info", "Version of the controller", ("version",), registry=self.registry)
        info.labels(__version__).set(1)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def queue(self, name: str) -> QueueMeter:
        """The meter of one work queue."""
        return QueueMeter(self, name)

    def add(self, collector: Collector) -> None:
        """Let `collector` be asked at every scrape; for series that are computed from the store."""
        self.registry.register(collector)

    def forget(self, namespace: str, name: str, passes: PassSeries | None = None) -> None:
        """Drop the series of an object that is gone, a Rollout where `passes` does not say otherwise. Without this they
        would grow for as long as the process lives."""
        passes = passes or self.rollout_passes
        for metric in (passes.seconds, passes.errors, self.events):
            metric.remove_by_labels({"namespace": namespace, "name": name})

    def _passes(self, name: str, about: str) -> PassSeries:
        key = ("namespace", "name")
        return PassSeries(
            self._histogram(f"{name}_reconcile", f"Seconds of a pass over {about}", key, RECONCILE_BUCKETS),
            self._counter(f"{name}_reconcile_error", f"Passes over {about} that failed", key),
        )

    def _queue_series(self) -> None:
        self.queue_depth = Gauge("workqueue_depth", "Keys that are due", ("name",), registry=self.registry)
        self.queue_adds = self._counter("workqueue_adds", "Keys added", ("name",))
        self.queue_retries = self._counter("workqueue_retries", "Keys added after a failure", ("name",))
        self.queue_wait = self._histogram("workqueue_queue_duration_seconds", "Time due", ("name",), QUEUE_BUCKETS)
        self.queue_work = self._histogram("workqueue_work_duration_seconds", "Time in work", ("name",), QUEUE_BUCKETS)

    def _counter(self, name: str, text: str, labels: Iterable[str]) -> Counter:
        return Counter(name, text, tuple(labels), registry=self.registry)

    def _histogram(self, name: str, text: str, labels: Iterable[str], buckets: Iterable[float]) -> Histogram:
        return Histogram(name, text, tuple(labels), buckets=tuple(buckets), registry=self.registry)


class QueueMeter:
    """Counts what goes through one queue; without metrics it counts nothing. Labels are looked up once: this is hot."""

    def __init__(self, metrics: Metrics | None = None, name: str = "") -> None:
        self._on = metrics is not None
        if metrics is not None:
            self._depth, self._adds = metrics.queue_depth.labels(name), metrics.queue_adds.labels(name)
            self._retries = metrics.queue_retries.labels(name)
            self._wait, self._work = metrics.queue_wait.labels(name), metrics.queue_work.labels(name)

    def added(self, *, depth: int) -> None:
        """A key became due; now `depth` are."""
        if self._on:
            self._adds.inc()
            self._depth.set(depth)

    def waited(self, seconds: float, *, depth: int) -> None:
        """A key was taken after `seconds`; `depth` are left."""
        if self._on:
            self._wait.observe(seconds)
            self._depth.set(depth)

    def worked(self, seconds: float) -> None:
        """A key was in work for `seconds`."""
        if self._on:
            self._work.observe(seconds)

    def retried(self) -> None:
        """A key was put back after a failure."""
        if self._on:
            self._retries.inc()


Page = Callable[[], tuple[int, str, bytes]]


def metrics_page(metrics: Metrics) -> Page:
    """`/metrics` in Prometheus' text format."""
    return lambda: (200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))


def check_page(problem: Callable[[], str]) -> Page:
    """200 `ok` while `problem` answers "", else 503 with what it says."""

    def page() -> tuple[int, str, bytes]:
        text = problem()
        return (503, "text/plain; charset=utf-8", text.encode()) if text else (200, "text/plain; charset=utf-8", b"ok")

    return page


class PageServer:
    """Serves a few pages on one port, in threads of its own.

    It listens on all addresses: the kubelet and Prometheus come from outside. Port 0 takes a free one; `port` tells
    which. Raises ConfigError when the port cannot be had.
    """

    def __init__(self, flag: str, port: int, pages: dict[str, Page]) -> None:
        try:
            self._server = _Server(("", port), _handler(pages))
        except (OSError, OverflowError) as error:
            raise ConfigError(
                flag,
                f"cannot listen on port {port}: {error}; stop what holds it, or choose another (0 takes a free one)",
            ) from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name=f"pages {flag}", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for a client to send its request; a silent one must not keep a thread

        def do_GET(self) -> None:
            page = pages.get(self.path.split("?", 1)[0])
            if page is None:
                status, kind, body = 404, "text/plain; charset=utf-8", f"have {', '.join(sorted(pages))}\n".encode()
            else:
                status, kind, body = page()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds; they are not worth a line."""

    return Handler
