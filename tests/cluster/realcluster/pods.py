"""What the simulated kubelet knows of a pod: when it becomes ready, how long it takes to end, what its status says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

NODE = "node-1"
# The rules of the recordings of the reference controller, so that a walk here can be compared with them.
_READY_S, _END_S = 0.3, 0.2
_BAD_IMAGE = re.compile(r"does-not-exist|nonexistent|bad-image|:fail")
_SLEEP = re.compile(r"\bsleep\s+(\d+(?:\.\d+)?)")


def key(pod: dict[str, Any]) -> str:
    """The uid: a pod of the same name that comes later is another pod."""
    return str(pod["metadata"]["uid"])


def path(pod: dict[str, Any]) -> str:
    """Where the API server serves it."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Its containers, those that initialise apart."""
    found: list[dict[str, Any]] = pod["spec"]["containers"]
    return found


def pulls(pod: dict[str, Any]) -> bool:
    """Whether all its images can be had."""
    return not any(_BAD_IMAGE.search(container.get("image", "")) for container in containers(pod))


def seconds_to_ready(pod: dict[str, Any]) -> float:
    """From bound to ready: readinessProbe.initialDelaySeconds and a postStart `sleep N` count, at least 0.3 s."""
    delays = [float((one.get("readinessProbe") or {}).get("initialDelaySeconds", 0)) for one in containers(pod)]
    return max([_READY_S, *delays, *(_hook_seconds(one, "postStart") for one in containers(pod))])


def seconds_to_end(pod: dict[str, Any]) -> float:
    """From its deletion to its end: a preStop `sleep N` counts, at least 0.2 s, at most the grace period."""
    wanted = max([_END_S, *(_hook_seconds(one, "preStop") for one in containers(pod))])
    return min(wanted, float(pod["metadata"].get("deletionGracePeriodSeconds", wanted)))


def _hook_seconds(container: dict[str, Any], hook: str) -> float:
    """Seconds that a lifecycle hook sleeps, as an action of its own or as a command; 0 without one."""
    action = (container.get("lifecycle") or {}).get(hook) or {}
    if "sleep" in action:
        return float(action["sleep"].get("seconds", 0))
    slept = _SLEEP.search(" ".join((action.get("exec") or {}).get("command") or []))
    return float(slept[1]) if slept else 0.0


def binding(pod: dict[str, Any]) -> dict[str, Any]:
    """What a scheduler posts."""
    target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}, "target": target}


def running(pod: dict[str, Any], ip: str) -> dict[str, Any]:
    """The status patch of a pod whose containers all run and are ready."""
    now = _now()
    states = [_container(one, started=now) for one in containers(pod)]
    return _status(pod, now, "Running", ready="True") | {
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "containerStatuses": states,
    }


def cannot_pull(pod: dict[str, Any]) -> dict[str, Any]:
    """The status patch of a pod that waits for an image that is not there."""
    states = [_container(one, started=None) for one in containers(pod)]
    return _status(pod, _now(), "Pending", ready="False") | {"containerStatuses": states}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(pod: dict[str, Any], now: str, phase: str, ready: str) -> dict[str, Any]:
    types = {"Initialized": "True", "ContainersReady": ready, "Ready": ready}
    if ready == "True":
        # A readiness gate holds a real pod back until somebody sets it; here nobody does, so it is taken as passed.
        types |= {gate["conditionType"]: "True" for gate in pod["spec"].get("readinessGates") or []}
    reason = {} if ready == "True" else {"reason": "ContainersNotReady"}
    conditions = [
        {"type": type_, "status": status, "lastTransitionTime": now, **(reason if status == "False" else {})}
        for type_, status in types.items()
    ]
    return {
        "phase": phase,
        "hostIP": "127.0.0.1",
        "startTime": now,
        "observedGeneration": pod["metadata"].get("generation"),
        "conditions": conditions,
    }


def _container(container: dict[str, Any], started: str | None) -> dict[str, Any]:
    image = container.get("image", "")
    waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}
    return {
        "name": container["name"],
        "image": image,
        "imageID": f"simulated://{image}" if started else "",
        "ready": started is not None,
        "started": started is not None,
        "restartCount": 0,
        "state": {"running": {"startedAt": started}} if started else {"waiting": waiting},
    }
