from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tidegate.runtime.clock import WallClock
from tidegate.runtime.limiter import Limiter


@pytest.fixture
def wall() -> Iterator[WallClock]:
    clock = WallClock()
    yield clock
    clock.close()


def test_a_callback_never_runs_before_its_instant(wall: WallClock) -> None:
    ran, when = threading.Event(), wall.now() + timedelta(milliseconds=20)
    early: list[bool] = []

    def ring() -> None:
        early.append(wall.now() < when)
        ran.set()

    wall.call_at(when, ring)
    assert ran.wait(5)
    assert early == [False]


def test_callbacks_run_in_the_order_of_their_instants(wall: WallClock) -> None:
    order: list[int] = []
    done = threading.Event()
    now = wall.now()
    wall.call_at(now + timedelta(milliseconds=30), lambda: order.append(2))
    wall.call_at(now + timedelta(milliseconds=31), done.set)
    wall.call_at(now + timedelta(milliseconds=10), lambda: order.append(1))
    assert done.wait(5)
    assert order == [1, 2]


def test_a_cancelled_callback_does_not_run(wall: WallClock) -> None:
    ran: list[str] = []
    done = threading.Event()
    when = wall.now() + timedelta(milliseconds=10)
    started, cancelled = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        cancelled.wait(5)

    # All timers share one thread: while it is held, none can run before it was cancelled, however slow the machine is.
    wall.call_at(wall.now(), hold)
    assert started.wait(5)
    cancel = wall.call_at(when, lambda: ran.append("cancelled"))
    wall.call_at(when + timedelta(milliseconds=1), done.set)
    cancel()
    cancelled.set()
    assert done.wait(5)
    assert ran == []


def test_a_failing_callback_does_not_end_the_others(wall: WallClock, caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()
    wall.call_at(wall.now(), lambda: print(1 // 0))
    wall.call_at(wall.now(), done.set)
    assert done.wait(5)
    assert "a timer callback failed" in caplog.text


def test_the_limiter_lets_a_burst_through_and_then_holds_the_rate() -> None:
    now = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    limiter = Limiter(40, 80, seconds=lambda: now[0], sleep=sleep)
    for _ in range(80):
        assert limiter.wait() == 0.0
    assert [round(limiter.wait(), 3) for _ in range(3)] == [0.025, 0.025, 0.025]
    assert len(slept) == 3


def test_a_rate_of_zero_is_no_limit() -> None:
    limiter = Limiter(0, 1, seconds=lambda: 0.0, sleep=lambda _: pytest.fail("slept"))
    for _ in range(1000):
        limiter.wait()


def test_the_patient_leave_a_quarter_of_the_burst_to_the_others() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    limiter = Limiter(10, 20, seconds=lambda: now[0], sleep=sleep)
    patient = limiter.patient()
    assert [patient.wait() for _ in range(15)] == [0.0] * 15
    assert [limiter.wait() for _ in range(5)] == [0.0] * 5
    assert patient.wait() == pytest.approx(0.6)  # five tokens to be kept, and one of its own
    assert limiter.wait() == 0.0
