"""What lint says of templates, runs and Experiments, and of the analyses that a Rollout asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from click.testing import Result

Run = Callable[..., Result]

GOOD = {
    "name": "m",
    "provider": {"job": {"spec": {"template": {"spec": {"containers": [], "restartPolicy": "Never"}}}}},
}


def manifest(kind: str, name: str = "it", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def rollout() -> dict[str, Any]:
    pods = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "main", "image": "a:1"}]}}
    steps = [{"analysis": {"templates": [{"templateName": "it"}]}}]
    return manifest(
        "Rollout",
        "web",
        replicas=1,
        selector={"matchLabels": {"app": "a"}},
        template=pods,
        strategy={"canary": {"steps": steps}},
    )


def linted(run: Run, *manifests: dict[str, Any]) -> tuple[int, str]:
    result = run("lint", "-f", "-", stdin=yaml.safe_dump_all(manifests))
    return result.exit_code, result.stdout


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"metrics": [{**GOOD, "count": 2}]}, "interval must be specified when count > 1"),
        ({"metrics": [{**GOOD, "intervall": "1m"}]}, 'did you mean "interval"?'),
        ({"metrics": [GOOD, GOOD], "args": [{"name": "a", "value": "1", "valueFrom": {}}]}, "both Value and ValueFrom"),
        ({"metrics": [{"name": "m", "provider": {"barometer": {}}}]}, 'metric provider "barometer"'),
        ({"metrics": [{"name": "m"}]}, "no provider specified"),
        ({"metrics": "none"}, "metrics: Input should be a valid list"),
        ({}, "no metrics specified"),
    ],
    ids=["count", "typo", "both", "provider", "without", "type", "empty"],
)
def test_a_template_that_cannot_work_is_told(run: Run, spec: dict[str, Any], said: str) -> None:
    code, output = linted(run, manifest("AnalysisTemplate", **spec))
    assert code == 1
    assert "AnalysisTemplate it: " in output
    assert said in output


def test_a_template_with_arguments_in_place_of_numbers_is_fine(run: Run) -> None:
    metric = {**GOOD, "count": "{{args.count}}", "interval": "{{args.gap}}"}
    spec: dict[str, Any] = {"metrics": [metric], "args": [{"name": "count"}, {"name": "gap"}]}
    assert linted(run, manifest("AnalysisTemplate", **spec)) == (0, "0 Rollouts checked, 0 problems\n")


def test_a_run_without_the_value_of_an_argument_is_told(run: Run) -> None:
    code, output = linted(run, manifest("AnalysisRun", metrics=[GOOD], args=[{"name": "host"}]))
    assert code == 1
    assert 'argument "host" was not supplied' in output


def test_an_experiment_is_checked_with_the_templates_beside_it(run: Run) -> None:
    analyses = [{"name": "a", "templateName": "other"}]
    part = {"name": "t", "selector": {"matchLabels": {"app": "a"}}, "template": {}}
    found = manifest("Experiment", templates=[part], analyses=analyses)
    assert linted(run, found)[0] == 0
    code, output = linted(run, found, manifest("AnalysisTemplate", metrics=[GOOD]))
    assert code == 1
    assert "AnalysisTemplate 'other' not found" in output
    assert "has no templates" in linted(run, manifest("Experiment"))[1]


def test_a_rollout_is_checked_with_the_templates_beside_it(run: Run) -> None:
    assert linted(run, rollout())[0] == 0
    assert linted(run, rollout(), manifest("AnalysisTemplate", metrics=[GOOD]))[0] == 0
    code, output = linted(run, rollout(), manifest("AnalysisTemplate", "other", metrics=[GOOD]))
    assert code == 1
    assert "AnalysisTemplate 'it' not found" in output
    endless = manifest("AnalysisTemplate", metrics=[{**GOOD, "interval": "1m"}])
    assert "AnalysisTemplate it has metric m which runs indefinitely" in linted(run, rollout(), endless)[1]
