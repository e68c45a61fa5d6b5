"""The metrics of the pods, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from tidegate_sandbox.dataplane.requests import BUCKETS_S, Requests, Tally
from tidegate_sandbox.promql.values import NAME, Sample, labels_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LABELS = ("namespace", "service", "pod_template_hash", "version", "code")


class _Served(Collector):
    """Reads the counters at the moment it is asked."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def collect(self) -> Iterable[Metric]:
        answered = CounterMetricFamily("http_requests", "Requests that pods have answered.", labels=LABELS)
        took = HistogramMetricFamily("http_request_duration_seconds", "How long pods took.", labels=LABELS)
        for key, tally in self._requests.counted().items():
            answered.add_metric(key, tally.count)
            took.add_metric(key, _buckets(tally), tally.seconds)
        return (answered, took)


def _buckets(tally: Tally) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BUCKETS_S), "+Inf"]
    return list(zip(bounds, map(float, accumulate(tally.buckets)), strict=True))


class Exposition:
    """`http_requests_total` and `http_request_duration_seconds` by the labels of `LABELS`."""

    def __init__(self, requests: Requests) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Served(requests))

    def text(self) -> bytes:
        """What a Prometheus server scrapes."""
        return generate_latest(self._registry)

    def samples(self, **target: str) -> Iterator[Sample]:
        """The same as samples, with the labels that a server adds for its target."""
        for metric in self._registry.collect():
            for sample in metric.samples:
                labels = {**sample.labels, **target, NAME: sample.name}
                yield Sample(labels_of(labels.items()), float(sample.value))
