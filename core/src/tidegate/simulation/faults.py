"""What may go wrong with the n-th write, and the gate through which every write of the controller goes."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from tidegate.errors import Conflict, Transient

T = TypeVar("T")


class Fault(StrEnum):
    """What happens to one write."""

    CRASH_BEFORE = "crash-before"  # the process dies before the write
    CRASH_AFTER = "crash-after"  # the write is done, and the process dies before it knows
    CONFLICT = "conflict"  # 409, nothing is written
    REFUSED = "refused"  # 5xx, nothing is written
    LOST = "lost"  # the write is done, and the answer is an error


class Crash(Exception):
    """The process is dead. Not a TidegateError, so that nobody takes it for an answer of the server."""


class Gate:
    """Counts the controller's writes. A fault, or a deed of somebody else, may be planted at a write to come.

    While `outage` is set the server answers nothing at all. `after` is called when a write is done. `log` names every
    write, `met` the faults that really happened. `back` is how many changes old the lists of a process may be that is
    started after a crash.
    """

    def __init__(self) -> None:
        self.count = 0
        self.outage = False
        self.back = 0
        self.log: list[str] = []
        self.met: list[str] = []
        self.after: Callable[[], None] = lambda: None
        self._faults: dict[int, Fault] = {}
        self._deeds: dict[int, Callable[[], None]] = {}

    def take_up(self, other: Gate) -> None:
        """The writes that went through another, in which nothing is planted."""
        self.count, self.log, self.met = other.count, list(other.log), list(other.met)

    def plant(self, after: int, fault: Fault) -> None:
        """The `after`-th write from now (1 is the next) meets a fault."""
        self._faults[self.count + after] = fault

    def meanwhile(self, after: int, deed: Callable[[], None]) -> None:
        """Right before the `after`-th write from now somebody else does something."""
        self._deeds[self.count + after] = deed

    @property
    def armed(self) -> bool:
        """Whether something planted has not happened yet."""
        return any(n > self.count for n in (*self._faults, *self._deeds))

    def disarm(self) -> None:
        """Nothing planted happens any more."""
        self._faults.clear()
        self._deeds.clear()
        self.outage = False

    def through(self, what: str, write: Callable[[], T]) -> T:
        """One write. Raises Crash, Conflict or Transient as planted, and what the server answers."""
        if self.outage:
            self.met.append("outage")
            raise Transient(f"{what}: connection refused")
        self.count += 1
        self.log.append(what)
        if (deed := self._deeds.get(self.count)) is not None:
            self.met.append("meanwhile")
            deed()
        fault = self._faults.get(self.count)
        if fault is not None:
            self.met.append(fault.value)
        match fault:
            case Fault.CRASH_BEFORE:
                raise Crash
            case Fault.CONFLICT:
                raise Conflict(f"{what}: the object has been modified", code=409, reason="Conflict")
            case Fault.REFUSED:
                raise Transient(f"{what}: the server is unavailable", code=503)
        result = write()
        self.after()
        match fault:
            case Fault.CRASH_AFTER:
                raise Crash
            case Fault.LOST:
                raise Transient(f"{what}: the connection broke")
        return result
