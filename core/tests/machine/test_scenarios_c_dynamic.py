"""dynamicStableScale: stable has only the pods for its share. Ids are those of the specification's scenarios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def at_25(a_rollout: Build, **canary: Any) -> Any:
    """C1's first pause: R=4, steps 25, pause, 75, pause."""
    steps = [weight(25), PAUSE, weight(75), PAUSE]
    return a_rollout(steps, routed=True, replicas=4, dynamicStableScale=True, **canary).image("v2").run()


def at_75(a_rollout: Build, **canary: Any) -> Any:
    """C1's second pause; no further stable pod comes up."""
    world = at_25(a_rollout, **canary).client(**RESUME).run()
    world.pods_up["v1"] = 1
    return world.forget()


def recorded(world: Any) -> tuple[int, int]:
    """The recorded weights of canary and stable."""
    weights = world.status["canary"]["weights"]
    return weights["canary"]["weight"], weights["stable"]["weight"]


def test_c1_stable_has_the_pods_for_its_share(a_rollout: Build) -> None:
    world = at_25(a_rollout)
    assert (world.pair(), recorded(world), world.phase[0]) == ((1, 3), (25, 75), "Paused")
    world.client(**RESUME).run()
    assert (world.pair(), recorded(world), world.phase[0]) == ((3, 1), (75, 25), "Paused")
    world.client(**RESUME).run()
    assert world.phase == ("Healthy", "")
    assert [world.spec_size(tag) for tag in ("v1", "v2")] == [0, 4]


def test_c1_stable_shrinks_one_pass_after_the_weight_has_moved(a_rollout: Build) -> None:
    world = at_25(a_rollout).forget().client(**RESUME)
    sizes = []
    while world.step():
        sizes.append((world.weights[-1][0], world.spec_size("v1")))
    moved = next(place for place, (share, _) in enumerate(sizes) if share == 75)
    assert {size for _, size in sizes[: moved + 1]} == {3}
    assert sizes[moved + 1] == (75, 1)


def test_c2_an_abort_lets_stable_grow_before_the_weight_falls(a_rollout: Build) -> None:
    world = at_75(a_rollout).client(abort=True).run()
    assert (world.pair(), recorded(world)) == ((3, 3), (75, 25))
    world.pods_up["v1"] = 3
    world.run()
    assert (world.pair(), recorded(world)) == ((1, 4), (25, 75))
    assert world.selected("demo-canary") == world.hash("v2")
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")


def test_c3_with_the_last_stable_pod_everything_goes_back_at_once(a_rollout: Build) -> None:
    world = at_75(a_rollout).client(abort=True).run()
    world.pods_up["v1"] = 3
    world.run()
    world.pods_up["v1"] = 4
    world.step()
    assert world.selected("demo-canary") == world.hash("v1")
    assert recorded(world) == (0, 100)
    assert world.pair() == (1, 4), "the weight goes first, then the pods"
    assert world.run().pair() == (0, 4)
    assert world.switches("demo-canary") == 1


def test_c4_with_an_explicit_delay_the_canary_keeps_its_pods(a_rollout: Build) -> None:
    world = at_75(a_rollout, abortScaleDownDelaySeconds=30).client(abort=True).run()
    assert (world.pair(), recorded(world)) == ((3, 3), (75, 25))
    world.pods_up["v1"] = 3
    world.run()
    assert (world.pair(), recorded(world), world.deadline("v2")) == ((3, 4), (25, 75), None)
    assert world.selected("demo-canary") == world.hash("v2")
    world.pods_up["v1"] = 4
    world.run()
    assert (world.pair(), recorded(world), world.deadline("v2")) == ((3, 4), (0, 100), "2026-01-01T00:00:30Z")
    assert world.selected("demo-canary") == world.hash("v1")
    assert world.after(29.9).pair() == (3, 4)
    assert world.after(0.2).pair() == (0, 4)
    assert world.switches("demo-canary") == 1


