"""Where a Rollout stands, in words: the situation, its revisions, its position, and what that waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api import names
from tidegate.cli.rehearsal import Prospect
from tidegate.cli.spans import seen_from
from tidegate.cli.wording import revision_name
from tidegate.machine.moments import later
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.rollout.annotations import deadline_of, revision_of
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.position import target
from tidegate.machine.rollout.situation import Situation

SENTENCES: Mapping[str, str] = {
    Situation.DELETING: "it is being deleted, nothing is done for it any more",
    Situation.INVALID: "it cannot work as written, nothing is scaled or routed until that is mended",
    Situation.UNSIZED: "it has no spec.replicas; that is written first, so that autoscalers find a number to change",
    Situation.NEW_REVISION: "no ReplicaSet runs this template yet, so one is created and the update begins",
    Situation.RESET: "its template or its steps have changed, so the update starts over",
    Situation.STEADY: "the wanted revision is the stable one and serves everybody",
    Situation.ABORTED: "the update was aborted, all traffic goes back to the stable revision",
    Situation.UPDATING: "it is on the way from {stable} to {new}",
}
FIRST = "it is being deployed for the first time"


@dataclass(frozen=True, slots=True)
class Position:
    """The step that is current, counted from 1 (None without steps and behind the last one), and what it waits for."""

    step: int | None
    steps: int
    text: str
    waits: str


@dataclass(frozen=True, slots=True)
class Revision:
    """One ReplicaSet and its part in the update: new, stable or former."""

    role: str
    name: str
    number: int
    pod_hash: str
    wanted: int
    available: int
    share: int


def sentence(case: Case) -> str:
    """The situation as half a sentence about the Rollout."""
    if case.situation is Situation.UPDATING and case.stable is None:
        return FIRST
    text = SENTENCES.get(case.situation, str(case.situation))
    return text.format(
        stable=revision_name(case.seen, case.status.stable_rs), new=revision_name(case.seen, case.new_hash)
    )


def revisions(case: Case) -> tuple[Revision, ...]:
    """Every ReplicaSet with a part in this: new, stable, and former ones that still have pods."""
    found: list[Revision] = []
    if case.new is not None:
        found.append(_revision(case, "new and stable" if case.new is case.stable else "new", case.new))
    if case.separate_stable is not None:
        found.append(_revision(case, "stable", case.separate_stable))
    standing = [each for each in case.others if each.spec_replicas or each.replicas]
    return (*found, *(_revision(case, "former", each) for each in standing))


def _revision(case: Case, role: str, view: ReplicaSetView) -> Revision:
    share = case.carried_by(view)
    return Revision(role, view.name, revision_of(view), view.pod_hash, view.spec_replicas, view.available, share)


def position(case: Case, prospect: Prospect) -> Position:
    """The current step and what it waits for."""
    index, count = case.index, case.step_count
    waits = "; ".join(_waits(case, prospect.settled.status))
    if index is None:
        text = "blue-green" if case.rollout.spec.strategy.blue_green is not None else "no steps"
        return Position(None, count, text, waits)
    if case.step is None:
        return Position(None, count, f"all {count} steps are done", waits)
    return Position(index + 1, count, f"step {index + 1}/{count}, {case.step.describe()}", waits)


def _waits(case: Case, after: Mapping[str, Any] | None) -> Iterator[str]:
    """What stands between this position and the next one."""
    if case.situation in (Situation.DELETING, Situation.INVALID, Situation.UNSIZED):
        return
    if case.rollout.spec.paused:
        yield "paused by hand (spec.paused), until that is taken back"
    if case.situation is Situation.UPDATING and after is not None and case.index is not None:
        reached = after.get("currentStepIndex")
        if isinstance(reached, int) and reached > case.index:
            yield "done with this pass"
            return
    yield from _pauses(case)
    if case.situation in (Situation.UPDATING, Situation.ABORTED, Situation.STEADY):
        yield from _pods(case)


def _pauses(case: Case) -> Iterator[str]:
    resume = f"kubectl argo rollouts promote {case.rollout.metadata.name}"
    for pause in case.status.pause_conditions:
        seconds = pause_seconds(case, pause.reason)
        if seconds is None:
            yield f"paused ({pause.reason}) until somebody resumes it: {resume}"
        else:
            yield f"paused ({pause.reason}), over {seen_from(later(pause.start_time, seconds), case.now)}"


def pause_seconds(case: Case, reason: str) -> int | None:
    """How long a pause is meant to last; None for one without an end."""
    if reason == names.PAUSE_CANARY_STEP:
        return case.step.pause.seconds if case.step is not None and case.step.pause is not None else None
    blue_green = case.rollout.spec.strategy.blue_green
    if reason == names.PAUSE_BLUE_GREEN and blue_green is not None and blue_green.auto_promotion_enabled:
        return blue_green.auto_promotion_seconds or None
    return None


def _pods(case: Case) -> Iterator[str]:
    """The pods that are short of what this position asks for."""
    new = case.new
    wanted = case.replicas if case.situation is Situation.STEADY else _wanted(case)
    if case.situation is not Situation.ABORTED and new is not None and new.available != wanted:
        yield f"waits for {pods(wanted, 'available')} of {new.name} ({new.available} of {new.spec_replicas} now)"
    stable = case.separate_stable
    if case.situation is Situation.ABORTED and stable is not None and stable.available < case.replicas:
        yield f"waits for {pods(case.replicas, 'available')} of {stable.name} ({stable.available} now)"
    for former in case.others:
        deadline = deadline_of(former)
        if deadline is not None and former.spec_replicas:
            yield f"{former.name} keeps its pods until {seen_from(deadline, case.now)}"


def pods(count: int, kind: str = "") -> str:
    """`1 available pod`, `3 available pods`."""
    return " ".join(part for part in (str(count), kind, "pod" if count == 1 else "pods") if part)


def _wanted(case: Case) -> int:
    """The size that the position asks of the new revision; of a preview the one that it was given."""
    if case.rollout.spec.strategy.blue_green is not None:
        return case.new.spec_replicas if case.new is not None else case.replicas
    return target(case).goal.new
