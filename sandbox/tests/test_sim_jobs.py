from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.sim import World
from tidegate_sandbox.store import Store

JOBS = "jobs.batch"


class Bench:
    """One Job `task`, under virtual time."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.store = Store(Registry(clock))
        self.world = World(self.store, clock)
        self.world.start()
        self.world.settle()

    def create(self, script: str = "exit 0", image: str = "task:1", policy: str = "Never", **spec: Any) -> None:
        container = {"name": "c", "image": image, "command": ["sh", "-c", script]}
        template = {"spec": {"restartPolicy": policy, "containers": [container]}}
        self.store.create(
            JOBS, {"metadata": {"name": "task", "namespace": "default"}, "spec": {"template": template, **spec}}
        )
        self.world.settle()

    def status(self) -> Manifest:
        return dict(self.store.get(JOBS, "default", "task")["status"])

    def ended(self) -> tuple[str, str] | None:
        """Type and reason of the condition that ended the Job; None while it goes on."""
        conditions = [entry for entry in self.status().get("conditions", ()) if entry["type"] in ("Complete", "Failed")]
        return (conditions[0]["type"], conditions[0]["reason"]) if conditions else None

    def pods(self) -> list[Manifest]:
        return self.store.list("pods", "default")


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.world.stop()


def test_job_whose_command_succeeds_is_complete_when_it_has_run(bench: Bench) -> None:
    bench.create("sleep 5; exit 0")
    assert bench.status()["active"] == 1
    bench.world.advance(4.9)
    assert bench.ended() is None
    bench.world.advance(0.1)
    assert bench.ended() == ("Complete", "CompletionsReached")
    assert bench.status()["succeeded"] == 1
    assert "active" not in bench.status()
    assert bench.status()["startTime"] < bench.status()["completionTime"]


def test_failing_job_is_retried_with_growing_delays_up_to_its_limit(bench: Bench) -> None:
    bench.create("exit 1", backoffLimit=2)
    counts = []
    for seconds in (9.9, 0.1, 19.9, 0.1, 1):
        bench.world.advance(seconds)
        counts.append(len(bench.pods()))
    assert counts == [1, 2, 2, 3, 3]
    assert bench.ended() == ("Failed", "BackoffLimitExceeded")
    assert bench.status()["failed"] == 3
    bench.world.advance(3600)
    assert len(bench.pods()) == 3


def test_job_without_retries_fails_at_once(bench: Bench) -> None:
    bench.create("exit 1", backoffLimit=0)
    bench.world.advance(1)
    assert bench.ended() == ("Failed", "BackoffLimitExceeded")


def test_restarts_in_place_count_towards_the_limit(bench: Bench) -> None:
    bench.create("exit 1", policy="OnFailure", backoffLimit=2)
    bench.world.advance(120)
    assert bench.ended() == ("Failed", "BackoffLimitExceeded")
    assert bench.pods() == []


def test_parallelism_bounds_the_pods_and_completions_their_sum(bench: Bench) -> None:
    bench.create("sleep 10", parallelism=2, completions=5)
    most = 0
    for _ in range(40):
        bench.world.advance(1)
        most = max(most, int(bench.status().get("active", 0)))
    assert most == 2
    assert bench.ended() == ("Complete", "CompletionsReached")
    assert bench.status()["succeeded"] == 5


def test_work_queue_job_starts_nothing_more_after_the_first_success(bench: Bench) -> None:
    bench.create("sleep 10", parallelism=3)
    bench.world.advance(60)
    assert bench.ended() == ("Complete", "CompletionsReached")
    assert len(bench.pods()) == 3


def test_active_deadline_ends_the_job_and_its_pods(bench: Bench) -> None:
    bench.create("sleep 600", activeDeadlineSeconds=30)
    bench.world.advance(29)
    assert bench.ended() is None
    bench.world.advance(2)
    assert bench.ended() == ("Failed", "DeadlineExceeded")
    assert bench.pods() == []


def test_job_whose_image_is_missing_stays_active(bench: Bench) -> None:
    bench.create(image="task:does-not-exist")
    bench.world.advance(3600)
    assert bench.ended() is None
    assert bench.status()["active"] == 1


def test_suspended_job_has_no_pods_until_it_is_resumed(bench: Bench) -> None:
    bench.create("exit 0", suspend=True)
    bench.world.advance(60)
    assert bench.pods() == []
    live = bench.store.get(JOBS, "default", "task")
    live["spec"]["suspend"] = False
    bench.store.update(JOBS, live)
    bench.world.advance(1)
    assert bench.ended() == ("Complete", "CompletionsReached")


def test_finished_job_goes_after_its_time_to_live_with_its_pods(bench: Bench) -> None:
    bench.create("exit 0", ttlSecondsAfterFinished=100)
    bench.world.advance(99)
    assert bench.ended() == ("Complete", "CompletionsReached")
    bench.world.advance(2)
    assert bench.store.list(JOBS) == []
    assert bench.pods() == []


def test_deleted_job_leaves_no_pods(bench: Bench) -> None:
    bench.create("sleep 600")
    bench.store.delete(JOBS, "default", "task")
    bench.world.advance(1)
    assert bench.pods() == []


def test_finished_job_causes_no_writes(bench: Bench) -> None:
    bench.create("exit 0")
    bench.world.advance(5)
    before = bench.store.version
    bench.world.advance(86400)
    assert bench.store.version == before
