"""Classes A, B, P and Q: traffic meets pods that are not there, stable shrinks too early, revisions that supersede."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.simulation import Cluster
from tidegate.simulation.clients import VERBS
from tidegate.simulation.invariants import Judge

Build = Callable[..., World]
Sim = Callable[..., tuple[Cluster, Judge]]
DELAYS = pytest.mark.parametrize("delay_s", [0, 1, 30, 600])
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}


def mesh(delay_s: float) -> tuple[tuple[str, str, float], ...]:
    return (("mesh", "mesh", delay_s),)


def shares(world: World) -> tuple[int, int]:
    """Recorded weights of canary and stable."""
    found = world.status["canary"]["weights"]
    return found["canary"]["weight"], found["stable"]["weight"]


@pytest.mark.parametrize("failed", [1, 2, 3], ids=["first failure", "second", "third"])
def test_ar4750_failed_releases_never_empty_the_active_selector(a_blue_green: Build, failed: int) -> None:
    """A, I; I1 and I12: nothing but a complete and judged revision gets the active Service."""
    spec = {"progressDeadlineSeconds": 60, "progressDeadlineAbort": True}
    world = a_blue_green(autoPromotionEnabled=False, prePromotionAnalysis=OK, spec=spec)
    for number in range(failed):
        world.image(f"bad-v{number + 2}").run()
        assert world.selected("demo-active") == world.hash("v1")
        world.after(61).after(31).after(61)  # the deadline stands still while a superseded version waits out its delay
    assert world.selected("demo-active") == world.hash("v1") == world.status["stableRS"]
    assert world.phase[0] == "Degraded"
    assert not world.runs


@DELAYS
def test_ar3926_stable_keeps_the_pods_that_the_data_plane_still_needs(a_cluster: Sim, delay_s: float) -> None:
    """A; I1 and I2: from 50 to 100 stable shrinks only once the weight is in force."""
    steps = [weight(50), PAUSE, weight(100), PAUSE]
    cluster, judge = a_cluster({"canary": {"steps": steps, "dynamicStableScale": True}}, routers=mesh(delay_s))
    cluster.set_image("v2")
    cluster.run_until_quiet()
    assert cluster.sizes()["v1"] == (2, 2)
    cluster.patch_status(RESUME)
    cluster.advance(delay_s * 0.9)
    assert cluster.sizes()["v1"][0] == 2
    cluster.run_until_quiet()
    assert cluster.sizes()["v1"][0] < 2
    assert not judge.violations


@pytest.mark.parametrize("steps", [[{"setCanaryScale": {"replicas": 0}}, weight(50), PAUSE], [weight(50), PAUSE]])
def test_fl874_a_version_without_pods_gets_no_share(a_rollout: Build, steps: list[Any]) -> None:
    """A; I1: nobody let the canary's pods start, so no weight goes to them, at no pass."""
    world = a_rollout(steps, routed=True)
    world.pods_up["v2"] = 0
    world.image("v2").run().after(600)
    assert {share for share, _ in world.weights} <= {0}


@DELAYS
def test_ar3333_a_release_is_not_over_while_traffic_is_elsewhere(a_cluster: Sim, delay_s: float) -> None:
    """A, Q; I2: a slow and throttled balancer holds the end of the release, and the former version its pods."""
    steps = [{"setCanaryScale": {"weight": 100}}, weight(100), PAUSE]
    cluster, judge = a_cluster({"canary": {"steps": steps}}, routers=mesh(delay_s))
    cluster.set_image("v2")
    cluster.plane.routers["mesh"].mute = delay_s > 0
    cluster.advance(60)
    cluster.plane.routers["mesh"].mute = False
    cluster.run_until_quiet()
    VERBS["promote"](cluster)
    cluster.run_until_quiet()
    assert cluster.phase == ("Healthy", "")
    assert not judge.violations


