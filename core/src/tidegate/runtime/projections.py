"""What is kept of each object: as little as the rules look at."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from tidegate.api import names
from tidegate.api.analysis import AnalysisRun, AnalysisRunSpec, AnalysisTemplateSpec
from tidegate.api.experiment import Experiment
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.api.wire import read_time, without_nulls
from tidegate.machine.analysis.phases import COMPLETED
from tidegate.machine.observed import ExperimentView, PodView, ReplicaSetView, RunView, WorkloadView
from tidegate.machine.projections import EPOCH, controller_uid, digest_of, experiment_view, replica_set_view, run_view

Manifest = dict[str, Any]

# About 100 bytes each. Beyond it the oldest is computed anew, which takes a tenth of a millisecond.
REMEMBERED_DIGESTS = 20_000


@dataclass(frozen=True, slots=True)
class RolloutText:
    """A Rollout as compact JSON: 3 KB where the dict takes 24 KB. Its generation tells whether anything is to be read.

    `spec` stands by itself: most versions of a Rollout differ in their status alone.
    """

    text: str
    spec: str
    generation: int

    @property
    def manifest(self) -> Manifest:
        """The whole object, read anew."""
        return {**json.loads(self.text), "spec": json.loads(self.spec)}

    def read(self) -> Rollout:
        """The model. Raises pydantic's ValidationError for an object that no schema should have let through."""
        rest = json.loads(self.text)
        try:
            return Rollout.read({**rest, "spec": _spec(self.spec)})
        except ValidationError:
            return Rollout.read(self.manifest)  # for the whole path of the field


@lru_cache(1024)
def _spec(text: str) -> RolloutSpec:
    """A spec, read once for the passes of its generation: what the machine has found out about it stays with it."""
    return RolloutSpec.read(json.loads(text))


def rollout_text(manifest: Manifest) -> RolloutText:
    """The projection of a Rollout; many are kept and few are looked at."""
    generation = (manifest.get("metadata") or {}).get("generation") or 0
    rest = {key: value for key, value in manifest.items() if key != "spec"}
    return RolloutText(_compact(rest), _compact(manifest.get("spec") or {}), generation)


@dataclass(frozen=True, slots=True)
class RunText:
    """An AnalysisRun as compact JSON. `spec` stands by itself, as it does not change while the status does.

    `resting` is a run that is over and that no lifetime is set for: nothing has to be done about it any more. `view` is
    what its Rollout or Experiment looks at, and `owner_uid` the uid of that, "" for a run that stands alone.
    """

    text: str
    spec: str
    resting: bool
    view: RunView
    owner_uid: str

    @property
    def manifest(self) -> Manifest:
        """The whole object, read anew."""
        return {**json.loads(self.text), "spec": json.loads(self.spec)}

    @property
    def status(self) -> Manifest:
        """The status as it is stored; empty before anybody has looked at the run."""
        return json.loads(self.text).get("status") or {}

    def read(self) -> AnalysisRun:
        """The model. Raises pydantic's ValidationError for an object that no schema should have let through."""
        try:
            return AnalysisRun.read({**json.loads(self.text), "spec": _run_spec(self.spec)})
        except ValidationError:
            return AnalysisRun.read(self.manifest)  # for the whole path of the field


@lru_cache(4096)  # as many runs as may measure at the same time
def _run_spec(text: str) -> AnalysisRunSpec:
    return AnalysisRunSpec.read(json.loads(text))


def run_text(manifest: Manifest) -> RunText:
    """The projection of an AnalysisRun."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    rest = {key: value for key, value in manifest.items() if key != "spec"}
    resting = status.get("phase") in COMPLETED and not spec.get("ttlStrategy")
    return RunText(_compact(rest), _compact(spec), resting, run_view(manifest), controller_uid(manifest))


@dataclass(frozen=True, slots=True)
class ExperimentText:
    """An Experiment as compact JSON, what its Rollout looks at, and the uid of the Rollout, "" for one that stands alone."""

    text: str
    view: ExperimentView
    owner_uid: str

    def read(self) -> Experiment:
        """The model. Raises pydantic's ValidationError for an object that no schema should have let through."""
        return Experiment.read(json.loads(self.text))


