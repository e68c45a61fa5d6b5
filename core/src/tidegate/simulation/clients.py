"""What people and other programs do to the Rollout and its surroundings: the verbs of the CLI, and strangers.

Each verb sends the patches that `kubectl argo rollouts` sends, computed from the Rollout as the client reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tidegate.api import names
from tidegate.api.wire import write_time
from tidegate.machine.merge import merge_patch, merged
from tidegate.machine.rollout.annotations import revision_of
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.store import REPLICA_SET, ROLLOUT, SERVICE, WORKLOAD
from tidegate.simulation.timeline import whole

Verb = Callable[[Cluster], None]


def abort(cluster: Cluster) -> None:
    """`abort`."""
    cluster.patch_status({"abort": True})


def retry(cluster: Cluster) -> None:
    """`retry rollout`."""
    cluster.patch_status({"abort": False})


def pause(cluster: Cluster) -> None:
    """`pause`."""
    cluster.patch_spec({"paused": True})


def unpause(cluster: Cluster) -> None:
    """A spec that is no longer paused."""
    cluster.patch_spec({"paused": False})


def _next_step(cluster: Cluster) -> int:
    steps = ((cluster.manifest["spec"].get("strategy") or {}).get("canary") or {}).get("steps") or []
    return min((cluster.status.get("currentStepIndex") or 0) + 1, len(steps))


def promote(cluster: Cluster) -> None:
    """`promote`: resume a pause, else skip the current step; our CLI unpauses the spec first."""
    if cluster.manifest["spec"].get("paused"):
        unpause(cluster)
    if cluster.status.get("pauseConditions"):
        cluster.patch_status({"pauseConditions": None})
    elif (cluster.manifest["spec"]["strategy"].get("canary") or {}).get("steps"):
        cluster.patch_status({"pauseConditions": None, "currentStepIndex": _next_step(cluster)})


def promote_full(cluster: Cluster) -> None:
    """`promote --full`: only while an update is under way, as the client sees it."""
    if cluster.status.get("currentPodHash") != cluster.status.get("stableRS"):
        cluster.patch_status({"promoteFull": True})
    if cluster.manifest["spec"].get("paused"):
        unpause(cluster)


def skip_current(cluster: Cluster) -> None:
    """`promote --skip-current-step`."""
    cluster.patch_status({"currentStepIndex": _next_step(cluster)})


def skip_all(cluster: Cluster) -> None:
    """`promote --skip-all-steps`."""
    steps = ((cluster.manifest["spec"].get("strategy") or {}).get("canary") or {}).get("steps") or []
    cluster.patch_status({"currentStepIndex": len(steps)})


def restart(cluster: Cluster) -> None:
    """`restart`."""
    cluster.patch_spec({"restartAt": write_time(whole(cluster.timeline.now))})


def restart_later(cluster: Cluster) -> None:
    """A restart that is due in a minute."""
    cluster.patch_spec({"restartAt": write_time(whole(cluster.timeline.now) + timedelta(seconds=60))})


def undo(cluster: Cluster) -> None:
    """`undo`: back to the second highest revision, its template taken as it is but for the hash label."""
    views = [cluster.eyes.replica_set(each) for each in cluster.sets()]
    order = sorted(views, key=revision_of, reverse=True)
    if len(order) < 2:
        return
    found = cluster.store.get(REPLICA_SET, order[1].name)
    if found is not None:
        template = merged(found["spec"]["template"], {"metadata": {"labels": {names.POD_HASH: None}}})
        # The client's JSON patch replaces the whole field, so what only the present template has is removed.
        for name, workload in cluster.store.all(WORKLOAD).items():
            patch = merge_patch(workload["spec"]["template"], template)
            cluster.store.patch(WORKLOAD, name, {"spec": {"template": patch}})
            return
        cluster.patch_spec({"template": merge_patch(cluster.manifest["spec"].get("template") or {}, template)})


def junk_index(cluster: Cluster) -> None:
    """A step index far out of range."""
    cluster.patch_status({"currentStepIndex": 99})


def junk_status(cluster: Cluster) -> None:
    """What no client should write: a negative index, and a pause that nobody began."""
    cluster.patch_status({"currentStepIndex": -3, "controllerPause": True})


VERBS: Mapping[str, Verb] = {
    verb.__name__.replace("_", "-"): verb
    for verb in (
        abort,
        retry,
        pause,
        unpause,
        promote,
        promote_full,
        skip_current,
        skip_all,
        restart,
        restart_later,
        undo,
        junk_index,
        junk_status,
    )
}


# --- strangers ---


def strip_service(cluster: Cluster, service: str) -> None:
    """Somebody applies a Service from Git: the hash key is gone, the annotation too."""
    if cluster.store.get(SERVICE, service) is not None:
        patch = {"metadata": {"annotations": {names.MANAGED_BY: None}}, "spec": {"selector": {names.POD_HASH: None}}}
        cluster.store.patch(SERVICE, service, patch)


def drop_service(cluster: Cluster, service: str) -> None:
    """Somebody deletes a Service, and makes it again three seconds later."""
    found = cluster.store.get(SERVICE, service)
    if found is not None:
        cluster.store.delete(SERVICE, service)
        cluster.timeline.after(3, lambda: _make_again(cluster, service))


def _make_again(cluster: Cluster, service: str) -> None:
    if cluster.store.get(SERVICE, service) is None:
        cluster.store.create(SERVICE, cluster.plain_service(service))


def annotate(cluster: Cluster) -> None:
    """Another controller writes its own annotation on the Rollout."""
    cluster.store.patch(
        ROLLOUT, cluster.name, {"metadata": {"annotations": {"example.com/seen": str(cluster.timeline.ms)}}}
    )


def edit_replica_set(cluster: Cluster, image: str, replicas: int) -> None:
    """Somebody scales a ReplicaSet by hand; pods that are missing afterwards are his doing."""
    for name, each in cluster.store.all(REPLICA_SET).items():
        if cluster.image_behind(each["metadata"]["labels"].get(names.POD_HASH, "")) == image:
            cluster.pods.hurt.add(each["metadata"]["labels"].get(names.POD_HASH, ""))
            cluster.store.patch(REPLICA_SET, name, {"spec": {"replicas": replicas}})
            return


def delete_replica_set(cluster: Cluster, image: str) -> None:
    """Somebody deletes a ReplicaSet with its pods."""
    for name, each in cluster.store.all(REPLICA_SET).items():
        if cluster.image_behind(each["metadata"]["labels"].get(names.POD_HASH, "")) == image:
            cluster.pods.hurt.add(each["metadata"]["labels"].get(names.POD_HASH, ""))
            cluster.store.delete(REPLICA_SET, name)
            return


def set_workload_image(cluster: Cluster, tag: str) -> None:
    """A new template in the workload that the Rollout refers to."""
    for name, each in cluster.store.all(WORKLOAD).items():
        containers = [{**each["spec"]["template"]["spec"]["containers"][0], "image": f"app:{tag}"}]
        cluster.store.patch(WORKLOAD, name, {"spec": {"template": {"spec": {"containers": containers}}}})


def hpa(cluster: Cluster, load: float) -> None:
    """An autoscaler: pods in proportion to a load per pod, from what status.HPAReplicas says there is; 1 to 8 pods."""
    there: Any = cluster.status.get("HPAReplicas") or 0
    wanted = min(max(-(-round(there * load * 100) // 100), 1), 8)
    if there and cluster.manifest["spec"].get("replicas") != wanted:
        cluster.patch_spec({"replicas": wanted})
