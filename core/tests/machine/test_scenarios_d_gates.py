"""Blue-green scenarios D9 and D10, the sequence of table 4.8, and the analysis gates of 4.7 (hazards 6, 18, 37 and 40)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import RESUME, World
from tidegate.machine.checking import EndRun, StartRun

Build = Callable[..., World]
OK: dict[str, Any] = {"templates": [{"templateName": "ok"}]}
PRE: dict[str, Any] = {"prePromotionAnalysis": OK}
POST: dict[str, Any] = {"postPromotionAnalysis": OK}
MANUAL: dict[str, Any] = {"autoPromotionEnabled": False}


def started(world: World) -> list[str]:
    return [call.type for call in world.calls if isinstance(call, StartRun)]


def ended(world: World) -> int:
    return sum(isinstance(call, EndRun) for call in world.calls)


def services(world: World) -> tuple[str, str]:
    """The images that (preview, active) select."""
    tags = {world.hash(tag): tag for tag in ("v1", "v2")}
    return tags[world.selected("demo-preview")], tags[world.selected("demo-active")]


def test_d9_a_failed_gate_before_the_switch_aborts_and_the_active_service_stays(a_blue_green: Build) -> None:
    world = a_blue_green(**PRE).image("v2").run().judge("PrePromotion", "Failed", "errors").run()
    text = "Rollout aborted update to revision 2: Blue/green pre-promotion analysis phase error/failed: errors"
    assert world.phase == ("Degraded", f"RolloutAborted: {text}")
    assert services(world) == ("v2", "v1")
    assert world.spec_size("v2") == 3
    assert world.after(31).spec_size("v2") == 0


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_d10_a_failed_gate_behind_the_switch_takes_the_traffic_back(a_blue_green: Build, phase: str) -> None:
    world = a_blue_green(**POST).image("v2").run()
    assert services(world) == ("v2", "v2")
    world.judge("PostPromotion", phase).run()
    assert services(world) == ("v2", "v1")
    assert world.hash("v1") in world.status["selector"]
    text = "Rollout aborted update to revision 2: Blue/green post-promotion analysis phase error/failed"
    assert world.phase == ("Degraded", f"RolloutAborted: {text}")
    assert world.after(31).spec_size("v2") == 0
    assert world.spec_size("v1") == 3


def test_the_sequence_of_table_4_8(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=2, **MANUAL, **PRE, **POST).image("v2")
    world.pods_up["v2"] = 0
    world.step()
    assert (world.spec_size("v2"), world.phase) == (0, ("Progressing", "more replicas need to be updated"))
    world.run()
    assert services(world) == ("v2", "v1")
    assert (world.pair(), world.phase) == ((2, 2), ("Progressing", "active service cutover pending"))
    assert not started(world)
    world.pods_up.clear()
    world.run()
    assert started(world) == ["PrePromotion"]
    assert world.phase == ("Progressing", "active service cutover pending")
    world.judge("PrePromotion", "Successful").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    assert services(world) == ("v2", "v1")
    world.client(**RESUME).run()
    assert services(world) == ("v2", "v2")
    assert world.phase == ("Progressing", "waiting for analysis to complete")
    assert world.status["stableRS"] == world.hash("v1")
    world.judge("PostPromotion", "Successful").run()
    assert world.phase == ("Healthy", "")
    assert world.status["stableRS"] == world.hash("v2")
    assert (world.spec_size("v1"), world.deadline("v1")) == (2, "2026-01-01T00:00:30Z")
    world.after(31)
    assert (world.spec_size("v1"), world.spec_size("v2")) == (0, 2)
    assert world.phase == ("Healthy", "")


# --- before the switch ---


def test_names_and_references(a_blue_green: Build) -> None:
    world = a_blue_green(**PRE, **POST).image("v2").run()
    stem = f"demo-{world.hash('v2')}-2"
    assert list(world.runs) == [f"{stem}-pre"]
    assert world.status["blueGreen"]["prePromotionAnalysisRunStatus"]["name"] == f"{stem}-pre"
    world.judge("PrePromotion", "Successful").run()
    assert list(world.runs) == [f"{stem}-pre", f"{stem}-post"]
    assert world.status["blueGreen"]["postPromotionAnalysisRunStatus"]["name"] == f"{stem}-post"
    world.judge("PostPromotion", "Successful").run()
    refs = world.status["blueGreen"]
    assert refs["prePromotionAnalysisRunStatus"]["status"] == "Successful", "the last runs stay in the status"
    assert refs["postPromotionAnalysisRunStatus"]["status"] == "Successful"


def test_the_first_deployment_runs_no_analysis(a_blue_green: Build) -> None:
    assert not a_blue_green(**PRE, **POST).runs


def test_the_gate_must_open_also_when_the_seconds_are_over(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=5, **PRE).image("v2").run().after(60)
    assert services(world) == ("v2", "v1")
    assert "pauseConditions" not in world.status
    world.judge("PrePromotion", "Successful").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    world.after(7)
    assert services(world) == ("v2", "v2")


def test_h18_a_run_that_has_started_is_not_cancelled_by_pods_that_come_and_go(a_blue_green: Build) -> None:
    world = a_blue_green(**PRE).image("v2").run()
    world.pods_up["v2"] = 1
    world.run().edit(replicas=5).run()
    assert ended(world) == 0
    world.pods_up.clear()
    world.run().judge("PrePromotion", "Successful").run()
    assert services(world) == ("v2", "v2")
    assert started(world) == ["PrePromotion"]


def test_h18_scaling_during_the_gate_behind_the_switch_changes_nothing_else(a_blue_green: Build) -> None:
    world = a_blue_green(**POST).image("v2").run().edit(replicas=6)
    world.pods_up["v2"] = 3
    world.run()
    assert (ended(world), started(world)) == (0, ["PostPromotion"])
    assert services(world) == ("v2", "v2")
    assert world.status["stableRS"] == world.hash("v1")
    world.pods_up.clear()
    world.run().judge("PostPromotion", "Successful").run()
    assert world.phase == ("Healthy", "")


def test_a_success_while_pods_are_missing_waits_for_them(a_blue_green: Build) -> None:
    world = a_blue_green(**PRE).image("v2").run()
    world.pods_up["v2"] = 2
    world.run().judge("PrePromotion", "Successful").run()
    assert services(world) == ("v2", "v1")
    world.pods_up.clear()
    world.run()
    assert services(world) == ("v2", "v2")


def test_h40_the_run_of_a_retry_waits_for_pods_as_the_first_did(a_blue_green: Build) -> None:
    world = a_blue_green(**PRE).image("v2").run().judge("PrePromotion", "Failed").run().after(31)
    assert world.spec_size("v2") == 0
    world.pods_up["v2"] = 0
    world.forget().client(abort=False).run()
    assert world.spec_size("v2") == 3
    assert not started(world)
    world.pods_up.clear()
    world.run()
    assert started(world) == ["PrePromotion"]
    assert f"demo-{world.hash('v2')}-2-pre.1" in world.runs
    assert world.judge("PrePromotion", "Successful").run().phase == ("Healthy", "")


def test_a_small_preview_is_analysed_at_its_own_size(a_blue_green: Build) -> None:
    world = a_blue_green(replicas=5, previewReplicaCount=2, **PRE).image("v2").run()
    assert (world.spec_size("v2"), started(world)) == (2, ["PrePromotion"])
    assert "scaleUpPreviewCheckPoint" not in world.status["blueGreen"]
    world.judge("PrePromotion", "Successful").run()
    assert services(world) == ("v2", "v2")
    assert world.spec_size("v2") == 5


def test_an_inconclusive_gate_halts_the_switch_and_not_the_sizes(a_blue_green: Build) -> None:
    world = a_blue_green(**PRE).image("v2").run().judge("PrePromotion", "Inconclusive").run()
    assert world.phase == ("Paused", "InconclusiveAnalysisRun")
    assert world.edit(replicas=5).run().pair() == (5, 5)
    assert services(world) == ("v2", "v1")
    world.client(**RESUME).run()
    assert [run.phase for run in world.runs.values()] == ["Inconclusive", ""]
    assert services(world) == ("v2", "v1"), "the resume asks for another verdict"
    assert world.judge("PrePromotion", "Successful").run().phase == ("Healthy", "")


# --- behind the switch ---


def test_the_former_version_waits_for_the_verdict(a_blue_green: Build) -> None:
    world = a_blue_green(**POST).image("v2").run().after(600)
    assert world.spec_size("v1") == 3
    assert world.deadline("v1") is None


def test_versions_before_the_last_wait_for_the_verdict_too(a_blue_green: Build) -> None:
    world = a_blue_green(**POST).image("v2").run().judge("PostPromotion", "Successful").run()
    assert world.deadline("v1") is not None
    world.image("v3").run()
    assert world.selected("demo-active") == world.hash("v3")
    world.after(31)
    assert world.spec_size("v1") == 3, "not before v3 has proved itself"
    world.judge("PostPromotion", "Successful").run().after(1)
    assert world.spec_size("v1") == 0


def test_a_gate_before_the_switch_that_is_added_behind_it_runs_no_more(a_blue_green: Build) -> None:
    world = a_blue_green(**POST).image("v2").run().strategy(**PRE).run()
    assert started(world) == ["PostPromotion"]
    assert world.judge("PostPromotion", "Successful").run().phase == ("Healthy", "")


def test_an_inconclusive_verdict_behind_the_switch_pauses(a_blue_green: Build) -> None:
    world = a_blue_green(**POST).image("v2").run().judge("PostPromotion", "Inconclusive").run()
    assert world.phase == ("Paused", "InconclusiveAnalysisRun")
    assert services(world) == ("v2", "v2")
    world.client(**RESUME).run().judge("PostPromotion", "Successful").run()
    assert world.phase == ("Healthy", "")


def test_h6_an_abort_goes_back_although_the_new_version_has_lost_pods(a_blue_green: Build) -> None:
    world = a_blue_green(**POST).image("v2").run()
    world.pods_up["v2"] = 1
    world.run().judge("PostPromotion", "Failed").run()
    assert services(world) == ("v2", "v1")
    world = a_blue_green(**POST).image("v2").run()
    world.pods_up["v2"] = 0
    world.run().client(abort=True).run()
    assert services(world) == ("v2", "v1")


def test_a_run_cancelled_by_an_abort_adds_no_pause(a_blue_green: Build) -> None:
    world = a_blue_green(**POST).image("v2").run().client(abort=True)
    world.step()
    assert ended(world) == 1
    world.runs = {n: type(r)(**{**_fields(r), "phase": "Inconclusive"}) for n, r in world.runs.items()}
    world.run()
    assert "pauseConditions" not in world.status
    assert world.phase == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")


def _fields(run: Any) -> dict[str, Any]:
    return {name: getattr(run, name) for name in run.__slots__}


@pytest.mark.parametrize("how", ["promoteFull", "fast rollback", "new template"])
def test_gates_are_skipped_or_cancelled(a_blue_green: Build, how: str) -> None:
    world = a_blue_green(**PRE, **POST, **MANUAL).image("v2").run()
    assert started(world) == ["PrePromotion"]
    if how == "promoteFull":
        world.client(promoteFull=True).run()
        assert world.phase == ("Healthy", "")
    elif how == "fast rollback":
        world.image("v1").run()
        assert world.phase == ("Healthy", "")
    else:
        world.image("v3").run()
        assert started(world) == ["PrePromotion", "PrePromotion"]
    assert ended(world) == 1


def test_h37_a_resume_is_a_promotion_also_with_seconds_to_go(a_blue_green: Build) -> None:
    world = a_blue_green(autoPromotionSeconds=600, **PRE).image("v2").run().judge("PrePromotion", "Successful").run()
    assert world.phase == ("Paused", "BlueGreenPause")
    world.client(**RESUME).run()
    assert world.phase == ("Healthy", "")
    assert world.reasons().count("RolloutPaused") == 1


def test_d16_a_recent_version_comes_back_without_analysis(a_blue_green: Build) -> None:
    world = a_blue_green(spec={"rollbackWindow": {"revisions": 1}}, **PRE, **POST).image("v2").run()
    world.client(promoteFull=True).run().after(31)
    world.forget().image("v1").run()
    assert not started(world)
    assert world.phase == ("Healthy", "")
    assert world.messages("RolloutCompleted")[0].endswith(": Rollback within window")


def test_d11_a_version_within_its_delay_comes_back_without_analysis(a_blue_green: Build) -> None:
    world = a_blue_green(**PRE).image("v2").run().judge("PrePromotion", "Successful").run()
    world.forget().image("v1").run()
    assert not started(world)
    assert world.phase == ("Healthy", "")
    assert world.messages("RolloutCompleted")[0].endswith(": Fast rollback")