def test_c5_the_stable_template_again_keeps_the_traffic_until_stable_is_complete(a_rollout: Build) -> None:
    world = at_25(a_rollout)
    world.pods_up["v1"] = 3
    world.forget().image("v1").run()
    assert [world.spec_size(tag) for tag in ("v1", "v2")] == [4, 1]
    assert (recorded(world), world.status["canary"]["weights"]["canary"]["podTemplateHash"]) == (
        (25, 75),
        world.hash("v2"),
    )
    assert world.selected("demo-canary") == world.hash("v2")
    assert "Healthy" not in [phase for phase, _ in world.phases]
    world.pods_up["v1"] = 4
    world.run()
    assert recorded(world) == (0, 100)
    assert world.selected("demo-canary") == world.selected("demo-stable") == world.hash("v1")
    assert [world.spec_size(tag) for tag in ("v1", "v2")] == [4, 0]
    assert world.phase == ("Healthy", "")
    assert world.of("v1")["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "3"


def test_c5_phase_healthy_comes_with_weight_0_and_not_before(a_rollout: Build) -> None:
    world = at_25(a_rollout)
    world.pods_up["v1"] = 3
    world.image("v1").run()
    world.pods_up["v1"] = 4
    while world.phase[0] != "Healthy":
        assert world.step(), "Healthy is reached"
    assert recorded(world)[0] == 0


def test_c6_a_third_version_without_pods_takes_nothing_from_the_second(a_rollout: Build) -> None:
    world = a_rollout([weight(90), PAUSE], routed=True, dynamicStableScale=True).image("v2").run()
    assert world.pair() == (9, 1)
    world.pods_up["v1"] = 1
    world.forget().image("bad-v3").run()
    assert world.weights == [(90, world.hash("v2"))]
    assert recorded(world) == (90, 10)
    assert world.status["canary"]["weights"]["canary"]["podTemplateHash"] == world.hash("v2")
    assert world.spec_size("v2") == 9
    assert world.selected("demo-canary") == world.hash("v2")


def test_c6_a_third_version_takes_over_once_stable_and_it_can_carry_it(a_rollout: Build) -> None:
    world = at_75(a_rollout)
    world.pods_up["v3"] = 0
    world.image("v3").run()
    assert [world.spec_size(tag) for tag in ("v1", "v2", "v3")] == [3, 3, 1]
    names = [message.split()[3] for message in world.messages("ScalingReplicaSet")]
    assert names == [world.of("v1")["metadata"]["name"], world.of("v3")["metadata"]["name"]]
    assert world.weights[-1] == (75, world.hash("v2"))
    world.pods_up["v3"] = 1
    world.run()
    assert world.selected("demo-canary") == world.hash("v2")
    assert (world.weights[-1], world.status["currentStepIndex"]) == ((75, world.hash("v2")), 0)
    world.pods_up["v1"] = 3
    world.run()
    assert recorded(world) == (25, 75)
    assert world.weights[-1] == (25, world.hash("v3"))
    assert world.selected("demo-canary") == world.hash("v3")
    assert [world.spec_size(tag) for tag in ("v1", "v2", "v3")] == [3, 0, 1]
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_c7_the_weight_never_rises_during_an_abort(a_rollout: Build) -> None:
    world = at_75(a_rollout).client(abort=True).run()
    world.pods_up["v1"] = 3
    world.run()
    for available in (1, 0, 2, 3, 0, 4):
        world.pods_up["v1"] = available
        world.run()
    shares = [share for share, _ in world.weights]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == 0


def test_c8_an_abort_at_zero_replicas_has_weight_0_and_a_retry_walks_on(a_rollout: Build) -> None:
    world = at_25(a_rollout).edit(replicas=0).run().client(abort=True).run()
    assert recorded(world) == (0, 100)
    assert world.pair() == (0, 0)
    world.client(abort=False).run()
    assert (world.status["currentStepIndex"], world.phase) == (1, ("Paused", "CanaryPauseStep"))


# R=10, steps 10 and 50, canary 5 of 5, recorded 50: the share that the way back aims at, and stable's size for it.
STEP_DOWN = [
    ("no explicit delay", None, 9, (10, 9)),
    ("a delay of 30 s, stable at 5", 30, 5, (50, 9)),
    ("a delay of 30 s, stable at 9", 30, 9, (10, 10)),
    ("a delay of 0", 0, 9, (10, 9)),
]


@pytest.mark.parametrize(("delay", "stable", "expected"), [row[1:] for row in STEP_DOWN], ids=[r[0] for r in STEP_DOWN])
def test_the_way_back_follows_the_steps(
    a_rollout: Build, delay: int | None, stable: int, expected: tuple[int, int]
) -> None:
    canary = {} if delay is None else {"abortScaleDownDelaySeconds": delay}
    world = a_rollout([weight(10), weight(50), PAUSE], routed=True, dynamicStableScale=True, **canary)
    world.image("v2").run()
    assert (world.pair(), recorded(world)) == ((5, 5), (50, 50))
    world.of("v1")["spec"]["replicas"] = stable
    world.client(abort=True).step()
    assert (recorded(world)[0], world.spec_size("v1")) == expected


# (R, steps, recorded canary weight, canary pods, stable pods) -> the canary's share after the first pass of an abort
ABORTS = [
    ("nothing recorded to go back", (5, [weight(50), PAUSE], 0, 3, 4), 0),
    ("as the step says", (5, [weight(50), PAUSE], 50, 4, 3), 50),
    ("what stable cannot take", (5, [PAUSE], 100, 5, 1), 80),
    ("no replicas", (0, [weight(50), PAUSE], 50, 0, 0), 0),
]


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in ABORTS], ids=[row[0] for row in ABORTS])
def test_the_share_in_an_abort_is_what_stable_cannot_take_yet(
    a_rollout: Build, given: tuple[int, list[dict[str, Any]], int, int, int], expected: int
) -> None:
    replicas, steps, share, canary, stable = given
    world = a_rollout(steps, routed=True, replicas=replicas, dynamicStableScale=True).image("v2").run()
    world.of("v1")["spec"]["replicas"], world.of("v2")["spec"]["replicas"] = stable, canary
    sides = {"canary": {"weight": share}, "stable": {"weight": 100 - share}}
    world.client(canary={"weights": sides}, abort=True).step()
    assert recorded(world)[0] == expected


