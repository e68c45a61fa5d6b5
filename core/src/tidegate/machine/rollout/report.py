"""What the world answered to the actions of a pass, boiled down to what the status depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.machine.actions import CreateReplicaSet, Event
from tidegate.machine.checking import AskStepPlugin, StartExperiment, StartRun
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.rollout.draft import Draft
from tidegate.machine.routing import SetWeights, VerifyWeights
from tidegate.machine.traffic import Verdict

CHECKS = (StartRun, StartExperiment, AskStepPlugin)


@dataclass(frozen=True, slots=True)
class Report:
    """`confirmed`: every router has accepted this pass's weights. `verified`: False if any router says no, True if one says
    yes and none no, else None; a question that ended in an error counts as no. `collided`: the new ReplicaSet's name is
    taken. `failed` and `pending` hold texts. `asked` are the outcomes of runs and Experiments started and of step plugins
    asked. `status` are the fields of the status that routers own, None for one that goes.
    """

    confirmed: bool = False
    verified: bool | None = None
    retry_after_s: float = 0.0
    collided: bool = False
    create_error: str = ""
    failed: str = ""
    pending: str = ""
    events: tuple[Event, ...] = ()
    asked: tuple[Outcome, ...] = ()
    status: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def expected(cls, draft: Draft) -> Report:
        """The report of a pass in which everything succeeds."""
        asked = any(isinstance(action, VerifyWeights) for action in draft.actions)
        begun = tuple(Outcome(action) for action in draft.actions if isinstance(action, CHECKS))
        return cls(confirmed=draft.weights is not None, verified=True if asked else None, asked=begun)

    @classmethod
    def of(cls, draft: Draft, outcomes: Sequence[Outcome]) -> Report:
        """The report of what really happened. Actions without an outcome were not tried."""
        if not draft.actions:  # half of all passes
            return cls(confirmed=draft.weights is not None)
        done = sum(1 for o in outcomes if o.result is Result.DONE and isinstance(o.action, SetWeights))
        wanted = sum(1 for action in draft.actions if isinstance(action, SetWeights))
        answers = [o for o in outcomes if isinstance(o.action, VerifyWeights)]
        # differs: the reference takes an error for "not applicable", and goes on with a weight that nobody has confirmed.
        verdicts = [o.verdict.verified if o.verdict is not None else False for o in answers]
        undone = [o for o in outcomes if o.result is not Result.DONE]
        bad = next((o for o in undone if o.result is not Result.COLLIDED), None)
        return cls(
            confirmed=draft.weights is not None and done == wanted,
            verified=False if False in verdicts else True if True in verdicts else None,
            retry_after_s=max((_again(o) for o in answers), default=0.0),
            collided=any(o.result is Result.COLLIDED for o in undone),
            create_error=bad.message if bad and isinstance(bad.action, CreateReplicaSet) else "",
            failed=_said(undone, Result.FAILED) if bad else "",
            pending=_said(undone, Result.PENDING) if bad else "",
            events=tuple(_verify_error(o) for o in answers if o.verdict is None and o.message),
            asked=tuple(o for o in outcomes if isinstance(o.action, CHECKS)),
            status={key: value for o in outcomes if o.verdict is not None for key, value in o.verdict.status.items()},
        )


def _said(outcomes: Sequence[Outcome], result: Result) -> str:
    """What the actions that ended so have to say; several are routers that were all asked."""
    return "; ".join(dict.fromkeys(o.message for o in outcomes if o.result is result))


def _again(outcome: Outcome) -> float:
    """In how many seconds to ask again; 0 for a question that was answered well."""
    verdict = outcome.verdict or Verdict(False)
    return verdict.retry_after_s if verdict.verified is False else 0.0


def _verify_error(outcome: Outcome) -> Event:
    return Event("WeightVerifyError", f"Failed to verify weight: {outcome.message}", "Warning")
