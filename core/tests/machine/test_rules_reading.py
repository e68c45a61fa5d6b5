"""What a cluster hands back is read as it is meant: templates, selectors, hashes of steps, counts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from machine_world import PAUSE, RESUME, World, weight
from tidegate.api import names
from tidegate.api.steps import Step
from tidegate.machine.hashing import template_digest
from tidegate.machine.projections import replica_set_view
from tidegate.machine.selectors import selects
from tidegate.machine.step_hash import step_hash
from validation_rollouts import canary

Build = Callable[..., World]
Json = dict[str, Any]
TEMPLATE: Json = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}


def with_spec(**spec: Any) -> Json:
    """The template with more in its pod spec."""
    found = copy.deepcopy(TEMPLATE)
    found["spec"] |= spec
    return found


def test_a_zero_that_a_server_leaves_out_is_no_other_template() -> None:
    assert template_digest(with_spec(hostNetwork=False)) == template_digest(TEMPLATE)
    assert template_digest(with_spec(hostNetwork=True)) != template_digest(TEMPLATE)


def anti_affinity(key: str) -> Json:
    expression = {"key": key, "operator": "In", "values": ["x"]}
    term = {"labelSelector": {"matchExpressions": [expression]}, "topologyKey": "kubernetes.io/hostname"}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_only_the_controllers_own_anti_affinity_term_is_overlooked() -> None:
    assert template_digest(with_spec(affinity=anti_affinity(names.POD_HASH))) == template_digest(TEMPLATE)
    assert template_digest(with_spec(affinity=anti_affinity("app"))) != template_digest(TEMPLATE)


def test_a_replica_set_says_which_generation_its_controller_has_seen() -> None:
    view = replica_set_view(
        {"metadata": {"generation": 3}, "spec": {"template": TEMPLATE}, "status": {"observedGeneration": 2}}
    )
    assert (view.generation, view.observed_generation) == (3, 2)
    assert replica_set_view({"metadata": {"generation": 3}, "spec": {"template": TEMPLATE}}).observed_generation == 0


def test_a_selector_with_an_unknown_operator_matches_nothing() -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": "Near", "values": ["a"]}]}
    assert not selects(selector, {"app": "a"})


def test_a_false_field_of_a_template_reference_leaves_the_steps_the_same() -> None:
    def hashed(**reference: Any) -> str:
        analysis = {"templates": [{"templateName": "t", **reference}]}
        return step_hash([Step.model_validate({"analysis": analysis})])

    assert hashed(clusterScope=False) == hashed()
    assert hashed(clusterScope=True) != hashed()


@pytest.mark.parametrize(("grace", "wrong"), [(1, False), (0, True)])
def test_the_least_grace_period_of_a_probe_is_one_second(grace: int, wrong: bool) -> None:
    probe = {"exec": {"command": ["true"]}, "terminationGracePeriodSeconds": grace}
    containers = [{"name": "web", "image": "web:1", "livenessProbe": probe}]
    found = canary(spec={"template": {"spec": {"containers": containers}}})
    assert any("must be greater than 0" in text for text in found) == wrong


def test_entries_of_step_plugins_with_a_garbled_index_count_for_nothing(a_rollout: Build) -> None:
    world = a_rollout([weight(20), PAUSE, {"plugin": {"name": "example/gate"}}, PAUSE]).image("v2").run()
    garbled = [{"index": "2", "name": "example/gate"}, {"index": 9, "name": "example/gate"}, {"index": -1}]
    world.client(canary={"stepPluginStatuses": garbled}, **RESUME).run()
    assert (world.phase, world.status["currentStepIndex"]) == (("Paused", "CanaryPauseStep"), 3)
