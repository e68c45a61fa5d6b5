"""What one pass is about, worked out once: the revisions, the position, and which situation it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidegate.api import intstr, names
from tidegate.api.rollout import BlueGreen, Canary, Rollout
from tidegate.api.status import RolloutStatus
from tidegate.api.steps import Step
from tidegate.machine.observed import Observed, Problem, ReplicaSetView
from tidegate.machine.remembered import Answers, Remembered, once
from tidegate.machine.replicas import Bounds
from tidegate.machine.rollout.annotations import revision_of
from tidegate.machine.rollout.sets import Sets
from tidegate.machine.rollout.situation import Situation
from tidegate.machine.rollout.validation.rollout import problems
from tidegate.machine.step_hash import step_hash

_step_hashes: Remembered[str] = Remembered()


@dataclass(frozen=True)
class Case:
    """One observation with the questions every rule asks answered once.

    Names follow the Rollout API: new, stable and others are ReplicaSets; R is `replicas`; `total` is what weights add up
    to; `index` is the current step (clamped into 0..n), None without steps.
    """

    seen: Observed
    problems: tuple[Problem, ...]
    answers: Answers = field(default_factory=Answers, compare=False, repr=False)

    @classmethod
    def of(cls, seen: Observed) -> Case:
        """The case of an observation."""
        return cls(seen, problems(seen))

    @property
    def now(self) -> datetime:
        return self.seen.now

    @once
    def rollout(self) -> Rollout:
        return self.seen.rollout

    @once
    def status(self) -> RolloutStatus:
        return self.seen.rollout.status

    @once
    def replicas(self) -> int:
        return self.rollout.replicas

    @once
    def canary(self) -> Canary:
        """The canary strategy; an empty one where the strategy is another."""
        return self.rollout.spec.strategy.canary or Canary()

    @once
    def blue_green(self) -> BlueGreen | None:
        """The blue-green strategy; None for a canary."""
        return self.rollout.spec.strategy.blue_green

    @once
    def steps(self) -> list[Step]:
        return self.canary.steps

    @once
    def routed(self) -> bool:
        """Whether traffic routing is configured; without it the canary is basic: pods are the traffic."""
        return self.canary.traffic_routing is not None

    @once
    def dynamic(self) -> bool:
        """Whether stable shrinks as the canary grows (dynamicStableScale)."""
        return self.routed and self.canary.dynamic_stable_scale

    def selected(self, service: str) -> str:
        """The revision that a Service selects, "" for none in particular."""
        view = self.seen.services.get(service)
        return view.selector.get(names.POD_HASH, "") if view is not None else ""

    @once
    def total(self) -> int:
        """What weights add up to."""
        routing = self.canary.traffic_routing
        return (routing.max_traffic_weight if routing else None) or names.DEFAULT_TOTAL_WEIGHT

    @once
    def bounds(self) -> Bounds:
        """A canary's maxSurge and maxUnavailable in pods; if both come to 0, one pod may be unavailable."""
        surge = intstr.resolve(self.canary.surge, self.replicas, round_up=True)
        unavailable = intstr.resolve(self.canary.unavailable, self.replicas, round_up=False)
        if surge == 0 and unavailable == 0:
            unavailable = 1
        return Bounds(self.replicas, surge, min(unavailable, self.replicas))

    # --- revisions ---

    @once
    def template(self) -> Mapping[str, Any]:
        """The pod template in force: the Rollout's own, or that of the workload it refers to."""
        if self.rollout.spec.workload_ref is not None and self.seen.workload is not None:
            return self.seen.workload.template
        return self.rollout.spec.template or {}

    @once
    def selector(self) -> Mapping[str, Any] | None:
        """The selector in force: the Rollout's own, or that of the workload it refers to."""
        if self.rollout.spec.selector is None and self.rollout.spec.workload_ref is not None:
            return self.seen.workload.selector if self.seen.workload is not None else None
        return self.rollout.spec.selector

    @once
    def workload_generation(self) -> str:
        """The generation of the workload that the Rollout refers to, "" without one."""
        return str(self.seen.workload.generation) if self.rollout.spec.workload_ref and self.seen.workload else ""

    @once
    def sets(self) -> Sets:
        """The ReplicaSets by their role."""
        return Sets(self.seen, self.template, self.selector)

    @once
    def owned(self) -> tuple[ReplicaSetView, ...]:
        return self.sets.owned

    @once
    def new(self) -> ReplicaSetView | None:
        return self.sets.new

    @once
    def stable(self) -> ReplicaSetView | None:
        return self.sets.stable

    @once
    def others(self) -> tuple[ReplicaSetView, ...]:
        return self.sets.others

    @once
    def separate_stable(self) -> ReplicaSetView | None:
        """The stable ReplicaSet where it is another one than the new."""
        return None if self.stable is self.new else self.stable

    @once
    def new_hash(self) -> str:
        """The label of the new ReplicaSet, or the one that it is going to get."""
        return self.new.pod_hash if self.new else self.sets.wanted_hash

    @once
    def new_available(self) -> int:
        return self.new.available if self.new else 0

    @once
    def revision(self) -> int:
        """The number of the new revision once this pass has numbered its ReplicaSet as the latest."""
        return max(revision_of(self.new) if self.new else 0, self.sets.next_revision)

    # --- position ---

    @once
    def halted(self) -> bool:
        """Whether a person, or a verdict that only a person can judge, holds the update: no pods, no switches, no steps."""
        inconclusive = names.PAUSE_INCONCLUSIVE_ANALYSIS
        return self.rollout.spec.paused or any(p.reason == inconclusive for p in self.status.pause_conditions)

    @once
    def step_count(self) -> int:
        return len(self.steps)

    @once
    def retrying(self) -> bool:
        """Whether a client has just taken back an abort: the update starts over, and what ran before does not count."""
        return self.status.aborted_at is not None and not self.status.abort and not self.promoted

    @once
    def index(self) -> int | None:
        """The current step, clamped into 0..n whatever a client wrote; None without steps."""
        if not self.steps:
            return None
        if self.retrying:
            return 0
        return min(max(self.status.current_step_index or 0, 0), self.step_count)

    @once
    def step(self) -> Step | None:
        """The current step; None without steps and behind the last one."""
        return self.steps[self.index] if self.index is not None and self.index < self.step_count else None

    @once
    def step_hash(self) -> str:
        """The identity of the steps; "" for blue-green."""
        if self.blue_green is not None:
            return ""
        return _step_hashes.of(self.canary, None, lambda: step_hash(self.steps))

    @once
    def generation_observed(self) -> bool:
        return self.status.observed_generation == str(self.rollout.metadata.generation)

    @once
    def template_changed(self) -> bool:
        return bool(self.status.current_pod_hash) and self.status.current_pod_hash != self.new_hash

    @once
    def steps_changed(self) -> bool:
        """Whether the steps were edited. A foreign hash over a spec that did not change since is adopted silently.

        While a spec is invalid its generation is observed without its steps being looked at, so nothing is adopted then.
        """
        if self.status.current_step_hash == self.step_hash:
            return False
        looked_at = self.generation_observed and self.status.condition("InvalidSpec") is None
        adopt = bool(self.status.current_step_hash) and looked_at and not self.template_changed
        return not adopt

    @once
    def promoted(self) -> bool:
        """Whether the stored status says that the current revision is the stable one."""
        return self.status.stable_rs == self.status.current_pod_hash

    @once
    def initial(self) -> bool:
        """Whether nothing has ever been stable."""
        return not self.status.stable_rs

    @once
    def within_window(self) -> bool:
        """Whether the new revision is so recent an ancestor of stable that steps are skipped (spec.rollbackWindow)."""
        window = self.rollout.spec.rollback_window
        if window is None or window.revisions <= 0 or self.new is None or self.separate_stable is None:
            return False
        newer, older = self.separate_stable.created, self.new.created
        between = [s for s in self.owned if older < s.created < newer and names.EXPERIMENT_NAME not in s.annotations]
        return older < newer and len(between) < window.revisions

    @once
    def aborted(self) -> bool:
        """Whether an abort is in force: a finished rollout and a rollback window ignore it, and a later full promotion.

        # differs: the later request wins. An abort that was noted before the full promotion was asked for is overruled by
        it; one that comes behind it overrules it (the reference takes every abort back then, #4461).
        """
        overruled = self.status.promote_full and self.status.aborted_at is not None
        return self.status.abort and not (self.promoted or overruled or self.within_window)

    @once
    def promoting(self) -> bool:
        """Whether a full promotion is in force: steps, pauses and checks are skipped."""
        return self.status.promote_full and not self.aborted

    @once
    def recorded_weight(self) -> int:
        """The canary's share that every router accepted last, in parts of `total`; 0 where nothing was recorded.

        What was recorded under another total, or written by a client, is brought into 0..total.
        """
        weights = self.status.canary.weights
        if weights is None:
            return 0
        whole = weights.canary.weight + weights.stable.weight + sum(side.weight for side in weights.additional)
        share = weights.canary.weight * self.total // whole if whole > 0 else weights.canary.weight
        return min(max(share, 0), self.total)

    @property
    def carried_hash(self) -> str:
        """The revision that the canary side of every router stood for last; "" where nothing was recorded."""
        weights = self.status.canary.weights
        return weights.canary.pod_template_hash if weights else ""

    def carried_by(self, replica_set: ReplicaSetView) -> int:
        """The share that was recorded for one version, in the parts that it was recorded in."""
        weights = self.status.canary.weights
        sides = (weights.canary, weights.stable, *weights.additional) if weights else ()
        return sum(max(side.weight, 0) for side in sides if side.pod_template_hash == replica_set.pod_hash)

    @once
    def situation(self) -> Situation:
        """Which case this pass is."""
        if self.rollout.metadata.deletion_timestamp is not None:
            return Situation.DELETING
        if self.problems:
            return Situation.INVALID
        if self.rollout.spec.replicas is None:
            return Situation.UNSIZED
        if self.new is None:
            return Situation.NEW_REVISION
        if self.template_changed or self.steps_changed or not self.status.current_pod_hash:
            return Situation.RESET
        if self.promoted:
            return Situation.STEADY
        return Situation.ABORTED if self.aborted else Situation.UPDATING
