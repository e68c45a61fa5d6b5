"""A router that left the spec and cannot clean up, and a pod that refuses its marks, hold nothing up."""

from __future__ import annotations

from typing import Any

from tidegate_sandbox.faults import Fault, FaultKind

ROLLOUTS, ROUTES = "rollouts.argoproj.io", "routes.example.com"
STEPS = [{"setWeight": 50}, {"pause": {}}]


def leave_the_router(cluster: Any, build: Any, fault: Fault, **spec: Any) -> None:
    """A quiet Rollout whose router then leaves the spec and cannot clean up."""
    for manifest in (build.service("app-canary"), build.service("app-stable"), build.route("web")):
        cluster.sandbox.apply(manifest)
    cluster.sandbox.apply(build.routed(steps=STEPS))
    cluster.engine()
    cluster.until(cluster.healthy, 0.5)
    cluster.sandbox.faults.add(fault)

    def change(rollout: Any) -> None:
        del rollout["spec"]["strategy"]["canary"]["trafficRouting"]
        rollout["spec"].update(spec)

    cluster.edit(ROLLOUTS, "app", change)


def test_a_router_that_cannot_clean_up_keeps_no_size_back(cluster: Any, build: Any) -> None:
    fault = Fault(FaultKind.SERVER_ERROR, ("patch", "update"), ROUTES, count=None, code=403)
    leave_the_router(cluster, build, fault, replicas=3)
    cluster.until(lambda: cluster.healthy() and cluster.status().get("availableReplicas") == 3, 0.5)
    assert "canary" in cluster.get(ROUTES, "web")["spec"]


def test_a_router_that_cannot_clean_up_keeps_no_abort_back(cluster: Any, build: Any) -> None:
    fault = Fault(FaultKind.SERVER_ERROR, ("patch", "update"), ROUTES, count=None, code=403)
    leave_the_router(cluster, build, fault)
    cluster.ship("app:v2")
    cluster.until(lambda: cluster.phase()[0] == "Paused", 0.5)
    rollout = cluster.get(ROLLOUTS, "app")
    rollout["status"]["abort"] = True
    cluster.sandbox.objects.update(ROLLOUTS, rollout, "status")
    cluster.until(lambda: cluster.phase()[0] == "Degraded", 0.5)


def test_a_router_that_could_not_clean_up_is_asked_again(cluster: Any, build: Any) -> None:
    fault = Fault(FaultKind.SERVER_ERROR, ("patch", "update"), ROUTES, count=None, code=403)
    leave_the_router(cluster, build, fault)
    cluster.until(cluster.healthy, 0.5)
    cluster.sandbox.faults.clear()
    cluster.until(lambda: "canary" not in cluster.get(ROUTES, "web")["spec"], 1.0)


def test_a_pod_that_refuses_its_marks_keeps_no_size_back(cluster: Any, build: Any) -> None:
    cluster.sandbox.apply(build.service("app-canary"))
    cluster.sandbox.apply(build.service("app-stable"))
    names = {"canaryService": "app-canary", "stableService": "app-stable"}
    cluster.sandbox.apply(build.rollout(steps=STEPS, **names, stableMetadata={"labels": {"role": "a"}}))
    cluster.engine()
    cluster.until(cluster.healthy, 0.5)
    cluster.sandbox.faults.add(Fault(FaultKind.SERVER_ERROR, ("patch",), "pods", count=None, code=403))

    def change(rollout: Any) -> None:
        rollout["spec"]["replicas"] = 3
        rollout["spec"]["strategy"]["canary"]["stableMetadata"] = {"labels": {"role": "b"}}

    cluster.edit(ROLLOUTS, "app", change)
    cluster.until(lambda: cluster.healthy() and cluster.status().get("availableReplicas") == 3, 0.5)
    roles = [pod["metadata"]["labels"].get("role") for pod in cluster.sandbox.objects.list("pods", "default")]
    assert "a" in roles
