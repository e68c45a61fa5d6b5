"""Carries out a plan: every action in order, and what an error means for the rest."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from tidegate.errors import Conflict, Pending, PluginError, Retry, TidegateError, TooManyRequests, Transient
from tidegate.hooks.flush import told_by, written_before
from tidegate.machine.actions import Action, Event
from tidegate.machine.plan import Outcome, Plan, Result
from tidegate.machine.routing import RouterAction
from tidegate.runtime.edits import Edits
from tidegate.runtime.observe import Sight
from tidegate.runtime.routers import Routers

log = logging.getLogger(__name__)

# Errors that say something about the moment, not about the Rollout; they are told once they last.
PASSING = (Conflict, TooManyRequests, Transient)


@dataclass(slots=True)
class Performed:
    """What became of a plan's actions: outcomes of those that were tried, the events they have earned, and the errors of
    those that were not done; several are those of routers that were all asked."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    errors: list[TidegateError] = field(default_factory=list)

    @property
    def error(self) -> TidegateError | None:
        """What the pass ended with, None where all was done. A failure tells the queue more than something to wait for."""
        return next(iter([*self._failures, *self.errors]), None)

    @property
    def text(self) -> str:
        """What the failures, or where there are none the others, say that no router has an event for."""
        plain = (str(error) for error in self._failures or self.errors if not told_by(error))
        return "; ".join(dict.fromkeys(plain))

    @property
    def told(self) -> list[Event]:
        """What the routers themselves say of their failures."""
        return [event for error in self._failures for event in told_by(error)]

    @property
    def _failures(self) -> list[TidegateError]:
        return [error for error in self.errors if not isinstance(error, Pending | Retry)]


class Performer:
    """Carries out one plan for one Rollout. Made anew for each pass."""

    def __init__(self, sight: Sight, edits: Edits, routers: Routers) -> None:
        self._sight, self._edits, self._routers = sight, edits, routers

    @property
    def again_s(self) -> float:
        """In how many seconds a router's clean-up is to be asked again; 0 where there is none."""
        return self._routers.again_s

    def perform(self, plan: Plan) -> Performed:
        """Every action in order; the first that does not succeed ends it, but for routers that are to be asked all the same
        (see `RouterAction.go_on`)."""
        performed, failed = Performed(), set[str]()
        for action in plan.actions:
            if failed and not isinstance(action, RouterAction):
                break
            if isinstance(action, RouterAction) and action.router in failed:
                continue
            began = time.monotonic()
            outcome = self._tried(action, performed)
            self._log(outcome, performed.errors[-1] if performed.errors else None, time.monotonic() - began)
            performed.outcomes.append(outcome)
            if outcome.result is Result.DONE:
                performed.events.extend(action.events)
            elif isinstance(action, RouterAction) and action.go_on:
                failed.add(action.router)
            else:
                break
        return performed

    def _tried(self, action: Action, performed: Performed) -> Outcome:
        try:
            return self._do(action, performed.events)
        except TidegateError as error:
            performed.errors.append(error)
            # What a router wrote before it failed has happened and is told.
            written = written_before(error)
            performed.events.extend(event for change in written for event in change.events)
            result = Result.PENDING if isinstance(error, Pending | Retry) else Result.FAILED
            return Outcome(action, result, wrote=bool(written), message=str(error))

    def _do(self, action: Action, events: list[Event]) -> Outcome:
        if isinstance(action, RouterAction):
            return self._routers.perform(action, events)
        outcome = self._edits.perform(action)
        if outcome is None:
            raise PluginError(f"no way to perform {type(action).__name__}; tidegate and its plugins do not match")
        return outcome

    def _log(self, outcome: Outcome, error: TidegateError | None, seconds: float) -> None:
        """One line: a warning for what failed, unless the moment was to blame; nothing much where nothing was done."""
        quiet = outcome.result is Result.DONE and not outcome.wrote and not outcome.message
        bad = outcome.result is Result.FAILED and not isinstance(error, PASSING)
        status = self._sight.rollout.status
        fields = {
            "rollout": "/".join(self._sight.rollout.key),
            "step": status.current_step_index,
            "action": _name(outcome.action),
            "result": outcome.result.value,
            "ms": round(seconds * 1000, 1),
        }
        level = logging.DEBUG if quiet else logging.WARNING if bad else logging.INFO
        log.log(level, outcome.message or outcome.action.why or "done", extra=fields)


def _name(action: Action) -> str:
    """The action and what it is about, in a word or two."""
    about = getattr(action, "router", "") or getattr(action, "service", "") or getattr(action, "name", "")
    return f"{type(action).__name__} {about}".rstrip()
