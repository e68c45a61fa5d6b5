"""The cluster as a whole: one Rollout, everything around it, and the hands that play with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.machine.observed import Door
from tidegate.machine.projections import controller_uid
from tidegate.simulation.checks import KINDS_OF_CHECKS, Checks
from tidegate.simulation.controller import Controller, Pass
from tidegate.simulation.faults import Gate
from tidegate.simulation.performance import Scene
from tidegate.simulation.pods import PodBehaviour, Pods, image_of
from tidegate.simulation.routing import DataPlane, Router
from tidegate.simulation.sight import Eyes, services_of
from tidegate.simulation.store import REPLICA_SET, ROLLOUT, SERVICE, WORKLOAD, Manifest, Store
from tidegate.simulation.timeline import Timeline

# A cluster that makes more passes than this without anything happening to it is in a loop.
MOST_PASSES = 400


class Endless(AssertionError):
    """Passes that never come to rest."""


class Watcher(Protocol):
    """Who looks at the cluster while it runs."""

    def after_pass(self, made: Pass) -> None:
        """A pass is over."""

    def at_instant(self) -> None:
        """Endpoints, weights or selectors that requests meet have just changed."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How the cluster is set up. `service_delay_s` is how late requests follow a selector; `watch_ms` how late watches are."""

    service_delay_s: float = 0.0
    watch_ms: int = 5
    check_s: float = 5.0
    doors: frozenset[Door] = frozenset()


@dataclass(frozen=True, slots=True)
class Moment:
    """What `history` keeps of a pass: `sizes` are (wanted, available) by image, `weights` the canary's written share by
    router, `actions` what was done as (what, why)."""

    ms: int
    situation: str
    phase: str
    message: str
    step: int | None
    sizes: Mapping[str, tuple[int, int]]
    weights: Mapping[str, int]
    actions: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    events: tuple[str, ...]
    made: Pass


