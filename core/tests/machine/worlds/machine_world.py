"""One Rollout in its cluster: what tests do to it, the loop that judges it, and what tests look at."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from machine_cluster import ENDED, Cluster
from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.machine.actions import Action, Event, EvictPod, PointService
from tidegate.machine.merge import merged
from tidegate.machine.observed import Door, Observed, PodView, RouterView
from tidegate.machine.plan import Outcome, Plan, Result, settle
from tidegate.machine.rollout.decide import decide
from tidegate.machine.rollout.outcome.serial import status_patch
from tidegate.machine.rollout.pods import pods_needed
from tidegate.machine.routing import RouterAction

Json = dict[str, Any]
PAUSE: Json = {"pause": {}}
RESUME: Json = {"pauseConditions": None}


def weight(value: int) -> Json:
    """A step that gives the canary a share."""
    return {"setWeight": value}


def pause(duration: int | str) -> Json:
    """A step that waits for a while."""
    return {"pause": {"duration": duration}}


@dataclass
class World(Cluster):
    """A Rollout and its surroundings. `phases` are the (phase, message) pairs that were stored, in order, each once in a row."""

    routers: tuple[RouterView, ...] = ()
    doors: frozenset[Door] = frozenset(Door)
    events: list[Event] = field(default_factory=list)
    wake_at: datetime | None = None
    plan: Plan | None = None
    history: list[tuple[int, int]] = field(default_factory=list)
    phases: list[tuple[str, str]] = field(default_factory=list)

    # --- what tests do ---

    def image(self, tag: str) -> World:
        self.rollout["spec"]["template"]["spec"]["containers"][0]["image"] = f"app:{tag}"
        return self.edited()

    def edit(self, **spec: Any) -> World:
        self.rollout["spec"] = merged(self.rollout["spec"], spec)
        return self.edited()

    def strategy(self, **strategy: Any) -> World:
        """Edit fields of the strategy that is in force."""
        kind = next(iter(self.rollout["spec"]["strategy"]))
        return self.edit(strategy={kind: strategy})

    def edited(self) -> World:
        self.rollout["metadata"]["generation"] += 1
        return self

    def client(self, **status: Any) -> World:
        """What a client writes into the status."""
        self.rollout["status"] = merged(self.rollout.get("status") or {}, status)
        return self

    def judge(self, type_: str, phase: str, message: str = "") -> World:
        """Let every live run of a type (or `Experiment`) come to a phase."""
        found: dict[str, Any] = {n: r for n, r in self.runs.items() if r.type == type_}
        store: dict[str, Any] = self.runs
        if type_ == "Experiment":
            store, found = self.experiments, dict(self.experiments)
        live = {name: view for name, view in found.items() if view.phase not in ENDED}
        assert live, f"no live {type_} to judge: {list(store)}"
        store.update({name: replace(view, phase=phase, message=message) for name, view in live.items()})
        return self

    def after(self, seconds: float) -> World:
        self.now += timedelta(seconds=seconds)
        return self.run()

    def run(self, limit: int = 60) -> World:
        """Passes until two in a row change nothing; more than `limit` is a loop."""
        for _ in range(limit):
            if not self.step():
                return self
        raise AssertionError(f"no fixed point within {limit} passes; last plan: {self.plan}")

    def step(self) -> bool:
        """One pass and then the cluster's answer; whether anything changed."""
        self.cluster()
        before = self.writes
        seen = self.seen()
        plan = self.plan = decide(seen)
        outcomes = self.perform(plan.actions)
        settled = settle(plan, outcomes)
        patch = status_patch(seen.rollout.status, settled)
        if patch:
            self.writes += 1
            self.rollout["status"] = merged(self.rollout.get("status") or {}, patch)
        self.events += [event for outcome in outcomes if outcome.wrote for event in outcome.action.events]
        self.events += settled.events
        self.wake_at = settled.wake_at
        if self.phase[0] and self.phases[-1:] != [self.phase]:
            self.phases.append(self.phase)
        moved = self.cluster()
        self.history.append(self.pair())
        return moved or self.writes > before

    # --- what tests look at ---

    @property
    def status(self) -> Json:
        return self.rollout.get("status") or {}

    @property
    def phase(self) -> tuple[str, str]:
        return self.status.get("phase", ""), self.status.get("message", "")

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """(desired, current, updated, ready, available), as clients list them."""
        fields = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        current, updated, ready, available = (self.status.get(key, 0) for key in fields)
        return self.rollout["spec"]["replicas"], current, updated, ready, available

    @property
    def wait(self) -> float | None:
        """Seconds until the controller looks again by itself."""
        return None if self.wake_at is None else (self.wake_at - self.now).total_seconds()

    def condition(self, type_: str) -> tuple[str, str] | None:
        found = next((c for c in self.status.get("conditions", []) if c["type"] == type_), None)
        return (found["status"], found.get("reason", "")) if found else None

    def text(self, type_: str) -> str:
        """The message of a condition."""
        return next(str(c["message"]) for c in self.status["conditions"] if c["type"] == type_)

    def size(self, revision: int) -> int:
        """Wanted pods of a revision; 0 where there is none."""
        found = [s for s in self.sets.values() if s["metadata"]["annotations"].get(names.REVISION) == str(revision)]
        return sum(s["spec"]["replicas"] for s in found)

    def pair(self) -> tuple[int, int]:
        """Wanted pods of (new, stable); stable is 0 where it is the new one."""
        new = self.by_hash(self.status.get("currentPodHash", ""))
        stable = self.by_hash(self.status.get("stableRS", ""))
        return (
            new["spec"]["replicas"] if new else 0,
            stable["spec"]["replicas"] if stable and stable is not new else 0,
        )

    def by_hash(self, pod_hash: str) -> Json | None:
        return next((s for s in self.sets.values() if s["metadata"]["labels"].get(names.POD_HASH) == pod_hash), None)

    def of(self, tag: str) -> Json:
        """The ReplicaSet that runs an image."""
        found = [
            s for s in self.sets.values() if s["spec"]["template"]["spec"]["containers"][0]["image"] == f"app:{tag}"
        ]
        assert len(found) == 1, f"{len(found)} ReplicaSets run app:{tag}"
        return found[0]

    def hash(self, tag: str) -> str:
        return str(self.of(tag)["metadata"]["labels"][names.POD_HASH])

    def spec_size(self, tag: str) -> int:
        """Wanted pods of an image."""
        return int(self.of(tag)["spec"]["replicas"])

    def deadline(self, tag: str) -> str | None:
        """The annotation scale-down-deadline of an image's ReplicaSet."""
        found = self.of(tag)["metadata"]["annotations"].get(names.SCALE_DOWN_DEADLINE)
        return None if found is None else str(found)

    def selected(self, service: str) -> str:
        """The hash that a Service selects, "" for none."""
        view = self.services[service]
        return view.selector.get(names.POD_HASH, "") if view else ""

    def pods_in(self, tag: str) -> list[PodView]:
        return self.pods_of(self.of(tag))

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    def messages(self, reason: str) -> list[str]:
        return [event.message for event in self.events if event.reason == reason]

    def evictions(self) -> int:
        return sum(isinstance(call, EvictPod) for call in self.calls)

    def switches(self, service: str) -> int:
        """How often a Service was pointed somewhere."""
        return sum(isinstance(call, PointService) and call.service == service for call in self.calls)

    def forget(self) -> World:
        """Start counting anew; the router still knows its last weights."""
        self.events, self.calls, self.weights, self.writes, self.history = [], [], self.weights[-1:], 0, []
        self.phases = []
        return self

    # --- the loop's two ends ---

    def seen(self) -> Observed:
        rollout = Rollout.read(copy.deepcopy(self.rollout))
        views = tuple(self.view(s) for s in self.sets.values())
        return Observed(
            self.now,
            rollout,
            views,
            dict(self.services),
            self.routers,
            pods=tuple(self.pods.values()) if pods_needed(rollout, views) else (),
            workload=self.workload,
            doors=self.doors,
            runs=tuple(self.runs.values()),
            experiments=tuple(self.experiments.values()),
        )

    def perform(self, actions: Sequence[Action]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        failed: set[str] = set()
        for action in actions:
            if failed and not isinstance(action, RouterAction):
                break
            if isinstance(action, RouterAction) and action.router in failed:
                continue
            outcome = self.refuse(action) or self.do(action)
            outcomes.append(outcome)
            if isinstance(action, RouterAction) and action.go_on and outcome.result is not Result.DONE:
                failed.add(action.router)
            elif outcome.result is not Result.DONE:
                break
        return outcomes
