"""The templates: which size each wants, what is done for it, and how it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tidegate.api import names
from tidegate.api.experiment import ExperimentTemplate, TemplateStatus
from tidegate.api.wire import read_time, write_time
from tidegate.machine.actions import Action, CreateReplicaSet, Event, PatchReplicaSet
from tidegate.machine.experiment import manifests
from tidegate.machine.experiment.acts import CreateService, DeleteService, ServiceSeen
from tidegate.machine.experiment.case import ENDED_TEMPLATE, Case
from tidegate.machine.moments import later, rounded_up
from tidegate.machine.observed import ReplicaSetView


@dataclass(frozen=True)
class Part:
    """One template in its Experiment."""

    case: Case
    template: ExperimentTemplate

    @property
    def name(self) -> str:
        """The name of its ReplicaSet."""
        return manifests.set_name(self.case.experiment, self.template)

    @property
    def stored(self) -> TemplateStatus:
        """Its stored status, an empty one where there is none."""
        return self.case.template_statuses.get(self.template.name) or TemplateStatus(name=self.template.name)

    @property
    def replica_set(self) -> ReplicaSetView | None:
        """Its ReplicaSet, None where there is none of its own."""
        found = self.case.seen.replica_sets.get(self.name)
        return found if found is not None and found.owner_uid == self.case.seen.uid else None

    @property
    def wanted(self) -> int:
        """How many pods it wants now."""
        if self.case.ending or self.stored.status in ENDED_TEMPLATE:
            return 0
        return 1 if self.template.replicas is None else self.template.replicas

    @property
    def obstacle(self) -> str:
        """What makes the template impossible: a name that it needs belongs to somebody else; "" for nothing."""
        if self.replica_set is None and self.name in self.case.seen.replica_sets and not self._done:
            return self.taken_text
        service = self._named_service
        if service is None or self._owns(service) or service.leaving or not self._serves:
            return ""
        return self.service_taken_text(service.name)

    @property
    def taken_text(self) -> str:
        return f"ReplicaSet {self.name} already exists and is not owned by experiment template {self.template.name}"

    def service_taken_text(self, service: str) -> str:
        name = self.template.name
        owned = f"service {service} already exists and is not owned by experiment template {name}"
        return f"Failed to create Service {service} for template '{name}': {owned}"

    @property
    def _done(self) -> bool:
        return self.case.ending or self.stored.status in ENDED_TEMPLATE

    # --- what is done ---

    def actions(self) -> Iterator[Action]:
        """What is to be done for the template, in order."""
        yield from self._unserved()
        if self.obstacle:
            return
        if self.replica_set is not None:
            yield from self._kept(self.replica_set)
        elif not self._done:
            made = manifests.replica_set(self.case.experiment, self.template)
            yield CreateReplicaSet(self.name, made, why="a template has none")

    def _kept(self, seen: ReplicaSetView) -> Iterator[Action]:
        patch = self._resized(seen)
        if patch is not None:
            yield patch
        if self._serves and self._named_service is None:
            name = manifests.service_name(self.case.experiment, self.template)
            made = manifests.service(self.case.experiment, self.template, seen)
            yield CreateService(name, self.template.name, made, why="the template asks for one")

    def _resized(self, seen: ReplicaSetView) -> PatchReplicaSet | None:
        deadline = seen.annotations.get(names.SCALE_DOWN_DEADLINE)
        if self.wanted > 0 or seen.spec_replicas == 0:
            stale = deadline is not None and self.wanted > 0
            if seen.spec_replicas == self.wanted and not stale:
                return None
            size = self.wanted if seen.spec_replicas != self.wanted else None
            return self._patch(seen, size, {names.SCALE_DOWN_DEADLINE: None} if stale else {})
        delay = self.case.experiment.spec.scale_down_delay_seconds
        if delay > 0 and self.drained_at is None:
            until = write_time(rounded_up(later(self.case.now, delay)))
            return self._patch(seen, None, {names.SCALE_DOWN_DEADLINE: until})
        if delay > 0 and self.drained_at is not None and self.case.now < self.drained_at:
            return None
        return self._patch(seen, 0, {})

    @property
    def drained_at(self) -> datetime | None:
        """When its pods may go, as the ReplicaSet says; None where it says nothing that can be read."""
        text = self.replica_set.annotations.get(names.SCALE_DOWN_DEADLINE) if self.replica_set is not None else None
        try:
            found = read_time(text) if text else None
        except ValueError:
            return None
        return found if isinstance(found, datetime) else None

    def _patch(self, seen: ReplicaSetView, size: int | None, annotations: dict[str, str | None]) -> PatchReplicaSet:
        events: tuple[Event, ...] = ()
        if size is not None:
            way = "up" if size > seen.spec_replicas else "down"
            text = f"Scaled {way} ReplicaSet {seen.name} from {seen.spec_replicas} to {size}"
            events = (Event("ScalingReplicaSet", text),)
        return PatchReplicaSet(
            seen.name, seen.uid, seen.resource_version, size, annotations, why="size of the template", events=events
        )

    # --- Services ---

    @property
    def _serves(self) -> bool:
        """Whether a Service is wanted now."""
        return bool(manifests.service_name(self.case.experiment, self.template)) and self.wanted > 0

    @property
    def _named_service(self) -> ServiceSeen | None:
        name = manifests.service_name(self.case.experiment, self.template)
        return self.case.seen.services.get(name) if name else None

    def _owns(self, service: ServiceSeen) -> bool:
        return service.owner_uid == self.case.seen.uid and service.template == self.template.name

    @property
    def own_service(self) -> ServiceSeen | None:
        """The Service that it has and wants to keep."""
        found = self._named_service
        return found if found is not None and self._owns(found) and not self._left(found) else None

    def _left(self, service: ServiceSeen) -> bool:
        """Whether a Service is to go: its pods have, or it is not asked for."""
        if service.name != manifests.service_name(self.case.experiment, self.template):
            return True
        return self.wanted == 0 and (self.replica_set is None or self.replica_set.available == 0)

    def _unserved(self) -> Iterator[Action]:
        for service in self.case.seen.services.values():
            if self._owns(service) and self._left(service):
                yield DeleteService(service.name, service.uid, why="its pods are gone, or nobody asks for it")


@dataclass(frozen=True, slots=True)
class Happened:
    """What came of a template's actions: `touched` by a creation or a new size, `refused` and why, `served` by a new Service."""

    touched: bool = False
    refused: str = ""
    served: bool = False


