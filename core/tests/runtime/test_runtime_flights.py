"""Threads for what may last: what is begun together lands together, and one that does not come back holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tidegate.machine.actions import Action
from tidegate.machine.plan import Outcome, Result
from tidegate.runtime.clock import WallClock
from tidegate.runtime.flights import Flights, Part, Pool
from tidegate.runtime.store import Key

KEY, NOW = ("shop", "run"), datetime(2026, 1, 1, tzinfo=UTC)


class Port:
    """Flights over a pool of two threads, and the keys that have landed."""

    def __init__(self) -> None:
        self.pool, self.clock = Pool("test", most=2), WallClock()
        self.keys: list[Key] = []
        self._heard = threading.Condition()
        self.flights = Flights(self.pool, self.clock, self._landed)

    def _landed(self, key: Key) -> None:
        with self._heard:
            self.keys.append(key)
            self._heard.notify_all()

    def wait(self, count: int = 1) -> None:
        with self._heard:
            assert self._heard.wait_for(lambda: len(self.keys) >= count, 5)

    def begin(self, *works: Callable[[], Outcome], key: Key = KEY, timeout_s: float = 5.0, uid: str = "u") -> None:
        self.flights.begin(key, uid, NOW, [Part(work, failed, timeout_s) for work in works])

    def messages(self, key: Key = KEY) -> list[str]:
        flight = self.flights.of(key, "u")
        assert flight is not None
        return sorted(outcome.message for outcome in flight.outcomes)


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    yield port
    port.pool.close()
    port.clock.close()


def failed(said: str) -> Outcome:
    return Outcome(Action(), Result.FAILED, message=said)


def done(message: str) -> Callable[[], Outcome]:
    return lambda: Outcome(Action(), message=message)


def test_a_flight_lands_once_when_its_last_part_has_ended(port: Port) -> None:
    hold = threading.Event()

    def slow() -> Outcome:
        assert hold.wait(5)
        return Outcome(Action(), message="slow")

    port.begin(slow, done("quick"), done("also"))
    flight = port.flights.of(KEY, "u")
    assert flight is not None
    assert not flight.landed
    hold.set()
    port.wait()
    assert (port.keys, port.messages()) == ([KEY], ["also", "quick", "slow"])


def test_threads_that_do_not_come_back_are_replaced(port: Port) -> None:
    hold = threading.Event()

    def hangs() -> Outcome:
        hold.wait(5)
        return Outcome(Action(), message="too late")

    port.begin(hangs, hangs, done("fine"), timeout_s=0.05)
    port.wait()
    said = "the provider did not answer within 0.05 s; it is not waited for any longer"
    assert port.messages() == ["fine", said, said]
    port.begin(done("next"), key=("shop", "other"))
    port.wait(2)
    hold.set()
    assert port.messages() == ["fine", said, said]


@pytest.mark.parametrize("error", [RuntimeError("secret"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_what_breaks_lands_all_the_same_and_tells_nothing_secret(port: Port, error: BaseException) -> None:
    def breaks() -> Outcome:
        raise error

    port.begin(breaks)
    port.wait()
    (said,) = port.messages()
    assert said == f"unexpected {type(error).__name__}; the controller's log has more"


def test_the_flight_of_a_namesake_is_forgotten_and_wakes_nobody(port: Port) -> None:
    hold = threading.Event()

    def slow() -> Outcome:
        hold.wait(5)
        return Outcome(Action())

    port.begin(slow, uid="old")
    assert port.flights.of(KEY, "u") is None
    hold.set()
    port.begin(done("new"), key=("shop", "other"))
    port.wait()
    assert port.keys == [("shop", "other")]


def test_a_closed_pool_begins_nothing(port: Port) -> None:
    port.pool.close()
    begun: list[bool] = []
    port.begin(lambda: begun.append(True) or Outcome(Action()))  # type: ignore[func-returns-value]
    assert (begun, port.keys) == ([], [])
