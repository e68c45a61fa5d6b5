"""`tidegate lint`: everything that is wrong with a file, unknown fields included."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from click.testing import Result

Run = Callable[..., Result]
LABELS = {"app": "web"}


def rollout(strategy: dict[str, Any], **spec: Any) -> str:
    """A Rollout `web` as YAML."""
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    own = {} if "workloadRef" in spec else {"selector": {"matchLabels": LABELS}, "template": template}
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}}
    return yaml.safe_dump({**kind, "spec": {**own, "strategy": strategy, **spec}})


def linted(run: Run, text: str) -> list[str]:
    """What lint says of a document, without the place."""
    result = run("lint", "-f", "-", "-o", "json", stdin=text)
    found = [problem["message"] for problem in json.loads(result.stdout)["problems"]]
    assert result.exit_code == (1 if found else 0)
    return found


def test_every_problem_is_told_and_the_first_is_the_controllers(run: Run) -> None:
    steps: list[dict[str, Any]] = [{"setWeight": 200}, {}]
    found = linted(run, rollout({"canary": {"steps": steps}}, replicas=-1, minReadySeconds=-1))
    assert [text.partition(":")[0] for text in found] == [
        "spec.replicas",
        "spec.minReadySeconds",
        "spec.strategy.steps[0].setWeight",
        "spec.strategy.steps[1]",
    ]


@pytest.mark.parametrize(
    ("strategy", "spec", "expected"),
    [
        ({"canary": {}}, {"stratgy": {}}, 'spec.stratgy: Unknown field: it would be dropped; did you mean "strategy"?'),
        (
            {"canary": {"steps": [{"pause": {"durration": "5s"}}]}},
            {},
            "spec.strategy.canary.steps[0].pause.durration: Unknown field: it would be dropped; "
            'did you mean "duration"?',
        ),
        (
            {"blueGreen": {"activeService": "a", "autoPromotionEnable": False}},
            {},
            "spec.strategy.blueGreen.autoPromotionEnable: Unknown field: it would be dropped; "
            'did you mean "autoPromotionEnabled"?',
        ),
        (
            {"canary": {"steps": [{"pause": {"x": 1}}]}},
            {},
            "spec.strategy.canary.steps[0].pause.x: Unknown field: it would be dropped; known are duration",
        ),
    ],
    ids=["spec", "in a step", "in a strategy", "like none"],
)
def test_an_unknown_field_is_told_with_the_one_that_was_meant(
    run: Run, strategy: dict[str, Any], spec: dict[str, Any], expected: str
) -> None:
    assert linted(run, rollout(strategy, **spec)) == [expected]


def test_a_key_under_traffic_routing_is_a_router_and_no_unknown_field(run: Run) -> None:
    canary = {"canaryService": "a", "stableService": "b", "trafficRouting": {"mesh": {}}}
    (found,) = linted(run, rollout({"canary": canary}))
    assert found.startswith("spec.strategy.canary.trafficRouting.mesh: Invalid value:")


def test_every_wrong_type_is_told(run: Run) -> None:
    found = linted(run, rollout({"canary": {"steps": "all"}}, replicas="five"))
    assert [text.partition(":")[0] for text in found] == ["spec.replicas", "spec.strategy.canary.steps"]


def test_a_workload_is_missed_only_among_workloads(run: Run) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "legacy"}
    alone = rollout({"canary": {}}, workloadRef=reference)
    other = yaml.safe_dump({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other"}})
    assert linted(run, alone) == []
    assert linted(run, f"{alone}\n---\n{other}") == ['deployments.apps "default/legacy" not found']
