"""How actions on Kubernetes' own objects are carried out: the Rollout, ReplicaSets, pods, Services and workloads."""

from __future__ import annotations

from typing import Any

from tidegate.api import names
from tidegate.errors import AlreadyExists, ApiError, Conflict, Forbidden, NotFound, Pending, Rejected, TooManyRequests
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
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.projections import controller_uid
from tidegate.runtime.answers import DISRUPTION_BUDGET
from tidegate.runtime.checks import Checks
from tidegate.runtime.cluster import PassCluster
from tidegate.runtime.kinds import PODS, REPLICA_SETS, ROLLOUTS, SCALABLE, SERVICES
from tidegate.runtime.observe import Sight

Manifest = dict[str, Any]
GONE_S = 0.1  # until the Rollout's own watch has told of its end


class Edits:
    """The writes of one pass. Made anew for each pass."""

    def __init__(self, sight: Sight, cluster: PassCluster) -> None:
        self._sight, self._cluster = sight, cluster
        self._checks = Checks(sight, cluster, self._still_there)

    @property
    def _namespace(self) -> str:
        return self._sight.rollout.metadata.namespace

    def perform(self, action: Action) -> Outcome | None:
        """Carry it out; None for an action that is not about these objects. Raises what the API server answered."""
        match action:
            case PatchRollout():
                return self._patch_rollout(action)
            case CreateReplicaSet():
                return self._create(action)
            case PatchReplicaSet():
                return self._patch_replica_set(action)
            case DeleteReplicaSet():
                return self._delete(action)
            case PatchPod():
                return self._patch_pod(action)
            case EvictPod():
                return self._evict(action)
            case ScaleWorkload():
                return self._scale(action)
            case PointService():
                return self._point(action)
            case _:
                return self._checks.perform(action)

    def _patch_rollout(self, action: PatchRollout) -> Outcome:
        patch: Manifest = {}
        if action.annotations:
            patch["metadata"] = {"annotations": dict(action.annotations)}
        if action.replicas is not None:
            patch["spec"] = {"replicas": action.replicas}
        self._cluster.patch(ROLLOUTS, *self._sight.rollout.key, patch, "")
        return Outcome(action, wrote=True)

    def _create(self, action: CreateReplicaSet) -> Outcome:
        namespace = self._sight.rollout.metadata.namespace
        self._still_there()
        try:
            self._cluster.create(REPLICA_SETS, namespace, dict(action.manifest))
        except AlreadyExists as error:
            found = self._cluster.read_live(REPLICA_SETS, namespace, action.name)
            if found is None:  # gone between the two requests
                raise Conflict(str(error), code=409, reason="Conflict") from error
            label = (found["metadata"].get("labels") or {}).get(names.POD_HASH)
            wanted = action.manifest["metadata"]["labels"][names.POD_HASH]
            ours = controller_uid(found) == self._sight.rollout.metadata.uid and label == wanted
            if not ours:
                return Outcome(action, Result.COLLIDED, message=str(error))
            self._cluster.expect(REPLICA_SETS, namespace, found)
            return Outcome(action)
        return Outcome(action, wrote=True)

    def _patch_replica_set(self, action: PatchReplicaSet) -> Outcome:
        metadata: Manifest = {"resourceVersion": action.resource_version, "uid": action.uid}
        if action.annotations:
            metadata["annotations"] = dict(action.annotations)
        if action.owner is not None:
            metadata["ownerReferences"] = [self._owner(adopt=action.owner)]
        spec = {"replicas": action.replicas, "minReadySeconds": action.min_ready_seconds}
        patch: Manifest = {"metadata": metadata}
        written: Manifest = {key: value for key, value in spec.items() if value is not None}
        if action.template:
            written["template"] = dict(action.template)
        if written:
            patch["spec"] = written
        namespace = self._namespace
        self._cluster.patch_strategically(REPLICA_SETS, namespace, action.name, patch)
        return Outcome(action, wrote=True)

    def _owner(self, *, adopt: bool) -> Manifest:
        """The entry of a strategic merge patch that adopts, or releases, for this Rollout."""
        metadata = self._sight.rollout.metadata
        if not adopt:
            return {"$patch": "delete", "uid": metadata.uid}
        self._still_there()
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.ROLLOUT,
            "name": metadata.name,
            "uid": metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def _still_there(self) -> None:
        """Raises Pending where the Rollout itself is gone: the watch of another kind may have been faster than its own.

        A set made or adopted for an owner that was deleted, even if made again under its name, is the garbage collector's.
        """
        metadata = self._sight.rollout.metadata
        live = self._cluster.read_live(ROLLOUTS, metadata.namespace, metadata.name)
        if live is None or live["metadata"]["uid"] != metadata.uid or "deletionTimestamp" in live["metadata"]:
            raise Pending(f"rollout {metadata.namespace}/{metadata.name} is gone, or being deleted", after_s=GONE_S)

    def _delete(self, action: DeleteReplicaSet) -> Outcome:
        try:
            self._cluster.delete(REPLICA_SETS, self._sight.rollout.metadata.namespace, action.name, action.uid)
        except NotFound:
            return Outcome(action)
        return Outcome(action, wrote=True)

    def _point(self, action: PointService) -> Outcome:
        metadata = self._sight.rollout.metadata
        patch: Manifest = {"spec": {"selector": {names.POD_HASH: action.pod_hash}}}
        if action.adopt:
            patch["metadata"] = {"annotations": {names.MANAGED_BY: metadata.name}}
        self._cluster.patch(SERVICES, metadata.namespace, action.service, patch, "")
        return Outcome(action, wrote=True)

    def _patch_pod(self, action: PatchPod) -> Outcome:
        metadata: Manifest = {"uid": action.uid}
        if action.labels:
            metadata["labels"] = dict(action.labels)
        if action.annotations:
            metadata["annotations"] = dict(action.annotations)
        try:
            self._cluster.patch(PODS, self._namespace, action.name, {"metadata": metadata}, "")
        except (NotFound, Conflict, Rejected) as error:
            return self._without_pod(action, error)
        except Forbidden as error:  # an admission rule, say: marks on pods are not worth a pass
            return Outcome(action, message=f"pod {action.name} is not marked: {error}")
        return Outcome(action, wrote=True)

    def _evict(self, action: EvictPod) -> Outcome:
        try:
            self._cluster.evict(self._namespace, action.name, action.uid)
        except TooManyRequests as error:
            if error.reason != DISRUPTION_BUDGET:
                raise
            return Outcome(action, message=str(error))
        except (NotFound, Conflict, Rejected) as error:
            return self._without_pod(action, error)
        return Outcome(action, wrote=True)

    def _without_pod(self, action: PatchPod | EvictPod, error: ApiError) -> Outcome:
        """Nothing to do where the pod is gone, or another one bears its name; else the error stands.

        A patch that names another uid is answered with 422, an eviction or a stale write with 409.
        """
        if not isinstance(error, NotFound):
            found = self._cluster.read_live(PODS, self._namespace, action.name)
            if found is not None and found["metadata"].get("uid") == action.uid:
                raise error
        return Outcome(action, message=f"pod {action.name} is gone")

    def _scale(self, action: ScaleWorkload) -> Outcome:
        kind = SCALABLE.get(action.kind)
        if kind is None:
            raise NotFound(
                f"a {action.kind} has no size; workloads with one are {', '.join(sorted(SCALABLE))}", code=404
            )
        try:
            self._cluster.scale(kind, self._namespace, action.name, action.replicas)
        except ApiError as error:
            if not action.optional:
                raise
            return Outcome(action, message=f"{action.kind} {action.name} is not scaled: {error}")
        return Outcome(action, wrote=True)
