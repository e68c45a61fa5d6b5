"""Worlds at rest: nothing is written over an unchanged one (scenario E20), and each is looked at again in time (2.11)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, pause, weight
from tidegate.api.wire import write_time
from tidegate.machine.checking import StepAnswer

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}
TEMPLATES: list[dict[str, Any]] = [{"name": "base", "specRef": "stable"}]
MARKS: dict[str, Any] = {"labels": {"role": "live"}}
APART: dict[str, Any] = {"requiredDuringSchedulingIgnoredDuringExecution": {}}
FRACTION = re.compile(r"T\d\d:\d\d:\d\d\.")


def restart_ahead(world: World) -> World:
    return world.edit(restartAt=write_time(world.now + timedelta(seconds=600))).run()


def at_plugin(canary: Build) -> World:
    world = canary([{"plugin": {"name": "gate"}}])
    world.answer = lambda _: StepAnswer("Running", retry_after_s=30)
    return world.image("v2").run()


QUIET: dict[str, Callable[[Build, Build], World]] = {
    "basic canary": lambda canary, _: canary([weight(20), PAUSE]),
    "basic canary paused": lambda canary, _: canary([weight(20), PAUSE], services=True).image("v2").run(),
    "basic canary aborted": lambda canary, _: canary([weight(20), PAUSE]).image("v2").run().client(abort=True).run(),
    "timed pause": lambda canary, _: canary([weight(20), pause(60)]).image("v2").run(),
    "never available": lambda canary, _: canary([weight(20), PAUSE]).image("bad").run(),
    "routed canary": lambda canary, _: canary([weight(20), PAUSE], routed=True).image("v2").run(),
    "routed canary aborted": lambda canary, _: (
        canary([weight(20), PAUSE], routed=True).image("v2").run().client(abort=True).run()
    ),
    "routed canary done": lambda canary, _: canary([weight(20)], routed=True).image("v2").run(),
    "blue-green": lambda _, blue_green: blue_green(),
    "blue-green paused": lambda _, blue_green: blue_green(**MANUAL).image("v2").run(),
    "blue-green aborted": lambda _, blue_green: blue_green(**MANUAL).image("v2").run().client(abort=True).run(),
    "blue-green small preview": lambda _, blue_green: blue_green(previewReplicaCount=1, **MANUAL).image("v2").run(),
    "blue-green done": lambda _, blue_green: blue_green().image("v2").run(),
    "blue-green never available": lambda _, blue_green: blue_green().image("bad").run(),
    "paused by a person": lambda _, blue_green: blue_green().edit(paused=True).image("v2").run(),
    "restart ahead": lambda canary, _: restart_ahead(canary([])),
    "dynamic stable": lambda canary, _: (
        canary([weight(20), PAUSE], routed=True, dynamicStableScale=True).image("v2").run()
    ),
    "metadata": lambda canary, _: (
        canary([weight(20), PAUSE], canaryMetadata=MARKS, stableMetadata=MARKS).image("v2").run()
    ),
    "anti-affinity": lambda canary, _: canary([weight(20), PAUSE], antiAffinity=APART).image("v2").run(),
    "gate before the switch": lambda _, blue_green: blue_green(prePromotionAnalysis=OK).image("v2").run(),
    "gate behind the switch": lambda _, blue_green: blue_green(postPromotionAnalysis=OK).image("v2").run(),
    "inconclusive": lambda canary, _: (
        canary([weight(20), {"analysis": OK}]).image("v2").run().judge("Step", "Inconclusive").run()
    ),
    "background": lambda canary, _: canary([weight(20), PAUSE], analysis=OK).image("v2").run(),
    "failed analysis": lambda canary, _: (
        canary([weight(20), PAUSE], analysis=OK).image("v2").run().judge("Background", "Failed").run()
    ),
    "experiment": lambda canary, _: canary([{"experiment": {"templates": TEMPLATES}}], routed=True).image("v2").run(),
    "step plugin": lambda canary, _: at_plugin(canary),
    "invalid": lambda canary, _: canary([weight(20)]).strategy(maxSurge=0, maxUnavailable=0).run(),
}


@pytest.mark.parametrize("case", QUIET)
def test_e20_two_passes_over_an_unchanged_world_write_nothing(a_rollout: Build, a_blue_green: Build, case: str) -> None:
    world = QUIET[case](a_rollout, a_blue_green).forget()
    world.step()
    world.step()
    assert world.writes == 0
    assert not world.events


@pytest.mark.parametrize("case", QUIET)
def test_every_look_that_was_announced_leads_on_and_none_is_announced_for_the_past(
    a_rollout: Build, a_blue_green: Build, case: str
) -> None:
    world = QUIET[case](a_rollout, a_blue_green)
    for _ in range(8):
        if world.wake_at is None:
            return
        assert world.wake_at > world.now
        world.now = world.wake_at
        world.run()


@pytest.mark.parametrize("case", QUIET)
def test_times_are_written_in_whole_seconds(a_rollout: Build, a_blue_green: Build, case: str) -> None:
    def late(build: Build) -> Build:
        return lambda *args, **more: build(*args, **more).after(0.4)

    world = QUIET[case](late(a_rollout), late(a_blue_green)).after(0.3).client(abort=True).run()
    assert not FRACTION.search(str(world.status))
    assert not FRACTION.search(str([s["metadata"]["annotations"] for s in world.sets.values()]))


# --- the moments of table 2.11 ---


def test_the_end_of_a_pause(a_rollout: Build) -> None:
    world = a_rollout([weight(20), pause(60)]).image("v2").run()
    assert world.wait is not None
    assert 60 < world.wait < 60.1


def test_the_end_of_the_seconds_before_an_automatic_promotion(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=60).image("v2").run()
    assert world.wait is not None
    assert 60 < world.wait < 60.1


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_the_pass_that_begins_a_timed_pause_announces_its_end_and_later_ones_what_is_left(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout([weight(20), pause(60)]) if strategy == "canary" else a_blue_green(autoPromotionSeconds=60)
    world.image("v2")
    while world.phase[0] != "Paused":
        world.step()
    assert world.wait is not None
    assert 60 < world.wait < 60.1
    world.now += timedelta(seconds=10)
    world.step()
    assert 50 < world.wait < 50.1


@pytest.mark.parametrize("seconds", [30, 7200])
def test_the_end_of_a_scale_down_delay_however_far(a_blue_green: Build, seconds: int) -> None:
    world = a_blue_green(scaleDownDelaySeconds=seconds).image("v2").run()
    assert world.wait == seconds
    world.now += timedelta(seconds=10)
    world.step()
    assert world.wait == seconds - 10


def test_the_end_of_an_abort_delay(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True, abortScaleDownDelaySeconds=2000).image("v2").run()
    assert world.client(abort=True).run().wait == 2000
    world.after(1999)
    assert world.spec_size("v2") == 2, "held beyond the resync period"
    assert world.after(1).spec_size("v2") == 0


def test_a_weight_that_is_not_verified(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], routed=True)
    world.verdict = False
    assert world.image("v2").run().wait == 10


def test_the_deadline(a_rollout: Build) -> None:
    world = a_rollout([weight(20)], spec={"progressDeadlineSeconds": 100}).image("bad").run()
    assert world.wait is not None
    assert 100 < world.wait <= 101
    world.now += timedelta(seconds=world.wait)
    assert world.run().phase[0] == "Degraded"


def test_an_indefinite_pause_and_a_finished_rollout_need_no_look(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout([weight(20), PAUSE]), a_blue_green(**MANUAL)):
        assert world.wait is None
        assert world.image("v2").run().wait is None
        assert world.client(**RESUME).run().after(60).wait is None
