"""Taking over Rollouts that the upstream controller left, at rest and in flight (specification 2.13, scenario E18)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.api import names

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}


def as_left_by_upstream(world: World) -> World:
    """The same world under the hashes of another controller: labels, names, selectors and status."""
    foreign = {s["metadata"]["labels"][names.POD_HASH]: f"up{place}" for place, s in enumerate(world.sets.values())}

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            for ours, theirs in foreign.items():
                value = value.replace(ours, theirs)
            return value
        if isinstance(value, dict):
            return {renamed(key): renamed(item) for key, item in value.items()}
        return [renamed(item) for item in value] if isinstance(value, list) else value

    world.sets = renamed(world.sets)
    world.pods = {}
    world.rollout["status"] = renamed(world.status)
    for name, view in world.services.items():
        assert view is not None
        world.services[name] = type(view)(name, renamed(dict(view.selector)), view.managed_by, view.resource_version)
    world.cluster()
    return world.forget()


CASES: dict[str, Callable[[Build, Build], World]] = {
    "basic canary at rest": lambda canary, _: canary([weight(20), PAUSE]),
    "basic canary in flight": lambda canary, _: (
        canary([weight(20), PAUSE, weight(60), PAUSE], services=True).image("v2").run()
    ),
    "routed canary in flight": lambda canary, _: (
        canary([weight(20), PAUSE, weight(60), PAUSE], routed=True).image("v2").run()
    ),
    "blue-green at rest": lambda _, blue_green: blue_green(),
    "blue-green in flight": lambda _, blue_green: blue_green(**MANUAL).image("v2").run(),
    "aborted": lambda canary, _: canary([weight(20), PAUSE]).image("v2").run().client(abort=True).run(),
}


@pytest.mark.parametrize("case", CASES)
def test_e18_a_rollout_is_taken_over_where_it_stands(a_rollout: Build, a_blue_green: Build, case: str) -> None:
    world = as_left_by_upstream(CASES[case](a_rollout, a_blue_green))
    sets, status = copy.deepcopy(world.sets), copy.deepcopy(world.status)
    world.run()
    assert {n: s["spec"]["replicas"] for n, s in world.sets.items()} == {
        n: s["spec"]["replicas"] for n, s in sets.items()
    }
    for key in ("currentPodHash", "stableRS", "currentStepIndex", "pauseConditions", "phase", "message"):
        assert world.status.get(key) == status.get(key), key
    assert not world.events


def test_e18_the_update_goes_on_to_its_end(a_rollout: Build) -> None:
    world = as_left_by_upstream(a_rollout([weight(20), PAUSE, weight(60), PAUSE], routed=True).image("v2").run())
    world.client(**RESUME).run()
    assert (world.status["currentStepIndex"], world.weights[-1]) == (3, (60, "up1"))
    world.client(**RESUME).run()
    assert world.status["stableRS"] == "up1"
    assert world.phase == ("Healthy", "")
    assert len(world.sets) == 2


@pytest.mark.parametrize("stored", ["9f8d111d8f", "58f9b9"], ids=["another recipe", "text"])
def test_a_foreign_step_hash_over_an_unchanged_spec_is_adopted_silently(a_rollout: Build, stored: str) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    ours = world.status["currentStepHash"]
    world.client(currentStepHash=stored).forget().run()
    assert world.status["currentStepIndex"] == 1
    assert world.status["currentStepHash"] == ours
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_a_foreign_step_hash_over_a_changed_spec_starts_the_steps_over(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    world.client(currentStepHash="58f9b9").edited().step()
    assert world.status["currentStepIndex"] == 0


@pytest.mark.parametrize("stored", ["6fcc7d5d4c", "17"], ids=["hash text", "more than the generation"])
def test_a_legacy_observed_generation_is_overwritten(a_rollout: Build, stored: str) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    world.client(observedGeneration=stored).run()
    assert world.status["observedGeneration"] == "2"
    assert world.phase == ("Paused", "CanaryPauseStep")


def test_annotated_services_are_kept_and_unannotated_ones_adopted(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], services=True)
    view = world.services["demo-stable"]
    assert view is not None
    world.services["demo-stable"] = type(view)(view.name, {"app": "demo"}, "", "1")
    world.run()
    adopted = world.services["demo-stable"]
    assert adopted is not None
    assert (adopted.managed_by, world.selected("demo-stable")) == ("demo", world.hash("v1"))
    assert world.switches("demo-canary") == 0


def test_absent_weights_are_worked_out_by_the_first_pass(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True).image("v2").run()
    del world.status["canary"]["weights"]
    world.run()
    assert world.status["canary"]["weights"]["canary"]["weight"] == 20
    assert world.pair() == (2, 10)


def test_an_absent_duration_is_tracked_from_the_next_change(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    world.status.pop("duration", None)
    world.run()
    assert "duration" not in world.status
    world.image("v2").run()
    assert world.status["duration"]["completionStatus"] == "Promoted"