class Cluster:
    """One Rollout in a cluster of its own; see the package for what may be done with it.

    `services` are manifests, made up where they are absent; `routers` those that the Rollout names.
    """

    def __init__(
        self,
        rollout: Mapping[str, Any],
        *,
        services: Sequence[Mapping[str, Any]] | None = None,
        routers: Sequence[Router] = (),
        pods: PodBehaviour | None = None,
        workload: Mapping[str, Any] | None = None,
        setting: Setting | None = None,
    ) -> None:
        self.setting = setting or Setting()
        self.name = str(rollout["metadata"]["name"])
        self.timeline, self.gate = Timeline(), Gate()
        self.store = Store(lambda: self.timeline.now, self._told)
        self.pods = Pods(self.store, self.timeline, pods or PodBehaviour())
        self.plane = DataPlane(
            self.timeline, self.pods, {router.name: router for router in routers}, self.setting.service_delay_s
        )
        self.checks = Checks(self.store, self.timeline, self.setting.check_s)
        self.watchers: list[Watcher] = []
        self.history: list[Moment] = []
        self.recording = True
        self.passes = 0
        self.last: Pass | None = None
        self.eyes = Eyes(self.name, self.pods, self.plane.routers, self.setting.doors)
        scene = Scene(self.store, self.gate, self.pods, self.plane, self.checks)
        self.controller = Controller(scene, self.timeline, self.eyes, self._judged)
        self.controller.watch_ms = self.setting.watch_ms
        self.gate.after, self.pods.told = self._instant, self.controller.told_of_pods
        self._begin(rollout, services, workload)

    def _begin(
        self,
        rollout: Mapping[str, Any],
        services: Sequence[Mapping[str, Any]] | None,
        workload: Mapping[str, Any] | None,
    ) -> None:
        if workload is not None:
            self.store.create(WORKLOAD, workload)
        made = Rollout.read(rollout)
        for manifest in services if services is not None else map(self.plain_service, dict.fromkeys(services_of(made))):
            self.store.create(SERVICE, manifest)
        self.store.create(ROLLOUT, rollout)

    def take_up(self, other: Cluster) -> None:
        """Go on from where another has come to, which was set up like this one and has settled.

        Neither notices the other any more. What is done next comes out as it would have there.
        """
        if other.timeline.busy or not other.controller.alive:
            raise ValueError("cluster: another is taken up from only where it has settled; call its settle() first")
        self.timeline.take_up(other.timeline)
        self.store.take_up(other.store)
        self.pods.take_up(other.pods)
        self.plane.take_up(other.plane)
        self.gate.take_up(other.gate)
        self.eyes.take_up(other.eyes)
        self.controller.take_up(other.controller)
        self.passes, self.last = other.passes, other.last

    def plain_service(self, name: str) -> Manifest:
        """A Service as a user writes it: it selects every pod of the Rollout."""
        return {"metadata": {"name": name}, "spec": {"selector": {"app": self.name}}}

    # --- what is looked at ---

    @property
    def manifest(self) -> Manifest:
        """The Rollout as the server has it; {} where it is deleted. Not to be changed."""
        return self.store.get(ROLLOUT, self.name) or {}

    @property
    def status(self) -> Mapping[str, Any]:
        """Its status."""
        return self.manifest.get("status") or {}

    @property
    def phase(self) -> tuple[str, str]:
        """Phase and message."""
        return self.status.get("phase", ""), self.status.get("message", "")

    @property
    def seconds(self) -> float:
        """How long the cluster has been running."""
        return self.timeline.ms / 1000

    def sets(self) -> list[Manifest]:
        """The Rollout's ReplicaSets, oldest first."""
        uid = self.manifest.get("metadata", {}).get("uid", "")
        mine = [s for s in self.store.all(REPLICA_SET).values() if controller_uid(s) == uid]
        return sorted(mine, key=lambda s: int(s["metadata"]["uid"][1:]))

    def sizes(self) -> dict[str, tuple[int, int]]:
        """(wanted, available) pods by image."""
        found: dict[str, tuple[int, int]] = {}
        for each in self.sets():
            image = image_of(each["spec"]["template"]).rpartition(":")[2]
            found[image] = (each["spec"]["replicas"], (each.get("status") or {}).get("availableReplicas", 0))
        return found

    def weights(self) -> dict[str, int]:
        """The canary's share that each router was told last."""
        return {r.name: r.written.weights.canary for r in self.plane.routers.values() if r.written is not None}

    def image_behind(self, pod_hash: str) -> str:
        """The image of a revision, "" where there is none."""
        for each in self.store.all(REPLICA_SET).values():
            if (each["metadata"].get("labels") or {}).get(names.POD_HASH) == pod_hash:
                return image_of(each["spec"]["template"]).rpartition(":")[2]
        return ""

    # --- time ---

    def step(self) -> Pass | None:
        """One pass now, whether or not anything is due."""
        return self.controller.step()

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due in it."""
        until = self.timeline.ms + round(seconds * 1000)
        while (due := self.timeline.next_ms) is not None and due <= until:
            self._happen()
        self.timeline.ms = max(self.timeline.ms, until)

    def settle(self, limit_s: float = 120.0) -> bool:
        """Go on until nothing is left but the controller's own timers; False where that was not so within the limit."""
        until, passes = self.timeline.ms + round(limit_s * 1000), self.passes
        while self.timeline.busy:
            due = self.timeline.next_ms
            if due is None or due > until:
                return False
            self._happen()
            if self.passes - passes > MOST_PASSES:
                raise Endless(f"{MOST_PASSES} passes within {self.timeline.ms - until + limit_s * 1000:.0f} ms")
        return True

    def run_until_quiet(self, limit_s: float = 86_400.0) -> bool:
        """Go on, through every timer, until nothing more happens by itself; False where that was not so in time."""
        until = self.timeline.ms + round(limit_s * 1000)
        while self.settle((until - self.timeline.ms) / 1000):
            wake = self.controller.wake_ms
            if wake is None:
                return True
            if wake > until:
                return False
            self.advance((wake - self.timeline.ms) / 1000)
        return False

    def _happen(self) -> None:
        self.timeline.happen()
        if self.pods.changed or self.plane.changed:
            self._instant()

    def _instant(self) -> None:
        if self.pods.changed or self.plane.changed:
            self.pods.changed = self.plane.changed = False
            for watcher in self.watchers:
                watcher.at_instant()

    def _judged(self, made: Pass) -> None:
        self.passes, self.last = self.passes + 1, made
        if self.recording:
            self.history.append(self._moment(made))
        for watcher in self.watchers:
            watcher.after_pass(made)

    def _moment(self, made: Pass) -> Moment:
        done = tuple((str(outcome.action), outcome.action.why) for outcome in made.outcomes if outcome.wrote)
        events = tuple(f"{event.reason}: {event.message}" for event in made.events)
        step = self.status.get("currentStepIndex")
        return Moment(
            made.ms,
            made.situation,
            *self.phase,
            step,
            self.sizes(),
            self.weights(),
            done,
            made.plan.notes,
            events,
            made,
        )

    # --- what others do ---

    def set_image(self, tag: str) -> None:
        """A new template: another image."""
        spec = self.manifest["spec"]["template"]["spec"]
        containers = [{**spec["containers"][0], "image": f"app:{tag}"}, *spec["containers"][1:]]
        self.patch_spec({"template": {"spec": {"containers": containers}}})

    def patch_spec(self, patch: Mapping[str, Any]) -> None:
        """A client's merge patch of the Rollout's spec."""
        self.store.patch(ROLLOUT, self.name, {"spec": patch})

    def patch_status(self, patch: Mapping[str, Any]) -> None:
        """A client's merge patch of the Rollout's status."""
        self.store.patch_status(ROLLOUT, self.name, patch)

    def _told(self, kind: str, old: Manifest | None, new: Manifest | None) -> None:
        """Who hears of a change besides the controller."""
        self.controller.told(kind)
        if kind == REPLICA_SET:
            self._replica_set_changed(old, new)
        elif kind == SERVICE:
            known = new or old
            if known is not None:
                self.plane.select(known["metadata"]["name"], new["spec"].get("selector") if new else None)
        elif kind == ROLLOUT and new is None and old is not None:
            self._collect(old["metadata"]["uid"])
        elif kind in KINDS_OF_CHECKS and new is not None:
            self.checks.told(kind)

    def _replica_set_changed(self, old: Manifest | None, new: Manifest | None) -> None:
        if new is None and old is not None:
            self.pods.orphaned(old["metadata"]["uid"])
        elif new is not None and (old is None or old["metadata"]["generation"] != new["metadata"]["generation"]):
            self.pods.wake(new["metadata"]["name"])

    def _collect(self, uid: str) -> None:
        """The garbage collector: what the Rollout owned goes with it."""
        for name, each in list(self.store.all(REPLICA_SET).items()):
            if controller_uid(each) == uid:
                self.store.delete(REPLICA_SET, name)
