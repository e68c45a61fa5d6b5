"""A whole cluster in a few dicts around the pure machine, in virtual time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.machine.actions import (
    Action,
    CreateReplicaSet,
    DeleteReplicaSet,
    Event,
    PatchReplicaSet,
    PatchRollout,
    PointService,
)
from tidegate.machine.hashing import template_digest
from tidegate.machine.merge import merged
from tidegate.machine.observed import Observed, Problem, ReplicaSetView, RouterView, ServiceView
from tidegate.machine.plan import Outcome, Plan, Result, settle
from tidegate.machine.rollout.decide import decide
from tidegate.machine.rollout.status import status_patch
from tidegate.machine.routing import RouterAction, SetWeights, VerifyWeights
from tidegate.machine.traffic import Capability, Verdict

START = datetime(2026, 1, 1, tzinfo=UTC)
ALL = frozenset(Capability) - {Capability.NO_SERVICES}


@dataclass
class World:
    """One Rollout and its surroundings. Pods are available at once unless their image is `bad` or `slow`."""

    rollout: dict[str, Any]
    now: datetime = START
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: dict[str, ServiceView | None] = field(default_factory=dict)
    routers: tuple[RouterView, ...] = ()
    weights: list[tuple[int, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    calls: list[Action] = field(default_factory=list)
    writes: int = 0
    refuse: Callable[[Action], Outcome | None] = field(default=lambda _: None)
    verdict: bool | None = None
    version: int = 1
    wake_at: datetime | None = None
    plan: Plan | None = None
    history: list[tuple[int, int]] = field(default_factory=list)

    # --- what tests do ---

    def image(self, tag: str) -> World:
        self.rollout["spec"]["template"]["spec"]["containers"][0]["image"] = f"app:{tag}"
        return self.edited()

    def edit(self, **spec: Any) -> World:
        self.rollout["spec"] = merged(self.rollout["spec"], spec)
        return self.edited()

    def edited(self) -> World:
        self.rollout["metadata"]["generation"] += 1
        return self

    def client(self, **status: Any) -> World:
        """What a client writes into the status."""
        self.rollout["status"] = merged(self.rollout.get("status") or {}, status)
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
        moved = self.cluster()
        self.history.append(self.pair())
        return moved or self.writes > before

    # --- what tests look at ---

    @property
    def status(self) -> dict[str, Any]:
        return self.rollout.get("status") or {}

    @property
    def phase(self) -> tuple[str, str]:
        return self.status.get("phase", ""), self.status.get("message", "")

    def condition(self, type_: str) -> tuple[str, str] | None:
        found = next((c for c in self.status.get("conditions", []) if c["type"] == type_), None)
        return (found["status"], found.get("reason", "")) if found else None

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

    def by_hash(self, pod_hash: str) -> dict[str, Any] | None:
        return next((s for s in self.sets.values() if s["metadata"]["labels"].get(names.POD_HASH) == pod_hash), None)

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    def forget(self) -> World:
        """Start counting anew; the router still knows its last weights."""
        self.events, self.calls, self.weights, self.writes, self.history = [], [], self.weights[-1:], 0, []
        return self

    # --- the cluster ---

    def seen(self) -> Observed:
        views = tuple(self.view(s) for s in self.sets.values())
        return Observed(self.now, Rollout.read(copy.deepcopy(self.rollout)), views, dict(self.services), self.routers)

    @staticmethod
    def view(manifest: dict[str, Any]) -> ReplicaSetView:
        meta, status = manifest["metadata"], manifest["status"]
        owners = meta.get("ownerReferences") or [{"uid": ""}]
        return ReplicaSetView(
            name=meta["name"],
            uid=meta["uid"],
            created=meta["created"],
            resource_version=str(meta["version"]),
            pod_hash=meta["labels"].get(names.POD_HASH, ""),
            digest=template_digest(manifest["spec"]["template"]),
            owner_uid=owners[0]["uid"],
            labels=meta["labels"],
            annotations=dict(meta["annotations"]),
            spec_replicas=manifest["spec"]["replicas"],
            replicas=status["replicas"],
            ready=status["available"],
            available=status["available"],
            min_ready_seconds=manifest["spec"].get("minReadySeconds", 0),
        )

    def cluster(self) -> bool:
        """ReplicaSet controller and kubelet: pods come and go at once."""
        moved = False
        for manifest in self.sets.values():
            size = manifest["spec"]["replicas"]
            image = manifest["spec"]["template"]["spec"]["containers"][0]["image"]
            wanted = {"replicas": size, "available": self.available(image, size)}
            moved = moved or manifest["status"] != wanted
            manifest["status"] = wanted
        return moved

    pods_up: dict[str, int] = field(default_factory=dict)

    def available(self, image: str, size: int) -> int:
        """Available pods of an image: none for `bad`, else all, or as many as `pods_up` says."""
        return 0 if "bad" in image else min(size, self.pods_up.get(image.partition(":")[2], size))

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

    def do(self, action: Action) -> Outcome:
        self.calls.append(action)
        if isinstance(action, VerifyWeights):
            verdict = Verdict(self.verdict)
            pending = action.required and self.verdict is False
            return Outcome(action, Result.PENDING if pending else Result.DONE, verdict=verdict, message="not verified")
        if isinstance(action, SetWeights):
            entry = (action.weights.canary, action.hashes.canary)
            if not self.weights or self.weights[-1] != entry:
                self.weights.append(entry)
                self.writes += 1
                return Outcome(action, wrote=True)
            return Outcome(action)
        if isinstance(action, RouterAction):
            return Outcome(action)
        self.writes += 1
        self.write(action)
        return Outcome(action, wrote=True)

    def write(self, action: Action) -> None:
        match action:
            case CreateReplicaSet(name, manifest):
                assert name not in self.sets
                created = copy.deepcopy(dict(manifest))
                self.version += 1
                created["metadata"] |= {"uid": f"uid-{name}", "version": self.version, "created": self.now}
                created["metadata"]["created"] += timedelta(microseconds=self.version)
                created["status"] = {"replicas": 0, "available": 0}
                self.sets[name] = created
            case PatchReplicaSet():
                manifest = self.sets[action.name]
                if action.replicas is not None:
                    manifest["spec"]["replicas"] = action.replicas
                if action.min_ready_seconds is not None:
                    manifest["spec"]["minReadySeconds"] = action.min_ready_seconds
                for key, value in action.annotations.items():
                    if value is None:
                        manifest["metadata"]["annotations"].pop(key, None)
                    else:
                        manifest["metadata"]["annotations"][key] = value
                if action.owner is not None:
                    owner = [{"uid": self.rollout["metadata"]["uid"]}] if action.owner else []
                    manifest["metadata"]["ownerReferences"] = owner
            case DeleteReplicaSet(name):
                del self.sets[name]
            case PatchRollout():
                self.rollout["metadata"]["annotations"] |= {k: v for k, v in action.annotations.items() if v}
                if action.replicas is not None:
                    self.edit(replicas=action.replicas)
            case PointService():
                old = self.services[action.service]
                assert old is not None
                selector = {**old.selector, names.POD_HASH: action.pod_hash}
                self.services[action.service] = ServiceView(action.service, selector, "demo", old.resource_version)
            case _:
                raise AssertionError(f"unknown action {action}")


def manifest(steps: list[dict[str, Any]], **canary: Any) -> dict[str, Any]:
    """A Rollout `demo` of 10 pods of image app:v1."""
    labels = {"app": "demo"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "demo", "namespace": "shop", "uid": "u-1", "generation": 1, "annotations": {}},
        "spec": {
            "replicas": 10,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "app:v1"}]},
            },
            "strategy": {"canary": {"steps": steps, **canary}},
        },
    }


Build = Callable[..., World]


@pytest.fixture
def a_rollout() -> Build:
    """`a_rollout(steps, routed=…, replicas=…, **canary)`: deployed at v1 and quiet unless `deployed=False`."""

    def build(
        steps: list[dict[str, Any]],
        *,
        routed: bool = False,
        services: bool | None = None,
        replicas: int = 10,
        deployed: bool = True,
        problems: tuple[Problem, ...] = (),
        spec: dict[str, Any] | None = None,
        **canary: Any,
    ) -> World:
        named = routed if services is None else services
        if named:
            canary = {"canaryService": "demo-canary", "stableService": "demo-stable", **canary}
        if routed:
            canary.setdefault("trafficRouting", {})
            canary["trafficRouting"] = {"mesh": {}, **canary["trafficRouting"]}
        rollout = manifest(steps, **canary)
        rollout["spec"] |= {"replicas": replicas, **(spec or {})}
        world = World(rollout)
        for name in ("demo-canary", "demo-stable") if named else ():
            world.services[name] = ServiceView(name, {"app": "demo"}, "", "1")
        if routed:
            world.routers = (RouterView("mesh", "Mesh", ALL, problems),)
        return world.run().forget() if deployed else world

    return build
