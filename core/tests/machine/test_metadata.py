"""Ephemeral metadata of pods and anti-affinity between versions (specification 3.14, scenario E19)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.api import names
from tidegate.machine.actions import Action, EvictPod, PatchPod, PatchReplicaSet
from tidegate.machine.plan import Outcome, Result

Build = Callable[..., World]
NEXT: dict[str, Any] = {"labels": {"role": "next"}, "annotations": {"note": "new"}}
LIVE: dict[str, Any] = {"labels": {"role": "live"}}
MANUAL = {"autoPromotionEnabled": False}


def canary(build: Build, **more: Any) -> World:
    return build([weight(40), PAUSE], replicas=5, canaryMetadata=NEXT, stableMetadata=LIVE, **more)


def blue_green(build: Build, **more: Any) -> World:
    return build(previewMetadata=NEXT, activeMetadata=LIVE, **MANUAL, **more)


def roles(world: World, tag: str) -> set[tuple[str | None, str | None]]:
    """(label role, annotation note) of a version's pods."""
    return {(pod.labels.get("role"), pod.annotations.get("note")) for pod in world.pods_in(tag)}


def injected(world: World, tag: str) -> str | None:
    found = world.of(tag)["metadata"]["annotations"].get(names.EPHEMERAL_METADATA)
    return None if found is None else str(found)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_e19_pods_carry_the_metadata_of_their_role_and_keep_running(
    a_rollout: Build, a_blue_green: Build, strategy: str
) -> None:
    world = canary(a_rollout) if strategy == "canary" else blue_green(a_blue_green)
    assert roles(world, "v1") == {("live", None)}
    world.image("v2").run()
    assert roles(world, "v2") == {("next", "new")}
    assert roles(world, "v1") == {("live", None)}
    before = {pod.name for pod in world.pods_in("v2")}
    world.client(**RESUME).run()
    assert world.status["stableRS"] == world.hash("v2")
    assert roles(world, "v2") == {("live", None)}
    assert before <= {pod.name for pod in world.pods_in("v2")}
    assert not [call for call in world.calls if isinstance(call, EvictPod)]


def test_the_note_of_what_was_injected_is_compact_json(a_rollout: Build) -> None:
    world = canary(a_rollout).image("v2").run()
    assert injected(world, "v1") == '{"labels":{"role":"live"}}'
    assert injected(world, "v2") == '{"labels":{"role":"next"},"annotations":{"note":"new"}}'


def test_nothing_injected_leaves_no_note(a_rollout: Build) -> None:
    world = a_rollout([weight(40), PAUSE], replicas=5, canaryMetadata=NEXT).image("v2").run()
    assert injected(world, "v1") is None
    world.client(**RESUME).run()
    assert injected(world, "v2") is None
    assert roles(world, "v2") == {(None, None)}


def test_the_template_that_a_set_is_born_with_has_it_already(a_rollout: Build) -> None:
    world = canary(a_rollout).image("v2")
    world.step()
    assert world.of("v2")["spec"]["template"]["metadata"]["labels"]["role"] == "next"
    assert injected(world, "v2") == '{"labels":{"role":"next"},"annotations":{"note":"new"}}'


def test_keys_that_were_not_injected_are_never_touched(a_rollout: Build) -> None:
    world = canary(a_rollout)
    pod = world.pods_in("v1")[0]
    world.write(PatchPod(pod.name, pod.uid, {"team": "blue"}, {"seen": "yes"}))
    world.image("v2").run().client(**RESUME).run()
    world.strategy(stableMetadata={"labels": {"role": "main"}}).run()
    assert roles(world, "v2") == {("main", None)}
    for kept in world.pods_in("v2"):
        assert kept.labels["app"] == "demo"


def test_a_users_label_of_the_template_survives_when_injection_ends(a_rollout: Build) -> None:
    world = a_rollout([weight(40), PAUSE], replicas=5, canaryMetadata={"labels": {"role": "next"}})
    world.rollout["spec"]["template"]["metadata"]["labels"] = {"app": "demo", "tier": "web"}
    world.edited().run().client(**RESUME).run()
    assert {pod.labels["tier"] for s in world.sets.values() for pod in world.pods_of(s)} == {"web"}


def test_former_versions_lose_it(a_rollout: Build) -> None:
    world = canary(a_rollout, routed=True).image("v2").run().client(**RESUME).run()
    assert world.spec_size("v1") == 5
    assert roles(world, "v1") == {(None, None)}
    assert injected(world, "v1") is None


def test_edited_metadata_reaches_running_pods_and_starts_no_update(a_rollout: Build) -> None:
    world = canary(a_rollout)
    world.strategy(stableMetadata={"labels": {"role": "main"}, "annotations": None}).run()
    assert roles(world, "v1") == {("main", None)}
    assert len(world.sets) == 1
    assert world.phase == ("Healthy", "")
    assert not world.events


