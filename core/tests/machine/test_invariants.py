"""Rules that hold after every pass, whatever people and pods do. Ids are those of the specification's invariants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.api import names

Build = Callable[..., Any]
STEPS = [
    [],
    [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": 5}}],
    [{"setWeight": 50}, {"setWeight": 10}, {"pause": {}}, {"setWeight": 100}, {"pause": {}}, {"setWeight": 0}],
]

OPERATIONS = st.one_of(
    st.tuples(st.just("image"), st.sampled_from(["v1", "v2", "v3", "bad-v4"])),
    st.tuples(st.just("scale"), st.integers(0, 12)),
    st.tuples(st.just("pods"), st.tuples(st.sampled_from(["v1", "v2", "v3"]), st.integers(0, 12))),
    st.tuples(st.just("client"), st.sampled_from(["abort", "retry", "resume", "full", "skip", "junk"])),
    st.tuples(st.just("paused"), st.booleans()),
    st.tuples(st.just("time"), st.sampled_from([1, 6, 40, 700])),
)
CLIENT: dict[str, dict[str, Any]] = {
    "abort": {"abort": True},
    "retry": {"abort": False},
    "resume": {"pauseConditions": None},
    "full": {"promoteFull": True},
    "skip": {"pauseConditions": None, "currentStepIndex": 99},
    "junk": {"currentStepIndex": -3, "controllerPause": True},
}


def perform(world: Any, operation: tuple[str, Any]) -> None:
    kind, value = operation
    match kind:
        case "image":
            world.image(value)
        case "scale":
            world.edit(replicas=value)
        case "pods":
            world.pods_up[value[0]] = value[1]
        case "client":
            world.client(**CLIENT[value])
        case "paused":
            world.edit(paused=value)
        case "time":
            world.after(value)


def sizes(world: Any) -> dict[str, int]:
    return {name: s["spec"]["replicas"] for name, s in world.sets.items()}


def check(world: Any, before: dict[str, Any], *, routed: bool) -> None:
    status = world.status
    index, steps = status.get("currentStepIndex"), world.rollout["spec"]["strategy"]["canary"]["steps"]
    assert (index is None) == (not steps) or not status.get("currentPodHash")
    assert index is None or 0 <= index <= len(steps)
    assert not (status.get("promoteFull") and status["phase"] == "Healthy"), "I20"
    if weights := status.get("canary", {}).get("weights"):
        parts = [weights["canary"]["weight"], weights["stable"]["weight"]]
        assert min(parts) >= 0, "I3"
        assert sum(parts) == 100, "I3"
    if routed:
        live = {s.selector.get(names.POD_HASH) for s in world.services.values()}
        shrunk = [n for n, size in sizes(world).items() if size == 0 and before.get(n, 0) > 0]
        gone = {world.sets[n]["metadata"]["labels"][names.POD_HASH] for n in shrunk}
        stands = {status.get("stableRS"), status.get("currentPodHash")}
        if world.rollout["spec"]["replicas"] > 0:
            assert not gone & live - stands, "I6"


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.sampled_from(STEPS), operations=st.lists(OPERATIONS, max_size=8))
def test_every_history_reaches_a_fixed_point_within_the_invariants(
    a_rollout: Build, routed: bool, steps: list[dict[str, Any]], operations: list[tuple[str, Any]]
) -> None:
    world = a_rollout(steps, routed=routed, replicas=4)
    for operation in operations:
        perform(world, operation)
        for _ in range(60):
            before = sizes(world)
            index = world.status.get("currentStepIndex") or 0
            completed = world.reasons().count("RolloutStepCompleted")
            moved = world.step()
            assert world.reasons().count("RolloutStepCompleted") - completed <= 1, "I12"
            if world.rollout["spec"].get("paused"):
                assert world.reasons().count("RolloutStepCompleted") == completed, f"I12 while paused at {index}"
            check(world, before, routed=routed)
            if not moved:
                break
        else:
            pytest.fail(f"I13: no fixed point after {operation}; {world.plan}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(OPERATIONS, max_size=8))
def test_a_basic_canary_stays_within_surge_and_never_drains_below_its_floor(
    a_rollout: Build, operations: list[tuple[str, Any]]
) -> None:
    world = a_rollout(STEPS[1], replicas=4, maxSurge=1, maxUnavailable=1)
    for operation in operations:
        perform(world, operation)
        for _ in range(60):
            world.cluster()
            seen = world.seen()
            wanted, ready = sum(s.spec_replicas for s in seen.replica_sets), sum(s.available for s in seen.replica_sets)
            moved = world.step()
            after = sum(sizes(world).values())
            replicas = world.rollout["spec"]["replicas"]
            assert after <= max(wanted, replicas + 1), "I8: never scaled up beyond R + S"
            # What the pass itself takes away, availability being as it was seen.
            left = sum(min(s.available, sizes(world)[s.name]) for s in seen.replica_sets if s.name in sizes(world))
            assert left >= min(ready, replicas - 1), "I8: never drained below R - U"
            if not moved:
                break