def judged(part: Part, happened: Happened) -> TemplateStatus:
    """How a template stands after a pass; a final status stays."""
    stored, seen, now = part.stored, part.replica_set, part.case.now
    counts = {
        "replicas": seen.replicas if seen else 0,
        "updated_replicas": seen.replicas if seen else 0,
        "ready_replicas": seen.ready if seen else 0,
        "available_replicas": seen.available if seen else 0,
    }
    # Without progress means: no counter moves and nothing is scaled. The deadline counts from then, rounded up.
    moved = happened.touched or any(getattr(stored, key) != value for key, value in counts.items())
    fresh = moved or stored.last_transition_time is None
    since = rounded_up(now) if fresh else stored.last_transition_time
    status, message = _stands(part, happened, since or now)
    served = part.own_service is not None or happened.served
    kept = _others(stored)
    return TemplateStatus.model_validate(
        {
            **kept,
            "name": part.template.name,
            **counts,
            "status": status,
            "message": message,
            "last_transition_time": since,
            "service_name": manifests.service_name(part.case.experiment, part.template) if served else "",
            "pod_template_hash": seen.pod_hash if served and seen else "",
        }
    )


def _others(stored: TemplateStatus) -> dict[str, object]:
    """What else is in a stored status: fields that others have put there."""
    extra = dict(stored.__pydantic_extra__ or {})
    return {**extra, **({"collision_count": stored.collision_count} if stored.collision_count else {})}


def _stands(part: Part, happened: Happened, since: datetime) -> tuple[str, str]:
    case, stored = part.case, part.stored
    if stored.status in ENDED_TEMPLATE:
        return stored.status, stored.message
    if bad := happened.refused or part.obstacle:
        return "Error", bad
    if case.ending:
        # Pods that wait for their end make no progress, and fail no deadline.
        return "Successful", ""
    seen = part.replica_set
    if seen is not None and seen.available == part.wanted and not (happened.touched and part.wanted):
        return "Successful" if case.end is not None and case.now >= case.end else "Running", ""
    limit = case.experiment.spec.progress_deadline_seconds
    if case.now > later(since, limit):
        return "Failed", f"Template '{part.template.name}' exceeded its progressDeadlineSeconds ({limit})"
    return "Progressing", ""


def deadline(case: Case, status: TemplateStatus) -> datetime | None:
    """When a template that makes no progress fails; None for one that need not make any."""
    if case.ending or status.status != "Progressing" or status.last_transition_time is None:
        return None
    return later(status.last_transition_time, case.experiment.spec.progress_deadline_seconds + 0.001)