@pytest.mark.parametrize("done", range(8))
def test_a_crash_between_the_writes_leaves_nothing_that_is_not_repaired(a_rollout: Build, done: int) -> None:
    world = canary(a_rollout).image("v2").run().forget().client(**RESUME)
    counted = 0

    def crash(action: Action) -> Outcome | None:
        nonlocal counted
        if not isinstance(action, PatchPod | PatchReplicaSet):
            return None
        counted += 1
        return Outcome(action, Result.FAILED, message="crashed") if counted > done else None

    world.refuse = crash
    world.step()
    world.refuse = lambda _: None
    world.run()
    assert roles(world, "v2") == {("live", None)}
    assert injected(world, "v2") == '{"labels":{"role":"live"}}'
    assert world.of("v2")["spec"]["template"]["metadata"].get("annotations") in (None, {})


@pytest.mark.parametrize("done", range(7))
def test_a_crash_while_a_key_is_replaced_leaves_the_former_one_nowhere(a_rollout: Build, done: int) -> None:
    world = a_rollout([weight(40), PAUSE], replicas=5, stableMetadata={"labels": {"tier": "x"}}).forget()
    world.strategy(stableMetadata={"labels": {"tier": None, "role": "live"}})
    counted = 0

    def crash(action: Action) -> Outcome | None:
        nonlocal counted
        counted += 1
        return Outcome(action, Result.FAILED, message="crashed") if counted > done else None

    world.refuse = crash
    world.step()
    world.refuse = lambda _: None
    world.run()
    assert {(pod.labels.get("tier"), pod.labels.get("role")) for pod in world.pods_in("v1")} == {(None, "live")}
    assert injected(world, "v1") == '{"labels":{"role":"live"}}'


def test_a_pod_that_a_patch_did_not_reach_is_repaired_later(a_rollout: Build) -> None:
    world = canary(a_rollout)
    world.refuse = lambda action: Outcome(action) if isinstance(action, PatchPod) else None
    world.strategy(stableMetadata={"labels": {"role": "main"}})
    world.step()
    world.refuse = lambda _: None
    assert roles(world.run(), "v1") == {("main", None)}


def test_the_injected_note_is_read_back_as_the_same_template(a_rollout: Build) -> None:
    world = canary(a_rollout).image("v2").run()
    assert json.loads(injected(world, "v2") or "{}")["labels"] == {"role": "next"}
    world.status["currentPodHash"] = world.hash("v2")
    assert world.forget().run().writes == 0
    assert len(world.sets) == 2


# --- anti-affinity ---

REQUIRED: dict[str, Any] = {"antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}
PREFERRED: dict[str, Any] = {"antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 7}}}


def rules(world: World, tag: str) -> dict[str, Any]:
    affinity = world.of(tag)["spec"]["template"]["spec"].get("affinity") or {}
    found = affinity.get("podAntiAffinity") or {}
    assert isinstance(found, dict)
    return found


def term(pod_hash: str) -> dict[str, Any]:
    expression = {"key": names.POD_HASH, "operator": "In", "values": [pod_hash]}
    return {
        "labelSelector": {"matchExpressions": [expression]},
        "namespaces": ["shop"],
        "topologyKey": "kubernetes.io/hostname",
    }


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_a_new_version_is_kept_away_from_the_stable_one(a_rollout: Build, a_blue_green: Build, strategy: str) -> None:
    world = a_rollout([weight(20), PAUSE], **REQUIRED) if strategy == "canary" else a_blue_green(**MANUAL, **REQUIRED)
    assert not rules(world, "v1"), "nobody to be kept away from"
    world.image("v2").run()
    assert rules(world, "v2") == {"requiredDuringSchedulingIgnoredDuringExecution": [term(world.hash("v1"))]}
    world.client(**RESUME).run()
    assert world.phase == ("Healthy", "")
    assert len(world.sets) == 2


def test_a_preference_has_its_weight(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], **PREFERRED).image("v2").run()
    preferred = {"weight": 7, "podAffinityTerm": term(world.hash("v1"))}
    assert rules(world, "v2") == {"preferredDuringSchedulingIgnoredDuringExecution": [preferred]}


def test_a_users_own_terms_stay_beside_it(a_rollout: Build) -> None:
    own = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "zone"}
    world = a_rollout([weight(20), PAUSE], **REQUIRED)
    world.rollout["spec"]["template"]["spec"]["affinity"] = {
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [own]}
    }
    world.image("v2").run()
    assert rules(world, "v2")["requiredDuringSchedulingIgnoredDuringExecution"] == [own, term(world.hash("v1"))]


def test_the_term_follows_when_another_version_became_stable(a_blue_green: Build) -> None:
    world = a_blue_green(**MANUAL, **REQUIRED).image("v2").run()
    world.client(**RESUME).run().image("v3").run()
    assert rules(world, "v3")["requiredDuringSchedulingIgnoredDuringExecution"] == [term(world.hash("v2"))]
    world.image("v1").run()
    assert rules(world, "v1")["requiredDuringSchedulingIgnoredDuringExecution"] == [term(world.hash("v2"))]


def test_the_term_is_not_part_of_what_makes_a_version(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE], **REQUIRED).image("v2").run()
    world.strategy(antiAffinity=None).run()
    assert len(world.sets) == 2
    assert world.phase == ("Paused", "CanaryPauseStep")
