"""From the stores to one frozen `Observed`. Nothing in here asks the network."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pydantic import BaseModel

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.errors import PluginError, SpecError
from tidegate.hooks.configs import Configured, target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.objects import Reader
from tidegate.hooks.references import Kind
from tidegate.hooks.router import Target
from tidegate.hooks.sharing import shared_by_routers
from tidegate.machine.observed import (
    Observed,
    PodView,
    Problem,
    ReplicaSetView,
    RouterView,
    ServiceView,
    WorkloadView,
)
from tidegate.machine.rollout.pods import pods_needed
from tidegate.machine.selectors import selects
from tidegate.machine.traffic import Hashes
from tidegate.runtime.clock import Clock
from tidegate.runtime.family import Family
from tidegate.runtime.kinds import PODS
from tidegate.runtime.projections import ExperimentText, PodSeen, RolloutText, RunText, TemplateText
from tidegate.runtime.references import Key, Known, References, hashes_of
from tidegate.runtime.remotes import Remotes
from tidegate.runtime.store import Store
from tidegate.runtime.templates import Templates
from tidegate.runtime.watches import Watches

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores that every pass reads; `pods` and `workloads` are filled once a Rollout needs them."""

    rollouts: Store[RolloutText]
    replica_sets: Store[ReplicaSetView]
    services: Store[ServiceView]
    pods: Store[PodSeen]
    runs: Store[RunText]
    experiments: Store[ExperimentText]
    templates: Store[TemplateText]
    cluster_templates: Store[TemplateText]
    workloads: Mapping[Kind, Store[WorkloadView]] = field(default_factory=dict)

    def workload(self, known: Known) -> WorkloadView | None:
        """What a Rollout borrows from, as far as it is known."""
        if known.workload is None:
            return None
        kind, namespace, name = known.workload
        entry = self.workloads[kind].get(namespace, name)
        return None if entry is None else entry.value

    def selector(self, known: Known) -> Mapping[str, Any]:
        """The selector in force for a Rollout, see `selector_of`."""
        return selector_of(known, None if known.selector else self.workload(known))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a pass sees, and how to address the routers in it, the retired ones included.

    `used` is the bookkeeping annotation: the raw configs of the routers that may have left something behind.
    """

    observed: Observed
    configured: Mapping[str, Configured]
    used: Mapping[str, Any]

    @property
    def rollout(self) -> Rollout:
        """The Rollout."""
        return self.observed.rollout

    def target(self, router: str, hashes: Hashes | None = None) -> Target[BaseModel]:
        """For whom `router` works; without `hashes`, with those of the status."""
        return target_for(self.rollout, self.configured[router], hashes or hashes_of(self.rollout))


class Observer:
    """Looks at one Rollout in the stores."""

    def __init__(
        self, stores: Stores, watches: Watches, references: References, facade: Facade, remotes: Remotes, clock: Clock
    ) -> None:
        self._stores, self._watches, self._references = stores, watches, references
        self._facade, self._remotes, self._clock = facade, remotes, clock
        templates = Templates(stores.templates, stores.cluster_templates, watches)
        self._family = Family(stores.runs, stores.experiments, templates, watches)
        self._told: set[tuple[Key, str]] = set()  # routers of which it was said that they cannot clean up

    def observe(self, key: Key) -> Sight | None:
        """The Rollout and everything around it; None where it does not exist.

        Raises Pending while a cache that it needs is being filled, and pydantic's ValidationError for an object that no
        schema should have let through.
        """
        entry = self._stores.rollouts.get(*key)
        if entry is None:
            return None
        rollout = entry.value.read()
        known = self._references.learn(rollout)
        for kind in known.kinds:
            self._watches.need(kind)
        used = read_used(rollout)
        retired = dict(self._retired(rollout, known, used))
        workload = self._stores.workload(known)
        replica_sets = tuple(self._replica_sets(rollout, selector_of(known, workload)))
        family = self._family.of(rollout)
        observed = Observed(
            now=self._clock.now(),
            rollout=rollout,
            replica_sets=replica_sets,
            services={name: self._service(key[0], name) for name in known.services},
            routers=tuple(self._views(rollout, known)),
            retired=tuple(retired),
            pods=tuple(self._pods(rollout, replica_sets)),
            workload=workload,
            doors=family.doors,
            runs=family.runs,
            experiments=family.experiments,
            library=family.library,
        )
        return Sight(observed, {**retired, **known.routers}, used)

    def _replica_sets(self, rollout: Rollout, selector: Mapping[str, Any]) -> Iterator[ReplicaSetView]:
        """Those of the Rollout, and the orphans that the selector matches."""
        for entry in self._stores.replica_sets.by("owner", rollout.metadata.uid):
            yield entry.value
        for entry in self._stores.replica_sets.by("orphan", rollout.metadata.namespace):
            if selects(selector, entry.value.labels):
                yield entry.value

    def _pods(self, rollout: Rollout, replica_sets: Sequence[ReplicaSetView]) -> Iterator[PodView]:
        """The pods of the Rollout's ReplicaSets where they are needed; Pending while their cache is filled."""
        needed = pods_needed(rollout, replica_sets)
        self._references.note_pods(rollout.key, needed)
        if not needed:
            return
        self._watches.need(PODS)
        now = self._clock.now()
        for owner in replica_sets:
            if owner.owner_uid == rollout.metadata.uid:
                for entry in self._stores.pods.by("owner", owner.uid):
                    yield entry.value.at(now, rollout.spec.min_ready_seconds)

    def _service(self, namespace: str, name: str) -> ServiceView | None:
        entry = self._stores.services.get(namespace, name)
        return None if entry is None else entry.value

    def _views(self, rollout: Rollout, known: Known) -> Iterator[RouterView]:
        shared = self._shared(rollout, known)
        for name, configured in known.routers.items():
            view = self._view(rollout, configured)
            yield replace(view, problems=(*view.problems, *shared[name])) if name in shared else view

    def _shared(self, rollout: Rollout, known: Known) -> Mapping[str, list[Problem]]:
        """What is wrong with several routers together, by the router that is to say it."""
        usable = {name: each for name, each in known.routers.items() if each.config is not None}
        found: dict[str, list[Problem]] = {}
        if len(usable) < 2:
            return found
        targets = {name: target_for(rollout, each, hashes_of(rollout)) for name, each in usable.items()}
        with contextlib.suppress(PluginError):  # told where the router's own problems are
            for router, problem in shared_by_routers(self._facade, targets):
                found.setdefault(router, []).append(problem)
        return found

    def _view(self, rollout: Rollout, configured: Configured) -> RouterView:
        if configured.config is None:
            return self._facade.view(configured.name, configured.problems)
        target = target_for(rollout, configured, hashes_of(rollout))
        carries = 0
        try:
            reader = self._remotes.reader(configured.name)
            problems = self._facade.problems(configured.name, target, reader, partial(self._is_served, configured.name))
            if not any(not problem.warning for problem in problems):
                carries = self._carried(configured.name, target, reader)
        except SpecError as error:  # the Secret that is to lead to the router's cluster
            problems = (Problem(configured.path, error.detail, error.value),)
        except PluginError as error:
            problems = (Problem(configured.path, str(error), json.dumps(configured.name)),)
        return replace(self._facade.view(configured.name, problems), carries=carries)

    def _carried(self, name: str, target: Target[BaseModel], reader: Reader) -> int:
        """The largest share for the canary that one of the router's objects holds, in parts of the total, rounded up."""
        found = self._facade.get_weights(name, target, reader)
        return max((-(-each.canary * target.total // each.total) for each in found.values()), default=0)

    def _is_served(self, router: str, kind: Kind) -> bool:
        return not self._watches.absent(self._remotes.kind(router, kind))

    def _retired(self, rollout: Rollout, known: Known, used: Mapping[str, Any]) -> Iterator[tuple[str, Configured]]:
        """Routers that were used and are no longer in the spec, as far as their plugin is still there to clean up."""
        for name, raw in used.items():
            if name in known.routers:
                continue
            configured = self._facade.configure(name, raw, f"spec.strategy.canary.trafficRouting.{name}")
            if configured.config is not None:
                yield name, configured
            elif (rollout.key, name) not in self._told:
                self._told.add((rollout.key, name))
                log.warning(
                    "router %s of %s/%s was used before and cannot clean up: %s",
                    name,
                    *rollout.key,
                    configured.problems[0].text,
                )


def selector_of(known: Known, workload: WorkloadView | None) -> Mapping[str, Any]:
    """The Rollout's own selector, else its workload's; an empty one, which matches nothing, while that is not there."""
    return known.selector or (workload.selector if workload is not None else None) or {}


def read_used(rollout: Rollout) -> dict[str, Any]:
    """The bookkeeping annotation: raw router configs by router; empty where it is absent or was garbled by somebody."""
    try:
        used = json.loads(rollout.metadata.annotations.get(names.ROUTERS_USED) or "{}")
    except ValueError:
        return {}
    return used if isinstance(used, dict) else {}
