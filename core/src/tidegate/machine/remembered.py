"""Answers about things that never change, kept for as long as the thing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, cast, overload
from weakref import ref

Answer = TypeVar("Answer")
Thing = TypeVar("Thing")


class Remembered(Generic[Answer]):
    """What a function says of something frozen and of what else it depends on; the last answer for each.

    Most passes look at a spec that was looked at before: judging it anew took a third of a decision. A thing is known by
    its identity, and forgotten with it. Safe for threads: two of them may work an answer out twice, and agree.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[object], object, Answer]] = {}

    def of(self, thing: object, beside: object, work_out: Callable[[], Answer]) -> Answer:
        """The answer for `thing`, worked out where it is a new one or `beside` differs from the last time."""
        key = id(thing)
        found = self._known.get(key)
        if found is not None and found[0]() is thing and found[1] == beside:
            return found[2]
        answer = work_out()
        self._known[key] = (ref(thing, lambda _: self._known.pop(key, None)), beside, answer)
        return answer


class Answers:
    """What functions have said of one frozen thing, to which this belongs: each is asked once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[object, object] = {}

    def of(self, question: Callable[[Thing], Answer], thing: Thing) -> Answer:
        """The answer of `question` about `thing`, worked out where it was not asked before."""
        if question in self._known:
            return cast("Answer", self._known[question])
        answer = self._known[question] = question(thing)
        return answer


class once(Generic[Answer]):
    """A property that is worked out when it is first asked for, and then an attribute of the object.

    `functools.cached_property` without its lock, which CPython takes until 3.12: a pass asks fifty such questions, and the
    lock was a twentieth of it. Two threads that ask the same object may both work it out, and agree.
    """

    def __init__(self, work_out: Callable[[Any], Answer]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Answer: ...

    def __get__(self, instance: object | None, owner: type) -> Self | Answer:
        if instance is None:
            return self
        answer = instance.__dict__[self._name] = self._work_out(instance)
        return answer
