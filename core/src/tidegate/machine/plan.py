"""What one pass wants done: actions in order, then one status, then events; and how each action turned out.

A plan holds at most one action for a field of an object; `Plan` refuses a second one. (The reference controller lets
two functions write the canary Service's selector in one pass: 50 to 90 writes a second after every abort.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tidegate.machine.actions import Action, Claim, Event
from tidegate.machine.checking import StepAnswer
from tidegate.machine.remembered import once
from tidegate.machine.traffic import Verdict


class Result(StrEnum):
    """How an action ended."""

    DONE = "done"  # the world is as asked, whether or not something had to be written
    PENDING = "pending"  # not yet possible, not an error: nothing after it ran
    COLLIDED = "collided"  # the name of a new ReplicaSet is taken by somebody else
    FAILED = "failed"  # an error: nothing after it ran


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one action of a plan turned out. `wrote` tells whether the world was changed by it.

    `name` is the name that a run or an Experiment got or had, `answer` what a step plugin said.
    """

    action: Action
    result: Result = Result.DONE
    wrote: bool = False
    verdict: Verdict | None = None
    message: str = ""
    name: str = ""
    answer: StepAnswer | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What remains to be done after the actions: one status (wire form; None = leave it), events, when to look again.

    `error` is set where the pass must count as failed, so that the queue backs off.
    """

    status: Mapping[str, Any] | None
    events: tuple[Event, ...] = ()
    wake_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Plan:
    """What a pass wants: `actions` in order, and how to conclude from what they came to.

    `situation` names the case (see `rollout/situation.py`), `notes` say in plain words what is waited for and why. `conclude`
    is a pure function of the outcomes; None stands for "every action succeeded". `absent` tells that something the object
    names was not found, which may be no more than a cache that lags behind.
    """

    situation: str
    actions: tuple[Action, ...]
    conclude: Callable[[Sequence[Outcome] | None], Settled] = field(compare=False, repr=False)
    notes: tuple[str, ...] = ()
    absent: bool = False

    def __post_init__(self) -> None:
        seen: dict[Claim, Action] = {}
        for action in self.actions:
            for claim in action.claims:
                if claim in seen:
                    raise ValueError(f"plan: two actions for {claim[1]} of {claim[0]}: {seen[claim]} and {action}")
                seen[claim] = action

    @once
    def expected(self) -> Settled:
        """What follows if every action succeeds."""
        return self.conclude(None)


def settle(plan: Plan, outcomes: Sequence[Outcome]) -> Settled:
    """What follows from what the actions of `plan` really came to; actions without an outcome were not tried."""
    return plan.conclude(outcomes)
