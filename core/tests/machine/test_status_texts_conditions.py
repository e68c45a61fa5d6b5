"""The conditions, row by row of table 1.11 of the behavioural specification. Clients know type, status, reason and text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.machine.actions import CreateReplicaSet
from tidegate.machine.plan import Outcome, Result

Build = Callable[..., World]
MANUAL = {"autoPromotionEnabled": False}


def row(world: World, type_: str) -> tuple[str, str, str]:
    """(status, reason, message) of a condition."""
    found = world.condition(type_)
    assert found is not None, f"no condition {type_} in {world.status}"
    return (*found, world.text(type_))


def times(world: World, type_: str) -> tuple[str, str]:
    found = next(c for c in world.status["conditions"] if c["type"] == type_)
    return found["lastUpdateTime"], found["lastTransitionTime"]


def name(world: World, tag: str) -> str:
    return str(world.of(tag)["metadata"]["name"])


# --- Progressing ---


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_progressing_tells_that_a_replica_set_was_created(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20)]) if strategy == "canary" else a_blue_green()
    world.image("v2").step()
    text = f'Created new replica set "{name(world, "v2")}"'
    assert row(world, "Progressing") == ("True", "NewReplicaSetCreated", text)


def test_progressing_tells_that_a_replica_set_was_found(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("bad").run()
    world.status["conditions"] = [c for c in world.status["conditions"] if c["type"] != "Progressing"]
    world.step()
    text = f'Found new replica set "{name(world, "bad")}"'
    assert row(world, "Progressing") == ("True", "FoundNewReplicaSet", text)


def test_progressing_moves_its_time_with_every_progress(a_rollout: Build) -> None:
    world = a_rollout([weight(40), PAUSE]).image("v2")
    world.pods_up["v2"] = 0
    world.run()
    text = f'ReplicaSet "{name(world, "v2")}" is progressing.'
    assert row(world, "Progressing") == ("True", "ReplicaSetUpdated", text)
    before = times(world, "Progressing")
    world.after(5)
    assert times(world, "Progressing") == before, "no progress, no new time"
    world.pods_up["v2"] = 1
    world.run()
    updated, changed = times(world, "Progressing")
    assert (updated, changed) == ("2026-01-01T00:00:05Z", before[1])


def test_progressing_tells_that_a_finished_rollout_lost_pods(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    world.pods_up["v1"] = 4
    world.run()
    text = "Rollout does not have minimum availability"
    assert row(world, "Progressing") == ("True", "ReplicaSetNotAvailable", text)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_progressing_tells_success(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20)]) if strategy == "canary" else a_blue_green()
    text = f'ReplicaSet "{name(world, "v1")}" has successfully progressed.'
    assert row(world, "Progressing") == ("True", "NewReplicaSetAvailable", text)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_progressing_is_unknown_in_a_pause(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run()
    assert row(world, "Progressing") == ("Unknown", "RolloutPaused", "Rollout is paused")
    assert row(world, "Paused") == ("True", "RolloutPaused", "Rollout is paused")


def test_progressing_tells_that_a_pause_ended_without_progress_yet(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("bad").run().edit(paused=True).run()
    assert row(world, "Progressing")[1] == "RolloutPaused"
    world.edit(paused=False).step()
    assert row(world, "Progressing") == ("Unknown", "RolloutResumed", "Rollout is resumed")


def test_progressing_stays_true_when_a_finished_rollout_is_paused(a_blue_green: Build) -> None:
    world = a_blue_green().edit(paused=True).run()
    assert row(world, "Progressing")[:2] == ("True", "NewReplicaSetAvailable")
    assert world.condition("Paused") == ("True", "RolloutPaused")
    assert world.condition("Healthy") == ("False", "RolloutHealthy")
    assert not world.events


def test_progressing_tells_a_retry(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().client(abort=True).run().after(100)
    world.client(abort=False).step()
    assert row(world, "Progressing") == ("Unknown", "RolloutRetry", "Retrying Rollout after abort")
    assert times(world, "Progressing")[0] == "2026-01-01T00:01:40Z", "the deadline counts from the retry"


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_progressing_tells_an_abort_by_a_person_without_a_reason(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = a_rollout([weight(20), PAUSE]) if strategy == "canary" else a_blue_green(**MANUAL)
    world.image("v2").run().client(abort=True).run()
    assert row(world, "Progressing") == ("False", "RolloutAborted", "Rollout aborted update to revision 2")


def test_progressing_tells_an_abort_by_the_deadline_with_its_reason(a_blue_green: Build) -> None:
    world = a_blue_green(spec={"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}).image("bad").run()
    world.after(12)
    text = f'Rollout aborted update to revision 2: ReplicaSet "{name(world, "bad")}" has timed out progressing.'
    assert row(world, "Progressing") == ("False", "RolloutAborted", text)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_progressing_tells_a_passed_deadline_and_recovers(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    spec = {"progressDeadlineSeconds": 10}
    world = a_rollout([weight(20)], spec=spec) if strategy == "canary" else a_blue_green(spec=spec)
    world.image("v2")
    world.pods_up["v2"] = 0
    world.run().after(12)
    text = f'ReplicaSet "{name(world, "v2")}" has timed out progressing.'
    assert row(world, "Progressing") == ("False", "ProgressDeadlineExceeded", text)
    world.pods_up.clear()
    world.run()
    assert row(world, "Progressing")[:2] == ("True", "NewReplicaSetAvailable")


def test_progressing_tells_why_a_replica_set_could_not_be_created(a_rollout: Build) -> None:
    world = a_rollout([weight(20)]).image("v2")
    refused: list[str] = []

    def quota(action: Any) -> Outcome | None:
        if not isinstance(action, CreateReplicaSet):
            return None
        refused.append(action.name)
        return Outcome(action, Result.FAILED, message="exceeded quota: pods")

    world.refuse = quota
    world.step()
    text = f'Failed to create new replica set "{refused[0]}": exceeded quota: pods'
    assert row(world, "Progressing") == ("False", "ReplicaSetCreateError", text)
    assert [(e.type, e.message) for e in world.events if e.reason == "ReplicaSetCreateError"] == [("Warning", text)]


# --- the clock of the deadline ---


def test_the_deadline_stands_still_while_a_former_version_waits_out_its_delay(a_blue_green: Build) -> None:
    world = a_blue_green(spec={"progressDeadlineSeconds": 10}).image("v2").run().image("bad").run()
    assert world.deadline("v1") is not None
    assert world.after(20).phase[0] == "Progressing"
    assert world.after(20).spec_size("v1") == 0
    assert world.phase[0] == "Progressing", "that was progress"
    assert world.after(12).phase[0] == "Degraded"


def test_the_deadline_stands_still_in_a_persons_pause(a_blue_green: Build) -> None:
    world = a_blue_green(spec={"progressDeadlineSeconds": 10}).image("bad").run().edit(paused=True).run()
    assert world.after(60).phase == ("Paused", "manually paused")
    world.edit(paused=False).run()
    assert world.phase[0] == "Progressing"
    assert world.after(12).phase[0] == "Degraded"


# --- Available, Completed, Healthy, Paused ---


def test_available_tells_minimum_availability_of_a_canary(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    assert row(world, "Available") == ("True", "AvailableReason", "Rollout has minimum availability")
    world.pods_up["v1"] = 9
    world.run()
    assert row(world, "Available") == ("False", "AvailableReason", "Rollout does not have minimum availability")


def test_available_tells_whether_the_active_version_is_complete(a_blue_green: Build) -> None:
    world = a_blue_green().image("bad").run()
    assert row(world, "Available")[0] == "True", "the new version does not count before the switch"
    world.pods_up["v1"] = 2
    assert row(world.run(), "Available")[0] == "False"


def test_completed_is_true_exactly_while_the_current_version_is_stable(a_rollout: Build, a_blue_green: Build) -> None:
    for world in (a_rollout([weight(20), PAUSE]), a_blue_green(**MANUAL)):
        assert row(world, "Completed") == ("True", "RolloutCompleted", "RolloutCompleted")
        assert row(world.image("v2").run(), "Completed") == ("False", "RolloutCompleted", "RolloutCompleted")
        assert row(world.client(**RESUME).run(), "Completed")[0] == "True"


def test_healthy_appears_with_the_first_health_and_turns_false_afterwards(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], deployed=False)
    world.pods_up["v1"] = 3
    assert world.run().condition("Healthy") is None
    world.pods_up["v1"] = 10
    assert row(world.run(), "Healthy") == ("True", "RolloutHealthy", "Rollout is healthy")
    assert row(world.image("v2").run(), "Healthy") == ("False", "RolloutHealthy", "Rollout is not healthy")


def test_healthy_of_a_blue_green_wants_both_services(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL).image("v2").run()
    assert world.condition("Healthy") == ("False", "RolloutHealthy")
    assert world.client(**RESUME).run().condition("Healthy") == ("True", "RolloutHealthy")


def test_paused_is_absent_until_the_first_pause_and_false_after_it(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL)
    assert world.condition("Paused") is None
    assert row(world.image("v2").run(), "Paused")[0] == "True"
    assert row(world.client(**RESUME).run(), "Paused") == ("False", "RolloutPaused", "Rollout is paused")


# --- ReplicaFailure ---


def test_a_failure_of_a_replica_set_is_copied_the_new_ones_first_and_goes_with_it(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    world.of("v1")["status"]["failure"] = ("True", "FailedCreate", "old")
    assert row(world.run(), "ReplicaFailure") == ("True", "FailedCreate", "old")
    world.of("v2")["status"]["failure"] = ("True", "FailedDelete", "new")
    assert row(world.run(), "ReplicaFailure") == ("True", "FailedDelete", "new")
    for tag in ("v1", "v2"):
        del world.of(tag)["status"]["failure"]
    assert world.run().condition("ReplicaFailure") is None


# --- the rule of setting ---


def test_a_condition_that_stays_the_same_keeps_its_times_and_its_text(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE])
    before = list(world.status["conditions"])
    world.after(100).edit(replicas=10).run()
    assert world.status["conditions"] == before


def test_a_condition_that_changes_moves_to_the_end(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).after(50)
    world.pods_up["v1"] = 9
    world.run()
    types = [c["type"] for c in world.status["conditions"]]
    assert types[0] == "Completed"
    assert times(world, "Available") == ("2026-01-01T00:00:50Z", "2026-01-01T00:00:50Z")
