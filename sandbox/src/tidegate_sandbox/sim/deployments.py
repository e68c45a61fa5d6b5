"""The simulated Deployment controller: a ReplicaSet for each template, and the way from the old ones to the new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.errors import AlreadyExists
from tidegate_sandbox.selectors import matches_selector
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.labels import annotations_of, labels_of
from tidegate_sandbox.sim.owners import adopted, controlled_by, controller_of, deleting, reference_to, released
from tidegate_sandbox.sim.podstatus import FINISHED
from tidegate_sandbox.sim.progress import status_of
from tidegate_sandbox.sim.queue import Key
from tidegate_sandbox.sim.replicasets import RESOURCE as REPLICASETS
from tidegate_sandbox.sim.replicasets import wanted_replicas
from tidegate_sandbox.sim.revisions import (
    DESIRED_REPLICAS,
    HASH_LABEL,
    MAX_REPLICAS,
    REVISION,
    find_new,
    plain_template,
    replicaset_annotations,
    revision_of,
    template_hash,
)
from tidegate_sandbox.sim.rolling import Sizes, bounds_of, grow_new, name_of, scale_in_proportion, shrink_old

RESOURCE = "deployments.apps"

# Kubernetes' default for spec.revisionHistoryLimit.
HISTORY_LIMIT = 10


class Deployments:
    """One step towards the new template a pass, then the status; the changes it causes bring the next pass."""

    name = "deployment"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys_for(self, change: Change) -> Iterable[Key]:
        if change.resource == RESOURCE:
            return [_key_of(change.object)]
        if change.resource == "pods":
            return self._keys_of_pod(change)
        if change.resource != REPLICASETS:
            return []
        owner, namespace = controller_of(change.object), change.object["metadata"].get("namespace", "")
        if owner is not None:
            return [Key(self.name, RESOURCE, namespace, owner["name"])] if owner["kind"] == "Deployment" else []
        return [
            _key_of(deployment)
            for deployment in self._cluster.view.within(RESOURCE, namespace)
            if matches_selector(deployment["spec"].get("selector"), labels_of(change.object))
        ]

    def _keys_of_pod(self, change: Change) -> Iterable[Key]:
        """Recreate waits for the last old pod, which may outlive the count in its ReplicaSet."""
        owner = controller_of(change.object) if change.type == "DELETED" else None
        namespace = change.object["metadata"].get("namespace", "")
        replicaset = self._cluster.view.get(REPLICASETS, namespace, owner["name"]) if owner is not None else None
        grand = controller_of(replicaset) if replicaset is not None else None
        if grand is None or grand["kind"] != "Deployment":
            return []
        return [Key(self.name, RESOURCE, namespace, grand["name"])]

    def reconcile(self, key: Key) -> datetime | None:
        deployment = self._cluster.view.get(RESOURCE, key.namespace, key.name)
        if deployment is None:
            return None
        replicasets = self._claim(deployment)
        if not deleting(deployment):
            replicasets = self._step(deployment, replicasets)
        return self._finish(key, replicasets)

    def _finish(self, key: Key, replicasets: Sequence[Manifest]) -> datetime | None:
        """The status last, over the Deployment as this pass has left it."""
        deployment = self._cluster.view.get(RESOURCE, key.namespace, key.name)
        if deployment is None:
            return None
        new = find_new(deployment, replicasets)
        status, deadline = status_of(deployment, new, replicasets, self._cluster.now())
        self._cluster.update_status(RESOURCE, deployment, status)
        return deadline

    def _claim(self, deployment: Manifest) -> list[Manifest]:
        """Its ReplicaSets, oldest first, after letting go of those that no longer match and taking up orphans."""
        selector, uid = deployment["spec"].get("selector"), deployment["metadata"]["uid"]
        namespace = deployment["metadata"].get("namespace", "")
        claimed: list[Manifest] = []
        for _, replicaset in self._cluster.view.owned_by(uid, REPLICASETS):
            if not controlled_by(replicaset, deployment):
                continue
            if matches_selector(selector, labels_of(replicaset)):
                claimed.append(replicaset)
            elif not deleting(deployment):
                self._cluster.update(REPLICASETS, released(replicaset, uid))
        if not deleting(deployment):
            reference = reference_to(deployment, "apps/v1", "Deployment")
            for orphan in self._cluster.view.orphans(REPLICASETS, namespace):
                if not deleting(orphan) and matches_selector(selector, labels_of(orphan)):
                    claimed.append(self._cluster.update(REPLICASETS, adopted(orphan, reference)))
        return claimed

    def _step(self, deployment: Manifest, replicasets: list[Manifest]) -> list[Manifest]:
        """One move: a change of scale first, or while paused only that; else towards the new template."""
        new = find_new(deployment, replicasets)
        paused = bool(deployment["spec"].get("paused"))
        if self._scaled(deployment, replicasets) or paused:
            return self._rescale(deployment, new, replicasets)
        recreate = (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"
        if recreate and self._old_pods_run(new, replicasets):
            old = [one for one in replicasets if new is None or name_of(one) != name_of(new)]
            return self._resize(deployment, replicasets, {name_of(one): 0 for one in old})
        new, replicasets = self._provide_new(deployment, new, replicasets)
        if new is None:
            return replicasets
        old = [one for one in replicasets if name_of(one) != name_of(new)]
        bounds = bounds_of(deployment)
        sizes = shrink_old(bounds, new, old) | {name_of(new): grow_new(bounds, new, replicasets)}
        replicasets = self._resize(deployment, replicasets, sizes)
        return self._drop_history(deployment, new, replicasets)

    def _scaled(self, deployment: Manifest, replicasets: Sequence[Manifest]) -> bool:
        """Whether `spec.replicas` changed since the active ReplicaSets were last sized."""
        wanted = str(wanted_replicas(deployment))
        return any(
            annotations_of(one).get(DESIRED_REPLICAS, wanted) != wanted
            for one in replicasets
            if wanted_replicas(one) > 0
        )

    def _rescale(self, deployment: Manifest, new: Manifest | None, replicasets: list[Manifest]) -> list[Manifest]:
        """Follow a change of scale: all of it in the only active ReplicaSet, else each by its share."""
        active = [one for one in replicasets if wanted_replicas(one) > 0]
        bounds = bounds_of(deployment)
        if len(active) > 1:
            sizes = scale_in_proportion(bounds, replicasets) if self._scaled(deployment, replicasets) else {}
            return self._resize(deployment, replicasets, sizes)
        only = active[0] if active else new
        sizes = {} if only is None else {name_of(only): bounds.replicas}
        return self._resize(deployment, replicasets, sizes)

    def _old_pods_run(self, new: Manifest | None, replicasets: Sequence[Manifest]) -> bool:
        return any(
            pod.get("status", {}).get("phase") not in FINISHED
            for one in replicasets
            if new is None or name_of(one) != name_of(new)
            for _, pod in self._cluster.view.owned_by(one["metadata"]["uid"], "pods")
        ) or any(wanted_replicas(one) > 0 for one in replicasets if new is None or name_of(one) != name_of(new))

    def _provide_new(
        self, deployment: Manifest, new: Manifest | None, replicasets: list[Manifest]
    ) -> tuple[Manifest | None, list[Manifest]]:
        """The ReplicaSet of the template, made or brought up to date, and the Deployment's revision to match.

        None when the name was taken: the collision is counted and the next pass tries another name.
        """
        others = [one for one in replicasets if new is None or name_of(one) != name_of(new)]
        annotations = replicaset_annotations(deployment, new, others)
        if new is None:
            new = self._create(deployment, annotations, others)
            if new is None:
                return None, replicasets
        else:
            new = self._keep_up(deployment, new, annotations)
        revision = str(revision_of(new))
        if annotations_of(deployment).get(REVISION) != revision:
            noted = {**annotations_of(deployment), REVISION: revision}
            self._cluster.annotate(RESOURCE, _annotated(deployment, noted))
        return new, [*others, new]

    def _create(self, deployment: Manifest, annotations: dict[str, str], others: Sequence[Manifest]) -> Manifest | None:
        replicaset = _replicaset_of(deployment)
        bounds = bounds_of(deployment)
        replicaset["spec"]["replicas"] = grow_new(bounds, replicaset, [replicaset, *others])
        sized = {DESIRED_REPLICAS: str(bounds.replicas), MAX_REPLICAS: str(bounds.most)}
        try:
            return self._cluster.create(REPLICASETS, _annotated(replicaset, annotations | sized))
        except AlreadyExists:
            status = dict(deployment.get("status", {}))
            status["collisionCount"] = int(status.get("collisionCount", 0)) + 1
            self._cluster.update_status(RESOURCE, deployment, status)
            return None

    def _keep_up(self, deployment: Manifest, new: Manifest, annotations: dict[str, str]) -> Manifest:
        wait = deployment["spec"].get("minReadySeconds") or 0
        if annotations == annotations_of(new) and (new["spec"].get("minReadySeconds") or 0) == wait:
            return new
        changed = _annotated(new, annotations)
        return self._cluster.update(REPLICASETS, {**changed, "spec": {**new["spec"], "minReadySeconds": wait}})

    def _resize(self, deployment: Manifest, replicasets: Sequence[Manifest], sizes: Sizes) -> list[Manifest]:
        """Write the new sizes, and on every active ReplicaSet the scale it was sized for."""
        bounds = bounds_of(deployment)
        sized = {DESIRED_REPLICAS: str(bounds.replicas), MAX_REPLICAS: str(bounds.most)}
        result: list[Manifest] = []
        for one in replicasets:
            size, known = sizes.get(name_of(one), wanted_replicas(one)), annotations_of(one)
            noted = {**known, **sized} if size > 0 or wanted_replicas(one) > 0 else known
            if size == wanted_replicas(one) and noted == known:
                result.append(one)
                continue
            changed = _annotated(one, dict(noted)) | {"spec": {**one["spec"], "replicas": size}}
            result.append(self._cluster.update(REPLICASETS, changed))
        return result

    def _drop_history(self, deployment: Manifest, new: Manifest, replicasets: list[Manifest]) -> list[Manifest]:
        """Delete the oldest revisions without pods beyond revisionHistoryLimit."""
        limit = deployment["spec"].get("revisionHistoryLimit")
        empty = [
            one
            for one in replicasets
            if name_of(one) != name_of(new)
            and wanted_replicas(one) == 0
            and not one.get("status", {}).get("replicas")
            and not deleting(one)
        ]
        empty.sort(key=revision_of)
        excess = empty[: max(0, len(empty) - (HISTORY_LIMIT if limit is None else int(limit)))]
        for one in excess:
            self._cluster.delete(REPLICASETS, one)
        return [one for one in replicasets if one not in excess]


def _replicaset_of(deployment: Manifest) -> Manifest:
    """A new ReplicaSet for the Deployment's template, with no replicas yet."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    collisions = int(deployment.get("status", {}).get("collisionCount", 0))
    digest = template_hash(spec["template"], collisions)
    template = plain_template(spec["template"])
    labels = {**labels_of(template), HASH_LABEL: digest}
    selector = spec.get("selector") or {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "namespace": metadata.get("namespace", ""),
            "labels": labels,
            "ownerReferences": [reference_to(deployment, "apps/v1", "Deployment")],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": spec.get("minReadySeconds") or 0,
            "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}},
            "template": {**template, "metadata": {**template.get("metadata", {}), "labels": labels}},
        },
    }


def _annotated(manifest: Manifest, annotations: dict[str, str]) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def _key_of(deployment: Manifest) -> Key:
    metadata = deployment["metadata"]
    return Key(Deployments.name, RESOURCE, metadata.get("namespace", ""), metadata["name"])