def test_an_abort_of_60_shrinks_no_version_below_its_recorded_share(a_rollout: Build) -> None:
    world = a_rollout([weight(20), weight(60), PAUSE], routed=True, dynamicStableScale=True).image("v2").run()
    assert (world.pair(), recorded(world)) == ((6, 4), (60, 40))
    world.pods_up["v1"] = 4
    world.client(abort=True).run()
    assert (world.pair(), recorded(world)) == ((6, 8), (60, 40))


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("client", RESUME),
    ("client", {"abort": True}),
    ("client", {"abort": False}),
    ("client", RESUME),
    ("edit", {"replicas": 6}),
    ("image", {"tag": "v1"}),
]


def test_i7_stable_never_has_fewer_pods_than_its_share(a_rollout: Build) -> None:
    world = at_25(a_rollout)
    shares = set()
    for verb, values in CHANGES:
        getattr(world, verb)(**values)
        for _ in range(40):
            moved = world.step()
            stable = recorded(world)[1]
            shares.add(stable)
            stands = world.by_hash(world.status["stableRS"])["spec"]["replicas"]
            assert stands * 100 >= stable * 4, f"{stands} stable pods for {stable} percent"
            if not moved:
                break
        else:
            pytest.fail("no fixed point")
    assert shares == {25, 75, 100}


def test_an_unrecorded_share_is_not_dropped_on_a_stable_that_is_small(a_rollout: Build) -> None:
    world = at_75(a_rollout).client(canary={"weights": None}, abort=True).run()
    assert world.spec_size("v1") >= 3
    assert {share for share, _ in world.weights} == {75}
    world.pods_up["v1"] = 4
    assert world.run().weights[-1][0] == 0
