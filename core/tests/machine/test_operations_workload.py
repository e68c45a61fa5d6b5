"""`spec.workloadRef` with every `scaleDown` mode (specification 5.10, scenarios E6 and E7, hazard 36)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from machine_world import PAUSE, World, weight
from tidegate.api import names
from tidegate.machine.actions import ScaleWorkload
from tidegate.machine.observed import WorkloadView

Build = Callable[..., World]


def borrowed(world: World, scale_down: str | None = None, kind: str = "Deployment") -> World:
    """A Rollout that is not deployed yet, with its template in another workload of five pods."""
    spec = world.rollout["spec"]
    template, selector = spec.pop("template"), spec.pop("selector")
    version = "v1" if kind == "PodTemplate" else "apps/v1"
    spec["workloadRef"] = {"apiVersion": version, "kind": kind, "name": "web"}
    if scale_down:
        spec["workloadRef"]["scaleDown"] = scale_down
    sized = kind != "PodTemplate"
    world.workload = WorkloadView(kind, "web", "w-1", 1, template, selector if sized else None, 5 if sized else None)
    if not sized:
        spec["selector"] = selector
    return world


def shipped(world: World, tag: str) -> World:
    """The workload gets another image."""
    assert world.workload is not None
    template = copy.deepcopy(dict(world.workload.template))
    template["spec"]["containers"][0]["image"] = f"app:{tag}"
    world.workload = replace(world.workload, template=template, generation=world.workload.generation + 1)
    return world


def size(world: World) -> int | None:
    assert world.workload is not None
    return world.workload.replicas


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "PodTemplate"])
def test_template_and_selector_are_borrowed_and_never_written_back(a_rollout: Build, kind: str) -> None:
    world = borrowed(a_rollout([weight(20)], replicas=5, deployed=False), kind=kind).run()
    assert world.phase == ("Healthy", "")
    assert world.spec_size("v1") == 5
    assert world.status["selector"] == "app=demo"
    assert "template" not in world.rollout["spec"]


def test_the_generation_of_the_workload_is_noted_and_observed(a_rollout: Build) -> None:
    world = borrowed(a_rollout([weight(20), PAUSE], replicas=5, deployed=False)).run()
    assert world.rollout["metadata"]["annotations"][names.WORKLOAD_GENERATION] == "1"
    assert world.status["workloadObservedGeneration"] == "1"
    shipped(world, "v2").run()
    assert world.rollout["metadata"]["annotations"][names.WORKLOAD_GENERATION] == "2"
    assert world.status["workloadObservedGeneration"] == "2"
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert world.pair() == (1, 4)


def test_a_change_of_the_workload_that_leaves_the_template_starts_nothing(a_rollout: Build) -> None:
    world = borrowed(a_rollout([weight(20), PAUSE], replicas=5, deployed=False)).run()
    assert world.workload is not None
    world.workload = replace(world.workload, generation=7)
    world.run()
    assert world.status["workloadObservedGeneration"] == "7"
    assert world.phase == ("Healthy", "")
    assert len(world.sets) == 1


def test_without_a_workload_ref_nothing_is_observed_of_one(a_rollout: Build) -> None:
    world = a_rollout([weight(20)]).client(workloadObservedGeneration="3")
    world.rollout["metadata"]["annotations"][names.WORKLOAD_GENERATION] = "3"
    world.run()
    assert "workloadObservedGeneration" not in world.status
    assert world.rollout["metadata"]["annotations"][names.WORKLOAD_GENERATION] == "3"


def test_e7_another_kind_is_refused(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    del world.rollout["spec"]["template"]
    world.edit(workloadRef={"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}).run()
    assert world.phase[0] == "Degraded"
    assert world.phase[1].startswith('InvalidSpec: The Rollout "demo" is invalid: ')
    assert world.phase[1].endswith("workload of type apps/StatefulSet is not supported")
    assert world.wait == 20


def test_a_template_of_its_own_beside_the_reference_is_refused(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    world.workload = WorkloadView("Deployment", "web", "w-1", 1, world.rollout["spec"]["template"])
    world.edit(workloadRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}).run()
    assert world.phase[0] == "Degraded"
    assert "template must be empty for workload reference rollout" in world.phase[1]


def test_h36_a_workload_that_is_gone_changes_nothing_but_the_phase(a_rollout: Build) -> None:
    world = borrowed(a_rollout([weight(20)], replicas=5, deployed=False)).run().forget()
    workload, world.workload = world.workload, None
    before = copy.deepcopy(world.sets)
    world.run()
    assert world.phase[0] == "Degraded"
    assert world.phase[1].startswith('InvalidSpec: The Rollout "demo" is invalid: ')
    assert world.phase[1].endswith('deployments.apps "shop/web" not found')
    assert world.sets == before, "no ReplicaSet is released"
    assert world.wait == 20
    world.workload = workload
    assert world.run().phase == ("Healthy", "")
    assert world.sets == before


# --- scaleDown ---


def test_never_leaves_the_workload_alone(a_rollout: Build) -> None:
    for mode in (None, "never"):
        world = borrowed(a_rollout([weight(20)], replicas=5, deployed=False), mode).run()
        assert world.phase == ("Healthy", "")
        assert size(world) == 5
        assert not [call for call in world.calls if isinstance(call, ScaleWorkload)]


@pytest.mark.parametrize("strategy", ["canary", "blue-green", "blue-green with post-promotion analysis"])
def test_onsuccess_takes_the_workload_away_once_all_is_healthy(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    gate = {"postPromotionAnalysis": {"templates": [{"templateName": "ok"}]}} if "analysis" in strategy else {}
    plain = a_rollout([weight(20)], replicas=5, deployed=False)
    world = plain if strategy == "canary" else a_blue_green(replicas=5, deployed=False, **gate)
    borrowed(world, "onsuccess")
    world.pods_up["v1"] = 4
    assert size(world.run()) == 5
    world.pods_up["v1"] = 5
    world.run()
    assert world.phase == ("Healthy", "")
    assert size(world) == 0


@pytest.mark.parametrize(("ready", "left"), [(1, 4), (3, 2), (4, 1)])
def test_e6_progressively_leaves_what_the_ready_pods_leave_open(a_rollout: Build, ready: int, left: int) -> None:
    world = borrowed(a_rollout([weight(20)], replicas=5, deployed=False), "progressively")
    world.pods_up["v1"] = ready
    assert size(world.run()) == left


def test_e6_progressively_does_nothing_before_a_pod_is_ready(a_rollout: Build) -> None:
    world = borrowed(a_rollout([weight(20)], replicas=3, deployed=False), "progressively")
    world.pods_up["v1"] = 0
    assert size(world.run()) == 5


def test_e6_progressively_scales_up_again_when_pods_are_lost(a_rollout: Build) -> None:
    world = borrowed(a_rollout([weight(20)], replicas=5, deployed=False), "progressively")
    for ready, left in ((0, 5), (3, 2), (1, 4)):
        world.pods_up["v1"] = ready
        assert size(world.run()) == left


def test_e6_progressively_ends_at_nothing_and_touches_no_later_revision(a_rollout: Build) -> None:
    world = borrowed(a_rollout([weight(20), PAUSE], replicas=5, deployed=False), "progressively").run()
    assert (world.phase, size(world)) == (("Healthy", ""), 0)
    assert world.workload is not None
    world.workload = replace(world.workload, replicas=2)
    shipped(world, "v2").run()
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert size(world) == 2


@pytest.mark.parametrize("mode", ["onsuccess", "progressively"])
def test_a_rollback_does_not_scale_the_workload_back(a_rollout: Build, mode: str) -> None:
    world = borrowed(a_rollout([weight(20), PAUSE], replicas=5, deployed=False), mode).run()
    shipped(world, "v2").run()
    shipped(world, "v1").run()
    assert (world.phase, size(world)) == (("Healthy", ""), 0)


def test_a_pod_template_has_no_size_to_take_away(a_rollout: Build) -> None:
    world = borrowed(a_rollout([weight(20)], replicas=5, deployed=False), "progressively", "PodTemplate").run()
    assert world.phase == ("Healthy", "")
    assert not [call for call in world.calls if isinstance(call, ScaleWorkload)]


def test_e6_progressively_gives_way_while_the_rollout_shrinks_without_ready_pods(a_rollout: Build) -> None:
    world = borrowed(a_rollout([weight(20)], replicas=5, deployed=False), "progressively")
    world.pods_up["v1"] = 3
    assert size(world.run()) == 2
    world.pods_up["v1"] = 0
    assert size(world.run()) == 2, "nothing ready, nothing shrinking: left as it is"
    world.edit(replicas=4).run()
    assert size(world) == 4
