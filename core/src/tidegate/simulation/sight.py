"""What the simulated controller sees: one frozen `Observed` out of caches that may lag behind, each kind by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import is_not
from typing import Any, TypeVar

from tidegate.api import names
from tidegate.api.rollout import Metadata, Rollout, RolloutSpec
from tidegate.api.status import RolloutStatus
from tidegate.api.wire import without_nulls
from tidegate.machine.hashing import template_digest
from tidegate.machine.observed import (
    Door,
    ExperimentView,
    Observed,
    PodView,
    ReplicaSetView,
    RouterView,
    RunView,
    ServiceView,
    WorkloadView,
)
from tidegate.machine.projections import replica_set_view, service_view
from tidegate.machine.rollout.pods import pods_needed
from tidegate.machine.selectors import selects
from tidegate.simulation.checks import experiment_view, run_view
from tidegate.simulation.pods import Pods
from tidegate.simulation.routing import Router
from tidegate.simulation.store import EXPERIMENT, REPLICA_SET, ROLLOUT, RUN, SERVICE, WORKLOAD, Manifest, Objects
from tidegate.simulation.timeline import moment, whole

Part = TypeVar("Part")


@dataclass
class Eyes:
    """Reads objects into views; each version of an object is read once.

    `watch_pods` tells whether the last observation needed pods.
    """

    name: str
    pods: Pods
    routers: Mapping[str, Router]
    doors: frozenset[Door] = frozenset()
    watch_pods: bool = False
    _rollout: tuple[Manifest, Rollout] | None = None
    _sets: dict[str, tuple[Manifest, ReplicaSetView]] = field(default_factory=dict)
    _digests: dict[tuple[str, int, str], str] = field(default_factory=dict)
    _parts: dict[str, tuple[tuple[object, ...], Any]] = field(default_factory=dict)

    def take_up(self, other: Eyes) -> None:
        """What another has read."""
        self.watch_pods, self._rollout = other.watch_pods, other._rollout
        self._sets, self._digests, self._parts = dict(other._sets), dict(other._digests), dict(other._parts)

    def observed(self, now: datetime, cached: Mapping[str, Objects]) -> Observed | None:
        """The Rollout and its surroundings as the caches have them; None where there is no such Rollout."""
        manifest = cached[ROLLOUT].get(self.name)
        if manifest is None:
            return None
        rollout = self.rollout(manifest)
        workload = self._workload(rollout, cached[WORKLOAD])
        selector = rollout.spec.selector or (workload.selector if workload else None)
        found = cached[REPLICA_SET]
        sets = self._part(
            REPLICA_SET, (found, manifest, cached[WORKLOAD]), lambda: tuple(self._owned(rollout, selector, found))
        )
        self.watch_pods = pods_needed(rollout, sets)
        return Observed(
            now=now,
            rollout=rollout,
            replica_sets=sets,
            services=self._part(
                SERVICE, (cached[SERVICE], rollout.spec), lambda: self._services(rollout, cached[SERVICE])
            ),
            routers=tuple(self._routers(rollout)),
            retired=tuple(self._retired(rollout)),
            pods=tuple(self._pods(sets)) if self.watch_pods else (),
            workload=workload,
            doors=self.doors,
            runs=self._part(RUN, (cached[RUN],), lambda: tuple(self._runs(cached[RUN]))),
            experiments=self._part(
                EXPERIMENT, (cached[EXPERIMENT],), lambda: tuple(self._experiments(cached[EXPERIMENT]))
            ),
        )

    @property
    def last(self) -> Manifest:
        """The manifest of the Rollout that was observed last."""
        return self._rollout[0] if self._rollout else {}

    def rollout(self, manifest: Manifest) -> Rollout:
        """The model of a Rollout's manifest."""
        if self._rollout is None or self._rollout[0] is not manifest:
            self._rollout = (manifest, self._read(manifest))
        return self._rollout[1]

    def _read(self, manifest: Manifest) -> Rollout:
        """Read only what changed: most versions of a Rollout differ in their status alone."""
        if self._rollout is None:
            return Rollout.read(manifest)
        (before, model), now = self._rollout, manifest["metadata"]
        changes: dict[str, Any] = {
            "metadata": model.metadata.model_copy(update={"resource_version": now["resourceVersion"]})
        }
        if {**before["metadata"], "resourceVersion": now["resourceVersion"]} != now:
            changes["metadata"] = Metadata.read(now)
        if before.get("status") is not manifest.get("status"):
            changes["status"] = RolloutStatus.read(manifest.get("status") or {})
        if before["spec"] is not manifest["spec"]:
            changes["spec"] = _read_spec(before["spec"], model.spec, manifest["spec"])
        return model.model_copy(update=changes)

    def replica_set(self, manifest: Manifest) -> ReplicaSetView:
        """The view of a ReplicaSet's manifest."""
        name = manifest["metadata"]["name"]
        known = self._sets.get(name)
        if known is None or known[0] is not manifest:
            known = self._sets[name] = (manifest, replica_set_view(manifest, self._digest))
        return known[1]

    def _digest(self, manifest: Mapping[str, Any]) -> str:
        metadata = manifest["metadata"]
        injected = (metadata.get("annotations") or {}).get(names.EPHEMERAL_METADATA, "")
        key = (metadata["uid"], metadata["generation"], injected)
        if key not in self._digests:
            self._digests[key] = template_digest(manifest["spec"]["template"], injected)
        return self._digests[key]

    def _owned(self, rollout: Rollout, selector: Mapping[str, Any] | None, found: Objects) -> Iterator[ReplicaSetView]:
        """Those of the Rollout, and orphans with the hash label that its selector matches."""
        for manifest in found.values():
            view = self.replica_set(manifest)
            mine = view.owner_uid == rollout.metadata.uid
            if mine or (not view.owner_uid and view.pod_hash and selects(selector, view.labels)):
                yield view

    def _part(self, kind: str, of: tuple[object, ...], read: Callable[[], Part]) -> Part:
        """A part of the observation, read anew where one of the (never changed) things that it was read from is another."""
        known = self._parts.get(kind)
        if known is None or any(map(is_not, known[0], of)):
            known = self._parts[kind] = (of, read())
        found: Part = known[1]
        return found

    @staticmethod
    def _services(rollout: Rollout, found: Objects) -> dict[str, ServiceView | None]:
        named = {name: found.get(name) for name in services_of(rollout)}
        return {name: None if manifest is None else service_view(manifest) for name, manifest in named.items()}

    def _routers(self, rollout: Rollout) -> Iterator[RouterView]:
        canary = rollout.spec.strategy.canary
        routing = canary.traffic_routing if canary else None
        total = (routing.max_traffic_weight if routing else None) or names.DEFAULT_TOTAL_WEIGHT
        for name in routers_of(rollout):
            if (router := self.routers.get(name)) is not None:
                yield self._part(f"router {name}", (router.written, total), partial(router.view, total))

    def _retired(self, rollout: Rollout) -> Iterator[str]:
        named = routers_of(rollout)
        for name, router in self.routers.items():
            if name not in named and (router.written is not None or router.routes):
                yield name

    def _pods(self, sets: tuple[ReplicaSetView, ...]) -> Iterator[PodView]:
        owners = {view.uid: view for view in sets}
        for pod in self.pods.all.values():
            if (owner := owners.get(pod.owner)) is not None:
                available = not pod.deleting and self.pods.available(pod, owner.min_ready_seconds)
                created = whole(moment(pod.created_ms))
                yield PodView(
                    pod.name, pod.uid, pod.owner, created, available, pod.deleting, pod.labels, pod.annotations
                )

    @staticmethod
    def _workload(rollout: Rollout, found: Objects) -> WorkloadView | None:
        named = rollout.spec.workload_ref
        manifest = found.get(named.name) if named else None
        if manifest is None:
            return None
        spec, metadata = manifest["spec"], manifest["metadata"]
        return WorkloadView(
            manifest["kind"],
            metadata["name"],
            metadata["uid"],
            metadata["generation"],
            spec["template"],
            spec.get("selector"),
            spec.get("replicas"),
        )

    @staticmethod
    def _runs(found: Objects) -> Iterator[RunView]:
        return (run_view(manifest) for manifest in found.values())

    @staticmethod
    def _experiments(found: Objects) -> Iterator[ExperimentView]:
        return (experiment_view(manifest) for manifest in found.values())


def _read_spec(before: Manifest, model: RolloutSpec, now: Manifest) -> RolloutSpec:
    """The model of another spec; where only the template is another, the rest is what it was, with all that is known of it."""
    others = before.keys() | now.keys()
    if all(key == "template" or before.get(key) is now.get(key) for key in others) and now.get("template"):
        return model.model_copy(update={"template": without_nulls(now["template"])})
    return RolloutSpec.read(now)


def services_of(rollout: Rollout) -> list[str]:
    """Every Service that a Rollout names."""
    canary, blue_green = rollout.spec.strategy.canary, rollout.spec.strategy.blue_green
    named: list[str] = []
    if canary is not None:
        named += [canary.canary_service, canary.stable_service]
        if canary.ping_pong is not None:
            named += [canary.ping_pong.ping_service, canary.ping_pong.pong_service]
    if blue_green is not None:
        named += [blue_green.active_service, blue_green.preview_service]
    return [name for name in named if name]


def routers_of(rollout: Rollout) -> list[str]:
    """Every router that a Rollout names."""
    canary = rollout.spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    return list(routing.routers) if routing else []
