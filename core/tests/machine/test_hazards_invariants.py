"""Invariants whose remarks need an example of their own. Numbers are those of the specification's table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.api import names
from tidegate.machine.actions import Action
from tidegate.machine.routing import RemoveManagedRoutes, SetHeaderRoute

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}
HEADER = {
    "setHeaderRoute": {"name": "h", "match": [{"headerName": "X-Test", "headerValue": {"exact": "yes"}}]},
}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


@pytest.mark.parametrize("routed", [False, True], ids=["basic", "routed"])
def test_i1_no_managed_service_moves_to_a_version_without_pods(a_rollout: Build, routed: bool) -> None:
    world = a_rollout([weight(50), PAUSE], routed=routed, services=True, replicas=4)
    world.pods_up["v2"] = 0
    world.image("v2").run().client(promoteFull=True).run()
    assert world.selected("demo-canary") == world.selected("demo-stable") == world.hash("v1")
    assert world.status["stableRS"] == world.hash("v1")


def test_i4_and_i5_a_canary_that_loses_its_pods_loses_its_share(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.pods_up["v2"] = 0
    world.run()
    assert world.weights[-1][0] == 0
    assert world.status["currentStepIndex"] == 1
    world.pods_up["v2"] = 3
    world.run()
    assert world.weights[-1][0] <= 50
    del world.pods_up["v2"]
    assert world.run().weights[-1][0] == 50


def test_i6_a_version_that_a_service_still_selects_keeps_its_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run()
    world.image("bad-v3").run()
    assert world.weights[-1][0] == 0
    assert (world.selected("demo-canary"), world.spec_size("v2")) == (world.hash("v2"), 5)
    world.after(3600)
    assert world.spec_size("v2") == 5


def test_i9_neither_abort_nor_failure_nor_an_invalid_spec_changes_what_is_stable(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True, spec={"progressDeadlineSeconds": 10})
    stable = world.status["stableRS"]
    for tag in ("v2", "bad"):
        world.image(tag).run().after(12).client(abort=True).run().after(60)
        assert world.status["stableRS"] == stable
        world.client(abort=False).run()
        assert world.status["stableRS"] == stable
    world.rollout["spec"]["strategy"]["canary"]["steps"][0] = weight(400)
    world.edited().run()
    assert world.phase[0] == "Degraded"
    assert world.status["stableRS"] == stable


def test_i15_what_a_client_writes_during_a_pass_survives_it(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2")

    def meanwhile(_: Action) -> None:
        world.client(abort=True)

    world.refuse = meanwhile
    world.step()
    assert world.messages("NewReplicaSetCreated"), "the pass had something to say"
    assert world.status["currentPodHash"] == world.hash("v2")
    assert world.status["abort"] is True
    world.refuse = lambda _: None
    world.run()
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")


def test_i17_routes_exist_only_while_the_new_version_has_pods(a_rollout: Build) -> None:
    routing = {"managedRoutes": [{"name": "h"}]}
    world = a_rollout([weight(10), HEADER, PAUSE], routed=True, trafficRouting=routing).image("v2").run()
    assert [call for call in world.calls if isinstance(call, SetHeaderRoute)]
    world.pods_up["v2"] = 0
    world.forget().run()
    assert not [call for call in world.calls if isinstance(call, SetHeaderRoute)]
    assert {call.keep for call in world.calls if isinstance(call, RemoveManagedRoutes)} == {frozenset()}


def test_i18_the_deadline_does_not_run_while_a_former_version_waits_out_its_delay(a_rollout: Build) -> None:
    spec = {"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}
    world = a_rollout([weight(50)], routed=True, spec=spec).image("v2").run()
    assert world.deadline("v1") is not None
    world.image("bad").run().after(25)
    assert world.phase[0] == "Progressing"
    world.after(60)  # the former version goes, and that is progress
    assert world.phase[0] == "Progressing"
    world.after(12)
    assert world.phase[0] == "Degraded"
    assert world.status["abort"] is True


@pytest.mark.parametrize("change", ["retry", "rollback", "another"])
def test_i19_no_deadline_stays_on_new_or_stable(a_rollout: Build, change: str) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run().client(abort=True).run()
    assert world.deadline("v2") == "2026-01-01T00:00:30Z"
    match change:
        case "retry":
            world.client(abort=False).run()
        case "rollback":
            world.image("v1").run()
        case _:
            world.image("v3").run().image("v2").run()
    current = (world.status["currentPodHash"], world.status["stableRS"])
    marked = [s for s in world.sets.values() if names.SCALE_DOWN_DEADLINE in s["metadata"]["annotations"]]
    assert not [s for s in marked if s["metadata"]["labels"][names.POD_HASH] in current]


def test_i19_a_version_that_comes_back_within_its_delay_loses_its_deadline(a_rollout: Build) -> None:
    world = a_rollout([weight(50), PAUSE], routed=True).image("v2").run().client(**RESUME).run()
    assert world.deadline("v1") == "2026-01-01T00:00:30Z"
    world.image("v1").run()
    assert world.deadline("v1") is None
    assert world.after(60).spec_size("v1") == 5


def test_i20_a_full_promotion_does_not_outlive_its_update(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().client(promoteFull=True).run()
    assert "promoteFull" not in world.status
    assert world.image("v3").run().phase == ("Paused", "CanaryPauseStep")
