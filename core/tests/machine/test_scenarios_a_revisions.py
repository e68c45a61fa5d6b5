"""Which ReplicaSets are ours and which go. Ids are those of the specification's scenarios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.api import names
from tidegate.machine.plan import Outcome, Result
from tidegate.machine.rollout.case import Case

Build = Callable[..., Any]
PAUSE: dict[str, Any] = {"pause": {}}


def weight(value: int) -> dict[str, int]:
    return {"setWeight": value}


def tags(world: Any) -> set[str]:
    """The images of all ReplicaSets, by their tag."""
    images = (s["spec"]["template"]["spec"]["containers"][0]["image"] for s in world.sets.values())
    return {image.partition(":")[2] for image in images}


def test_a23_history_is_trimmed_from_its_old_end_where_no_pod_is_left(a_rollout: Build) -> None:
    world = a_rollout([])
    for tag in ("v2", "v3", "v4", "v5", "v6"):
        world.image(tag).run()
    assert len(world.sets) == 6
    world.of("v1")["spec"]["replicas"] = 1
    world.edit(revisionHistoryLimit=2).step()
    assert tags(world) == {"v1", "v4", "v5", "v6"}
    world.run()
    assert tags(world) == {"v4", "v5", "v6"}, "the oldest goes once its pod is gone"


def test_a24_an_orphan_with_our_labels_is_adopted(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    former = world.of("v1")
    former["metadata"]["ownerReferences"] = []
    world.forget().run()
    assert former["metadata"]["ownerReferences"] == [{"uid": "u-1"}]
    assert world.pair() == (2, 8)
    assert not world.events


def test_a24_an_orphan_without_the_hash_label_is_left_alone(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run().image("v3").run()
    former = world.of("v2")
    former["metadata"]["ownerReferences"] = []
    del former["metadata"]["labels"][names.POD_HASH]
    former["spec"]["replicas"] = 3
    world.run()
    assert former["metadata"]["ownerReferences"] == []
    assert former["spec"]["replicas"] == 3


def test_a24_a_set_of_another_controller_is_ignored_whatever_it_runs(a_rollout: Build) -> None:
    world = a_rollout([])
    world.image("v2").run()
    foreign = world.of("v1")
    foreign["metadata"]["ownerReferences"] = [{"uid": "u-other"}]
    foreign["metadata"] |= {"name": "elsewhere", "uid": "uid-elsewhere"}
    world.sets = {s["metadata"]["name"]: s for s in world.sets.values()}
    foreign["spec"]["replicas"] = 3
    world.image("v1").run()
    assert foreign["spec"]["replicas"] == 3
    assert foreign["metadata"]["ownerReferences"] == [{"uid": "u-other"}]
    assert world.phase == ("Healthy", "")
    assert len(world.sets) == 3


@pytest.mark.parametrize("labelled", [True, False], ids=["with the hash label", "without the hash label"])
def test_a25_a_taken_name_is_a_collision_and_another_is_found(a_rollout: Build, labelled: bool) -> None:
    world = a_rollout([])
    names_before = set(world.sets)
    world.refuse = lambda action: (
        Outcome(action, Result.COLLIDED)
        if type(action).__name__ == "CreateReplicaSet" and action.name in world.sets
        else None
    )
    world.image("v2")
    pod_hash = Case.of(world.seen()).sets.wanted_hash
    foreign: dict[str, Any] = {
        "metadata": {
            "name": f"demo-{pod_hash}",
            "uid": "uid-foreign",
            "version": 1,
            "created": world.now,
            "labels": {"app": "demo", **({names.POD_HASH: pod_hash} if labelled else {})},
            "annotations": {},
            "ownerReferences": [{"uid": "u-other"}] if labelled else [],
        },
        "spec": {
            "replicas": 2,
            "template": {"metadata": {}, "spec": {"containers": [{"name": "app", "image": "app:foreign"}]}},
        },
        "status": {"replicas": 2, "available": 2},
    }
    world.sets[f"demo-{pod_hash}"] = foreign
    world.step()
    assert world.status["collisionCount"] == 1
    assert set(world.sets) == {*names_before, f"demo-{pod_hash}"}
    world.run()
    assert len(world.sets) == 3
    assert world.status["currentPodHash"] not in ("", pod_hash)
    assert world.phase == ("Healthy", "")
    assert (foreign["spec"]["replicas"], foreign["metadata"]["uid"]) == (2, "uid-foreign")


def test_a26_a_set_with_an_unknown_hash_and_our_template_is_ours(a_rollout: Build) -> None:
    world = a_rollout([weight(20)])
    only = world.of("v1")
    for labels in (only["metadata"]["labels"], only["spec"]["template"]["metadata"]["labels"]):
        labels[names.POD_HASH] = "6d9bc8"
    world.client(currentPodHash="6d9bc8", stableRS="6d9bc8").forget().edited().run()
    assert len(world.sets) == 1
    assert not world.calls
    assert not world.events
    assert world.writes == 1
    assert world.status["observedGeneration"] == str(world.rollout["metadata"]["generation"])
    assert (world.phase, world.status["currentPodHash"]) == (("Healthy", ""), "6d9bc8")


def test_a26_of_several_equal_sets_the_current_one_wins(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE]).image("v2").run()
    twin = dict(world.of("v2"))
    labels = {**twin["metadata"]["labels"], names.POD_HASH: "7744dd"}
    twin["metadata"] = {**twin["metadata"], "name": "demo-7744dd", "uid": "uid-twin", "labels": labels}
    twin["metadata"]["annotations"] = {**twin["metadata"]["annotations"], names.REVISION: "1"}
    twin["spec"] = {**twin["spec"], "replicas": 0}
    world.sets["demo-7744dd"] = twin
    world.forget().run()
    assert world.pair() == (2, 8)
    assert not world.events
    assert not world.writes
