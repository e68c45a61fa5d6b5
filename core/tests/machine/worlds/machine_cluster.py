"""A cluster in a few dicts: ReplicaSets and their pods, Services, a workload, runs and Experiments, in virtual time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.api import names
from tidegate.machine.actions import (
    Action,
    CreateReplicaSet,
    DeleteReplicaSet,
    EvictPod,
    PatchPod,
    PatchReplicaSet,
    PatchRollout,
    PointService,
    ScaleWorkload,
)
from tidegate.machine.checking import (
    AskStepPlugin,
    DeleteExperiment,
    DeleteRun,
    EndExperiment,
    EndRun,
    StartExperiment,
    StartRun,
    StepAnswer,
)
from tidegate.machine.hashing import template_digest
from tidegate.machine.merge import merged
from tidegate.machine.observed import ExperimentView, PodView, ReplicaSetView, RunView, ServiceView, WorkloadView
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.projections import replica_set_view
from tidegate.machine.routing import RouterAction, SetWeights, VerifyWeights
from tidegate.machine.traffic import Destination, Verdict

START = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = ("Successful", "Failed", "Error", "Inconclusive")
Json = dict[str, Any]


@dataclass
class Cluster:
    """Everything around one Rollout. Pods are there and available at once unless their image is `bad` or `pods_up` says less.

    `verdicts` are the phases that runs (by type) and Experiments (key `Experiment`) come to by themselves; without one
    they stay as they are until a test judges them. `lingering` keeps evicted pods terminating until `gone()`, and runs
    that were told to end at work for as long as it is set.
    """

    rollout: Json
    now: datetime = START
    sets: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, PodView] = field(default_factory=dict)
    services: dict[str, ServiceView | None] = field(default_factory=dict)
    workload: WorkloadView | None = None
    runs: dict[str, RunView] = field(default_factory=dict)
    experiments: dict[str, ExperimentView] = field(default_factory=dict)
    weights: list[tuple[int, str]] = field(default_factory=list)
    calls: list[Action] = field(default_factory=list)
    writes: int = 0
    version: int = 1
    refuse: Callable[[Action], Outcome | None] = field(default=lambda _: None)
    verdict: bool | None = None
    pods_up: dict[str, int] = field(default_factory=dict)
    lingering: bool = False
    verdicts: dict[str, str] = field(default_factory=dict)
    destinations: tuple[Destination, ...] = ()
    answer: Callable[[AskStepPlugin], StepAnswer] = field(default=lambda _: StepAnswer("Successful"))

    # --- what its own controllers do ---

    def cluster(self) -> bool:
        """ReplicaSet controller, kubelet, and whoever works on runs; whether anything moved."""
        moved = False
        for manifest in self.sets.values():
            moved = self._replenish(manifest) or moved
            size = manifest["spec"]["replicas"]
            up = self.available(_image(manifest), size)
            wanted = {**manifest["status"], "replicas": size, "available": up}
            moved = moved or bool(manifest["status"] != wanted)
            manifest["status"] = wanted
            for place, pod in enumerate(self.pods_of(manifest)):
                self.pods[pod.name] = replace(pod, available=place < up)
        orphans = [
            p.name for p in self.pods.values() if p.owner_uid not in {s["metadata"]["uid"] for s in self.sets.values()}
        ]
        for name in orphans:
            del self.pods[name]
        return self._work_on_runs() or moved

    def available(self, image: str, size: int) -> int:
        """Available pods of an image: none for `bad`, else all, or as many as `pods_up` says."""
        return 0 if "bad" in image else min(size, self.pods_up.get(image.partition(":")[2], size))

    def pods_of(self, manifest: Json) -> list[PodView]:
        """The pods of a ReplicaSet that are not terminating, oldest first."""
        uid = manifest["metadata"]["uid"]
        return sorted((p for p in self.pods.values() if p.owner_uid == uid and not p.deleting), key=lambda p: p.created)

    def gone(self) -> None:
        """Evicted pods have ended."""
        for name in [p.name for p in self.pods.values() if p.deleting]:
            del self.pods[name]

    def _replenish(self, manifest: Json) -> bool:
        live, size = self.pods_of(manifest), manifest["spec"]["replicas"]
        for pod in live[size:]:
            del self.pods[pod.name]
        for _ in range(size - len(live)):
            self.version += 1
            name = f"{manifest['metadata']['name']}-{self.version}"
            meta = manifest["spec"]["template"]["metadata"]
            born = self.now + timedelta(microseconds=self.version)
            self.pods[name] = PodView(
                name,
                f"uid-{name}",
                manifest["metadata"]["uid"],
                born,
                labels=dict(meta.get("labels") or {}),
                annotations=dict(meta.get("annotations") or {}),
            )
        return bool(len(live) != size)

    def _work_on_runs(self) -> bool:
        moved = False
        for run in list(self.runs.values()):
            phase, message = self._outcome(run.phase, run.ending, run.type)
            moved = moved or phase != run.phase
            self.runs[run.name] = replace(run, phase=phase, message=message or run.message)
        for experiment in list(self.experiments.values()):
            phase, message = self._outcome(experiment.phase, experiment.ending, "Experiment")
            moved = moved or phase != experiment.phase
            shares = self.destinations if phase == "Running" else ()
            self.experiments[experiment.name] = replace(
                experiment, phase=phase, message=message or experiment.message, destinations=shares
            )
        return moved

    def _outcome(self, phase: str, ending: bool, type_: str) -> tuple[str, str]:
        if phase in ENDED:
            return phase, ""
        if ending:
            return (phase, "") if self.lingering else ("Successful", "Run Terminated")
        return self.verdicts.get(type_, phase), ""

    # --- how it looks ---

    @staticmethod
    def view(manifest: Json) -> ReplicaSetView:
        """The projection of a ReplicaSet."""
        meta, status, spec = manifest["metadata"], manifest["status"], manifest["spec"]
        owners = meta.get("ownerReferences") or [{"uid": ""}]
        return ReplicaSetView(
            name=meta["name"],
            uid=meta["uid"],
            created=meta["created"],
            resource_version=str(meta["version"]),
            pod_hash=meta["labels"].get(names.POD_HASH, ""),
            digest=template_digest(spec["template"], meta["annotations"].get(names.EPHEMERAL_METADATA, "")),
            owner_uid=owners[0]["uid"],
            labels=meta["labels"],
            annotations=dict(meta["annotations"]),
            spec_replicas=spec["replicas"],
            replicas=status["replicas"],
            ready=status["available"],
            available=status["available"],
            min_ready_seconds=spec.get("minReadySeconds", 0),
            failure=status.get("failure"),
            kept_from=replica_set_view({"spec": spec}).kept_from,
        )

    # --- what it does for a plan ---

    def do(self, action: Action) -> Outcome:
        """Carry an action out and say how it went."""
        self.calls.append(action)
        match action:
            case VerifyWeights():
                verdict = Verdict(self.verdict)
                pending = action.required and self.verdict is False
                return Outcome(
                    action, Result.PENDING if pending else Result.DONE, verdict=verdict, message="not verified"
                )
            case SetWeights():
                entry = (action.weights.canary, action.hashes.canary)
                if self.weights and self.weights[-1] == entry:
                    return Outcome(action)
                self.weights.append(entry)
                self.writes += 1
                return Outcome(action, wrote=True)
            case RouterAction():
                return Outcome(action)
            case AskStepPlugin():
                return Outcome(action, answer=self.answer(action))
        self.writes += 1
        return Outcome(action, wrote=True, name=self.write(action))

    def write(self, action: Action) -> str:
        """Change the world; the name that a run or an Experiment got, else ""."""
        match action:
            case CreateReplicaSet() | PatchReplicaSet() | DeleteReplicaSet():
                self._write_set(action)
            case PatchRollout():
                annotations = merged(self.rollout["metadata"]["annotations"], action.annotations)
                self.rollout["metadata"]["annotations"] = annotations
                if action.replicas is not None:
                    self.rollout["spec"]["replicas"] = action.replicas
                    self.rollout["metadata"]["generation"] += 1
            case PointService():
                old = self.services[action.service]
                assert old is not None
                selector = {**old.selector, names.POD_HASH: action.pod_hash}
                self.services[action.service] = ServiceView(action.service, selector, "demo", old.resource_version)
            case EvictPod() | PatchPod():
                self._write_pod(action)
            case ScaleWorkload():
                assert self.workload is not None
                assert (self.workload.kind, self.workload.name) == (action.kind, action.name)
                self.workload = replace(self.workload, replicas=action.replicas)
            case _:
                return self._write_run(action)
        return ""

    def _write_set(self, action: CreateReplicaSet | PatchReplicaSet | DeleteReplicaSet) -> None:
        match action:
            case CreateReplicaSet(name, manifest):
                assert name not in self.sets
                self.version += 1
                created = copy.deepcopy(dict(manifest))
                born = self.now + timedelta(microseconds=self.version)
                created["metadata"] |= {"uid": f"uid-{name}", "version": self.version, "created": born}
                created["status"] = {"replicas": 0, "available": 0}
                self.sets[name] = created
            case DeleteReplicaSet(name):
                del self.sets[name]
            case PatchReplicaSet():
                found = self.sets[action.name]
                if action.replicas is not None:
                    found["spec"]["replicas"] = action.replicas
                if action.min_ready_seconds is not None:
                    found["spec"]["minReadySeconds"] = action.min_ready_seconds
                found["spec"]["template"] = merged(found["spec"]["template"], action.template)
                found["metadata"]["annotations"] = merged(found["metadata"]["annotations"], action.annotations)
                if action.owner is not None:
                    owner = [{"uid": self.rollout["metadata"]["uid"]}] if action.owner else []
                    found["metadata"]["ownerReferences"] = owner

    def _write_pod(self, action: EvictPod | PatchPod) -> None:
        pod = self.pods.get(action.name)
        if pod is None:
            return
        if isinstance(action, PatchPod):
            labels, annotations = merged(pod.labels, action.labels), merged(pod.annotations, action.annotations)
            self.pods[pod.name] = replace(pod, labels=labels, annotations=annotations)
        elif self.lingering:
            self.pods[pod.name] = replace(pod, deleting=True, available=False)
        else:
            del self.pods[pod.name]

    def _write_run(self, action: Action) -> str:
        match action:
            case StartRun():
                name = _free(action.name, ".", self.runs)
                if name not in self.runs:
                    self.runs[name] = RunView(name, f"uid-{name}", action.type, action.pod_hash, self.now, action.step)
                return name
            case StartExperiment():
                name = _free(action.name, "-", self.experiments)
                if name not in self.experiments:
                    self.experiments[name] = ExperimentView(name, f"uid-{name}", action.pod_hash, self.now, action.step)
                return name
            case EndRun():
                self.runs[action.name] = replace(self.runs[action.name], ending=True)
            case EndExperiment():
                self.experiments[action.name] = replace(self.experiments[action.name], ending=True)
            case DeleteRun():
                del self.runs[action.name]
            case DeleteExperiment():
                del self.experiments[action.name]
            case _:
                raise AssertionError(f"unknown action {action}")
        return ""


def _image(manifest: Json) -> str:
    return str(manifest["spec"]["template"]["spec"]["containers"][0]["image"])


def _free(name: str, sign: str, taken: dict[str, Any]) -> str:
    """`name`, or the next with a suffix where one of that name has ended or is ending; a live one is adopted."""
    candidate, count = name, 0
    while candidate in taken and (taken[candidate].phase in ENDED or taken[candidate].ending):
        count += 1
        candidate = f"{name}{sign}{count}"
    return candidate
