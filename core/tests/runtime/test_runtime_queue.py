from __future__ import annotations

import threading
from typing import Any

import pytest

from tidegate.runtime.queue import Backoff, Queue


def drain(queue: Queue[str]) -> list[str]:
    """Every key that is due now, each finished at once."""
    keys = []
    while len(queue):
        key = queue.get()
        assert key is not None
        keys.append(key)
        queue.done(key)
    return keys


def failed(queue: Queue[str], key: str) -> float:
    queue.add_echo(key)
    if not len(queue):
        queue.add_at(key, queue._clock.now())
    assert queue.get() == key
    delay = queue.retry(key)
    queue.done(key)
    return delay


def test_a_key_added_twice_is_looked_at_once(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    queue.add("a")
    queue.add("b")
    queue.add("a")
    assert drain(queue) == ["a", "b"]


def test_a_key_in_work_is_not_given_to_a_second_worker_and_comes_back_behind_the_others(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    queue.add("b")
    assert len(queue) == 1
    queue.done("a")
    assert drain(queue) == ["b", "a"]


def test_a_later_look_comes_at_its_instant_and_never_before(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    queue.add_after("a", 10.0)
    clock.advance(9.999)
    assert len(queue) == 0
    clock.advance(0.001)
    assert drain(queue) == ["a"]


def test_of_several_later_looks_the_earliest_counts(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    for seconds in (30.0, 10.0, 20.0):
        queue.add_after("a", seconds)
    clock.advance(10.0)
    assert drain(queue) == ["a"]
    clock.advance(60.0)
    assert len(queue) == 0


def test_a_pass_drops_the_timer_that_it_will_set_anew(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    queue.add_after("a", 10.0)
    queue.add("a")
    assert drain(queue) == ["a"]
    clock.advance(60.0)
    assert len(queue) == 0


def test_failures_back_off_from_5_ms_to_10_s(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    delays = [failed(queue, "a") for _ in range(14)]
    assert delays[:4] == [0.005, 0.01, 0.02, 0.04]
    assert delays[-1] == 10.0


def test_a_change_ends_the_back_off_and_is_looked_at_at_once(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    for _ in range(12):
        failed(queue, "a")
    assert len(queue) == 0
    queue.add("a")
    assert drain(queue) == ["a"]
    assert failed(queue, "a") == 0.005


def test_a_change_during_a_failing_pass_is_looked_at_at_once(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    queue.retry("a")
    queue.done("a")
    assert drain(queue) == ["a"]


def test_the_echo_of_an_own_write_does_not_end_a_back_off(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    for _ in range(6):
        failed(queue, "a")
    queue.add_echo("a")
    assert len(queue) == 0
    queue.add_echo("b")
    assert drain(queue) == ["b"]


def test_what_the_server_asked_to_wait_may_exceed_the_longest_back_off(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    queue.add("a")
    assert queue.get() == "a"
    assert queue.retry("a", at_least_s=60.0) == 60.0
    queue.done("a")
    clock.advance(59.0)
    assert len(queue) == 0
    clock.advance(1.0)
    assert drain(queue) == ["a"]


def test_retries_of_many_keys_share_ten_a_second(clock: Any) -> None:
    queue: Queue[str] = Queue(clock, backoff=Backoff(burst=5))
    delays = [failed(queue, f"k{n}") for n in range(15)]
    assert delays[:5] == [0.005] * 5
    assert delays[-1] == pytest.approx(1.0)


def test_success_makes_the_next_failure_the_first(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    for _ in range(5):
        failed(queue, "a")
    queue.forget("a")
    assert queue.failures("a") == 0
    assert failed(queue, "a") == 0.005


def test_a_busy_key_does_not_keep_others_waiting(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    for key in ("busy", "one", "two"):
        queue.add(key)
    order = []
    for _ in range(4):
        taken = queue.get()
        assert taken is not None
        order.append(taken)
        queue.add("busy")
        queue.done(taken)
    assert order == ["busy", "one", "two", "busy"]


def test_closing_frees_workers_and_lets_work_drain(clock: Any) -> None:
    queue: Queue[str] = Queue(clock)
    queue.add("a")
    assert queue.get() == "a"
    taken: list[str | None] = []
    waiting = threading.Thread(target=lambda: taken.append(queue.get()))
    waiting.start()
    queue.close()
    waiting.join(5)
    assert taken == [None]
    assert not queue.wait_idle(0.01)
    queue.done("a")
    assert queue.wait_idle(1)


def test_many_workers_never_meet_on_one_key(clock: Any) -> None:
    queue: Queue[int] = Queue(clock)
    lock, holding, met, passes = threading.Lock(), set(), [], []

    def work() -> None:
        while (key := queue.get()) is not None:
            with lock:
                if key in holding:
                    met.append(key)
                holding.add(key)
            with lock:
                holding.discard(key)
                passes.append(key)
            queue.done(key)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for n in range(2000):
        queue.add(n % 7)
    while len(queue):
        queue.wait_idle(0.01)
    queue.close()
    for worker in workers:
        worker.join(5)
    assert met == []
    assert set(passes) == set(range(7))
