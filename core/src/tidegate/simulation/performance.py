"""How each action becomes one write: the rules of `runtime.perform`, on the simulated server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    Pending,
    PluginError,
    Retry,
    TidegateError,
    TooManyRequests,
)
from tidegate.machine.actions import (
    Action,
    CreateReplicaSet,
    DeleteReplicaSet,
    Event,
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
)
from tidegate.machine.plan import Outcome, Plan, Result
from tidegate.machine.routing import RouterAction, VerifyWeights
from tidegate.simulation.checks import Checks
from tidegate.simulation.faults import Gate
from tidegate.simulation.pods import Pods, controlled
from tidegate.simulation.questions import Questions
from tidegate.simulation.routing import DataPlane
from tidegate.simulation.store import EXPERIMENT, REPLICA_SET, ROLLOUT, RUN, SERVICE, WORKLOAD, Manifest, Store


@dataclass(slots=True)
class Scene:
    """Everything that an action may reach."""

    store: Store
    gate: Gate
    pods: Pods
    plane: DataPlane
    checks: Checks


@dataclass(slots=True)
class Performed:
    """Outcomes of the actions that were tried, the events that they earned, and the error that ended them."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    error: TidegateError | None = None


class Performer:
    """Carries out one plan for one Rollout. `wrote` is called with the kind and version of each acknowledged write."""

    def __init__(self, scene: Scene, rollout: Rollout, wrote: Callable[[str, int], None]) -> None:
        self._scene, self._rollout, self._wrote = scene, rollout, wrote
        self._routers = Questions(scene.gate, scene.plane, rollout)

    def perform(self, plan: Plan, outcomes: list[Outcome]) -> Performed:
        """Every action in order; the first that does not succeed ends it, but for routers that are to be asked all the same.

        `outcomes` is what they are put into, so that they are known after a crash too.
        """
        performed, failed = Performed(outcomes), set[str]()
        for action in plan.actions:
            if failed and not isinstance(action, RouterAction):
                break
            if isinstance(action, RouterAction) and action.router in failed:
                continue
            outcome = self._tried(action, performed)
            performed.outcomes.append(outcome)
            if outcome.result is Result.DONE:
                performed.events.extend(action.events)
            elif isinstance(action, RouterAction) and action.go_on:
                failed.add(action.router)
            else:
                break
        return performed

    def _tried(self, action: Action, performed: Performed) -> Outcome:
        try:
            return self._do(action)
        except TidegateError as error:
            performed.error = performed.error or error
            result = Result.PENDING if isinstance(error, Pending | Retry) else Result.FAILED
            return Outcome(action, result, message=str(error))

    def _do(self, action: Action) -> Outcome:
        match action:
            case VerifyWeights():
                return self._routers.verify(action)
            case RouterAction():
                return self._routers.ask(action)
            case CreateReplicaSet():
                return self._create(action)
            case PatchReplicaSet():
                return self._patch_replica_set(action)
            case PatchRollout():
                return self._patch_rollout(action)
            case PointService():
                return self._point(action)
            case DeleteReplicaSet():
                return self._delete(action, REPLICA_SET, action.name, action.uid)
            case PatchPod():
                return self._mark(action)
            case EvictPod():
                return self._evict(action)
            case ScaleWorkload():
                return self._wrote_patch(action, WORKLOAD, action.name, {"spec": {"replicas": action.replicas}})
            case _:
                return self._check(action)

    # --- objects ---

    def _write(self, kind: str, what: str, write: Callable[[], Manifest | None]) -> None:
        """One write through the gate, remembered once it is acknowledged."""
        self._scene.gate.through(what, write)
        self._wrote(kind, self._scene.store.shelf(kind).version)

    def _wrote_patch(self, action: Action, kind: str, name: str, patch: Manifest) -> Outcome:
        self._write(kind, f"patch {kind} {name}", lambda: self._scene.store.patch(kind, name, patch))
        return Outcome(action, wrote=True)

    def _patch_rollout(self, action: PatchRollout) -> Outcome:
        patch: Manifest = {}
        if action.annotations:
            patch["metadata"] = {"annotations": dict(action.annotations)}
        if action.replicas is not None:
            patch["spec"] = {"replicas": action.replicas}
        return self._wrote_patch(action, ROLLOUT, self._rollout.metadata.name, patch)

    def _still_there(self) -> None:
        live = self._scene.store.get(ROLLOUT, self._rollout.metadata.name)
        if (
            live is None
            or live["metadata"]["uid"] != self._rollout.metadata.uid
            or "deletionTimestamp" in live["metadata"]
        ):
            raise Pending("the rollout is gone, or being deleted", after_s=0.1)

    def _create(self, action: CreateReplicaSet) -> Outcome:
        self._still_there()
        store = self._scene.store
        try:
            self._write(REPLICA_SET, f"create {action.name}", lambda: store.create(REPLICA_SET, action.manifest))
        except AlreadyExists as error:
            found = store.get(REPLICA_SET, action.name)
            if found is None:
                raise Conflict(str(error), code=409, reason="Conflict") from error
            label = (found["metadata"].get("labels") or {}).get(names.POD_HASH)
            same = label == action.manifest["metadata"]["labels"][names.POD_HASH]
            if not (controlled(found, self._rollout.metadata.uid) and same):
                return Outcome(action, Result.COLLIDED, message=str(error))
            self._wrote(REPLICA_SET, int(found["metadata"]["resourceVersion"]))
            return Outcome(action)
        return Outcome(action, wrote=True)

    def _patch_replica_set(self, action: PatchReplicaSet) -> Outcome:
        metadata: Manifest = {}
        if action.annotations:
            metadata["annotations"] = dict(action.annotations)
        if action.owner is not None:
            metadata["ownerReferences"] = [self._owner()] if action.owner else None
        spec: Manifest = {"replicas": action.replicas, "minReadySeconds": action.min_ready_seconds}
        spec = {key: value for key, value in spec.items() if value is not None}
        if action.template:
            spec["template"] = dict(action.template)
        patch = {"metadata": metadata, "spec": spec}
        store, version = self._scene.store, action.resource_version
        self._write(
            REPLICA_SET,
            f"patch {action.name}",
            lambda: store.patch(REPLICA_SET, action.name, patch, version=version, uid=action.uid),
        )
        return Outcome(action, wrote=True)

    def _owner(self) -> Manifest:
        self._still_there()
        metadata = self._rollout.metadata
        return {"kind": names.ROLLOUT, "name": metadata.name, "uid": metadata.uid, "controller": True}

    def _delete(self, action: Action, kind: str, name: str, uid: str) -> Outcome:
        def write() -> None:
            self._scene.store.delete(kind, name, uid)

        try:
            self._write(kind, f"delete {name}", write)
        except NotFound:
            return Outcome(action)
        return Outcome(action, wrote=True)

    def _point(self, action: PointService) -> Outcome:
        patch: Manifest = {"spec": {"selector": {names.POD_HASH: action.pod_hash}}}
        if action.adopt:
            patch["metadata"] = {"annotations": {names.MANAGED_BY: self._rollout.metadata.name}}
        return self._wrote_patch(action, SERVICE, action.service, patch)

    def _mark(self, action: PatchPod) -> Outcome:
        metadata = {"labels": action.labels, "annotations": action.annotations}
        try:
            wrote = self._scene.gate.through(
                f"patch {action.name}", lambda: self._scene.pods.mark(action.name, action.uid, metadata)
            )
        except NotFound:
            return Outcome(action)
        return Outcome(action, wrote=wrote)

    def _evict(self, action: EvictPod) -> Outcome:
        try:
            gone = self._scene.gate.through(
                f"evict {action.name}", lambda: self._scene.pods.evict(action.name, action.uid)
            )
        except TooManyRequests:
            return Outcome(action)
        return Outcome(action, wrote=gone)

    # --- runs, experiments and step plugins ---

    def _check(self, action: Action) -> Outcome:
        checks, gate = self._scene.checks, self._scene.gate
        match action:
            case StartRun() | StartExperiment():
                kind = RUN if isinstance(action, StartRun) else EXPERIMENT
                name = gate.through(f"create {action.name}", lambda: checks.start(kind, action))
                self._wrote(kind, self._scene.store.shelf(kind).version)
                return Outcome(action, wrote=True, name=name)
            case EndRun() | EndExperiment():
                kind = RUN if isinstance(action, EndRun) else EXPERIMENT
                return self._wrote_patch(action, kind, action.name, {"spec": {"terminate": True}})
            case DeleteRun() | DeleteExperiment():
                kind = RUN if isinstance(action, DeleteRun) else EXPERIMENT
                return self._delete(action, kind, action.name, action.uid)
            case AskStepPlugin():
                return replace(Outcome(action), answer=checks.ask(action))
            case _:
                raise PluginError(f"no way to perform {type(action).__name__}")
