"""The status of a simulated pod at one moment: phase, conditions and container statuses; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import SandboxError
from tidegate_sandbox.sim.behaviour import behaviour_of
from tidegate_sandbox.sim.conditions import condition, holds, with_conditions
from tidegate_sandbox.sim.containers import Stage, stage_at
from tidegate_sandbox.sim.moments import earliest, stamp

FINISHED = ("Succeeded", "Failed")


@dataclass(slots=True)
class Life:
    """What a kubelet remembers of a pod beyond its manifest, to the microsecond."""

    started: datetime
    address: str
    stops_at: datetime | None = None
    failed_at: datetime | None = None
    unready: bool = False


def status_at(pod: Manifest, life: Life, now: datetime, ready_after_s: float) -> tuple[Manifest, datetime | None]:
    """The whole status of a pod on a working node, and when it changes next by itself."""
    spec = pod["spec"]
    inits = [_init_stage(container, pod, life, now) for container in spec.get("initContainers") or ()]
    initialized = all(stage.exit_code == 0 or "running" in stage.state for stage in inits)
    stages = [Stage({"waiting": {"reason": "PodInitializing"}}) for _ in spec["containers"]]
    if initialized:
        stages = [_stage(container, pod, life, now, ready_after_s) for container in spec["containers"]]
    status = {
        **pod.get("status", {}),
        "phase": _phase(stages),
        "startTime": stamp(life.started),
        "podIP": life.address,
        "podIPs": [{"ip": life.address}],
        "containerStatuses": _statuses(spec["containers"], stages, pod),
    }
    if inits:
        status["initContainerStatuses"] = _statuses(spec["initContainers"], inits, pod)
    status["conditions"] = _conditions(pod, stages, initialized, status["phase"] in FINISHED, now)
    return status, earliest(stage.wake_at for stage in (*inits, *stages))


def unscheduled(pod: Manifest, message: str, now: datetime) -> Manifest:
    """The status of a pod that no node takes."""
    status = pod.get("status", {})
    wanted = [condition("PodScheduled", False, "Unschedulable", message)]
    return {**status, "phase": "Pending", "conditions": with_conditions(status.get("conditions") or (), wanted, now)}


def lost(pod: Manifest, now: datetime) -> Manifest:
    """The status of a pod whose node is cut off: as last reported, but not ready; the node controller's write."""
    status = pod.get("status", {})
    wanted = [condition("Ready", False, "NodeLost", "Node which was running the pod is unresponsive")]
    return {**status, "conditions": with_conditions(status.get("conditions") or (), wanted, now)}


def _stage(container: Manifest, pod: Manifest, life: Life, now: datetime, ready_after_s: float) -> Stage:
    try:
        behaviour = behaviour_of(container, pod, ready_after_s)
    except SandboxError as error:
        return Stage({"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}})
    if life.unready:
        behaviour = replace(behaviour, ready_s=None)
    policy = pod["spec"].get("restartPolicy", "Always")
    return stage_at(behaviour, policy, life.started, now, life.failed_at)


def _init_stage(container: Manifest, pod: Manifest, life: Life, now: datetime) -> Stage:
    """An init container ends well at once unless its image crashes or cannot be pulled; a sidecar goes on running."""
    policy = pod["spec"].get("restartPolicy", "Always")
    plain = {"name": container["name"], "image": container.get("image", "")}
    stage = stage_at(behaviour_of(plain, {"metadata": {}, "spec": {}}, 0.0), policy, life.started, now, None)
    if "running" not in stage.state or container.get("restartPolicy") == "Always":
        return stage
    times = {"startedAt": stamp(life.started), "finishedAt": stamp(life.started)}
    return Stage({"terminated": {"exitCode": 0, "reason": "Completed", **times}}, ready=True, exit_code=0)


def _phase(stages: Sequence[Stage]) -> str:
    """The kubelet's rule: Pending while a container has never run, ended when all have ended for good."""
    if any(stage.never_ran for stage in stages):
        return "Pending"
    if all(stage.exit_code is not None for stage in stages):
        return "Succeeded" if all(stage.exit_code == 0 for stage in stages) else "Failed"
    return "Running"


def _statuses(containers: Sequence[Manifest], stages: Sequence[Stage], pod: Manifest) -> list[Manifest]:
    return [
        {
            "name": container["name"],
            "image": container.get("image", ""),
            "imageID": "" if stage.never_ran else f"sandbox://{container.get('image', '')}",
            "containerID": "" if stage.never_ran else f"sandbox://{pod['metadata'].get('uid', '')}/{container['name']}",
            "ready": stage.ready,
            "started": "running" in stage.state,
            "restartCount": stage.restarts,
            "state": stage.state,
            "lastState": stage.last_state or {},
        }
        for container, stage in zip(containers, stages, strict=True)
    ]


def _conditions(
    pod: Manifest, stages: Sequence[Stage], initialized: bool, ended: bool, now: datetime
) -> list[Manifest]:
    containers = zip(pod["spec"]["containers"], stages, strict=True)
    unready = [container["name"] for container, stage in containers if not stage.ready]
    gated = all(holds(pod, gate["conditionType"]) for gate in pod["spec"].get("readinessGates") or ())
    why = ("PodCompleted", "") if ended else ("ContainersNotReady", _unready_text(unready))
    wanted = [
        condition("PodScheduled", True),
        condition("Initialized", initialized, *(() if initialized else ("ContainersNotInitialized",))),
        condition("ContainersReady", not unready, *(why if unready else ())),
        condition("Ready", not unready and gated, *(why if unready else () if gated else ("ReadinessGatesNotReady",))),
    ]
    return with_conditions(pod.get("status", {}).get("conditions") or (), wanted, now)


def _unready_text(names: Sequence[str]) -> str:
    return f"containers with unready status: [{' '.join(names)}]"