def test_ar1820_stable_has_endpoints_even_at_100_until_promoted(a_rollout: Build) -> None:
    """A; I1: a proxy whose primary upstream is empty answers 503 whatever the weight; without dynamic scaling none is."""
    world = a_rollout([weight(100), PAUSE], routed=True).image("v2").run().after(3_600)
    assert shares(world) == (100, 0)
    assert world.selected("demo-stable") == world.hash("v1")
    assert world.spec_size("v1") == 10
    world.client(**RESUME)
    while world.step():
        served = world.selected("demo-stable")
        behind = world.by_hash(served)
        assert behind is not None
        assert behind["status"]["available"] > 0


@pytest.mark.parametrize("at", [25, 75])
def test_ar3372_a_second_release_waits_for_stable_to_grow(a_cluster: Sim, at: int) -> None:
    """A, P; I1: with dynamic scaling a third version sends nothing to stable pods that are not there."""
    canary = {"steps": [weight(at), PAUSE], "dynamicStableScale": True}
    cluster, judge = a_cluster({"canary": canary}, routers=mesh(0), pods={"ready_s": 5})
    cluster.set_image("v2")
    cluster.settle()
    for tag in ("v3", "v4"):
        cluster.set_image(tag)
        for _ in range(100):
            cluster.advance(0.5)
            assert cluster.sizes()["v1"][1] * 25 >= 100 - max(cluster.weights().values())
    assert cluster.phase == ("Paused", "CanaryPauseStep")
    assert cluster.weights() == {"mesh": at}
    assert not judge.violations


@pytest.mark.parametrize("verb", ["restart", "abort", "promote-full"])
def test_ar3586_no_service_is_pointed_at_pods_that_are_not_ready(a_cluster: Sim, verb: str) -> None:
    """A; I1: selectors move behind readiness, whatever a person asks for meanwhile."""
    cluster, judge = a_cluster({"canary": {"steps": [weight(25), PAUSE]}}, routers=mesh(0), pods={"ready_s": 10})
    cluster.set_image("v2")
    cluster.advance(4)
    VERBS[verb](cluster)
    cluster.run_until_quiet()
    assert not judge.violations


def test_ar2050_missing_canary_pods_keep_stable(a_rollout: Build) -> None:
    """A; I1 and I2: at weight 100 canary pods go missing; stable is not taken away and its Service not moved."""
    world = a_rollout([weight(100), PAUSE], routed=True, dynamicStableScale=True)
    world.pods_up["v2"] = 9
    world.image("v2").run().after(600)
    assert world.weights[-1][0] < 100
    assert world.spec_size("v1") >= 1
    assert world.selected("demo-stable") == world.hash("v1")


@pytest.mark.parametrize("size", [12, 20, 5, 30])
def test_ar1415_a_size_change_in_mid_canary_keeps_the_floor(a_cluster: Sim, size: int) -> None:
    """A, H; I5: an autoscaler changes the size while new pods are slow; stable is never drained for it."""
    canary = {"steps": [weight(20), PAUSE], "maxSurge": "100%", "maxUnavailable": 1}
    cluster, judge = a_cluster({"canary": canary}, replicas=10, pods={"slow_s": 400})
    cluster.set_image("slow-v2")
    cluster.advance(30)
    cluster.patch_spec({"replicas": size})
    cluster.advance(60)
    assert cluster.sizes()["v1"][1] >= min(size, 10) - 1
    cluster.run_until_quiet()
    assert not judge.violations


@DELAYS
def test_ar4775_a_version_that_was_superseded_serves_until_its_share_is_gone(a_cluster: Sim, delay_s: float) -> None:
    """A, P; I1: the hash moves behind the weight, and the superseded pods go behind both."""
    cluster, judge = a_cluster({"canary": {"steps": [weight(75), PAUSE]}}, routers=mesh(delay_s), pods={"ready_s": 3})
    cluster.set_image("v2")
    cluster.run_until_quiet()
    cluster.set_image("v3")
    cluster.run_until_quiet()
    assert cluster.phase == ("Paused", "CanaryPauseStep")
    assert cluster.sizes()["v2"] == (0, 0)
    assert not judge.violations