def experiment_text(manifest: Manifest) -> ExperimentText:
    """The projection of an Experiment."""
    return ExperimentText(_compact(manifest), experiment_view(manifest), controller_uid(manifest))


@dataclass(frozen=True, slots=True)
class TemplateText:
    """An AnalysisTemplate's or ClusterAnalysisTemplate's spec as compact JSON; it has no status."""

    spec: str

    def read(self) -> AnalysisTemplateSpec:
        """The model, shared by all who read it. Raises pydantic's ValidationError."""
        return _template_spec(self.spec)


@lru_cache(1024)
def _template_spec(text: str) -> AnalysisTemplateSpec:
    return AnalysisTemplateSpec.read(json.loads(text))


def template_text(manifest: Manifest) -> TemplateText:
    """The projection of a template."""
    return TemplateText(_compact(manifest.get("spec") or {}))


def _compact(value: Manifest) -> str:
    return json.dumps(value, separators=(",", ":"))


def as_is(manifest: Manifest) -> Manifest:
    """The whole object; for the few that routers name."""
    return manifest


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod, and since when it is ready (None while it is not): whether it is available is a question of the time."""

    view: PodView
    ready_since: datetime | None

    def at(self, now: datetime, min_ready_s: int) -> PodView:
        """The pod as it stands now: available once it has been ready for `min_ready_s` seconds."""
        since = self.ready_since
        return replace(self.view, available=since is not None and since + timedelta(seconds=min_ready_s) <= now)


def pod_seen(manifest: Manifest) -> PodSeen:
    """The projection of a pod."""
    metadata = manifest.get("metadata") or {}
    view = PodView(
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
        owner_uid=controller_uid(manifest),
        created=read_time(metadata["creationTimestamp"]) if metadata.get("creationTimestamp") else EPOCH,
        deleting=bool(metadata.get("deletionTimestamp")),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
    )
    return PodSeen(view, _ready_since((manifest.get("status") or {}).get("conditions") or []))


def _ready_since(conditions: list[Manifest]) -> datetime | None:
    found = next((each for each in conditions if each.get("type") == "Ready"), {})
    if found.get("status") != "True":
        return None
    return read_time(found["lastTransitionTime"]) if found.get("lastTransitionTime") else EPOCH


def workload_view(kind: str, manifest: Manifest) -> WorkloadView:
    """The projection of an object of `kind` (items of a list do not name theirs) that a workloadRef may name.

    A PodTemplate holds its template at the top, and has neither selector nor size.
    """
    metadata, spec = manifest.get("metadata") or {}, manifest.get("spec") or {}
    sized = kind != "PodTemplate"
    return WorkloadView(
        kind=kind,
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation") or 0,
        template=without_nulls((spec if sized else manifest).get("template") or {}),
        selector=spec.get("selector") if sized else None,
        replicas=(1 if spec.get("replicas") is None else spec["replicas"]) if sized else None,
    )


class ReplicaSetProjection:
    """Makes views of ReplicaSets. The digest of a template is computed once for each generation of a set."""

    def __init__(self) -> None:
        self._digests: OrderedDict[tuple[str, int, str], str] = OrderedDict()

    def __call__(self, manifest: Manifest) -> ReplicaSetView:
        return replica_set_view(manifest, self._digest)

    def _digest(self, manifest: Mapping[str, Any]) -> str:
        metadata = manifest["metadata"]
        injected = (metadata.get("annotations") or {}).get(names.EPHEMERAL_METADATA, "")
        key = (metadata.get("uid", ""), metadata.get("generation", 0), injected)
        digest = self._digests.get(key)
        if digest is None:
            digest = self._digests[key] = digest_of(manifest)
            if len(self._digests) > REMEMBERED_DIGESTS:
                self._digests.popitem(last=False)
        return digest
