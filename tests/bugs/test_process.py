"""Classes R and S: names that break what is observed, plugins that raise, memory that grows."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from machine_world import World, weight
from tidegate.runtime.metrics import Metrics, metrics_page
from tidegate.runtime.queue import Queue
from tidegate_sandbox.clock import VirtualClock

Build = Callable[..., World]
HOSTILE = ['a"b', "a\nb", "a\\b", "{}", 'x",phase="Healthy', "ü" * 200]


@pytest.mark.parametrize("name", HOSTILE)
def test_ar2374_no_name_breaks_the_metrics_page(name: str) -> None:
    """R; I18: the same series twice and names that no API server would take: the page is served, a line each."""
    metrics = Metrics()
    for _ in range(2):
        metrics.events.labels(name, name, "Normal", name).inc()
        metrics.rollout_passes.seconds.labels(name, name).observe(0.1)
    code, _, body = metrics_page(metrics)()
    assert code == 200
    found = [line for line in body.decode().splitlines() if line.startswith("rollout_events_total{")]
    assert len(found) == 1
    assert found[0].endswith(" 2.0")


def test_ar3929_requests_for_many_objects_are_few_series(runtime: Any) -> None:
    """R; I18: ten Rollouts with their ReplicaSets; no series of a request names one of them."""
    runtime.start()
    for number in range(10):
        runtime.apply(f"app-{number}")
    runtime.until(lambda: all(runtime.phase(f"app-{number}") == "Healthy" for number in range(10)))
    series = [s for m in runtime.metrics.requests.collect() for s in m.samples if s.name.endswith("_total")]
    assert {sample.labels["name"] for sample in series} == {"N/A"}
    assert len(series) < 40


def test_ar4571_series_of_what_is_gone_are_gone() -> None:
    """S; I19: a thousand Rollouts that came and went leave the page as it was."""
    metrics = Metrics()
    before = len(metrics_page(metrics)()[2].splitlines())
    for number in range(1_000):
        metrics.events.labels("shop", f"app-{number}", "Normal", "X").inc()
        metrics.rollout_passes.seconds.labels("shop", f"app-{number}").observe(0.1)
        metrics.rollout_passes.errors.labels("shop", f"app-{number}").inc()
        metrics.forget("shop", f"app-{number}")
    assert len(metrics_page(metrics)()[2].splitlines()) == before


@pytest.mark.parametrize("number", ["ar1584", "ar2443"])
def test_a_queue_keeps_nothing_of_keys_that_are_done(number: str) -> None:
    """S; I19: ten thousand keys that succeed (2443) or fail first (1584) leave no memory behind."""
    clock = VirtualClock()
    queue: Queue[str] = Queue(clock)

    def cycle(first: int, count: int) -> None:
        for place in range(first, first + count):
            key = f"shop/app-{place}"
            queue.add(key)
            assert queue.get() == key
            if number == "ar1584":
                queue.retry(key)
                queue.done(key)
                clock.advance(1)
                assert queue.get() == key
            queue.forget(key)
            queue.done(key)

    cycle(0, 200)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        cycle(200, 3_000)
        clock.advance(3_600)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(queue) == 0
    assert (
        after - before < 60_000
    )  # one leaked key of 13 characters and its entry are more than 100 bytes, 300 kB in all


def test_ar2855_a_rollout_with_many_releases_behind_it_is_judged_as_fast_as_a_young_one(a_rollout: Build) -> None:
    """S; I19: what a pass looks at is bounded by the history limits, not by the age of the Rollout."""
    world = a_rollout([weight(50)], spec={"revisionHistoryLimit": 3})
    counts = []
    for number in range(24):
        world.image(f"v{number + 2}").run()
        counts.append((len(world.sets), len(repr(world.status))))
    assert {sets for sets, _ in counts[10:]} == {counts[10][0]}
    assert max(length for _, length in counts[10:]) <= min(length for _, length in counts[10:]) + 20
