"""Classes H, M and N: autoscalers, tools that re-apply what is in Git, adoption and deletion."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from machine_world import PAUSE, World, weight
from tidegate.api import names
from tidegate.api.wire import write_time
from tidegate.machine.actions import ScaleWorkload
from tidegate.machine.observed import WorkloadView
from tidegate.simulation import Cluster
from tidegate.simulation.clients import hpa, strip_service
from tidegate.simulation.invariants import Judge

Build = Callable[..., World]
Sim = Callable[..., tuple[Cluster, Judge]]
MESH = (("mesh", "mesh", 0),)
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}
HEADER = {"setHeaderRoute": {"name": "beta", "match": [{"headerName": "X", "headerValue": {"exact": "y"}}]}}


def borrowed(world: World, mode: str) -> World:
    """The same Rollout with its template in a Deployment of as many pods."""
    spec = world.rollout["spec"]
    template, selector = spec.pop("template"), spec.pop("selector")
    spec["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": mode}
    world.workload = WorkloadView("Deployment", "web", "w-1", 1, template, selector, spec["replicas"])
    return world


def size(world: World) -> int | None:
    assert world.workload is not None
    return world.workload.replicas


# --- H ---


@pytest.mark.parametrize(("number", "load"), [("ar2857", 1.0), ("ar3849", 0.9)])
def test_an_autoscaler_settles_during_a_canary(a_cluster: Sim, number: str, load: float) -> None:
    """H; I6: HPAReplicas are pods, so a load of 1 a pod (2857) or less (3849) does not drive the size to its maximum."""
    cluster, judge = a_cluster({"canary": {"steps": [weight(25), PAUSE]}}, routers=MESH)
    cluster.set_image("v2")
    sizes = []
    for _ in range(30):
        cluster.advance(15)
        served = sum(available for _, available in cluster.sizes().values())
        assert cluster.status["HPAReplicas"] == served
        if number == "ar3849":
            hpa(cluster, load)
        sizes.append(cluster.manifest["spec"]["replicas"])
    assert len(set(sizes[5:])) == 1
    assert not judge.violations


@pytest.mark.parametrize("new_size", [50, 3])
def test_ar4321_a_finished_migration_is_not_taken_up_again(a_rollout: Build, new_size: int) -> None:
    """H; I6: the workload is at nothing; a new size of the Rollout starts no pod of it."""
    world = borrowed(a_rollout([weight(20)], deployed=False), "progressively").run()
    assert (size(world), world.phase) == (0, ("Healthy", ""))
    world.forget().edit(replicas=new_size)
    world.pods_up["v1"] = 2
    world.run()
    world.pods_up.clear()
    world.run()
    assert not [call for call in world.calls if isinstance(call, ScaleWorkload) and call.replicas]
    assert size(world) == 0


# --- I, M, N: the workload ---


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_ar4681_onsuccess_reaches_a_blue_green_with_a_gate_behind_its_switch(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    """I; I12: the first deployment has no gate to wait for; the workload goes once the Rollout is healthy."""
    if strategy == "canary":
        world = a_rollout([weight(20)], deployed=False)
    else:
        world = a_blue_green(deployed=False, postPromotionAnalysis=OK)
    borrowed(world, "onsuccess").run()
    assert (world.phase, size(world)) == (("Healthy", ""), 0)
    assert not world.runs


@pytest.mark.parametrize("mode", ["progressively", "onsuccess"])
def test_ar4935_a_workload_that_git_scales_up_is_put_back_once_and_later_left_to_git(
    a_rollout: Build, mode: str
) -> None:
    """M; I16: in the first revision one write puts it back; later its size is its owner's, and nobody fights for it."""
    world = borrowed(a_rollout([weight(20)], deployed=False), mode).run()
    assert world.workload is not None
    world.workload = replace(world.workload, replicas=10)
    world.forget().run()
    assert (size(world), len([call for call in world.calls if isinstance(call, ScaleWorkload)])) == (0, 1)
    template = copy.deepcopy(dict(world.workload.template))
    template["spec"]["containers"][0]["image"] = "app:v2"
    world.workload = replace(world.workload, template=template, generation=2, replicas=10)
    world.forget().run()
    assert not [call for call in world.calls if isinstance(call, ScaleWorkload)]
    assert (world.phase, world.spec_size("v2"), size(world)) == (("Healthy", ""), 10, 10)


def test_ar3855_a_workload_keeps_its_template_and_owner_for_the_way_back(a_rollout: Build) -> None:
    """N; I17: all that is ever written into a workload is its size, so that scaling it up is the whole way back."""
    world = borrowed(a_rollout([weight(20), PAUSE], deployed=False), "onsuccess")
    before = world.workload
    world.run()
    assert before is not None
    assert world.workload == replace(before, replicas=0)


@pytest.mark.parametrize("number", ["ar4716", "gw191"])
def test_a_header_route_comes_back_after_a_restart(a_rollout: Build, number: str) -> None:
    """M; I16: paused behind setHeaderRoute, all canary pods are replaced (4716) or lost (191): the route is set again."""
    routes = {"trafficRouting": {"managedRoutes": [{"name": "beta"}]}}
    world = a_rollout([weight(20), HEADER, PAUSE], routed=True, **routes).image("v2").run().forget()
    if number == "ar4716":
        world.now = world.now.replace(year=2027)
        world.edit(restartAt=write_time(world.now)).after(1)
    world.pods_up["v2"] = 0
    world.run()
    world.forget()
    world.pods_up.clear()
    world.run()
    done = [type(call).__name__ for call in world.calls]
    last = [name for name in done if name in ("SetHeaderRoute", "RemoveManagedRoutes")]
    assert "SetHeaderRoute" in last
    assert last[-1] == "SetHeaderRoute"


@pytest.mark.parametrize("service", ["canary", "stable"])
def test_gw208_a_manifest_that_is_applied_again_is_repaired_and_never_fought_over(a_cluster: Sim, service: str) -> None:
    """M; I16: Git takes the hash from a Service at every step; one write each puts it back, foreign fields stay."""
    cluster, judge = a_cluster({"canary": {"steps": [weight(25), PAUSE, weight(50), PAUSE]}}, routers=MESH)
    cluster.store.patch("service", service, {"metadata": {"labels": {"team": "shop"}}})
    cluster.set_image("v2")
    for _ in range(3):
        cluster.settle()
        before = len(cluster.gate.log)
        strip_service(cluster, service)
        cluster.settle()
        assert len([what for what in cluster.gate.log[before:] if service in what]) == 1
        found = cluster.store.get("service", service)
        assert found is not None
        assert found["metadata"]["labels"] == {"team": "shop"}
        assert found["spec"]["selector"][names.POD_HASH]
        cluster.patch_status({"pauseConditions": None})
    assert not judge.violations
