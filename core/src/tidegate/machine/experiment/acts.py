"""What a pass over an Experiment sees and may ask of the world. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidegate.api.experiment import Experiment
from tidegate.machine.actions import Action, Claim
from tidegate.machine.analysis.templates import Library
from tidegate.machine.observed import ReplicaSetView, RunView
from tidegate.machine.plan import Outcome


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """A Service: whose it is, and for which template. `leaving` says that its owner is an Experiment of the same Rollout
    that is over, so that it will go.
    """

    name: str
    uid: str
    owner_uid: str
    template: str = ""
    pod_hash: str = ""
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class ExperimentSeen:
    """One Experiment and all that a pass may look at.

    `replica_sets` and `services` are by name: those that it owns, and whatever else has a name that it wants. `runs` are
    its own, by name. `instance` is the controller's instance id, "" for none.
    """

    now: datetime
    experiment: Experiment
    replica_sets: Mapping[str, ReplicaSetView] = field(default_factory=dict)
    services: Mapping[str, ServiceSeen] = field(default_factory=dict)
    runs: Mapping[str, RunView] = field(default_factory=dict)
    library: Library = field(default_factory=Library)
    instance: str = ""

    @property
    def uid(self) -> str:
        """The Experiment's uid."""
        return self.experiment.metadata.uid


@dataclass(frozen=True, slots=True)
class CreateService(Action):
    """Create a Service. Where the name is taken by one that is not this Experiment's, the outcome is `collided`."""

    name: str
    template: str
    manifest: Mapping[str, Any]

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"service/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class DeleteService(Action):
    """Delete a Service; `uid` guards against a namesake, and one that is gone is no error."""

    name: str
    uid: str

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"service/{self.name}", "*"),)


@dataclass(frozen=True, slots=True)
class StartAnalysis(Action):
    """Create the run of an analysis, or adopt the same one (see `analysis/starting.py`); the outcome names it."""

    name: str
    analysis: str
    manifest: Mapping[str, Any]

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"analysis/{self.analysis}", "run"),)


@dataclass(frozen=True, slots=True)
class Refused(Outcome):
    """The API server will not have it, however often it is sent. It is an answer: the actions behind it are performed."""
