from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tidegate_sandbox.clock import EPOCH, RealClock, VirtualClock
from tidegate_sandbox.contracts import Clock
from tidegate_sandbox.errors import SandboxError


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def real() -> Iterator[RealClock]:
    clock = RealClock()
    yield clock
    clock.close()


def after(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def test_both_clocks_fit_the_contract(clock: VirtualClock, real: RealClock) -> None:
    clocks: list[Clock] = [clock, real]
    assert [one.now().tzinfo for one in clocks] == [UTC, UTC]


def test_virtual_time_stands_still_until_it_is_advanced(clock: VirtualClock) -> None:
    assert clock.now() == clock.now() == EPOCH
    clock.advance(1.5)
    assert clock.now() == after(1.5)


def test_callbacks_run_in_time_order_each_at_its_own_time(clock: VirtualClock) -> None:
    seen: list[tuple[str, datetime]] = []
    for name, seconds in (("late", 3), ("early", 1), ("early too", 1)):
        clock.call_at(after(seconds), partial(lambda name: seen.append((name, clock.now())), name))
    clock.advance(10)
    assert seen == [("early", after(1)), ("early too", after(1)), ("late", after(3))]
    assert clock.now() == after(10)


def test_callback_beyond_the_target_waits(clock: VirtualClock) -> None:
    seen: list[str] = []
    clock.call_at(after(5), lambda: seen.append("five"))
    clock.advance(4.999)
    assert seen == []
    assert clock.next_due() == after(5)
    clock.advance(0.001)
    assert seen == ["five"]
    assert clock.next_due() is None


def test_callback_asked_for_on_the_way_runs_on_the_way(clock: VirtualClock) -> None:
    seen: list[datetime] = []

    def ask() -> None:
        clock.call_at(after(2), lambda: seen.append(clock.now()))

    clock.call_at(after(1), ask)
    clock.advance(3)
    assert seen == [after(2)]


def test_callback_due_already_runs_in_the_next_advance_and_not_in_the_callers_stack(clock: VirtualClock) -> None:
    seen: list[datetime] = []
    clock.call_at(after(-60), lambda: seen.append(clock.now()))
    assert seen == []
    clock.advance(0)
    assert seen == [EPOCH]


def test_cancelled_callback_never_runs_even_when_cancelled_in_its_own_instant(clock: VirtualClock) -> None:
    seen: list[str] = []
    cancels = [clock.call_at(after(1), lambda: cancels[1]()), clock.call_at(after(1), lambda: seen.append("second"))]
    clock.call_at(after(2), lambda: seen.append("third"))()
    clock.advance(5)
    assert seen == []
    assert clock.next_due() is None


def test_settle_runs_at_the_start_after_each_instant_and_at_the_end(clock: VirtualClock) -> None:
    settled: list[datetime] = []
    clock.call_at(after(1), lambda: None)
    clock.call_at(after(1), lambda: None)
    clock.call_at(after(2), lambda: None)
    clock.advance(3, lambda: settled.append(clock.now()))
    assert settled == [EPOCH, after(1), after(2), after(3)]


def test_going_back_is_refused(clock: VirtualClock) -> None:
    with pytest.raises(SandboxError, match="has passed"):
        clock.advance(-1)


def test_advancing_inside_a_callback_is_refused(clock: VirtualClock) -> None:
    clock.call_at(after(1), lambda: clock.advance(1))
    with pytest.raises(SandboxError, match="being advanced already"):
        clock.advance(2)
    clock.advance(1)
    assert clock.now() == after(2), "the refusal leaves the clock usable, where it stopped"


def test_time_without_timezone_is_refused(clock: VirtualClock) -> None:
    with pytest.raises(SandboxError, match="no timezone"):
        clock.call_at(datetime(2030, 1, 1), lambda: None)


def test_threads_may_ask_for_callbacks_while_the_clock_is_advanced(clock: VirtualClock) -> None:
    count = threading.Semaphore(0)

    def ask() -> None:
        for number in range(200):
            clock.call_at(after(number), lambda: count.release())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    clock.advance(100)
    for thread in threads:
        thread.join()
    clock.advance(100)
    assert sum(count.acquire(blocking=False) for _ in range(1000)) == 800


def test_real_clock_runs_callbacks_in_order_in_its_own_thread(real: RealClock) -> None:
    seen: list[tuple[str, str]] = []
    done = threading.Event()
    start = real.now()

    def finish() -> None:
        seen.append(("b", threading.current_thread().name))
        done.set()

    real.call_at(start + timedelta(milliseconds=20), finish)
    real.call_at(start + timedelta(milliseconds=10), lambda: seen.append(("a", threading.current_thread().name)))
    assert done.wait(5)
    assert seen == [("a", "sandbox-clock"), ("b", "sandbox-clock")]
    assert real.now() >= start + timedelta(milliseconds=20)


def test_real_clock_goes_on_after_a_callback_that_fails(real: RealClock, caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def fail() -> None:
        raise ValueError("on purpose")

    real.call_at(real.now(), fail)
    real.call_at(real.now(), done.set)
    assert done.wait(5)
    assert "a callback failed" in caplog.text


def test_real_clock_runs_nothing_cancelled_and_nothing_after_close(real: RealClock) -> None:
    seen: list[str] = []
    done = threading.Event()
    real.call_at(real.now() + timedelta(milliseconds=5), lambda: seen.append("cancelled"))()
    real.call_at(real.now() + timedelta(milliseconds=10), done.set)
    assert done.wait(5)
    real.close()
    real.call_at(real.now(), lambda: seen.append("closed"))
    assert seen == []
