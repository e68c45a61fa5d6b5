"""Measures AnalysisRuns: many metrics at once on an interval, and many runs that are over.

`python benchmarks/analysis.py` on the in-memory API server in a process of its own. The provider answers after 5 ms, as an
endpoint in the cluster does; it notes when it is asked, and the figure is how much later that is than the interval says.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel

from bed import bed, pause
from tidegate.hooks import Access, MetricProvider, Query, Reading
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.runtime.clock import WallClock
from tidegate.runtime.engine import Engine, EngineOptions
from tidegate.runtime.limiter import Limiter
from tidegate.runtime.transport import Access as Way
from tidegate.runtime.transport import Connection, Transport

RUNS = "/apis/argoproj.io/v1alpha1/namespaces/default/analysisruns"
ANSWERS_AFTER_S = 0.005
# The aims: at most 250 ms late, and 35 % of a core.


class Nothing(BaseModel):
    """The provider needs no config."""


class Ticks(MetricProvider[Nothing]):
    """Notes when each metric is asked, and until when it took."""

    name = "example.com/ticks"
    config = Nothing

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, list[tuple[float, float]]] = {}
        self.lock = threading.Lock()

    def measure(self, query: Query[Nothing], access: Access) -> Reading:  # noqa: ARG002 - the contract's signature
        began = time.monotonic()
        pause(ANSWERS_AFTER_S)
        with self.lock:
            self.asked.setdefault(query.run, []).append((began, time.monotonic()))
        return Reading(result=1.0, value="1")


def main() -> None:
    """Run both scenes and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long is measured, behind one interval")
    parser.add_argument("--finished", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder, bed("sandbox", Path(folder)) as made:
        way = Way(str(made.kubeconfig), "", 64)
        client = Transport(Connection(way))
        if asked.finished:
            print_all(idle(client, way, asked.finished))
        if asked.metrics:
            print_all(load(client, way, asked))


def load(client: Transport, way: Way, asked: argparse.Namespace) -> dict[str, float]:
    """Runs that measure one metric each, on one interval, begun evenly spread over it."""
    ticks = Ticks()
    engine, clock = engine_of(way, ticks)
    for number in range(asked.metrics):
        client.request("POST", RUNS, a_run(f"load-{number}", f"{asked.interval:g}s"))
        pause(asked.interval / asked.metrics / 2)
    pause(asked.interval)
    since, cpu = time.monotonic(), time.process_time()
    pause(asked.seconds)
    used = (time.process_time() - cpu) / (time.monotonic() - since)
    late = [
        began - (ended + asked.interval)
        for marks in ticks.asked.values()
        for (_, ended), (began, _) in pairwise(marks)
        if began >= since
    ]
    engine.stop()
    clock.close()
    ranked = sorted(late)
    return {
        "metrics": asked.metrics,
        "measurements_in_window": len(late),
        "late_ms_median": statistics.median(ranked) * 1000,
        "late_ms_p99": ranked[int(len(ranked) * 0.99)] * 1000,
        "late_ms_max": ranked[-1] * 1000,
        "core_percent": used * 100,
    }


def idle(client: Transport, way: Way, count: int) -> dict[str, float]:
    """Runs that are over when the engine starts."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    for number in range(count):
        run = a_run(f"over-{number}", "10s")
        status = {
            "phase": "Successful",
            "startedAt": now,
            "completedAt": now,
            "runSummary": {"count": 1, "successful": 1},
        }
        client.request("POST", RUNS, {**run, "status": status})
    began = time.monotonic()
    engine, clock = engine_of(way, Ticks())
    while len(engine.stores.runs) < count:
        pause(0.05)
    filled = time.monotonic() - began
    pause(5)
    since, cpu = time.monotonic(), time.process_time()
    pause(10)
    used = (time.process_time() - cpu) / (time.monotonic() - since)
    engine.stop()
    clock.close()
    client.request("DELETE", RUNS)
    return {"finished_runs": count, "seconds_until_known": filled, "idle_core_percent": used * 100}


def engine_of(way: Way, ticks: Ticks) -> tuple[Engine, WallClock]:
    """A running engine with the provider, and its clock."""
    clock = WallClock()
    transport = Transport(Connection(way), Limiter(400, 800))
    engine = Engine(transport, Facade(load_objects({"ticks": ticks})), EngineOptions(), clock)
    engine.start()
    if not engine.wait_ready(60):
        raise TimeoutError(engine.problem())
    return engine, clock


def a_run(name: str, interval: str) -> dict[str, object]:
    """A run with one metric that is measured until somebody ends it."""
    provider: dict[str, object] = {"plugin": {"example.com/ticks": {}}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "metrics": [{"name": "m", "interval": interval, "successCondition": "result > 0", "provider": provider}]
        },
    }


def print_all(figures: dict[str, float]) -> None:
    """One line a figure."""
    for name, value in figures.items():
        print(f"{name:<28} {value:>12.4g}", flush=True)


if __name__ == "__main__":
    main()
