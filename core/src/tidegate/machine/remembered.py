"""Answers about parts of a Rollout that never change, kept for as long as the part itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

from tidegate.api.wire import Wire

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """What a function says of a frozen model and of what else it depends on; the last answer for each model.

    Most passes look at a spec that was looked at before: judging it anew took a third of a decision. A model is known by
    its identity, and forgotten with it. Safe for threads: two of them may work an answer out twice, and agree.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[Wire], object, Answer]] = {}

    def of(self, model: Wire, beside: object, work_out: Callable[[], Answer]) -> Answer:
        """The answer for `model`, worked out where it is a new one or `beside` differs from the last time."""
        key = id(model)
        found = self._known.get(key)
        if found is not None and found[0]() is model and found[1] == beside:
            return found[2]
        answer = work_out()
        self._known[key] = (ref(model, lambda _: self._known.pop(key, None)), beside, answer)
        return answer
