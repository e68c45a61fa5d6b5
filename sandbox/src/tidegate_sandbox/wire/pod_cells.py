"""The status, readiness and restarts of a pod as `kubectl get pods` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.wire.cells import NONE, condition_is_true, dig, parsed_time, since


@dataclass(slots=True)
class PodSummary:
    """What the containers of a pod add up to."""

    status: str
    ready: int = 0
    total: int = 0
    restarts: int = 0
    last_restart: str = ""

    def count(self, container: Manifest) -> None:
        """Adds the restarts of one container status."""
        self.restarts += container.get("restartCount", 0)
        finished = dig(container, "lastState.terminated.finishedAt", "")
        # Both are RFC 3339 in UTC with whole seconds, so their texts sort as their times do.
        self.last_restart = max(self.last_restart, finished)


def summary_of(pod: Manifest) -> PodSummary:
    """The summary; the rules for its status text are those of the API server's own printer."""
    summary = PodSummary(_reason(pod), total=len(dig(pod, "spec.containers", [])) + len(_sidecars(pod)))
    initializing = _count_init_containers(pod, summary)
    if not initializing or condition_is_true(pod, "Initialized"):
        _count_containers(pod, summary)
    phase = dig(pod, "status.phase", "")
    if dig(pod, "metadata.deletionTimestamp"):
        if dig(pod, "status.reason") == "NodeLost":
            summary.status = "Unknown"
        elif phase not in ("Succeeded", "Failed"):
            summary.status = "Terminating"
    return summary


def _reason(pod: Manifest) -> str:
    for condition in dig(pod, "status.conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            return "SchedulingGated"
    return str(dig(pod, "status.reason") or dig(pod, "status.phase", ""))


def _sidecars(pod: Manifest) -> set[str]:
    return {c.get("name", "") for c in dig(pod, "spec.initContainers", []) if c.get("restartPolicy") == "Always"}


def _count_init_containers(pod: Manifest, summary: PodSummary) -> bool:
    """Adds the init containers; True while one of them holds the pod up, which is then its status."""
    sidecars = _sidecars(pod)
    total = len(dig(pod, "spec.initContainers", []))
    for index, container in enumerate(dig(pod, "status.initContainerStatuses", [])):
        summary.count(container)
        if dig(container, "state.terminated.exitCode") == 0:
            continue
        if container.get("name") in sidecars and container.get("started"):
            summary.ready += 1 if container.get("ready") else 0
            continue
        summary.status = "Init:" + (_waiting_text(container, "PodInitializing") or f"{index}/{total}")
        return True
    return False


def _waiting_text(container: Manifest, ordinary: str = "") -> str:
    """Why a container does not run; empty when it runs or waits for the reason that is `ordinary`."""
    waiting = dig(container, "state.waiting.reason", "")
    terminated = dig(container, "state.terminated")
    if terminated is None:
        return "" if waiting == ordinary else str(waiting)
    if terminated.get("reason"):
        return str(terminated["reason"])
    signal = terminated.get("signal", 0)
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def _count_containers(pod: Manifest, summary: PodSummary) -> None:
    sidecars = _sidecars(pod)
    summary.restarts, summary.last_restart = 0, ""
    for container in dig(pod, "status.initContainerStatuses", []):
        if container.get("name") in sidecars:
            summary.count(container)
    running = False
    for container in reversed(dig(pod, "status.containerStatuses", [])):
        summary.count(container)
        text = _waiting_text(container)
        if text:
            summary.status = text
        elif container.get("ready") and dig(container, "state.running") is not None:
            running = True
            summary.ready += 1
    if summary.status == "Completed" and running:
        summary.status = "Running" if condition_is_true(pod, "Ready") else "NotReady"


def pod_ready(pod: Manifest, _now: datetime) -> str:
    summary = summary_of(pod)
    return f"{summary.ready}/{summary.total}"


def pod_status(pod: Manifest, _now: datetime) -> str:
    return summary_of(pod).status


def pod_restarts(pod: Manifest, now: datetime) -> str:
    summary = summary_of(pod)
    ago = parsed_time(summary.last_restart)
    if not summary.restarts or ago is None:
        return str(summary.restarts)
    return f"{summary.restarts} ({since(summary.last_restart, now)} ago)"


def pod_ip(pod: Manifest, _now: datetime) -> str:
    addresses = dig(pod, "status.podIPs", [])
    return str(addresses[0].get("ip", NONE)) if addresses else str(dig(pod, "status.podIP", NONE) or NONE)


def pod_readiness_gates(pod: Manifest, _now: datetime) -> str:
    gates = dig(pod, "spec.readinessGates", [])
    if not gates:
        return NONE
    return f"{sum(condition_is_true(pod, gate.get('conditionType', '')) for gate in gates)}/{len(gates)}"