def test_ar3020_back_to_stable_with_few_stable_pods_never_overloads_them(a_cluster: Sim) -> None:
    """B; I2: the stable template again at weight 90: stable grows first, traffic follows."""
    canary = {"steps": [weight(90), PAUSE], "dynamicStableScale": True, "maxUnavailable": 0}
    cluster, judge = a_cluster({"canary": canary}, replicas=20, routers=mesh(0), pods={"ready_s": 5, "stagger_s": 1})
    cluster.set_image("v2")
    cluster.settle()
    cluster.set_image("v1")
    while cluster.phase[0] != "Healthy":
        cluster.advance(0.5)
        sizes = cluster.sizes()
        assert sizes["v1"][1] * 5 >= 100 - cluster.weights()["mesh"]
        assert sizes["v1"][1] + sizes["v2"][1] >= 20
    assert not judge.violations


@pytest.mark.parametrize("number", ["ar3681", "ar4926", "ar4828"])
@DELAYS
def test_stable_shrinks_behind_its_verified_share(a_cluster: Sim, number: str, delay_s: float) -> None:
    """B; I2: at every step (3681: upwards, 4926: to the end, 4828: back in an abort) each side has the pods it needs."""
    steps = [weight(25), PAUSE, weight(75), PAUSE]
    cluster, judge = a_cluster({"canary": {"steps": steps, "dynamicStableScale": True}}, routers=mesh(delay_s))
    cluster.set_image("v2")
    cluster.run_until_quiet()
    cluster.patch_status(RESUME)
    cluster.run_until_quiet()
    assert cluster.sizes() == {"v1": (1, 1), "v2": (3, 3)}
    if number == "ar4926":
        cluster.patch_status(RESUME)
    elif number == "ar4828":
        VERBS["abort"](cluster)
    cluster.run_until_quiet()
    assert not judge.violations


@pytest.mark.parametrize("service", ["demo-canary", "demo-stable"])
def test_ar2441_a_service_in_use_stays_with_a_version_that_has_pods(a_rollout: Build, service: str) -> None:
    """B; I2: no availability of the new version, no selector on it; at no pass."""
    world = a_rollout([weight(50), PAUSE], routed=True).image("bad-v2")
    for _ in range(20):
        world.step()
        assert world.selected(service) == world.hash("v1")


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
@pytest.mark.parametrize("second", ["v2", "bad-v2"])
def test_ar3331_a_release_that_supersedes_another_goes_on(a_rollout: Build, second: str, routed: bool) -> None:
    """P; I9: the second version goes, the third walks its steps, without abort and retry."""
    world = a_rollout([weight(20), PAUSE], routed=routed).image(second).run().image("v3").run().after(60)
    assert world.phase == ("Paused", "CanaryPauseStep")
    assert (world.spec_size(second), world.spec_size("v3")) == (0, 2)
    assert world.client(**RESUME).run().phase == ("Healthy", "")


@pytest.mark.parametrize("revision", ["v2", "bad-v2"])
def test_ar1677_a_stable_that_lost_its_pods_does_not_hold_the_fourth_revision(a_rollout: Build, revision: str) -> None:
    """I, P; I9 and I12: revision 3 is stable and without pods; the next one walks its steps, or fails and says so."""
    spec = {"progressDeadlineSeconds": 60, "progressDeadlineAbort": True}
    world = a_rollout([weight(20), PAUSE, weight(60)], routed=True, replicas=3, spec=spec)
    world.pods_up["v1"] = 0
    world.image(revision).run()
    if revision == "bad-v2":
        assert world.after(61).phase[0] == "Degraded"
        return
    assert world.phase[0] in ("Paused", "Progressing")
    world.client(promoteFull=True).run()
    assert world.status["stableRS"] == world.hash("v2")
