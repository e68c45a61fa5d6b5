"""Faults in mid-canary: the canary ends as if nothing had happened."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate_sandbox.faults import Fault, FaultKind

WALK = [0, 10, 25, 50, 75, 100, 0]
WRITES = ("create", "update", "patch", "delete")


def walk(theatre: Any) -> None:
    """Deploy v1, release v2, wait for the end."""
    theatre.apply()
    theatre.start()
    theatre.until_healthy("v1")
    theatre.ship("v2")
    theatre.until_healthy("v2")
    assert theatre.weights() == WALK


def test_a_canary_walks_every_weight_once_and_stops_cleanly(theatre: Any) -> None:
    walk(theatre)
    assert theatre.stop() == [0]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.CONFLICT, verbs=("update", "patch"), count=None, probability=0.3, seed=1),
        Fault(FaultKind.TOO_MANY_REQUESTS, verbs=WRITES, count=6, probability=0.5, seed=2, seconds=1),
        Fault(FaultKind.SERVER_ERROR, verbs=WRITES, count=None, probability=0.25, seed=3),
        Fault(FaultKind.DROP_BEFORE, verbs=WRITES, count=None, probability=0.2, seed=4),
        Fault(FaultKind.DROP_AFTER, verbs=WRITES, count=None, probability=0.2, seed=5),
        Fault(FaultKind.DROP_WATCH, verbs=("watch",), count=4, probability=0.3, seed=6),
        Fault(FaultKind.LATE_EVENT, verbs=("watch",), count=10, probability=0.3, seed=7, seconds=0.3),
        Fault(FaultKind.DUPLICATE_EVENT, verbs=("watch",), count=None, probability=0.5, seed=8),
        Fault(FaultKind.LATENCY, count=None, probability=0.3, seed=9, seconds=0.05),
    ],
    ids=lambda fault: fault.kind.value,
)
def test_a_canary_ends_as_if_nothing_had_happened(theatre: Any, fault: Fault) -> None:
    number = theatre.sandbox.faults.add(fault)
    walk(theatre)
    assert theatre.sandbox.faults.struck(number) > 0, "the fault never struck: the test shows nothing"


def test_every_single_write_may_be_refused_once_with_a_conflict_and_once_with_a_429(theatre: Any) -> None:
    for resource in (
        "rollouts.argoproj.io",
        "rollouts.argoproj.io/status",
        "replicasets.apps",
        "services",
        "ingresses.*",
    ):
        theatre.sandbox.faults.add(Fault(FaultKind.CONFLICT, verbs=WRITES, resource=resource, count=2))
        theatre.sandbox.faults.add(
            Fault(FaultKind.TOO_MANY_REQUESTS, verbs=WRITES, resource=resource, count=1, seconds=1)
        )
    walk(theatre)


def test_the_api_server_restarts_in_mid_canary(theatre: Any) -> None:
    theatre.apply()
    theatre.start()
    theatre.until_healthy("v1")
    theatre.ship("v2")
    theatre.until("weight 25", lambda: theatre.canary_weight() == "25")
    theatre.sandbox.restart()
    theatre.until_healthy("v2")
    assert theatre.weights() == WALK


def test_a_controller_that_is_killed_in_mid_canary_is_followed_by_another(theatre: Any) -> None:
    theatre.apply()
    theatre.start()
    theatre.until_healthy("v1")
    for weight in ("10", "50"):
        if theatre.status().get("currentStepIndex", 0) == 8:
            theatre.ship("v2")
        theatre.until(f"weight {weight}", lambda wanted=weight: theatre.canary_weight() == wanted)
        assert theatre.stop() == [0]
        theatre.start()
    theatre.until_healthy("v2")
    assert theatre.weights() == WALK


def test_a_release_that_never_becomes_ready_gets_no_weight_and_is_aborted(theatre: Any) -> None:
    theatre.apply(edit=lambda rollout: rollout["spec"].update(progressDeadlineSeconds=3))
    theatre.start()
    theatre.until_healthy("v1")
    theatre.ship("unready-v2")
    theatre.until("the abort", lambda: theatre.status().get("phase") == "Degraded")
    assert theatre.weights() == [0]
    assert theatre.status()["abort"] is True
    theatre.until("the event", lambda: len(theatre.events("RolloutAborted")) == 1)


def test_a_foreign_edit_of_the_canary_ingress_is_repaired(theatre: Any) -> None:
    theatre.apply(edit=lambda rollout: rollout["spec"]["strategy"]["canary"]["steps"].__setitem__(1, {"pause": {}}))
    theatre.start()
    theatre.until_healthy("v1")
    theatre.ship("v2")
    theatre.until("the pause", lambda: theatre.status().get("phase") == "Paused")
    objects = theatre.sandbox.objects
    ingress = objects.get("ingresses.networking.k8s.io", "default", "checkout-checkout-canary")
    ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] = "99"
    objects.update("ingresses.networking.k8s.io", ingress)
    theatre.until("the repair", lambda: theatre.canary_weight() == "10")
    objects.delete("ingresses.networking.k8s.io", "default", "checkout-checkout-canary")
    theatre.until("the canary Ingress again", lambda: theatre.canary_weight() == "10")


def test_an_abort_brings_all_traffic_back_and_a_retry_starts_over(theatre: Any) -> None:
    theatre.apply(edit=lambda rollout: rollout["spec"]["strategy"]["canary"]["steps"].__setitem__(3, {"pause": {}}))
    theatre.start()
    theatre.until_healthy("v1")
    theatre.ship("v2")
    theatre.until("weight 25", lambda: theatre.canary_weight() == "25" and theatre.status().get("phase") == "Paused")
    rollout = theatre.rollout()
    rollout["status"]["abort"] = True
    theatre.sandbox.objects.update("rollouts.argoproj.io", rollout, subresource="status")
    theatre.until("weight 0", lambda: theatre.canary_weight() == "0" and theatre.status().get("phase") == "Degraded")
    service = theatre.sandbox.objects.get("services", "default", "checkout-canary")
    assert service["spec"]["selector"]["rollouts-pod-template-hash"] == theatre.status()["stableRS"]
    rollout = theatre.rollout()
    rollout["status"]["abort"] = False
    theatre.sandbox.objects.update("rollouts.argoproj.io", rollout, subresource="status")
    theatre.until("weight 25 again", lambda: theatre.canary_weight() == "25")


def test_a_router_that_leaves_the_spec_takes_its_weight_and_its_ingress_along(theatre: Any) -> None:
    theatre.apply(edit=lambda rollout: rollout["spec"]["strategy"]["canary"]["steps"].__setitem__(3, {"pause": {}}))
    theatre.start()
    theatre.until_healthy("v1")
    theatre.ship("v2")
    theatre.until("weight 25", lambda: theatre.canary_weight() == "25" and theatre.status().get("phase") == "Paused")
    rollout = theatre.rollout()
    for routed_only in ("trafficRouting", "scaleDownDelaySeconds"):
        del rollout["spec"]["strategy"]["canary"][routed_only]
    theatre.sandbox.objects.update("rollouts.argoproj.io", rollout)
    theatre.until("the canary Ingress to be gone", lambda: theatre.canary_weight() is None)
    assert theatre.weights()[-1] == 0
    used = "tidegate.io/traffic-routers"
    theatre.until(
        "the bookkeeping to be gone", lambda: used not in theatre.rollout()["metadata"].get("annotations", {})
    )


def test_an_ingress_that_is_renamed_in_mid_canary_leaves_no_weight_behind(theatre: Any) -> None:
    theatre.apply(edit=lambda rollout: rollout["spec"]["strategy"]["canary"]["steps"].__setitem__(3, {"pause": {}}))
    theatre.start()
    theatre.until_healthy("v1")
    theatre.ship("v2")
    theatre.until("weight 25", lambda: theatre.canary_weight() == "25" and theatre.status().get("phase") == "Paused")
    ingress = theatre.sandbox.objects.get("ingresses.networking.k8s.io", "default", "checkout")
    ingress["metadata"] = {"name": "shop", "namespace": "default"}
    ingress["spec"]["rules"][0]["host"] = "shop.example.com"
    theatre.sandbox.apply(ingress)
    rollout = theatre.rollout()
    rollout["spec"]["strategy"]["canary"]["trafficRouting"]["nginx"]["stableIngress"] = "shop"
    theatre.sandbox.objects.update("rollouts.argoproj.io", rollout)
    theatre.until("the former canary Ingress to be gone", lambda: theatre.canary_weight() is None)
    renamed = theatre.sandbox.objects.get("ingresses.networking.k8s.io", "default", "checkout-shop-canary")
    assert renamed["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] == "25"
    used = "tidegate.io/traffic-routers"
    theatre.until("the note of it", lambda: "shop" in theatre.rollout()["metadata"]["annotations"][used])
