"""Finished runs of the reference, measured again: the same phases give the same status, word for word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.api.analysis import Measurement

Build = Callable[..., Any]
RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())["runs"]


def shown(status: dict[str, Any]) -> dict[str, Any]:
    """A status without times, values and what a provider says of itself; results by name, as the reference's order is chance."""
    results = [
        {
            **{key: value for key, value in result.items() if key not in ("metadata", "measurements")},
            "measurements": [{k: m[k] for k in ("phase", "message") if k in m} for m in result["measurements"]],
        }
        for result in status.get("metricResults", [])
    ]
    kept: dict[str, Any] = {
        key: status[key] for key in ("phase", "message", "runSummary", "dryRunSummary") if key in status
    }
    return {**kept, "metricResults": sorted(results, key=lambda result: result["name"])}


@pytest.mark.parametrize("recorded", RECORDED, ids=[f"{r['scenario']}: {r['name']}" for r in RECORDED])
def test_a_recorded_run_comes_to_the_recorded_status(course: Build, recorded: dict[str, Any]) -> None:
    spec = dict(recorded["spec"])
    script = {r["name"]: [Measurement(**m) for m in r["measurements"]] for r in recorded["status"]["metricResults"]}
    terminated = spec.pop("terminate", False)
    run = course(spec.pop("metrics"), script, **spec)
    measured = sum(len(said) for said in script.values())
    if terminated:
        while sum(map(len, run.taken_at.values())) < measured:
            run.step()
            run.now = max(run.now, run.wake_at or run.now)
        run.spec["terminate"] = True
    run.play()
    assert shown(run.status) == recorded["status"]
