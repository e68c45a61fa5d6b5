"""What one pass sees: frozen, complete, and the only input of `decide`.

The runtime builds it from its store, never from the network. Nothing in here can be asked for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tidegate.api.rollout import Rollout
from tidegate.machine.analysis.templates import Library
from tidegate.machine.traffic import Capability, Destination


class Door(StrEnum):
    """What a controller may or may not be able to carry out beside traffic; a spec that asks for a closed one is invalid."""

    ANALYSIS = "analysis"
    EXPERIMENT = "experiment"
    STEP_PLUGIN = "step plugin"


@dataclass(frozen=True, slots=True)
class ReplicaSetView:
    """A slim projection of a ReplicaSet: everything the rules look at and nothing more.

    `pod_hash` is the value of its label `rollouts-pod-template-hash`, "" without one. `digest` identifies its pod
    template (see `hashing.template_digest`), so two sets with one digest run the same pods. `owner_uid` is the uid of its
    controller, "" for an orphan. `failure` is its `ReplicaFailure` condition as (status, reason, message). `kept_from` is
    the hash whose pods an injected anti-affinity term keeps it away from, "" without such a term.
    """

    name: str
    uid: str
    created: datetime
    resource_version: str
    pod_hash: str
    digest: str
    owner_uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    spec_replicas: int = 0
    replicas: int = 0
    ready: int = 0
    available: int = 0
    min_ready_seconds: int = 0
    generation: int = 1
    observed_generation: int = 1
    deleting: bool = False
    failure: tuple[str, str, str] | None = None
    kept_from: str = ""


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod of one of the Rollout's ReplicaSets; `owner_uid` is the ReplicaSet's uid."""

    name: str
    uid: str
    owner_uid: str
    created: datetime
    available: bool = False
    deleting: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """The workload that `spec.workloadRef` names: its template and selector, and its own wanted size.

    `replicas` is None for a kind without one (PodTemplate).
    """

    kind: str
    name: str
    uid: str
    generation: int
    template: Mapping[str, Any]
    selector: Mapping[str, Any] | None = None
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """An AnalysisRun of the Rollout. `type` is its label rollout-type, `step` the label step-index.

    `phase` is "" for a run that nobody has looked at yet; `ending` says that it was told to terminate.
    """

    name: str
    uid: str
    type: str
    pod_hash: str
    created: datetime
    step: int | None = None
    phase: str = ""
    message: str = ""
    ending: bool = False


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """An Experiment of the Rollout. `destinations` are the weighted Services of its templates that have one.

    `ending` says that it was told to terminate.
    """

    name: str
    uid: str
    pod_hash: str
    created: datetime
    step: int | None = None
    phase: str = ""
    message: str = ""
    ending: bool = False
    destinations: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What matters of a Service: whom it selects and who manages it ("" for nobody).

    `owner_uid` is the uid of its controller, and `template` the template of the Experiment that it was made for; "" for none.
    """

    name: str
    selector: Mapping[str, str]
    managed_by: str
    resource_version: str
    uid: str = ""
    owner_uid: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps an object from working, found by a router or by the loader: the field, the text, the value.

    `value` is the offending value as it is printed after `Invalid value: ` (JSON for strings), None for a missing one.
    `missing` marks the absence of a referenced object: absences are reported before errors in the content of others.
    `code` names the rule for `tidegate lint`, "" for one without. A `warning` is for people: it makes nothing invalid.
    """

    path: str
    detail: str
    value: str | None = None
    missing: bool = False
    code: str = field(default="", kw_only=True)
    warning: bool = field(default=False, kw_only=True)

    @property
    def text(self) -> str:
        """Kubernetes' form of a field error."""
        kind = "Required value" if self.value is None else f"Invalid value: {self.value}"
        return f"{self.path}: {kind}: {self.detail}"


@dataclass(frozen=True, slots=True)
class RouterView:
    """A router that the Rollout names: what it can do, and what is wrong with its part of the spec or its objects.

    `name` is the key in `trafficRouting` (or in `trafficRouting.plugins`); `title` is how texts call it. `warnings` make
    nothing invalid. `carries` is the canary's share that its objects hold now, in parts of what the Rollout's weights add up
    to, the largest of several; 0 where they hold none, or cannot be read.
    """

    name: str
    title: str
    can: frozenset[Capability]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    carries: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """One Rollout and all that a pass may look at.

    `replica_sets` holds those owned by the Rollout and the orphans that its selector matches, in any order.
    `services` has an entry for every Service that the Rollout names, None where it does not exist. `routers` are in
    the order in which they are asked. `retired` names routers that were used before (bookkeeping annotation
    `tidegate.io/traffic-routers`) and are no longer in the spec. `pods` are those of the Rollout's ReplicaSets, and only
    where they are needed (see `rollout/pods.py`), else empty. `workload` is what spec.workloadRef names, None where it is
    missing or nothing is named. `doors` are what this controller carries out; `runs` and `experiments` are owned ones.
    `library` holds the templates of analyses, None where nobody looks at them: then they are taken to be there.
    """

    now: datetime
    rollout: Rollout
    replica_sets: tuple[ReplicaSetView, ...] = ()
    services: Mapping[str, ServiceView | None] = field(default_factory=dict)
    routers: tuple[RouterView, ...] = ()
    retired: tuple[str, ...] = ()
    pods: tuple[PodView, ...] = ()
    workload: WorkloadView | None = None
    doors: frozenset[Door] = frozenset()
    runs: tuple[RunView, ...] = ()
    experiments: tuple[ExperimentView, ...] = ()
    library: Library | None = None
