"""Finished Experiments of the reference, run again: the same pods and verdicts give the same status, word for word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.api.analysis import AnalysisTemplate
from tidegate.machine.analysis.templates import Library

Build = Callable[..., Any]
RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())["experiments"]
TIMES = ("lastTransitionTime", "lastUpdateTime")


def library(manifests: list[dict[str, Any]]) -> Library:
    found: dict[str, dict[str, AnalysisTemplate]] = {"AnalysisTemplate": {}, "ClusterAnalysisTemplate": {}}
    for manifest in manifests:
        found[manifest["kind"]][manifest["metadata"]["name"]] = AnalysisTemplate.read(manifest)
    return Library(found["AnalysisTemplate"], found["ClusterAnalysisTemplate"])


def shown(status: dict[str, Any]) -> dict[str, Any]:
    """A status without times."""
    kept: dict[str, Any] = {key: value for key, value in status.items() if key != "availableAt"}
    for part in ("templateStatuses", "conditions"):
        items = kept.get(part, [])
        kept[part] = [{key: value for key, value in item.items() if key not in TIMES} for item in items]
    return kept


@pytest.mark.parametrize("recorded", RECORDED, ids=[f"{r['scenario']}: {r['name']}" for r in RECORDED])
def test_a_recorded_experiment_comes_to_the_recorded_status(a_world: Build, recorded: dict[str, Any]) -> None:
    status = recorded["status"]
    world = a_world(recorded["spec"], library(recorded["templates"]), recorded["name"])
    failed = [t["name"] for t in status["templateStatuses"] if t["status"] == "Failed"]
    world.stuck = frozenset(f"{world.name}-{name}" for name in failed)
    world.settle()
    for run in status.get("analysisRuns", []):
        if run["analysisRun"] in world.runs:
            world.judge(run["analysisRun"], run["phase"], run.get("message", ""))
    assert shown(world.settle().wait(700).status) == shown(status)
