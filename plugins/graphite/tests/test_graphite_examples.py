"""The example is one that a run can work with, and the page shows it as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.analysis import AnalysisTemplate
from tidegate.hooks.configs import read_config
from tidegate.machine.expr.expression import compile_expression
from tidegate_graphite import Graphite

PLUGIN = Path(__file__).parent.parent


@pytest.fixture
def manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PLUGIN / "examples" / "template.yaml").read_text())
    return found


def test_the_example_has_no_faults_and_a_condition_that_can_be_read(manifest: dict[str, Any]) -> None:
    (metric,) = AnalysisTemplate.model_validate(manifest).spec.metrics
    compile_expression(metric.success_condition)
    ((key, given),) = metric.provider.items()
    assert key == Graphite.name
    configured = read_config(Graphite.config, key, given, "provider")
    assert configured.config is not None, configured.problems
    assert [*Graphite().check_metric(Graphite.config.model_validate(given), "provider")] == []


def test_the_page_shows_the_example(manifest: dict[str, Any]) -> None:
    block = (PLUGIN / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(block) == manifest
