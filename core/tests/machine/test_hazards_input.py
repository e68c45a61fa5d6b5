"""What cannot work as it is written, whoever wrote it, is refused or judged, and costs nobody a pod."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}
RESUME: dict[str, Any] = {"pauseConditions": None}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def test_an_invalid_spec_freezes_and_says_where(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    world.rollout["spec"]["strategy"]["canary"]["steps"][0] = weight(120)
    world.edited().forget().run()
    text = (
        'The Rollout "demo" is invalid: spec.strategy.steps[0].setWeight: Invalid value: 120: '
        "SetWeight needs to be between 0 and 100"
    )
    assert world.phase == ("Degraded", f"InvalidSpec: {text}")
    assert world.pair() == (2, 8)
    assert (world.wake_at - world.now).total_seconds() == 20
    assert not world.events


def test_a_set_that_the_selector_no_longer_matches_is_released_and_its_name_left_alone(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    former = next(iter(world.sets))
    world.sets[former]["metadata"]["labels"]["app"] = "stray"
    world.step()
    assert world.status["collisionCount"] == 1
    world.run()
    assert former in world.sets
    assert world.sets[former]["metadata"]["ownerReferences"] == []
    assert len(world.sets) == 2


def test_steps_edited_while_the_spec_is_invalid_start_over(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, weight(30), PAUSE], routed=True).image("v2").run()
    service, world.services["demo-canary"] = world.services["demo-canary"], None
    world.rollout["spec"]["strategy"]["canary"]["steps"] = [PAUSE, weight(90), PAUSE]
    world.edited().run()
    assert world.phase[0] == "Degraded"
    world.services["demo-canary"] = service
    world.run()
    assert (world.status["currentStepIndex"], world.weights[-1][0]) == (0, 0)


@pytest.mark.parametrize(
    "spec",
    [
        {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["other"]}]}},
        {"selector": {"matchExpressions": [{"key": "app", "operator": "Near", "values": ["demo"]}]}},
        {"strategy": {"canary": {"maxSurge": -5}}},
        {"strategy": {"canary": {"maxUnavailable": "abc"}}},
        {"strategy": {"canary": {"maxSurge": "9" * 5000}}},
        {"strategy": {"canary": {"trafficRouting": {"maxTrafficWeight": -1}}}},
        {"strategy": {"canary": {"steps": [{"setCanaryScale": {"replicas": -1}}]}}},
        {"strategy": {"canary": {"steps": [{"pause": {"duration": "9" * 5000}}]}}},
        {"strategy": {"canary": {"steps": [{"pause": {"duration": 10**14}}]}}},
    ],
    ids=lambda spec: str(spec)[:60],
)
def test_values_that_cannot_work_are_refused_and_change_nothing(a_rollout: Build, spec: dict[str, Any]) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True)
    before = dict(world.sets)
    world.edit(**spec).run()
    assert world.phase[0] == "Degraded"
    assert world.sets == before


@pytest.mark.parametrize(
    "status",
    [
        {"canary": {"weights": {"canary": {"weight": 500}, "stable": {"weight": -400}}}, "promoteFull": True},
        {"currentStepIndex": 10**12},
        {"pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "9999-12-31T23:59:59Z"}]},
        {"conditions": [{"type": "Progressing", "status": "True", "lastUpdateTime": "9999-12-31T23:59:59Z"}]},
    ],
    ids=lambda status: str(status)[:60],
)
def test_whatever_clients_write_into_the_status_is_judged(a_rollout: Build, status: dict[str, Any]) -> None:
    world = a_rollout([weight(20), {"pause": {"duration": 5}}], routed=True).image("v2").run()
    world.client(**status).run()
    assert world.phase[0] in ("Healthy", "Paused", "Progressing")


def test_more_unavailable_than_everything_is_everything(a_rollout: Build) -> None:
    assert a_rollout([weight(20), PAUSE], maxUnavailable="150%").phase == ("Healthy", "")


def test_small_percentages_that_come_to_nothing_leave_one_pod_unavailable(a_rollout: Build) -> None:
    world = a_rollout([weight(10), PAUSE], maxSurge=0, maxUnavailable="5%").image("v2").run()
    assert (0, 9) in world.history
    assert world.pair() == (1, 9)
